# SPDX-License-Identifier: Apache-2.0
"""
Machines for tests: a Debian 12 of its own booted by systemd-nspawn

Each Box is a real systemd as PID 1 over a throw-away layer on one clean root, which is made once
with mmdebstrap and kept in B. A Wan joins boxes by a router between their network namespaces,
where each direction between two of them can be cut, made lossy or slow.

    with Box('north', root) as north:
        north.run('systemctl', 'is-system-running')
"""
import atexit
import hashlib
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'e2e'))
import region as kith  # noqa: E402

SUITE = 'bookworm'
PACKAGES = ('systemd systemd-sysv dbus libnss-systemd iproute2 adduser passwd '
            'libprotobuf-c1 liblmdb0 libssl3 libzmq5 libjansson4 libconfuse2 libsmartcols1 '
            'libmicrohttpd12').split()
UNIFIED = '/sys/fs/cgroup'
if not os.path.exists(f'{UNIFIED}/cgroup.controllers'):
    UNIFIED = '/sys/fs/cgroup/unified'
LEGACY = '/sys/fs/cgroup/systemd' if UNIFIED.endswith('unified') else None
NOT_OURS = ('systemd-timesyncd.service systemd-networkd.service systemd-resolved.service '
            'systemd-logind.service systemd-udevd.service systemd-udev-trigger.service '
            'getty.target console-getty.service systemd-update-utmp.service '
            'systemd-update-utmp-runlevel.service ldconfig.service apt-daily.timer '
            'apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer fstrim.timer').split()


class Failed(Exception):
    """A command did not end as it should."""


def sh(*args, check=True, **more):
    done = subprocess.run(args, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          check=False, **more)
    if check and done.returncode != 0:
        raise Failed(f'{" ".join(args)}: {done.returncode}\n{done.stdout}')
    return done


def cannot():
    """Why this machine cannot boot a box; '' when it can."""
    if os.geteuid() != 0:
        return 'not root'
    for tool in ('systemd-nspawn', 'nsenter', 'mmdebstrap'):
        if not shutil.which(tool):
            return f'there is no {tool}'
    if not os.path.isdir(UNIFIED):
        return 'there is no unified cgroup hierarchy'
    try:
        os.mkdir(f'{UNIFIED}/kith-probe')
        os.rmdir(f'{UNIFIED}/kith-probe')
    except OSError as e:
        return f'no cgroup may be made: {e}'
    with tempfile.TemporaryDirectory() as d:
        for part in ('low', 'up', 'work', 'all'):
            os.mkdir(f'{d}/{part}')
        sh('mount', '-t', 'tmpfs', 'probe', f'{d}/up', check=False)
        os.makedirs(f'{d}/up/u', exist_ok=True)
        os.makedirs(f'{d}/up/w', exist_ok=True)
        done = sh('mount', '-t', 'overlay', '-o',
                  f'lowerdir={d}/low,upperdir={d}/up/u,workdir={d}/up/w', 'probe', f'{d}/all',
                  check=False)
        sh('umount', f'{d}/all', check=False)
        sh('umount', f'{d}/up', check=False)
        return '' if done.returncode == 0 else 'no overlay may be mounted: ' + done.stdout.strip()


def clean_root(build):
    """The root of a bare Debian with the libraries of kith, made once."""
    key = hashlib.sha256(' '.join(PACKAGES).encode()).hexdigest()[:8]
    root = os.path.join(os.path.abspath(build), f'{SUITE}-{key}')
    if os.path.exists(root):
        return root
    fresh = root + '.new'
    shutil.rmtree(fresh, ignore_errors=True)
    sh('mmdebstrap', '--quiet', '--variant=minbase', '--include=' + ','.join(PACKAGES), SUITE,
       fresh)
    os.rename(fresh, root)
    return root


