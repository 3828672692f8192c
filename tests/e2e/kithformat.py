# SPDX-License-Identifier: Apache-2.0
"""
The kith formats, from PROTOCOL.md alone

Bytes: ids, headers, signatures, content roots, sealing, wraps, cards, control bodies, sessions.
Shares no code with the C. What is refused raises Refused with the number of the rule. What a
record as a whole means (custody, circle, fold) stands in kithrecord.py.

Needs Debian's python3-cryptography, python3-protobuf and protoc: the modules for proto/*.proto are
made at import, in a directory that is gone afterwards.

long: one section for each section of PROTOCOL.md, to be read beside it.
"""
import hashlib
import hmac
import importlib
import os
import struct
import subprocess
import sys
import tempfile

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey, Ed25519PublicKey)
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


class Refused(Exception):
    """Something that the protocol refuses: the rule, and what is wrong in words."""

    def __init__(self, rule, text):
        super().__init__(f'{rule}: {text}')
        self.rule, self.text = rule, text


def need(holds, rule, text):
    if not holds:
        raise Refused(rule, text)


def _schemas(names):
    """The protobuf modules of proto/NAME.proto."""
    proto = os.path.join(SOURCE, 'proto')
    with tempfile.TemporaryDirectory() as made:
        done = subprocess.run(['protoc', f'--proto_path={proto}', f'--python_out={made}']
                              + [f'{n}.proto' for n in names], stderr=subprocess.PIPE, text=True)
        if done.returncode:
            raise RuntimeError(f'protoc: {done.stderr}')
        sys.path.insert(0, made)
        sys.dont_write_bytecode, before = True, sys.dont_write_bytecode
        try:
            return [importlib.import_module(f'{n}_pb2') for n in names]
        finally:
            sys.path.remove(made)
            sys.dont_write_bytecode = before


change_pb, record_pb, peer_pb, control_pb = _schemas(['change', 'record', 'peer', 'control'])


def decode(kind, data, rule, what, merged=False):
    """A protobuf message, or Refused. .merged: several, one after the other (P9.1)."""
    check_fields(kind.DESCRIPTOR, data, rule, what, merged)
    message = kind()
    try:
        message.ParseFromString(data)
    except Exception as e:  # DecodeError, and UnicodeDecodeError from some backends
        raise Refused(rule, f'{what} is not an encoding of {kind.DESCRIPTOR.name}') from e
    return message


def check_fields(descriptor, data, rule, what, merged=False):
    """(P8.6): what a library would let pass: a field of another wire type, or twice; text that is
    not UTF-8, or has a zero byte."""
    seen = set()
    for number, wire, _, value in scan(data, rule):
        field = descriptor.fields_by_number.get(number)
        if not field:
            continue
        name = f'{what}: {descriptor.name}.{field.name}'
        need(wire == (2 if field.type in (9, 11, 12) else 0), rule, f'{name} has wire type {wire}')
        need(merged or number not in seen or field.label == field.LABEL_REPEATED, rule,
             f'{name} stands there twice')
        seen.add(number)
        if field.type == 13:
            need(value < 1 << 32, rule, f'{name} is too large')
        elif field.type == 9:
            try:
                need('\0' not in value.decode(), rule, f'{name} has a zero byte')
            except UnicodeDecodeError as e:
                raise Refused(rule, f'{name} is not UTF-8') from e
        elif field.type == 11:
            check_fields(field.message_type, value, rule, what)


# Integers and hashes -------------------------------------------------------------------------

def be32(n):
    return struct.pack('>I', n)


def be64(n):
    return struct.pack('>Q', n)


def sha256(*parts):
    h = hashlib.sha256()
    for p in parts:
        h.update(p)
    return h.digest()


def hmac256(key, *parts):
    return hmac.new(key, b''.join(parts), hashlib.sha256).digest()


ZERO = bytes(32)

