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
import shutil
import socket
import struct
import subprocess
import termios
import time

import hostile
import region as kith


def text_of(path):
    with open(path, encoding='utf-8') as f:
        return f.read()


class Base(kith.Case):
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


class Doctor(Base):
    def doctor(self, region, *args):
        """{check: [(state, about, text, next)]}"""
        got = region.run_ctl('--json', 'doctor', *args)
        out = {}
        for c in json.loads(got.out)['checks']:
            out.setdefault(c['check'], []).append(
                (c['state'], c.get('about'), c['text'], c.get('next')))
        return got.status, out

    def test_two_regions_that_are_well_have_nothing_wrong(self):
        north, _ = self.two()
        status, found = self.doctor(north)
        self.assertEqual(status, 0, found)
        self.assertEqual([x for c in found.values() for x in c if x[0] == 'fail'], [])
        for check in ('socket', 'files', 'link', 'listener', 'peer', 'peer-clock', 'peer-version'):
            self.assertEqual(found[check][0][0], 'ok', check)

    def test_a_region_that_is_away_is_told_from_one_whose_name_is_not_known(self):
        north, south = self.two()
        south.stop()
        status, found = self.doctor(north, '--peer', 'south')
        self.assertEqual(status, 1)
        self.assertIn('Connection refused', found['peer'][0][2])
        card = os.path.join(south.dir, 'again.card')
        south.start()
        south.ctl('region', 'card', '--out', card)
        south.stop()
        north.ctl('peer', 'add', card, '--yes', '--endpoint', 'tcp://kith.south.invalid:7420')
        status, found = self.doctor(north, '--peer', 'south')
        self.assertEqual((status, found['peer'][0][0]), (1, 'fail'))
        self.assertIn('getent hosts kith.south.invalid', found['peer'][0][3])

    def test_a_region_that_has_not_added_our_card_is_a_matter_of_keys_not_of_the_way(self):
        north = self.f.region('north', listen=False).start()  # so that it dials
        south = self.f.region('south').start()
        card = os.path.join(south.dir, 'south.card')
        south.ctl('region', 'card', '--out', card)
        north.ctl('peer', 'add', card, '--yes')
        kith.wait_for(lambda: 'handshake' in north.peers()['south'].problem, 20, 'a refusal')
        status, found = self.doctor(north, '--peer', 'south')
        self.assertEqual((status, found['peer'][0][0]), (1, 'fail'))
        self.assertIn('it can be reached, but one side does not know the other', found['peer'][0][2])

    def test_modes_root_keys_and_backups_are_looked_at(self):
        north = self.f.region('north').start()
        os.chmod(os.path.join(north.state, 'keys', 'sign.key'), 0o644)
        status, found = self.doctor(north, '--backups', north.dir)
        self.assertEqual(status, 1)
        self.assertIn('chmod 600', found['files'][0][3])
        self.assertEqual(found['backups'][0][0], 'fail')
        os.chmod(os.path.join(north.state, 'keys', 'sign.key'), 0o600)
        os.rename(os.path.join(north.dir, 'root.key'), os.path.join(north.state, 'root.key'))
        _, found = self.doctor(north)
        self.assertEqual(found['files'][0][0], 'ok')
        self.assertEqual(found['root-key'][0][0], 'warn')

    def test_without_kith_link_and_without_kithd_the_next_step_is_said(self):
        north = self.f.region('north').start()
        north.stop_link()
        status, found = self.doctor(north)
        self.assertEqual((status, found['link'][0][0]), (1, 'fail'))
        north.stop_kithd()
        status, found = self.doctor(north)
        self.assertEqual((status, found['socket'][0][0]), (1, 'fail'))
        self.assertEqual(found['peer'][0][0], 'skipped')

    def test_a_port_that_somebody_else_has_is_found(self):
        north = self.f.region('north')
        with socket.socket() as other:
            other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            other.bind(('127.0.0.1', north.port))
            other.listen()
            north.start_kithd().start_link(ready=False)
            kith.wait_for(lambda: north.link and (not north.link.alive() or
                                                  north.status().link == 'connected'), 20, 'the link')
            status, found = self.doctor(north)
        self.assertEqual(status, 1)
        self.assertIn('fail', (found['listener'][0][0], found['link'][0][0]))

    def test_a_full_disk_is_found(self):
        if os.geteuid() != 0:
            self.skipTest('only root can mount a small disk')
        north = self.f.region('north', options='map_size = 64MiB')
        small = os.path.join(self.f.dir, 'small')
        shutil.copytree(north.state, small + '.kept')
        os.mkdir(small)
        if subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=24m,mode=700', 'none', small],
                          check=False).returncode != 0:
            self.skipTest('nothing can be mounted here')
        self.addCleanup(subprocess.run, ['umount', '-l', small], check=False)
        shutil.copytree(small + '.kept', small, dirs_exist_ok=True)
        north.state = small
        north.write_config()
        north.start_kithd()
        status, found = self.doctor(north)
        self.assertEqual((status, found['disk'][0][0]), (1, 'fail'))
        self.assertEqual(north.run_ctl('status', '--check').status, 2)

    def test_the_configuration_that_cannot_be_read_names_its_line(self):
        north = self.f.region('north').start_kithd()
        with open(north.config, 'a', encoding='utf-8') as f:
            f.write('nonsense = 1\n')
        status, found = self.doctor(north, '--socket', north.control)
        self.assertEqual(status, 1)
        self.assertRegex(found['configuration'][0][2], r'kithd\.conf:\d+: ')

    def test_the_drop_in_is_one_that_systemd_understands(self):
        north, _ = self.two()
        text = north.ctl('doctor', '--drop-in')
        self.assertIn('IPAddressDeny=any\n', text)
        self.assertIn('IPAddressAllow=127.0.0.1\n', text)
        unit = os.path.join(self.f.dir, 'kith-link.service')
        with open(unit, 'w', encoding='ascii') as f:
            f.write('[Service]\nExecStart=/bin/true\n' + text)
        if shutil.which('systemd-analyze'):
            got = subprocess.run(['systemd-analyze', 'verify', '--man=no', unit], text=True,
                                 capture_output=True, check=False)
            self.assertNotIn('IPAddress', got.stderr)

    def test_a_peer_whose_address_is_not_known_is_left_to_be_filled_in(self):
        north = self.f.region('north').start()
        south = self.f.region('south', listen=False).start()
        kith.introduce(north, south)
        got = north.run_ctl('doctor', '--drop-in')
        self.assertEqual(got.status, 1)
        self.assertIn('# south, which dials us\n#IPAddressAllow=', got.out)


