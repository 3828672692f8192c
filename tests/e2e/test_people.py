#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
What people see and use in a move, between real regions: what was acknowledged when, what waits too
long, and the account that both sides must have alike

Each test's name says what is true; names as arguments run these only. The last line is the tally.
"""
import hashlib
import json
import os
import re
import subprocess
import time
import unittest

import region as kith

DAY = 86400000


def until(true, why='it is so', timeout=60):
    return kith.wait_for(true, timeout, why)


def now_ms():
    return int(time.time() * 1000)


class Base(unittest.TestCase):
    OPTIONS = ''

    @classmethod
    def setUpClass(cls):
        f = kith.Federation()
        cls.addClassCleanup(f.close)
        cls.f, cls.work = f, f.dir
        cls.north = f.region('north-west', options=cls.OPTIONS).start()
        cls.south = f.region('south-west', options=cls.OPTIONS).start()
        kith.introduce(cls.north, cls.south)

    def file(self, name, *lines):
        path = os.path.join(self.work, f'{name}.{time.monotonic_ns()}')
        with open(path, 'w', encoding='utf-8') as f:
            f.writelines(x + '\n' for x in lines)
        return path

    def record(self, *notes, region=None):
        region = region or self.north
        made = region.ctl('record', 'new', json=True)['made']['record']
        if notes:
            region.ctl('record', 'append', made, '--notes-from', self.file('notes', *notes))
        return made

    def offer(self, record, to='south-west', region=None):
        (region or self.north).ctl('move', 'offer', record, '--to', to, '--reason', 'E3')

    def move(self, region, record):
        done = region.run_ctl('--json', 'move', 'show', record)
        return json.loads(done.out)['moves'][0] if done.status == 0 else {}

    def state(self, region, record):
        return self.move(region, record).get('state')

    def offered(self, *notes):
        record = self.record(*notes)
        self.offer(record)
        until(lambda: self.state(self.south, record) == 'complete', 'complete')
        return record

    def released(self, record):
        for r in (self.north, self.south):
            until(lambda r=r: self.state(r, record) == 'released', 'released')

    def waiting(self, region):
        return [m['record'] for m in region.ctl('move', 'list', json=True)['moves']]


class Acknowledged(Base):
    def test_three_acknowledgements_have_their_times_on_both_sides_and_survive_a_restart(self):
        began = now_ms()
        record = self.offered('a note')
        until(lambda: self.move(self.north, record)['received_ms'], 'received, seen from north')
        north, south = self.move(self.north, record), self.move(self.south, record)
        for m in (north, south):
            self.assertTrue(began <= m['offered_ms'] <= now_ms(), m)
            self.assertTrue(began <= m['received_ms'] <= now_ms(), m)
            self.assertEqual(m['taken_up_ms'], 0)
        self.assertEqual(north['complete_ms'], 0, 'nothing has told north of it')
        self.assertTrue(south['received_ms'] <= south['complete_ms'] <= now_ms())
        self.south.kill()
        self.south.start_kithd()
        self.assertEqual(self.move(self.south, record)['complete_ms'], south['complete_ms'])
        self.south.ctl('move', 'accept', record, '--worker', 'Amina Example')
        self.released(record)
        self.north.kill()
        self.north.start_kithd()
        north, south = self.move(self.north, record), self.move(self.south, record)
        for key in ('offered_ms', 'complete_ms', 'taken_up_ms', 'settled_ms', 'worker', 'offer',
                    'answer', 'release'):
            self.assertEqual(north[key], south[key], key)
        self.assertEqual(north['worker'], 'Amina Example')
        times = [south[k] for k in ('offered_ms', 'received_ms', 'complete_ms', 'taken_up_ms',
                                    'settled_ms')]
        self.assertEqual(times, sorted(times))

    def test_people_see_local_time_and_an_offer_that_nobody_heard_of_is_not_received(self):
        record = self.record('a note')
        self.south.stop_link()
        self.offer(record)
        shown = self.north.ctl('move', 'show', record)
        day = time.strftime('%Y-%m-%d', time.localtime())
        self.assertRegex(shown, rf'offered: {day} \d\d:\d\d:\d\d')
        self.assertNotIn('received:', shown)
        self.south.start_link()
        until(lambda: self.move(self.north, record)['received_ms'], 'received')
        self.assertRegex(self.north.ctl('move', 'show', record), rf'received: {day}')
        self.assertIn(record[:12], self.north.ctl('move', 'list'))

    def test_limits_are_read_again_on_reload_and_say_when_a_move_is_late(self):
        record = self.record('a note')
        self.offer(record)
        one = self.move(self.north, record)
        self.assertNotIn('late', one)
        self.assertTrue(DAY <= one['due_ms'] - one['since_ms'] <= 6 * DAY, one)
        with open(self.north.config, 'a', encoding='utf-8') as f:
            f.write('move_warn = "20 working days"\nmove_alarm = never\n')
        self.assertIn('move_warn, move_alarm', self.north.ctl('reload'))
        later = self.move(self.north, record)
        self.assertGreater(later['due_ms'], one['due_ms'] + 20 * DAY)
        self.assertEqual(self.north.status().moves_warning, 0)
        self.assertGreaterEqual(self.north.status().moves_waiting, 1)

    def test_a_refusal_shows_its_words_and_what_to_do_where_the_record_stays(self):
        record = self.offered('a note')
        self.south.ctl('move', 'decline', record, '--code', 'no-capacity', '--text', 'after Easter')
        until(lambda: self.move(self.north, record).get('text'), 'the words have come')
        m = self.move(self.north, record)
        self.assertEqual((m['state'], m['code'], m['text']),
                         ('declined', 'no-capacity', 'after Easter'))
        self.assertIn('offer again', m['next'])
        self.assertNotIn(record, self.waiting(self.north))
        # kith's own code is nobody's to give, and there is none for what has no name.
        record = self.offered('another')
        for code in ('withdrawn', '100', 'other'):
            self.assertNotEqual(
                self.south.run_ctl('move', 'decline', record, '--code', code).status, 0)


class Reported(Base):
    def report(self, region, peer, *args):
        return region.ctl('move', 'report', '--peer', peer.name, *args, json=True)

    def digest(self, moves):
        """As kithctl(1) defines it, computed from the moves."""
        lines = sorted(bytes.fromhex(m['record'] + m['offer'] + m['release'])
                       for m in moves if m.get('release'))
        return hashlib.sha256(b'kith/moves/1\0' + b''.join(lines)).hexdigest()

    def test_both_sides_report_the_same_and_what_differs_is_named(self):
        records = [self.offered(f'note {n}') for n in range(4)]
        for r in records[:2]:
            self.south.ctl('move', 'accept', r, '--worker', 'Jo')
            self.released(r)
        self.south.ctl('move', 'decline', records[2], '--code', 'no-placement')
        until(lambda: self.state(self.north, records[2]) == 'declined')
        self.offer(records[0], 'north-west', self.south)  # and one goes back
        until(lambda: self.state(self.north, records[0]) == 'complete')

        north = self.report(self.north, self.south)
        south = self.report(self.south, self.north)
        there = {(d['from'], d['to']): d for d in north['directions']}
        out = there['north-west', 'south-west']
        self.assertEqual([out[k] for k in ('sent', 'received', 'complete', 'taken_up',
                                           'handed_over', 'refused', 'withdrawn', 'waiting')],
                         [4, 4, 2, 2, 2, 1, 0, 1])
        self.assertEqual(there['south-west', 'north-west']['waiting'], 1)
        self.assertEqual(north['refused'][0]['code'], 'no-placement')
        self.assertEqual({(d['from'], d['to']): d['digest'] for d in south['directions']},
                         {k: d['digest'] for k, d in there.items()})
        self.assertEqual(out['digest'], self.digest(
            [m for m in north['moves'] if m['from'] == 'north-west']))

        path = self.file('south.json', json.dumps(south))
        self.assertIn('both reports agree',
                      self.north.ctl('move', 'report', '--peer', 'south-west', '--compare', path))
        # One that south does not have, and one that it settled otherwise.
        south['moves'] = [m for m in south['moves'] if m['record'] != records[3]]
        for m in south['moves']:
            if m['record'] == records[1]:
                m['release'] = '00' * 32
        path = self.file('wrong.json', json.dumps(south))
        done = self.north.run_ctl('--json', 'move', 'report', '--peer', 'south-west', '--compare',
                                  path)
        self.assertEqual(done.status, 1)
        self.assertEqual({d['record'] for d in json.loads(done.out)['differences']},
                         {records[1], records[3]})
        # What was offered later than some day, and whose report it is.
        self.assertEqual(self.report(self.north, self.south, '--since', '2199-01-01')['moves'], [])
        done = self.south.run_ctl('move', 'report', '--peer', 'north-west', '--compare', path)
        self.assertEqual(done.status, 1)
        self.assertIn('not what', done.err)


class ManyAtOnce(Base):
    N = 40

    def records(self, n, notes=3):
        made = [self.record(*[f'{i}.{k}' for k in range(notes)]) for i in range(n)]
        return made

    def start(self, region, *args):
        return subprocess.Popen([kith.program('kithctl'), '--config', region.config, *args],
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True)

    def changes(self):
        return self.north.status().changes, self.south.status().changes

    def row(self, report, **have):
        (row,) = report['directions']
        self.assertEqual({k: row[k] for k in have}, have, report)
        return row

    def test_forty_records_go_over_at_once_and_both_sides_have_the_same_digest(self):
        records = self.records(self.N)
        lines = ['record,reason', *[f'{r},E3' for r in records]]
        lines[3] = 'ab' * 16 + ',E3'  # nobody's record, in the midst
        path = self.file('offers.csv', *lines)

        # A dry run changes nothing and says what would be refused.
        before = self.changes()
        done = self.north.run_ctl('--json', 'move', 'offer', '--from-file', path, '--to',
                                  'south-west', '--dry-run')
        report = json.loads(done.out)
        self.assertEqual((done.status, report['done'], report['dry_run']), (1, self.N - 1, True))
        self.assertEqual(self.changes(), before)

        done = self.north.run_ctl('--json', 'move', 'offer', '--from-file', path, '--to',
                                  'south-west')
        self.assertEqual(done.status, 1)
        report = json.loads(done.out)
        self.assertEqual((report['done'], report['before']), (self.N - 1, 0))
        (refused,) = report['not_done']
        self.assertEqual((refused['line'], refused['name']), (4, 'record-unknown'))
        self.row(report, sent=self.N - 1, handed_over=0)
        self.assertIn('offering: ', done.err)

        # Two lines name their worker, one nobody; the rest is for whoever stands at the star.
        offered = [x for x in records if x != records[2]]
        self.south.ctl('move', 'decline', self.complete(offered[5]), '--code', 'court-order')
        workers = self.file('workers.csv', 'record,worker,team', f'{offered[0]},Amina,North',
                            '*,Jo Marsh,Duty')
        done = self.south.run_ctl('--json', 'move', 'accept', '--all', '--worker-from-file',
                                  workers, '--from', 'north-west', '--follow')
        self.assertEqual(done.status, 0, done.err)
        accepted = json.loads(done.out)
        self.assertEqual(accepted['done'], self.N - 2)
        there = self.row(accepted, taken_up=self.N - 2, handed_over=self.N - 2, waiting=0)
        self.assertEqual({m['record']: m['worker'] for m in accepted['moves']}[offered[0]],
                         'Amina')

        # Again: nothing new, and the digest of both sides.
        before = self.changes()
        done = self.north.run_ctl('--json', 'move', 'offer', '--from-file',
                                  self.file('rest.csv', *offered), '--to', 'south-west',
                                  '--reason', 'E3', '--dry-run')
        self.assertEqual(json.loads(done.out)['before'], self.N - 2)
        self.assertEqual(self.changes(), before)
        north = self.north.ctl('move', 'report', '--peer', 'south-west', json=True)
        here = self.row(north, sent=self.N - 1, taken_up=self.N - 2, refused=1)
        self.assertEqual(here['digest'], there['digest'])

    def complete(self, record):
        until(lambda: self.state(self.south, record) == 'complete', 'complete')
        return record

    def test_killed_in_the_midst_it_goes_on_where_it_was_and_offers_nothing_twice(self):
        records = self.records(self.N, notes=1)
        path = self.file('offers.csv', *records)
        args = ('move', 'offer', '--from-file', path, '--to', 'south-west', '--reason', '2')
        first = self.start(self.north, *args)
        until(lambda: len(self.waiting(self.north)) >= 3, 'some are offered')
        first.kill()
        first.communicate()
        self.north.kill()
        self.north.start_kithd()
        done = self.north.run_ctl('--json', *args)
        self.assertEqual(done.status, 0, done.err)
        report = json.loads(done.out)
        self.assertEqual(report['done'] + report['before'], self.N)
        self.assertGreaterEqual(report['before'], 3)
        self.row(report, sent=self.N)

        # "All" are those that are offered when it begins.
        until(lambda: len(self.waiting(self.south)) == self.N, 'all offers are there')
        args = ('move', 'accept', '--all', '--worker', 'Jo', '--follow')
        first = self.start(self.south, *args)
        until(lambda: any(self.state(self.south, r) in ('accepted', 'released')
                          for r in records), 'one is accepted')
        first.kill()
        first.communicate()
        self.south.ctl(*args)
        for r in (self.north, self.south):
            moves = [m for m in r.ctl(
                'move', 'report', '--peer', {'north-west': 'south-west'}.get(r.name, 'north-west'),
                json=True)['moves'] if m['record'] in records]
            self.assertEqual([m['state'] for m in moves], ['released'] * self.N, r.name)
        self.assertEqual(self.north.status().forks, 0)

    def test_what_is_wrong_in_a_file_is_said_with_its_line_before_anything_is_offered(self):
        record = self.record('x')
        before = self.changes()
        for lines, words in (((f'{record},south-west,', f'{record},south-west,nonsense'),
                              ':1: why?'),
                             ((record,), ':1: to which region?'),
                             (('record,colour', f'{record},red'), 'no column "colour"'),
                             ((f'{record},a,b,c,d',), 'more cells than columns'),
                             ((',south-west,E3',), 'names no record'), ((), 'has no row'),
                             ((f'"{record}',), 'never closed')):
            done = self.north.run_ctl('move', 'offer', '--from-file', self.file('bad', *lines))
            self.assertIn(done.status, (1, 2))
            self.assertIn(words, done.err)
        self.assertEqual(self.changes(), before)
        self.assertEqual(self.north.run_ctl('move', 'offer').status, 2)
        self.assertEqual(self.south.run_ctl('move', 'accept', '--all').status, 2)


class Approving(Base):
    PROGRAM = '''#!/usr/bin/python3
import json, os, sys, time
asked = json.load(sys.stdin)
mine = f"{os.environ['ASKED']}.d/{os.getpid()}"
open(mine, 'w').close()
asked['at_once'] = len(os.listdir(os.path.dirname(mine)))
time.sleep(0.05)
os.unlink(mine)
with open(os.environ['ASKED'], 'a') as f:
    f.write(json.dumps(asked) + '\\n')
view = asked.get('move') or asked['request']
with open(os.environ['ANSWERS']) as f:
    answers = json.load(f)
answer = answers.get(view.get('record'), answers.get('else', '{"later": true}'))
if answer == 'hang':
    os.fork()
    time.sleep(600)
if answer == 'fail':
    sys.exit(3)
print(answer)
'''

    def setUp(self):
        self.program = self.file('approve', self.PROGRAM)
        os.chmod(self.program, 0o755)
        self.asked = self.file('asked')
        os.mkdir(self.asked + '.d')
        self.answers = self.file('answers')
        self.answer({})

    def answer(self, by_record):
        with open(self.answers + '.new', 'w', encoding='utf-8') as f:
            json.dump(by_record, f)
        os.rename(self.answers + '.new', self.answers)

    def heard(self):
        with open(self.asked, encoding='utf-8') as f:
            return [json.loads(x) for x in f if x.endswith('}\n')]

    def heard_of(self):
        """{record: [what was asked about it]}"""
        out = {}
        for x in self.heard():
            out.setdefault((x.get('move') or x['request'])['record'], []).append(x)
        return out

    def approver(self, *args, region=None):
        p = subprocess.Popen(
            [kith.program('kithctl'), '--config', (region or self.south).config, 'move',
             'approver', '--exec', self.program, *args], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env={**os.environ, 'ASKED': self.asked, 'ANSWERS': self.answers})
        self.addCleanup(p.wait)
        self.addCleanup(p.stdout.close)
        self.addCleanup(p.kill)
        return p

    def test_the_script_of_the_manual_works_as_it_stands_there(self):
        with open(os.path.join(kith.HERE, '..', '..', 'conf', 'man', 'kithctl.1'),
                  encoding='utf-8') as f:
            script = re.search(r'\n(#!/usr/bin/python3\n.*?)\.Ed', f.read(), re.S).group(1)
        with open(self.program, 'w', encoding='utf-8') as f:
            f.write(script.replace('\\e', '\\'))
        record = self.offered('a note')
        done = self.south.run_ctl('move', 'approver', '--exec', self.program, '--once')
        self.assertEqual(done.status, 0, done.err)
        self.assertIn(f'{record}: is accepted', done.err)
        self.released(record)
        self.assertEqual(self.move(self.north, record)['worker'], 'Duty team')

    def test_each_is_asked_about_once_and_what_is_decided_is_done_over_a_restart_of_kithd(self):
        records = [self.offered(f'{n}') for n in range(3)]
        self.answer({records[0]: '{"accept":true}', records[2]: '{"later":true}',
                     records[1]: '{"decline":"court-order","text":"of 3 May"}'})
        p = self.approver('--worker', 'Jo Marsh')
        self.released(records[0])
        self.assertEqual(self.move(self.north, records[0])['worker'], 'Jo Marsh')
        until(lambda: self.move(self.north, records[1]).get('text') == 'of 3 May')
        until(lambda: set(self.heard_of()) >= set(records))
        one = self.heard_of()[records[0]][0]
        self.assertEqual((one['schema'], one['kind'], one['region'], one['move']['from'],
                          one['move']['state']),
                         (1, 'offer', 'south-west', 'north-west', 'complete'))
        self.south.kill()
        self.south.start_kithd()
        until(lambda: self.south.peers()['north-west'].state == 'live')
        record = self.record('after the restart')
        self.answer({'else': '{"accept":true}'})
        self.offer(record)
        self.released(record)
        self.assertEqual([len(self.heard_of()[r]) for r in [*records, record]], [1] * 4,
                         'what was left for later is not asked about before its time')
        p.terminate()
        self.assertEqual(p.wait(20), 0)
        self.assertRegex(p.stdout.read(), r'ends: \d+ answered')

    def test_a_program_that_fails_hangs_or_talks_nonsense_leaves_it_to_people(self):
        records = [self.offered(f'{n}') for n in range(6)]
        self.answer(dict(zip(records, ('fail', 'hang', 'nonsense', '{"accept":true}',
                                       '{"decline":"because"}', '{}'))))
        p = self.approver('--once', '--timeout', '1', '--jobs', '2')
        self.assertEqual(p.wait(60), 0)
        said = p.stdout.read()
        for record, words in zip(records, ('ended with 3', 'took too long', 'no JSON object',
                                           'names no worker', 'no code of kith-codes(7)',
                                           'neither accept')):
            self.assertRegex(said, f'{record}: .*{re.escape(words)}')
            self.assertEqual(self.state(self.south, record), 'complete')
        missing = self.south.run_ctl('move', 'approver', '--exec', '/nonexistent/program', '--once')
        self.assertEqual(missing.status, 1)
        self.assertIn('cannot be run', missing.err)

    def test_many_offers_are_answered_with_no_more_at_once_than_was_said(self):
        records = [self.offered(f'{n}') for n in range(12)]
        self.answer({'else': '{"accept":true,"worker":"Jo","team":"Duty"}'})
        p = self.approver('--once', '--jobs', '3')
        self.assertEqual(p.wait(60), 0, p.stdout.read())
        for r in records:
            self.released(r)
        self.assertEqual([len(self.heard_of()[r]) for r in records], [1] * 12)
        self.assertIn(max(x['at_once'] for x in self.heard()), (2, 3))

    def test_a_request_for_a_record_is_answered_by_the_program_of_the_custodian(self):
        record, other = self.record('x'), self.record('y')
        self.answer({record: '{"accept":true,"reason":"E3"}',
                     other: '{"decline":"undecided","text":"in June"}'})
        for r in (record, other):
            self.south.ctl('--purpose', 'takes the child over', 'move', 'request', 'north-west',
                           r, '--worker', 'Jo')
        until(lambda: len([x for x in self.north.ctl('move', 'requests', json=True)['requests']
                           if not x.get('ours') and x['state'] == 'noted']) == 2, 'both came')
        p = self.approver('--once', region=self.north)
        self.assertEqual(p.wait(60), 0)
        said = p.stdout.read()
        until(lambda: self.state(self.south, record) == 'complete', 'offered and complete')
        until(lambda: [x.get('text') for x in
                       self.south.ctl('move', 'requests', json=True)['requests']
                       if x['state'] == 'refused'] == ['in June'], said)
        kinds = {x['kind']: x for x in self.heard()}
        self.assertEqual(set(kinds), {'request'})
        self.assertEqual(kinds['request']['request']['purpose'], 'takes the child over')


if __name__ == '__main__':
    kith.main()
