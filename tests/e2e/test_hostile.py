#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
What a hostile peer with valid keys may say, and what comes of it: see hostile_case.py

Each test's name says what is true. The last line is the tally.
"""
import os

import kithformat as kf
import kithmake
import region as kith
from hostile import FRAME_MAX, Gone, Hostile, noise, proof, shared, wire
from hostile_case import HostileCase
from kithformat import change_pb, peer_pb


class Hostiles(HostileCase):
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
            self.named(evil, 'card-outdated')
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
        self.assertIn(evil.name, self.north.status().forked_by.split(', '))
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

    # ---- Cards ----

    def test_cards_of_made_up_regions_are_not_kept(self):
        evil = self.evil('crowd')
        record, link = self.given(evil)
        before = self.north.peers()[evil.name].held
        crowd = [Hostile(f'made-up-{i}').bundle() for i in range(200)]
        link.feed(record.id, through=20)
        at = len(self.north.kithd.lines)
        link.answer(link.expect_get(record.id), record, runs=[], wraps=[], cards=crowd)
        self.named(evil, 'card-of-a-stranger')
        self.arrives()
        self.assertEqual(sum('of-a-stranger' in x for x in self.north.kithd.lines[at:]), 1)
        self.assertLess(self.north.peers()[evil.name].held - before, 4096)

    def test_cards_that_do_not_prove_themselves_or_are_older_are_named_once_a_message(self):
        evil = self.evil('cards')
        old = evil.bundle()
        evil.add_card(1)
        record, link = self.given(evil)
        card = Hostile('forged').bundle()
        forged = card[:-1] + bytes([card[-1] ^ 1])
        for through, (cards, problem) in enumerate((([forged] * 100, 'card-wrong'),
                                                    ([old] * 100, 'card-outdated')), 20):
            at = len(self.north.kithd.lines)
            link.feed(record.id, through=through)
            link.answer(link.expect_get(record.id), record, runs=[], wraps=[], cards=cards)
            self.named(evil, problem)
            self.arrives()
            self.assertEqual(sum(problem in x for x in self.north.kithd.lines[at:]), 1)

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


if __name__ == '__main__':
    kith.main()