class Upgrade(Base):
    def victim(self, region):
        region.facts = hostile.facts(region)
        return region

    def check(self, north):
        got = north.run_ctl('--json', 'upgrade', '--check')
        out = json.loads(got.out)
        return got.status, {p['name']: p['follows'] for p in out['peers']}, out

    def test_peers_of_this_version_follow_and_the_store_stays(self):
        north, _ = self.two()
        status, follows, out = self.check(north)
        self.assertEqual((status, follows), (0, {'south': 'yes'}))
        self.assertEqual(out['store'], 'stays as it is')
        self.assertEqual(out['installed'], out['running'])

    def test_a_peer_of_the_next_version_is_spoken_with_in_ours(self):
        """A puppet says that it speaks one version more; the session is real."""
        north = self.f.region('north').start()
        south = hostile.Hostile('south').introduce(north)
        with south.link(self.victim(north)) as link:
            link.raw(link.hello(wire_min=1, wire_max=2))
            link.agree()
            self.assertIsNotNone(link.expect('feed_req'))
            north.wait_live(south)
            status, follows, out = self.check(north)
            self.assertEqual((status, follows), (0, {'south': 'yes'}))
            self.assertEqual(out['peers'][0]['wire_max'], 2)

    def test_a_peer_with_no_version_in_common_is_refused_by_name_and_told(self):
        north = self.f.region('north').start()
        south = hostile.Hostile('south').introduce(north)
        with south.link(self.victim(north)) as link:
            link.raw(link.hello(wire_min=2, wire_max=3, software='kith 9.9'))
            link.until_gone()
        problem = kith.wait_for(lambda: north.peers()['south'].problem, 10, 'the refusal')
        self.assertEqual(problem, 'no-version-in-common')
        status, follows, out = self.check(north)
        self.assertEqual((status, follows), (1, {'south': 'no'}))
        self.assertEqual(out['peers'][0]['software'], 'kith 9.9')
        self.assertIn('upgrade here first', out['peers'][0]['text'])
        got = north.run_ctl('doctor', '--peer', 'south')
        self.assertIn('kith 9.9 speaks wire versions 2 to 3, and we 1 to 1', got.out)

    def test_without_check_it_says_who_upgrades(self):
        north = self.f.region('north')
        got = north.run_ctl('upgrade')
        self.assertEqual(got.status, 2)
        self.assertIn('apt upgrade kith', got.err)


