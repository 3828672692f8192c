# SPDX-License-Identifier: Apache-2.0
"""
A way to a region that can be narrowed

A forwarder on loopback. What goes to the region passes at once; of what comes from it only as much
as was let through: so a test can do something in the middle of a transfer, however fast that is,
and wait for nothing but what it sees. What an end that is gone had still to say is lost: it takes
nothing of what was let through.

    strait = Strait(north.port)
    south.ctl('peer', 'add', card_of_north, '--endpoint', strait.endpoint, '--yes')
    strait.hold()
    north.ctl('move', 'offer', ...)
    strait.let(250000)
"""
import select
import socket
import threading

CHUNK = 65536
ALL = 1 << 62
GONE = select.POLLRDHUP | select.POLLHUP | select.POLLERR | select.POLLNVAL


class Strait:
    def __init__(self, port):
        self.port, self.left, self.more = port, ALL, threading.Lock()
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.endpoint = f'tcp://127.0.0.1:{self.listener.getsockname()[1]}'
        self.bell, self.ear = socket.socketpair()
        self.ways = {}  # each end of a connection, and the other end
        self.near = set()  # the ends at who has dialled
        self.is_cut = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _ring(self, left):
        with self.more:
            self.left = left(self.left)
        self.bell.send(b'.')

    def hold(self):
        self._ring(lambda left: 0)

    def cut(self):
        """Nothing more is let through, and what there is of connections ends: what they had still
        to bring takes nothing of what is let through later."""
        self.is_cut.clear()
        with self.more:
            self.left = 0
        self.bell.send(b'x')
        if not self.is_cut.wait(10):
            raise TimeoutError('the strait does not move')

    def let(self, size=ALL):
        self._ring(lambda left: min(left + size, ALL))

    def close(self):
        self.bell.close()
        self.thread.join(5)

    def _open(self):
        near, _ = self.listener.accept()
        try:
            far = socket.create_connection(('127.0.0.1', self.port))
        except OSError:
            near.close()
            return
        self.near.add(near)
        self.ways.update({near: far, far: near})

    def _shut(self, end):
        for s in (end, self.ways.get(end)):
            if s and self.ways.pop(s, None):
                self.near.discard(s)
                s.close()

    def _carry(self, end):
        size = CHUNK if end in self.near else min(CHUNK, self.left)
        if not size:
            return
        try:
            data = end.recv(size)
            self.ways[end].sendall(data)
        except OSError:
            data = b''
        if not data:
            self._shut(end)
        elif end not in self.near:
            with self.more:
                self.left = max(self.left - len(data), 0)

    def _turn(self):
        """False: it is over."""
        p, by = select.poll(), {}
        for s in (self.listener, self.ear, *self.ways):
            far = s in self.ways and s not in self.near
            p.register(s, GONE if far and not self.left else GONE | select.POLLIN)
            by[s.fileno()] = s
        for fd, event in p.poll():
            s = by[fd]
            if s is self.ear:
                rung = s.recv(CHUNK)
                if not rung:
                    return False
                if b'x' in rung:
                    for end in list(self.near):
                        self._shut(end)
                    self.is_cut.set()
            elif s is self.listener:
                self._open()
            elif s in self.ways and event & GONE:
                self._shut(s)
            elif s in self.ways and event & select.POLLIN:
                self._carry(s)
        return True

    def _run(self):
        while self._turn():
            pass
        for s in [*self.ways, self.listener, self.ear]:
            s.close()
