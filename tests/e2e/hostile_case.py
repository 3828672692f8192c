# SPDX-License-Identifier: Apache-2.0
"""
Two real regions for tests of a hostile peer

north-west is attacked, south-west is an honest peer of it. After every case south-west is in
session as before, what it writes arrives, north-west answers its own people at once, both programs
are the processes they were and within their memory, and kithctl peers names the culprit. Each case
has a culprit of its own, since a culprit is kept out for a while.
"""
import os
import re
import sys
import threading
import time
import unittest

import region as kith
from control_client import Problem
from hostile import Gone, Hostile, facts, shared
from kithformat import peer_pb

MIB = 1 << 20
PLAIN = os.path.basename(os.path.normpath(kith.BIN)) in ('debug', 'release')
KITHD_MAX = (96 if PLAIN else 1024) * MIB  # RssAnon + RssFile, the mapped store included
LINK_MAX = (96 if PLAIN else 1024) * MIB
ARRIVES = 5  # seconds for a note of an honest peer, with somebody flooding
ANSWERS = 1  # seconds for a local status
FLOOD = 5  # seconds
QUOTA = 8 * MIB  # of one region in one record: what south-west writes here is far below it
PORT = 7710


def memory(daemon):
    with open(f'/proc/{daemon.process.pid}/status', encoding='ascii') as f:
        found = dict(re.findall(r'^(RssAnon|RssFile):\s+(\d+) kB', f.read(), re.M))
    return 1024 * sum(int(v) for v in found.values())


def note(text):
    return [{'kind': 1, 'text': text}]


class HostileCase(unittest.TestCase):
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
        cls.own = cls.north.ctl('record', 'new', json=True)['made']['record']
        cls.worst = {'status': 0.0, 'local': 0.0, 'arrival': 0.0, 'back': 0.0, 'kithd': 0,
                     'kith-link': 0}

    @classmethod
    def tearDownClass(cls):
        w = cls.worst
        print(f'{cls.notes} notes; worst: status {w["status"]:.3f} s, local note '
              f'{w["local"]:.3f} s, honest note {w["arrival"]:.3f} s, back {w["back"]:.3f} s '
              f'after a flood, kithd {w["kithd"] / MIB:.1f} MiB, '
              f'kith-link {w["kith-link"] / MIB:.1f} MiB', flush=True)

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

    def writes(self):
        """People at north-west write and read their own."""
        begun = time.monotonic()
        with self.north.client() as c:
            c.ask(verb='record append', record=self.own, worker='jo', entries=note('ours'))
            c.ask(verb='record timeline', record=self.own)
        took = time.monotonic() - begun
        self.worst['local'] = max(self.worst['local'], took)
        self.assertLess(took, ARRIVES * kith.SLOW, 'a local note')

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
        self.writes()
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
        said = next(p['problem'] for p in table if p['name'] == evil.name)
        self.assertTrue(said)
        if ' ' not in said:  # of the protocol, and not of the network
            found = self.north.ctl('status', json=True)['findings']
            self.assertTrue([f for f in found if f.get('about') == evil.name and said in f['text']],
                            found)

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
                self.writes()
                self.arrives()
                self.weigh()
        finally:
            ended.set()
            thread.join(30)
        self.assertFalse(thread.is_alive(), 'the flood does not end')
        self.assertEqual(wrong, [])
        return done[0]

    # ---- The culprit ----

    def live(self, evil):
        """In session, and asked for its feed."""
        link = evil.link(self.north).greet()
        self.addCleanup(link.close)
        link.expect('feed_req')
        link.say(reconcile=peer_pb.Reconcile(incarnation=evil.incarnation(), **{'from': 0}))
        link.expect('feed_req')
        return link

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
