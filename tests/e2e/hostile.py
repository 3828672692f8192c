# SPDX-License-Identifier: Apache-2.0
"""
A hostile peer with valid keys

A region of its own, written from PROTOCOL.md: it has a card, a place among the peers and keys that
are good, and then says whatever a test wants it to say, over ZeroMQ to a real kith-link. Also the
strangers who have no keys at all. It decides nothing about what is right.

    evil = Hostile('mallory')
    evil.introduce(north)
    with evil.link(north) as link:
        link.greet()
        link.say(doorbell={})
        link.until_gone()

Waiting is for what happens, with a limit; a link that ends raises Gone.
"""
import base64
import contextlib
import os
import random
import socket
import threading
import time

import zmq
from zmq.utils import z85
from zmq.utils.monitor import recv_monitor_message

import kithformat as kf
import kithmake
from kithformat import change_pb, peer_pb

WAIT = 20
FRAME_MAX = 262144

_context = zmq.Context()


class Gone(Exception):
    """The link has ended."""


def pause(seconds):
    """The one pause here: a flood that goes on for a time, and who has nothing to wait for."""
    time.sleep(seconds)


class Mark:
    """What kithmake asks of a region that is not its own: an id."""

    def __init__(self, region_id):
        self.id = region_id


def facts(region):
    """The card of a real region, proved."""
    path = os.path.join(region.dir, f'{region.name}.{time.monotonic_ns()}.card')
    region.ctl('region', 'card', '--out', path)
    with open(path, encoding='ascii') as f:
        text = f.read()
    body = text.split('-----BEGIN KITH REGION CARD-----')[1].split('-----END')[0]
    return kf.Region(base64.b64decode(body))


class Hostile(kithmake.Region):
    def __init__(self, name, listen=None):
        self.listen = listen
        super().__init__(name, endpoints=[listen] if listen else [])
        self.boot = os.urandom(16)

    def add_card(self, root):
        """Without an endpoint it is not dialled: it comes when it likes."""
        if not self.listen:
            self.endpoints = []
        super().add_card(root)

    def introduce(self, victim):
        """With kithctl peer add, as an administrator would be talked into."""
        path = os.path.join(victim.dir, f'{self.name}.card')
        text = base64.b64encode(self.bundle()).decode()
        with open(path, 'w', encoding='ascii') as f:
            f.write('-----BEGIN KITH REGION CARD-----\n')
            f.writelines(text[i:i + 64] + '\n' for i in range(0, len(text), 64))
            f.write('-----END KITH REGION CARD-----\n')
        at = len(victim.link.lines)
        victim.ctl('peer', 'add', path, '--yes')
        # Until kith-link has heard of it, it is a stranger there.
        victim.link.wait_line(f'knows {len(victim.peers())} region', after=at)
        return self

    def link(self, victim, **keys):
        return Link(self, victim, **keys)


def curve(s, secret, server=None):
    s.curve_secretkey = z85.encode(secret)
    s.curve_publickey = z85.encode(kf.dh_public(secret))
    if server:
        s.curve_serverkey = z85.encode(server)
    else:
        s.curve_server = True


