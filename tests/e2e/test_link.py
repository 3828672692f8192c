#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
kith-link, the real program, between kithds that are played here: each speaks link.proto over a
Unix socket. Strangers and peers that break the rules are plain ZeroMQ sockets. Whatever is
waited for is an event with a limit; nothing sleeps. (long: one test for each way a link can end.)
"""

import importlib
import os
import secrets
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import traceback

import zmq
from zmq.utils import z85
from zmq.utils.monitor import recv_monitor_message
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BIN = os.environ.get("KITH_BIN", os.path.join(ROOT, "build", "debug"))
WAIT = 20  # seconds for what must come
FRAME_MAX = 262144
LISTEN = "tcp://127.0.0.1:*"
RSS_MAX = (48 if os.path.basename(BIN) in ("debug", "release") else 192) << 20  # bytes


def load_schema(into):
    subprocess.run(
        ["protoc", f"--proto_path={ROOT}/proto", f"--python_out={into}", "link.proto"], check=True
    )
    sys.path.insert(0, into)
    return importlib.import_module("link_pb2")


class Key:
    """A transport key: X25519, which is what CURVE takes."""

    def __init__(self):
        raw = serialization.Encoding.Raw
        key = X25519PrivateKey.generate()
        self.secret = key.private_bytes(
            raw, serialization.PrivateFormat.Raw, serialization.NoEncryption()
        )
        self.public = key.public_key().public_bytes(raw, serialization.PublicFormat.Raw)

    def write(self, path):
        with open(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600), "w", encoding="ascii") as f:
            f.write(f"kith-key/1 transport plain\n{self.secret.hex()}\n")


class Side:
    """One region: a kithd that is played and its kith-link, which is not."""

    def __init__(self, name):
        self.dir = tempfile.mkdtemp(prefix=f"kith-link-{name}-", dir=TMP)
        self.region = secrets.token_bytes(16)
        self.key = Key()
        self.key.write(f"{self.dir}/key")
        self.endpoint = ""
        self.kithd = self.conn = self.link = None
        self.heard = []
        with open(f"{self.dir}/conf", "w", encoding="ascii") as f:
            f.write(f'state_dir = "{self.dir}"\nlog_level = debug\n')
            f.write(f'link_socket = "{self.dir}/s"\ntransport_key = "{self.dir}/key"\n')

    def start_kithd(self):
        self.kithd = socket.socket(socket.AF_UNIX)
        self.kithd.bind(f"{self.dir}/s")
        self.kithd.listen()
        self.kithd.settimeout(WAIT)

    def stop_kithd(self):
        for s in (self.conn, self.kithd):
            if s:
                s.close()
        self.conn = self.kithd = None
        self.heard = []
        os.unlink(f"{self.dir}/s")

    def start_link(self, descriptors=1024, env=None):
        with open(f"{self.dir}/log", "ab") as log:
            self.link = subprocess.Popen(
                ["prlimit", f"--nofile={descriptors}",
                 f"{BIN}/kith-link", "--config", f"{self.dir}/conf"], stderr=log,
                env={**os.environ, **(env or {})})

    def meet(self):
        """Wait for kith-link to connect; what it says first."""
        self.conn, _ = self.kithd.accept()
        self.conn.settimeout(WAIT)
        self.heard = []
        return self.expect("ready")

    def start(self):
        self.start_kithd()
        self.start_link()
        self.meet()
        return self

    def stop(self):
        if self.link and self.link.poll() is None:
            self.link.kill()
        if self.link:
            self.link.wait()
        for s in (self.conn, self.kithd):
            if s:
                s.close()

    def log(self):
        with open(f"{self.dir}/log", encoding="utf-8", errors="replace") as f:
            return f.read()

    def say(self, **what):
        bytes_ = LINK.LinkFrame(**what).SerializeToString()
        self.conn.sendall(struct.pack(">I", len(bytes_)) + bytes_)

    def read(self):
        def exactly(n):
            got = bytearray()
            while len(got) < n:
                more = self.conn.recv(n - len(got))
                if not more:
                    raise EOFError("kith-link closed its connection to kithd")
                got += more
            return bytes(got)

        frame = LINK.LinkFrame()
        frame.ParseFromString(exactly(struct.unpack(">I", exactly(4))[0]))
        return frame

    def expect(self, kind, **fields):
        """The next frame of this kind with these fields; others stay in their order."""

        def fits(f):
            return f.HasField(kind) and all(
                getattr(getattr(f, kind), k) == v for k, v in fields.items())

        for i, f in enumerate(self.heard):
            if fits(f):
                return getattr(self.heard.pop(i), kind)
        while True:
            f = self.read()
            if fits(f):
                return getattr(f, kind)
            self.heard.append(f)

    def peers(self, *others, listen=False, keys=None):
        """Name our peers. keys: another key for who is named there."""
        peers = []
        for o in others:
            key = (keys or {}).get(o, o.key.public)
            peers.append(LINK.LinkPeer(region=o.region, curve_keys=[key], endpoint=o.endpoint,
                                       dial_key=key))
        where = (self.endpoint or LISTEN) if listen else ""
        self.say(peers=LINK.LinkPeers(peers=peers, listen=where))
        if listen and not self.endpoint:
            self.endpoint = self.expect("ready").listening
        elif listen:
            self.expect("ready", listening=self.endpoint)

    def dial(self, other, link=1):
        self.say(dial=LINK.LinkDial(region=other.region, link=link))

    def send(self, link, frame):
        self.say(send=LINK.LinkSend(link=link, frame=frame))


class Raw:
    """A peer that is no kith-link: what it sends is up to the test."""

    def __init__(self, to, identity=None, key=None):
        self.region = secrets.token_bytes(16)
        self.key = key or Key()
        self.endpoint = ""
        self.to = to
        self.s = CTX.socket(zmq.DEALER)
        self.s.linger = 0
        self.s.reconnect_ivl = -1
        self.s.sndhwm = 4
        self.s.rcvtimeo = self.s.sndtimeo = WAIT * 1000
        if identity:
            self.s.setsockopt(zmq.ROUTING_ID, identity)
        self.s.curve_secretkey = z85.encode(self.key.secret)
        self.s.curve_publickey = z85.encode(self.key.public)
        self.s.curve_serverkey = z85.encode(to.key.public)
        self.events = self.s.get_monitor_socket()
        self.events.rcvtimeo = WAIT * 1000
        RAWS.append(self)

    def connect(self):
        self.s.connect(self.to.endpoint)
        return self

    def until(self, event):
        while recv_monitor_message(self.events)["event"] != event:
            pass

    def close(self):
        """Monitor first: libzmq waits for ever to tell one that has gone."""
        if not self.s.closed:
            self.s.disable_monitor()
            self.s.close()


SIDES = []
RAWS = []


def side(name):
    s = Side(name)
    SIDES.append(s)
    return s.start()


def pair():
    """Two regions with one link, which a has dialled."""
    a, b = side("a"), side("b")
    b.peers(a, listen=True)
    a.peers(b)
    return a, b, *link(a, b)


def link(a, b, number=1):
    """a dials b and says the first frame, as a kithd does; the link's number on both sides."""
    a.dial(b, number)
    up = a.expect("up", link=number)
    assert up.dialled and up.region == b.region and up.curve_key == b.key.public
    a.send(number, b"first")
    up = b.expect("up", region=a.region)
    assert not up.dialled and up.curve_key == a.key.public and up.link % 2 == 0
    assert b.expect("received", link=up.link).frame == b"first"
    return number, up.link