# P1 Names and keys ---------------------------------------------------------------------------


def region_id(first_card):
    """(P1.1)"""
    return sha256(first_card)[:16]


def incarnation_id(public):
    """(P1.2)"""
    return sha256(public)[:16]


def record_id(author, incarnation, random):
    """(P1.3)"""
    return sha256(b'kith/record/1\0', author, incarnation, random)[:16]


def sign_public(secret):
    return Ed25519PrivateKey.from_private_bytes(secret).public_key().public_bytes(
        Encoding.Raw, PublicFormat.Raw)


def dh_public(secret):
    return X25519PrivateKey.from_private_bytes(secret).public_key().public_bytes(
        Encoding.Raw, PublicFormat.Raw)


def dh(secret, public):
    try:
        return X25519PrivateKey.from_private_bytes(secret).exchange(
            X25519PublicKey.from_public_bytes(public))
    except ValueError as e:
        raise Refused('P8.4', 'an X25519 key of low order') from e


def sign(secret, label, message):
    """(P3.4): every label ends in /1 and a zero byte."""
    assert label.endswith(b'/1\0')
    return Ed25519PrivateKey.from_private_bytes(secret).sign(label + message)


def verified(public, label, message, signature):
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, label + message)
        return True
    except (InvalidSignature, ValueError):
        return False


NAME = frozenset('abcdefghijklmnopqrstuvwxyz0123456789-')


def check_card(data, what):
    card = decode(change_pb.Card, data, 'P1.4', what)
    need(card.version >= 1, 'P1.4', f'{what} has version 0')
    for field in ('before', 'root_key', 'next_root', 'control_key', 'kem_key'):
        need(len(getattr(card, field)) == 32, 'P1.4', f'{what}: {field} has not 32 bytes')
    need(1 <= len(card.curve_keys) <= 2 and all(len(k) == 32 for k in card.curve_keys),
         'P1.4', f'{what}: CURVE keys')
    need(1 <= len(card.name) <= 63 and set(card.name) <= NAME, 'P1.6', f'{what}: name')
    return card


class Region:
    """A bundle that proves itself."""

    def __init__(self, bundle, what='bundle'):
        need(len(bundle) <= 6144, 'P1.6', f'{what} has more than 6 KiB')
        b = decode(change_pb.CardBundle, bundle, 'P1.6', what)
        need(1 <= len(b.cards) <= 16, 'P1.6', f'{what} has {len(b.cards)} cards')
        self.bytes = bundle
        self.id = region_id(b.cards[0].card)
        self.cards = [c.card for c in b.cards]
        last = None
        for i, signed in enumerate(b.cards):
            name = f'{what}: card {i + 1}'
            card = check_card(signed.card, name)
            need(card.version == i + 1, 'P1.4', f'{name} has version {card.version}')
            need(card.before == (sha256(b.cards[i - 1].card) if i else ZERO), 'P1.4',
                 f'{name} does not follow the one before it')
            need(not i or card.root_key == last.root_key
                 or sha256(card.root_key) == last.next_root,
                 'P1.4', f'{name}: a root key that the card before did not name')
            need(verified(card.root_key, b'kith/card/1\0', signed.card, signed.signature),
                 'P1.4', f'{name} is not signed by its root key')
            last = card
        self.card, self.name = last, last.name
        self.fingerprint = sha256(b.cards[-1].card)
        self._read_incarnations(b, what)

    def _read_incarnations(self, b, what):
        need(verified(self.card.control_key, b'kith/incarnations/1\0', b.incarnations,
                      b.signature),
             'P1.5', f'{what}: the incarnation list is not signed by the control key')
        listed = decode(change_pb.Incarnations, b.incarnations, 'P1.5', what)
        need(listed.region == self.id, 'P1.5', f'{what}: incarnations of another region')
        need(1 <= len(listed.incarnations) <= 64, 'P1.6', f'{what}: number of incarnations')
        self.version, self.incarnations = listed.version, {}
        for i in listed.incarnations:
            need(len(i.key) == 32 and i.id == incarnation_id(i.key), 'P1.5',
                 f'{what}: incarnation {i.number} is not that of its key')
            need(i.status in (1, 2, 3), 'P1.5', f'{what}: incarnation {i.number}: status')
            self.incarnations[i.id] = i