class Link:
    """One connection to a victim. Not greeted until .greet(), and not for several threads."""

    def __init__(self, us, victim, secret=None):
        self.us, self.them = us, victim.facts
        self.s = _context.socket(zmq.DEALER)
        self.s.linger, self.s.reconnect_ivl, self.s.sndhwm = 0, -1, 64
        self.s.rcvhwm = 4
        curve(self.s, secret or us.curve, self.them.card.curve_keys[0])
        self.events = self.s.get_monitor_socket(
            zmq.EVENT_DISCONNECTED | zmq.EVENT_HANDSHAKE_SUCCEEDED | zmq.EVENT_CLOSED
            | zmq.EVENT_HANDSHAKE_FAILED_AUTH | zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL
            | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL)
        self.s.connect(victim.endpoint)
        self.out = self.into = 0
        self.early = []
        self.ended, self.key_in = False, None
        self.ephemeral = os.urandom(32)

    def close(self):
        if not self.s.closed:
            self.s.disable_monitor()
            self.s.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # ---- Below the session ----

    def look(self, wait=0):
        """Hear what the monitor says: whether it has ended."""
        while self.events.poll(int(wait * 1000)):
            if recv_monitor_message(self.events)['event'] != zmq.EVENT_HANDSHAKE_SUCCEEDED:
                self.ended = True
            wait = 0
        return self.ended

    def raw(self, data, wait=WAIT, more=False):
        """One message part; raises Gone when nobody takes it."""
        end = time.monotonic() + wait
        while True:
            try:
                return self.s.send(data, zmq.DONTWAIT | (zmq.SNDMORE if more else 0))
            except zmq.Again:
                if self.look(0.01) or time.monotonic() > end:
                    raise Gone('nobody takes it') from None

    def raw_hear(self, wait=WAIT):
        """The next frame as bytes; None when none came in time."""
        end = time.monotonic() + wait
        while True:
            if self.s.poll(20):
                return self.s.recv()
            if self.look():
                if self.s.poll(0):
                    return self.s.recv()
                raise Gone('the link has ended')
            if time.monotonic() > end:
                return None

    def until_gone(self, wait=WAIT):
        """Hears everything until the link ends; what it was told, as far as it opens."""
        end, told = time.monotonic() + wait, []
        while time.monotonic() < end:
            try:
                if not self.key_in:
                    self.raw_hear(0.2)
                elif (m := self.hear(0.2)) is not None:
                    told.append(m)
            except Gone:
                return told
            except kf.Refused:
                pass
        raise AssertionError('the link still stands')

    # ---- HELLO ----

    def hello(self, signer=None, **other):
        """A HELLO frame; any field of Hello can be another one."""
        us, them = self.us, self.them
        fields = {'wire_min': 1, 'wire_max': 1, 'from': us.id, 'to': them.id,
                  'bundle': us.bundle(), 'incarnation': us.incarnation(), 'boot_nonce': us.boot,
                  'ephemeral': kf.dh_public(self.ephemeral), 'curve_from': kf.dh_public(us.curve),
                  'curve_to': them.card.curve_keys[0], 'software': 'hostile 6.6.6'}
        fields.update(other)
        self.hello_sent = kithmake.protobuf(peer_pb.Hello(**fields))
        signature = kf.sign(signer or us.signers[0], b'kith/hello/1\0', self.hello_sent)
        return kithmake.protobuf(peer_pb.Frame(hello=peer_pb.SignedHello(
            hello=self.hello_sent, signature=signature)))

    def greet(self, wait=WAIT):
        """Both HELLOs, honestly; the session stands."""
        self.raw(self.hello())
        return self.agree(wait)

    def agree(self, wait=WAIT):
        got = self.raw_hear(wait)
        if got is None:
            raise Gone('no HELLO came')
        frame = peer_pb.Frame.FromString(got)
        theirs = kf.check_hello(frame.hello.SerializeToString())
        small = self.us.id < self.them.id
        both = ((self.hello_sent, frame.hello.hello) if small
                else (frame.hello.hello, self.hello_sent))
        keys = kf.session_keys(kf.dh(self.ephemeral, theirs.ephemeral), *both)
        self.key_out, self.key_in = keys if small else keys[::-1]
        self.incarnation = theirs.incarnation
        return self

    # ---- In session ----

    def sealed(self, message):
        """A frame with these bytes of a message, and the next counter."""
        data = kf.frame_seal(self.key_out, self.out, message)
        self.out += 1
        return kithmake.protobuf(peer_pb.Frame(sealed=data))

    def frame(self, **fields):
        return self.sealed(kithmake.protobuf(peer_pb.Message(**fields)))

    def say(self, **fields):
        self.raw(self.frame(**fields))
        return self

    def hear(self, wait=WAIT):
        """The next message; None when none came in time."""
        got = self.raw_hear(wait)
        if got is None:
            return None
        plain = kf.frame_open(self.key_in, self.into, peer_pb.Frame.FromString(got).sealed)
        self.into += 1
        self.plain = plain
        return peer_pb.Message.FromString(plain)

    def expect(self, kind, wait=WAIT):
        """The next message of this kind; others are kept in .early."""
        end = time.monotonic() + wait
        while True:
            m = self.hear(max(end - time.monotonic(), 0))
            if m is None:
                raise AssertionError(f'no {kind} came')
            if m.HasField(kind):
                return getattr(m, kind)
            self.early.append(m)

    def feed(self, *items, through=1):
        """Items: a record id, or a list of changes."""
        f = peer_pb.Feed(through=through)
        for i in items:
            if isinstance(i, bytes):
                f.items.add(backfill=i)
            else:
                f.items.add().run.CopyFrom(run(i))
        return self.say(feed=f)

    def feed_req(self, after=0, incarnation=None, budget=1 << 20):
        return self.say(feed_req=peer_pb.FeedReq(
            incarnation=incarnation or self.incarnation, after=after, budget=budget))

    def get(self, record, request=1, keys=True):
        return self.say(get=peer_pb.Get(request=request, record=record, budget=160 * 1024,
                                        keys=keys))

    def expect_get(self, record, wait=WAIT):
        """The next GET about that record."""
        while True:
            g = self.expect('get', wait)
            if g.record == record:
                return g

    def wraps(self, record, wrong=False):
        """The keys of a record for the victim; .wrong: other keys than were committed to."""
        out = []
        for (epoch, key_class), key in sorted(record.keys.items()):
            info = kf.wrap_info(record.id, epoch, key_class, self.them.id, self.them.card.kem_key)
            w = peer_pb.KeyWrap(epoch=epoch, wrap=kf.wrap(
                self.them.card.kem_key, info, os.urandom(32) if wrong else key, os.urandom(32)))
            setattr(w, 'class', key_class)
            out.append(w)
        return out

    def answer(self, get, record, done=True, wraps=None, path=None, runs=None, cards=None,
               evidence=()):
        """What an honest holder of the record would answer, and any of its parts as given."""
        controls = [c for c in record.changes if header(c).flags & kf.CONTROL]
        chains = [c for c in record.chains.values()] if runs is None else runs
        return self.say(changes=peer_pb.Changes(
            request=get.request, record=get.record, done=done,
            cards=[r.bundle() for r in record.regions.values()] if cards is None else cards,
            path=[wire(c) for c in (controls if path is None else path)],
            keys=self.wraps(record) if wraps is None else wraps, evidence=evidence,
            runs=[run(c) for c in chains]))