class Box:
    def __init__(self, name, root, netns=None, binds=()):
        self.name, self.root, self.netns, self.binds = name, root, netns, binds
        self.dir = self.nspawn = self.init = None

    def __enter__(self):
        return self.up()

    def __exit__(self, *_):
        self.down()

    def path(self, inside):
        return f'{self.dir}/root{inside}'

    def _lay(self):
        self.dir = tempfile.mkdtemp(prefix=f'kith-{self.name}-')
        sh('mount', '-t', 'tmpfs', '-o', 'size=2g,mode=755', f'kith-{self.name}', self.dir)
        for part in ('up', 'work', 'root'):
            os.mkdir(f'{self.dir}/{part}')
        sh('mount', '-t', 'overlay', '-o',
           f'lowerdir={self.root},upperdir={self.dir}/up,workdir={self.dir}/work',
           f'kith-{self.name}', self.path(''))
        for directory in ('system', 'journald.conf.d', 'system-generators'):
            os.makedirs(self.path(f'/etc/systemd/{directory}'), exist_ok=True)
        for unit in NOT_OURS:
            self._mask(f'/etc/systemd/system/{unit}')
        self._mask('/etc/systemd/system-generators/systemd-sysv-generator')
        self.write('/etc/systemd/journald.conf.d/box.conf',
                   '[Journal]\nStorage=volatile\nRateLimitIntervalSec=0\n')
        self.write('/etc/machine-id', '')
        self.write('/etc/hostname', self.name + '\n')
        default = self.path('/etc/systemd/system/default.target')
        if os.path.lexists(default):
            os.unlink(default)
        os.symlink('/lib/systemd/system/multi-user.target', default)

    def _mask(self, path):
        path = self.path(path)
        if os.path.lexists(path):
            os.unlink(path)
        os.symlink('/dev/null', path)

    def write(self, inside, text):
        os.makedirs(os.path.dirname(self.path(inside)), exist_ok=True)
        with open(self.path(inside), 'w', encoding='utf-8') as f:
            f.write(text)

    def _enter_cgroups(self):
        for tree in filter(None, (UNIFIED, LEGACY)):
            with open(f'{tree}/{self.cgroup}/cgroup.procs', 'w', encoding='ascii') as f:
                f.write(str(os.getpid()))

    @property
    def cgroup(self):
        return 'kith-test-' + os.path.basename(self.dir)

    def up(self):
        self._lay()
        atexit.register(self.down)
        for tree in filter(None, (UNIFIED, LEGACY)):
            os.makedirs(f'{tree}/{self.cgroup}', exist_ok=True)
        net = ['--private-network'] if not self.netns else \
            [f'--network-namespace-path=/run/netns/{self.netns}']
        with open(f'{self.dir}/console', 'wb') as console:
            self.nspawn = subprocess.Popen(
                ['systemd-nspawn', '--quiet', '--boot', '--register=no', '--keep-unit',
                 '--console=pipe', '--link-journal=no', '--resolv-conf=off', '--timezone=off',
                 '--capability=all', '--system-call-filter=bpf', *net,
                 *(f'--bind={b}' for b in self.binds), '-M', self.name, '-D', self.path('')],
                stdin=subprocess.DEVNULL, stdout=console, stderr=subprocess.STDOUT,
                env={**os.environ, 'SYSTEMD_NSPAWN_UNIFIED_HIERARCHY': '1'},
                start_new_session=True, preexec_fn=self._enter_cgroups)
        end = time.monotonic() + 60
        while not self._find_init():
            if time.monotonic() > end or self.nspawn.poll() is not None:
                with open(f'{self.dir}/console', encoding='utf-8', errors='replace') as f:
                    raise Failed(f'{self.name} did not boot:\n{f.read()}')
            time.sleep(0.02)
        self.run('systemctl', 'is-system-running', '--wait', check=False)
        return self

    def _find_init(self):
        try:
            pid = self.nspawn.pid
            with open(f'/proc/{pid}/task/{pid}/children', encoding='ascii') as f:
                children = f.read().split()
            for child in children:
                with open(f'/proc/{child}/comm', encoding='ascii') as f:
                    if f.read().strip() == 'systemd' and \
                            os.path.exists(f'/proc/{child}/root/run/systemd/private'):
                        self.init = child
                        return True
        except FileNotFoundError:
            pass
        return False

    def command(self, *args, user=None):
        who = ['setpriv', f'--reuid={user}', f'--regid={user}', '--init-groups'] if user else []
        return ['nsenter', '-t', self.init, '-a', '--', *who, *args]

    def run(self, *args, check=True, user=None, **more):
        return sh(*self.command(*args, user=user), check=check, **more)

    def out(self, *args, **more):
        return self.run(*args, **more).stdout.strip()

    def prop(self, unit, *names):
        """Properties of a unit, as a dictionary; of one name, its value."""
        lines = self.out('systemctl', 'show', unit, *(f'-p{n}' for n in names)).splitlines()
        found = dict(line.split('=', 1) for line in lines if '=' in line)
        return found if len(names) > 1 else found.get(names[0])

    def until(self, predicate, why, timeout=30):
        """For what systemd does in its own time."""
        end = time.monotonic() + timeout
        while True:
            got = predicate()
            if got:
                return got
            if time.monotonic() > end:
                raise Failed(f'{self.name}: {why}: not within {timeout} s\n'
                             + self.run('journalctl', '-n', '60', '--no-pager',
                                        check=False).stdout)
            time.sleep(0.05)

    def down(self):
        if not self.dir:
            return
        if self.init:
            self.run('systemctl', 'poweroff', '--no-wall', check=False)
            try:
                self.nspawn.wait(15)
            except subprocess.TimeoutExpired:
                pass
        if self.nspawn and self.nspawn.poll() is None:
            os.killpg(self.nspawn.pid, signal.SIGKILL)
            self.nspawn.wait()
        for mount in (self.path(''), self.dir):
            if sh('umount', mount, check=False).returncode != 0:
                sh('umount', '-l', mount, check=False)
        for tree in filter(None, (UNIFIED, LEGACY)):
            sh('find', f'{tree}/{self.cgroup}', '-depth', '-type', 'd', '-exec', 'rmdir', '{}',
               '+', check=False)
        shutil.rmtree(self.dir, ignore_errors=True)
        self.dir = self.init = None
        atexit.unregister(self.down)


def packages(box, build, version=None):
    """Paths inside of both packages; of a later version, if one is named."""
    paths, debs = [], os.path.join(build, 'deb')
    for name in ('kith', 'kith-exporter'):
        deb = [f for f in os.listdir(debs) if re.fullmatch(rf'{name}_[0-9.]+_\w+\.deb', f)][0]
        inside = f'/root/{name}_{version or "first"}.deb'
        if version is None:
            shutil.copy(os.path.join(debs, deb), box.path(inside))
        else:
            tree = f'{box.dir}/{name}-{version}'
            sh('dpkg-deb', '-R', os.path.join(debs, deb), tree)
            control = f'{tree}/DEBIAN/control'
            with open(control, encoding='utf-8') as f:
                text = re.sub(r'(?m)^Version: .*', f'Version: {version}', f.read())
            text = re.sub(r'kith \(= [^)]*\)', f'kith (= {version})', text)
            with open(control, 'w', encoding='utf-8') as f:
                f.write(text)
            sh('dpkg-deb', '-b', tree, box.path(inside))
            shutil.rmtree(tree)
        paths.append(inside)
    return paths


def main(what, failfast=None):
    """Runs the tests of the program; a machine that cannot boot a box says so, as skipped."""
    why = cannot()
    if why:
        print(f'ok 1 - {what} # SKIP {why}\n1..1')
    else:
        kith.main(failfast)