def fingerprint_text(fingerprint):
    """(P1.7)"""
    digits = fingerprint.hex()
    return ' '.join(digits[i:i + 4] for i in range(0, 64, 4))


# P2 Header and change ------------------------------------------------------------------------

# name, how: bytes of that length, or a varint below that limit
HEADER = [('version', 1 << 32), ('record', 16), ('author', 16), ('incarnation', 16),
          ('seq', 1 << 64), ('prev', 32), ('body_hash', 32), ('content_root', 32),
          ('key_epoch', 1 << 32), ('key_class', 1 << 32), ('flags', 1 << 32)]
CONTROL, MUST_UNDERSTAND = 1, 2
BODY_MAX = 65672


def varint(n):
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    out.append(n)
    return bytes(out)


def read_varint(data, at, rule):
    """(value, the place after it); at most ten bytes, below 2^64."""
    value = 0
    for i in range(10):
        need(at < len(data), rule, 'ends inside a varint')
        value |= (data[at] & 127) << 7 * i
        at += 1
        if data[at - 1] < 128:
            need(value < 1 << 64, rule, 'a varint of more than 64 bits')
            return value, at
    raise Refused(rule, 'a varint of more than ten bytes')


class Header:
    def __init__(self, **fields):
        self.__dict__.update(fields)

    @property
    def place(self):
        return self.author, self.incarnation, self.seq

    @property
    def chain(self):
        return self.author, self.incarnation


def header_encode(**fields):
    """Canonical (P2.2), and unchecked: the vectors need headers that are wrong, too."""
    out = b''
    for number, (name, how) in enumerate(HEADER, 1):
        value = fields[name]
        if isinstance(value, bytes):
            out += bytes([number << 3 | 2]) + varint(len(value)) + value
        else:
            out += bytes([number << 3]) + varint(value)
    return out


def header_decode(data):
    fields, at = {}, 0
    for number, (name, how) in enumerate(HEADER, 1):
        is_bytes = how <= 32
        need(at < len(data), 'P2.2', f'the header ends before {name}')
        need(data[at] == number << 3 | (2 if is_bytes else 0), 'P2.2',
             f'where {name} should be stands something else')
        at += 1
        value, end = read_varint(data, at, 'P2.2')
        need(end - at == len(varint(value)), 'P2.2', f'{name}: not the shortest varint')
        at = end
        if is_bytes:
            need(value == how, 'P2.2', f'{name} has {value} bytes')
            need(at + how <= len(data), 'P2.2', f'the header ends inside {name}')
            fields[name] = data[at:at + how]
            at += how
        else:
            need(value < how, 'P2.2', f'{name} is too large')
            fields[name] = value
    need(at == len(data), 'P2.2', 'something follows the header')
    h = Header(**fields)
    need(h.version == 1, 'P2.1', f'header version {h.version}')
    need(h.seq >= 1, 'P2.4', 'seq is 0')
    need((h.seq == 1) == (h.prev == ZERO), 'P2.4', 'prev is zero at seq 1, and only there')
    need(h.flags <= 3, 'P2.7', f'flags {h.flags}')
    need(h.flags != MUST_UNDERSTAND, 'P2.7', 'must_understand without control')
    if h.flags & CONTROL:
        need(h.key_epoch == 0 and h.key_class == 0 and h.content_root == ZERO, 'P2.7',
             'a control change with an epoch, a class or a content root')
    else:
        need(h.key_epoch >= 1, 'P2.7', 'a sealed change of epoch 0')
    return h


