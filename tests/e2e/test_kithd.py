#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
kithd as a process: how it starts and ends, what it makes of clients that are not polite, and what
is left after SIGKILL

Each test's name says what is true. The last line is the tally.
"""
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import unittest

import region as kith
from control_client import Client, Problem
from kithformat import record_pb

SOURCE = os.path.join(kith.HERE, '..', '..')
WHO = {'worker': 'jo', 'role': 'social worker'}


def said(daemon):
    return '\n'.join(daemon.lines)


def run(*args):
    done = subprocess.run([kith.program('kithd'), *args], text=True, check=False, timeout=30,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    return done.returncode, done.stdout, done.stderr


class Base(kith.Case):
    def region(self, **more):
        return self.f.region('north', **more)


class Life(Base):
    def test_it_answers_status_to_kithctl_and_to_a_stock_client(self):
        north = self.region().start_kithd()
        status = north.ctl('status', json=True)['status']
        self.assertEqual(status['name'], 'north')
        with north.client() as c:
            replies = c.ask(verb='status')
        self.assertEqual(replies[-1].status.region, status['region'])
        self.assertEqual(replies[-1].status.records, 0)
        self.assertTrue(replies[-1].last)

    def test_sigterm_and_sigint_end_it_with_0(self):
        north = self.region()
        for number in (signal.SIGTERM, signal.SIGINT):
            north.start_kithd()
            self.assertEqual(north.stop_kithd(number), 0)
            north.notify.close()
            self.assertEqual(north.notify.state.get('STOPPING'), '1')
            north.notify = None
        self.assertFalse(os.path.exists(north.control), 'the socket it made is still there')

    def test_the_status_line_says_how_many(self):
        north = self.region().start_kithd()
        self.assertRegex(north.notify.wait('STATUS', north.kithd),
                         r'^0 of 0 peers live, 0 records')

    def test_a_second_kithd_on_one_store_is_refused_and_the_first_lives(self):
        north = self.region().start_kithd()
        second = kith.Daemon([kith.program('kithd'), '--config', north.config])
        self.assertEqual(second.wait(), 1)
        self.assertRegex(said(second), r'kithd: error: .*in use by process \d+')
        self.assertEqual(north.status().name, 'north')

    def test_a_missing_store_says_how_to_make_one(self):
        north = self.region(init=False)
        north.write_config()
        north.start_kithd(ready=False)
        self.assertEqual(north.kithd.wait(), 1)
        self.assertIn('kithctl region init', said(north.kithd))

    def test_a_missing_key_is_named(self):
        north = self.region()
        os.unlink(os.path.join(north.state, 'keys', 'token.key'))
        north.start_kithd(ready=False)
        self.assertEqual(north.kithd.wait(), 1)
        self.assertIn('token.key', said(north.kithd))

    def test_keys_of_another_region_are_refused(self):
        north, south = self.region(), self.f.region('south')
        for kind in ('sign', 'control', 'kem', 'token'):
            shutil.copy2(os.path.join(south.state, 'keys', f'{kind}.key'),
                         os.path.join(north.state, 'keys', f'{kind}.key'))
        north.start_kithd(ready=False)
        self.assertEqual(north.kithd.wait(), 1)
        self.assertRegex(said(north.kithd), r'error: .*key')

    def test_sigkill_leaves_a_store_that_opens_and_a_socket_that_is_replaced(self):
        north = self.region().start_kithd()
        before = north.status().region
        north.kill()
        self.assertTrue(os.path.exists(north.control))
        north.start_kithd()
        self.assertEqual(north.status().region, before)

    def test_sigkill_loses_nothing_that_was_acknowledged(self):
        north = self.region().start_kithd()
        made = []
        for i in range(5):
            with north.client() as c:
                replies = c.ask(verb='record new', **WHO)
            made.append(replies[-1].made.record)
            north.kill()
            north.start_kithd()
            with north.client() as c:
                held = [v.record for r in c.ask(verb='record list', **WHO)
                        for v in r.records]
            self.assertEqual(sorted(held), sorted(made), f'after restart {i + 1}')

    def test_sighup_takes_the_log_level_and_keeps_it_when_the_file_is_wrong(self):
        north = self.region().start_kithd()
        north.options = 'log_level = debug'
        north.write_config()
        north.kithd.send(signal.SIGHUP)
        north.kithd.wait_line('takes over from .*: ')
        with open(north.config, 'a', encoding='utf-8') as f:
            f.write('log_level = much\n')
        north.kithd.send(signal.SIGHUP)
        north.kithd.wait_line(r'is kept as it was: .*kithd\.conf:\d+')
        self.assertEqual(north.status().name, 'north')

    def test_it_feeds_the_watchdog(self):
        north = self.region()
        os.environ['WATCHDOG_USEC'] = '200000'
        self.addCleanup(os.environ.pop, 'WATCHDOG_USEC')
        north.start_kithd()
        self.assertEqual(north.notify.wait('WATCHDOG', north.kithd), '1')

    def test_sockets_may_come_from_systemd(self):
        north = self.region()
        here = os.path.join(north.dir, 'activated')
        with socket.socket(socket.AF_UNIX) as listening:
            listening.bind(here)
            listening.listen()
            # LISTEN_PID must be the pid of kithd: a shell execs it.
            script = 'export LISTEN_PID=$$; exec 3<&"$1"; exec "$2" --config "$3"'
            os.set_inheritable(listening.fileno(), True)
            child = subprocess.Popen(
                ['bash', '-c', script, 'sh', str(listening.fileno()), kith.program('kithd'),
                 north.config], pass_fds=[listening.fileno()],
                env={**os.environ, 'LISTEN_FDS': '1', 'LISTEN_FDNAMES': 'control'},
                stderr=subprocess.DEVNULL)
            try:
                with Client(here, 20) as c:
                    self.assertEqual(c.ask(verb='status')[0].status.name, 'north')
                self.assertFalse(os.path.exists(north.control))
            finally:
                child.terminate()
                self.assertEqual(child.wait(20), 0)
        self.assertTrue(os.path.exists(here), 'systemd\'s socket is not kithd\'s to remove')


class Options(unittest.TestCase):
    def test_help_and_version_go_to_standard_output_with_0(self):
        self.assertEqual(run('--version')[0], 0)
        self.assertRegex(run('--version')[1], r'^kithd \d+\.\d+\.\d+\n$')
        status, out, err = run('--help')
        self.assertEqual((status, err), (0, ''))
        for option in ('--config', '--check-config', '--foreground', '--version', '--help'):
            self.assertIn(option, out)

    def test_wrong_options_are_2(self):
        self.assertEqual(run('--no-such-thing')[0], 2)
        status, _, err = run('start')
        self.assertEqual(status, 2)
        self.assertIn('start', err)

    def test_check_config_names_file_and_line(self):
        with kith.Federation() as f:
            north = f.region('north', init=False)
            north.write_config()
            self.assertEqual(run('--config', north.config, '--check-config')[0], 0)
            with open(north.config, 'w', encoding='utf-8') as c:
                c.write('\nlisten = "udp://*:1"\n')
            status, _, err = run('--config', north.config, '--check-config')
            self.assertEqual(status, 1)
            self.assertIn(f'{north.config}:2:', err)
            status, _, err = run('--config', os.path.join(f.dir, 'none.conf'))
            self.assertEqual(status, 1)
            self.assertIn('none.conf', err)


class Clients(Base):
    """Bytes earn verdicts, here those of local users: kithd lives and serves the others."""

    def setUp(self):
        super().setUp()
        self.north = self.region().start_kithd()
        self.polite = self.north.client()
        self.addCleanup(self.polite.close)

    def still_well(self):
        self.assertEqual(self.polite.ask(verb='status')[0].status.name, 'north')
        self.assertTrue(self.north.kithd.alive())

    def raw(self, path=None):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(20)
        s.connect(path or self.north.control)
        self.addCleanup(s.close)
        return s

    def closed(self, s):
        """Whether the other side has closed; what it says before is let be."""
        try:
            while s.recv(65536):
                pass
        except ConnectionError:
            pass
        return True

    def test_garbage_for_a_message_is_answered_or_closed(self):
        for junk in (b'\xff' * 64, b'\x08', b'\x0a\xff\xff\xff\xff\x0f', bytes(range(256)), b''):
            with self.north.client() as c:
                c.send_bytes(junk)
                try:
                    reply = c.receive()
                    self.assertTrue(reply.HasField('problem'), junk)
                except (EOFError, ConnectionError):
                    pass
            self.still_well()

    def test_a_length_beyond_the_limit_closes_that_client_only(self):
        for length in (1 << 20 | 1, 1 << 31, 0xffffffff):
            s = self.raw()
            s.sendall(struct.pack('>I', length))
            self.assertTrue(self.closed(s))
            self.still_well()

    def test_half_a_frame_holds_up_nobody(self):
        halves = [self.raw() for _ in range(20)]
        for i, s in enumerate(halves):
            s.sendall(struct.pack('>I', 100)[:i % 5] + b'x' * (i % 3 if i % 5 == 4 else 0))
        self.still_well()
        for s in halves:
            s.close()
        self.still_well()

    def test_a_request_may_come_byte_by_byte(self):
        whole = []
        with self.north.client() as c:
            c.send_bytes = lambda data: whole.append(struct.pack('>I', len(data)) + data)
            request = c.start('status')
            for byte in whole[0]:
                c.socket.sendall(bytes([byte]))
            self.assertTrue(next(c.replies(request)).last)

    def test_an_unknown_verb_is_a_problem_with_a_next_step(self):
        with self.assertRaises(Problem) as caught:
            self.polite.ask(verb=9999)
        self.assertEqual(caught.exception.problem.name, 'verb-unknown')
        self.assertTrue(caught.exception.problem.next)
        self.still_well()

    def test_many_requests_at_once_are_all_answered_in_order(self):
        ids = [self.polite.start('status') for _ in range(500)]
        self.assertEqual([self.polite.receive().id for _ in ids], ids)

    def test_a_client_that_goes_in_the_middle_harms_nobody(self):
        for _ in range(50):
            with self.north.client() as c:
                for _ in range(20):
                    c.start('record list')
        self.still_well()

    def test_more_clients_than_there_are_places_are_turned_away(self):
        crowd = [self.raw() for _ in range(100)]
        self.still_well()
        for s in crowd:
            s.close()
        kith.wait_for(lambda: self.welcome(), 10, 'a place is free again')

    def welcome(self):
        try:
            with self.north.client() as c:
                return c.ask(verb='status')
        except (EOFError, ConnectionError):
            return None

    def test_the_link_socket_closes_who_speaks_nonsense(self):
        s = self.raw(self.north.link_socket)
        s.sendall(struct.pack('>I', 3) + b'\xff\xff\xff')
        self.assertTrue(self.closed(s))
        self.still_well()

    def test_only_one_kith_link_is_served(self):
        first = self.raw(self.north.link_socket)
        self.still_well()
        second = self.raw(self.north.link_socket)
        self.assertTrue(self.closed(second))
        first.settimeout(0.2)
        with self.assertRaises(TimeoutError):
            first.recv(1)


class Links(Base):
    def test_two_regions_come_into_session_and_again_after_each_kind_of_loss(self):
        north, south = self.f.region('north').start(), self.f.region('south').start()
        kith.introduce(north, south)
        for lose in (lambda: (south.stop_link(), south.start_link()),
                     lambda: (south.kill(), south.start_kithd()),
                     lambda: south.restart()):
            mark = len(north.kithd.lines)
            lose()
            north.kithd.wait_line('in session with south', 60, mark)
            north.wait_live(south, 60)
            south.wait_live(north, 60)
        self.assertEqual(north.stop(), (0, 0))


class Full(Base):
    def fill(self, region, requests):
        """A record with some 40 kB for each request."""
        words = [record_pb.Entry(kind=1, title='zebra', text=os.urandom(3000).hex())
                 for _ in range(7)]
        with region.client() as c:
            record = c.ask(verb='record new', **WHO)[-1].made.record
            for _ in range(requests):
                c.ask(verb='record append', record=record, entries=words, **WHO)
        return record

    def test_a_full_store_refuses_what_is_new_and_shows_what_it_has(self):
        north = self.region(options='map_size = 1MiB').start_kithd()
        with self.assertRaises(Problem) as caught:
            self.fill(north, 100)
        self.assertEqual(caught.exception.problem.name, 'disk-full')
        with north.client() as c:
            held = c.ask(verb='record list', **WHO)[0].records
        self.assertEqual(len(held), 1)
        self.assertIn('full', north.status().state)
        self.assertEqual(north.stop_kithd(), 0)

    def test_a_store_that_fills_while_it_receives_goes_on_and_completes_with_more_room(self):
        north = self.region().start()
        south = self.f.region('south', options='map_size = 1MiB').start()
        kith.introduce(north, south)
        record = self.fill(north, 40)
        with north.client() as c:
            c.ask(verb='move offer', record=record, peer='south', code=1, **WHO)
        # A step that finds no room says one, a commit the other: it depends on who shares a turn.
        south.kithd.wait_line('the turn does not fit|nothing new is taken in', 30)
        south.kithd.wait_line('in session', 30, len(south.kithd.lines))
        self.assertEqual(south.status().name, 'south')
        self.assertNotEqual(self.state_of(south), 'complete')

        south.options = ''
        south.write_config()
        south.restart()
        kith.wait_for(lambda: self.state_of(south) == 'complete', 60, 'the record is complete')
        for region in (north, south):
            text = '\n'.join(region.past + region.kithd.lines + region.link.lines)
            self.assertNotIn('zebra', text)

    def state_of(self, region):
        with region.client() as c:
            moves = [m for r in c.ask(verb='move list', **WHO) for m in r.moves]
        return moves[0].state if moves else None


class Catalog(unittest.TestCase):
    def test_every_message_id_is_explained_and_nothing_else(self):
        ids = set()
        for name in ('tell.c', 'journal.h'):
            with open(os.path.join(SOURCE, 'daemon', 'host', name), encoding='utf-8') as f:
                ids |= set(re.findall(r'"([0-9a-f]{32})"', f.read()))
        with open(os.path.join(SOURCE, 'systemd', 'kith.catalog'), encoding='utf-8') as f:
            explained = re.findall(r'^-- ([0-9a-f]{32})$', f.read(), re.M)
        self.assertEqual(len(explained), len(set(explained)))
        self.assertEqual(set(explained), ids)

    @unittest.skipUnless(shutil.which('systemd-analyze'), 'needs systemd-analyze')
    def test_the_units_are_as_closed_as_promised(self):
        for unit, threshold in (('kithd', 5), ('kith-link', 14)):
            done = subprocess.run(
                ['systemd-analyze', 'security', '--offline=yes', f'--threshold={threshold}',
                 os.path.join(SOURCE, 'systemd', f'{unit}.service')],
                text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
            self.assertEqual(done.returncode, 0, done.stdout[-300:])


if __name__ == '__main__':
    kith.main()
