#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
Watching a region: status, top, doctor, upgrade --check

What is wrong is made wrong with real daemons, and then it is said: since when, and what to do.
"""
import fcntl
import json
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
import unittest

import region as kith


class Base(unittest.TestCase):
    def setUp(self):
        self.f = kith.Federation()
        self.addCleanup(self.f.close)
        self.addCleanup(self.show)

    def show(self):
        outcome = self._outcome
        if outcome and not outcome.success:
            print(self.f.logs(), file=sys.stderr)

    def two(self):
        north, south = self.f.region('north').start(), self.f.region('south').start()
        kith.introduce(north, south)
        return north, south


class Terminal:
    """A program on a terminal of its own; what it drew is in .text."""

    def __init__(self, args, rows=40, columns=120, env=None):
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack('HHHH', rows, columns, 0, 0))
        self.process = subprocess.Popen(args, stdin=slave, stdout=slave, stderr=slave,
                                        start_new_session=True, close_fds=True,
                                        env={**os.environ, 'TERM': 'xterm', **(env or {})})
        os.close(slave)
        self.text = ''

    def read(self, wait):
        """What comes within that time; False when it has ended."""
        if not select.select([self.master], [], [], wait)[0]:
            return True
        try:
            got = os.read(self.master, 65536)
        except OSError:
            got = b''
        self.text += got.decode('utf-8', 'replace')
        return bool(got)

    def until(self, pattern, timeout=20):
        end = time.monotonic() + timeout * kith.SLOW
        while not re.search(pattern, self.text):
            if time.monotonic() > end or not self.read(0.1):
                raise kith.Waited(f'no /{pattern}/ in:\n{self.text}')
        return re.search(pattern, self.text)

    def say(self, text):
        os.write(self.master, text.encode())

    def end(self, timeout=20):
        """Its exit status."""
        end = time.monotonic() + timeout * kith.SLOW
        while self.read(0.1) and time.monotonic() < end:
            pass
        status = self.process.wait(timeout)
        os.close(self.master)
        return status


class Status(Base):
    def test_the_verdict_comes_first_and_nothing_wrong_is_ok(self):
        north, south = self.two()
        first = north.ctl('status').splitlines()[0]
        self.assertEqual(first, 'ok: north runs, and nothing is wrong')
        got = north.ctl('status', json=True)
        self.assertEqual((got['verdict'], got['findings']), ('ok', []))
        self.assertEqual(got['peers'][0]['name'], 'south')

    def test_what_is_wrong_has_its_time_and_the_next_command(self):
        north, south = self.two()
        before = int(time.time() * 1000)
        north.stop_link()
        got = north.ctl('status', json=True)
        self.assertEqual(got['verdict'], 'attention')
        found = got['findings'][0]
        self.assertEqual((found['name'], found['next']),
                         ('link-absent', 'systemctl status kith-link'))
        self.assertGreaterEqual(found['since_ms'], before - 1000)
        out = north.ctl('status')
        self.assertRegex(out.splitlines()[0], '^attention: north: kith-link is not connected')
        self.assertIn('next: systemctl status kith-link', out)

    def test_a_full_store_is_an_alarm(self):
        north = self.f.region('north', options='map_size = 1MiB').start_kithd()
        record = north.ctl('record', 'new', json=True)['made']['record']
        for _ in range(200):
            if north.run_ctl('record', 'append', record, '--note', 'x' * 9000).status != 0:
                break
        got = north.run_ctl('status', '--check')
        self.assertEqual(got.status, 2, got)
        self.assertRegex(got.out, r'^alarm: north: the store or its disk is full .*\n$')

    def test_the_exits_are_those_of_lsb_and_of_a_monitoring_plug_in(self):
        north = self.f.region('north')
        stopped = north.run_ctl('status')
        self.assertEqual(stopped.status, 3)
        self.assertIn(f'nobody listens on {north.control}', stopped.err)
        self.assertIn(f'next: kithd --config {north.config}', stopped.err)
        self.assertEqual(json.loads(north.run_ctl('status', '--json').out),
                         {'verdict': 'stopped'})
        self.assertEqual(north.run_ctl('status', '--check').status, 3)
        north.start_kithd()
        self.assertEqual(north.run_ctl('status').status, 0)
        self.assertEqual(north.run_ctl('status', '--check').status, 1)  # kith-link is absent
        north.start_link()
        kith.wait_for(lambda: north.status().link == 'connected', 10, 'the link')
        self.assertEqual(north.run_ctl('status', '--check').status, 0)

    def test_a_socket_that_may_not_be_opened_is_unknown_not_stopped(self):
        if os.geteuid() != 0:
            self.skipTest('only root can become somebody else')
        north = self.f.region('north').start_kithd()
        os.chmod(self.f.dir, 0o711)
        os.chmod(north.dir, 0o711)
        os.chmod(north.control, 0o600)
        got = subprocess.run(['setpriv', '--reuid', '65534', '--clear-groups',
                              kith.program('kithctl'), '--socket', north.control, 'status'],
                             text=True, capture_output=True, check=False)
        self.assertEqual(got.returncode, 4, got)
        self.assertIn('next: ask its owner', got.stderr)

    def test_the_unit_is_asked_and_said_where_systemd_runs(self):
        """systemctl is one of our own here: what it says is passed on."""
        bin_dir = os.path.join(self.f.dir, 'bin')
        os.mkdir(bin_dir)
        systemctl = os.path.join(bin_dir, 'systemctl')
        with open(systemctl, 'w', encoding='ascii') as f:
            f.write('#!/bin/sh\nprintf "LoadState=loaded\\nActiveState=failed\\nSubState=failed'
                    '\\nResult=exit-code\\nStateChangeTimestamp=Sat 2026-11-21 14:02 UTC\\n"\n')
        os.chmod(systemctl, 0o755)
        got = subprocess.run([kith.program('kithctl'), 'status'], text=True, check=False,
                             capture_output=True,
                             env={**os.environ, 'PATH': f'{bin_dir}:{os.environ["PATH"]}'})
        if got.returncode == 0:
            self.skipTest('a kithd runs on this machine')
        self.assertEqual(got.returncode, 3)
        self.assertIn('kithd.service: failed (failed, result exit-code) since Sat', got.stderr)
        self.assertIn('next: journalctl -u kithd -n 20 says why; then: systemctl start kithd',
                      got.stderr)


class Top(Base):
    def top(self, region, *args):
        return [kith.program('kithctl'), '--config', region.config, 'top', *args]

    def test_without_a_terminal_as_many_screens_as_asked_for_with_rates(self):
        north = self.f.region('north').start()
        record = north.ctl('record', 'new', json=True)['made']['record']
        p = subprocess.Popen(self.top(north, '--json', '--interval', '1', '--count', '2'),
                             stdout=subprocess.PIPE, text=True)
        for i in range(10):
            north.ctl('record', 'append', record, '--note', f'{i}')
        lines = [json.loads(x) for x in p.communicate(timeout=30)[0].splitlines()]
        self.assertEqual(p.returncode, 0)
        self.assertEqual(len(lines), 2)
        done = sum(x['rates']['changes'] * x['interval_ms'] / 1000 for x in lines)
        self.assertGreater(done, 5)
        self.assertEqual(lines[1]['verdict'], 'ok')
        self.assertGreaterEqual(lines[0]['rates']['commits'], lines[0]['rates']['changes'] - 0.01)

    def test_without_a_terminal_and_a_count_it_is_one_screen(self):
        north = self.f.region('north').start()
        got = north.ctl('top', '--interval', '1')
        self.assertEqual(got.count('ok: north runs'), 1)
        self.assertRegex(got, r'a second: \d+\.\d changes')
        self.assertNotIn('\033', got)

    def test_on_a_terminal_it_is_drawn_until_q_and_the_terminal_is_given_back(self):
        north = self.f.region('north').start()
        t = Terminal(self.top(north, '--interval', '1'))
        t.until('ok.*north runs')
        t.until(r'a second: \d')
        t.say('q')
        self.assertEqual(t.end(), 0)
        self.assertTrue(t.text.endswith('\033[?7h\033[?25h\033[?1049l'), repr(t.text[-60:]))

    def test_on_a_small_terminal_the_verdict_stays_on_it(self):
        north = self.f.region('north').start()
        t = Terminal(self.top(north), rows=8, env={'NO_COLOR': '1'})
        t.until('ok: north runs')
        t.say('q')
        self.assertEqual(t.end(), 0)
        self.assertLess(t.text.count('\n'), 8)

    def test_a_kithd_that_goes_and_comes_back_does_not_end_it(self):
        north = self.f.region('north').start()
        t = Terminal(self.top(north, '--interval', '1'))
        t.until('north runs')
        north.stop()
        t.until('kithd does not run|closed the connection|broke')
        north.start()
        t.text = ''
        t.until('north runs')
        t.say('q')
        self.assertEqual(t.end(), 0)


class Words(Base):
    def test_colour_is_for_terminals_and_no_color_is_heeded(self):
        north = self.f.region('north').start()
        args = [kith.program('kithctl'), '--config', north.config, 'status']
        for env, more, coloured in (({}, [], True), ({'NO_COLOR': '1'}, [], False),
                                    ({'NO_COLOR': ''}, [], True), ({}, ['--color=never'], False),
                                    ({'NO_COLOR': '1'}, ['--color=always'], True)):
            t = Terminal(args + more, env=env)
            self.assertEqual(t.end(), 0)
            self.assertEqual('\033[' in t.text, coloured, (env, more))
        self.assertNotIn('\033', north.ctl('status'))


def main():
    kith.end_on_sigterm()
    program = unittest.main(exit=False, verbosity=2)
    r = program.result
    failed = len(r.failures) + len(r.errors)
    print(f'{r.testsRun - failed} passed, {failed} failed')
    sys.exit(failed > 0)


if __name__ == '__main__':
    main()