def first_frame_says_our_key_and_pid():
    a = Side("a")
    SIDES.append(a)
    a.start_kithd()
    a.start_link()
    ready = a.meet()
    assert ready.curve_key == a.key.public
    assert ready.pid == a.link.pid
    assert ready.listening == ""


def frames_of_every_size_go_both_ways_in_order():
    a, b, la, lb = pair()
    for n in (1, 2, 255, 256, 16384, FRAME_MAX - 1, FRAME_MAX):
        there, back = secrets.token_bytes(n), secrets.token_bytes(n)
        a.send(la, there)
        b.send(lb, back)
        assert b.expect("received", link=lb).frame == there
        assert a.expect("received", link=la).frame == back
    for i in range(500):
        a.send(la, struct.pack(">I", i))
    for i in range(500):
        assert b.expect("received", link=lb).frame == struct.pack(">I", i)


def peer_whose_key_is_not_the_one_on_its_card_is_refused():
    a, b = side("a"), side("b")
    b.peers(a, listen=True)
    a.peers(b, keys={b: Key().public})
    a.dial(b)
    down = a.expect("down", link=1)
    assert "not the one on its card" in down.reason, down.reason
    assert not b.heard


def region_that_is_not_a_peer_is_refused():
    a, b = side("a"), side("b")
    b.peers(listen=True)
    a.peers(b)
    a.dial(b)
    down = a.expect("down", link=1)
    assert "does not know our key" in down.reason, down.reason
    # And once it is one it comes in: the list is asked each time.
    b.say(peers=LINK.LinkPeers(listen=LISTEN, peers=[
        LINK.LinkPeer(region=a.region, curve_keys=[Key().public, a.key.public])]))
    link(a, b, 3)


