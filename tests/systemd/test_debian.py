#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
The packages in a real systemd: from the first install to the purge, and what the units promise

One bare Debian is booted, and one administrator's life is lived in it, in the order of the tests'
names. The last line is the tally; a machine that cannot boot it says so in words, as skipped.
"""
import json
import os
import re
import shutil
import unittest

from box import Box, clean_root, main, packages

B = os.environ.get('KITH_B', 'build')
UNITS = ('kithd', 'kith-link', 'kith-exporter')


class Life(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.box = Box('north', clean_root(B)).up()

    @classmethod
    def tearDownClass(cls):
        cls.box.down()

    def ctl(self, *args, **more):
        return json.loads(self.box.run('kithctl', '--json', *args, **more).stdout)

    def pid(self, unit):
        return int(self.box.prop(unit, 'MainPID'))

    def drop_in(self, unit, text):
        self.box.write(f'/etc/systemd/system/{unit}.d/test.conf', text)
        self.box.run('systemctl', 'daemon-reload')

    def journal(self, *args):
        return self.box.run('journalctl', '--no-pager', *args).stdout

    # ---- Beginning ----

    def test_01_installing_makes_users_and_groups_and_starts_nothing(self):
        self.box.run('dpkg', '-i', *packages(self.box, B))
        for group in ('kith', 'kith-operator', 'kith-app', 'kith-admin'):
            self.assertEqual(self.box.run('getent', 'group', group, check=False).returncode, 0)
        for unit in (*UNITS, 'kithd-control.socket', 'kithd-link.socket', 'kith-peers.socket'):
            self.assertEqual(self.box.prop(unit, 'ActiveState'), 'inactive', unit)
        self.assertIn('0 loaded units', self.box.out('systemctl', '--failed'))
        self.assertEqual(self.box.run('systemd-analyze', 'verify', '--man=no', 'kithd@x.service',
                                      'kithd.service', 'kith-link.service', 'kith-exporter.service',
                                      check=False).stdout, '')

    def test_02_each_unit_is_exposed_by_1_2_at_most(self):
        for unit in (*(f'{u}.service' for u in UNITS), *(f'{u}@x.service' for u in UNITS)):
            done = self.box.run('systemd-analyze', 'security', '--offline=yes', '--threshold=12',
                                f'/lib/systemd/system/{unit.replace("@x", "@")}', check=False)
            self.assertEqual(done.returncode, 0, done.stdout)

    def test_03_a_region_is_made_and_the_first_who_asks_starts_it(self):
        self.box.write('/etc/kith/kithd.conf.d/test.conf',
                       'listen = "tcp://127.0.0.1:7420"\nmap_size = 64MiB\n')
        self.box.run('kithctl', 'region', 'init', 'north', '--endpoint', 'tcp://127.0.0.1:7420',
                     '--root-key-out', '/root/north.key')
        self.box.run('systemctl', 'enable', 'kithd', 'kith-exporter')
        self.box.run('systemctl', 'start', 'kithd-control.socket', 'kithd-link.socket')
        self.assertEqual(self.box.prop('kithd', 'ActiveState'), 'inactive')
        self.assertEqual(self.ctl('status')['status']['name'], 'north')
        self.assertEqual(self.box.prop('kithd', 'ActiveState'), 'active')
        self.assertEqual(self.box.prop('kithd', 'Type'), 'notify')

    def test_04_it_says_that_it_is_ready_and_how_it_is(self):
        self.box.until(lambda: self.box.prop('kithd', 'StatusText') ==
                       '0 of 0 peers live, 0 records', 'the status line with kith-link')
        self.box.until(lambda: self.ctl('status')['status'].get('listening') ==
                       'tcp://127.0.0.1:7420', 'listening')
        for unit, user in (('kithd', 'kithd'), ('kith-link', 'kith-link')):
            self.assertEqual(self.box.out('stat', '-c', '%U', f'/proc/{self.pid(unit)}'), user)

    # ---- What the units promise ----

    def test_10_a_loop_that_hangs_is_ended_by_the_watchdog_and_started_again(self):
        units = ('kithd', 'kith-link')
        for unit in units:
            self.drop_in(f'{unit}.service', '[Service]\nWatchdogSec=2s\n')
        self.box.run('systemctl', 'restart', *units)
        for unit in units:
            # kith-link is started again with kithd
            self.box.until(lambda u=unit: self.box.prop(u, 'ActiveState') == 'active', unit)
            before = self.pid(unit)
            self.box.run('systemctl', 'kill', '--signal=STOP', unit)
            self.box.until(lambda u=unit, b=before: self.pid(u) not in (0, b), f'a new {unit}')
            self.box.until(lambda u=unit: self.box.prop(u, 'ActiveState') == 'active', 'a start')
            self.assertIn('Watchdog timeout', self.journal('-u', unit))
            self.assertEqual(self.ctl('status')['status']['name'], 'north')
        # and those that work are left alone for several periods of it
        before = [self.pid(u) for u in units]
        self.box.run('sleep', '5')
        self.assertEqual([self.pid(u) for u in units], before)
        for unit in units:
            self.drop_in(f'{unit}.service', '')

    def test_11_sigkill_loses_nothing_that_was_acknowledged(self):
        made = self.ctl('record', 'new')['made']['record']
        for unit in ('kithd', 'kith-link'):
            self.box.until(lambda u=unit: self.pid(u), unit)
            before = self.pid(unit)
            self.box.run('systemctl', 'kill', '--signal=KILL', unit)
            self.box.until(lambda u=unit, b=before: self.pid(u) not in (0, b), f'a new {unit}')
        self.box.until(lambda: self.box.prop('kithd', 'ActiveState') == 'active', 'a start')
        self.assertEqual([r['record'] for r in self.ctl('record', 'list')['records']], [made])
        self.box.until(lambda: self.ctl('status')['status']['link'] == 'connected', 'the link')

    def test_12_a_broken_configuration_is_refused_by_file_and_line(self):
        path = '/etc/kith/kithd.conf.d/wrong.conf'
        self.box.write(path, '\nlog_level = loud\n')
        before = self.pid('kithd')
        done = self.box.run('systemctl', 'reload', 'kithd', check=False)
        self.assertNotEqual(done.returncode, 0)
        said = self.journal('-u', 'kithd', '-n', '8', '-o', 'cat')
        self.assertIn(f'{path}:2:', said)
        self.assertEqual((self.pid('kithd'), self.box.prop('kithd', 'ActiveState')),
                         (before, 'active'))
        self.box.write(path, 'log_level = debug\n')
        self.box.run('systemctl', 'reload', 'kithd')
        self.assertIn('takes over', self.journal('-u', 'kithd', '-n', '8', '-o', 'cat'))
        os.unlink(self.box.path(path))
        self.box.run('systemctl', 'reload', 'kithd')

    def test_13_who_is_in_no_group_is_told_so_and_each_group_gets_what_is_its_own(self):
        people = {'stranger': None, 'looker': 'kith', 'olive': 'kith-operator',
                  'worker': 'kith-app', 'chief': 'kith-admin'}
        for name, group in people.items():
            self.box.run('useradd', '-m', name, *(('-G', group) if group else ()))

        def tries(name, *args):
            done = self.box.run('kithctl', *args, user=name, check=False)
            return 'yes' if done.returncode == 0 else done.stdout.split(':')[1].strip()
        table = {
            ('status',): ('not-allowed', 'yes', 'yes', 'yes', 'yes'),
            ('move', 'list'): ('not-allowed', 'needs-kith-operator', 'yes', 'yes', 'yes'),
            ('record', 'list'): ('not-allowed', 'needs-kith-app', 'needs-kith-app', 'yes', 'yes'),
            ('reload',): ('not-allowed', 'needs-kith-operator', 'yes', 'needs-kith-operator',
                          'yes'),
            ('peer', 'remove', 'nobody', '--yes'):
                ('not-allowed', 'needs-kith-admin', 'needs-kith-admin', 'needs-kith-admin',
                 'peer-unknown'),
        }
        for args, expected in table.items():
            self.assertEqual(tuple(tries(p, *args) for p in people), expected, args)
        done = self.box.run('kithctl', 'record', 'list', user='olive', check=False)
        self.assertRegex(done.stdout, r'uid \d+ \(olive\) is in kith-operator')
        self.assertIn('adduser USER kith-app', done.stdout)

        rows = [(r['user'].split('(')[1][:-1], r['verb'], r.get('problem', ''))
                for r in self.ctl('audit')['audit']]
        self.assertIn(('worker', 'record list', ''), rows)
        self.assertIn(('olive', 'record list', 'needs-kith-app'), rows)
        self.assertFalse([r for r in rows if r[0] == 'stranger'])

    def test_14_the_exporter_looks_and_no_more(self):
        self.box.run('systemctl', 'start', 'kith-exporter')
        ask = ('bash', '-c', 'exec 3<>/dev/tcp/127.0.0.1/9742 && '
               'printf "GET /metrics HTTP/1.0\\r\\n\\r\\n" >&3 && cat <&3')
        said = self.box.until(
            lambda: re.findall(r'^kith_\w+ .*$', self.box.out(*ask, check=False), re.M),
            'metrics')
        self.assertIn('kith_up 1', said)
        self.assertIn('kith_records 1', said)

    def test_16_systemd_may_open_the_socket_for_the_other_regions(self):
        self.box.write('/etc/systemd/system/kith-peers.socket.d/test.conf',
                       '[Socket]\nListenStream=\nListenStream=127.0.0.1:7777\n')
        self.box.run('systemctl', 'daemon-reload')
        self.box.run('systemctl', 'stop', 'kith-link')
        self.box.run('systemctl', 'start', 'kith-peers.socket', 'kith-link')
        self.box.until(lambda: self.ctl('status')['status'].get('listening') ==
                       'tcp://127.0.0.1:7777', 'the socket of systemd')
        # kithd gone and back: ZeroMQ has closed its own descriptor only
        self.box.run('systemctl', 'restart', 'kithd')
        self.box.until(lambda: self.ctl('status')['status'].get('listening') ==
                       'tcp://127.0.0.1:7777', 'the socket of systemd again')
        self.box.run('systemctl', 'stop', 'kith-link', 'kith-peers.socket')
        self.box.run('systemctl', 'start', 'kith-link')

    # ---- Several regions, and keys that are wrapped ----

    def test_20_a_second_region_runs_beside_with_its_keys_in_a_credential(self):
        self.box.write('/etc/kith/south.conf', 'state_dir = "/var/lib/kith-south"\n'
                       'control_socket = "/run/kith/south/control"\n'
                       'link_socket = "/run/kith/south/link"\n'
                       'listen = "tcp://127.0.0.1:7421"\nmap_size = 64MiB\n'
                       'store_key_credential = "kith.store-key"\n')
        os.makedirs(self.box.path('/root/c'))
        self.box.run('bash', '-c', 'head -c 32 /dev/urandom >/root/c/kith.store-key')
        self.box.run('systemd-creds', 'encrypt', '--with-key=host', '--name=kith.store-key',
                     '/root/c/kith.store-key', '/etc/kith/south.store-key')
        for unit in ('kithd@south.service', 'kith-link@south.service'):
            self.drop_in(unit, '[Service]\nLoadCredentialEncrypted='
                         'kith.store-key:/etc/kith/south.store-key\n')
        self.box.run('env', 'CREDENTIALS_DIRECTORY=/root/c', 'kithctl', '--config',
                     '/etc/kith/south.conf', 'region', 'init', 'south', '--endpoint',
                     'tcp://127.0.0.1:7421', '--root-key-out', '/root/south.key')
        shutil.rmtree(self.box.path('/root/c'))
        self.box.run('systemctl', 'enable', '--now', 'kithd@south')
        south = ('--config', '/etc/kith/south.conf')
        self.box.until(lambda: self.ctl(*south, 'status')['status'].get('listening') ==
                       'tcp://127.0.0.1:7421', 'south')
        for one, other in (((), south), (south, ())):
            self.box.run('kithctl', *one, 'region', 'card', '--out', '/root/card')
            self.box.run('kithctl', *other, 'peer', 'add', '/root/card', '--yes')
            os.unlink(self.box.path('/root/card'))
        self.box.until(lambda: self.ctl('peers')['peers'][0]['state'] == 'live', 'a session')

    def test_21_the_journal_explains_what_happened_and_what_to_do(self):
        self.box.run('systemctl', 'stop', 'kith-link@south')
        self.box.until(lambda: self.ctl('peers')['peers'][0]['state'] != 'live', 'it is gone')
        said = self.journal('-x', '-u', 'kithd', 'KITH_PEER=south')
        self.assertIn('In session with south', said)
        self.assertIn('The session with south has ended', said)
        self.assertIn('kithd dials again by itself', said)
        self.box.run('systemctl', 'start', 'kith-link@south')
        self.box.until(lambda: self.ctl('peers')['peers'][0]['state'] == 'live', 'a session')

    # ---- Upgrade and end ----

    def test_30_an_upgrade_restarts_what_runs_and_the_links_come_back(self):
        units = (*UNITS, 'kithd@south', 'kith-link@south')
        before = {u: self.pid(u) for u in units}
        self.assertNotIn(0, before.values())
        sockets = self.box.prop('kithd-control.socket', 'ActiveEnterTimestampMonotonic')
        self.box.run('dpkg', '-i', *packages(self.box, B, version='99.0'))
        self.box.until(lambda: all(self.pid(u) not in (0, before[u]) for u in units),
                       'all of it restarted')
        self.assertEqual(self.box.prop('kithd-control.socket', 'ActiveEnterTimestampMonotonic'),
                         sockets, 'who asks meanwhile waits in the socket')
        self.box.until(lambda: self.ctl('peers')['peers'][0]['state'] == 'live', 'the session')
        self.assertEqual(len(self.ctl('record', 'list')['records']), 1)

    def test_31_what_an_administrator_stopped_an_upgrade_does_not_start(self):
        self.box.run('systemctl', 'stop', 'kith-exporter')
        self.box.run('dpkg', '-i', *packages(self.box, B, version='99.1'))
        self.assertEqual(self.box.prop('kith-exporter', 'ActiveState'), 'inactive')

    def test_40_removing_stops_everything_and_keeps_configuration_and_data(self):
        self.box.run('dpkg', '-r', 'kith-exporter', 'kith')
        left = self.box.out('systemctl', 'list-units', '--all', '--plain', '--no-legend', 'kith*')
        self.assertFalse([line for line in left.splitlines() if ' active ' in line], left)
        for path in ('/etc/kith/kithd.conf', '/var/lib/kith/store/data/data.mdb',
                     '/var/lib/kith/keys/sign.key', '/var/lib/kith-south/keys/sign.key'):
            self.assertTrue(os.path.exists(self.box.path(path)), path)

    def test_41_installed_again_it_goes_on_with_what_it_had(self):
        self.box.run('dpkg', '-i', *packages(self.box, B))
        self.box.run('systemctl', 'start', 'kithd')
        self.assertEqual(len(self.ctl('record', 'list')['records']), 1)

    def test_42_purging_keeps_records_and_keys_and_says_so(self):
        done = self.box.run('dpkg', '-P', 'kith-exporter', 'kith')
        for directory in ('/var/lib/kith', '/var/lib/kith-south'):
            self.assertIn(f'the records and keys in {directory} are kept', done.stdout)
            self.assertTrue(os.path.exists(self.box.path(f'{directory}/keys/sign.key')))
        self.assertFalse(os.path.exists(self.box.path('/etc/kith/kithd.conf')))


if __name__ == '__main__':
    main('the packages in a real systemd', failfast=True)
