# SPDX-License-Identifier: Apache-2.0
"""
Real regions on loopback

Each Region is a kithd and a kith-link with keys and a store of their own, below one temporary
directory that goes away at the end together with every process. Waiting is for what happens: the
sd_notify message, a line of the log. Programs come from KITH_BIN, or build/debug.

    with Federation() as f:
        north, south = f.region('north'), f.region('south')
        north.start(), south.start()
        introduce(north, south)
        print(north.ctl('record', 'list', json=True))
"""
import atexit
import collections
import ctypes
import json as jsons
import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from control_client import Client

HERE = os.path.dirname(os.path.abspath(__file__))
BIN = os.environ.get('KITH_BIN') or os.path.join(HERE, '..', '..', 'build', 'debug')
LINES_MAX = 20000  # of a log, in memory
PR_SET_PDEATHSIG = 1
SLOW = float(os.environ.get('KITH_SLOW', '1'))  # sanitizers want more time

_libc = ctypes.CDLL(None)
_ports = set()


class Waited(Exception):
    """It did not happen in time."""


def program(name):
    return os.path.abspath(os.path.join(BIN, name))


def wait_for(predicate, timeout, why):
    """For what gives no sign when it happens: asks until it is true; returns what it gave."""
    end = time.monotonic() + timeout * SLOW
    while True:
        got = predicate()
        if got:
            return got
        if time.monotonic() > end:
            raise Waited(f'{why}: not within {timeout * SLOW:g} s')
        time.sleep(0.02)


def free_port():
    """Below those that the kernel gives to who connects (ip_local_port_range), so that nobody else
    has it when it is listened on, or while a region is away."""
    while True:
        port = 20000 + secrets.randbelow(12000)
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind(('127.0.0.1', port))
            except OSError:
                continue
        if port not in _ports:
            _ports.add(port)
            return port


def _die_with_parent():
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


class Daemon:
    """A child process whose error output is read as it comes."""

    def __init__(self, args, env=None):
        self.name = os.path.basename(args[0])
        self.lines, self.more, self.ended = [], threading.Condition(), False
        self.process = subprocess.Popen(
            args, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, errors='replace', env={**os.environ, **(env or {})},
            preexec_fn=_die_with_parent)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            with self.more:
                self.lines.append(line.rstrip('\n'))
                del self.lines[:-LINES_MAX]
                self.more.notify_all()
        with self.more:
            self.ended = True
            self.more.notify_all()

    def wait_line(self, pattern, timeout=20, after=0):
        """The first line from number .after on that matches, as a match object."""
        end = time.monotonic() + timeout * SLOW
        at = after
        with self.more:
            while True:
                while at < len(self.lines):
                    found = re.search(pattern, self.lines[at])
                    if found:
                        return found
                    at += 1
                left = end - time.monotonic()
                if self.ended or left <= 0:
                    raise Waited(f'{self.name}: no line /{pattern}/'
                                 + (' before it ended' if self.ended else ''))
                self.more.wait(left)

    def alive(self):
        return self.process.poll() is None

    def send(self, number):
        if self.alive():
            self.process.send_signal(number)

    def wait(self, timeout=20):
        """Its exit status, negative for a signal."""
        try:
            status = self.process.wait(timeout * SLOW)
        except subprocess.TimeoutExpired:
            raise Waited(f'{self.name} does not end') from None
        self.reader.join(5)
        self.process.stdout.close()
        return status

    def end(self, number=signal.SIGTERM, timeout=20):
        self.send(number)
        try:
            return self.wait(timeout)
        except Waited:
            self.process.kill()
            self.wait(5)
            raise