def dial_that_nobody_answers_says_so():
    a, b = side("a"), side("b")
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        b.endpoint = f"tcp://127.0.0.1:{s.getsockname()[1]}"
    a.peers(b)
    a.dial(b)
    assert f"refused by {b.endpoint}" in a.expect("down", link=1).reason
    b.endpoint = "tcp://no:such:thing"
    a.peers(b)
    a.dial(b, 3)
    assert "not an endpoint" in a.expect("down", link=3).reason
    b.endpoint = ""
    a.peers(b)
    a.dial(b, 5)
    assert "no endpoint" in a.expect("down", link=5).reason
    a.say(dial=LINK.LinkDial(region=secrets.token_bytes(16), link=7))
    assert "not told of this peer" in a.expect("down", link=7).reason


def dropping_one_link_leaves_the_others():
    a, b, la, lb = pair()
    c = side("c")
    b.say(peers=LINK.LinkPeers(listen=LISTEN, peers=[
        LINK.LinkPeer(region=s.region, curve_keys=[s.key.public]) for s in (a, c)]))
    c.peers(b)
    lc, lbc = link(c, b)
    b.say(drop=LINK.LinkDrop(link=lb, reason="quota"))
    assert b.expect("down", link=lb).reason == "quota"
    assert "closed" in a.expect("down", link=la).reason
    c.send(lc, b"still here")
    assert b.expect("received", link=lbc).frame == b"still here"
    b.send(lbc, b"so am I")
    assert c.expect("received", link=lc).frame == b"so am I"
    link(a, b, 3)


def dropping_a_dialled_link_closes_it_at_the_other_end():
    a, b, la, lb = pair()
    a.say(drop=LINK.LinkDrop(link=la))
    assert a.expect("down", link=la)
    assert "closed" in b.expect("down", link=lb).reason


def peer_that_is_no_peer_any_more_loses_its_links():
    a, b, la, lb = pair()
    b.say(peers=LINK.LinkPeers(listen=LISTEN))
    assert "no peer any more" in b.expect("down", link=lb).reason
    a.expect("down", link=la)
    a.dial(b, 3)
    assert "does not know our key" in a.expect("down", link=3).reason


def frame_that_says_why_arrives_before_the_drop():
    a, b, la, lb = pair()
    for i in range(10):
        b.send(lb, b"error %d" % i)
        b.say(drop=LINK.LinkDrop(link=lb))
        assert a.expect("received", link=la).frame == b"error %d" % i
        a.expect("down", link=la)
        la, lb = link(a, b, 4 * i + 3)
        a.send(la, b"error %d" % i)
        a.say(drop=LINK.LinkDrop(link=la))
        assert b.expect("received", link=lb).frame == b"error %d" % i
        b.expect("down", link=lb)
        la, lb = link(a, b, 4 * i + 5)


def last_frames_before_a_close_are_delivered():
    """The reader is stopped, so that it meets frames and the end of the connection at once."""
    b, raw = raw_peer()
    raw.close()
    frames = [bytes([i]) * 200000 for i in range(8)]
    for i in range(10):
        raw = Raw(b, key=raw.key)
        raw.connect().until(zmq.EVENT_HANDSHAKE_SUCCEEDED)
        raw.s.send(b"hello")
        n = b.expect("up").link
        b.link.send_signal(signal.SIGSTOP)
        for f in frames:
            raw.s.send(f)
        raw.s.linger = WAIT * 1000
        raw.close()
        b.link.send_signal(signal.SIGCONT)
        assert b.expect("received", link=n).frame == b"hello"
        for f in frames:
            assert b.expect("received", link=n).frame == f
        b.expect("down", link=n)
        assert not b.heard, b.heard


