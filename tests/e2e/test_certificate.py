#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
Certificates of custody: kithctl and the independent reader over the same files

A table of sound and of broken certificates, and three real regions: a record moves twice, each of
them proves who was responsible, and what is tampered with afterwards is named by both. Each test's
name says what is true; names as arguments run these only. The last line is the tally.
"""
import json
import os
import subprocess
import tempfile
import unittest

import certmake
import kithcert as kc
import kithformat as kf
import kithmake as km
import kithrecord as kr
import region as kith
from kithformat import change_pb as pb

WORDS = ['words that nobody else may read', 'Amina Example', 'leaving care']


def kithctl(*args):
    """Offline: there is no kithd for it, and no configuration."""
    done = subprocess.run([kith.program('kithctl'), *args], text=True, timeout=60, check=False,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE)
    return kith.Ctl(done.returncode, done.stdout, done.stderr)


class Files(unittest.TestCase):
    def setUp(self):
        made = tempfile.TemporaryDirectory(prefix='kith-cert-')
        self.addCleanup(made.cleanup)
        self.dir = made.name

    def write(self, name, data):
        path = os.path.join(self.dir, name)
        with open(path, 'wb') as f:
            f.write(data)
        return path

    def check(self, *files):
        """(exit, tree) of kithctl custody check."""
        done = kithctl('--json', 'custody', 'check', *(
            self.write(f'{i}.kith', data) for i, data in enumerate(files)))
        self.assertEqual(done.err, '')
        return done.status, json.loads(done.out)

    def both(self, data, why):
        """What the reader makes of a file; kithctl has to agree."""
        mine = kc.Certificate(data)
        status, tree = self.check(data)
        theirs = tree['certificates'][0]
        found = [x for x in theirs['findings'] if x['wrong']]
        self.assertEqual(status, 0 if mine.proven else 1, why)
        self.assertEqual(theirs['proven'], mine.proven, why)
        self.assertEqual(theirs['continuous'], mine.proven, why)
        if mine.wrong:
            self.assertEqual(found[0]['rule'], mine.wrong.rule, why)
            self.assertEqual(found[0].get('place'),
                             mine.wrong.place and mine.say(mine.wrong.place), why)
        else:
            self.assertEqual([(d['region'], d['from'], d['to'], d['how'], d['term'], d['open'])
                              for d in theirs['duties']],
                             [(d.region.hex(), kc.plain_day(d.begin), kc.plain_day(d.end),
                               kc.HOW[d.how], d.term, d.open) for d in mine.duties], why)
            self.assertEqual([(x['rule'], x.get('place')) for x in theirs['findings']],
                             [(rule, place and mine.say(place)) for rule, place in mine.remarks],
                             why)
        return mine


class Table(Files):
    def test_sound_certificates_are_proven_by_both_and_in_the_same_words(self):
        for why, data in certmake.good():
            self.assertTrue(self.both(data, why).proven, why)

    def test_broken_certificates_are_refused_by_both_by_the_same_rule_and_at_the_same_place(self):
        for why, data in certmake.broken():
            self.assertFalse(self.both(data, why).proven, why)

    def test_both_say_which_two_contradict_each_other(self):
        for why, one, other in certmake.pairs():
            rule = kc.contradiction(kc.Certificate(one), kc.Certificate(other))
            for files in ((one, other), (other, one)):
                status, tree = self.check(*files)
                found = [c['rule'] for c in tree['contradictions']]
                self.assertEqual((status, found[:1]), (1, [rule]) if rule else (0, []), why)

    def test_no_beginning_of_a_certificate_is_one(self):
        data = certmake.Issue(certmake.moved(), certmake.SOUTH).bytes()
        for end in range(0, len(data), len(data) // 40):
            self.assertFalse(self.both(data[:end], f'the first {end} bytes').proven)

    def test_no_byte_can_be_changed_unseen(self):
        data = certmake.Issue(certmake.moved(), certmake.SOUTH).bytes()
        for at in range(0, len(data), len(data) // 120):
            bad = bytearray(data)
            bad[at] ^= 1 << at % 8
            mine = kc.Certificate(bytes(bad))
            self.assertFalse(mine.proven, f'byte {at}')
            self.both(bytes(bad), f'byte {at}')

    def test_a_file_that_is_far_too_large_gets_a_verdict(self):
        whole = certmake.Issue(certmake.moved(), certmake.SOUTH).bytes()
        self.assertEqual(self.both(whole + bytes(2 << 20), 'zeros behind it').wrong.rule, 'P11.1')
        many = certmake.Issue(certmake.moved(), certmake.SOUTH).altered(
            lambda i: i.file.path.extend([i.file.path[0]] * 3000))
        self.assertEqual(self.both(many, '3,000 times one change').wrong.rule, 'P11.1')

    def test_a_path_of_a_thousand_changes_is_checked_in_seconds(self):
        r = certmake.begun(certmake.SOUTH)
        for _ in range(450):
            offer = r.offer(certmake.NORTH, certmake.SOUTH)
            r.withdraw(certmake.NORTH, offer)
        mine = self.both(certmake.Issue(r, certmake.NORTH).bytes(), '450 offers')
        self.assertTrue(mine.proven)

    def test_what_cannot_be_read_at_all_is_said(self):
        done = kithctl('custody', 'check', os.path.join(self.dir, 'nothing'))
        self.assertEqual(done.status, 1)
        self.assertIn('cannot be read', done.err)
        self.assertEqual(kithctl('custody', 'check').status, 2)

    def test_the_screen_names_days_regions_fingerprints_and_the_verdict(self):
        path = self.write('moved.kith', certmake.Issue(certmake.moved(), certmake.SOUTH).bytes())
        done = kithctl('custody', 'check', path)
        self.assertEqual(done.status, 0)
        self.assertIn('as known to south-east on 2024-10-24', done.out)
        for days in ('2024-10-04 2024-10-15', '2024-10-16 2024-10-16', '2024-10-17 2024-10-17',
                     '2024-10-18 2024-10-24'):
            self.assertIn(days, done.out)
        for r in (certmake.NORTH, certmake.SOUTH):
            self.assertIn(kf.fingerprint_text(kf.sha256(r.cards[-1].card)), done.out)
        self.assertIn('CONTINUOUS', done.out)
        path = self.write('gone.kith', dict(certmake.broken())['without its release'])
        done = kithctl('custody', 'check', path)
        self.assertEqual(done.status, 1)
        self.assertIn('NOT PROVEN', done.out)
        self.assertRegex(done.out, r'P11\.4 +north-west/\w{8}/5 +it was taken out of the file')


class Met(Files):
    """Real regions that know each other."""
    names = ()

    @classmethod
    def setUpClass(cls):
        f = kith.Federation()
        cls.addClassCleanup(f.close)
        cls.regions = [f.region(n).start() for n in cls.names]
        for i, a in enumerate(cls.regions):
            for b in cls.regions[i + 1:]:
                kith.introduce(a, b)

    def prove(self, at, record, name, *more):
        path = os.path.join(self.dir, name)
        self.assertIn('CONTINUOUS', at.ctl('custody', 'prove', record, '--out', path, *more))
        with open(path, 'rb') as f:
            return f.read()


class Regions(Met):
    names = ('north-west', 'south-west', 'north-east')

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.north, cls.south, cls.east = cls.regions

    def move(self, record, a, b, accept=True):
        a.ctl('move', 'offer', record, '--to', b.name, '--reason', 'E3')

        def complete():
            done = b.run_ctl('--json', 'move', 'show', record)
            return done.status == 0 and json.loads(done.out)['moves'][-1]['state'] == 'complete'
        kith.wait_for(complete, 60, 'the record is complete')
        if accept:
            b.ctl('move', 'accept', record, '--worker', WORDS[1], '--team', WORDS[2])

    def custodian(self, at, record):
        return [c for c in at.ctl('custody', record, json=True)['custody']
                if not c.get('acting')][-1]['name']

    def moved(self):
        """A record that went from north to south to east, and what was proven on the way."""
        record = self.north.ctl('record', 'new', json=True)['made']['record']
        self.north.ctl('record', 'append', record, '--note', WORDS[0])
        proofs = [self.prove(self.north, record, 'made.kith')]
        self.move(record, self.north, self.south, accept=False)
        self.north.stop_link()
        self.south.ctl('move', 'accept', record, '--worker', WORDS[1], '--team', WORDS[2])
        proofs.append(self.prove(self.south, record, 'acting.kith'))
        acting = kc.Certificate(proofs[-1])
        self.assertEqual([(d.how, d.open) for d in acting.duties],
                         [(kc.MADE, True), (kc.ACTING, True)])
        self.north.start_link()
        kith.wait_for(lambda: self.custodian(self.south, record) == 'south-west', 60, 'released')
        self.move(record, self.south, self.east)
        for r in self.regions:
            kith.wait_for(lambda r=r: self.custodian(r, record) == 'north-east', 60,
                          f'the path has come to {r.name}')
            proofs.append(self.prove(r, record, f'{r.name}.kith'))
        return record, proofs

    def test_the_old_the_new_and_a_third_region_prove_the_same_and_offline(self):
        record, proofs = self.moved()
        for data in proofs:
            mine = self.both(data, 'issued on the way')
            self.assertEqual(mine.statement.record.hex(), record)
            for words in WORDS:
                self.assertNotIn(words.encode(), data)
        north, south, east = (kc.Certificate(d) for d in proofs[-3:])
        self.assertEqual([d.key for d in north.duties], [d.key for d in south.duties])
        self.assertEqual([d.key for d in north.duties], [d.key for d in east.duties])
        self.assertEqual([(d.term, d.how) for d in sorted(
            east.duties, key=lambda d: (d.term, d.how))],
                         [(1, kc.MADE), (1, kc.ACTING), (2, kc.CUSTODIAN), (2, kc.ACTING),
                          (3, kc.CUSTODIAN)])
        self.assertEqual(self.check(*proofs)[0], 0)
        for i, one in enumerate(proofs):
            for other in proofs[i + 1:]:
                self.assertIsNone(kc.contradiction(kc.Certificate(one), kc.Certificate(other)))
        self.tamper(proofs[-1])
        self.ask(record)

    def tamper(self, data):
        """What a third party does to a file of real regions is named by both."""
        whole = pb.Certificate.FromString(data)
        for i in range(len(whole.path)):
            gone = pb.Certificate.FromString(data)
            place = kf.header_decode(gone.path[i].header).place
            del gone.path[i]
            mine = self.both(km.protobuf(gone), f'without change {i}')
            self.assertEqual((mine.wrong.rule, mine.wrong.place), ('P11.4', place))
            later = pb.Certificate.FromString(data)
            control = pb.Control.FromString(later.path[i].body)
            control.date.day -= 1
            later.path[i].body = km.protobuf(control)
            mine = self.both(km.protobuf(later), f'change {i} of another day')
            self.assertEqual((mine.wrong.rule, mine.wrong.place), ('P2.5', place))
        for i in range(len(whole.cards)):
            gone = pb.Certificate.FromString(data)
            del gone.cards[i]
            self.assertIn(self.both(km.protobuf(gone), f'without card {i}').wrong.rule,
                          ('P1.6', 'P1.5'))
        later = pb.Certificate.FromString(data)
        said = pb.Statement.FromString(later.statement)
        said.duties[0].region = said.duties[-1].region
        later.statement = km.protobuf(said)
        self.assertEqual(self.both(km.protobuf(later), 'another region').wrong.rule, 'P11.3')

    def ask(self, record):
        """What cannot be proven is refused, with what to do."""
        out = os.path.join(self.dir, 'refused.kith')

        def refused(word, *args):
            done = self.north.run_ctl('custody', 'prove', record, '--out', out, *args)
            self.assertIn(word, done.err)
            self.assertFalse(os.path.exists(out))
            return done.status
        self.assertEqual(refused('before-record', '--to', '2020-01-01'), 1)
        self.assertEqual(refused('argument-wrong', '--from', '2199-01-01'), 1)
        self.assertEqual(refused('argument-wrong', '--from', '2026-02-02', '--to', '2026-01-01'), 1)
        self.assertEqual(refused('is no day', '--from', 'zz/05/2020'), 2)
        self.assertEqual(self.north.run_ctl('custody', 'prove', 'ffffff').status, 1)
        tree = self.north.ctl('custody', 'prove', record, '--to', '2199-01-01', '--out', out,
                              json=True)
        self.assertTrue(tree['proven'])
        self.assertLess(tree['to'], '2199')
        done = self.north.run_ctl('custody', 'prove', record, '--out', out)
        self.assertEqual(done.status, 1)
        self.assertIn('is there already', done.err)


class Emergency(Met):
    names = ('north-west', 'south-west', 'north-east', 'mid')

    def shown(self, record):
        return [{'name': r.name, **r.ctl('record', 'show', record, json=True)['records'][0]}
                for r in self.regions[:3]]

    def exported(self, at, record):
        path = os.path.join(self.dir, f'{at.name}.export')
        at.ctl('record', 'export', record, '--out', path)
        with open(path, 'rb') as f:
            return kr.Record(f.read())

    def test_a_record_whose_custodian_was_replaced_is_read_and_proven_whole_everywhere(self):
        north, south, east, mid = self.regions
        record = north.ctl('record', 'new', json=True)['made']['record']
        north.ctl('record', 'append', record, '--note', 'before')
        for r in (south, east):
            north.ctl('circle', 'add', record, r.name, '--role', 'reader', '--guardian')
        north.ctl('circle', 'add', record, 'mid', '--role', 'reader')
        for r in (south, east, mid):
            kith.wait_for(lambda r=r: r.run_ctl('record', 'show', record).status == 0, 60,
                          f'{r.name} holds it')
        kith.wait_for(lambda: len({r['changes'] for r in self.shown(record)}) == 1, 60, 'all hold')
        # Alone, the custodian begins an epoch; so does the one whom guardians put in its place.
        north.stop_link()
        for at, word in ((north, 'behind'), (east, 'after')):
            if at is east:
                gone = '--to', 'north-east', '--reason', 'unreachable', '--anyway'
                south.ctl('custody', 'resolve', record, *gone)
                kith.wait_for(lambda: east.run_ctl('custody', 'resolve', record, *gone).status == 0,
                              60, 'the vote of south')
            at.ctl('circle', 'remove', record, 'mid')
            at.ctl('record', 'append', record, '--note', word)
        north.start_link()
        # Without the newest key there is no state hash.
        kith.wait_for(lambda: len({(r.get('state_hash', r['name'] + '?'), r['changes'])
                                   for r in self.shown(record)}) == 1, 60, 'all read the same')
        for at in (north, south, east):
            mine = self.exported(at, record)
            self.assertEqual(mine.state_hash.hex(), self.shown(record)[0]['state_hash'], at.name)
            notes = [e.text for c in mine.changes.values() if c.body for e in c.body.entries
                     if e.text]
            self.assertEqual(sorted(notes), ['after', 'before', 'behind'], at.name)
            self.assertEqual([(mine.name(region), how, term) for region, _, _, how, term
                              in mine.custody.responsible()],
                             [('north-west', 'made the record', 1),
                              ('north-east', 'named by guardians', 2)], at.name)
            self.assertEqual(len({k[:2] for k in mine.custody.past_keys}), 2, at.name)
            self.assertEqual(mine.custody.epoch, 2, at.name)
            duties = self.both(self.prove(at, record, f'{at.name}.kith'), at.name).duties
            self.assertEqual([(d.how, d.term, d.open) for d in duties],
                             [(kc.MADE, 1, False), (kc.CUSTODIAN, 2, True)], at.name)


if __name__ == '__main__':
    kith.main()
