# SPDX-License-Identifier: Apache-2.0
"""
The work that is measured, done by two real regions on loopback

Each method does one piece of work once and gives its figure. Data lie below /var/tmp, or
KITH_BENCH_DIR: a disk that keeps what it was told, never a tmpfs.
"""
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'e2e'))

import region as kith  # noqa: E402
from control_client import Client  # noqa: E402
from kithformat import SOURCE, change_pb  # noqa: E402

FULL = os.environ.get('BENCH') == 'full'
ROUNDS = int(os.environ.get('ROUNDS') or (5 if FULL else 3))
WORK_DIR = os.environ.get('KITH_BENCH_DIR') or '/var/tmp'
BUILD = os.environ.get('B') or 'build'
NOTE_BYTES = 256  # as in load.c
IN_FLIGHT = 128  # requests of the stock client
STREAM = 64  # requests that a writer has under way who does not wait for each


def file_system(path):
    """Type and device of what a path lies on."""
    best = ('', '', '')
    with open('/proc/mounts', encoding='ascii', errors='replace') as f:
        for device, mount, kind in (line.split()[:3] for line in f):
            inside = os.path.realpath(path) + '/'
            if inside.startswith(mount.rstrip('/') + '/') and len(mount) >= len(best[0]):
                best = (mount, kind, device)
    return best[1], best[2]


def use_a_real_disk():
    kind, device = file_system(WORK_DIR)
    if kind in ('tmpfs', 'ramfs'):
        sys.exit(f'{WORK_DIR} is a {kind}: set KITH_BENCH_DIR to a directory on a disk')
    tempfile.tempdir = WORK_DIR
    return f'{WORK_DIR} on {device} ({kind})'