def header(c):
    return kf.header_decode(c.header)


def wire(c):
    out = change_pb.Change(header=c.header, body=c.body)
    if c.signature:
        out.signature = c.signature
    return out


def proof(held, other):
    """A proof of a fork, or what pretends to be one: a change of either branch (P3.7)."""
    def bare(c):
        return change_pb.Change(header=c.header, signature=c.signature)
    return kithmake.protobuf(peer_pb.Evidence(held=[bare(held)], other=[bare(other)]))


def run(changes):
    return peer_pb.Run(changes=[wire(c) for c in changes])


def shared(us, victim, name):
    """A record of ours that the victim is in the circle of, and that nobody else has seen."""
    record = kithmake.Record(us, f'{us.name}/{name}')
    record.admit(us, Mark(victim.facts.id))
    return record


# ---- Strangers ----

class Stranger:
    """A TCP connection that is nobody's. address: where it comes from."""

    def __init__(self, port, address='127.0.0.1'):
        self.s = socket.socket()
        self.s.settimeout(WAIT)
        self.s.bind((address, 0))
        self.s.connect(('127.0.0.1', port))

    def send(self, data):
        """What fits; nobody need be there any more."""
        self.s.setblocking(False)
        try:
            return self.s.send(data)
        except (BlockingIOError, ConnectionError):
            return 0

    def close(self):
        self.s.close()


@contextlib.contextmanager
def crowd(port, *what, address='127.0.0.1', at_once=400):
    """Strangers without end: for each thing to say one after the other comes and says it, and of
    so many the oldest goes."""
    stop, crowds = threading.Event(), [[] for _ in what]

    def come(here, say):
        while not stop.is_set():
            try:
                s = Stranger(port, address)
                s.send(say)
                here.append(s)
            except OSError:
                pause(0.01)
            while len(here) > at_once:
                here.pop(0).close()

    threads = [threading.Thread(target=come, args=a, daemon=True) for a in zip(crowds, what)]
    for t in threads:
        t.start()
    try:
        yield
    finally:
        stop.set()
        for t in threads:
            t.join(10)
        for s in sum(crowds, []):
            s.close()


GREETING = (b'\xff' + bytes(8) + b'\x7f' + b'\x03\x00' + b'CURVE'.ljust(20, b'\0') + b'\0'
            + bytes(31))


def command(name, body):
    """A ZMTP command of any size."""
    data = bytes([len(name)]) + name + body
    if len(data) < 256:
        return b'\x04' + bytes([len(data)]) + data
    return b'\x06' + len(data).to_bytes(8, 'big') + data


def announce(size):
    """The head of a frame that will never be whole."""
    return b'\x06' + size.to_bytes(8, 'big')


def noise(rng=random.Random(3), size=4096):
    return rng.randbytes(size)