def change_id(header):
    """(P2.3)"""
    return sha256(b'kith/change/1\0', header)


def merkle_path(hashed, index):
    """RFC 9162, 2.1.3.1, as it is written there, over leaves that are hashed."""
    if len(hashed) == 1:
        return []
    k = 1 << (len(hashed) - 1).bit_length() - 1
    if index < k:
        return merkle_path(hashed[:k], index) + [merkle(hashed[k:])]
    return merkle_path(hashed[k:], index - k) + [merkle(hashed[:k])]


def merkle_climb(leaf, index, size, path):
    """RFC 9162, 2.1.3.2, as it is written there: the root, or None."""
    fn, sn, r = index, size - 1, sha256(b'\0', leaf)
    for p in path:
        if sn == 0:
            return None
        if fn & 1 or fn == sn:
            r = sha256(b'\1', p, r)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = sha256(b'\1', r, p)
        fn, sn = fn >> 1, sn >> 1
    return r if sn == 0 else None


BATCH_MAX = 4096


def sign_change(secret, change):
    """(P3.1)"""
    return sign(secret, b'kith/sign/1\0', change)


def sign_batch(secret, changes, indexes=None):
    """(P3.6): the signatures of these changes, or of those at .indexes."""
    hashed = [sha256(b'\0', c) for c in changes]
    sig = sign(secret, b'kith/batch/1\0', be64(len(changes)) + merkle(hashed))
    return [sig + be32(i) + be32(len(changes)) + b''.join(merkle_path(hashed, i))
            for i in (range(len(changes)) if indexes is None else indexes)]


def signed_change(public, change, signature):
    """Whether a signature of either form is that of the change (P3.1, P3.6)."""
    if len(signature) == 64:
        return verified(public, b'kith/sign/1\0', change, signature)
    if len(signature) < 72 or (len(signature) - 72) % 32:
        return False
    index, size = struct.unpack('>II', signature[64:72])
    if not (2 <= size <= BATCH_MAX and index < size):
        return False
    path = [signature[i:i + 32] for i in range(72, len(signature), 32)]
    root = merkle_climb(change, index, size, path)
    return root is not None and verified(public, b'kith/batch/1\0', be64(size) + root,
                                         signature[:64])


def check_run(changes, key, label='run'):
    """(P3.2) .changes: (header bytes, signature, body). The last is signed, links and bodies hold."""
    need(1 <= len(changes) <= 256, 'P3.2', f'{label}: {len(changes)} changes')
    last = None
    for header, signature, body in changes:
        h = header_decode(header)
        need(len(body) <= BODY_MAX, 'P2.6', f'{label}: a body of {len(body)} bytes')
        need(sha256(body) == h.body_hash, 'P2.5', f'{label}: seq {h.seq}: body hash')
        if last:
            need(h.record == last[0].record and h.chain == last[0].chain
                 and h.seq == last[0].seq + 1 and h.prev == last[1],
                 'P2.4', f'{label}: seq {h.seq} does not follow')
        last = h, change_id(header)
    need(changes[-1][1], 'P3.2', f'{label}: the last change is not signed')
    need(signed_change(key, last[1], changes[-1][1]), 'P3.1',
         f'{label}: signature')


# P4 Sealed bodies and content ----------------------------------------------------------------

CHUNK = 16384


def body_context(record, author, incarnation, seq, epoch, key_class):
    """(P4.2)"""
    return (b'kith/body/1\0' + record + author + incarnation + be64(seq) + be32(epoch)
            + be32(key_class))


def blob_context(record, random, epoch, key_class):
    """(P4.2)"""
    return b'kith/blob/1\0' + record + random + be32(epoch) + be32(key_class)


def _sealing(key, salt, context):
    made = HKDFExpand(hashes.SHA512(), 76,
                      b'c2sp.org/chunked-encryption@v1+' + b'AEAD_AES_256_GCM' + b'\0' + salt
                      + context).derive(key)
    return AESGCM(made[:32]), made[32:44], made[44:]