def listening(context, of):
    """A peer's door that is no kith-link."""
    r = context.socket(zmq.ROUTER)
    r.linger = 0
    r.sndhwm = 4
    r.rcvtimeo = r.sndtimeo = WAIT * 1000
    r.router_mandatory = True  # waits
    r.curve_server = True
    r.curve_secretkey = z85.encode(of.key.secret)
    of.endpoint = f"tcp://127.0.0.1:{r.bind_to_random_port('tcp://127.0.0.1')}"
    return r


def last_frame_of_a_link_that_is_sent_to_is_delivered():
    b, raw = raw_peer()
    for i in range(100):
        raw.s.send(b"hello")
        n = b.expect("up").link
        assert b.expect("received", link=n).frame == b"hello"
        raw.s.send(b"why")
        raw.s.linger = WAIT * 1000
        raw.close()
        for _ in range(30):
            b.send(n, bytes(20000))
        assert b.expect("received", link=n).frame == b"why", i
        b.expect("down", link=n)
        raw = Raw(b, key=raw.key).connect()
    raw.close()


def raw_peer():
    b = side("b")
    b.endpoint = ""
    raw = Raw(b)
    b.peers(raw, listen=True)
    raw.connect().until(zmq.EVENT_HANDSHAKE_SUCCEEDED)
    return b, raw


def frame_over_the_limit_ends_the_link():
    b, raw = raw_peer()
    raw.s.send(b"hello")
    n = b.expect("up", region=raw.region).link
    raw.s.send(bytes(FRAME_MAX))
    assert len(b.expect("received", link=n, frame=bytes(FRAME_MAX)).frame) == FRAME_MAX
    raw.s.send(bytes(FRAME_MAX + 1))
    assert "over the limit" in b.expect("down", link=n).reason
    raw.until(zmq.EVENT_DISCONNECTED)
    raw.close()
    again = Raw(b, key=raw.key)
    again.connect().until(zmq.EVENT_HANDSHAKE_SUCCEEDED)
    again.s.send(b"hello")
    n = b.expect("up", region=raw.region).link
    again.s.send(bytes(1 << 20))  # ZeroMQ itself ends this one
    b.expect("down", link=n)
    again.until(zmq.EVENT_DISCONNECTED)
    again.close()


def message_of_several_parts_ends_the_link():
    b, raw = raw_peer()
    raw.s.send(b"hello")
    n = b.expect("up", region=raw.region).link
    raw.s.send_multipart([b"x"] * 100)
    assert "several parts" in b.expect("down", link=n).reason
    raw.until(zmq.EVENT_DISCONNECTED)
    raw.close()


def first_message_of_several_parts_never_becomes_a_link():
    b, raw = raw_peer()
    raw.s.send_multipart([b"hello", b"hello"])
    raw.until(zmq.EVENT_DISCONNECTED)
    raw.close()
    again = Raw(b, key=raw.key)
    again.connect().until(zmq.EVENT_HANDSHAKE_SUCCEEDED)
    again.s.send(b"one")
    b.expect("up", region=raw.region)
    assert b.expect("received").frame == b"one"
    assert not b.heard, b.heard
    again.close()


def dialled_peer_that_sends_several_parts_loses_the_link():
    a = side("a")
    other = Side("other")
    r = listening(CTX, other)
    a.peers(other)
    a.dial(other)
    a.expect("up", link=1)
    a.send(1, b"hello")
    who, _ = r.recv_multipart()
    r.send_multipart([who, b"one"])
    assert a.expect("received", link=1).frame == b"one"
    r.send_multipart([who, b"two", b"parts"])
    assert "several parts" in a.expect("down", link=1).reason
    r.close()


def peer_that_chooses_its_routing_id_is_sent_away():
    b = side("b")
    raw = Raw(b, identity=b"region-a")
    b.peers(raw, listen=True)
    raw.connect().until(zmq.EVENT_HANDSHAKE_SUCCEEDED)
    raw.s.send(b"hello")
    raw.until(zmq.EVENT_DISCONNECTED)
    raw.close()
    assert "routing id" in b.log()