class Setup(Base):
    """A region is made by setup; what starts it is this test, as there is no systemd."""

    def place(self, name):
        r = self.f.region(name, init=False)
        r.state = os.path.join(r.dir, 'state')
        r.cards = os.path.join(self.f.dir, f'{name}.card')
        return r

    def args(self, r, *more):
        return [kith.program('kithctl'), 'setup', '--dir', r.dir, '--out', r.cards, *more]

    def setup_of(self, r, *more):
        done = subprocess.run(self.args(r, '--name', r.name, '--endpoint', r.endpoint,
                                        '--root-key-out', os.path.join(r.dir, 'root.key'),
                                        '--yes', *more),
                              text=True, capture_output=True, check=False, timeout=120)
        return kith.Ctl(done.returncode, done.stdout, done.stderr)

    def test_two_regions_come_from_nothing_to_a_live_link_and_again_changes_nothing(self):
        north, south = self.place('north'), self.place('south')
        for r in (north, south):
            got = self.setup_of(r)
            self.assertEqual(got.status, 1, got)
            self.assertIn('next: kithd --config', got.err)
            r.start()
            got = self.setup_of(r)
            self.assertEqual(got.status, 0, got)
            self.assertIn('(already)', got.out)
        self.assertEqual(self.setup_of(north, south.cards, '--wait', '0').status, 1)
        got = self.setup_of(south, north.cards, '--wait', '30')
        self.assertEqual(got.status, 0, got)
        self.assertIn('every peer is live', got.out)
        before = (north.status().commits, text_of(north.config))
        got = self.setup_of(north, south.cards, '--wait', '30')
        self.assertEqual(got.status, 0, got)
        self.assertEqual(before[1], text_of(north.config))
        steps = json.loads(self.setup_of(north, south.cards, '--json').out)
        self.assertTrue(steps['complete'])
        self.assertEqual([x['step'] for x in steps['steps'] if not x['already']], ['links'])

    def test_a_dry_run_says_the_steps_and_makes_nothing(self):
        north = self.place('north')
        got = self.setup_of(north, '--dry-run')
        self.assertEqual(got.status, 0, got)
        self.assertEqual(re.findall(r'^(\w+) +\(would\)', got.out, re.M),
                         ['configuration', 'region', 'start'])
        self.assertEqual(os.listdir(north.dir), [])

    def test_a_configuration_that_is_there_is_never_written_over(self):
        north = self.place('north')
        with open(north.config, 'w', encoding='utf-8') as f:
            f.write(f'state_dir = "{north.state}"\nlisten = "tcp://127.0.0.1:1"\n'
                    f'control_socket = "{north.control}"\nlink_socket = "{north.link_socket}"\n')
        before = text_of(north.config)
        got = self.setup_of(north)
        self.assertIn('(already)', got.out)
        self.assertEqual(text_of(north.config), before)
        self.assertFalse(os.path.exists(north.config + '.d'))

    def test_without_a_terminal_and_a_name_it_says_what_to_give(self):
        north = self.place('north')
        got = subprocess.run(self.args(north, '--yes'), text=True, capture_output=True,
                             stdin=subprocess.DEVNULL, check=False)
        self.assertEqual(got.returncode, 2)
        self.assertIn('--name NAME', got.stderr)

    def test_on_a_terminal_it_asks_and_leads_to_the_end(self):
        north, south = self.place('north'), self.place('south')
        self.setup_of(south)
        south.start()
        self.setup_of(south)
        t = Terminal(self.args(north, '--wait', '1'), env={'NO_COLOR': '1'})
        t.until('Where do other regions reach this one')
        t.say(f'{north.endpoint}\n')
        t.until('What is this region called')
        t.say('north\n')
        t.until('Where does the root key go')
        t.say(f'{north.dir}/root.key\n')
        t.until('Start the region in another terminal')
        north.start()
        t.until('The file with another region')
        t.say(f'{self.f.dir}/mistyped.card\n')
        t.until('cannot be read')
        t.say(f'{south.cards}\n')
        t.until('Does this match what the other region reads')
        t.say('yes\n')
        t.until('trust south')
        t.say('\n')
        t.until('south is not live yet: its people run kithctl peer add')
        self.assertEqual(t.end(), 1)
        self.assertTrue(os.path.exists(os.path.join(north.dir, 'root.key')))


