#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
Every example of the manual and of README is run

Examples are taken from the pages as they stand. What a reader would have on their own machine
(a host's name, a directory, a record's id) is replaced by what is there in the test: SAME says
what by what. What cannot be run is in SKIPPED, with the reason; an entry there that fits nothing
is a failure, too.
"""
import glob
import os
import re
import shlex
import shutil
import signal
import subprocess
import time
import unittest

import region as kith
from test_watch import Terminal

TOP = os.path.abspath(os.path.join(kith.HERE, '..', '..'))

# (page, pattern of the command): why it is not run as it stands
SKIPPED = {
    ('kith.7', r'^kithctl setup$'): 'asks: run on a terminal by test_watch.Setup',
    ('kithctl.1', r'^kithctl setup$'): 'asks: run on a terminal by test_watch.Setup',
    ('kith.7', r'^kithctl top$'): 'goes on until q: run on a terminal by test_watch.Top',
    ('kith.7', r'^journalctl '): 'needs the journal of a real systemd',
    ('README.md', r'^make( |$)'): 'is what runs this test, or what is run beside it',
    ('README.md', r'^kithctl setup$'): 'asks: run on a terminal by test_watch.Setup',
    ('README.md', r'^kithctl (status|doctor)$'): 'of a server with systemd; run in kith(7) here',
    ('README.md', r'^(KITH_BIN=|build/)'): 'runs other tests',
}
# What is in a block and is no command: (page, first line): why
NO_COMMANDS = {
    ('kithctl.1', 'kithctl: record-unknown: no record begins with 77aa01'): 'what is printed',
    ('kithctl.1', '#!/usr/bin/python3'): 'a program: run by test_people',
    ('kithctl.1', '# /etc/systemd/system/kith-approver.service'): 'a unit, with that program',
}


def unescape(line):
    for a, b in (('\\(dq', '"'), ('\\-', '-'), ('\\e', '\\'), ('\\&', '')):
        line = line.replace(a, b)
    return line


def joined(lines):
    """Lines that end with a backslash go on in the next."""
    out = []
    for line in lines:
        if out and out[-1].endswith('\\'):
            out[-1] = out[-1][:-1].rstrip() + ' ' + line.strip()
        else:
            out.append(line)
    return out


def blocks(page):
    """The literal blocks of a page, each a list of lines."""
    with open(os.path.join(TOP, 'conf', 'man', page), encoding='utf-8') as f:
        return [joined([unescape(x) for x in m.splitlines()]) for m in
                re.findall(r'^\.Bd -literal.*?\n(.*?)^\.Ed', f.read(), re.S | re.M)]


def commands(page):
    """(prompt, command), in their order."""
    out = []
    for block in blocks(page):
        got = [m.groups() for line in block if (m := re.match(r'^([a-z-]*[$#]) (.*)', line))]
        if page == 'kithd.conf.5' or (page, block[0]) in NO_COMMANDS:
            continue
        if not got:
            raise AssertionError(f'{page}: neither a command nor known as none: {block[0]}')
        out += got
    return out


def skipped(page, command):
    return next((k for k in SKIPPED if k[0] == page and re.search(k[1], command)), None)


class World(kith.Case):
    """Two regions, a directory to work in, and programs of the usual names."""

    def setUp(self):
        super().setUp()
        self.north, self.east = self.f.region('north-west'), self.f.region('north-east')
        self.here, self.bin = os.path.join(self.f.dir, 'here'), os.path.join(self.f.dir, 'bin')
        os.mkdir(self.here)
        os.mkdir(self.bin)
        self.record, self.later = None, []

    def tool(self, name, script):
        path = os.path.join(self.bin, name)
        with open(path, 'w', encoding='ascii') as f:
            f.write('#!/bin/sh\n' + script + '\n')
        os.chmod(path, 0o755)

    def by_hand(self, region):
        """kithctl speaks with that region unless it is told otherwise."""
        kithctl = kith.program('kithctl')
        self.tool('kithctl', f'case " $* " in *" --config "*|*" --dir "*|*" explain "*|'
                             f'*" custody check "*) exec {kithctl} "$@";; esac\n'
                             f'exec {kithctl} --config {region.config} "$@"')

    def run_in(self, region, command, timeout=90):
        self.by_hand(region)
        done = subprocess.run(['bash', '-c', command], cwd=self.here, text=True, check=False,
                              stdin=subprocess.DEVNULL, timeout=timeout * kith.SLOW,
                              capture_output=True,
                              env={**os.environ, 'PATH': f'{self.bin}:{os.environ["PATH"]}'})
        self.assertEqual(done.returncode, 0, f'{command}\n{done.stdout}{done.stderr}')
        return done.stdout

    def on_terminal(self, region, command, answer):
        """A command that asks; the answer is given when it does."""
        self.by_hand(region)
        t = Terminal(['bash', '-c', f'cd {self.here}; {command}'],
                     env={'PATH': f'{self.bin}:{os.environ["PATH"]}'})
        t.until(r'\[y/N\]')
        t.say(answer + '\n')
        self.assertEqual(t.end(), 0, f'{command}\n{t.text}')

    def new_record(self, region, child=None):
        alias = ['--authority', '340', '--child', child] if child else []
        return region.ctl('record', 'new', *alias, json=True)['made']['record']

    def complete(self, record):
        def state():
            got = self.east.run_ctl('--json', 'move', 'show', record)
            return got.status == 0 and re.search('"state":"(complete|accepted|released)"', got.out)
        kith.wait_for(state, 30, 'the record to be complete')

    def offered(self):
        record = self.new_record(self.north)
        self.north.ctl('move', 'offer', record, '--to', 'north-east', '--reason', 'E3')
        self.complete(record)
        return record

    def cards(self):
        for r in (self.north, self.east):
            path = os.path.join(self.here, f'{r.name}.card')
            if not os.path.exists(path):
                r.ctl('region', 'card', '--out', path)

    # What stands before a command is there when it is run.
    def prepared(self, command):
        if re.search(r'move (decline|withdraw)', command):
            return self.same(command, self.offered())
        if 'move accept' in command:
            self.complete(self.record)
        if 'region card' in command:
            for r in (self.north, self.east):
                path = os.path.join(self.here, f'{r.name}.card')
                if os.path.exists(path):
                    os.unlink(path)
        if 'peer add' in command:
            self.cards()
        if 'custody check' in command:
            self.assertTrue(glob.glob(os.path.join(self.here, 'custody-*.kith')))
        return self.same(command, self.record)

    def same(self, command, record):
        today = time.strftime('%Y-%m-%d')
        for a, b in ((r'\b77aa01\b', record), (r'\b340/1017\b', record),
                     (r'2026-03-01 --to 2026-06-30', f'{today} --to {today}'),
                     (r'custody-77aa01d2b3c4-2026-03-01-2026-06-30\.kith', 'custody-*.kith'),
                     (r'/var/lib/kith\b', os.path.join(self.here, 'var')),
                     (r'tcp://kith\.north-west\.example:7420', f'tcp://127.0.0.1:{kith.free_port()}'),
                     (r'(kithctl setup --yes)', rf'\1 --wait 1 --dir {self.here}/setup')):
            command = re.sub(a, b or a, command)
        return command


class Manual(World):
    def run_page(self, page):
        used = set()
        for prompt, command in commands(page):
            key = skipped(page, command)
            if key:
                used.add(key)
                continue
            region = self.east if prompt.startswith('north-east') else self.north
            with self.subTest(command):
                self.run_one(region, self.prepared(command))
        self.assertEqual({k for k in SKIPPED if k[0] == page} - used, set())
        if self.later:  # a move that is followed ends when it is settled
            self.complete(self.record)
            self.east.run_ctl('move', 'accept', self.record, '--worker', 'Jo')
        for process in self.later:
            self.assertEqual(process.wait(30), 0)

    def run_one(self, region, command):
        if '--follow' in command:  # until it is settled: by what comes after it
            self.later.append(subprocess.Popen(
                [kith.program('kithctl'), '--config', region.config, *shlex.split(command)[1:]],
                stdout=subprocess.DEVNULL))
        elif re.search(r'peer (add|remove)', command):
            self.on_terminal(region, command, 'yes')
        elif command.startswith('kithctl setup --yes'):
            self.set_up(region, command)
        elif 'kithctl doctor' in command:
            self.doctor(region, command)
        elif command.startswith('kithd --check-config'):
            self.run_in(region, f'{kith.program("kithd")} --config {region.config} --check-config')
        else:
            self.run_in(region, command)

    def doctor(self, region, command):
        """It may find something on this machine; what it says must be whole."""
        self.by_hand(region)
        done = subprocess.run(['bash', '-c', command], cwd=self.here, text=True, check=False,
                              capture_output=True,
                              env={**os.environ, 'PATH': f'{self.bin}:{os.environ["PATH"]}'})
        self.assertIn(done.returncode, (0, 1), done)
        self.assertRegex(done.stdout, r'\d+ ok, \d+ to look at|IPAddressDeny=any')

    def set_up(self, region, command):
        """The first time it stops where the daemons are to be started: no systemd is here."""
        self.by_hand(region)
        env = {**os.environ, 'PATH': f'{self.bin}:{os.environ["PATH"]}'}
        args = ['bash', '-c', command]
        first = subprocess.run(args, cwd=self.here, env=env, text=True, check=False,
                               capture_output=True)
        self.assertIn('next: kithd --config', first.stderr, first)
        config = os.path.join(self.here, 'setup', 'kithd.conf')
        daemons = [kith.Daemon([kith.program(p), '--config', config])
                   for p in ('kithd', 'kith-link')]
        daemons[1].wait_line('listening on')
        again = subprocess.run(args, cwd=self.here, env=env, text=True, check=False,
                               capture_output=True)
        for d in daemons:
            d.end(signal.SIGTERM)
        self.assertEqual(again.returncode, 0, again)
        for left in glob.glob(os.path.join(self.here, '*.card')):
            os.unlink(left)

    def test_kith_7(self):
        self.north.start()
        self.east.start()
        self.record = self.new_record(self.north, '1017')
        self.run_page('kith.7')

    def test_kithctl_1(self):
        """Its examples make the region themselves, in another place than ours."""
        self.tool('systemctl', 'exit 0')
        self.north.start()
        self.east.start()
        self.cards()
        self.north.ctl('peer', 'add', os.path.join(self.here, 'north-east.card'), '--yes')
        self.east.ctl('peer', 'add', os.path.join(self.here, 'north-west.card'), '--yes')
        self.north.wait_live(self.east)
        subprocess.run([os.path.join(kith.HERE, 'make_return.py'),
                        os.path.join(self.here, 'returns', '2021'), '--children', '20', '--year',
                        '2021', '--authority', '340'], check=True, stdout=subprocess.DEVNULL)
        self.record = self.new_record(self.north)
        self.run_page('kithctl.1')

    def test_kithd_8(self):
        """A region in one directory, by hand: the block is a file and then commands."""
        block = next(b for b in blocks('kithd.8') if b[0] == '$ cat kithd.conf')
        text = '\n'.join(block).replace('/home/jo/kith', self.here)
        text = text.replace(':7420', f':{kith.free_port()}')
        at = text.index('$ kithctl')
        conf, script = text[len('$ cat kithd.conf\n'):at], text[at:]
        with open(os.path.join(self.here, 'kithd.conf'), 'w', encoding='utf-8') as f:
            f.write(conf)
        for name in ('kithd', 'kith-link', 'kithctl'):
            self.tool(name, f'exec {kith.program(name)} "$@"')
        lines = [re.sub(r'^\$ ', '', x) for x in script.splitlines() if x]
        # Who types is slower than who reads a script: kithd is there before it is asked.
        at = next(i for i, x in enumerate(lines) if x.startswith('kithctl status'))
        lines.insert(at, 'until [ -S control ]; do sleep 0.1; done')
        done = subprocess.run(['bash', '-ec', '\n'.join(lines + ['kill %1 %2', 'wait || true'])],
                              cwd=self.here, text=True, check=False, capture_output=True, timeout=60,
                              env={**os.environ, 'PATH': f'{self.bin}:{os.environ["PATH"]}'})
        self.assertEqual(done.returncode, 0, done)
        self.assertRegex(done.stdout, '(ok|attention): north-west')

    def test_kithd_conf_5(self):
        """An example is a drop-in that kithd reads."""
        for block in blocks('kithd.conf.5'):
            with open(self.north.config + '.d.example', 'w', encoding='utf-8') as f:
                f.write('\n'.join(block) + '\n')
            self.run_in(self.north,
                        f'{kith.program("kithd")} --config {self.north.config}.d.example --check-config')

    def test_kith_exporter_8(self):
        """Its example is a part of a Prometheus configuration."""
        if not shutil.which('promtool'):
            self.skipTest('prometheus is not installed')
        rules = os.path.join(TOP, 'conf', 'prometheus')
        for block in blocks('kith-exporter.8'):
            with open(os.path.join(self.here, 'prometheus.yml'), 'w', encoding='utf-8') as f:
                f.write('\n'.join(block).replace('/usr/share/kith-exporter', rules) + '\n')
            self.run_in(self.north, 'promtool check config prometheus.yml')

    def test_the_settings_of_a_second_region_are_read(self):
        """Beside the block above, kithd(8) has settings, and a credential."""
        first = [b[0] for b in blocks('kithd.8')]
        self.assertEqual(first[2], '$ cat kithd.conf')
        self.assertIn('systemd-creds', first[1])  # lived through in tests/systemd
        path = os.path.join(self.here, 'second.conf')
        with open(path, 'w', encoding='utf-8') as f:
            f.write('\n'.join(blocks('kithd.8')[0]) + '\n')
        self.run_in(self.north, f'{kith.program("kithd")} --config {path} --check-config')

    def test_no_page_has_an_example_that_nobody_runs(self):
        pages = {os.path.basename(p) for p in glob.glob(os.path.join(TOP, 'conf/man/*.[1578]'))}
        run = {'kith.7', 'kithctl.1', 'kithd.8', 'kithd.conf.5', 'kith-exporter.8'}
        self.assertEqual([p for p in sorted(pages - run) if blocks(p)], [])
        # kithd(8) has the blocks that are run above, and no more.
        self.assertEqual(len(blocks('kithd.8')), 3)


class Readme(World):
    def first_hour(self):
        """The commands of "The first hour", as one script."""
        with open(os.path.join(TOP, 'README.md'), encoding='utf-8') as f:
            text = f.read()
        part = text[text.index('\n## The first hour'):]
        part = part[:part.index('\n## ', 5)]
        return [x[1:] for x in part.splitlines() if x.startswith('\t')]

    def test_the_first_hour_works_as_it_stands(self):
        """In a directory and with ports of its own; whoever is asked says yes."""
        script = '\n'.join(self.first_hour())
        self.assertIn('kithctl', script)
        script = script.replace('/tmp/hour', os.path.join(self.f.dir, 'hour'))
        for port in ('7421', '7422'):
            script = script.replace(port, str(kith.free_port()))
        script = re.sub(r'^make$', 'true', script, flags=re.M)
        script = script.replace('$PWD/build/debug', os.path.abspath(kith.BIN))
        # What a person sees before going on: a script waits for it.
        script = script.replace('\nsouth move accept', '\nuntil south move list | grep complete; do '
                                'sleep 0.2; done\nsouth move accept')
        script = re.sub(r'^(north|south) region card', r'until \1 status; do sleep 0.2; done; '
                        r'\1 region card', script, flags=re.M)
        script = re.sub(r'^north import', 'until north peers | grep live; do sleep 0.2; done; '
                        'north import', script, flags=re.M)
        path = os.path.join(self.f.dir, 'first-hour')
        with open(path, 'w', encoding='utf-8') as f:
            f.write('set -e\ntrap \'kill $(jobs -p) 2>/dev/null\' EXIT\n' + script
                    + '\necho "the hour is over"\n')
        t = Terminal(['bash', '-c', f'cd {TOP}; exec bash {path}'], env={'NO_COLOR': '1'})
        end, answered = time.monotonic() + 120 * kith.SLOW, 0
        while 'the hour is over' not in t.text and time.monotonic() < end and t.read(0.2):
            asked = t.text.count('[y/N]')
            if asked > answered:
                answered = asked
                t.say('yes\n')
        shown = t.text
        os.killpg(t.process.pid, signal.SIGTERM)
        t.process.wait(20)
        self.assertIn('the hour is over', shown, shown[-3000:])
        self.assertIn('live', shown)

    def test_what_is_not_run_of_readme_is_named(self):
        with open(os.path.join(TOP, 'README.md'), encoding='utf-8') as f:
            lines = [x[1:] for x in f.read().splitlines() if x.startswith('\t')]
        hour, used = self.first_hour(), set()
        for line in lines:
            if line in hour:
                continue
            key = skipped('README.md', line)
            self.assertIsNotNone(key, f'README.md: nobody runs: {line}')
            used.add(key)
        self.assertEqual({k for k in SKIPPED if k[0] == 'README.md'} - used, set())


class Documented(unittest.TestCase):
    def help(self, *args):
        return subprocess.run([kith.program('kithctl'), *args, '--help'], text=True, check=True,
                              capture_output=True).stdout

    def test_every_verb_and_every_option_it_takes_stands_in_its_part_of_the_manual(self):
        """tests/lint/man.sh finds verbs and options that stand nowhere; this finds those that do
        not stand where they belong."""
        with open(os.path.join(TOP, 'conf/man/kithctl.1'), encoding='utf-8') as f:
            text = f.read()
        common = set(re.findall(r'--([a-z-]+)', self.help().split('Options of every verb:')[1]))
        parts = re.split(r'^\.It Ic ', text, flags=re.M)
        self.assertGreater(len(parts), 20)
        verbs = re.findall(r'^  ([a-z][a-z0-9 ]*?)   ', self.help().split('Options')[0], re.M)
        self.assertGreater(len(verbs), 20)
        for verb in verbs:
            mine = self.help(*verb.split()).split('Options of every verb:')[0]
            options = set(re.findall(r'^ .*?--([a-z-]+)', mine, re.M)) - common - {'dry-run'}
            own = [p for p in parts if re.match(re.escape(verb) + r'( |$)', p, re.M)]
            self.assertTrue(own, verb)
            for option in options:
                name = '\\-' + option
                self.assertTrue(any(f'Fl {name}' in p or f'| {name}' in p for p in own),
                                f'{verb} --{option}')


if __name__ == '__main__':
    kith.main()