def newest_links_of_one_peer_replace_the_oldest():
    b, raw = raw_peer()
    raws, links = [raw], []
    for i in range(5):
        if i:
            raws.append(Raw(b, key=raw.key).connect())
        raws[-1].s.send(b"hello")
        links.append(b.expect("up", region=raw.region).link)
    assert "newer links" in b.expect("down", link=links[0]).reason
    raws[0].until(zmq.EVENT_DISCONNECTED)
    raws[4].s.send(b"here")
    assert b.expect("received", link=links[4], frame=b"here")
    for r in raws:
        r.close()


def kithd_that_restarts_gets_its_links_again():
    a, b, la, lb = pair()
    b.stop_kithd()
    assert "closed" in a.expect("down", link=la).reason
    # Nobody is let in while there is nobody to ask, and soon nobody listens.
    for number in range(3, 1001, 2):
        a.dial(b, number)
        reason = a.expect("down", link=number).reason
        if "refused by" in reason:
            break
        assert "handshake" in reason, reason
    assert "refused by" in reason, reason
    b.start_kithd()
    b.meet()
    b.peers(a, listen=True)
    link(a, b, 1001)
    assert b.link.poll() is None


def kithd_may_come_after_kith_link():
    a = Side("a")
    SIDES.append(a)
    a.start_link()
    while "waiting for kithd" not in a.log():  # its own event: a line in its log
        assert a.link.poll() is None
        os.sched_yield()
    a.start_kithd()
    assert a.meet().curve_key == a.key.public


def kith_link_that_is_killed_is_missed_and_comes_back():
    a, b, la, lb = pair()
    b.link.send_signal(signal.SIGKILL)
    b.link.wait()
    try:
        b.expect("ready")
        raise AssertionError("a dead kith-link spoke")
    except EOFError:
        pass
    assert "closed" in a.expect("down", link=la).reason
    b.start_link()
    b.meet()
    b.peers(a, listen=True)
    link(a, b, 3)


def nonsense_from_kithd_is_left_and_tried_again():
    a = side("a")
    for nonsense in (b"\xff\xff\xff\xff", struct.pack(">I", 3) + b"\xff\xff\xff",
                     struct.pack(">I", 0)):
        a.conn.sendall(nonsense)
        try:
            a.expect("down")
            raise AssertionError("kith-link went on")
        except EOFError:
            a.conn.close()
        a.meet()
    a.say(ready=LINK.LinkReady(curve_key=a.key.public, pid=1))
    try:
        a.expect("down")
        raise AssertionError("kith-link took itself for kithd")
    except EOFError:
        a.conn.close()
    a.meet()


def rss(process):
    with open(f"/proc/{process.pid}/statm", encoding="ascii") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGESIZE")


def peer_that_does_not_take_its_frames_is_dropped_as_slow():
    a, b, la, lb = pair()
    # b's kithd reads nothing: b's kith-link fills up, stops reading, and a's fills up in turn.
    frame = bytes(FRAME_MAX)
    for sent in range(400):
        a.send(la, frame)
        a.conn.setblocking(False)
        try:
            head = a.conn.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            head = b""
        a.conn.settimeout(WAIT)
        if head:
            break
    assert a.expect("down", link=la).reason.startswith("slow")
    assert 20 < sent < 300, sent
    for s in (a, b):
        assert rss(s.link) < RSS_MAX, rss(s.link)
    # When b's kithd reads again it gets what had arrived, in order, and then the end.
    n = 0
    while True:
        f = b.read()
        if f.HasField("down"):
            break
        assert f.received.frame == frame
        n += 1
    assert 4 <= n <= sent, (n, sent)


def peer_is_held_back_while_kithd_does_not_read():
    b, raw = raw_peer()
    raw.s.send(b"hello")
    n = b.expect("up", region=raw.region).link
    raw.s.sndtimeo = 2000  # longer than this nothing moves
    frame = bytes(FRAME_MAX)
    for sent in range(1000):
        try:
            raw.s.send(frame)
        except zmq.Again:
            break
    assert 20 < sent < 400, sent
    assert rss(b.link) < RSS_MAX, rss(b.link)
    assert b.expect("received", link=n).frame == b"hello"
    for _ in range(sent):
        assert b.expect("received", link=n).frame == frame
    raw.close()


