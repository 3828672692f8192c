#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
kith-link while its kithd does not read as fast as others send: see test_link.py
"""

import select
import socket
import subprocess
import time

import zmq

from test_link import (FRAME_MAX, LINK, LISTEN, WAIT, Raw, Side, link, listening, main, raw_peer,
                       side)


def fill(raw):
    """Send until kithd, which reads nothing, has held all of the way back."""
    raw.s.sndtimeo = 1000  # longer than this nothing moves
    try:
        while True:
            raw.s.send(bytes(FRAME_MAX))
    except zmq.Again:
        pass


def link_that_ends_while_kithd_is_behind_ends_nobody_else():
    b, raw = raw_peer()
    raw.s.send(b"hello")
    n = b.expect("up", region=raw.region).link
    fill(raw)
    b.say(peers=LINK.LinkPeers(listen=LISTEN))
    raw.until(zmq.EVENT_DISCONNECTED)
    raw.close()
    try:
        b.link.wait(12)  # a heartbeat of libzmq's would have been due within 10 s
        raise AssertionError("kith-link has ended")
    except subprocess.TimeoutExpired:
        pass
    assert "no peer any more" in b.expect("down", link=n).reason
    a = side("a")
    b.peers(a, listen=True)
    a.peers(b)
    link(a, b)


def flood_keeps_no_end_of_a_link_waiting():
    """There is so much of it that kithd is always behind."""
    big = bytes(250000)
    a, quiet = side("a"), side("quiet")
    floods = [side(f"flood{i}") for i in range(4)]
    a.peers(quiet, *floods, listen=True)
    quiet.peers(a)
    here = link(quiet, a)[1]
    by_link = {}
    for f in floods:
        f.peers(a)
        by_link[link(f, a)[1]] = f
    for f in floods:
        for _ in range(36):
            f.send(1, big)
    for n in range(1500):
        got = a.read()
        if got.HasField("down"):
            break
        by_link[got.received.link].send(1, big)
        if n == 50:
            quiet.link.kill()
    assert got.HasField("down"), "a link that has ended is up"
    assert got.down.link == here and "closed" in got.down.reason


def who_comes_and_goes_while_kithd_is_behind_is_let_in_some_times_only():
    b, raw = raw_peer()
    raw.s.send(b"hello")
    b.expect("up", region=raw.region)
    fill(raw)
    let_in = 0
    for _ in range(30):
        again = Raw(b, key=raw.key).connect()
        again.events.rcvtimeo = 300
        again.s.sndtimeo = 200
        try:
            again.until(zmq.EVENT_HANDSHAKE_SUCCEEDED)
            let_in += 1
            again.s.send(bytes(FRAME_MAX))
        except zmq.Again:
            pass
        again.close()
    assert 1 <= let_in <= 16, let_in  # 8 in 10 s
    while select.select([b.conn], [], [], 0.5)[0]:  # kithd is there again
        b.read()
    Raw(b, key=raw.key).connect().until(zmq.EVENT_HANDSHAKE_SUCCEEDED)


def strangers_are_thinned_out_while_kithd_is_behind_too():
    b, raw = raw_peer()
    raw.s.send(b"hello")
    b.expect("up", region=raw.region)
    fill(raw)
    host, port = b.endpoint.removeprefix("tcp://").rsplit(":", 1)
    begun = time.monotonic()
    crowd = [socket.create_connection((host, int(port)), WAIT) for _ in range(100)]
    for s in crowd:
        s.setblocking(False)
    ended = set()
    while len(ended) < 36:  # of 100, 64 may stay
        for s in select.select(crowd, [], [], WAIT)[0]:
            if ended_by_peer(s):
                ended.add(s)
        assert time.monotonic() - begun < 4  # after 5 s libzmq itself ends them
    for s in crowd:
        s.close()


def ended_by_peer(s):
    try:
        return not s.recv(100)
    except ConnectionResetError:
        return True


def last_frames_of_a_dialled_link_are_delivered_to_a_kithd_that_is_behind():
    a = side("a")
    for number in (1, 3):
        other = Side("other")
        context = zmq.Context()
        r = listening(context, other)
        a.peers(other)
        a.dial(other, number)
        a.expect("up", link=number)
        a.send(number, b"hello")
        who, _ = r.recv_multipart()
        r.sndtimeo = 1000  # longer than this nothing moves
        n = 0
        try:
            while True:
                r.send_multipart([who, bytes([n]) * 200000])
                n += 1
        except zmq.Again:
            r.close(WAIT * 1000)
        for i in range(n):
            got = a.read()
            assert got.HasField("received"), f"{i} of {n}"
            assert got.received.frame == bytes([i]) * 200000
        a.expect("down", link=number)
        context.term()


if __name__ == "__main__":
    main([
        link_that_ends_while_kithd_is_behind_ends_nobody_else,
        flood_keeps_no_end_of_a_link_waiting,
        who_comes_and_goes_while_kithd_is_behind_is_let_in_some_times_only,
        strangers_are_thinned_out_while_kithd_is_behind_too,
        last_frames_of_a_dialled_link_are_delivered_to_a_kithd_that_is_behind,
    ])