class Notify:
    """What systemd would be told: a receiver of sd_notify messages."""

    def __init__(self, path):
        self.path, self.state, self.more = path, {}, threading.Condition()
        if os.path.exists(path):
            os.unlink(path)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        while True:
            data = self.socket.recv(8192)
            if not data:
                return
            with self.more:
                for line in data.decode('utf-8', 'replace').splitlines():
                    key, _, value = line.partition('=')
                    self.state[key] = value
                self.more.notify_all()

    def close(self):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
            s.sendto(b'', self.path)
        self.reader.join(5)
        self.socket.close()

    def wait(self, key, daemon, timeout=20):
        """The value of a key that was or is told while that daemon lives."""
        end = time.monotonic() + timeout * SLOW
        with self.more:
            while key not in self.state:
                self.more.wait(0.1)  # a daemon that ends does not say so here
                if not self.state.get(key) and (not daemon.alive() or time.monotonic() > end):
                    raise Waited(f'{daemon.name} has not said {key}=:\n' + '\n'.join(daemon.lines))
            return self.state[key]


class Ctl(collections.namedtuple('Ctl', 'status out err')):
    """What a kithctl printed, and how it ended."""


class Region:
    def __init__(self, top, name, port=None, options=''):
        self.name, self.dir = name, os.path.join(top, name)
        self.port = port or free_port()
        self.endpoint = f'tcp://127.0.0.1:{self.port}'
        self.options = options
        self.config = os.path.join(self.dir, 'kithd.conf')
        self.state = os.path.join(self.dir, 'state')
        self.control = os.path.join(self.dir, 'control')
        self.link_socket = os.path.join(self.dir, 'link')
        self.kithd = self.link = self.notify = None
        self.past = []  # logs of daemons that have ended
        os.makedirs(self.dir, exist_ok=True)

    # ---- Before it runs ----

    def write_config(self, listen=True):
        with open(self.config, 'w', encoding='utf-8') as f:
            f.write(f'state_dir = "{self.state}"\n'
                    f'control_socket = "{self.control}"\n'
                    f'link_socket = "{self.link_socket}"\n'
                    f'listen = "{self.endpoint if listen else ""}"\n'
                    f'{"" if "map_size" in self.options else "map_size = 256MiB"}\n'
                    f'{self.options}\n')

    def init(self, listen=True):
        self.write_config(listen)
        endpoint = ['--endpoint', self.endpoint] if listen else []
        self.ctl('region', 'init', self.name, *endpoint, '--root-key-out',
                 os.path.join(self.dir, 'root.key'))
        return self

    # ---- Its processes ----

    def start_kithd(self, ready=True):
        if self.notify:
            self.notify.close()
        self.notify = Notify(os.path.join(self.dir, 'notify'))
        self.kithd = Daemon([program('kithd'), '--config', self.config],
                            {'NOTIFY_SOCKET': self.notify.path})
        if ready:
            self.notify.wait('READY', self.kithd)
        return self

    def start_link(self, ready=True):
        self.link = Daemon([program('kith-link'), '--config', self.config])
        if ready and self._listens():
            self.link.wait_line('listening on')
        elif ready:
            wait_for(lambda: self.status().link == 'connected', 20, f'the link of {self.name}')
        return self

    def link_until(self, more):
        """Starts kith-link, and returns as soon as so many more changes are held: asked without a
        pause, since all of a transfer takes a few times as long as a tenth of it."""
        with self.client() as c:
            def held():
                return c.ask(verb='status')[0].status.changes

            enough, end = held() + more, time.monotonic() + 60 * SLOW
            self.start_link(ready=False)
            while held() < enough:
                if time.monotonic() > end:
                    raise Waited(f'{self.name}: {more} changes do not come')

    def _listens(self):
        with open(self.config, encoding='utf-8') as f:
            return 'listen = ""' not in f.read()

    def start(self):
        return self.start_kithd().start_link()

    def _ended(self, daemon):
        if daemon:
            self.past += daemon.lines

    def stop_link(self):
        link, self.link = self.link, None
        status = link.end() if link else 0
        self._ended(link)
        return status

    def stop_kithd(self, number=signal.SIGTERM):
        kithd, self.kithd = self.kithd, None
        status = kithd.end(number) if kithd else 0
        self._ended(kithd)
        return status

    def stop(self):
        """Both, as systemd would: the statuses of kithd and kith-link."""
        link = self.stop_link()
        return self.stop_kithd(), link

    def kill(self):
        """kithd dies of SIGKILL, whatever it is doing; kith-link stays."""
        kithd, self.kithd = self.kithd, None
        kithd.end(signal.SIGKILL)
        self._ended(kithd)

    def restart(self):
        self.stop()
        return self.start()

    def end(self):
        """Whatever still runs, at once."""
        for daemon in (self.link, self.kithd):
            if daemon and daemon.alive():
                daemon.end(signal.SIGKILL)
            self._ended(daemon)
        self.link = self.kithd = None
        if self.notify:
            self.notify.close()
            self.notify = None

    def logs(self, lines=60):
        out = [f'---- {self.name}: the last lines']
        now = [x for d in (self.kithd, self.link) if d for x in d.lines]
        return '\n'.join(out + (self.past + now)[-lines:])

    # ---- Asking ----

    def run_ctl(self, *args, timeout=120, stdin=None):
        done = subprocess.run([program('kithctl'), '--config', self.config, *args],
                              input=stdin or '', text=True, timeout=timeout * SLOW, check=False,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        return Ctl(done.returncode, done.stdout, done.stderr)

    def ctl(self, *args, json=False, timeout=120):
        """What kithctl prints, as text or from --json; it has to succeed."""
        done = self.run_ctl(*(['--json'] if json else []), *args, timeout=timeout)
        if done.status != 0:
            raise AssertionError(f'kithctl {" ".join(args)}: {done.status}\n{done.out}{done.err}'
                                 f'\n{self.logs()}')
        return jsons.loads(done.out) if json else done.out

    def client(self, timeout=60):
        return Client(self.control, timeout * SLOW)

    def status(self):
        with self.client() as c:
            return c.ask(verb='status')[0].status

    def peers(self):
        """{name: PeerView}"""
        with self.client() as c:
            return {p.name: p for r in c.ask(verb='peers') for p in r.peers}

    def wait_live(self, other, timeout=30):
        wait_for(lambda: (p := self.peers().get(other.name)) and p.state == 'live', timeout,
                 f'{self.name} in session with {other.name}')


def introduce(a, b, way=None):
    """Each gets the other's card, and they come into session. way: where b dials a, if that is not
    what stands on the card."""
    cards = {}
    for region in (a, b):
        cards[region] = os.path.join(region.dir, f'{region.name}.{time.monotonic_ns()}.card')
        region.ctl('region', 'card', '--out', cards[region])
    a.ctl('peer', 'add', cards[b], '--yes')
    b.ctl('peer', 'add', cards[a], *(['--endpoint', way] if way else []), '--yes')
    a.wait_live(b)
    b.wait_live(a)


class Federation:
    """Regions below one temporary directory; all of it goes at the end, whatever happened."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix='kith-e2e-')
        self.regions = []
        atexit.register(self.close)

    def region(self, name, init=True, listen=True, **more):
        r = Region(self.dir, name, **more)
        self.regions.append(r)
        return r.init(listen) if init else r

    def close(self):
        for r in self.regions:
            r.end()
        shutil.rmtree(self.dir, ignore_errors=True)
        atexit.unregister(self.close)

    def logs(self):
        return '\n'.join(r.logs() for r in self.regions)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind and kind is not KeyboardInterrupt:
            print(self.logs(), file=sys.stderr)
        self.close()


def end_on_sigterm():
    """A test that is told to end cleans up like one that has ended."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))


class Case(unittest.TestCase):
    """Regions of its own for each test, whose last lines are shown when it fails."""

    def setUp(self):
        self.f = Federation()
        self.addCleanup(self.f.close)

    def run(self, result=None):
        before = len(result.failures) + len(result.errors)
        super().run(result)
        if len(result.failures) + len(result.errors) > before:
            print(self.f.logs(), file=sys.stderr)
        return result


def main(failfast=None):
    """Runs the tests of the program, or those that its arguments name (Class, Class.test, -k PART),
    and ends with the tally that tests/run reads."""
    end_on_sigterm()
    r = unittest.main(exit=False, verbosity=2, failfast=failfast).result
    failed = len(r.failures) + len(r.errors)
    print(f'{max(r.testsRun - failed - len(r.skipped), 0)} passed, {failed} failed')
    sys.exit(failed > 0)
