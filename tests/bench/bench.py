#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
Figures of kith, each beside its limit on this machine in the same run

One line each: what, the median of ROUNDS rounds, which share of the limit it is, and for what has
one the least that it must reach, PASS or short. A limit is what the same crypto, store and disk do
alone, measured at the beginning and at the end. Times of a shared machine differ by a factor of two
and more from day to day: the shares and the counts do not.
BENCH=full takes the large sizes. Lines of JSON go to B/bench.json.
"""
import json
import os
import subprocess
import sys
import time

import work as w
from work import FULL, NOTE_BYTES, ROUNDS, STREAM, kith, median

MOVE = 10000
CATCH_UP = (5000, 200) if FULL else (1000, 200)
INTERLEAVED = 50000 if FULL else 10000
STEADY = 40000 if FULL else 8000
ROWS = 20000
APPEND = {1: 2000, 8: 8000, 64: 16000}


class Report:
    def __init__(self, path):
        self.json = open(path, 'w', encoding='utf-8')
        self.begun = time.monotonic()
        self.short = 0

    def figure(self, name, value, unit, limit=None, of='', more_is_better=True, must=None, **more):
        """A figure; .limit in its unit, and .of what that is; .must in its unit, too."""
        text = f'{name:<46} {value:>12,.{0 if value >= 100 else 2}f} {unit:<10}'
        if limit:
            share = value / limit if more_is_better else limit / value
            text += f' {share:6.0%} of {limit:,.{0 if limit >= 100 else 2}f} ({of})'
        if must is not None:
            good = value >= must if more_is_better else value <= must
            more['must'], more['reached'] = must, good
            self.short += not good
            text += f'; must {">=" if more_is_better else "<="} {must:,}: ' + ('PASS' if good
                                                                              else 'short')
        print(text, flush=True)
        self.json.write(json.dumps({'name': name, 'value': value, 'unit': unit, 'limit': limit,
                                    'limit_is': of, **more}) + '\n')
        self.json.flush()

    def count(self, name, value, gate):
        self.figure(name, value, 'a change' if 'per change' in name else '', None, gate=gate)


def limit_of(before, after):
    return {k: (before[k] + after[k]) / 2 for k in before}


def in_turn(*rates):
    """The rate of operations that are done one after the other, each for every change."""
    return 1 / sum(1 / r for r in rates)


def appends(r, work):
    for clients, count in APPEND.items():
        limit = w.limits(work.dir)
        rounds = [work.append(clients, count) for _ in range(ROUNDS)]
        limit = limit_of(limit, w.limits(work.dir))
        if clients == 1:
            r.figure('durable append, 1 client', median(rounds, 'per_s'), '/s',
                     in_turn(limit['commit'], limit['sign']), 'a commit, a signature')
        else:
            # What they write together has one commit and one signature.
            r.figure(f'durable append, {clients} clients', median(rounds, 'per_s'), '/s',
                     in_turn(clients * limit['commit'], clients * limit['sign'], limit['rows'],
                             limit['seal']), 'a row, a seal; for all, a commit and a signature',
                     must=15000 if clients == 64 else None)
        r.figure('    p50', median(rounds, 'p50_us'), 'us')
        r.figure('    p99', median(rounds, 'p99_us'), 'us')


def imports(r, work):
    limit = w.limits(work.dir)
    rounds = [work.take_in(ROWS) for _ in range(ROUNDS)]
    limit = limit_of(limit, w.limits(work.dir))
    r.figure(f'import of a return of {rounds[0]["n"]:,} rows', median(rounds, 'per_s'), 'rows/s',
             limit['rows'], 'a row of 512 B in the store, 1,024 a commit', must=25000)


def moves(r, work):
    limit = w.limits(work.dir)
    rounds = [work.move(MOVE) for _ in range(ROUNDS)]
    limit = limit_of(limit, w.limits(work.dir))
    floor = in_turn(limit['rows'], limit['rows'], limit['hash'], limit['hash'], limit['seal'])
    r.figure(f'record of {MOVE:,} changes, received', median(rounds, 'received_ms'), 'ms',
             MOVE / in_turn(limit['rows'], limit['hash'], limit['hash']) * 1000,
             'a row and 2 hashes each, one core', False, must=100)
    r.figure('    the same, complete (all opened)', median(rounds, 'ms'), 'ms',
             MOVE / floor * 1000, '2 rows, 2 hashes and one opening each, one core', False)
    r.count('    verifications per change', median(rounds, 'verifications_a_change'), '1 a run')
    r.count('    flushes a commit', median(rounds, 'flushes_a_commit'), '1; 2 with a checkpoint')
    r.count('    changes a commit', median(rounds, 'changes_a_commit'), '')


def steady(r, work):
    """Writers who wait for each change, and who pass on what they have."""
    records = work.shared(400)
    for window, name in ((1, 'one under way each'), (STREAM, f'{STREAM} under way each')):
        limit = w.limits(work.dir)
        rounds = [work.steady(STEADY * (1 if window == 1 else 2), records, window)
                  for _ in range(ROUNDS)]
        limit = limit_of(limit, w.limits(work.dir))
        # What comes together has one commit and one verification, and 256 at most.
        n = min(8 * window, 256)
        r.figure(f'steady A to B, 8 writers, {name}', median(rounds, 'per_s'), '/s',
                 in_turn(n * limit['verify'], n * limit['commit'], limit['rows'],
                         limit['seal']),
                 f'a row and an opening; for {n}, a verification and a commit')
        r.count('    verifications per change', median(rounds, 'verifications_a_change'), '')
        r.count('    changes a commit at B', median(rounds, 'changes_a_commit'), '')


def lags(r, work):
    records = work.shared(40)
    limit = w.limits(work.dir)
    rounds = [work.lag(400, records) for _ in range(ROUNDS)]
    limit = limit_of(limit, w.limits(work.dir))
    floor = 1e6 / in_turn(limit['commit'], limit['commit'], limit['sign'], limit['verify'])
    r.figure('lag of one change, durable on both, p50', median(rounds, 'both_p50_us'), 'us',
             floor, '2 commits, a signature, a verification', False)
    r.figure('lag of one change, durable on both, p99', median(rounds, 'both_p99_us'), 'us',
             more_is_better=False, must=5000)
    r.figure('    of it after A has acknowledged, p50', median(rounds, 'after_p50_us'), 'us')
    r.figure('    of it after A has acknowledged, p99', median(rounds, 'after_p99_us'), 'us')


def catch_up(r, work):
    n_records, each = CATCH_UP
    records = work.shared(n_records)
    n = n_records * each
    limit = w.limits(work.dir)
    got = work.catch_up(n, records)
    limit = limit_of(limit, w.limits(work.dir))
    floor = in_turn(limit['rows'], limit['rows'], limit['hash'], limit['hash'])
    r.figure(f'catch-up of {n_records:,} records x {each}', got['per_s'], '/s', floor,
             '2 rows and 2 hashes each, one core', must=60000, seconds=got['seconds'])
    r.count('    verifications per change', got['verifications_a_change'], '1 a run')
    r.count('    changes a commit', got['changes_a_commit'], '')
    got = work.catch_up(INTERLEAVED, records, 'robin')
    r.figure(f'catch-up of {INTERLEAVED:,}, records in turn', got['per_s'], '/s',
             floor, '2 rows and 2 hashes each, one core')
    r.count('    verifications per change', got['verifications_a_change'], '')
    return records[0]


def at_rest(r, work, record):
    """What is there when much is held: restarts, memory, disk."""
    status = work.a.status()
    r.figure('changes held at A', status.changes, '')
    for region in (work.a, work.b):
        r.figure(f'anonymous memory of kithd, {region.name}', work.anonymous(region), 'MiB',
                 more_is_better=False, must=150)
    begun = time.monotonic()
    subprocess.run([kith.program('kithd'), '--version'], check=True, stdout=subprocess.DEVNULL)
    start = (time.monotonic() - begun) * 1000
    for kill, name in ((False, 'restart to first answer'), (True, 'the same after SIGKILL')):
        r.figure(name, median([work.restart(kill) for _ in range(5)], 'ms'), 'ms', start,
                 'kithd --version', False, must=100)
    change = work.change_bytes(record)
    for region in (work.a, work.b):
        s = region.status()
        r.figure(f'disk a change, {region.name}', s.store_bytes / s.changes, 'B', change,
                 'header, signature and sealed body', False, must=round(1.25 * change))


def main():
    kith.end_on_sigterm()
    os.makedirs(w.BUILD, exist_ok=True)
    print(f'On {w.use_a_real_disk()}; {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; '
          f'{ROUNDS} rounds; notes of {NOTE_BYTES} B; both regions, the load and all else share '
          'the machine', flush=True)
    r = Report(os.path.join(w.BUILD, 'bench.json'))
    work = w.Work()
    try:
        for name, per_s in w.limits(work.dir).items():
            if name != 'row_bytes':
                r.figure(f'limit: {name}', per_s, '/s')
        appends(r, work)
        imports(r, work)
        moves(r, work)
        lags(r, work)
        steady(r, work)
        at_rest(r, work, catch_up(r, work))
    finally:
        work.close()
    print(f'{time.monotonic() - r.begun:.0f} s; {r.short} short of what it must; the figures are in '
          f'{w.BUILD}/bench.json')
    return 0


if __name__ == '__main__':
    sys.exit(main())
