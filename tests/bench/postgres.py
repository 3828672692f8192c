# SPDX-License-Identifier: Apache-2.0
"""
The same work by PostgreSQL 15: two clusters, logical replication between them

Everything is below one temporary directory and goes away at the end. Only sockets in that
directory, no network. The subscriber flushes what it applies before it says so
(synchronous_commit=on), as kith does. A row is what a change is: 256 B of text, a record, an
author, a time; unsigned and in the clear.
"""
import glob
import os
import pwd
import re
import shutil
import subprocess
import sys
import tempfile
import time

BIN = '/usr/lib/postgresql/15/bin'
POLICY = '/usr/sbin/policy-rc.d'
CONF = """listen_addresses = ''
unix_socket_directories = '{run}'
port = {port}
wal_level = logical
shared_buffers = 512MB
max_wal_size = 8GB
checkpoint_timeout = 30min
fsync = on
synchronous_commit = on
"""
TABLE = """(id bigserial primary key, child uuid not null, author int not null,
    ts timestamptz not null default now(), body bytea not null)"""
BODY = "decode(repeat('5a',256),'hex')"
INSERT = 'insert into {}(child,author,body) values (md5(random()::text)::uuid, 7, ' + BODY + ');\n'


def install():
    """Debian's package, when it is missing, without a cluster of its own being started."""
    if os.path.exists(BIN + '/initdb'):
        return
    if os.geteuid() != 0:
        sys.exit('PostgreSQL 15 is missing. Run as root: apt-get install postgresql-15')
    kept = os.path.exists(POLICY)
    if not kept:
        with open(POLICY, 'w', encoding='ascii') as f:
            f.write('#!/bin/sh\nexit 101\n')
        os.chmod(POLICY, 0o755)
    try:
        # A fresh machine knows of no package at all.
        subprocess.run(['apt-get', 'update', '-q'], check=True, stdout=subprocess.DEVNULL)
        subprocess.run(['apt-get', 'install', '-qy', '--no-install-recommends', 'postgresql-15'],
                       check=True, stdout=subprocess.DEVNULL,
                       env={**os.environ, 'DEBIAN_FRONTEND': 'noninteractive'})
    finally:
        if not kept:
            os.unlink(POLICY)


