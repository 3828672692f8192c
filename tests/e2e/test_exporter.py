#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
kith-exporter before a real kithd, as Prometheus' own tool reads it; the alert rules, the dashboard
and the manual against what it says

Each test's name says what is true. The last line is the tally.
"""
import http.client
import json
import os
import re
import subprocess
import unittest

import region as kith

SOURCE = os.path.join(kith.HERE, '..', '..')
RULES = os.path.join(SOURCE, 'conf', 'prometheus', 'kith.rules.yml')
RULE_TESTS = os.path.join(SOURCE, 'conf', 'prometheus', 'kith.rules.test.yml')
DASHBOARD = os.path.join(SOURCE, 'conf', 'grafana', 'kith.json')


def promtool(*args, **more):
    return subprocess.run(['promtool', *args], text=True, check=False, timeout=60,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, **more)


def read(*path):
    with open(os.path.join(SOURCE, *path), encoding='utf-8') as f:
        return f.read()


class Exporter:
    def __init__(self, region, listen='127.0.0.1:0'):
        self.daemon = kith.Daemon([kith.program('kith-exporter'), '--config', region.config,
                                   '--listen', listen])
        self.port = int(self.daemon.wait_line(r'answers on port (\d+)')[1])

    def get(self, path='/metrics', method='GET', **headers):
        c = http.client.HTTPConnection('127.0.0.1', self.port, timeout=20)
        c.request(method, path, headers=headers)
        answer = c.getresponse()
        text = answer.read().decode()
        c.close()
        return answer, text


def names_of(text):
    return set(re.findall(r'^(kith_\w+)', text, re.M))


class Exporting(kith.Case):
    def setUp(self):
        super().setUp()
        self.north, self.south = self.f.region('north'), self.f.region('south')
        self.north.start()
        self.south.start()
        kith.introduce(self.north, self.south)
        self.exporter = Exporter(self.north)
        self.addCleanup(self.exporter.daemon.end)

    def test_promtool_finds_nothing_to_mend(self):
        answer, text = self.exporter.get()
        self.assertEqual(answer.status, 200)
        self.assertIn('version=0.0.4', answer.getheader('Content-Type'))
        done = promtool('check', 'metrics', input=text)
        self.assertEqual((done.returncode, done.stdout), (0, ''))
        self.assertIn('kith_peer_up{peer="south"} 1\n', text)
        self.assertIn('kith_region_info{name="north",', text)

    def test_an_offer_is_seen_as_a_move_that_waits(self):
        made = self.north.ctl('record', 'new', json=True)['made']['record']
        self.north.ctl('move', 'offer', made, '--to', 'south', '--reason', 'E3')
        _, text = self.exporter.get()
        self.assertIn('kith_moves_waiting 1\n', text)
        self.assertRegex(text, r'kith_oldest_move_seconds [0-9]+\.[0-9]{3}\n')
        self.assertNotIn(made, text)

    def test_openmetrics_is_spoken_to_whoever_accepts_it(self):
        answer, text = self.exporter.get(Accept='application/openmetrics-text; version=1.0.0')
        self.assertIn('application/openmetrics-text', answer.getheader('Content-Type'))
        self.assertTrue(text.endswith('\n# EOF\n'))

    def test_other_paths_and_methods_are_told_so(self):
        self.assertEqual(self.exporter.get('/nothing')[0].status, 404)
        answer, _ = self.exporter.get(method='POST')
        self.assertEqual((answer.status, answer.getheader('Allow')), (405, 'GET, HEAD'))
        answer, text = self.exporter.get(method='HEAD')
        self.assertEqual((answer.status, text), (200, ''))
        self.assertIn('/metrics', self.exporter.get('/')[1])

    def test_a_kithd_that_is_away_is_seen_and_seen_again_when_it_is_back(self):
        self.north.stop_kithd()
        answer, text = self.exporter.get()
        self.assertEqual(answer.status, 200)
        self.assertIn('kith_up 0\n', text)
        self.assertNotIn('kith_records', text)
        self.exporter.daemon.wait_line('nobody listens on')
        self.north.start_kithd()
        self.assertIn('kith_up 1\n', self.exporter.get()[1])
        self.exporter.daemon.wait_line('kithd answers again')

    def test_rules_dashboard_and_manual_know_what_is_said_and_nothing_else(self):
        said = names_of(self.exporter.get()[1])
        manual = set(re.findall(r'^\.It Cm (kith_\w+)', read('conf', 'man', 'kith-exporter.8'),
                                re.M))
        self.assertEqual(manual, said)
        exprs = re.findall(r'expr: (.*)', read(RULES))
        with open(DASHBOARD, encoding='utf-8') as f:
            panels = json.load(f)['panels']
        exprs += [t['expr'] for p in panels for t in p['targets']]
        used = {n for e in exprs for n in re.findall(r'\bkith_\w+', e)}
        self.assertGreater(len(used), 15)
        self.assertEqual(used - said, set())


class Options(unittest.TestCase):
    def run_exporter(self, *args):
        done = subprocess.run([kith.program('kith-exporter'), *args], text=True, check=False,
                              timeout=20, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        return done.returncode, done.stdout + done.stderr

    def test_wrong_use_has_its_exit_codes(self):
        self.assertEqual(self.run_exporter('--nonsense')[0], 2)
        self.assertEqual(self.run_exporter('word')[0], 2)
        for where in ('localhost:1', '127.0.0.1', '1.2.3.4:99999', ':'):
            code, text = self.run_exporter('--socket', '/nowhere', '--listen', where)
            self.assertEqual(code, 1, where)
            self.assertIn('address', text)
        self.assertEqual(self.run_exporter('--version')[0], 0)

    def test_sigterm_ends_it_with_0(self):
        daemon = kith.Daemon([kith.program('kith-exporter'), '--socket', '/nowhere', '--listen',
                              '127.0.0.1:0'])
        daemon.wait_line('answers on port')
        self.assertEqual(daemon.end(), 0)


class Rules(unittest.TestCase):
    def test_promtool_accepts_the_alert_rules_and_their_tests_pass(self):
        done = promtool('check', 'rules', RULES)
        self.assertEqual(done.returncode, 0, done.stdout)
        done = promtool('test', 'rules', RULE_TESTS)
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_each_alert_is_tested(self):
        rules = re.findall(r'- alert: (\w+)', read(RULES))
        self.assertGreater(len(rules), 10)
        cases = re.split(r'\n {6}- eval_time: ', read(RULE_TESTS))[1:]
        for alert in rules:
            mine = [c for c in cases if re.search(rf'alertname: {alert}\n', c)]
            self.assertTrue([c for c in mine if 'exp_labels' in c], f'{alert} never comes')


if __name__ == '__main__':
    kith.main()