def flood_at_one_link_keeps_no_other_one_waiting():
    """a's kithd reads a frame at a time, and for each that it has read another one is sent."""
    big = bytes(200000)
    for dials_flood, dials_quiet in ((False, True), (True, False), (True, True), (False, False)):
        a, flood, quiet = side("a"), side("flood"), side("quiet")
        for s, dialled in ((flood, dials_flood), (quiet, dials_quiet)):
            if dialled:
                s.peers(a, listen=True)
        a.peers(flood, quiet, listen=True)
        for s, dialled in ((flood, dials_flood), (quiet, dials_quiet)):
            if not dialled:
                s.peers(a)
        there, here = link(a, quiet) if dials_quiet else link(quiet, a)[::-1]
        of_a, of_flood = link(a, flood, 3) if dials_flood else link(flood, a, 3)[::-1]
        for _ in range(36):
            flood.send(of_flood, big)
        heard = 0
        for n in range(1500):
            got = a.read().received
            if got.link == there:
                heard += 1
            else:
                assert got.link == of_a and got.frame == big
                flood.send(of_flood, big)
            if heard == 10:
                break
            if n == 50 or got.link == there:
                quiet.send(here, b"quiet")
        assert heard == 10, f"{heard} among {n} of the flood"


def slow_reader_gets_everything_when_it_reads_in_the_end():
    a, b, la, lb = pair()
    frames = [struct.pack(">I", i) + secrets.token_bytes(200000) for i in range(60)]
    for to, frm, number in ((b, a, la), (a, b, lb)):
        for i in range(0, 60, 12):  # less than 4 MiB ahead
            for f in frames[i:i + 12]:
                frm.send(number, f)
            for f in frames[i:i + 12]:
                assert to.expect("received").frame == f


def key_that_is_replaced_must_be_the_named_one():
    a, b, la, lb = pair()
    b.say(peers=LINK.LinkPeers(listen=LISTEN, peers=[
        LINK.LinkPeer(region=a.region, curve_keys=[Key().public])]))
    assert "key has changed" in b.expect("down", link=lb).reason
    a.expect("down", link=la)


def port_in_use_is_said_and_tried_again():
    b, a = side("b"), side("a")
    s = socket.socket()
    s.bind(("127.0.0.1", 0))
    s.listen()
    endpoint = f"tcp://127.0.0.1:{s.getsockname()[1]}"
    b.say(peers=LINK.LinkPeers(listen=endpoint, peers=[
        LINK.LinkPeer(region=a.region, curve_keys=[a.key.public])]))
    while "cannot listen" not in b.log():
        assert b.link.poll() is None
        os.sched_yield()
    s.close()
    assert b.expect("ready").listening == endpoint
    b.endpoint = endpoint
    a.peers(b)
    link(a, b)


def sigterm_ends_it_at_once():
    a, b, _, _ = pair()
    for s in (a, b):
        begun = time.monotonic()
        s.link.send_signal(signal.SIGTERM)
        assert s.link.wait(WAIT) == 0
        assert time.monotonic() - begun < 3