class Completion(Base):
    """By the shells themselves, with a region that runs."""

    def setUp(self):
        super().setUp()
        self.north, _ = self.two()
        self.record = self.north.ctl('record', 'new', '--authority', '340', '--child', '1017',
                                     json=True)['made']['record']
        self.config = f'--config {self.north.config}'
        self.env = {**os.environ, 'NO_COLOR': '1',
                    'PATH': f'{os.path.abspath(kith.BIN)}:{os.environ["PATH"]}'}
        self.folder = os.path.join(kith.HERE, '..', '..', 'conf', 'completion')

    def bash(self, line):
        """What bash offers behind that line."""
        words = line.split(' ')
        script = (f'source {self.folder}/kithctl.bash; COMP_WORDS=({line} '
                  f'{"" if words[-1] else chr(39) * 2}); COMP_CWORD={len(words) - 1}; _kithctl; '
                  'printf "%s\\n" "${COMPREPLY[@]}"')
        done = subprocess.run(['bash', '-c', script], env=self.env, text=True, check=True,
                              capture_output=True)
        self.assertEqual(done.stderr, '')
        return done.stdout.split()

    def test_bash_completes_verbs_options_records_and_regions(self):
        self.assertIn('status', self.bash('kithctl st'))
        self.assertEqual(set(self.bash('kithctl peer ')), {'add', 'remove'})
        self.assertIn('--reason', self.bash('kithctl move offer --re'))
        self.assertEqual(self.bash(f'kithctl {self.config} peer remove '), ['south'])
        self.assertEqual(self.bash(f'kithctl {self.config} move offer x --to so'), ['south'])
        self.assertEqual(self.bash(f'kithctl {self.config} record show {self.record[:6]}'),
                         [self.record[:12]])
        self.assertEqual(self.bash(f'kithctl {self.config} move offer 340'), ['340/1017'])
        self.assertEqual(self.bash('kithctl status --color al'), ['always'])
        self.assertIn('record-unknown', self.bash('kithctl explain record-u'))

    def test_zsh_completes_verbs_records_and_regions(self):
        if not shutil.which('zsh'):
            self.skipTest('zsh is not installed')
        t = Terminal(['zsh', '-f', '-i'], columns=200, env={**self.env, 'TERM': 'dumb'})
        t.say(f'PS1="ready "; fpath=({self.folder} $fpath); autoload -Uz compinit; '
              f'compinit -u -d {self.f.dir}/zcompdump; zstyle ":completion:*" menu no; '
              'unset zle_bracketed_paste; echo loa""ded\n')
        t.until(r'loaded\s[\s\S]*ready ')
        for line, wanted in (('kithctl stat', r'kithctl status'),
                             ('kithctl peer re', r'kithctl peer remove'),
                             (f'kithctl {self.config} peer remove so', 'peer remove south'),
                             (f'kithctl {self.config} record show {self.record[:6]}',
                              self.record[:12]),
                             ('kithctl move offer --reas', '--reason')):
            t.text = ''
            t.say(line + '\t')
            kith.wait_for(lambda: t.read(0.1) and wanted in re.sub(
                r'\x1b\[[0-9;?]*[a-zA-Z]|[^ -~]', '', t.text), 20, f'{line}: {wanted}')
            t.say('\x15')  # the line goes
        t.say('exit\n')
        t.end()


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


if __name__ == '__main__':
    kith.main()
