# SPDX-License-Identifier: Apache-2.0
"""
A stock client of the control socket

Google's protobuf over 4-byte big-endian lengths (proto/control.proto): what a case system would
write, so that the tests do not drive kithd with kith's own client. Verbs are read from
include/kith/control.def.

    with Client('/run/kith/control') as kithd:
        replies = kithd.ask(verb='record list', rec='E3')
"""
import os
import re
import socket
import struct

from kithformat import SOURCE, control_pb

MESSAGE_MAX = 1 << 20


def _numbers(word):
    """{name: number} of the lines with that word."""
    with open(os.path.join(SOURCE, 'include', 'kith', 'control.def'), encoding='utf-8') as f:
        return {name: int(n) for n, name in re.findall(
            rf'^{word}\(\w+,\s*(\d+),\s*"([^"]+)"', f.read(), re.M)}


VERBS = _numbers('VERB')


class Problem(Exception):
    """kithd said no; .problem is the Problem of the reply, .replies all that came."""

    def __init__(self, problem, replies):
        super().__init__(f'{problem.name}: {problem.text} ({problem.next})')
        self.problem, self.replies = problem, replies


class Client:
    def __init__(self, path=None, timeout=60):
        self.last_id, self.timeout, self.early = 0, timeout, {}
        self.socket = None
        if path:
            self.connect(path)

    def connect(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(self.timeout)
        self.socket.connect(path)
        return self

    def close(self):
        if self.socket:
            self.socket.close()
            self.socket = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send_bytes(self, data):
        """A frame with these bytes in it, whatever they are."""
        self.socket.sendall(struct.pack('>I', len(data)) + data)

    def _exactly(self, length):
        out = b''
        while len(out) < length:
            part = self.socket.recv(length - len(out))
            if not part:
                raise EOFError('kithd closed the connection')
            out += part
        return out

    def receive(self):
        """The next Reply to anything."""
        length = struct.unpack('>I', self._exactly(4))[0]
        if length > MESSAGE_MAX:
            raise ValueError(f'a reply of {length} bytes')
        return control_pb.Reply.FromString(self._exactly(length))

    def start(self, verb, **fields):
        """Sends a Request and returns its id: many may be under way at once."""
        self.last_id += 1
        request = control_pb.Request(id=self.last_id, verb=VERBS.get(verb, verb), **fields)
        self.send_bytes(request.SerializeToString())
        return self.last_id

    def replies(self, request_id):
        """Its replies as they come, up to the last. What others get meanwhile is kept for them."""
        while True:
            kept = self.early.get(request_id)
            reply = kept.pop(0) if kept else self.receive()
            if reply.id != request_id:
                self.early.setdefault(reply.id, []).append(reply)
                continue
            yield reply
            if reply.last:
                self.early.pop(request_id, None)
                return

    def ask(self, **fields):
        """All replies to a Request: verb=NAME or number, and any fields of it. Raises Problem."""
        replies = list(self.replies(self.start(**fields)))
        for r in replies:
            if r.HasField('problem'):
                raise Problem(r.problem, replies)
        return replies
