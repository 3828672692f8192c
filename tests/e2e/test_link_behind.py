#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
kith-link while its kithd does not read as fast as others send: see test_link.py
"""

import subprocess

import zmq

from test_link import (FRAME_MAX, LINK, LISTEN, link, main, raw_peer, side)


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


if __name__ == "__main__":
    main([
        link_that_ends_while_kithd_is_behind_ends_nobody_else,
    ])