def tool(name, *args, records=()):
    """What one of the programs beside this file says of itself."""
    done = subprocess.run([kith.program('bench/' + name), *map(str, args)], check=False,
                          input=''.join(r + '\n' for r in records), text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode != 0:
        sys.exit(f'{name} {" ".join(map(str, args))}: {done.stderr.strip()}')
    return json.loads(done.stdout)


def limits(directory):
    """Operations a second of one core and this disk, now."""
    with tempfile.TemporaryDirectory(dir=directory) as d:
        return tool('limits', d)


def reason(code):
    with open(os.path.join(SOURCE, 'include', 'kith', 'reasons.def'), encoding='utf-8') as f:
        return int(re.search(rf'^REASON\((\d+), "{code}"', f.read(), re.M)[1])


class Window:
    """Requests of one stock client, many under way; their replies are looked at in order."""

    def __init__(self, client):
        self.client, self.under_way, self.answers = client, [], []

    def ask(self, **request):
        self.under_way.append(self.client.start(**request))
        if len(self.under_way) == IN_FLIGHT:
            self.take()

    def take(self):
        for reply in self.client.replies(self.under_way.pop(0)):
            if reply.HasField('problem'):
                sys.exit(f'{reply.problem.name}: {reply.problem.text}')
            self.answers.append(reply)

    def finish(self):
        while self.under_way:
            self.take()
        return self.answers


class Work:
    def __init__(self):
        self.federation = kith.Federation()
        self.dir = self.federation.dir
        options = 'map_size = 64GiB'
        self.a, self.b = (self.federation.region(name, options=options).start()
                          for name in ('bench-a', 'bench-b'))
        kith.introduce(self.a, self.b)
        self.reason = reason('E3')
        self.imports = 0

    def close(self):
        self.federation.close()

    # ---- Preparing ----

    def records(self, n):
        with self.a.client() as c:
            w = Window(c)
            for _ in range(n):
                w.ask(verb='record new')
            return [r.made.record for r in w.finish()]

    def offer(self, records):
        with self.a.client() as c:
            w = Window(c)
            for r in records:
                w.ask(verb='move offer', record=r, peer='bench-b', code=self.reason)
            w.finish()

    def shared(self, n):
        """New records that B holds too, whole."""
        records = self.records(n)
        before = self.b.status().records
        self.offer(records)
        self.until_b(lambda s: s.records >= before + n and s.wants == 0)
        return records

    def until_b(self, true, timeout=600):
        """Asks B's status every few milliseconds; gives the one that is as it should be."""
        end = time.monotonic() + timeout
        with self.b.client() as c:
            while True:
                status = c.ask(verb='status')[0].status
                if true(status):
                    return status
                if time.monotonic() > end:
                    sys.exit(f'B does not get there: {status}')
                time.sleep(0.005)

    def load(self, clients, window, count, records, order='robin'):
        return tool('load', 'append', self.a.control, clients, window, count, order,
                    records=records)

    # ---- Figures ----

    def append(self, clients, count):
        """Changes a second, each acknowledged when durable, one under way a client."""
        return self.load(clients, 1, count, self.records(clients))

    def returns(self, rows):
        """A directory with a return of about so many rows, of an authority of its own."""
        self.imports += 1
        path = os.path.join(self.dir, f'return-{self.imports}')
        authority = str(300 + self.imports)
        out = subprocess.run([os.path.join(HERE, '..', 'e2e', 'make_return.py'), path,
                              '--children', str(round(rows / 6.1)), '--authority', authority,
                              '--year', '2025', '--seed', authority],
                             check=True, stdout=subprocess.PIPE, text=True).stdout
        made = json.loads(out)
        return path, authority, made['header'] + made['episodes'] + made['reviews']

    def take_in(self, rows):
        """Rows a second, from starting kithctl until it has ended."""
        path, authority, n = self.returns(rows)
        begun = time.monotonic()
        self.a.ctl('import', 'ssda903', path, '--authority', authority, '--year', '2025',
                   timeout=600)
        return {'n': n, 'per_s': n / (time.monotonic() - begun), 'path': path}

    def move(self, changes):
        """Milliseconds from the offer of a record until B has it durably, and until B says that it
        is complete: opened and verified."""
        record, = self.records(1)
        self.load(8, 32, changes, [record], 'block')
        before = self.b.status()
        with self.a.client() as a, self.b.client() as b:
            request = b.start('move show', record=record, follow=True)
            begun = time.monotonic()
            a.ask(verb='move offer', record=record, peer='bench-b', code=self.reason)
            received = None
            for reply in b.replies(request):
                p = reply.progress
                if received is None and p.of >= changes and p.done == p.of:
                    received = time.monotonic() - begun
                if any(m.state == 'complete' for m in reply.moves):
                    break
            took = time.monotonic() - begun
        return {'ms': took * 1000, 'received_ms': (received or took) * 1000,
                'per_s': changes / took, **self.cost(before, changes)}

    def cost(self, before, changes):
        """What B spent since a status: figures that no noise can touch."""
        after = self.b.status()
        commits = after.commits - before.commits
        return {'commits': commits, 'changes_a_commit': changes / max(commits, 1),
                'verifications_a_change': (after.verifications - before.verifications) / changes,
                'flushes_a_commit': (after.flushes - before.flushes) / max(commits, 1)}

    def steady(self, count, records, window=1):
        """Changes a second that 8 writers at A bring to B, until the last is durable there; each
        writer has .window requests under way."""
        before = self.b.status()
        begun = time.monotonic()
        self.load(8, window, count, records)
        written = time.monotonic() - begun
        self.until_b(lambda s: s.changes >= before.changes + count)
        took = time.monotonic() - begun
        return {'per_s': count / took, 'written_per_s': count / written,
                **self.cost(before, count)}

    def lag(self, count, records):
        return tool('load', 'lag', self.a.control, self.b.control, count, records=records)

    def catch_up(self, count, records, order='block'):
        """Changes a second, from starting B until it holds all that was written without it."""
        held = self.b.status().changes
        self.b.stop()
        # One client finishes a record before the next; many never write one after the other.
        written = self.load(*((1, 128) if order == 'block' else (8, 32)), count, records, order)
        begun = time.monotonic()
        self.b.start_kithd()
        before = self.b.status()
        self.b.start_link()
        self.until_b(lambda s: s.changes >= held + count, 3600)
        took = time.monotonic() - begun
        return {'seconds': took, 'per_s': count / took, 'written_per_s': written['per_s'],
                **self.cost(before, count)}

    def restart(self, kill):
        """Milliseconds from starting kithd until it has answered a request. What is killed has
        hundreds of turns in its redo file."""
        if kill:
            self.append(1, 700)
            self.a.kill()
        else:
            self.a.stop_kithd()
        begun = time.monotonic()
        self.a.start_kithd(ready=False)
        while True:
            try:
                with Client(self.a.control, 10) as c:
                    c.ask(verb='status')
                    return {'ms': (time.monotonic() - begun) * 1000}
            except (FileNotFoundError, ConnectionError):
                time.sleep(0.0005)

    def anonymous(self, region):
        """MiB that are not pages of files."""
        with open(f'/proc/{region.kithd.process.pid}/status', encoding='ascii') as f:
            return int(re.search(r'^RssAnon:\s+(\d+) kB', f.read(), re.M)[1]) / 1024

    def change_bytes(self, record):
        """Header, signature and sealed body: the median of a record's changes."""
        path = tempfile.mktemp(prefix='export-', dir=self.dir)
        self.a.ctl('record', 'export', record, '--out', path)
        with open(path, 'rb') as f:
            export = change_pb.Export.FromString(f.read())
        return statistics.median(len(c.header) + len(c.signature) + len(c.body)
                                 for c in export.changes)


def median(rounds, key):
    return statistics.median(r[key] for r in rounds)
