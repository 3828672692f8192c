#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
A hostile peer with valid keys, and strangers without any, against real regions

north-west is attacked; south-west is an honest peer of it. After every case south-west is in
session as before, what it writes arrives, north-west answers its own people at once, both programs
are the processes they were and within their memory, and kithctl peers names the culprit. Each case
has a culprit of its own, since a culprit is kept out for a while.

Each test's name says what is true. The last line is the tally. (long: a case for each way to
misbehave.)
"""
import os
import re
import sys
import threading
import time
import unittest

import kithformat as kf
import kithmake
import region as kith
from control_client import Problem
from hostile import (FRAME_MAX, GREETING, Gone, Hostile, Link, Stranger, announce, command,
                     crowd, facts, noise, pause, proof, shared, wire)
from kithformat import change_pb, peer_pb

MIB = 1 << 20
PLAIN = os.path.basename(os.path.normpath(kith.BIN)) in ('debug', 'release')
KITHD_MAX = (96 if PLAIN else 1024) * MIB  # RssAnon + RssFile, the mapped store included
LINK_MAX = (96 if PLAIN else 1024) * MIB
ARRIVES = 5  # seconds for a note of an honest peer, with somebody flooding
ANSWERS = 1  # seconds for a local status
FLOOD = 5
QUOTA = 8 * MIB  # of one region in one record: what south-west writes here is far below it
BACK = 8  # seconds from the end of a flood until who was kept out by it is in session
PORT = 7710


def memory(daemon):
    with open(f'/proc/{daemon.process.pid}/status', encoding='ascii') as f:
        found = dict(re.findall(r'^(RssAnon|RssFile):\s+(\d+) kB', f.read(), re.M))
    return 1024 * sum(int(v) for v in found.values())


def note(text):
    return [{'kind': 1, 'text': text}]


class Hostiles(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.f = kith.Federation()
        cls.addClassCleanup(cls.f.close)
        cls.north = cls.f.region('north-west', port=PORT,
                                 options=f'quota_record = {QUOTA // MIB}MiB').start()
        cls.south = cls.f.region('south-west', port=PORT + 1).start()
        kith.introduce(cls.north, cls.south)
        cls.north.facts, cls.south.facts = facts(cls.north), facts(cls.south)
        cls.record = cls.north.ctl('record', 'new', json=True)['made']['record']
        cls.north.ctl('move', 'offer', cls.record, '--to', 'south-west', '--reason', 'E3')
        kith.wait_for(lambda: cls.move_state() == 'complete', 20, 'the record is at south-west')
        cls.pids = cls.processes()
        cls.notes = cls.evils = cls.losses = 0
        cls.worst = {'status': 0.0, 'arrival': 0.0, 'back': 0.0, 'kithd': 0, 'kith-link': 0}

    @classmethod
    def tearDownClass(cls):
        w = cls.worst
        print(f'{cls.notes} notes; worst: status {w["status"]:.3f} s, honest note '
              f'{w["arrival"]:.3f} s, back {w["back"]:.3f} s after a flood, kithd '
              f'{w["kithd"] / MIB:.1f} MiB, kith-link {w["kith-link"] / MIB:.1f} MiB', flush=True)

    @classmethod
    def move_state(cls, region=None, record=None):
        try:
            with (region or cls.south).client() as c:
                moves = [m for r in c.ask(verb='move show', record=record or cls.record)
                         for m in r.moves]
        except Problem:
            return None
        return moves and moves[-1].state

    @classmethod
    def processes(cls):
        return [d.process.pid for r in (cls.north, cls.south) for d in (r.kithd, r.link)]

    def tearDown(self):
        try:
            self.unharmed()
        except Exception:
            print(self.north.logs(40), file=sys.stderr)
            raise
        # A region has at most 64 peers.
        for name in [n for n in self.north.peers() if n.startswith('evil-')]:
            self.north.ctl('peer', 'remove', name, '--yes')

    def evil(self, *words, listen=None):
        """A culprit with a name of its own, known to north-west."""
        type(self).evils += 1
        name = '-'.join(['evil', str(self.evils), *words])
        return Hostile(name, listen).introduce(self.north)

    # ---- What must be true all the time ----

    def weigh(self):
        for daemon, most in ((self.north.kithd, KITHD_MAX), (self.north.link, LINK_MAX)):
            now = memory(daemon)
            self.worst[daemon.name] = max(self.worst[daemon.name], now)
            self.assertLess(now, most, f'memory of {daemon.name}')

    def answers(self):
        begun = time.monotonic()
        self.north.status()
        took = time.monotonic() - begun
        self.worst['status'] = max(self.worst['status'], took)
        self.assertLess(took, ANSWERS * kith.SLOW, 'a local status')

    def held(self):
        with self.north.client() as c:
            return {e.text for r in c.ask(verb='record timeline', record=self.record)
                    for e in r.entries}

    def arrives(self):
        """What south-west writes now is at north-west."""
        type(self).notes += 1
        text = f'note {self.notes}'
        begun = time.monotonic()
        with self.south.client() as c:
            c.ask(verb='record append', record=self.record, worker='jo', entries=note(text))
        self.assertEqual(self.north.peers()['south-west'].parked, 0, 'this test writes too much')
        kith.wait_for(lambda: text in self.held(), ARRIVES, 'an honest note arrives')
        self.worst['arrival'] = max(self.worst['arrival'], time.monotonic() - begun)

    def unharmed(self):
        self.assertEqual(self.processes(), self.pids)
        for r in (self.north, self.south):
            self.assertTrue(r.kithd.alive() and r.link.alive())
        self.answers()
        self.assertEqual(self.north.peers()['south-west'].state, 'live')
        self.arrives()
        self.weigh()
        lost = [x for x in self.north.kithd.lines if re.search('loses.*south-west', x)
                or re.search(r'south-west.*(lost|loses)', x)]
        self.assertEqual(len(lost), 0, lost)
        bad = [x for x in self.north.kithd.lines if re.search('turn broke|damaged|has gone', x)]
        self.assertEqual(bad, [])

    def named(self, evil, *problems):
        """kithctl peers says what is wrong with whom."""
        def is_so():
            p = self.north.peers()[evil.name].problem
            return any(x in p for x in problems)
        try:
            kith.wait_for(is_so, 5, 'named')
        except kith.Waited:
            self.fail(f'{evil.name} is said to be {self.north.peers()[evil.name]}, not {problems}')
        table = self.north.ctl('peers', json=True)['peers']
        self.assertIn(evil.name, [p['name'] for p in table if p.get('problem')])

    def thrown_out(self, evil, link, *problems):
        told = link.until_gone()
        self.named(evil, *problems)
        return told

    def meanwhile(self, do, seconds=FLOOD):
        """.do over and over in a thread, while honest work must go on."""
        ended, done, wrong = threading.Event(), [0], []

        def flood():
            try:
                while not ended.is_set() and do() is not False:
                    done[0] += 1
            except Gone:
                pass
            except Exception as e:  # shown by the test's own thread
                wrong.append(e)

        thread = threading.Thread(target=flood, daemon=True)
        thread.start()
        end = time.monotonic() + seconds * kith.SLOW
        try:
            while time.monotonic() < end and thread.is_alive():
                self.answers()
                self.arrives()
                self.weigh()
        finally:
            ended.set()
            thread.join(30)
        self.assertFalse(thread.is_alive(), 'the flood does not end')
        self.assertEqual(wrong, [])
        return done[0]

    # ---- Frames ----

    def test_frames_of_every_wrong_size_end_the_link_of_who_sends_them(self):
        for size, greeted, problem in (
                (0, False, 'frame-malformed'), (0, True, 'frame-malformed'),
                (1, False, 'frame-malformed'), (1, True, 'frame-malformed'),
                (FRAME_MAX, False, 'frame-malformed'), (FRAME_MAX, True, 'frame-malformed'),
                (FRAME_MAX + 1, True, 'over the limit'), (300 << 10, True, 'closed'),
                (64 << 20, True, 'closed')):
            with self.subTest(size=size, greeted=greeted):
                evil = self.evil('size')
                with evil.link(self.north) as link:
                    if greeted:
                        link.greet()
                    link.raw(b'\xff' * size)
                    self.thrown_out(evil, link, problem)

    def test_a_message_of_many_parts_that_never_ends_is_cut_off(self):
        evil = self.evil('parts')
        with evil.link(self.north) as link:
            link.greet()
            part = bytes(128 << 10)
            for _ in range(1500):  # 190 MiB, which ZeroMQ gives on only when it is whole
                link.raw(part, more=True)
            link.raw(part)
            del part
            self.meanwhile(lambda: not link.look(0.1))
            self.named(evil, 'does not end')

    def test_garbage_after_hello_ends_the_link(self):
        evil = self.evil('garbage')
        with evil.link(self.north) as link:
            link.greet().raw(noise())
            self.thrown_out(evil, link, 'frame-malformed')

    def test_a_sealed_message_that_is_no_message_ends_the_link(self):
        evil = self.evil('nonsense')
        with evil.link(self.north) as link:
            link.greet()
            link.raw(link.sealed(b'\x2a\x04\x0a\x02\x0b\x0b'))
            self.thrown_out(evil, link, 'message-malformed')

    def test_sealed_frames_replayed_or_out_of_order_end_the_link(self):
        evil = self.evil('replay')
        with evil.link(self.north) as link:
            frame = link.greet().frame(doorbell={})
            link.raw(frame)
            link.raw(frame)
            self.thrown_out(evil, link, 'frame-does-not-open')
        evil = self.evil('disorder')
        with evil.link(self.north) as link:
            link.greet().frame(doorbell={})
            link.raw(link.frame(doorbell={}))
            self.thrown_out(evil, link, 'frame-does-not-open')

    def test_a_frame_before_hello_ends_the_link(self):
        evil = self.evil('early')
        with evil.link(self.north) as link:
            link.raw(kithmake.protobuf(peer_pb.Frame(sealed=bytes(40))))
            self.thrown_out(evil, link, 'frame-before-hello')

    # ---- HELLO ----

    def test_hello_twice_ends_the_link(self):
        evil = self.evil('twice')
        with evil.link(self.north) as link:
            link.greet().raw(link.hello())
            self.thrown_out(evil, link, 'hello-twice')

    def refused_hello(self, problem, evil, **fields):
        with evil.link(self.north) as link:
            link.raw(link.hello(**fields))
            self.thrown_out(evil, link, problem)

    def test_a_hello_that_lies_is_refused(self):
        stranger = Hostile('stranger')
        for problem, fields in (
                ('hello-for-another-region', lambda e: {'to': self.south.facts.id}),
                ('hello-for-another-region', lambda e: {'from': self.south.facts.id}),
                ('hello-for-another-link', lambda e: {'curve_from': bytes(32)}),
                ('hello-for-another-link', lambda e: {'curve_to': self.south.facts.card.kem_key}),
                ('no-version-in-common', lambda e: {'wire_min': 3, 'wire_max': 3}),
                ('no-version-in-common', lambda e: {'wire_min': 2, 'wire_max': 9}),
                ('card-wrong', lambda e: {'bundle': stranger.bundle()}),
                ('card-wrong', lambda e: {'bundle': b'\0' * 100}),
                ('incarnation-unknown', lambda e: {'incarnation': stranger.incarnation()}),
                ('hello-signature-wrong', lambda e: {'signer': stranger.signers[0]}),
                ('hello-signature-wrong', lambda e: {'ephemeral': bytes(32)}),
                ('hello-malformed', lambda e: {'boot_nonce': b'short'})):
            with self.subTest(problem=problem):
                evil = self.evil('hello')
                self.refused_hello(problem, evil, **fields(evil))

    def test_a_forged_incarnation_list_is_refused(self):
        evil = self.evil('forger')
        real = change_pb.CardBundle.FromString(evil.bundle())
        evil.signers.append(kithmake.chance(evil.name, 'another life'))
        forged = change_pb.CardBundle(cards=real.cards, incarnations=evil.incarnations(),
                                      signature=real.signature)
        self.refused_hello('card-wrong', evil, bundle=kithmake.protobuf(forged),
                           incarnation=evil.incarnation(1), signer=evil.signers[1])

    def test_a_replayed_card_does_not_bring_the_old_keys_back(self):
        evil = self.evil('old-card')
        old = evil.bundle()
        evil.add_card(1)
        with evil.link(self.north) as link:
            link.greet()
            newest = kf.fingerprint_text(kf.sha256(evil.cards[-1].card))
            kith.wait_for(lambda: self.north.peers()[evil.name].fingerprint == newest, 5,
                          'the newer card is taken')
        with evil.link(self.north) as link:
            link.raw(link.hello(bundle=old))
            link.agree()
            self.assertEqual(self.north.peers()[evil.name].fingerprint, newest)

    def test_two_cards_of_one_version_are_refused(self):
        evil = self.evil('two-cards')
        with evil.link(self.north) as link:
            evil.add_card(1)
            link.greet()
        evil.cards.pop()
        evil.kem = kithmake.chance('another key')
        evil.add_card(1)
        self.refused_hello('card-wrong', evil)

    # ---- What nobody asked for ----

    def test_changes_that_nobody_asked_for_end_the_link(self):
        evil = self.evil('unasked')
        with evil.link(self.north) as link:
            record = shared(evil, self.north, 'r')
            link.greet()
            link.answer(peer_pb.Get(request=77, record=record.id), record)
            self.thrown_out(evil, link, 'changes-not-asked-for')

    def live(self, evil):
        """In session, and asked for its feed."""
        link = evil.link(self.north).greet()
        self.addCleanup(link.close)
        link.expect('feed_req')
        link.say(reconcile=peer_pb.Reconcile(incarnation=evil.incarnation(), **{'from': 0}))
        link.expect('feed_req')
        return link

    def test_a_feed_that_nobody_asked_for_ends_the_link(self):
        evil = self.evil('feed')
        link = evil.link(self.north).greet()
        self.addCleanup(link.close)
        link.feed(os.urandom(16))  # before it has said where its feed begins
        self.thrown_out(evil, link, 'feed-not-asked-for')
        link = self.live(evil)
        link.feed(os.urandom(16), through=7)
        link.feed(os.urandom(16), through=6)
        self.thrown_out(evil, link, 'feed-not-asked-for')

    def test_a_reconcile_that_nobody_asked_for_ends_the_link(self):
        evil = self.evil('reconcile')
        link = self.live(evil)
        for i in range(100):
            try:
                link.say(reconcile=peer_pb.Reconcile(incarnation=evil.incarnation(), **{'from': i}))
            except Gone:
                break
        self.thrown_out(evil, link, 'feed-not-asked-for')

    # ---- Changes ----

    def given(self, evil, name='r', more=lambda record: None):
        """A record of evil's that north-west holds whole."""
        record = shared(evil, self.north, name)
        more(record)
        link = self.live(evil)
        link.feed(record.id)
        link.answer(link.expect_get(record.id), record)
        kith.wait_for(lambda: self.has(record), 10, 'the record is at north-west')
        return record, link

    def has(self, record):
        try:
            return self.circle(record)
        except Problem:
            return None

    def circle(self, record):
        with self.north.client() as c:
            return {x.name: x.changes for r in c.ask(verb='circle', record=record.id.hex())
                    for x in r.circle}

    def test_runs_that_do_not_hold_are_refused_and_named(self):
        evil = self.evil('runs')
        record, link = self.given(evil)
        before = self.circle(record)[evil.name]
        chain = record.chains[evil.id, evil.incarnation()]
        good = [record.put(evil, record.entry(f'n{i}'), sign=i == 2) for i in range(3)]
        other = Hostile('somebody')
        by_another = wire(good[2])
        by_another.signature = kf.sign(other.signers[0], b'kith/sign/1\0', good[2].id)
        body = wire(good[1])
        body.body += b'x'
        gap = [good[0], good[2]]
        unsigned = good[:2]
        huge = wire(good[2])
        huge.body = bytes(kf.BODY_MAX)
        through = 10
        for changes, problem in (
                (gap, 'run-malformed'), ([good[2], good[1]], 'signature-wrong|run-malformed'),
                ([wire(good[0]), body, wire(good[2])], 'body-not-its-hash'),
                ([wire(good[0]), wire(good[1]), by_another], 'signature-wrong'),
                (unsigned, 'signature-wrong'),
                ([wire(good[0]), wire(good[1]), huge], 'body-not-its-hash')):
            through += 1
            f = peer_pb.Feed(through=through)
            f.items.add().run.changes.extend(
                c if isinstance(c, change_pb.Change) else wire(c) for c in changes)
            link.say(feed=f)
            self.named(evil, *problem.split('|'))
        self.assertEqual(self.circle(record)[evil.name], before)
        link.feed(good, through=through + 1)
        kith.wait_for(lambda: self.circle(record)[evil.name] == len(chain), 5,
                      'what holds is taken afterwards')

    def test_changes_signed_together_are_taken_and_what_only_looks_so_is_refused(self):
        evil = self.evil('together')
        record, link = self.given(evil)
        before = self.circle(record)[evil.name]
        chain = record.chains[evil.id, evil.incarnation()]
        good = [record.put(evil, record.entry(f'n{i}'), sign=False) for i in range(3)]
        kithmake.sign_together(good)
        sig, first, last = good[0].signature[:64], good[0].signature, good[2].signature
        through = 10
        for signature in (
                last, first[:-32], first + bytes(32), sig + kf.be32(1) + first[68:],
                sig + kf.be32(3) + first[68:], sig + kf.be32(0) * 2 + first[72:],
                sig + kf.be32(0) + kf.be32(2**32 - 1) + first[72:], sig + kf.be32(0) + kf.be32(4)
                + first[72:], sig, bytes(64) + first[64:], first[:-1] + bytes([first[-1] ^ 1]),
                sig + kf.be32(4095) + kf.be32(4096) + bytes(12 * 32)):
            through += 1
            c = wire(good[0])
            c.signature = signature
            f = peer_pb.Feed(through=through)
            f.items.add().run.changes.append(c)
            link.say(feed=f)
            self.named(evil, 'signature-wrong')
        self.assertEqual(self.circle(record)[evil.name], before)
        for c in good:  # in runs of one, each by its own
            through += 1
            link.feed([c], through=through)
        kith.wait_for(lambda: self.circle(record)[evil.name] == len(chain), 5,
                      'what was signed together is taken')

    def test_a_run_with_a_broken_link_is_refused(self):
        evil = self.evil('broken-link')
        record, link = self.given(evil)
        good = record.put(evil, record.entry('a'), sign=False)
        chain = record.chains[evil.id, evil.incarnation()]
        chain[-1] = kithmake.Change(record.id, evil, 0, good.seq, kf.sha256(b'else'), good.body, 1,
                                    0, kf.sha256(b'r'), 0)
        last = record.put(evil, record.entry('b'))
        link.feed([good, last], through=5)
        self.named(evil, 'link-broken')

    def test_too_many_or_too_large_changes_in_a_run_end_the_link(self):
        evil = self.evil('run-257')
        record, link = self.given(evil)
        many = [record.put(evil, record.entry('x'), sign=i == 256) for i in range(257)]
        link.feed(many, through=9)
        self.thrown_out(evil, link, 'message-malformed')
        evil = self.evil('body-large')
        record, link = self.given(evil)
        c = wire(record.put(evil, record.entry('x')))
        c.body = bytes(kf.BODY_MAX + 1)
        f = peer_pb.Feed(through=9)
        f.items.add().run.changes.append(c)
        link.say(feed=f)
        self.thrown_out(evil, link, 'message-malformed')

    def test_a_change_of_a_record_whose_circle_it_is_not_in_is_refused(self):
        evil = self.evil('outsider')
        link = self.live(evil)
        ours = bytes.fromhex(self.record)
        before = self.held()
        body = b'x' * 400
        c = kithmake.Change(ours, evil, 0, 1, kf.ZERO, body, 1, 0, kf.sha256(b'r'), 0).sign()
        changes = self.north.status().changes
        link.feed([c])
        # Asked about like one that is unknown, since the path decides; and then it is not there.
        nowhere = kithmake.Record(evil, f'{evil.name}/nowhere')
        link.feed([nowhere.changes[0]], through=2)
        asked = [link.expect('get') for _ in range(2)]
        self.assertEqual({g.record for g in asked}, {ours, nowhere.id})
        self.assertEqual({(g.keys, len(g.have)) for g in asked}, {(True, 0)})
        for g in asked:
            link.answer(g, nowhere, path=[c] if g.record == ours else None, runs=[], wraps=[])
        self.named(evil, 'not-in-circle', 'run-malformed', 'author-not-in-circle',
                   'control-malformed')
        self.assertEqual(self.held(), before)
        self.assertLessEqual(self.north.status().changes, changes + 2)  # what looking adds

    def test_a_record_whose_circle_leaves_us_out_is_not_kept(self):
        evil = self.evil('not-ours')
        record = kithmake.Record(evil, f'{evil.name}/private')
        link = self.live(evil)
        link.feed(record.id)
        link.answer(link.expect_get(record.id), record)
        self.named(evil, 'not-in-circle')
        self.assertIsNone(self.has(record))

    def test_a_rival_genesis_is_refused(self):
        evil = self.evil('rival')
        link = self.live(evil)
        record = shared(evil, self.north, 'true')
        rival = shared(evil, self.north, 'rival')
        rival.id = os.urandom(16)  # not that of its random bytes
        made = []
        for c in rival.changes:
            made.append(kithmake.Change(rival.id, evil, 0, c.seq, made[-1].id if made else kf.ZERO,
                                        c.body, 0, 0, kf.ZERO, 3).sign())
        link.feed(rival.id)
        link.answer(link.expect_get(rival.id), record, path=made, runs=[made])
        self.named(evil, 'control-malformed')
        self.assertIsNone(self.has(rival))

    def test_a_manifest_that_lies_is_never_complete_and_harms_nothing_else(self):
        evil = self.evil('manifest')
        record = shared(evil, self.north, 'm')
        record.put(evil, record.entry('a'))
        m = record.manifest()
        m.heads[0].seq += 1000  # a head that does not exist
        m.heads[0].change = kf.sha256(b'nothing')
        m.heads.add(author=os.urandom(16), incarnation=os.urandom(16), seq=3,
                    change=kf.sha256(b'nobody'))
        record.put_control(evil, kf.OFFER, term=1, right=kithmake.make_ref(record.begin),
                           to=self.north.facts.id, code=1, manifest=m)
        link = self.live(evil)
        link.feed(record.id)
        link.answer(link.expect_get(record.id), record)
        kith.wait_for(lambda: self.has(record), 10, 'the record came')
        with self.north.client() as c:
            moves = [x for r in c.ask(verb='move show', record=record.id.hex()) for x in r.moves]
        self.assertEqual(moves[-1].state, 'receiving')
        self.assertEqual(getattr(moves[-1], 'from'), evil.name)
        self.assertLess(moves[-1].held, moves[-1].of)
        refused = self.north.run_ctl('move', 'accept', record.id.hex(), '--worker', 'A')
        self.assertIn('record-incomplete', refused.err)

    def test_key_wraps_that_are_not_as_committed_are_refused_and_counted_once(self):
        evil = self.evil('wraps')
        record = shared(evil, self.north, 'w')
        record.put(evil, record.entry('a'))
        link = self.live(evil)
        link.feed(record.id)
        get = link.expect_get(record.id)
        at = len(self.north.kithd.lines)
        link.answer(get, record, wraps=link.wraps(record, wrong=True) * 1000)
        self.named(evil, 'key-not-as-committed')
        said = [x for x in self.north.kithd.lines[at:] if 'key-not-as-committed' in x]
        self.assertLess(len(said), 10, 'lines in the journal for one message')
        self.assertTrue(get.keys)

    def test_a_forked_chain_is_proved_counted_and_stops_nothing_else(self):
        evil = self.evil('fork')
        record, link = self.given(evil)
        before = self.north.status().forks
        chain = record.chains[evil.id, evil.incarnation()]
        one = record.put(evil, record.entry('one'))
        chain.pop()
        two = record.put(evil, record.entry('two'))
        self.assertEqual(one.place, two.place)
        link.feed([one], through=5)
        kith.wait_for(lambda: self.circle(record)[evil.name] == one.seq, 5, 'the first is taken')
        link.feed([two], through=6)
        kith.wait_for(lambda: self.north.status().forks == before + 1, 5, 'the fork is counted')
        three = record.put(evil, record.entry('three'))
        link.feed([two, three], through=7)
        self.named(evil, 'chain-forked')
        for through in range(8, 60):
            link.feed([two], through=through)
        link.get(record.id, request=9)
        link.expect('changes')
        self.assertEqual(self.circle(record)[evil.name], one.seq)
        self.assertEqual(self.north.status().forks, before + 1)

    def test_a_path_larger_than_a_frame_cannot_break_the_region(self):
        evil = self.evil('long-path')
        record = shared(evil, self.north, 'long')
        link = self.live(evil)
        link.feed(record.id)
        link.answer(link.expect_get(record.id), record, done=False)
        try:
            for _ in range(12):  # of about 180 KiB each
                make = []
                for _ in range(3):
                    control = change_pb.Control(kind=99, term=1, clock=record.tick())
                    control.date.day, control.date.precision = 20000, 3
                    c = record._add(evil, 0, kithmake.protobuf(control) + b'\xfa\x3f'
                                    + kf.varint(60000) + bytes(60000), 0, 0, kf.ZERO, 1).sign()
                    make.append(c)
                get = link.expect_get(record.id, 2)
                link.answer(get, record, done=False, path=[], runs=[make], wraps=[], cards=[])
        except (Gone, AssertionError):
            pass
        for i in range(12):
            try:
                link.get(record.id, request=i + 1)
                link.expect('changes', 5)
            except (Gone, AssertionError):
                break
        self.unharmed()

    # ---- Evidence ----

    def forked(self, evil):
        """A record that north-west holds, and two changes for one place of evil's chain in it."""
        record, link = self.given(evil)
        one = record.put(evil, record.entry('one'))
        record.chains[evil.id, evil.incarnation()].pop()
        return record, link, one, record.put(evil, record.entry('two'))

    def test_a_storm_of_proofs_is_looked_at_once_and_named(self):
        evil = self.evil('storm')
        record, link, one, two = self.forked(evil)
        forks, at = self.north.status().forks, len(self.north.kithd.lines)
        verified = self.north.status().verifications
        other = Hostile('nobody')
        forged = wire(two)
        forged.signature = kf.sign(other.signers[0], b'kith/sign/1\0', two.id)
        for i, bad in enumerate((proof(one, one), proof(one, forged), b'no proof',
                                 proof(record.changes[0], two))):
            link.feed(record.id, through=20 + i)
            link.answer(link.expect_get(record.id), record, runs=[], path=[], wraps=[], cards=[],
                        evidence=[bad] * 400)
            self.named(evil, 'evidence-wrong')
        link.look(1)
        self.arrives()
        said = [x for x in self.north.kithd.lines[at:] if 'evidence-wrong' in x]
        self.assertLessEqual(len(said), 4, 'lines in the journal')
        self.assertEqual(self.north.status().forks, forks)
        self.assertLess(self.north.status().verifications - verified, 60)

    def test_a_true_proof_is_kept_and_told_once_however_often_it_comes(self):
        evil = self.evil('truth')
        record, link, one, two = self.forked(evil)
        forks, at = self.north.status().forks, len(self.north.kithd.lines)
        for i in range(30):
            link.feed(record.id, through=20 + i)
            link.answer(link.expect_get(record.id), record, runs=[], path=[], wraps=[], cards=[],
                        evidence=[proof(one, two)] * 100)
        kith.wait_for(lambda: self.north.status().forks == forks + 1, 5, 'the fork is counted')
        self.arrives()
        said = [x for x in self.north.kithd.lines[at:] if 'proof of a fork' in x]
        self.assertEqual(len(said), 1, said)

    def test_a_proof_about_a_record_that_it_may_not_have_is_not_looked_at(self):
        evil = self.evil('gossip')
        _, link, one, two = self.forked(evil)
        ours, forks = bytes.fromhex(self.record), self.north.status().forks
        verified = self.north.status().verifications
        link.feed(ours, through=30)
        get = link.expect_get(ours)
        link.say(changes=peer_pb.Changes(request=get.request, record=ours, done=True,
                                         evidence=[proof(one, two)] * 100))
        self.named(evil, 'not-in-circle')
        self.assertEqual(self.north.status().forks, forks)
        self.assertLess(self.north.status().verifications - verified, 20)

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

    def test_cards_of_made_up_regions_are_not_kept(self):
        evil = self.evil('crowd')
        record, link = self.given(evil)
        before = self.north.peers()[evil.name].held
        crowd = [Hostile(f'made-up-{i}').bundle() for i in range(200)]
        link.feed(record.id, through=20)
        link.answer(link.expect_get(record.id), record, runs=[], wraps=[], cards=crowd)
        self.arrives()
        self.assertLess(self.north.peers()[evil.name].held - before, 4096)

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
        self.assertLess(gets, 6)

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

    def whole(self, evil, size=2000):
        """A record of some 200 KiB an answer that evil may read."""
        def more(record):
            for _ in range(4):
                for i in range(30):
                    record.put(evil, record.entry('x' * size), sign=i == 29)
        record = shared(evil, self.north, 'whole')
        more(record)
        chain = record.chains[evil.id, evil.incarnation()]
        link = self.live(evil)
        link.feed(record.id)
        get = link.expect_get(record.id)
        link.answer(get, record, done=False, runs=[chain[:32]])
        for at in (32, 62, 92):
            get = link.expect_get(record.id)
            link.answer(get, record, done=at == 92, runs=[chain[at:at + 30]], path=[])
        kith.wait_for(lambda: self.circle(record).get(evil.name) == len(chain), 10, 'it is whole')
        return record, link

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

    # ---- Existence ----

    def test_a_record_it_may_not_have_and_one_that_does_not_exist_answer_alike(self):
        evil = self.evil('prober')
        link = self.live(evil)
        answers = []
        for request, record in ((5, bytes.fromhex(self.record)), (5, os.urandom(16))):
            link.get(record, request=request)
            got = link.expect('changes')
            self.assertTrue(got.none and got.done)
            answers.append(link.plain.replace(record, b'R' * 16))
        self.assertEqual(*answers)

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
