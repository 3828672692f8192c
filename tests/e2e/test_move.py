#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
Moves between real regions: what people may do and when, and what SIGKILL can do to it

Each test's name says what is true; names as arguments run these only. SEED=N repeats the random
kills. The last line is the tally.
"""
import collections
import os
import random
import signal
import unittest

import region as kith
from control_client import Problem
from strait import Strait

SEED = int(os.environ.get('SEED') or random.SystemRandom().randrange(1 << 32))
BEGUN = {'north-west': 'custodian'}
MOVED = {'north-west': 'reader', 'south-west': 'custodian'}
NOTES = 2000  # of a record that is killed on its way, of some 800 bytes each,
KILLS = 3
SOME = 300000  # which is more than one message; KILLS times that is less than the record


def ask(region, **request):
    with region.client() as c:
        return c.ask(**request)


def circle(region, record):
    return {c.name: c.role for r in ask(region, verb='circle', record=record) for c in r.circle}


def move_of(region, record):
    """The newest move of a record as a region sees it; None when it knows none."""
    try:
        moves = [m for r in ask(region, verb='move show', record=record) for m in r.moves]
    except Problem:
        return None
    return moves[-1] if moves else None


def state(region, record):
    move = move_of(region, record)
    return move and move.state


def notes_of(region, record):
    """How often each note is there."""
    return collections.Counter(e.text for r in ask(region, verb='record timeline', record=record)
                               for e in r.entries if e.kind == 'note')


def until(true, why='it is so'):
    return kith.wait_for(true, 60, why)


def kill_link(region):
    link, region.link = region.link, None
    link.end(signal.SIGKILL)


class Work(unittest.TestCase):
    """What all of them do with a record of north-west."""

    def record(self, *notes):
        made = self.north.ctl('record', 'new', json=True)['made']['record']
        self.append(made, notes)
        return made

    def append(self, record, notes):
        """Each note a change of its own. All are acknowledged, or this fails."""
        if notes:
            path = os.path.join(self.work, 'notes')
            with open(path, 'w', encoding='utf-8') as f:
                f.writelines(n + '\n' for n in notes)
            self.north.ctl('record', 'append', record, '--notes-from', path, '--batch', '1')

    def offer(self, record, to='south-west'):
        self.north.ctl('move', 'offer', record, '--to', to, '--reason', 'E3')

    def offered(self, record, to=None):
        """Offers it and waits until it is complete there."""
        to = to or self.south
        self.offer(record, to.name)
        until(lambda: state(to, record) == 'complete', 'the record is complete')
        return record

    def accept(self, record):
        self.south.ctl('move', 'accept', record, '--worker', 'Amina Example')

    def refused(self, problem, region, *args):
        done = region.run_ctl(*args)
        self.assertEqual(done.status, 1, done.out + done.err)
        self.assertIn(problem + ':', done.err)
        self.assertIn('next:', done.err)


class Moves(Work):
    @classmethod
    def setUpClass(cls):
        f = kith.Federation()
        cls.addClassCleanup(f.close)
        cls.work = f.dir
        cls.regions = [f.region(name).start()
                       for name in ('north-west', 'south-west', 'north-east')]
        cls.north, cls.south, cls.east = cls.regions
        for i, a in enumerate(cls.regions):
            for b in cls.regions[i + 1:]:
                kith.introduce(a, b)

    # What people decide.

    def test_an_accepted_record_is_the_acceptors_and_both_read_the_same(self):
        record = self.offered(self.record('a first note', 'a second one'))
        self.accept(record)
        self.north.ctl('move', 'show', record, '--follow')
        for r in (self.north, self.south):
            until(lambda r=r: circle(r, record) == MOVED, 'the circle is that of the move')
            terms = [(c.term, c.name) for x in ask(r, verb='custody', record=record)
                     for c in x.custody]
            self.assertEqual(terms, [(1, 'north-west'), (2, 'south-west')])
            self.assertEqual(notes_of(r, record), {'a first note': 1, 'a second one': 1})
        self.refused('not-custodian', self.north, 'move', 'offer', record, '--to', 'north-east',
                     '--reason', 'E3')

    def test_the_new_custodian_adds_and_the_old_one_reads_it_but_cannot_add(self):
        record = self.offered(self.record())
        self.accept(record)
        self.south.ctl('move', 'show', record, '--follow')
        self.south.ctl('record', 'append', record, '--note', 'the first visit')
        until(lambda: notes_of(self.north, record) == {'the first visit': 1})
        self.refused('not-writer', self.north, 'record', 'append', record, '--note', 'too late')

    def test_who_declines_leaves_the_circle_and_the_custodian_sees_the_code(self):
        record = self.offered(self.record('x'))
        self.assertEqual(circle(self.north, record), {**BEGUN, 'south-west': 'writer'})
        self.south.ctl('move', 'decline', record, '--code', 'no-placement')
        until(lambda: circle(self.north, record) == BEGUN)
        move = move_of(self.north, record)
        self.assertEqual((move.state, move.code), ('declined', 'no-placement'))
        self.refused('offer-none', self.south, 'move', 'accept', record, '--worker', 'A')
        self.offered(record, self.east)

    def test_a_withdrawn_offer_is_over_and_the_circle_is_as_before(self):
        record = self.offered(self.record('x'))
        self.north.ctl('move', 'withdraw', record)
        until(lambda: circle(self.north, record) == BEGUN)
        self.assertEqual(state(self.north, record), 'withdrawn')
        self.refused('offer-none', self.south, 'move', 'accept', record, '--worker', 'A')
        self.refused('offer-none', self.north, 'move', 'withdraw', record)

    def test_only_the_region_that_the_offer_names_can_accept_it(self):
        record = self.offered(self.record('x'))
        self.refused('not-offered-to-us', self.north, 'move', 'accept', record, '--worker', 'A')
        # A region outside hears what it would hear of a record that does not exist.
        nowhere = record[:-6] + ('abcdef' if record[-6:] != 'abcdef' else 'fedcba')
        answers = [self.east.run_ctl('move', 'accept', r, '--worker', 'A')
                   for r in (record, nowhere)]
        self.assertEqual([a.status for a in answers], [1, 1])
        self.assertEqual(answers[0].err.replace(record, 'R'), answers[1].err.replace(nowhere, 'R'))
        self.assertEqual(state(self.south, record), 'complete')

    def test_what_has_arrived_is_acknowledged_within_seconds(self):
        record = self.offered(self.record('x'))
        self.append(record, ['one more', 'and another'])
        until(lambda: 'and another' in notes_of(self.south, record), 'it has arrived')
        kith.wait_for(lambda: self.north.peers()['south-west'].unsent == 0, 5, 'acknowledged')
        shown = {p['name']: p for p in self.north.ctl('peers', json=True)['peers']}
        self.assertEqual(shown['south-west']['unsent'], 0)

    def test_what_is_unknown_or_offered_already_cannot_be_offered(self):
        record = self.record('x')
        offer = ('move', 'offer')
        self.refused('record-unknown', self.north, *offer, 'ab' * 16, '--to', 'south-west',
                     '--reason', 'E3')
        self.refused('peer-unknown', self.north, *offer, record, '--to', 'atlantis', '--reason',
                     'E3')
        self.offered(record)
        self.refused('offer-open', self.north, *offer, record, '--to', 'north-east', '--reason',
                     'E3')

    def test_a_dry_run_of_a_move_changes_nothing(self):
        record = self.record('x')
        before = self.north.status().changes
        self.north.ctl('move', 'offer', record, '--to', 'south-west', '--reason', 'E3',
                       '--dry-run')
        self.assertEqual(self.north.status().changes, before)
        self.assertEqual(circle(self.north, record), BEGUN)

    # What a kill does.

    def test_links_come_back_by_themselves_after_a_kill_of_either_program(self):
        for kill, start in ((lambda: kill_link(self.south), self.south.start_link),
                            (self.south.kill, self.south.start_kithd),
                            (lambda: kill_link(self.north), self.north.start_link),
                            (self.north.kill, self.north.start_kithd)):
            kill()
            start()
            for a, b in ((self.north, self.south), (self.south, self.north),
                         (self.north, self.east), (self.south, self.east)):
                a.wait_live(b, 60)
            self.assertTrue(self.south.link.alive() and self.north.link.alive())
        self.offered(self.record('after the kills'))


class Kills(Work):
    """South-west dials north-west by a way on which only so much comes as is let through."""

    @classmethod
    def setUpClass(cls):
        f = kith.Federation()
        cls.addClassCleanup(f.close)
        cls.work = f.dir
        cls.north = f.region('north-west').start()
        cls.south = f.region('south-west', listen=False).start()
        cls.strait = Strait(cls.north.port)
        cls.addClassCleanup(cls.strait.close)
        kith.introduce(cls.north, cls.south, cls.strait.endpoint)

    def tearDown(self):
        self.strait.let()

    def test_nothing_is_accepted_before_it_is_complete(self):
        record = self.record(*[f'note {n} ' + 'x' * 200 for n in range(NOTES)])
        self.strait.hold()
        self.offer(record)
        self.strait.let(SOME)
        until(lambda: self.held(record) > 1, 'a part of it came')
        move = move_of(self.south, record)
        self.assertEqual(move.state, 'receiving')
        self.assertLess(move.held, move.of)
        self.refused('record-incomplete', self.south, 'move', 'accept', record, '--worker', 'A')
        self.strait.let()
        until(lambda: state(self.south, record) == 'complete', 'the record is complete')
        self.accept(record)

    def append_with_a_kill(self, record, notes, rng):
        """Notes one by one through a stock client, many under way, and kithd is killed in
        between. What was not acknowledged is looked up and, where it is missing, sent again."""
        acknowledged, under_way = set(), collections.deque()
        kill_after = rng.randrange(len(notes) // 4, len(notes) // 2)

        def answer(c):
            note, request = under_way.popleft()
            for reply in c.replies(request):
                self.assertFalse(reply.HasField('problem'), reply)
            acknowledged.add(note)

        with self.north.client() as c:
            try:
                for n in notes:
                    under_way.append((n, c.start('record append', record=record, worker='jo',
                                                 entries=[{'kind': 1, 'text': n}])))
                    if len(under_way) == 64:
                        answer(c)
                    if len(acknowledged) == kill_after and self.north.kithd:
                        self.north.kill()
                while under_way:
                    answer(c)
            except (EOFError, ConnectionError):
                pass
        self.assertTrue(kill_after <= len(acknowledged) < len(notes), len(acknowledged))
        self.north.start_kithd()
        held = notes_of(self.north, record)
        self.assertEqual(acknowledged - set(held), set(), 'acknowledged, and lost')
        self.append(record, [n for n in notes if n not in held])

    def held(self, record):
        move = move_of(self.south, record)
        return move.held if move else 0

    def transfer_with_kills(self, record, rng):
        """Lets an offered record through in parts, and kills one of the four programs while more
        comes. All parts together are less than the record."""
        victims = (('north-west kithd', self.north.kill, self.north.start_kithd),
                   ('south-west kithd', self.south.kill, self.south.start_kithd),
                   ('north-west kith-link', lambda: kill_link(self.north), self.north.start_link),
                   ('south-west kith-link', lambda: kill_link(self.south), self.south.start_link))
        killed, held = [], 1
        for _ in range(KILLS):
            self.strait.let(SOME)
            until(lambda held=held: self.held(record) > held, f'more of it came, after {killed}')
            name, kill, start = rng.choice(victims)
            self.strait.let(rng.randrange(1, SOME // 4))
            kill()
            self.strait.cut()
            start()
            held = self.held(record)
            killed.append(f'{name} at {held}')
            move = move_of(self.south, record)
            self.assertEqual(move.state, 'receiving', killed)
            self.assertLess(move.held, move.of, killed)
        self.strait.let()
        until(lambda: state(self.south, record) == 'complete', f'complete, after {killed}')
        return killed

    def hash_of(self, region, record):
        return region.ctl('record', 'show', record, json=True)['records'][0]['state_hash']

    def life(self, rng, turn):
        """A record from its first note to its second custodian, with kills all along."""
        notes = [f'round {turn}, note {n}: ' + 'y' * 200 for n in range(NOTES)]
        record = self.record()
        self.append_with_a_kill(record, notes, rng)
        self.strait.hold()
        self.offer(record)
        killed = self.transfer_with_kills(record, rng)
        self.accept(record)
        last = rng.choice((self.north, self.south))
        last.kill()
        last.start_kithd()
        killed.append(f'{last.name} kithd after the acceptance')
        both = (self.north, self.south)
        for r in both:
            until(lambda r=r: circle(r, record) == MOVED, f'the move is over, after {killed}')
            self.assertEqual(notes_of(r, record), collections.Counter(notes), killed)
            self.assertEqual(r.status().forks, 0, killed)
        until(lambda: len({self.hash_of(r, record) for r in both}) == 1,
              f'equal state hashes, after {killed}')

    def test_sigkill_loses_nothing_doubles_nothing_and_forks_nothing(self):
        rng = random.Random(SEED)
        for turn in range(5):
            with self.subTest(seed=SEED, round=turn):
                self.life(rng, turn)


if __name__ == '__main__':
    print(f'SEED={SEED}', flush=True)
    kith.main()
