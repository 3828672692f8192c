#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
A new administrator on a bare Debian: setup, status and doctor in a real systemd

What the manual says first is done first. The machine then has two regions, and units, filters
and configurations are broken one after the other; each is to be found by name. In the order of
the tests' names.
"""
import json
import os
import unittest

from box import Box, clean_root, main, packages

B = os.environ.get('KITH_B', 'build')
SOUTH = ('--config', '/etc/kith/south.conf')


class Beginner(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.box = Box('setup', clean_root(B)).up()
        cls.box.run('dpkg', '-i', packages(cls.box, B)[0])
        cls.box.write('/etc/kith/kithd.conf.d/test.conf', 'map_size = 64MiB\n')

    @classmethod
    def tearDownClass(cls):
        cls.box.down()

    def kithctl(self, *args, check=True):
        return self.box.run('kithctl', *args, check=check)

    def checks(self, *args):
        """{check: [(state, about, text, next)]}"""
        found = {}
        for c in json.loads(self.kithctl('--json', *args, 'doctor', check=False).stdout)['checks']:
            found.setdefault(c['check'], []).append(
                (c['state'], c.get('about'), c['text'], c.get('next')))
        return found

    def listening(self, *args):
        got = self.kithctl('--json', *args, 'status', check=False)
        return got.returncode == 0 and json.loads(got.stdout)['status'].get('listening')

    def test_01_before_anything_status_and_doctor_say_what_comes_first(self):
        got = self.kithctl('status', check=False)
        self.assertEqual(got.returncode, 3)
        self.assertIn('nobody listens on /run/kith/control', got.stdout)
        self.assertIn('kithd.service: inactive (dead', got.stdout)
        self.assertIn('next: systemctl start kithd', got.stdout)
        found = self.checks()
        self.assertEqual(found['socket'][0][0], 'fail')
        self.assertIn('kithctl setup', [c[3] for x in found.values() for c in x])

    def test_02_setup_leads_to_a_region_that_runs(self):
        got = self.kithctl('setup', '--yes', '--name', 'north', '--endpoint',
                           'tcp://127.0.0.1:7420', '--root-key-out', '/mnt/north.root.key', '--out',
                           '/mnt/north.card', '--wait', '5')
        self.assertIn('systemctl enable --now kithd.service kith-link.service', got.stdout)
        self.assertEqual(self.box.prop('kithd', 'ActiveState'), 'active')
        self.assertEqual(self.box.prop('kith-link', 'ActiveState'), 'active')
        self.assertEqual(self.box.prop('kithd', 'UnitFileState'), 'enabled')
        self.box.until(lambda: self.listening() == 'tcp://127.0.0.1:7420', 'listening')
        self.assertIn('ok: north runs', self.kithctl('status').stdout)

    def test_03_again_it_finds_everything_done(self):
        got = self.kithctl('setup', '--yes', '--out', '/mnt/north.card', '--wait', '5')
        for step in ('configuration', 'region', 'start', 'card'):
            self.assertRegex(got.stdout, rf'{step} +\(already\)')

    def test_04_a_second_region_by_its_own_configuration_and_they_see_each_other(self):
        self.box.write('/etc/kith/south.conf', 'state_dir = "/var/lib/kith-south"\n'
                       'control_socket = "/run/kith/south/control"\n'
                       'link_socket = "/run/kith/south/link"\nmap_size = 64MiB\n')
        made = ('--yes', '--endpoint', 'tcp://127.0.0.1:7421', '--name', 'south',
                '--root-key-out', '/mnt/south.root.key', '--out', '/mnt/south.card')
        got = self.kithctl(*SOUTH, 'setup', *made, '--wait', '5')
        self.assertIn('kithd@south.service', got.stdout)
        self.kithctl('setup', '--yes', '--out', '/mnt/north.card', '--wait', '0', '/mnt/south.card',
                     check=False)
        got = self.kithctl(*SOUTH, 'setup', '--yes', '--out', '/mnt/south.card', '--wait', '60',
                           '/mnt/north.card')
        self.assertIn('every peer is live', got.stdout)

    def test_05_doctor_has_nothing_to_say_against_it(self):
        for where in ((), SOUTH):
            found = self.checks(*where)
            self.assertEqual([c for x in found.values() for c in x if c[0] == 'fail'], [])
            self.assertEqual([c[0] for c in found['units']], ['ok'] * 4, found['units'])
            self.assertEqual(found['files'][0][0], 'ok', found['files'])
            self.assertEqual(found['root-key'][0][0], 'ok')
        self.assertEqual(self.checks()['filter'][0][0], 'warn')

    def test_06_the_drop_in_closes_kith_link_to_others_and_not_to_peers(self):
        text = self.kithctl('doctor', '--drop-in').stdout
        self.box.write('/etc/systemd/system/kith-link.service.d/peers.conf', text)
        self.box.run('systemctl', 'daemon-reload')
        self.box.run('systemctl', 'restart', 'kith-link')
        self.box.until(lambda: json.loads(self.kithctl('--json', 'peers').stdout)
                       ['peers'][0]['state'] == 'live', 'the session under the filter')
        self.assertEqual(self.checks()['filter'][0][0], 'ok')
        self.assertIn('0.0.0.0/0', self.box.prop('kith-link', 'IPAddressDeny'))

    def test_10_a_kith_link_that_was_stopped_is_found(self):
        self.box.run('systemctl', 'stop', 'kith-link')
        self.box.until(lambda: self.checks()['link'][0][0] == 'fail', 'its absence')
        found = self.checks()
        unit = [c for c in found['units'] if c[1] == 'kith-link.service'][0]
        self.assertEqual((unit[0], unit[3]), ('fail', 'systemctl enable --now kith-link.service'))
        self.assertIn('next: systemctl status kith-link', self.kithctl('status').stdout)
        self.box.run('systemctl', 'start', 'kith-link')
        self.box.until(lambda: self.checks()['link'][0][0] == 'ok', 'the link')

    def test_11_a_kithd_that_cannot_start_is_told_with_its_unit_and_its_line(self):
        self.box.write('/etc/kith/kithd.conf.d/wrong.conf', 'nonsense = 1\n')
        self.box.run('systemctl', 'stop', 'kithd-control.socket', 'kithd-link.socket', 'kithd')
        self.box.run('systemctl', 'start', 'kithd', check=False)
        self.box.run('systemctl', 'stop', 'kithd-control.socket', check=False)
        self.box.until(lambda: self.box.prop('kithd', 'ActiveState') in ('failed', 'inactive'),
                       'the end')
        got = self.kithctl('--socket', '/run/kith/control', 'doctor', check=False)
        self.assertIn('/etc/kith/kithd.conf.d/wrong.conf:1', got.stdout)
        os.unlink(self.box.path('/etc/kith/kithd.conf.d/wrong.conf'))
        got = self.kithctl('status', check=False)
        self.assertEqual(got.returncode, 3, got.stdout)
        self.assertRegex(got.stdout, r'kithd\.service: (failed|inactive)')
        self.box.run('systemctl', 'reset-failed', 'kithd')
        self.box.run('systemctl', 'start', 'kithd-control.socket', 'kithd-link.socket', 'kithd',
                     'kith-link')
        self.box.until(lambda: self.listening() == 'tcp://127.0.0.1:7420', 'the region again')

    def test_12_keys_that_lie_open_are_found(self):
        self.box.run('chmod', '640', '/var/lib/kith/keys/sign.key')
        self.assertEqual(self.checks()['files'][0][3], 'chmod 600 /var/lib/kith/keys/sign.key')
        self.box.run('bash', '-c', self.checks()['files'][0][3])
        self.assertEqual(self.checks()['files'][0][0], 'ok')

    def test_13_who_is_in_no_group_is_told_the_group_and_then_is_answered(self):
        self.box.run('useradd', '-m', 'jo')
        got = self.box.run('kithctl', 'doctor', user='jo', check=False)
        self.assertIn('adduser USER kith-operator', got.stdout)
        self.box.run('adduser', 'jo', 'kith-operator')
        got = self.box.run('kithctl', 'doctor', user='jo', check=False)
        self.assertIn('jo is in group kith-operator', got.stdout)
        self.assertIn('ok: north runs', self.box.run('kithctl', 'status', user='jo').stdout)


if __name__ == '__main__':
    main('setup and doctor in a real systemd', failfast=True)
