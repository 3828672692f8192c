#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
The independent reader, on records that were made to be read and on what was done to them

Each test's name says what is true. The last line is the tally.
"""
import json
import os
import subprocess
import sys
import tempfile
import unittest

import kithformat as kf
import kithmake as km
import kithrecord as kr
from kithformat import change_pb as pb, record_pb
from kithmake import make_ref, protobuf

READER = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'reader.py')


def ran(data, *options):
    """reader.py as a program: (exit status, what it printed)."""
    with tempfile.NamedTemporaryFile() as f:
        f.write(data)
        f.flush()
        done = subprocess.run([sys.executable, READER, f.name, *options], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return done.returncode, done.stdout


class Reader(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.made, cls.north, cls.south = km.two_regions()
        cls.data = cls.made.export()

    def refuses(self, data, rule, words=''):
        with self.assertRaises(kf.Refused) as caught:
            kr.Record(data)
        self.assertEqual((caught.exception.rule, words in caught.exception.text), (rule, True),
                         str(caught.exception))

    def altered(self, change, data=None):
        e = pb.Export.FromString(data or self.data)
        change(e)
        return protobuf(e)

    def index(self, c):
        """Where a change that was made stands in the file."""
        e = pb.Export.FromString(self.data)
        return next(i for i, x in enumerate(e.changes) if x.header == c.header)

    def of_kind(self, record, kind):
        return next(c for c in record.changes if kf.header_decode(c.header).flags
                    and pb.Control.FromString(c.body).kind == kind)

    # What is right is proven.

    def test_a_record_that_moved_once_is_proven(self):
        r = kr.Record(self.data)
        self.assertEqual(len(r.changes), 11)
        self.assertEqual([(r.name(who), how, term)
                          for who, _, _, how, term in r.custody.responsible()],
                         [('north-west', 'made the record', 1),
                          ('south-east', 'acting since accepting', 1),
                          ('south-east', 'took over', 2)])

    def test_the_program_says_proven_and_exits_with_0(self):
        rc, said = ran(self.data, '--show')
        self.assertEqual(rc, 0, said)
        self.assertIn('PROVEN', said)
        self.assertIn('met at the new home', said)
        self.assertIn(self.made.id.hex(), said)

    def test_the_verdict_as_json_has_the_custody_path_and_the_counts(self):
        rc, said = ran(self.data, '--json')
        v = json.loads(said)
        self.assertEqual((rc, v['proven'], v['changes'], v['entries']['note']), (0, True, 11, 4))
        self.assertEqual([(c['region'], c['from'], c['to']) for c in v['custody']],
                         [('north-west', '2024-10-04', '2024-10-09'),
                          ('south-east', '2024-10-08', '2024-10-09'),
                          ('south-east', '2024-10-09', '')])

    def test_quiet_says_nothing_when_all_is_proven(self):
        self.assertEqual(ran(self.data, '--quiet'), (0, ''))

    def test_an_export_in_pieces_is_one_export(self):
        e = pb.Export.FromString(self.data)
        pieces = [pb.Export(format=1, record=e.record, by=e.by, at_ms=e.at_ms)]
        pieces += [pb.Export(cards=[c]) for c in e.cards]
        pieces += [pb.Export(keys=[k]) for k in e.keys]
        pieces += [pb.Export(changes=[c]) for c in e.changes]
        pieces.append(pb.Export(state_hash=e.state_hash))
        kr.Record(b''.join(protobuf(p) for p in pieces))

    def test_regions_that_are_known_from_elsewhere_are_compared(self):
        known = [r.id.hex() for r in (self.north, self.south)]
        self.assertEqual(ran(self.data, '--quiet', '--root-of', *known)[0], 0)
        rc, said = ran(self.data, '--root-of', known[0])
        self.assertEqual((rc, 'P1.1' in said), (1, True))

    def test_a_file_that_cannot_be_read_exits_with_2(self):
        done = subprocess.run([sys.executable, READER, '/nonexistent'], check=False,
                              stderr=subprocess.PIPE)
        self.assertEqual(done.returncode, 2)
        done = subprocess.run([sys.executable, READER], stderr=subprocess.PIPE, check=False)
        self.assertEqual(done.returncode, 2)

    def test_a_withdrawn_offer_leaves_the_custodian_and_a_new_epoch(self):
        north, south = km.Region('north-west'), km.Region('south-east')
        r = km.Record(north)
        r.admit(north, south)
        offer = r.offer(north, south)
        r.answer(kf.ACCEPT, south, offer)
        gone = r.withdraw(north, offer)
        down = r.answer(kf.STAND_DOWN, south, offer, withdraw=make_ref(gone))
        r.remove(north, south, [down])
        r.put(north, r.entry('went on'))
        read = kr.Record(r.export())
        self.assertEqual(read.custody.epoch, 2)
        self.assertEqual(len(read.custody.terms), 1)
        self.assertNotIn(south.id, read.custody.roles)

    def test_what_a_removed_region_wrote_later_stands_apart(self):
        north, south = km.Region('north-west'), km.Region('south-east')
        r = km.Record(north)
        r.admit(north, south)
        last = r.put(south, r.entry('in time'))
        r.remove(north, south, [last])
        before = r.state_hash()
        r.put(south, r.entry('too late'), epoch=1)
        read = kr.Record(r.export())
        self.assertEqual([p[2] for p in read.apart], [2])
        self.assertEqual(read.state_hash, before)

    def test_a_reader_adds_access_entries_and_nothing_else(self):
        north, south = km.Region('north-west'), km.Region('south-east')
        r = km.Record(north)
        r.admit(north, south, role=3)
        r.put(south, r.entry('not for a reader'))
        r.put(south, r.entry('an access'), key_class=1)
        read = kr.Record(r.export())
        self.assertEqual([p[2] for p in read.apart], [1])

    # What was altered is refused, and by its rule.

    def test_no_byte_of_an_export_can_be_changed_unseen(self):
        step = max(1, len(self.data) // 700)
        whole = kr.Record(self.data)
        for at in range(0, len(self.data), step):
            for bit in (1, 0x80):
                bad = bytearray(self.data)
                bad[at] ^= bit
                try:
                    read = kr.Record(bytes(bad))
                except kf.Refused:
                    continue
                # Only what nobody signs may differ: when it was exported and by whom.
                self.assertEqual(read.state_hash, whole.state_hash)
                self.assertNotEqual((read.at_ms, read.by), (whole.at_ms, whole.by))

    def test_no_beginning_of_an_export_is_an_export(self):
        for end in range(0, len(self.data), max(1, len(self.data) // 200)):
            with self.assertRaises(kf.Refused):
                kr.Record(self.data[:end])

    def test_a_dropped_change_is_missed(self):
        e = pb.Export.FromString(self.data)
        for i in range(len(e.changes)):
            with self.assertRaises(kf.Refused, msg=f'change {i}') as caught:
                kr.Record(self.altered(lambda x, i=i: x.changes.__delitem__(i)))
            self.assertIn(caught.exception.rule, {'P2.4', 'P6.3', 'P6.7', 'P9.1', 'P10.3'})

    def test_a_chain_without_its_end_is_missed(self):
        self.refuses(self.altered(lambda e: e.changes.__delitem__(-1)), 'P10.3')
        released = self.index(self.made.begin)
        self.refuses(self.altered(lambda e: e.changes.__delitem__(released)), 'P9.1', 'had seen')

    def test_swapped_bodies_are_seen(self):
        def swap(e):
            e.changes[1].body, e.changes[2].body = e.changes[2].body, e.changes[1].body
        self.refuses(self.altered(swap), 'P2.5', 'north-west/')

    def test_swapped_changes_are_seen(self):
        def swap(e):
            one = pb.Change.FromString(protobuf(e.changes[1]))
            e.changes[1].CopyFrom(e.changes[2])
            e.changes[2].CopyFrom(one)
        self.refuses(self.altered(swap), 'P2.4')

    def test_a_body_moved_to_another_place_does_not_open(self):
        r = km.Record(self.north)
        first = r.put(self.north, r.entry('one'))
        h = kf.header_decode(first.header)
        c = r._add(self.north, 0, first.body, 1, 0, h.content_root, 0).sign()
        self.assertEqual(c.body, first.body)
        self.refuses(r.export(state_hash=kf.ZERO), 'P4.1', '/3')

    def test_a_body_that_is_not_what_its_content_root_says(self):
        r = km.Record(self.north)
        r.put(self.north, r.entry('one'))
        c = r.changes[-1]
        again = r._add(self.north, 0, kf.seal(
            r.keys[1, 0], kf.body_context(r.id, c.author, c.incarnation, 3, 1, 0),
            kf.pad(protobuf(record_pb.Body(seed=bytes(32), clock=9))), bytes(24)),
            1, 0, bytes(31) + b'\1', 0).sign()
        self.assertEqual(again.seq, 3)
        self.refuses(r.export(state_hash=kf.ZERO), 'P4.4', '/3')

    def test_padding_that_is_not_zero_is_refused(self):
        r = km.Record(self.north)
        body = protobuf(record_pb.Body(seed=bytes(32), clock=9))
        context = kf.body_context(r.id, self.north.id, self.north.incarnation(), 2, 1, 0)
        sealed = kf.seal(r.keys[1, 0], context, kf.pad(body)[:-1] + b'\1', bytes(24))
        r._add(self.north, 0, sealed, 1, 0, kf.content_root(body), 0).sign()
        self.refuses(r.export(state_hash=kf.ZERO), 'P4.3')

    def test_the_wrong_content_key_is_refused(self):
        def other(e):
            e.keys[0].key = bytes(32)
        self.refuses(self.altered(other), 'P5.3', 'epoch 1, class 0')

    def test_a_missing_content_key_is_missed(self):
        self.refuses(self.altered(lambda e: e.keys.__delitem__(0)), 'P9.1', 'class 0')
        self.refuses(self.altered(lambda e: e.keys.__delitem__(1)), 'P9.1', 'class 1')

    def test_a_signature_that_is_taken_away_is_missed_where_it_must_be(self):
        def unsign(c):
            return self.altered(lambda e: e.changes[self.index(c)].ClearField('signature'))
        self.refuses(unsign(self.made.changes[0]), 'P3.3')
        self.refuses(unsign(self.made.changes[-1]), 'P3.2')
        kr.Record(unsign(self.made.changes[3]))  # a later one covers it

    def test_changes_that_are_signed_together_verify(self):
        made = km.two_regions()[0]
        for region in {c.author for c in made.changes}:
            km.sign_together([c for c in made.changes if c.author == region])
        self.assertTrue(all(len(c.signature) > 64 for c in made.changes))
        kr.Record(made.export())

        def other_place(e):
            e.changes[0].signature = e.changes[1].signature
        self.refuses(self.altered(other_place, made.export()), 'P3.1')

    def test_a_signature_of_another_region_is_refused(self):
        i = self.index(self.made.begin)

        def forge(e):
            e.changes[i].signature = kf.sign(self.south.signers[0], b'kith/sign/1\0',
                                             self.made.begin.id)
        self.refuses(self.altered(forge), 'P3.1', 'north-west/')

    def test_a_signature_for_another_purpose_is_refused(self):
        def forge(e):
            e.changes[0].signature = kf.sign(self.north.signers[0], b'kith/hello/1\0',
                                             self.made.changes[0].id)
        self.refuses(self.altered(forge), 'P3.1')

    def test_a_changed_date_is_seen(self):
        def later(e):
            c = e.changes[self.index(self.made.begin)]
            control = pb.Control.FromString(c.body)
            control.date.day += 30
            c.body = protobuf(control)
        self.refuses(self.altered(later), 'P2.5')

    def test_a_changed_date_with_a_header_to_match_is_seen(self):
        def later(e):
            c = e.changes[self.index(self.made.begin)]
            control = pb.Control.FromString(c.body)
            control.date.day += 30
            c.body = protobuf(control)
            h = vars(kf.header_decode(c.header))
            h['body_hash'] = kf.sha256(c.body)
            c.header = kf.header_encode(**h)
        self.refuses(self.altered(later), 'P3.1')

    def test_a_release_that_a_reader_forges_counts_for_nothing(self):
        r, north, south = km.two_regions()
        offer = self.of_kind(r, kf.OFFER)
        accept = self.of_kind(r, kf.ACCEPT)
        r.put_control(north, kf.RELEASE, term=2, right=make_ref(r.begin), offer=make_ref(offer),
                      accept=make_ref(accept), manifest=r.manifest())
        self.refuses(r.export(state_hash=kf.ZERO), 'P6.3', 'not the custodian')

    def test_a_release_of_a_withdrawn_offer_is_refused(self):
        north, south = km.Region('north-west'), km.Region('south-east')
        r = km.Record(north)
        r.admit(north, south)
        offer = r.offer(north, south)
        accept = r.answer(kf.ACCEPT, south, offer)
        r.withdraw(north, offer)
        r.release(north, offer, accept)
        self.refuses(r.export(state_hash=kf.ZERO), 'P6.4', 'not open')

    def test_an_offer_beside_an_open_one_is_refused(self):
        north, south, east = (km.Region(n) for n in ('north-west', 'south-east', 'east'))
        r = km.Record(north)
        r.admit(north, south)
        r.offer(north, south)
        r.offer(north, east)
        self.refuses(r.export(state_hash=kf.ZERO), 'P6.4', 'still open')

    def test_an_accept_by_another_than_the_offer_names_is_refused(self):
        north, south, east = (km.Region(n) for n in ('north-west', 'south-east', 'east'))
        r = km.Record(north)
        r.admit(north, south)
        r.admit(north, east)
        r.answer(kf.ACCEPT, east, r.offer(north, south))
        self.refuses(r.export(state_hash=kf.ZERO), 'P6.3', 'another region')

    def test_a_stand_down_without_a_withdraw_is_refused(self):
        north, south = km.Region('north-west'), km.Region('south-east')
        r = km.Record(north)
        r.admit(north, south)
        offer = r.offer(north, south)
        accept = r.answer(kf.ACCEPT, south, offer)
        r.answer(kf.STAND_DOWN, south, offer, withdraw=make_ref(accept))
        self.refuses(r.export(state_hash=kf.ZERO), 'P6.5')

    def test_two_releases_of_one_term_are_a_fork_of_custody(self):
        north = km.Region('north-west', incarnations=2)
        south, east = km.Region('south-east'), km.Region('east')
        r = km.Record(north)
        r.admit(north, south)
        r.admit(north, east)
        begin, first = r.begin, r.last
        accept = []
        offers = []
        for i, to in enumerate((south, east)):
            r.last = first
            r.begin = begin
            offers.append(r.put_control(north, kf.OFFER, i=i, term=1, right=make_ref(begin),
                                        to=to.id, code=1, manifest=r.manifest()))
            accept.append(r.answer(kf.ACCEPT, to, offers[i]))
        for i in range(2):
            r.last = accept[i]
            r.put_control(north, kf.RELEASE, i=i, term=1, right=make_ref(begin),
                          offer=make_ref(offers[i]), accept=make_ref(accept[i]),
                          manifest=r.manifest())
        self.refuses(r.export(state_hash=kf.ZERO), 'P6.10', 'both release')

    def test_two_lives_of_a_custodian_may_begin_the_same_epoch(self):
        north = km.Region('north-west', incarnations=2)
        r = km.Record(north)
        for i in range(2):
            r.put_control(north, kf.KEY_EPOCH, i=i, right=make_ref(r.begin),
                          keys=[r.new_key(2, 0, 'life', i), r.new_key(2, 1, 'life', i)])
            r.put(north, r.entry(f'of life {i}'), i=i)
        read = kr.Record(r.export())
        self.assertEqual([c.body.entries[0].text for c in read.changes.values() if c.body],
                         ['of life 0', 'of life 1'])
        state = kr.state_hash(r.keys[2, 0], read.order, read.status,
                              {p: c.id for p, c in read.changes.items()})
        self.assertEqual(read.state_hash, state)  # under the key of the later
        other = r.other_keys.pop(0)
        self.refuses(r.export(state_hash=kf.ZERO), 'P4.1', 'another key')
        r.other_keys.append((other[0], bytes(32)))
        self.refuses(r.export(state_hash=kf.ZERO), 'P5.3', 'epoch 2')

    def test_a_manifest_with_a_head_that_is_not_there_is_seen(self):
        north, south = km.Region('north-west'), km.Region('south-east')
        r = km.Record(north)
        r.admit(north, south)
        gone = r.put(south, r.entry('will be dropped'))
        r.offer(north, south)
        data = r.export()
        self.refuses(self.altered(lambda e: [e.changes.remove(c) for c in list(e.changes)
                                             if c.header == gone.header], data), 'P6.7')

    def test_a_rival_genesis_is_refused(self):
        r = km.Record(self.north)
        r.put_control(self.south, kf.GENESIS, genesis=pb.Genesis(random=bytes(32), suite=1),
                      keys=[r.new_key(1, 0)])
        with self.assertRaises(kf.Refused) as caught:
            kr.Record(r.export(state_hash=kf.ZERO))
        self.assertIn(caught.exception.rule, ('P1.3', 'P6.1'))

    def test_a_control_kind_of_the_future_that_must_be_understood_stops_the_proof(self):
        r = km.Record(self.north)
        r.put_control(self.north, 99)
        self.refuses(r.export(state_hash=kf.ZERO), 'P6.11', 'newer kith')
        r = km.Record(self.north)
        r.put_control(self.north, 99, flags=kf.CONTROL)
        kr.Record(r.export())

    def test_a_bundle_of_another_control_key_is_refused(self):
        def forge(e):
            b = pb.CardBundle.FromString(e.cards[0])
            b.signature = kf.sign(self.south.control, b'kith/incarnations/1\0', b.incarnations)
            e.cards[0] = protobuf(b)
        self.refuses(self.altered(forge), 'P1.5')

    def test_an_author_without_a_card_is_refused(self):
        self.refuses(self.altered(lambda e: e.cards.__delitem__(1)), 'P1.6')

    def test_an_incarnation_that_is_not_listed_is_refused(self):
        def without(e):
            b = pb.CardBundle.FromString(e.cards[0])
            listed = pb.Incarnations.FromString(b.incarnations)
            listed.incarnations[0].key = kf.sign_public(bytes(32))
            listed.incarnations[0].id = kf.incarnation_id(listed.incarnations[0].key)
            b.incarnations = protobuf(listed)
            b.signature = kf.sign(self.north.control, b'kith/incarnations/1\0', b.incarnations)
            e.cards[0] = protobuf(b)
        self.refuses(self.altered(without), 'P1.5', 'list')

    def test_a_fork_in_the_file_is_refused(self):
        r, s = km.Record(self.north, 'forked'), km.Record(self.north, 'forked')
        r.put(self.north, r.entry('one'))
        s.put(self.north, s.entry('other'))
        e = pb.Export.FromString(r.export())
        e.changes.append(pb.Export.FromString(s.export()).changes[1])
        self.refuses(protobuf(e), 'P3.5')

    def test_another_state_hash_is_refused(self):
        def other(e):
            e.state_hash = bytes(32)
        self.refuses(self.altered(other), 'P10.3')
        self.refuses(self.altered(lambda e: e.ClearField('state_hash')), 'P10.3')

    def test_more_than_255_unsigned_changes_in_a_row_are_refused(self):
        r = km.Record(self.north)
        for _ in range(255):
            r.put(self.north, r.entry('x'), sign=False)
        r.changes[-1].sign()
        kr.Record(r.export(), None)
        r.changes[-1].signature = b''
        r.put(self.north, r.entry('x'), sign=False)
        r.put(self.north, r.entry('x'))
        self.refuses(r.export(state_hash=kf.ZERO), 'P3.3')


class Formats(unittest.TestCase):
    def test_the_golden_vectors_are_what_the_text_gives(self):
        done = subprocess.run([sys.executable, os.path.join(os.path.dirname(READER),
                                                            'make_vectors.py'), '--check'],
                              stdout=subprocess.PIPE, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_rfc_9180_a_2_1_base_mode(self):
        """The key encapsulation and the first message of appendix A.2.1."""
        secret = bytes.fromhex(
            '8057991eef8f1f1af18f4a9491d16a1ce333f695d4db8e38da75975c4478e0fb')
        ephemeral = bytes.fromhex(
            'f4ec9b33b792c372c1d2c2063507b684ef925b8c75a42dbcbf57d63ccd381600')
        info = bytes.fromhex('4f6465206f6e2061204772656369616e2055726e')
        public, enc = kf.dh_public(secret), kf.dh_public(ephemeral)
        self.assertEqual(enc.hex(), '1afa08d3dec047a643885163f1180476'
                                    'fa7ddb54c6a8029ea33f95796bf2ac4a')
        aead, nonce = kf._hpke(kf.dh(ephemeral, public), enc, public, info)
        sealed = aead.encrypt(nonce, b'Beauty is truth, truth beauty', b'Count-0')
        self.assertEqual(sealed.hex(), '1c5250d8034ec2b784ba2cfd69dbdb8af406cfe3ff938e131f0def8c8b'
                                       '60b4db21993c62ce81883d2dd1b51a28')

    def test_rfc_9162_roots_of_zero_to_eight_leaves(self):
        leaves = [b'', b'\0', b'\x10', b'\x20\x21', b'\x30\x31', b'\x40\x41\x42\x43',
                  bytes(range(0x50, 0x58)), bytes(range(0x60, 0x70))]
        hashed = [kf.sha256(b'\0', x) for x in leaves]
        for n, root in ((0, 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'),
                        (1, '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d'),
                        (3, 'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77'),
                        (8, '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328')):
            self.assertEqual(kf.merkle(hashed[:n]).hex(), root)


def main():
    suite = unittest.defaultTestLoader.loadTestsFromModule(sys.modules[__name__])
    result = unittest.TextTestRunner(verbosity=0).run(suite)
    failed = len(result.failures) + len(result.errors)
    sys.stderr.flush()
    print(f'{result.testsRun - failed} passed, {failed} failed')
    return 1 if failed else 0


if __name__ == '__main__':
    sys.exit(main())