def _chunk_nonce(nonce, number):
    return nonce[:4] + be64(struct.unpack('>Q', nonce[4:])[0] ^ number)


def seal(key, context, plain, salt):
    """(P4.1)"""
    aead, nonce, commitment = _sealing(key, salt, context)
    out = [salt, commitment]
    for number in range(len(plain) // CHUNK + 1):
        chunk = plain[number * CHUNK:(number + 1) * CHUNK]
        out.append(aead.encrypt(_chunk_nonce(nonce, number), chunk, None))
    return b''.join(out)


def unseal(key, context, sealed):
    """(P4.1)"""
    need(len(sealed) >= 24 + 32 + 16, 'P4.1', 'too short to be sealed')
    aead, nonce, commitment = _sealing(key, sealed[:24], context)
    need(hmac.compare_digest(commitment, sealed[24:56]), 'P4.1',
         'sealed under another key or for another place')
    out, at, number = [], 56, 0
    while True:
        chunk = sealed[at:at + CHUNK + 16]
        need(len(chunk) >= 16, 'P4.1', 'the last chunk is missing')
        try:
            out.append(aead.decrypt(_chunk_nonce(nonce, number), chunk, None))
        except InvalidTag as e:
            raise Refused('P4.1', f'chunk {number} does not open') from e
        at, number = at + len(chunk), number + 1
        if len(chunk) < CHUNK + 16:
            return b''.join(out)


def padded_len(length):
    size = 256
    while size < length + 4:
        size *= 2
    return size


def pad(body):
    """(P4.3)"""
    size = padded_len(len(body))
    need(size <= 65536, 'P4.3', f'a body of {len(body)} bytes')
    return (be32(len(body)) + body).ljust(size, b'\0')


def unpad(plain):
    """(P4.3)"""
    need(len(plain) >= 4, 'P4.3', 'no length')
    length = struct.unpack('>I', plain[:4])[0]
    need(length <= 65532 and len(plain) == padded_len(length), 'P4.3',
         f'{len(plain)} bytes for a body of {length}')
    need(not any(plain[4 + length:]), 'P4.3', 'padding that is not zero')
    return plain[4:4 + length]


def scan(data, rule='P4.4'):
    """The fields of an encoding: (number, wire type, raw, value). Groups are refused (P8.6)."""
    at = 0
    while at < len(data):
        start = at
        tag, at = read_varint(data, at, rule)
        number, wire = tag >> 3, tag & 7
        need(tag < 1 << 32 and number > 0, rule, f'field number {number}')
        value = None
        if wire == 0:
            value, at = read_varint(data, at, rule)
        elif wire == 2:
            length, at = read_varint(data, at, rule)
            need(at + length <= len(data), rule, 'ends inside a field')
            value = data[at:at + length]
            at += length
        else:
            need(wire in (1, 5), rule, f'wire type {wire}')
            at += 8 if wire == 1 else 4
            need(at <= len(data), rule, 'ends inside a field')
        yield number, wire, data[start:at], value


def leaves(body):
    """(P4.4): (entry, field, occurrence, raw) in order, and the seed."""
    out, seeds, entry, outer = [], [], 0, {}
    for number, wire, raw, value in scan(body):
        if number in (1, 9):
            need(wire == 2, 'P4.5', f'field {number} of a body is not bytes')
        if number == 1:
            seeds.append(value)
        elif number == 9:
            inner = {}
            for n, _, r, _ in scan(value):
                out.append((entry, n, inner.get(n, 0), r))
                inner[n] = inner.get(n, 0) + 1
            entry += 1
        else:
            out.append((0xffffffff, number, outer.get(number, 0), raw))
            outer[number] = outer.get(number, 0) + 1
    need(len(seeds) == 1 and len(seeds[0]) == 32, 'P4.5', 'a body has one seed of 32 bytes')
    need(entry <= 256, 'P4.5', f'{entry} entries')
    need(outer.get(5, 0) <= 64, 'P4.5', f'{outer.get(5, 0)} deps')
    return out, seeds[0]


def body_decode(data, what='body'):
    """(P4.5)"""
    leaves(data)
    b = decode(record_pb.Body, data, 'P4.5', what)
    need(b.HasField('clock'), 'P4.5', f'{what} has no clock')
    for d in b.deps:
        check_ref(d, f'{what}: a dep', 'P4.5')
    for e in b.entries:
        need(e.effective.precision <= 3, 'P4.5', f'{what}: precision of a date')
        for r in list(e.supersedes) + list(e.corrects):
            check_ref(r.change, f'{what}: what an entry supersedes', 'P4.5')
    return b


def merkle(hashed):
    """RFC 9162, 2.1.1, from leaf hashes."""
    if not hashed:
        return sha256(b'')
    if len(hashed) == 1:
        return hashed[0]
    k = 1
    while k * 2 < len(hashed):
        k *= 2
    return sha256(b'\1', merkle(hashed[:k]), merkle(hashed[k:]))


def content_root(body):
    found, seed = leaves(body)
    hashed = [sha256(b'\0', leaf_bytes(seed, i, leaf)) for i, leaf in enumerate(found)]
    return sha256(b'kith/content/1\0', be64(len(hashed)), merkle(hashed))


def leaf_salt(seed, number):
    return hmac256(seed, be32(number))


def leaf_bytes(seed, number, leaf):
    entry, field, occurrence, raw = leaf
    return leaf_salt(seed, number) + be32(entry) + be32(field) + be32(occurrence) + raw


# P5 Content keys -----------------------------------------------------------------------------

def commitment(record, epoch, key_class, key):
    """(P5.1)"""
    return sha256(b'kith/key/1\0', record, be32(epoch), be32(key_class), key)


def wrap_info(record, epoch, key_class, recipient, kem_key):
    """(P5.2)"""
    return b'kith/wrap/1\0' + record + be32(epoch) + be32(key_class) + recipient + kem_key


KEM_SUITE, HPKE_SUITE = b'KEM\x00\x20', b'HPKE\x00\x20\x00\x01\x00\x03'


def _extract(suite, salt, label, ikm):
    return hmac256(salt or ZERO, b'HPKE-v1', suite, label, ikm)


def _expand(suite, prk, label, info, length):
    return HKDFExpand(hashes.SHA256(), length,
                      struct.pack('>H', length) + b'HPKE-v1' + suite + label + info).derive(prk)


def _hpke(shared, enc, recipient, info):
    prk = _extract(KEM_SUITE, b'', b'eae_prk', shared)
    secret = _expand(KEM_SUITE, prk, b'shared_secret', enc + recipient, 32)
    context = (b'\0' + _extract(HPKE_SUITE, b'', b'psk_id_hash', b'')
               + _extract(HPKE_SUITE, b'', b'info_hash', info))
    prk = _extract(HPKE_SUITE, secret, b'secret', b'')
    return (ChaCha20Poly1305(_expand(HPKE_SUITE, prk, b'key', context, 32)),
            _expand(HPKE_SUITE, prk, b'base_nonce', context, 12))


def wrap(recipient_key, info, key, ephemeral):
    """(P5.2), RFC 9180: enc || ciphertext || tag."""
    enc = dh_public(ephemeral)
    aead, nonce = _hpke(dh(ephemeral, recipient_key), enc, recipient_key, info)
    return enc + aead.encrypt(nonce, key, None)


def unwrap(secret, info, wrapped):
    need(len(wrapped) == 80, 'P5.2', f'a wrap of {len(wrapped)} bytes')
    aead, nonce = _hpke(dh(secret, wrapped[:32]), wrapped[:32], dh_public(secret), info)
    try:
        return aead.decrypt(nonce, wrapped[32:], None)
    except InvalidTag as e:
        raise Refused('P5.2', 'a wrap that does not open') from e


# P6 Control bodies ---------------------------------------------------------------------------

(GENESIS, CIRCLE, OFFER, WITHDRAW, ACCEPT, DECLINE, STAND_DOWN, RELEASE, KEY_EPOCH, CLOSE,
 ERASURE, ASSUME, RESOLVE) = range(1, 14)
KINDS = ['?', 'genesis', 'circle', 'offer', 'withdraw', 'accept', 'decline', 'stand down',
         'release', 'key epoch', 'close', 'erasure', 'assume', 'resolve']

# What each kind has beside kind, date, term and clock, and what it may have (P6.1).
NEEDS = {GENESIS: ['genesis', 'keys'], CIRCLE: ['right', 'circle'],
         OFFER: ['right', 'before', 'to', 'code', 'manifest'],
         WITHDRAW: ['right', 'before', 'offer'], ACCEPT: ['right', 'before', 'offer'],
         DECLINE: ['right', 'before', 'offer', 'code'],
         STAND_DOWN: ['right', 'before', 'offer', 'withdraw'],
         RELEASE: ['right', 'before', 'offer', 'accept', 'manifest'],
         KEY_EPOCH: ['right', 'keys'], CLOSE: ['last'], ERASURE: ['right'],
         ASSUME: ['right', 'to', 'code'], RESOLVE: ['right', 'to', 'code', 'last']}
MAY = {CIRCLE: ['before'], KEY_EPOCH: ['before'], CLOSE: ['right', 'before'],
       ERASURE: ['before'], ASSUME: ['votes'], RESOLVE: ['votes']}


def check_ref(ref, what, rule='P6.1'):
    need(len(ref.author) == 16 and len(ref.incarnation) == 16 and ref.seq >= 1
         and len(ref.change) == 32, rule, f'{what} does not name a place and a change')


def check_commitments(keys, what):
    need(len(keys) <= 64, 'P6.1', f'{what}: {len(keys)} key commitments')
    for k in keys:
        need(k.epoch >= 1 and len(k.commitment) == 32 and getattr(k, 'class') < 32, 'P5.1',
             f'{what}: a key commitment')


def control_decode(body, what='control'):
    """(P6.1): limits, widths, and what the kind needs and may have."""
    need(len(body) <= 65536, 'P6.1', f'{what} has {len(body)} bytes')
    kind = [v for n, w, _, v in scan(body, 'P6.1') if n == 1 and w == 0]
    need(kind, 'P6.1', f'{what} has no kind')
    if kind[0] not in NEEDS:
        known = (1, 2, 3, 4, 5, 17)
        return decode(change_pb.Control, b''.join(
            raw for n, _, raw, _ in scan(body, 'P6.1') if n in known), 'P6.1', what)
    c = decode(change_pb.Control, body, 'P6.1', what)
    what = f'{what} ({KINDS[c.kind]})'
    there = {f.name for f, _ in c.ListFields()}
    needs = {'kind', 'date', 'term', 'clock', *NEEDS[c.kind]}
    need(needs <= there, 'P6.1', f'{what} without {", ".join(sorted(needs - there))}')
    other = there - needs - {'words', *MAY.get(c.kind, ())}
    need(not other, 'P6.1', f'{what} with {", ".join(sorted(other))}')
    for field in ('right', 'before', 'words', 'offer', 'accept', 'withdraw', 'last'):
        if c.HasField(field):
            check_ref(getattr(c, field), f'{what}: {field}')
    need(c.term >= 1, 'P6.1', f'{what}: term 0')
    need(c.date.precision == 3, 'P6.1', f'{what}: its date is no day')
    check_commitments(c.keys, what)
    need(all((k.epoch == 1) == (c.kind == GENESIS) and k.epoch == c.keys[0].epoch
             for k in c.keys), 'P5.1', f'{what}: epoch of a key commitment')
    if c.kind == GENESIS:
        need(len(c.genesis.random) == 32, 'P1.3', f'{what}: random bytes')
        need(c.genesis.suite == 1, 'P6.2', f'{what}: suite {c.genesis.suite}')
        need(c.term == 1, 'P6.2', f'{what}: term {c.term}')
    if c.kind in (ACCEPT, DECLINE, STAND_DOWN):
        need(c.right == c.offer, 'P6.3', f'{what}: its right is not the Offer')
    need(c.kind not in (OFFER, DECLINE, ASSUME, RESOLVE) or c.code >= 1, 'P6.1',
         f'{what}: code 0')
    need(c.kind not in (OFFER, ASSUME, RESOLVE) or len(c.to) == 16, 'P6.1', f'{what}: to')
    need(len(c.votes) <= 64, 'P6.1', f'{what}: {len(c.votes)} votes')
    for vote in c.votes:
        check_ref(vote, f'{what}: a vote')
    if c.HasField('manifest'):
        need(len(c.manifest.heads) <= 256 and len(c.manifest.lacks) <= 256, 'P6.1',
             f'{what}: heads in the manifest')
        need(len(c.manifest.blobs) in (0, 32), 'P6.1', f'{what}: blobs in the manifest')
        check_commitments(c.manifest.keys, what)
        for h in list(c.manifest.heads) + list(c.manifest.lacks):
            check_ref(h, f'{what}: a head')
    if c.kind == CIRCLE:
        _check_circle(c.circle, what)
    return c


def _check_circle(circle, what):
    rows = len(circle.set) + len(circle.removed)
    need(1 <= rows <= 64, 'P6.1', f'{what}: {rows} rows')
    for row in circle.set:
        need(len(row.region) == 16 and row.role in (1, 2, 3)
             and all(k < 32 for k in row.classes), 'P6.1', f'{what}: a row')
    for row in circle.removed:
        need(len(row.region) == 16 and row.keep <= 1 and len(row.last) <= 256, 'P6.1',
             f'{what}: a removal')
        for h in row.last:
            check_ref(h, f'{what}: a head')


def ref_place(ref):
    return ref.author, ref.incarnation, ref.seq


# P8 Links and sessions -----------------------------------------------------------------------

def check_hello(signed_hello):
    """(P8.2): the Hello of a SignedHello, proved by the bundle in it."""
    s = decode(peer_pb.SignedHello, signed_hello, 'P8.1', 'hello')
    need(len(s.hello) <= 8192, 'P8.2', 'a HELLO of more than 8 KiB')
    h = decode(peer_pb.Hello, s.hello, 'P8.1', 'hello')
    region = Region(h.bundle, 'hello')
    need(region.id == getattr(h, 'from'),
         'P8.2', 'a HELLO with the bundle of another region')
    need(h.incarnation in region.incarnations, 'P1.5', 'incarnation of the HELLO')
    need(verified(region.incarnations[h.incarnation].key, b'kith/hello/1\0', s.hello,
                  s.signature), 'P8.2', 'signature of the HELLO')
    return h


def session_keys(shared, hello_small, hello_large):
    """(P8.4): (key of the smaller region, key of the larger)."""
    prk = hmac256(ZERO, shared)
    made = HKDFExpand(hashes.SHA256(), 64, b'kith/session/1\0' + sha256(hello_small)
                      + sha256(hello_large)).derive(prk)
    return made[:32], made[32:]


def frame_seal(key, counter, message):
    return AESGCM(key).encrypt(be32(0) + be64(counter), message, None)


def frame_open(key, counter, sealed):
    try:
        return AESGCM(key).decrypt(be32(0) + be64(counter), sealed, None)
    except InvalidTag as e:
        raise Refused('P8.4', f'frame {counter} does not open') from e
