#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
The verbs of everyday care for a region: follow, verify, reload, peer remove, explain, and that a
dry run of anything changes nothing

Each test's name says what is true. The last line is the tally.
"""
import json
import os
import re
import signal
import subprocess
import unittest

import region as kith
from control_client import Problem
from kithformat import change_pb, record_pb


def ask(region, **request):
    with region.client() as c:
        return c.ask(**request)


def notes_of(region, record):
    try:
        return sorted(e.text for r in ask(region, verb='record timeline', record=record)
                      for e in r.entries if e.kind == 'note')
    except Problem:
        return []


def new_record(region, *notes):
    record = region.ctl('record', 'new', json=True)['made']['record']
    for note in notes:
        region.ctl('record', 'append', record, '--note', note)
    return record


def figures(region):
    """What a change would change: commits counts every turn that wrote anything."""
    s = region.status()
    return s.changes, s.commits, s.records, s.peers


class Base(kith.Case):
    def fill(self, region, record, n):
        """So many notes, each a number, all of them under way at once."""
        with region.client() as c:
            for i in range(n):
                c.start(verb='record append', record=record, worker='jo',
                        entries=[record_pb.Entry(kind=1, text=f'{i}')])
            for i in range(n):
                self.assertFalse(c.receive().HasField('problem'))

    def region(self, name='north', **more):
        return self.f.region(name, port=kith.free_port(), **more)


class Explained(unittest.TestCase):
    def explain(self, *args):
        done = subprocess.run([kith.program('kithctl'), 'explain', *args], text=True, timeout=30,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
        return done.returncode, done.stdout, done.stderr

    def test_a_name_a_number_and_a_rule_of_a_return_are_explained_without_a_kithd(self):
        for what, word in (('record-unknown', 'kithctl record list'), ('signature-wrong', 'P3.1'),
                           ('E3', 'another authority'), ('no-placement', 'no placement'),
                           ('148', 'DEC and REC'), ('k02', 'more cells')):
            status, out, _ = self.explain(what)
            self.assertEqual(status, 0, what)
            self.assertIn(word, out)

    def test_a_number_that_means_several_things_shows_all_of_them(self):
        everything = json.loads(self.explain('--json', '1')[1])['explained']
        self.assertEqual({e['kind'] for e in everything},
                         {'problem', 'reason of an offer', 'code of a refusal',
                          'reason of guardians', 'refusal of a request'})

    def test_without_an_argument_all_problems_and_verdicts_are_there(self):
        got = {e.get('name') for e in json.loads(self.explain('--json')[1])['explained']}
        for table, word in (('control', 'PROBLEM'), ('verdicts', 'VERDICT'),
                            ('reasons', 'DECLINE')):
            path = os.path.join(kith.HERE, '..', '..', 'include', 'kith', f'{table}.def')
            with open(path, encoding='utf-8') as f:
                names = re.findall(rf'^{word}\((?:\w+,\s*)+"([^"]+)"', f.read(), re.M)
            self.assertGreater(len(names), 10)
            self.assertEqual(set(names) - got, set())

    def test_every_code_has_a_cause_and_what_to_do_and_none_means_another_reason(self):
        everything = json.loads(self.explain('--json')[1])['explained']
        for e in everything:
            if e['kind'] in ('problem', 'verdict', 'code of a refusal'):
                self.assertGreater(len(e['text']), 10, e)
                self.assertGreater(len(e['next']), 10, e)
            self.assertNotIn(e.get('name'), ('other', 'unexpected', 'unknown', 'error', 'refused'))

    def test_what_nothing_is_called_is_said_with_the_next_step(self):
        status, _, err = self.explain('nonsense')
        self.assertEqual(status, 1)
        self.assertIn('next: kithctl explain', err)


class Followed(Base):
    def lines(self, region, *args):
        return [json.loads(x) for x in
                region.ctl('--json', 'follow', '--once', *args).splitlines()]

    def numbers(self, region, *args):
        return [x['number'] for x in self.lines(region, *args) if 'number' in x]

    def test_every_change_comes_once_in_order_and_after_a_number_the_rest(self):
        north = self.region().start_kithd()
        record = new_record(north, 'a', 'b')
        changes = north.status().changes
        self.assertEqual(self.numbers(north), list(range(1, changes + 1)))
        self.assertEqual(self.numbers(north, '--after', str(changes - 1)), [changes])
        first = self.lines(north)[0]
        self.assertEqual((first['kind'], first['record'], first['region'], first['epoch']),
                         ('control genesis', record, 'north', 0))
        self.assertGreater(first['recorded_ms'], 1600000000000)
        self.assertNotIn('text', str(self.lines(north)))
        self.assertEqual(self.lines(north, '--after', str(changes)), [{'through': changes}])

    def test_filters_let_through_what_they_name_and_still_tell_how_far_it_was(self):
        north = self.region().start_kithd()
        one, two = new_record(north, 'a'), new_record(north, 'b')
        everything = self.lines(north)
        for args, true in (((one,), lambda x: x['record'] == one),
                           (('--control',), lambda x: x['kind'].startswith('control')),
                           (('--sealed', two),
                            lambda x: x['kind'] == 'sealed' and x['record'] == two),
                           (('--peer', 'north'), lambda x: True)):
            got = self.numbers(north, *args)
            self.assertEqual(got, [x['number'] for x in everything if true(x)], args)
            self.assertTrue(got)
        nobody = '00' * 16
        self.assertEqual(self.lines(north, '--peer', nobody),
                         [{'through': north.status().changes}])

    def test_following_leaves_no_trace_in_the_record(self):
        north = self.region().start_kithd()
        new_record(north, 'a')
        before = north.status().changes
        self.lines(north)
        self.assertEqual(north.status().changes, before)

    def test_who_stands_hears_of_a_change_when_it_is_committed_and_resumes_over_a_crash(self):
        north = self.region().start_kithd()
        record = new_record(north)
        with north.client() as c:
            replies = c.replies(c.start(verb='follow', after=0, follow=True))
            seen = [f.number for f in next(replies).followed]
            self.assertEqual(seen, [1])
            with north.client() as other:
                other.ask(verb='record append', record=record, worker='jo',
                          entries=[record_pb.Entry(kind=1, text='x')])
            seen += [f.number for f in next(replies).followed]
            self.assertEqual(seen, [1, 2])
        north.kill()
        north.start_kithd()
        north.ctl('record', 'append', record, '--note', 'y')
        with north.client() as c:
            replies = c.replies(c.start(verb='follow', after=2, follow=True))
            self.assertEqual([f.number for f in next(replies).followed], [3])

    def test_a_long_past_comes_whole_while_others_are_served(self):
        north = self.region().start_kithd()
        record = new_record(north)
        self.fill(north, record, 1500)
        self.assertEqual(self.numbers(north), list(range(1, 1502)))
        with north.client() as c:
            replies = c.replies(c.start(verb='follow', follow=True))
            first = [f.number for f in next(replies).followed]
            self.assertLessEqual(len(first), 500)
            self.assertEqual(north.status().name, 'north')
            while len(first) < 1501:
                first += [f.number for f in next(replies).followed]
            self.assertEqual(first, list(range(1, 1502)))

    def test_what_cannot_be_followed_is_refused_by_name(self):
        north = self.region().start_kithd()
        with north.client() as c:
            for wrong, problem in (({'after': 1}, 'argument-wrong'), ({'kind': 'x'}, 'argument-wrong'),
                                   ({'record': 'abcdef'}, 'record-unknown'),
                                   ({'peer': 'nowhere'}, 'peer-unknown')):
                with self.assertRaises(Problem) as refused:
                    c.ask(verb='follow', **wrong)
                self.assertEqual(refused.exception.problem.name, problem)
            for _ in range(16):
                c.start(verb='follow', follow=True)
            with self.assertRaises(Problem) as refused:
                c.ask(verb='follow')
            self.assertEqual(refused.exception.problem.name, 'busy')
        with north.client() as c:  # who went has left room
            c.ask(verb='follow')


class Audited(Base):
    def test_who_asked_what_is_found_by_record_and_user_and_outlives_kithd(self):
        north = self.region().start_kithd()
        record = new_record(north)
        north.ctl('record', 'show', record, '--worker-id', 'Ann', '--role', 'nurse',
                  '--purpose', 'a visit')
        north.ctl('record', 'list')
        north.run_ctl('record', 'show', '340/99')
        north.stop_kithd(signal.SIGKILL)
        north.start_kithd()
        rows = north.ctl('audit', json=True)['audit']
        self.assertEqual([r['verb'] for r in rows],
                         ['record new', 'record show', 'record list', 'record show'])
        self.assertEqual([r.get('record') for r in rows], [record, record, None, None])
        self.assertEqual((rows[1]['worker'], rows[1]['role'], rows[1]['purpose']),
                         ('Ann', 'nurse', 'a visit'))
        self.assertEqual((rows[3]['about'], rows[3]['problem']), ('340/99', 'record-unknown'))
        self.assertTrue(all(r['user'].startswith(f'uid {os.getuid()}') for r in rows))
        mine = north.ctl('audit', '--record', record, '--user', str(os.getuid()), json=True)
        self.assertEqual(len(mine['audit']), 2)
        self.assertEqual(north.ctl('audit', '--user', 'nobody-here', json=True)['audit'], [])
        self.assertEqual(north.ctl('audit', '--since', '2199-01-01', json=True)['audit'], [])
        self.assertIn('a visit', north.ctl('audit', '--limit', '2'))
        self.assertEqual(north.run_ctl('audit', '--since', 'soon').status, 2)


class Reloaded(Base):
    def configure(self, region, options):
        region.options = options
        region.write_config()

    def refused(self, region, problem):
        done = region.run_ctl('--socket', region.control, 'reload')
        self.assertEqual(done.status, 1, done.out + done.err)
        self.assertIn(f'{problem}:', done.err)
        return done.err

    def test_what_may_change_is_in_force_when_the_reply_comes(self):
        north = self.region().start()
        self.configure(north, 'log_level = debug')
        self.assertIn('log_level', north.ctl('reload', '--dry-run'))
        new_record(north)
        self.assertFalse([x for x in north.kithd.lines if 'makes ' in x])
        self.assertIn('log_level', north.ctl('reload'))
        new_record(north)
        north.kithd.wait_line('makes ')
        self.assertIn('nothing has changed', north.ctl('reload'))
        self.configure(north, 'log_level = debug\naudit_keep = "30 days"\nquota_peer = 1GiB')
        self.assertIn('quota_peer, audit_keep', north.ctl('reload'))

        north.port = kith.free_port()
        north.endpoint = f'tcp://127.0.0.1:{north.port}'
        self.configure(north, 'log_level = debug')
        self.assertIn('listen', north.ctl('reload'))
        north.link.wait_line(f'listening on {north.endpoint}')
        kith.wait_for(lambda: north.status().listening == north.endpoint, 10, 'it listens there')

    def test_a_link_that_comes_after_a_reload_is_told_where_to_listen(self):
        north = self.region().start()
        self.configure(north, 'log_level = debug')
        north.ctl('reload')
        north.stop_link()
        north.start_link()
        kith.wait_for(lambda: north.status().listening == north.endpoint, 10, 'it listens there')

    def test_what_needs_a_restart_is_refused_with_file_and_line_and_all_stays(self):
        north = self.region().start_kithd()
        before = figures(north)
        self.configure(north, 'log_level = debug\nmap_size = 512MiB')
        said = self.refused(north, 'needs-restart')
        self.assertRegex(said, r'kithd\.conf:\d+: map_size has changed and needs a restart')
        new_record(north)
        self.assertFalse([x for x in north.kithd.lines if 'makes ' in x], 'log_level was taken')
        self.configure(north, 'log_level = debug')
        north.ctl('reload')
        self.assertEqual(figures(north)[3], before[3])

    def test_a_broken_file_is_refused_with_file_and_line_and_all_stays(self):
        north = self.region().start_kithd()
        self.configure(north, 'log_level = debug\nlisten = nonsense')
        self.assertRegex(self.refused(north, 'configuration-refused'), r'kithd\.conf:\d+: listen')
        os.mkdir(f'{north.config}.d')
        self.configure(north, '')
        with open(f'{north.config}.d/late.conf', 'w', encoding='utf-8') as f:
            f.write('# a drop-in\nkeys = "/elsewhere"\n')
        self.assertRegex(self.refused(north, 'needs-restart'), r'late\.conf:2: keys has changed')
        os.unlink(f'{north.config}.d/late.conf')
        os.unlink(north.config)
        self.refused(north, 'configuration-refused')


def flip(path, where, at):
    """One bit of one byte of the .where bytes, wherever they lie in the file."""
    with open(path, 'r+b') as f:
        data = f.read()
        places = [m.start() for m in re.finditer(re.escape(where), data)]
        assert places, 'the bytes are not in the file'
        for p in places:
            f.seek(p + at)
            f.write(bytes([data[p + at] ^ 1]))


class Verified(Base):
    def verify(self, region):
        done = region.run_ctl('--json', 'verify')
        return done.status, json.loads(done.out)['verified'], done.err

    def export(self, region, record):
        replies = ask(region, verb='record export', record=record, worker='jo')
        return change_pb.Export.FromString(b''.join(r.data for r in replies))

    def test_a_sound_store_is_found_sound_and_everything_was_looked_at(self):
        a, b = self.region('north').start(), self.region('south').start()
        kith.introduce(a, b)
        record = new_record(a, 'one', 'two')
        a.ctl('move', 'offer', record, '--to', 'south', '--reason', 'E3')
        kith.wait_for(lambda: notes_of(b, record) == ['one', 'two'], 20, 'the record has come')
        for region in (a, b):
            status, got, err = self.verify(region)
            self.assertEqual((status, got['damaged'], got['faults']), (0, 0, 0), err)
            self.assertGreaterEqual(got['changes'], 5)
        self.assertEqual(self.verify(b)[1]['chains'], 2)

    def test_a_flipped_bit_of_a_body_is_found_named_and_exits_with_1(self):
        north = self.region().start_kithd()
        record = new_record(north, 'a first note', 'a second one', 'a third one')
        body = self.export(north, record).changes[1].body
        north.stop_kithd()
        flip(os.path.join(north.state, 'store', 'data', 'data.mdb'), body, len(body) // 2)
        north.start_kithd()
        status, got, err = self.verify(north)
        self.assertEqual(status, 1)
        self.assertEqual(got['damaged'], 1)
        self.assertIn('log', got['damaged_row'])
        self.assertEqual(got['first'][0]['record'], record)
        self.assertTrue(got['first'][0]['place'].endswith('/2'))
        self.assertEqual(got['first'][0]['rule'], 'P2.6')
        self.assertIn('next:', err)
        self.assertEqual(north.status().name, 'north')

    def test_others_are_served_meanwhile_and_only_one_is_carried_out_at_a_time(self):
        north = self.region().start_kithd()
        record = new_record(north)
        self.fill(north, record, 1500)
        with north.client() as c, north.client() as other:
            first = c.start(verb='verify')
            with self.assertRaises(Problem) as refused:
                other.ask(verb='verify')
            self.assertEqual(refused.exception.problem.name, 'busy')
            other.ask(verb='record append', record=record, worker='jo',
                      entries=[record_pb.Entry(kind=1, text='meanwhile')])
            replies = list(c.replies(first))
            self.assertEqual(replies[-1].verified.faults, 0)
            self.assertGreaterEqual(replies[-1].verified.changes, 1501)
            other.start(verb='verify')  # and goes before it is done
        kith.wait_for(lambda: north.run_ctl('verify').status == 0, 20, 'it can be asked again')
        with north.client() as c:
            c.start(verb='verify')
            self.assertEqual(north.stop_kithd(), 0)  # does not wait for its end


class Removed(Base):
    def pair(self):
        a, b = self.region('north').start(), self.region('south').start()
        kith.introduce(a, b)
        return a, b

    def share(self, a, b, *notes):
        record = new_record(a, *notes)
        a.ctl('move', 'offer', record, '--to', b.name, '--reason', 'E3')
        kith.wait_for(lambda: notes_of(b, record) == sorted(notes), 20, 'the record has come')
        return record

    def test_a_removed_peer_is_gone_and_gets_everything_when_it_is_added_again(self):
        north, south = self.pair()
        records = [self.share(north, south, f'note {i}') for i in range(3)]
        would = north.ctl('peer', 'remove', 'south', '--dry-run', json=True)['made']
        self.assertEqual((would['records'], would['dry_run']), (3, True))
        self.assertIn('south', north.peers())

        said = north.ctl('peer', 'remove', 'south', '--yes')
        self.assertIn('3 records', said)
        self.assertEqual(north.peers(), {})
        north.link.wait_line('no peer any more')
        circle = [c.name for r in ask(north, verb='circle', record=records[0]) for c in r.circle]
        self.assertIn('south', circle)
        for i, record in enumerate(records):
            north.ctl('record', 'append', record, '--note', f'meanwhile {i}')
        north.restart()
        self.assertEqual(north.peers(), {})

        # More comes into its new feed than it ever had of the old one, before it asks.
        card = os.path.join(south.dir, 'card')
        south.ctl('region', 'card', '--out', card)
        south.stop()
        north.ctl('peer', 'add', card, '--yes')
        with north.client() as c:
            for i in range(40):
                c.ask(verb='record append', record=records[2], worker='jo',
                      entries=[record_pb.Entry(kind=1, text=f'later {i}')])
        south.start()
        north.wait_live(south)
        for i, record in enumerate(records):
            kith.wait_for(lambda r=record, i=i: f'meanwhile {i}' in notes_of(south, r), 20,
                          'what was written meanwhile has come')
        late = self.share(north, south, 'after that')
        self.assertEqual(notes_of(south, late), ['after that'])

    def test_a_long_feed_goes_by_and_by_also_over_a_crash(self):
        north, south = self.pair()
        record = self.share(north, south)
        card = os.path.join(south.dir, 'card')
        south.ctl('region', 'card', '--out', card)
        south.stop()
        self.fill(north, record, 1200)
        with north.client() as c:
            c.ask(verb='peer remove', peer='south')
            north.kill()
        north.start_kithd()

        def added():
            done = north.run_ctl('peer', 'add', card, '--yes')
            self.assertTrue(done.status == 0 or 'busy:' in done.err, done.err)
            return done.status == 0
        kith.wait_for(added, 10, 'it can be added again')
        south.start()
        kith.wait_for(lambda: len(notes_of(south, record)) == 1200, 20, 'all has come')

    def test_nobody_to_ask_and_an_unknown_peer_are_refused(self):
        north, south = self.pair()
        done = north.run_ctl('peer', 'remove', 'south')
        self.assertEqual(done.status, 1)
        self.assertIn('--yes', done.err)
        self.assertIn('south', north.peers())
        done = north.run_ctl('peer', 'remove', 'nowhere', '--yes')
        self.assertEqual(done.status, 1)
        self.assertIn('peer-unknown', done.err)
        del south


class DryRuns(Base):
    def test_no_verb_changes_anything_in_a_dry_run_and_each_says_what_it_would_do(self):
        north, south = self.region('north').start(), self.region('south').start()
        east = self.region('east').start_kithd()
        kith.introduce(north, south)
        mine, offered, shared, coming = (new_record(r, 'a note')
                                         for r in (north, north, north, south))
        north.ctl('move', 'offer', offered, '--to', 'south', '--reason', 'E3')
        south.ctl('move', 'offer', coming, '--to', 'north', '--reason', 'E3')
        kith.wait_for(lambda: [m for r in ask(north, verb='move list') for m in r.moves
                               if m.state == 'complete'], 20, 'what is offered is complete')
        north.ctl('circle', 'add', shared, 'south', '--role', 'reader')
        for a, b in ((south, 'north'), (north, 'south')):
            a.ctl('move', 'request', b, '340/1', '--purpose', 'placed here', '--worker', 'Jo')
        kith.wait_for(lambda: len([q for r in ask(north, verb='move requests')
                                   for q in r.requests if q.state == 'noted']) == 2, 20,
                      'both requests are noted')
        kith.wait_for(lambda: [c for r in ask(south, verb='record list') for c in r.records
                               if c.record == shared and c.changes >= 3], 20, 'south has it')
        requests = [q for r in ask(north, verb='move requests') for q in r.requests]
        ours = next(q.request for q in requests if q.ours)
        asked = next(q.request for q in requests if not q.ours)
        card = os.path.join(east.dir, 'card')
        east.ctl('region', 'card', '--out', card)
        returns = os.path.join(north.dir, 'returns')
        os.mkdir(returns)
        with open(os.path.join(returns, 'header.csv'), 'w', encoding='utf-8') as f:
            f.write('CHILD,SEX,DOB,ETHNIC,UPN,MOTHER,MC_DOB\n17,1,01/02/2010,WBRI,,,\n')
        with open(north.config, 'a', encoding='utf-8') as f:
            f.write('log_level = debug\n')

        runs = {
            'peer add': [card], 'peer remove': ['south'],
            'record new': ['--authority', '340', '--child', '99'],
            'record append': [mine, '--note', 'x'],
            'import ssda903': [returns, '--authority', '340', '--year', '2021'],
            'move offer': [mine, '--to', 'south', '--reason', 'E3'],
            'move accept': [coming, '--worker', 'Amina Example'],
            'move decline': [coming, '--code', 'no-placement'],
            'move withdraw': [offered], 'reload': [],
            'circle add': [mine, 'south', '--role', 'reader'],
            'circle remove': [shared, 'south'], 'circle guardian': [shared, 'south', '--guardian'],
            'custody assume': [shared, '--to', 'south', '--reason', 'lost'],
            'custody resolve': [shared, '--to', 'south', '--reason', 'lost'],
            'backup verified': [],
            'move request': ['south', '340/17', '--purpose', 'placed here', '--worker', 'Jo'],
            'move refuse': [asked, '--code', '1'], 'move cancel': [ours],
        }
        path = os.path.join(kith.HERE, '..', '..', 'include', 'kith', 'control.def')
        with open(path, encoding='utf-8') as f:
            changing = re.findall(r'^VERB\(\w+,\s*\d+,\s*"([^"]+)",\s*true', f.read(), re.M)
        self.assertEqual(set(runs), set(changing))

        def state():
            everything = north.ctl('--json', 'follow', '--once').splitlines()
            return everything, sorted(north.peers()), north.link.lines[:]
        before = state()
        for verb, args in runs.items():
            # To follow is noted in the audit, which is a commit of its own: counted around the verb.
            quiet = figures(north)
            done = north.run_ctl(*verb.split(), *args, '--dry-run')
            self.assertEqual(done.status, 0, verb + done.err)
            self.assertRegex(done.out, '(?i)would|dry run', verb)
            self.assertEqual(figures(north), quiet, verb)
            self.assertEqual(state(), before, verb)


if __name__ == '__main__':
    kith.main()
