#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
usage: make_vectors.py [--check]

Writes proto/vectors/*.json from kithformat.py: the same files every time. With --check nothing is
written, and files that differ are named (exit 1).

long: one function for each file of vectors; most lines are the vectors themselves.
"""
import json
import os
import sys

import certmake
import kithcert as kc
import kithformat as kf
import kithmake as km
import kithrecord as kr
from kithformat import change_pb as pb, peer_pb, record_pb
from kithmake import chance, make_ref, protobuf

NORTH, SOUTH = km.Region('north-west'), km.Region('south-east', incarnations=2)
RECORD = kf.record_id(NORTH.id, NORTH.incarnation(), chance('vectors', 'record'))


def plain(value):
    """Messages and bytes as JSON: bytes in hex."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if hasattr(value, 'ListFields'):
        return {f.name: plain(list(v) if f.label == f.LABEL_REPEATED else v)
                for f, v in value.ListFields()}
    return value


def refusal(call, *args):
    """The rule by which it is refused; a vector that is not refused is a mistake here."""
    try:
        call(*args)
    except kf.Refused as r:
        return r.rule
    raise AssertionError(f'not refused: {call.__name__}')


def refused(call, cases):
    return [{'why': why, 'rule': refusal(call, *(data if isinstance(data, tuple) else (data,))),
             'bytes': data[0] if isinstance(data, tuple) else data} for why, data in cases]


def ids():
    random = chance('vectors', 'record')
    return {
        'regions': [{'first_card': r.cards[0].card, 'id': r.id} for r in (NORTH, SOUTH)],
        'incarnations': [{'key': kf.sign_public(s), 'id': kf.incarnation_id(kf.sign_public(s))}
                         for s in SOUTH.signers],
        'records': [{'author': NORTH.id, 'incarnation': NORTH.incarnation(), 'random': random,
                     'id': RECORD}],
    }


def header_fields(**other):
    return {**dict(version=1, record=RECORD, author=NORTH.id, incarnation=NORTH.incarnation(),
                   seq=2, prev=chance('prev'), body_hash=chance('body'),
                   content_root=chance('root'), key_epoch=1, key_class=0, flags=0), **other}


def headers():
    control = dict(content_root=kf.ZERO, key_epoch=0)
    good = [header_fields(), header_fields(seq=1, prev=kf.ZERO), header_fields(seq=127),
            header_fields(seq=128), header_fields(seq=2**64 - 1, key_epoch=2**32 - 1),
            header_fields(key_epoch=300, key_class=1), header_fields(flags=1, **control),
            header_fields(flags=3, seq=1, prev=kf.ZERO, **control)]

    def wrong(**other):
        return kf.header_encode(**header_fields(**other))

    h = wrong()
    at_author = 2 + 18
    author = h[at_author:at_author + 18]
    rest = h[at_author + 18:]
    tail = wrong(flags=1, **control)
    cases = [
        ('empty', b''), ('one byte', h[:1]), ('without its last byte', h[:-1]),
        ('a byte follows', h + b'\0'), ('an unknown field follows', h + b'\x60\1'),
        ('a field twice', h + h[-2:]), ('a field left out', h[:at_author] + rest),
        ('fields out of order', h[:2] + author + h[2:at_author] + rest),
        ('a varint that is too long', b'\x08\x81\0' + h[2:]),
        ('a length that is too long', h[:2] + b'\x12\x90\0' + h[4:]),
        ('a tag that is too long', b'\x88\0' + h[1:]),
        ('a varint of eleven bytes', b'\x08' + b'\x81' * 10 + b'\0' + h[2:]),
        ('version 0', wrong(version=0)), ('version 2', wrong(version=2)),
        ('version of 33 bits', wrong(version=2**32 + 1)),
        ('an id of 15 bytes', wrong(record=RECORD[:15])),
        ('an id of 17 bytes', wrong(author=NORTH.id + b'\0')),
        ('an id of no bytes', wrong(incarnation=b'')),
        ('a hash of 31 bytes', wrong(body_hash=bytes(31))),
        ('a hash of 33 bytes', wrong(content_root=bytes(33))),
        ('seq 0', wrong(seq=0)), ('prev at seq 1', wrong(seq=1)),
        ('epoch of 33 bits', wrong(key_epoch=2**32 + 1)),
        ('sealed with epoch 0', wrong(key_epoch=0)),
        ('must_understand alone', wrong(flags=2)), ('an unknown flag', wrong(flags=4)),
        ('an unknown flag beside control', wrong(flags=5, **control)),
        ('control with an epoch', wrong(flags=1, content_root=kf.ZERO)),
        ('control with a class', wrong(flags=1, key_class=1, **control)),
        ('control with a content root', wrong(flags=1, key_epoch=0)),
        ('wire type of version', b'\x0d\1\0\0\0' + h[2:]),
        ('flags in two bytes', tail[:-1] + b'\x81\0'),
    ]
    return {'good': [{**f, 'seq': str(f['seq']), 'seq_be64': kf.be64(f['seq']),
                      'bytes': kf.header_encode(**f)} for f in good],
            'refused': refused(kf.header_decode, cases)}


def changes():
    r = km.Record(NORTH, 'vectors-run')
    made = [r.put(NORTH, r.entry(f'note {i}'), sign=False) for i in range(3)]
    made[2].sign()
    key = kf.sign_public(NORTH.signers[0])

    def rows(of):
        return [{'header': c.header, 'id': c.id, 'signature': c.signature, 'body': c.body,
                 'encoded': protobuf(pb.Change(
                     header=c.header, body=c.body,
                     **({'signature': c.signature} if c.signature else {})))} for c in of]

    def run(of):
        return [(c.header, c.signature, c.body) for c in of]

    kf.check_run(run(made), key)
    cut = run(made[:2])
    gap = run([made[0], made[2]])
    other = run(made[:2]) + [(made[2].header, made[2].signature, made[1].body)]
    bad = run(made[:2]) + [(made[2].header, bytes([made[2].signature[0] ^ 1])
                            + made[2].signature[1:], made[2].body)]
    moved = run(made[:2]) + [(made[2].header, r.begin.signature, made[2].body)]
    cases = [('the last is not signed', cut), ('one is missing', gap),
             ('another body', other), ('a bit of the signature', bad),
             ('the signature of another change', moved)]
    return {
        'secret': NORTH.signers[0], 'public': key,
        'signed': rows([r.begin]), 'run': rows(made),
        'refused_runs': [{'why': why, 'rule': refusal(kf.check_run, run_, key),
                          'run': [{'header': h, 'signature': s, 'body': b} for h, s, b in run_]}
                         for why, run_ in cases],
    }


def batches():
    """(P3.6): every place of small trees, some of the largest, and what is refused."""
    secret = NORTH.signers[0]
    key = kf.sign_public(secret)
    ids = [kf.sha256(b'change', kf.be32(i)) for i in range(kf.BATCH_MAX)]

    def rows(size, indexes):
        made = kf.sign_batch(secret, ids[:size], indexes)
        for i, signature in zip(indexes, made):
            assert kf.signed_change(key, ids[i], signature)
        return [{'index': str(i), 'change': ids[i], 'signature': s}
                for i, s in zip(indexes, made)]

    seven = kf.sign_batch(secret, ids[:7])
    sig, place, path = seven[2][:64], seven[2][64:72], seven[2][72:]
    be32, last = kf.be32, seven[6]

    def batch(signed, size=7):
        return kf.sign(secret, *signed) + be32(2) + be32(size) + path

    root = kf.merkle([kf.sha256(b'\0', c) for c in ids[:7]])
    one = kf.sign(secret, b'kith/batch/1\0', kf.be64(1) + kf.sha256(b'\0', ids[2]))
    cases = [
        ('another change', seven[3]), ('another place', sig + be32(3) + be32(7) + path),
        ('the place behind the last', sig + be32(7) + be32(7) + path),
        ('a size of 8 that has the same path', sig + be32(2) + be32(8) + path),
        ('a size of 4 and a path of 7', sig + be32(2) + be32(4) + path),
        ('size 0', sig + be32(0) + be32(0) + path),
        ('size 1, without a path', one + be32(0) + be32(1)),
        ('size 1, without place and path', one),
        ('a size of 2^32 - 1', sig + be32(2) + be32(2**32 - 1) + path),
        ('index and size of 2^32 - 1', sig + be32(2**32 - 1) * 2 + path),
        ('no path', sig + place), ('a hash of the path is missing', seven[2][:-32]),
        ('a hash too many', seven[2] + bytes(32)), ('a byte too many', seven[2] + b'\0'),
        ('a bit of the signature', bytes([sig[0] ^ 1]) + sig[1:] + place + path),
        ('a bit of the path', sig + place + path[:-1] + bytes([path[-1] ^ 1])),
        ('the path upside down', sig + place + path[64:] + path[32:64] + path[:32]),
        ('the path of the last', last[:64] + place + last[72:]),
        ('without its place', sig), ('a single signature and a place',
                                     kf.sign_change(secret, ids[2]) + place + path),
        ('the label of a single one', batch((b'kith/sign/1\0', kf.be64(7) + root))),
        ('the root alone', batch((b'kith/batch/1\0', root))),
        ('another region', kf.sign_batch(SOUTH.signers[0], ids[:7])[2]),
        ('a tree of the ids of nodes', kf.sign_batch(
            secret, [root, kf.sha256(b'\0', ids[2])])[1]),
        ('one more than the most', kf.sign_batch(
            secret, ids + [kf.sha256(b'one more')], [2])[0]),
    ]
    for why, signature in cases:
        if kf.signed_change(key, ids[2], signature):
            raise AssertionError(why)
    return {
        'secret': secret, 'public': key, 'single': kf.sign_change(secret, ids[0]),
        'batches': [{'size': str(n), 'signed': rows(n, range(n))} for n in (2, 3, 4, 5, 7, 8, 13)],
        'some': [{'size': str(n), 'signed': rows(n, [0, 1, n // 2 - 1, n // 2, n - 2, n - 1])}
                 for n in (256, 4095, kf.BATCH_MAX)],
        'refused': [{'why': why, 'change': ids[2], 'signature': s} for why, s in cases],
    }


def content():
    seed = chance('seed')
    note = record_pb.Entry(kind=1, title='visit', text='all well')
    ref = make_ref(km.Record(NORTH, 'vectors-run').begin)
    unknown = protobuf(note) + b'\xa2\x06\x03abc' + b'\xa8\x06\x2a' + b'\xa2\x06\x01x'
    bodies = [
        ('no leaves', protobuf(record_pb.Body(seed=seed))),
        ('no entries, one leaf', protobuf(record_pb.Body(seed=seed, clock=5))),
        ('two leaves', protobuf(record_pb.Body(seed=seed, clock=5, worker='ann'))),
        ('three leaves, one of an entry',
         protobuf(record_pb.Body(seed=seed, clock=5, worker='ann',
                                 entries=[record_pb.Entry(kind=1)]))),
        ('seven leaves, two entries',
         protobuf(record_pb.Body(seed=seed, clock=1 << 60, deps=[ref, ref],
                                 entries=[note, record_pb.Entry(kind=5)]))),
        ('an entry of kind 0 between', protobuf(record_pb.Body(
            seed=seed, clock=1, entries=[note, record_pb.Entry(kind=0), note]))),
        ('an entry without fields', b'\x0a\x20' + seed + b'\x10\x01\x4a\x00\x4a\x02\x08\x01'),
        ('every field of a body and an entry', everything(seed, ref)),
        ('unknown fields of each wire type, the clock behind the entries',
         b'\x0a\x20' + seed + b'\x4a' + kf.varint(len(unknown)) + unknown + b'\x10\x07'
         + b'\xa9\x06' + bytes(8) + b'\xad\x06' + bytes(4) + b'\xa2\x06\x00'),
        ('a tag and a length that are longer than they must be',
         b'\x0a\x20' + seed + b'\x90\x00\x07' + b'\x1a\x81\x00a'),
    ]

    # What nobody writes, and everybody reads: it decodes, and encodes otherwise.
    odd = {'no leaves', bodies[6][0], bodies[8][0], bodies[9][0]}

    def one(why, body):
        found, s = kf.leaves(body)
        if why != 'no leaves':  # nor a clock: no change has such a body
            kf.body_decode(body)
        hashed = [kf.sha256(b'\0', kf.leaf_bytes(s, i, x)) for i, x in enumerate(found)]
        return {'why': why, 'body': body, 'seed': s, 'canonical': why not in odd,
                'leaves': [{'entry': e, 'field': f, 'occurrence': o, 'raw': raw,
                            'salt': kf.leaf_salt(s, i)}
                           for i, (e, f, o, raw) in enumerate(found)],
                'root': kf.merkle(hashed), 'content_root': kf.content_root(body)}

    head = b'\x0a\x20' + seed
    cases = [
        ('ends inside a tag', head + b'\x80'), ('ends inside a varint', head + b'\x10\x80'),
        ('ends inside a length', head + b'\x1a'), ('ends inside a value', head + b'\x1a\x05abc'),
        ('field number 0', head + b'\x02\x00'), ('a group', head + b'\xa3\x06\xa4\x06'),
        ('wire type 6', head + b'\xa6\x06'), ('wire type 7', head + b'\xa7\x06'),
        ('a varint of eleven bytes', head + b'\x10' + b'\x80' * 10 + b'\x01'),
        ('ends inside eight bytes', head + b'\xa9\x06' + bytes(7)),
        ('ends inside four bytes', head + b'\xad\x06' + bytes(3)),
        ('an entry that ends inside a field', head + b'\x4a\x02\x08\x80'),
        ('an entry with a group', head + b'\x4a\x02\x0b\x0c'),
        ('a length beyond all bounds', head + b'\x1a\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01'),
    ]
    two = protobuf(record_pb.Body(seed=seed, clock=5, worker='ann'))

    def with_ref(**other):
        r = pb.Ref.FromString(protobuf(ref))
        for name, value in other.items():
            setattr(r, name, value)
        return protobuf(record_pb.Body(seed=seed, clock=5, deps=[r]))

    not_bodies = [
        ('empty', b''), ('no seed', two[34:]), ('two seeds', head + two),
        ('a seed of 31 bytes', b'\x0a\x1f' + seed[:31] + two[34:]),
        ('a seed that is a number', b'\x08\x01' + two[34:]), ('no clock', head),
        ('two clocks', two + b'\x10\x05'), ('entries that are a number', two + b'\x48\x01'),
        ('257 entries', two + b'\x4a\x00' * 257),
        ('65 deps', protobuf(record_pb.Body(seed=seed, clock=5, deps=[ref] * 65))),
        ('text that is not UTF-8', head + b'\x10\x05\x1a\x01\xff'),
        ('an overlong form', head + b'\x10\x05\x1a\x02\xc0\x80'),
        ('a surrogate', head + b'\x10\x05\x1a\x03\xed\xa0\x80'),
        ('text with a zero byte', head + b'\x10\x05\x1a\x03a\0b'),
        ('a dep with an author of 15 bytes', with_ref(author=bytes(15))),
        ('a dep on seq 0', with_ref(seq=0)),
        ('a kind of 33 bits', two + b'\x4a\x06\x08\x80\x80\x80\x80\x10'),
        ('a title twice', two + b'\x4a\x06\x2a\x01a\x2a\x01b'),
        ('a date of precision 4', two + b'\x4a\x04\x12\x02\x10\x04'),
        ('what is superseded without its change', two + b'\x4a\x04\x1a\x02\x10\x01'),
    ]
    return {'good': [one(*b) for b in bodies], 'refused': refused(kf.content_root, cases),
            'refused_bodies': refused(kf.body_decode, not_bodies)}


def everything(seed, ref):
    """A body that has every field of the schema."""
    row = record_pb.Row(table=2, authority='888', file='episodes.csv', line=7, year=2021,
                        copies=2, faults=['148', 'K02'])
    row.cells.add(column=b'CHILD', value=b'1001')
    row.cells.add(column=b'DECOM', value=b'12/05/2020\xff')
    at = record_pb.EntryRef(change=ref, index=1)
    return protobuf(record_pb.Body(
        seed=seed, clock=1 << 62, worker='Ann Example', role='social worker', deps=[ref],
        source='north case system', entries=[
            record_pb.Entry(kind=1, effective=pb.Date(day=-400, precision=3), supersedes=[at],
                            corrects=[at], title='visit', text='all well \u2014 caf\u00e9'),
            record_pb.Entry(kind=2, alias=record_pb.Alias(authority='888', child='1001')),
            record_pb.Entry(kind=3, effective=pb.Date(day=18394, precision=3), row=row),
            record_pb.Entry(kind=4, access=record_pb.Access(
                who='ann', role='social worker', purpose='review', kind=2, what=3)),
            record_pb.Entry(kind=6, worker=record_pb.Worker(
                name='Bob Example', role='social worker', team='leaving care'))]))


def pattern(length):
    return bytes(i * 7 + length & 255 for i in range(length))


def seals():
    key, other = chance('content key'), chance('another key')
    contexts = [kf.body_context(RECORD, NORTH.id, NORTH.incarnation(), 7, 1, 0),
                kf.blob_context(RECORD, chance('blob')[:16], 2, 1), b'']
    cases = [(n, contexts[0]) for n in (0, 1, 256, 16383, 16384, 16385, 32768, 65536)]
    cases += [(3, contexts[1]), (3, contexts[2])]
    good = []
    for i, (length, context) in enumerate(cases):
        salt = chance('salt', i)[:24]
        sealed = kf.seal(key, context, pattern(length), salt)
        assert kf.unseal(key, context, sealed) == pattern(length)
        good.append({'key': key, 'context': context, 'salt': salt, 'plain_len': length,
                     'sealed_len': len(sealed), 'sealed_sha256': kf.sha256(sealed),
                     'sealed': sealed[:1024]})
    sealed = kf.seal(key, contexts[0], pattern(3), chance('salt', 'x')[:24])
    long = kf.seal(key, contexts[0], pattern(16384), chance('salt', 'y')[:24])

    def try_open(data, k=key, context=contexts[0]):
        kf.unseal(k, context, data)

    bad = []
    for why, data, k, context in [
            ('empty', b'', key, contexts[0]), ('no chunk', sealed[:56], key, contexts[0]),
            ('half a tag', sealed[:64], key, contexts[0]),
            ('without its last byte', sealed[:-1], key, contexts[0]),
            ('a byte follows', sealed + b'\0', key, contexts[0]),
            ('another key', sealed, other, contexts[0]),
            ('another place', sealed, key, contexts[1]),
            ('a bit of the salt', b'\xff' + sealed[1:], key, contexts[0]),
            ('a bit of the commitment', sealed[:24] + b'\xff' + sealed[25:], key, contexts[0]),
            ('a bit of the text', sealed[:56] + bytes([sealed[56] ^ 1]) + sealed[57:], key,
             contexts[0]),
            ('a bit of the tag', sealed[:-1] + bytes([sealed[-1] ^ 1]), key, contexts[0])]:
        bad.append({'why': why, 'rule': refusal(try_open, data, k, context), 'key': k,
                    'context': context, 'sealed': data})
    refusal(try_open, long[:-16])
    return {'contexts': [
        {'kind': 'body', 'record': RECORD, 'author': NORTH.id,
         'incarnation': NORTH.incarnation(), 'seq': 7, 'epoch': 1, 'class': 0,
         'bytes': contexts[0]},
        {'kind': 'blob', 'record': RECORD, 'random': chance('blob')[:16], 'epoch': 2, 'class': 1,
         'bytes': contexts[1]}], 'good': good, 'refused': bad}


def pads():
    lengths = [0, 1, 251, 252, 253, 508, 509, 1020, 1021, 4092, 4093, 32764, 32765, 65532]
    good = [{'body_len': n, 'padded_len': len(kf.pad(pattern(n))),
             'padded_sha256': kf.sha256(kf.pad(pattern(n))), 'padded': kf.pad(pattern(n))[:512]}
            for n in lengths]
    p = kf.pad(b'abc')
    cases = [
        ('empty', b''), ('three bytes', p[:3]), ('only the length', p[:4]),
        ('without its last byte', p[:-1]), ('a byte more', p + b'\0'),
        ('the next size', p + bytes(256)), ('padding that is not zero', p[:-1] + b'\1'),
        ('padding that is not zero right behind', p[:7] + b'\1' + p[8:]),
        ('a length beyond the end', kf.be32(253) + p[4:]),
        ('a length of 32 bits', b'\xff\xff\xff\xff' + p[4:]),
        ('a body of 128 bytes, padded to 128', kf.be32(3) + bytes(124))]
    return {'good': good, 'too_long': 65533, 'refused': refused(kf.unpad, cases)}


def keys():
    out = {'commitments': [], 'wraps': []}
    for epoch, key_class in ((1, 0), (1, 1), (300, 0), (2**32 - 1, 31)):
        key = chance('key', epoch, key_class)
        out['commitments'].append({'record': RECORD, 'epoch': epoch, 'class': key_class,
                                   'key': key,
                                   'commitment': kf.commitment(RECORD, epoch, key_class, key)})
        public = kf.dh_public(SOUTH.kem)
        info = kf.wrap_info(RECORD, epoch, key_class, SOUTH.id, public)
        ephemeral = chance('ephemeral', epoch, key_class)
        wrapped = kf.wrap(public, info, key, ephemeral)
        assert kf.unwrap(SOUTH.kem, info, wrapped) == key
        out['wraps'].append({'record': RECORD, 'epoch': epoch, 'class': key_class,
                             'region': SOUTH.id, 'secret': SOUTH.kem, 'public': public,
                             'info': info, 'key': key, 'ephemeral': ephemeral, 'wrap': wrapped})
    w = out['wraps'][0]
    public, wrapped = w['public'], w['wrap']
    out['refused'] = [{'why': why, 'rule': refusal(kf.unwrap, secret, info, data),
                       'secret': secret, 'public': kf.dh_public(secret), 'info': info,
                       'wrap': data} for why, secret, info, data in [
        ('another region', NORTH.kem, w['info'], wrapped),
        ('another epoch', SOUTH.kem, kf.wrap_info(RECORD, 2, 0, SOUTH.id, public), wrapped),
        ('a bit of enc', SOUTH.kem, w['info'], bytes([wrapped[0] ^ 1]) + wrapped[1:]),
        ('a bit of the key', SOUTH.kem, w['info'],
         wrapped[:40] + bytes([wrapped[40] ^ 1]) + wrapped[41:]),
        ('a bit of the tag', SOUTH.kem, w['info'], wrapped[:-1] + bytes([wrapped[-1] ^ 1])),
        ('enc of low order', SOUTH.kem, w['info'], kf.ZERO + wrapped[32:])]]
    return out


def bundle_row(why, region):
    made = kf.Region(region.bundle())
    card = pb.Card.FromString(region.cards[-1].card)
    return {'why': why, 'region': made.id, 'name': made.name,
            'cards': [{'card': c.card, 'signature': c.signature,
                       'root_key': pb.Card.FromString(c.card).root_key} for c in region.cards],
            'newest': plain(card), 'incarnations': region.incarnations(),
            'incarnations_fields': plain(pb.Incarnations.FromString(region.incarnations())),
            'incarnations_signature': pb.CardBundle.FromString(region.bundle()).signature,
            'fingerprint': made.fingerprint,
            'fingerprint_text': kf.fingerprint_text(made.fingerprint), 'bundle': made.bytes}


def cards():
    same, rotated, two = km.Region('south-west'), km.Region('east'), km.Region('london', 2)
    same.endpoints = ['tcp://198.51.100.7:7470', 'tcp://backup.example:7470']
    same.add_card(0)
    rotated.add_card(1)
    rotated.add_card(2)
    good = [bundle_row('one card', NORTH), bundle_row('two incarnations', two),
            bundle_row('a second card, the same root key', same),
            bundle_row('the root key changed twice', rotated)]

    def altered(change):
        b = pb.CardBundle.FromString(rotated.bundle())
        change(b)
        return protobuf(b)

    stolen = km.Region('east')
    stolen.add_card(3)

    def other_control(b):
        b.signature = kf.sign(NORTH.control, b'kith/incarnations/1\0', b.incarnations)

    def other_region(b):
        x = pb.CardBundle.FromString(NORTH.bundle())
        b.incarnations = x.incarnations
        b.signature = kf.sign(rotated.control, b'kith/incarnations/1\0', b.incarnations)

    def flipped(b):
        b.cards[1].signature = bytes([b.cards[1].signature[0] ^ 1]) + b.cards[1].signature[1:]

    def no_id(b):
        x = pb.Incarnations.FromString(b.incarnations)
        x.incarnations[0].id = bytes(16)
        b.incarnations = protobuf(x)
        b.signature = kf.sign(rotated.control, b'kith/incarnations/1\0', b.incarnations)

    cases = [
        ('no cards', altered(lambda b: b.ClearField('cards'))),
        ('the second card is missing', altered(lambda b: b.cards.__delitem__(1))),
        ('a signature', altered(flipped)),
        ('cards of another region', altered(lambda b: b.cards[0].CopyFrom(NORTH.cards[0]))),
        ('a root key that the card before did not name', stolen.bundle()),
        ('the list signed by another control key', altered(other_control)),
        ('the list of another region', altered(other_region)),
        ('an incarnation id that is not of its key', altered(no_id))]
    return {'good': good, 'refused': refused(kf.Region, cases)}


def controls():
    r, north, south = km.two_regions()
    second = r.offer(south, north, term=2)
    decline = r.answer(kf.DECLINE, north, second, term=2, code=3)
    third = r.offer(south, north, term=2)
    r.answer(kf.ACCEPT, north, third, term=2)
    gone = r.withdraw(south, third, term=2)
    r.answer(kf.STAND_DOWN, north, third, term=2, withdraw=make_ref(gone))
    r.remove(south, north, [r.chains[north.id, north.incarnation()][-1]], term=2)
    r.put_control(south, kf.CLOSE, last=make_ref(decline, pb.Head))
    kr.Record(r.export())
    good = []
    erasure = r.put_control(south, kf.ERASURE, term=2, right=make_ref(r.begin))
    vote = r.put_control(south, kf.ASSUME, term=2, right=make_ref(r.begin), to=north.id, code=1)
    r.put_control(north, kf.RESOLVE, term=2, right=make_ref(r.begin), to=north.id, code=2,
                  last=make_ref(decline, pb.Head), votes=[make_ref(vote)])
    kinds = {}
    for c in r.changes:
        if not kf.header_decode(c.header).flags:
            continue
        k = kf.control_decode(c.body)
        kinds.setdefault(k.kind, c)
        good.append({'kind': k.kind, 'name': kf.KINDS[k.kind], 'fields': plain(k),
                     'bytes': c.body})
    assert set(kinds) == set(range(1, 14))
    genesis, circle, offer = kinds[kf.GENESIS], kinds[kf.CIRCLE], kinds[kf.OFFER]
    close = kinds[kf.CLOSE]

    def without(change, field, what=None):
        k = pb.Control.FromString(change.body)
        (what(k) if what else k).ClearField(field)
        return protobuf(k)

    def with_rows(n):
        k = pb.Control.FromString(circle.body)
        while len(k.circle.set) < n:
            k.circle.set.add(region=chance(len(k.circle.set))[:16], role=2, classes=[0],
                             first_epoch=1)
        return protobuf(k)

    def short_ref():
        k = pb.Control.FromString(offer.body)
        k.right.author = k.right.author[:15]
        return protobuf(k)

    def with_heads(n):
        k = pb.Control.FromString(offer.body)
        while len(k.manifest.heads) < n:
            k.manifest.heads.add(author=NORTH.id, incarnation=chance(len(k.manifest.heads))[:16],
                                 seq=1, change=kf.ZERO)
        return protobuf(k)

    beside = protobuf(pb.Control(offer=make_ref(second)))
    cases = [('not an encoding', b'\x08'), ('empty', b''),
             ('a field twice', offer.body + b'\x18\1'),
             ('a term of another wire type', without(offer, 'term') + b'\x1d' + bytes(4)),
             ('genesis without genesis', without(genesis, 'genesis')),
             ('close with an offer', close.body + beside),
             ('genesis without keys', without(genesis, 'keys')),
             ('genesis without random bytes',
              without(genesis, 'random', lambda k: k.genesis)),
             ('offer without to', without(offer, 'to')),
             ('offer without right', without(offer, 'right')),
             ('offer without manifest', without(offer, 'manifest')),
             ('decline without offer', without(decline, 'offer')),
             ('right with an author of 15 bytes', short_ref()),
             ('right without the id of the change',
              without(offer, 'change', lambda k: k.right)),
             ('erasure without right', without(erasure, 'right')),
             ('release without accept', without(r.begin, 'accept')),
             ('circle without rows', without(circle, 'set', lambda k: k.circle)),
             ('offer without date', without(offer, 'date')),
             ('offer without code', without(offer, 'code')),
             ('offer without term', without(offer, 'term')),
             ('offer without clock', without(offer, 'clock')),
             ('65 rows', with_rows(65)), ('257 heads', with_heads(257))]
    kf.control_decode(with_rows(64))
    kf.control_decode(with_heads(256))
    later = protobuf(pb.Control(kind=99, clock=7)) + b'\xa2\x06\x03abc'
    kf.control_decode(later)
    return {'good': good, 'unknown': [{'kind': 99, 'bytes': later}],
            'refused': refused(kf.control_decode, cases)}


def hello_of(a, b, ephemeral):
    h = peer_pb.Hello(
        wire_min=1, wire_max=1, to=b.id, bundle=a.bundle(), incarnation=a.incarnation(),
        boot_nonce=chance(a.name, 'boot')[:16], ephemeral=kf.dh_public(ephemeral),
        curve_from=kf.dh_public(a.curve), curve_to=kf.dh_public(b.curve), software='kith 0.1')
    setattr(h, 'from', a.id)
    h.last_seen.incarnation, h.last_seen.feed = b.incarnation(), 41
    h.last_seen.running = chance(a.name, 'running')
    return protobuf(h)


def hellos():
    a, b = sorted((NORTH, SOUTH), key=lambda r: r.id)
    eph = [chance(r.name, 'hello') for r in (a, b)]
    data = [hello_of(a, b, eph[0]), hello_of(b, a, eph[1])]
    shared = kf.dh(eph[0], kf.dh_public(eph[1]))
    session = kf.session_keys(shared, *data)
    sides, frames = [], []
    for region, ephemeral, hello, key in zip((a, b), eph, data, session):
        signed = peer_pb.SignedHello(hello=hello, signature=kf.sign(
            region.signers[0], b'kith/hello/1\0', hello))
        kf.check_hello(protobuf(signed))
        sides.append({'region': region.id, 'fields': plain(peer_pb.Hello.FromString(hello)),
                      'incarnation_secret': region.signers[0],
                      'incarnation_key': kf.sign_public(region.signers[0]),
                      'ephemeral_secret': ephemeral, 'hello': hello,
                      'signature': signed.signature,
                      'frame': protobuf(peer_pb.Frame(hello=signed)), 'key': key})
    for kind, m in messages(a):
        for side, key in zip(('small', 'large'), session):
            n = sum(1 for f in frames if f['from'] == side)
            sealed = kf.frame_seal(key, n, protobuf(m))
            assert kf.frame_open(key, n, sealed) == protobuf(m)
            frames.append({'from': side, 'nonce': bytes(4) + kf.be64(n), 'kind': kind, 'message': protobuf(m),
                           'sealed': sealed, 'frame': protobuf(peer_pb.Frame(sealed=sealed))})
    far = kf.frame_seal(session[0], 2**64 - 1, b'last')
    frames.append({'from': 'small', 'nonce': bytes(4) + kf.be64(2**64 - 1), 'kind': None, 'message': b'last',
                   'sealed': far, 'frame': protobuf(peer_pb.Frame(sealed=far))})
    return {'small': sides[0], 'large': sides[1], 'shared': shared, 'frames': frames}


def messages(asked):
    """One of each kind of message."""
    r = km.Record(NORTH, 'vectors-run')
    made = [r.put(NORTH, r.entry(f'note {i}'), sign=i == 1) for i in range(2)]

    def change(c):
        return pb.Change(header=c.header, body=c.body,
                         **({'signature': c.signature} if c.signature else {}))

    run = peer_pb.Run(changes=[change(c) for c in made])
    wrapped = peer_pb.KeyWrap(epoch=1, wrap=bytes(chance('wrap') * 3)[:80])
    setattr(wrapped, 'class', 1)
    yield 'error', peer_pb.Message(error=peer_pb.Error(code=1, text='no common wire version'))
    yield 'bye', peer_pb.Message(bye=peer_pb.Bye(code=2))
    yield 'doorbell', peer_pb.Message(doorbell=peer_pb.Doorbell())
    yield 'feed_req', peer_pb.Message(feed_req=peer_pb.FeedReq(
        incarnation=asked.incarnation(), after=300, budget=1 << 20))
    yield 'feed', peer_pb.Message(feed=peer_pb.Feed(
        items=[peer_pb.FeedItem(run=run), peer_pb.FeedItem(backfill=RECORD)], through=302))
    yield 'reconcile', peer_pb.Message(reconcile=peer_pb.Reconcile(
        incarnation=asked.incarnation(), **{'from': 9}))
    yield 'get', peer_pb.Message(get=peer_pb.Get(
        request=7, record=RECORD, budget=1 << 20, keys=True,
        have=[peer_pb.Have(author=NORTH.id, incarnation=NORTH.incarnation(), seq=3)]))
    yield 'changes', peer_pb.Message(changes=peer_pb.Changes(
        request=7, record=RECORD, cards=[NORTH.bundle()], path=[change(r.begin)],
        keys=[wrapped], runs=[run], done=True))
    yield 'none', peer_pb.Message(changes=peer_pb.Changes(
        request=8, record=RECORD, done=True, none=True))


class Graph:
    """A small set of changes that exist only as the fold sees them."""

    def __init__(self):
        self.rows, self.heads = [], {}

    def add(self, who, clock, deps=(), entries=0, supersedes=(), **other):
        """.entries: how many; .supersedes: (own entry, row, entry)."""
        author, incarnation = (chance('graph', who, i)[:16] for i in (0, 1))
        seq = self.heads[who] = self.heads.get(who, 0) + 1
        self.rows.append({
            'author': author, 'incarnation': incarnation, 'seq': seq,
            'id': chance('graph', who, seq, len(self.rows)), 'clock': clock,
            'control': other.get('control', False), 'class': other.get('key_class', 0),
            'deps': [{'row': d, 'wrong_id': False} if isinstance(d, int) else d for d in deps],
            'entries': [[{'row': r, 'index': i} for own, r, i in supersedes if own == n]
                        for n in range(entries)]})
        return len(self.rows) - 1

    def result(self, why):
        def place(row):
            return row['author'], row['incarnation'], row['seq']

        def named(d):
            r = self.rows[d['row']]
            return place(r), chance('wrong') if d['wrong_id'] else r['id']

        nodes = []
        for r in self.rows:
            opens = r['control'] or r['class'] == 0
            nodes.append(kr.Node(
                place(r), r['id'], r['clock'], [named(d) for d in r['deps']],
                [[(place(self.rows[s['row']]), self.rows[s['row']]['id'], s['index'])
                  for s in e] for e in r['entries']])
                         if opens else kr.Node(place(r), r['id']))
        ordered, status = kr.fold(nodes)
        # The same set in any order of arrival is the same state.
        assert (ordered, status) == kr.fold(nodes[::-1])
        key = chance('graph', 'key')
        index = {place(r): i for i, r in enumerate(self.rows)}
        return {'why': why, 'key': key, 'changes': list(self.rows),
                'order': [index[p] for p in ordered],
                'status': [status.get(place(r)) for r in self.rows],
                'state_hash': kr.state_hash(key, ordered, status,
                                            {n.place: n.id for n in nodes})}


def folds():
    out = []
    out.append(Graph().result('nothing'))
    g = Graph()
    for i in range(3):
        g.add('a', 10 - i, entries=1)
    out.append(g.result('a chain keeps its order whatever its clocks say'))
    g = Graph()
    for who in 'cab':
        for n in range(2):
            g.add(who, 5, entries=1)
    out.append(g.result('equal clocks: author, incarnation, seq'))
    g = Graph()
    a = g.add('a', 100, entries=1)
    g.add('b', 1, deps=[a], entries=1)
    g.add('c', 50, entries=2)
    out.append(g.result('after its deps, though its clock is smaller'))
    g = Graph()
    a = g.add('a', 1, entries=2)
    b = g.add('b', 2, deps=[a], entries=1, supersedes=[(0, a, 0)])
    g.add('c', 3, deps=[b], entries=1, supersedes=[(0, a, 0)])
    out.append(g.result('two supersede one, the second having seen the first: no conflict'))
    g = Graph()
    a = g.add('a', 1, entries=2)
    b = g.add('b', 2, deps=[a], entries=2, supersedes=[(1, a, 0)])
    c = g.add('c', 3, deps=[a], entries=1, supersedes=[(0, a, 0), (0, a, 1)])
    out.append(g.result('two supersede one, neither having seen the other: in conflict'))
    g.add('a', 4, deps=[b, c], entries=1, supersedes=[(0, b, 1), (0, c, 0)])
    out.append(g.result('a conflict that was settled'))
    g = Graph()
    a = g.add('a', 1, entries=1)
    b = g.add('b', 2, deps=[a], entries=1, supersedes=[(0, a, 0)])
    g.add('c', 3, deps=[a], entries=1, supersedes=[(0, a, 0)])
    g.add('b', 4, entries=1, supersedes=[(0, b, 0)])
    out.append(g.result('one side of a conflict is superseded: the other stays in conflict'))
    g = Graph()
    a = g.add('a', 9, entries=1, supersedes=[(0, 0, 0)])
    g.add('b', 2, deps=[{'row': a, 'wrong_id': True}], entries=2,
          supersedes=[(0, a, 7), (1, a, 0), (1, a, 0)])
    g.add('c', 3, entries=2, supersedes=[(0, a, 0), (1, a, 0)])
    out.append(g.result('a dep with another id, an index that is not there, the same twice'))
    g = Graph()
    g.add('a', 5, control=True)
    a = g.add('a', 6, entries=1)
    x = g.add('a', 7, key_class=1, entries=1)
    g.add('a', 8, entries=1)
    k = g.add('b', 90, control=True)
    g.add('c', 1, deps=[k], entries=1)
    g.add('d', 70, deps=[x], entries=1, supersedes=[(0, x, 0), (0, a, 0)])
    g.add('e', 60, key_class=1, deps=[k], entries=1)
    g.add('e', 3, entries=0)
    g.add('a', 2, entries=1)
    out.append(g.result('control changes count, without entries; class 1 has no clock of its own'))
    return {'cases': out}


def custody_row(why, r):
    """The control changes of a record, and what they amount to."""
    read = kr.Record(r.export())
    c = read.custody
    begun = [{'number': t.number, 'custodian': t.custodian, 'begun': t.begin.id}
             for t in c.terms]
    acting = sorted({region for region, _, end, how, _ in c.responsible()
                     if end is None and how.startswith('acting')})
    return {'why': why, 'record': r.id,
            'changes': [{'author': x.author, 'incarnation': x.incarnation, 'seq': x.seq,
                         'id': x.id, 'body': x.body}
                        for x in r.changes if kf.header_decode(x.header).flags],
            'terms': begun, 'acting': acting, 'epoch': c.epoch,
            'circle': [{'region': k, 'role': v} for k, v in sorted(c.roles.items())],
            'counts': [{'author': x.author, 'incarnation': x.incarnation, 'seq': x.seq,
                        'class': x.key_class, 'counts': c.counts(read.changes[x.place])}
                       for x in r.changes if not kf.header_decode(x.header).flags]}


def custodies():
    out = []
    north, south, east = (km.Region(n) for n in ('north-west', 'south-east', 'east'))

    def begin(*others):
        r = km.Record(north)
        for o in others:
            r.admit(north, o)
        return r

    out.append(custody_row('made, and nothing since', begin()))
    r = begin(south)
    r.offer(north, south)
    out.append(custody_row('offered', r))
    accept = r.answer(kf.ACCEPT, south, r.last)
    out.append(custody_row('accepted: two are responsible', r))
    offer = r.changes[-2]
    r.release(north, offer, accept)
    r.put(north, r.entry('a note of the old custodian'))
    r.put(south, r.entry('a note of the new one'))
    out.append(custody_row('released', r))
    back = r.offer(south, north, term=2)
    r.release(south, back, r.answer(kf.ACCEPT, north, back, term=2), term=2)
    out.append(custody_row('and moved back', r))
    r = begin(south, east)
    offer = r.offer(north, south)
    down = r.answer(kf.DECLINE, south, offer, code=2)
    last = r.put(south, r.entry('in time'))
    r.remove(north, south, [last])
    r.put(south, r.entry('too late'), epoch=1)
    r.offer(north, east)
    out.append(custody_row('declined, removed, offered to another', r))
    r = begin(south)
    offer = r.offer(north, south)
    r.answer(kf.ACCEPT, south, offer)
    gone = r.withdraw(north, offer)
    out.append(custody_row('Accept and Withdraw crossed: it stays acting', r))
    down = r.answer(kf.STAND_DOWN, south, offer, withdraw=make_ref(gone))
    out.append(custody_row('and stood down', r))
    r.remove(north, south, [down])
    r.admit(north, south, role=3)
    r.put(south, r.entry('a reader that was a writer'))
    r.put(south, r.entry('looked'), key_class=1)
    r.admit(north, east, role=3)
    r.put(east, r.entry('a reader'))
    r.put(east, r.entry('looked'), key_class=1)
    out.append(custody_row('put in again as a reader, beside one that never wrote', r))
    return {'cases': out}


GOOD_CERTIFICATES = {
    'made, and nothing since', 'declined, and offered to another', 'moved, as known to east',
    'moved, as known before the Release', 'moved, a question about one day of two',
    'a child that came back', 'Accept and Withdraw crossed, and its term passed',
    'an Accept dated back behind its Offer', 'a Release whose Accept has not come',
    'a forked custody', 'assumed, and resolved', 'resolved against a Release'}
BROKEN_CERTIFICATES = {
    'cut short', 'without its release', 'a changed date',
    'a changed date with a header to match', 'a changed date, signed anew by its own author',
    'a change twice', 'a change that was put in', 'another day in the statement',
    'the issuer leaves a gap', 'the issuer withholds accept 1',
    'the card of another region of that name'}


def place_row(place):
    return {} if place is None else {'author': place[0], 'incarnation': place[1], 'seq': place[2]}


def certificates():
    good, broken, pairs = [], [], []
    for why, data in certmake.good():
        c = kc.Certificate(data)
        assert c.proven, (why, c.wrong)
        if why in GOOD_CERTIFICATES:
            good.append({'why': why, 'file': data, 'record': c.statement.record,
                         'by': c.statement.by, 'from': c.first, 'to': c.last,
                         'duties': [{'region': d.region, 'from': d.begin, 'to': d.end,
                                     'how': d.how, 'term': d.term, 'open': d.open}
                                    for d in c.duties],
                         'remarks': [{'rule': rule, **place_row(place)}
                                     for rule, place in c.remarks]})
    for why, data in certmake.broken():
        c = kc.Certificate(data)
        assert not c.proven, why
        if why in BROKEN_CERTIFICATES:
            broken.append({'why': why, 'file': data, 'rule': c.wrong.rule,
                           **place_row(c.wrong.place)})
    for why, one, other in certmake.pairs():
        rule = kc.contradiction(kc.Certificate(one), kc.Certificate(other))
        pairs.append({'why': why, 'rule': rule or '', 'one': one, 'other': other})
    assert len(good) == len(GOOD_CERTIFICATES) and len(broken) == len(BROKEN_CERTIFICATES)
    return {'good': good, 'broken': broken, 'pairs': pairs}


FILES = {'ids': ids, 'header': headers, 'change': changes, 'batch': batches,
         'content': content, 'seal': seals,
         'pad': pads, 'keys': keys, 'card': cards, 'control': controls, 'hello': hellos,
         'fold': folds, 'custody': custodies, 'certificate': certificates}


def main(args):
    if args not in ([], ['--check']):
        print(__doc__.strip(), file=sys.stderr)
        return 2
    differ = 0
    for name, make in FILES.items():
        path = os.path.join(kf.SOURCE, 'proto', 'vectors', f'{name}.json')
        text = json.dumps(plain(make()), indent=1) + '\n'
        if not args:
            with open(path, 'w', encoding='ascii') as f:
                f.write(text)
        elif not os.path.exists(path) or open(path, encoding='ascii').read() != text:
            print(f'{path} is not what make_vectors.py makes')
            differ += 1
    print(f'{len(FILES) - differ} passed, {differ} failed' if args else f'{len(FILES)} files')
    return 1 if differ else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