class Cluster:
    """One server and one psql that stays connected to it."""

    def __init__(self, top, name, port, user):
        self.dir, self.run, self.port, self.user = os.path.join(top, name), top, port, user
        self.log = os.path.join(top, name + '.log')
        self.psql = None
        self.call('initdb', '-D', self.dir, '-A', 'trust', '-U', 'postgres', '-E', 'UTF8',
                  '--locale=C', '--no-instructions')
        with open(self.dir + '/postgresql.conf', 'a', encoding='ascii') as f:
            f.write(CONF.format(run=top, port=port))
        self.start()

    def command(self, name, *args):
        as_user = ['runuser', '-u', self.user, '--'] if os.geteuid() == 0 else []
        return [*as_user, f'{BIN}/{name}', *args]

    def call(self, name, *args):
        done = subprocess.run(self.command(name, *args), cwd=self.run, text=True, check=False,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
        if done.returncode != 0:
            raise RuntimeError(f'{name} {" ".join(args)}: {done.stdout}')
        return done.stdout

    def start(self):
        # Its output must not be ours, or the pipe stays open for as long as the server runs.
        subprocess.run(self.command('pg_ctl', '-D', self.dir, '-l', self.log, '-w', '-t', '120',
                                    'start'), cwd=self.run, check=True,
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                       stderr=subprocess.DEVNULL)
        self.psql = subprocess.Popen(
            self.command('psql', '-h', self.run, '-p', str(self.port), '-U', 'postgres', '-XAtq',
                         '-v', 'ON_ERROR_STOP=1', '-d', 'postgres'),
            cwd=self.run, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def stop(self, mode='fast'):
        if self.psql:
            self.psql.stdin.close()
            self.psql.wait(30)
            self.psql.stdout.close()
            self.psql = None
        if os.path.exists(self.dir + '/postmaster.pid'):
            self.call('pg_ctl', '-D', self.dir, '-m', mode, '-w', 'stop')

    def ask(self, sql):
        """What one statement gives, as text."""
        self.psql.stdin.write(sql + ';\n\\echo =\n')
        self.psql.stdin.flush()
        lines = []
        for line in self.psql.stdout:
            if line == '=\n':
                return '\n'.join(lines)
            lines.append(line.rstrip('\n'))
        raise RuntimeError(f'psql ended at: {sql}')

    def bench(self, script, clients, count, *more):
        """Transactions a second."""
        out = self.call('pgbench', '-h', self.run, '-p', str(self.port), '-U', 'postgres', '-n',
                        '-M', 'prepared', '-f', script, '-c', str(clients), '-j',
                        str(min(clients, 2)), '-t', str(count // clients), *more, 'postgres')
        return float(re.search(r'^tps = ([0-9.]+)', out, re.M)[1])


class Postgres:
    def __init__(self):
        user = 'postgres' if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        self.dir = tempfile.mkdtemp(prefix='kith-pg-')
        self.a = self.b = None
        try:
            if os.geteuid() == 0:
                shutil.chown(self.dir, user)
            self.a = Cluster(self.dir, 'a', 25701, user)
            self.b = Cluster(self.dir, 'b', 25702, user)
            self.prepare()
        except BaseException:
            self.close()
            raise

    def prepare(self):
        for c in (self.a, self.b):
            for name in ('change', 'alone'):
                c.ask(f'create table {name} {TABLE}')
                c.ask(f'alter table {name} alter body set storage plain')
        self.a.ask('create table row (id bigserial primary key, child text not null, '
                   'file text not null, line text not null)')
        self.a.ask('create publication pub for table change')
        self.b.ask(f"set client_min_messages = warning; create subscription sub connection "
                   f"'host={self.dir} port={self.a.port} dbname=postgres user=postgres' publication "
                   "pub with (synchronous_commit = 'on', copy_data = false)")
        self.scripts = {}
        for name in ('change', 'alone'):
            self.scripts[name] = os.path.join(self.dir, name + '.sql')
            with open(self.scripts[name], 'w', encoding='ascii') as f:
                f.write(INSERT.format(name))
        self.piped = os.path.join(self.dir, 'piped.sql')
        self.caught()

    def close(self):
        for c in (self.b, self.a):
            if c:
                c.stop('immediate')
        shutil.rmtree(self.dir, ignore_errors=True)

    def caught(self):
        """Waits until B has flushed all that is written at A."""
        lsn = self.a.ask('select pg_current_wal_lsn()')
        self.a.ask("do $$ begin for i in 1..300000 loop if exists(select 1 from "
                   "pg_replication_slots where slot_name = 'sub' and active and "
                   f"confirmed_flush_lsn >= '{lsn}') then return; end if; "
                   "perform pg_sleep(0.002); end loop; raise 'B does not get there'; end $$")

    # ---- Figures, as those of Work ----

    def append(self, clients, count):
        return {'per_s': self.a.bench(self.scripts['alone'], clients, count)}

    def take_in(self, path):
        """Rows a second of COPY, of the rows of a return."""
        lines = []
        for file in sorted(glob.glob(path + '/*.csv')):
            with open(file, encoding='utf-8') as f:
                next(f)
                lines += [f'{line.split(",")[0]}\t{os.path.basename(file)}\t{line.strip()}\n'
                          for line in f]
        rows = os.path.join(self.dir, 'rows')
        with open(rows, 'w', encoding='utf-8') as f:
            f.writelines(lines)
        begun = time.monotonic()
        self.a.ask(f"copy row (child, file, line) from '{rows}'")
        return {'per_s': len(lines) / (time.monotonic() - begun)}

    def move(self, rows):
        """Milliseconds of one transaction of so many rows, until B has flushed it."""
        self.caught()
        begun = time.monotonic()
        self.insert(rows)
        self.caught()
        return {'ms': (time.monotonic() - begun) * 1000}

    def insert(self, rows):
        self.a.ask('insert into change(child, author, body) select md5(i::text)::uuid, 7, '
                   f'{BODY} from generate_series(1, {rows}) i')

    def steady(self, count, pipeline=1):
        """Rows a second that 8 clients at A bring to B. A pipeline is sent without waiting for
        its rows, and is one transaction."""
        script = self.scripts['change']
        if pipeline > 1:
            script = self.piped
            with open(script, 'w', encoding='ascii') as f:
                f.write('\\startpipeline\n' + INSERT.format('change') * pipeline +
                        '\\endpipeline\n')
        self.caught()
        begun = time.monotonic()
        self.a.bench(script, 8, count // pipeline)
        self.caught()
        return {'per_s': count / (time.monotonic() - begun)}

    def lag(self, count):
        """Latencies of commits that return when B has flushed them too."""
        self.a.ask("alter system set synchronous_standby_names = 'sub'")
        self.a.ask('select pg_reload_conf()')
        prefix = os.path.join(self.dir, 'lag')
        try:
            self.a.bench(self.scripts['change'], 1, count, '-l', '--log-prefix=' + prefix)
        finally:
            self.a.ask('alter system reset synchronous_standby_names')
            self.a.ask('select pg_reload_conf()')
        took = []
        for path in glob.glob(prefix + '.*'):
            with open(path, encoding='ascii') as f:
                took += [int(line.split()[2]) for line in f]
            os.unlink(path)
        took.sort()
        return {'p50_us': took[len(took) // 2], 'p99_us': took[int(len(took) * 0.99)]}

    def catch_up(self, count, one_transaction=False):
        """Rows a second, from starting B until it has flushed what was written without it."""
        self.caught()
        self.b.stop()
        if one_transaction:
            self.insert(count)
        else:
            self.a.bench(self.scripts['change'], 8, count)
        begun = time.monotonic()
        self.b.start()
        self.caught()
        return {'per_s': count / (time.monotonic() - begun)}

    def row_bytes(self):
        self.a.ask('vacuum freeze change')
        return float(self.a.ask("select pg_total_relation_size('change')::float / "
                                '(select count(*) from change)'))
