#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
The same work by kith and by PostgreSQL 15, in turn, round by round

For each figure: the medians of both, and the median of the rounds' ratios, kith / PostgreSQL. What
a shared machine does to times it does to both sides of a round. Lines of JSON go to
B/bench-peers.json.
"""
import json
import os
import statistics
import sys
import time

import postgres
import work as w
from work import FULL, ROUNDS, STREAM, kith

MOVE = 10000
ROWS = 20000
STEADY = 8000
LAG = 400
CATCH_UP = (1000, 200) if FULL else (200, 100)


class Pairs:
    def __init__(self, path):
        self.json = open(path, 'w', encoding='utf-8')

    def figure(self, name, unit, ours, theirs, goal, least=None, most=None):
        """Rounds of both. A ratio of rates is better above one, of times and bytes below."""
        ratios = [a / b for a, b in zip(ours, theirs)]
        ratio, a, b = (statistics.median(x) for x in (ratios, ours, theirs))
        text = ' '.join(f'{r:.2f}' for r in ratios)
        if least or most:
            good = ratio >= least if least else ratio <= most
            goal += ': PASS' if good else ': short'
        print(f'{name:<42} kith {a:>10,.0f}  PG {b:>10,.0f} {unit:<7} x {ratio:6.2f}   ({text}; '
              f'{goal})', flush=True)
        self.json.write(json.dumps({'name': name, 'unit': unit, 'kith': a, 'postgres': b,
                                    'ratio': ratio, 'ratios': ratios, 'goal': goal}) + '\n')
        self.json.flush()


def rounds_of(ours, theirs, n=ROUNDS):
    """Both in turn; whoever is first changes every round."""
    a, b = [], []
    for i in range(n):
        for mine in (True, False) if i % 2 == 0 else (False, True):
            (a if mine else b).append((ours if mine else theirs)())
    return a, b


def pick(rounds, key):
    return [r[key] for r in rounds]


def run(p, work, pg):
    for clients, count, goal, least in ((1, 2000, 'must 0.4, target 0.8', 0.4),
                                        (8, 8000, 'must 0.6, target 1.0', 0.6)):
        a, b = rounds_of(lambda c=clients, n=count: work.append(c, n),
                         lambda c=clients, n=count: pg.append(c, n))
        p.figure(f'durable append, {clients} client{"s"[:clients > 1]}', '/s', pick(a, 'per_s'),
                 pick(b, 'per_s'), goal, least)

    a = [work.take_in(ROWS) for _ in range(ROUNDS)]
    b = [pg.take_in(r['path']) for r in a]
    p.figure('import, and COPY of its rows', 'rows/s', pick(a, 'per_s'), pick(b, 'per_s'),
             'must 25,000 rows/s')

    a, b = rounds_of(lambda: work.move(MOVE), lambda: pg.move(MOVE))
    p.figure('record of 10,000 received, and one transaction', 'ms', pick(a, 'received_ms'),
             pick(b, 'ms'), 'must 100 ms and 0.5, target 0.25', most=0.5)
    p.figure('the same, complete: all opened', 'ms', pick(a, 'ms'), pick(b, 'ms'), 'no goal')

    records = work.shared(40)
    a, b = rounds_of(lambda: work.lag(LAG, records), lambda: pg.lag(LAG))
    p.figure('lag, durable on both, p50', 'us', pick(a, 'both_p50_us'), pick(b, 'p50_us'),
             'must 4, target 2', most=4)
    p.figure('lag, durable on both, p99', 'us', pick(a, 'both_p99_us'), pick(b, 'p99_us'),
             'must 2 and 5 ms', most=2)

    records = work.shared(400)
    a, b = rounds_of(lambda: work.steady(STEADY, records), lambda: pg.steady(STEADY))
    p.figure('steady A to B, 8 writers, one under way each', '/s', pick(a, 'per_s'),
             pick(b, 'per_s'), 'no goal')
    # The goal is from writers that stream, beside clients of PostgreSQL that wait.
    a = [work.steady(2 * STEADY, records, STREAM) for _ in b]
    p.figure(f'the same, {STREAM} under way each, and PG one', '/s', pick(a, 'per_s'),
             pick(b, 'per_s'), 'must 3, target 8', 3)
    b = [pg.steady(2 * STEADY, STREAM) for _ in a]
    p.figure(f'the same, and PG {STREAM} a pipeline', '/s', pick(a, 'per_s'), pick(b, 'per_s'),
             'no goal: one transaction')

    n = CATCH_UP[0] * CATCH_UP[1]
    records = work.shared(CATCH_UP[0])
    a, b = rounds_of(lambda: work.catch_up(n, records), lambda: pg.catch_up(n))
    p.figure(f'catch-up of {n:,}, and single commits', '/s', pick(a, 'per_s'), pick(b, 'per_s'),
             'must 6', 6)
    bulk = [pg.catch_up(n, True) for _ in a]
    p.figure(f'catch-up of {n:,}, and one transaction', '/s', pick(a, 'per_s'),
             pick(bulk, 'per_s'), 'must 1.2, target 2.5', 1.2)

    s = work.b.status()
    p.figure('disk a change, and a row (no WAL)', 'B', [s.store_bytes / s.changes],
             [pg.row_bytes()], 'kith pads, signs and seals')


def main():
    kith.end_on_sigterm()
    os.makedirs(w.BUILD, exist_ok=True)
    postgres.install()
    print(f'On {w.use_a_real_disk()}; {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; '
          f'{ROUNDS} rounds in turn', flush=True)
    begun = time.monotonic()
    work = pg = None
    try:
        work = w.Work()
        pg = postgres.Postgres()
        run(Pairs(os.path.join(w.BUILD, 'bench-peers.json')), work, pg)
    finally:
        if pg:
            pg.close()
        if work:
            work.close()
    print(f'{time.monotonic() - begun:.0f} s; the figures are in {w.BUILD}/bench-peers.json')
    return 0


if __name__ == '__main__':
    sys.exit(main())