def systemd_hears_that_it_is_ready_and_alive():
    a = Side("a")
    SIDES.append(a)
    a.start_kithd()
    for path, watched in ((f"{a.dir}/notify", True), ("@" + a.dir, True), (f"{a.dir}/n", False)):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            s.bind("\0" + path[1:] if path[0] == "@" else path)
            s.settimeout(WAIT)
            env = {"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "30000"}
            if not watched:
                env["WATCHDOG_PID"] = "1"  # it is meant for another process
            a.start_link(env=env)
            assert s.recv(100) == b"READY=1"
            for _ in range(5 if watched else 0):
                assert s.recv(100) == b"WATCHDOG=1"
            a.meet()
            a.link.terminate()
            assert a.link.wait(WAIT) == 0
            s.setblocking(False)
            try:
                while True:
                    said = s.recv(100)
                    assert watched and said == b"WATCHDOG=1"
            except BlockingIOError:
                pass
            a.conn.close()


def strangers_bytes_disturb_nobody():
    a, b, la, lb = pair()
    host, port = b.endpoint.removeprefix("tcp://").rsplit(":", 1)
    for i in range(100):
        with socket.create_connection((host, int(port)), WAIT) as s:
            s.sendall([b"GET / HTTP/1.0\r\n\r\n", secrets.token_bytes(500),
                       b"\xff\0\0\0\0\0\0\0\x01\x7f\x03\0CURVE" + bytes(2000)][i % 3])
    a.send(la, b"still")
    assert b.expect("received", link=lb).frame == b"still"
    assert rss(b.link) < RSS_MAX
    assert not b.heard


def strangers_who_take_every_descriptor_do_not_end_a_link():
    a, b = side("a"), Side("b")
    SIDES.append(b)
    b.start_kithd()
    b.start_link(descriptors=64)
    b.meet()
    b.peers(a, listen=True)
    a.peers(b)
    la, lb = link(a, b)
    host, port = b.endpoint.removeprefix("tcp://").rsplit(":", 1)
    crowd = [socket.create_connection((host, int(port)), WAIT) for _ in range(100)]
    while len(os.listdir(f"/proc/{b.link.pid}/fd")) < 64:
        os.sched_yield()
    a.send(la, b"still")
    assert b.expect("received", link=lb).frame == b"still"
    # Not even its own kithd's wish to dial can be met, and that is said.
    b.say(peers=LINK.LinkPeers(listen=LISTEN, peers=[LINK.LinkPeer(
        region=a.region, curve_keys=[a.key.public], endpoint=b.endpoint,
        dial_key=b.key.public)]))
    b.dial(a, 1)
    assert "too many sockets" in b.expect("down", link=1).reason
    for s in crowd:
        s.close()
    a.send(la, b"and now")
    assert b.expect("received", link=lb).frame == b"and now"
    b.expect("down", link=dial_until_up(b, a))


def dial_until_up(a, b):
    """a dials b (itself, here, whom it does not let in) until descriptors are free again."""
    for number in range(3, 2001, 2):
        a.dial(b, number)
        down = a.expect("down", link=number)
        if "does not know our key" in down.reason:
            a.heard.append(LINK.LinkFrame(down=down))
            return number
    raise AssertionError(down.reason)


def links_that_come_and_go_under_load_stay_apart():
    a, b, c = side("a"), side("b"), side("c")
    b.say(peers=LINK.LinkPeers(listen=LISTEN, peers=[
        LINK.LinkPeer(region=s.region, curve_keys=[s.key.public]) for s in (a, c)]))
    b.endpoint = b.expect("ready").listening
    a.peers(b)
    c.peers(b)
    lc, lbc = link(c, b)
    for i in range(40):
        la, lb = link(a, b, 2 * i + 1)
        for n in range(8):
            c.send(lc, b"c %d %d" % (i, n))
            a.send(la, secrets.token_bytes(50000))
            b.send(lb, secrets.token_bytes(50000))
        if i % 2:
            b.say(drop=LINK.LinkDrop(link=lb))
        else:
            a.say(drop=LINK.LinkDrop(link=la))
        a.expect("down", link=la)
        b.expect("down", link=lb)
        for n in range(8):
            assert b.expect("received", link=lbc).frame == b"c %d %d" % (i, n)
        b.heard.clear()  # what a said before its link went down
        a.heard.clear()
    b.send(lbc, b"all the time")
    assert c.expect("received", link=lc).frame == b"all the time"


def wrong_use_has_its_exit_codes():
    def run(*args):
        p = subprocess.run([f"{BIN}/kith-link", *args], capture_output=True, text=True,
                           timeout=WAIT, check=False)
        return p.returncode, p.stdout + p.stderr

    rc, text = run("--help")
    assert rc == 0 and "Exit codes" in text
    rc, text = run("--version")
    assert rc == 0 and text.startswith("kith-link ")
    assert run("--no-such")[0] == 2
    assert run("extra")[0] == 2
    rc, text = run("--config", f"{TMP}/none")
    assert rc == 3 and f"there is no {TMP}/none" in text, text
    with open(f"{TMP}/bad.conf", "w", encoding="ascii") as f:
        f.write("\nlistne = 1\n")
    rc, text = run("--config", f"{TMP}/bad.conf")
    assert rc == 3 and "bad.conf:2: " in text, text
    with open(f"{TMP}/good.conf", "w", encoding="ascii"):
        pass
    rc, text = run("--config", f"{TMP}/good.conf", "--key", f"{TMP}/none.key")
    assert rc == 3 and "none.key" in text, text


SILENT = []


def begin_to_be_silent():
    """Runs while the other tests do: see the next but last of them."""
    b = Side("silent")
    b.start()
    raw = Raw(b)
    b.peers(raw, listen=True)
    raw.connect().until(zmq.EVENT_HANDSHAKE_SUCCEEDED)
    SILENT.extend((b, raw))
    RAWS.clear()


def peer_that_says_nothing_is_sent_away():
    b, raw = SILENT
    SIDES.append(b)
    raw.until(zmq.EVENT_DISCONNECTED)
    raw.close()
    assert "said nothing for 15 s" in b.log()
    assert not b.heard


TESTS = [
    first_frame_says_our_key_and_pid,
    frames_of_every_size_go_both_ways_in_order,
    peer_whose_key_is_not_the_one_on_its_card_is_refused,
    region_that_is_not_a_peer_is_refused,
    dial_that_nobody_answers_says_so,
    dropping_one_link_leaves_the_others,
    dropping_a_dialled_link_closes_it_at_the_other_end,
    peer_that_is_no_peer_any_more_loses_its_links,
    frame_that_says_why_arrives_before_the_drop,
    last_frames_before_a_close_are_delivered,
    last_frame_of_a_link_that_is_sent_to_is_delivered,
    frame_over_the_limit_ends_the_link,
    message_of_several_parts_ends_the_link,
    first_message_of_several_parts_never_becomes_a_link,
    dialled_peer_that_sends_several_parts_loses_the_link,
    peer_that_chooses_its_routing_id_is_sent_away,
    newest_links_of_one_peer_replace_the_oldest,
    kithd_that_restarts_gets_its_links_again,
    kithd_may_come_after_kith_link,
    kith_link_that_is_killed_is_missed_and_comes_back,
    nonsense_from_kithd_is_left_and_tried_again,
    peer_that_does_not_take_its_frames_is_dropped_as_slow,
    peer_is_held_back_while_kithd_does_not_read,
    flood_at_one_link_keeps_no_other_one_waiting,
    slow_reader_gets_everything_when_it_reads_in_the_end,
    key_that_is_replaced_must_be_the_named_one,
    port_in_use_is_said_and_tried_again,
    sigterm_ends_it_at_once,
    systemd_hears_that_it_is_ready_and_alive,
    strangers_bytes_disturb_nobody,
    strangers_who_take_every_descriptor_do_not_end_a_link,
    links_that_come_and_go_under_load_stay_apart,
    wrong_use_has_its_exit_codes,
    peer_that_says_nothing_is_sent_away,
]


def run(test):
    try:
        test()
        return True
    except Exception:  # pylint: disable=broad-except
        traceback.print_exc(file=sys.stdout)
        for s in SIDES:
            print(f"--- log of {s.dir}:\n{s.log()}", end="")
        return False
    finally:
        for s in SIDES:
            s.stop()
        SIDES.clear()
        for raw in RAWS:
            raw.close()
        RAWS.clear()


def main(tests):
    wanted = sys.argv[1:] or [t.__name__ for t in tests]
    passed = failed = 0
    silent = peer_that_says_nothing_is_sent_away.__name__ in wanted
    if silent:
        begin_to_be_silent()
    try:
        for test in tests:
            if test.__name__ not in wanted:
                continue
            ok = run(test)
            passed += ok
            failed += not ok
            print("done:" if ok else "FAILED:", test.__name__.replace("_", " "), flush=True)
    finally:
        for s in SILENT[:1]:
            s.stop()
        shutil.rmtree(TMP)
    print(f"{passed} passed, {failed} failed")
    sys.stdout.flush()
    os._exit(failed > 0 or passed == 0)  # sockets of failed tests need no goodbye


TMP = tempfile.mkdtemp(prefix="kith-test-link-")
LINK = load_schema(TMP)
CTX = zmq.Context()

if __name__ == "__main__":
    main(TESTS)
