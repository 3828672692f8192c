#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
How much a hostile peer with valid keys may say or ask, and strangers without any: see
hostile_case.py

Each test's name says what is true. The last line is the tally.
"""
import os
import time

import region as kith
from hostile import (GREETING, Gone, Hostile, Link, Stranger, announce, command, crowd, noise,
                     pause, shared)
from hostile_case import ARRIVES, MIB, QUOTA, HostileCase
from kithformat import peer_pb

BACK = 8  # seconds from the end of a flood until who was kept out by it is in session


class Floods(HostileCase):
    # ---- Quotas ----

    def test_content_beyond_the_quota_is_parked_and_its_author_named(self):
        evil = self.evil('hoarder')
        record, link = self.given(evil)
        honest = self.north.peers()['south-west'].parked
        for through in range(20, 110):  # of some 125 KiB each, as much as is asked for
            link.feed([record.put(evil, record.entry('x' * 3000), sign=i == 29)
                       for i in range(30)], through=through)
            if through % 5 == 4:
                link.expect('feed_req')
        kith.wait_for(lambda: self.north.peers()[evil.name].parked == 1, 10, 'it is parked')
        self.arrives()
        peer = self.north.peers()[evil.name]
        self.assertLess(peer.held, QUOTA + MIB)
        self.assertEqual(self.north.peers()['south-west'].parked, honest)
        self.assertIn('parked', self.north.ctl('peers', json=True)['peers'][0])

    # ---- Wants ----

    def test_wants_that_never_end_are_bounded_and_hurt_only_their_peer(self):
        evil = self.evil('wants')
        link = self.live(evil)
        sent = 0
        try:
            for n in range(1, 60):
                link.feed(*[os.urandom(16) for _ in range(2000)], through=n)
                sent += 2000
                if n % 5 == 0:
                    self.answers()
        except Gone:
            pass
        link.look(1)
        self.arrives()
        wants = kith.wait_for(lambda: self.north.peers()[evil.name].wants, 10, 'wants')
        self.assertLessEqual(wants, 210000)

    def test_a_get_that_is_answered_with_nothing_for_ever_is_not_asked_in_a_circle(self):
        evil = self.evil('nothing')
        record = shared(evil, self.north, 'n')
        link = self.live(evil)
        link.feed(record.id)
        gets = 0
        end = time.monotonic() + 3
        while time.monotonic() < end:
            m = link.hear(0.5)
            if m and m.HasField('get'):
                gets += 1
                link.answer(m.get, record, done=False, wraps=[], runs=[])
        self.assertLess(gets, 12)  # as many as are asked ahead

    def test_a_get_that_is_never_answered_keeps_nobody_waiting(self):
        evil = self.evil('silent')
        link = self.live(evil)
        link.feed(*[os.urandom(16) for _ in range(100)])
        gets = 1 if link.expect('get') else 0
        while (m := link.hear(1)) is not None:
            gets += m.HasField('get')
        self.assertEqual(gets, 16)  # 4 MiB are asked for of one peer; the other 84 wait
        self.arrives()
        # What the silent one says that it has too comes from who answers, and as soon as ever.
        made = self.south.ctl('record', 'new', json=True)['made']['record']
        link.feed(bytes.fromhex(made), through=2)
        kith.wait_for(lambda: self.north.peers()[evil.name].wants == 101, 5, 'it is wanted')
        begun = time.monotonic()
        self.south.ctl('move', 'offer', made, '--to', 'north-west', '--reason', 'E3')
        kith.wait_for(lambda: self.move_state(self.north, made) == 'complete', ARRIVES, 'it came')
        self.assertLess(time.monotonic() - begun, ARRIVES)
        table = {p['name']: p for p in self.north.ctl('peers', json=True)['peers']}
        self.assertIn(table[evil.name]['wants'], (100, 101))
        self.assertEqual(table['south-west']['wants'], 0)
        self.assertEqual(table[evil.name]['state'], 'live')

    # ---- Slow and greedy ----

    def test_a_reader_that_never_reads_is_dropped_and_costs_little(self):
        evil = self.evil('slow')
        record, link = self.whole(evil)
        frames = iter(range(1 << 30))
        self.meanwhile(lambda: link.get(record.id, request=next(frames) + 1))
        kith.wait_for(lambda: self.north.peers()[evil.name].state != 'live', 10, 'it is dropped')
        self.named(evil, 'slow', 'asks-too-much')

    def test_asking_for_the_feed_from_the_start_over_and_over_is_bounded(self):
        evil = self.evil('never-acks')
        record, link = self.whole(evil)
        before = self.north.status().commits

        def again():
            link.feed_req(after=0)
            while link.s.poll(0):
                link.s.recv()
        sent = self.meanwhile(again, 3)
        self.assertGreater(sent, 60)
        self.named(evil, 'asks-too-much')
        self.assertTrue(record)
        self.assertLess(self.north.status().commits - before, 20000)

    def test_a_cursor_that_goes_backwards_rebuilds_the_feed_once(self):
        evil = self.evil('backwards')
        record, link = self.whole(evil)
        at = len(self.north.kithd.lines)
        for i in range(400):
            try:
                link.feed_req(after=(1 << 40) + i)
            except Gone:
                break
        self.thrown_out(evil, link, 'asks-too-much')
        self.arrives()
        said = [x for x in self.north.kithd.lines[at:]
                if 'compares what is shared' in x and evil.name in x]
        self.assertLessEqual(len(said), 2, 'reconciliations in a row')
        self.assertTrue(record)

    def flood(self, evil, link, frame, problems=()):
        def once():
            link.raw(frame(), 1)
            while link.s.poll(0):
                link.s.recv()
            return not link.look()
        sent = self.meanwhile(once)
        if problems:
            self.named(evil, *problems)
        return sent

    def test_a_flood_of_doorbells_keeps_nobody_out(self):
        evil = self.evil('bells')
        link = self.live(evil)
        self.flood(evil, link, lambda: link.frame(doorbell={}), ['asks-too-much'])

    def test_a_flood_of_feed_requests_keeps_nobody_out(self):
        evil = self.evil('requests')
        link = self.live(evil)
        req = peer_pb.FeedReq(incarnation=link.incarnation, after=0, budget=1 << 30)
        self.flood(evil, link, lambda: link.frame(feed_req=req), ['asks-too-much'])

    def test_a_flood_of_gets_keeps_nobody_out(self):
        evil = self.evil('gets')
        record, link = self.whole(evil)
        get = peer_pb.Get(request=1, record=record.id, budget=1 << 30, keys=True)
        self.flood(evil, link, lambda: link.frame(get=get), ['asks-too-much'])

    def test_hellos_as_fast_as_it_can_keep_nobody_out_and_it_waits_ever_longer(self):
        evil = self.evil('knocks')
        at = len(self.north.kithd.lines)

        def knock():
            with evil.link(self.north) as link:
                link.raw(link.hello(wire_min=7, wire_max=7), 2)
                link.until_gone(5)
        self.meanwhile(knock)
        refused = [x for x in self.north.kithd.lines[at:] if 'no-version-in-common' in x
                   and 'refuses' in x]
        self.assertLess(len(refused), 12)
        self.named(evil, 'no-version-in-common')

    def test_greetings_that_are_good_as_fast_as_it_can_are_bounded_and_named(self):
        evil = self.evil('greeter')
        at = len(self.north.kithd.lines)

        def greet():
            with evil.link(self.north) as link:
                try:
                    link.greet(5)
                except Gone:
                    pass
        self.meanwhile(greet)
        self.named(evil, 'asks-too-much')
        said = [x for x in self.north.kithd.lines[at:] if evil.name in x]
        self.assertLess(len(said), 250, 'lines in the journal')

    def test_questions_that_name_thousands_of_chains_keep_nobody_waiting(self):
        evil = self.evil('haves')
        record = shared(evil, self.north, 'path')
        for _ in range(2000):
            record.put_control(evil, 99, term=1)
        chain = record.chains[evil.id, evil.incarnation()]
        link = self.live(evil)
        link.feed(record.id)
        for at in range(0, len(chain), 250):
            link.answer(link.expect_get(record.id), record, path=chain[at:at + 250],
                        runs=[chain[at:at + 250]], done=at + 250 >= len(chain))
        kith.wait_for(lambda: self.circle(record).get(evil.name) == len(chain), 10, 'it is whole')
        get = peer_pb.Get(record=record.id, budget=1)
        for _ in range(3000):
            get.have.add(author=os.urandom(16), incarnation=os.urandom(16), seq=1)

        def ask():
            get.request += 1
            link.raw(link.frame(get=get), 2)
            while link.s.poll(0):
                link.s.recv()
            return not link.look()
        self.meanwhile(ask)

    def test_control_changes_of_a_long_path_that_come_by_the_hundred_keep_nobody_waiting(self):
        evil = self.evil('controls')
        record = shared(evil, self.north, 'controls')
        link = self.live(evil)
        chain = record.chains[evil.id, evil.incarnation()]
        said = {}  # by the number of the question: how much of the chain

        def write(n):
            return [record.put_control(evil, 99, term=1) for _ in range(n)]

        def until_whole():
            while (self.has(record) or {}).get(evil.name) != len(chain):
                m = link.hear(0.1)
                if not (m and m.HasField('get') and m.get.record == record.id):
                    continue
                held = next((h.seq for h in m.get.have if h.author == evil.id), 0)
                at = said.get(m.get.request, held)
                said[m.get.request] = at + 250
                part = chain[at:at + 250]
                link.answer(m.get, record, path=part, runs=[part] if part else [],
                            done=at + 250 >= len(chain))

        write(2200)
        link.feed(record.id)
        link.answer(link.expect_get(record.id), record, path=chain[:250], runs=[chain[:250]],
                    done=False)
        until_whole()
        begun = time.monotonic()
        for through in range(2, 7):
            link.feed(write(250), through=through)
        self.arrives()
        self.assertLess(time.monotonic() - begun, ARRIVES * kith.SLOW)
        self.answers()
        until_whole()
        self.assertEqual(self.north.peers()[evil.name].problem, '')

    # ---- Strangers ----

    def strangers(self, each, n=2000, address='127.0.0.2'):
        open_ones = []

        def one():
            if len(open_ones) >= n:
                pause(0.05)
                return
            try:
                s = Stranger(self.north.port, address)
                each(s)
                open_ones.append(s)
            except OSError:
                pause(0.01)
        try:
            self.meanwhile(one, 4)
        finally:
            for s in open_ones:
                s.close()
        return len(open_ones)

    def test_thousands_of_connections_with_garbage_keep_nobody_out(self):
        self.strangers(lambda s: s.send(noise(size=512)))

    def test_half_handshakes_keep_nobody_out(self):
        self.strangers(lambda s: s.send(GREETING))

    def test_handshakes_of_a_quarter_mebibyte_keep_nobody_out(self):
        big = GREETING + announce(255 << 10) + bytes(200 << 10)
        self.strangers(lambda s: s.send(big), 1000)

    def test_handshakes_that_announce_64_mebibytes_keep_nobody_out(self):
        self.strangers(lambda s: s.send(GREETING + announce(64 << 20) + bytes(4096)), 1000)
        self.strangers(lambda s: s.send(GREETING + command(b'HELLO', bytes(194))), 1000)

    def test_an_honest_peer_comes_back_while_strangers_flood(self):
        with crowd(self.north.port, GREETING, address='127.0.0.2'):
            evil = self.evil('newcomer')
            for _ in range(5):
                with evil.link(self.north) as link:
                    link.greet(10)

    def test_who_was_cut_off_in_a_flood_is_back_within_seconds_of_its_end(self):
        away = self.f.region('away', listen=False).start()  # it dials
        kith.introduce(self.north, away)
        # From where it comes from, too.
        with crowd(self.north.port, GREETING, noise(size=512), at_once=200):
            end = time.monotonic() + 20 * kith.SLOW
            while time.monotonic() < end:
                away.stop_link()
                away.start_link()
                pause(1)
        begun = time.monotonic()
        kith.wait_for(lambda: self.north.peers()['away'].state == 'live', BACK, 'it is back')
        kith.wait_for(lambda: away.peers()['north-west'].state == 'live', BACK, 'it is back')
        self.worst['back'] = time.monotonic() - begun
        away.end()
        self.north.ctl('peer', 'remove', 'away', '--yes')

    def test_a_key_that_nobody_knows_is_not_let_in(self):
        unknown = Hostile('unknown')
        n = 0
        end = time.monotonic() + 3
        while time.monotonic() < end:
            with unknown.link(self.north) as link:
                with self.assertRaises(Gone):
                    link.raw(link.hello(), 5)
                    link.agree(5)
            n += 1
        self.assertGreater(n, 5)

    def test_a_known_peer_under_another_key_is_not_let_in(self):
        evil = self.evil('other-key')
        link = Link(evil, self.north, secret=os.urandom(32))
        self.addCleanup(link.close)
        with self.assertRaises(Gone):
            link.raw(link.hello(), 5)
            link.agree(5)
        self.assertEqual(self.north.peers()[evil.name].state, 'down')


if __name__ == '__main__':
    kith.main()
