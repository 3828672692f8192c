#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
usage: reader.py EXPORT_FILE [--json] [--quiet] [--show] [--root-of REGION ...]

Reads what `kithctl record export` wrote and proves it from PROTOCOL.md, without any code of kith:
cards, chains, signatures, bodies, content roots, custody from Genesis, and the state hash.

  --json      the verdict as JSON
  --quiet     nothing but what is wrong
  --show      the timeline, too
  --root-of   a region id (32 hex digits) that you know from elsewhere; given once or more, every
              region in the file must be one of them

Exit: 0 everything is proven; 1 not, and the first thing wrong is named; 2 usage, unreadable file.
"""
import argparse
import collections
import datetime
import json
import sys

import kithformat as kf
from kithrecord import CUSTODIAN, Record, WRITER

ENTRY_KINDS = {1: 'note', 2: 'alias', 3: 'row', 4: 'access', 5: 'words', 6: 'worker'}
STATUS = ['', 'superseded', 'conflict']


def date_text(date):
    if date is None:
        return ''
    try:
        d = datetime.date(1970, 1, 1) + datetime.timedelta(days=date.day)
    except OverflowError:
        return f'day {date.day}'
    return [
        'unknown', f'{d:%Y}', f'{d:%Y-%m}', f'{d:%Y-%m-%d}'][min(date.precision, 3)]


def verdict(record):
    """What was proven, as plain data."""
    counts, entries = collections.Counter(), collections.Counter()
    for c in record.changes.values():
        counts[c.h.author] += 1
        if c.body:
            entries.update(ENTRY_KINDS.get(e.kind, f'kind {e.kind}') for e in c.body.entries)
    statuses = collections.Counter(s for v in record.status.values() for s in v)
    roles = {CUSTODIAN: 'custodian', WRITER: 'writer', 3: 'reader'}
    return {
        'record': record.record.hex(),
        'exported_by': record.name(record.by), 'at_ms': record.at_ms,
        'regions': [{'id': r.id.hex(), 'name': r.name, 'changes': counts[r.id],
                     'role': roles.get(record.custody.roles.get(r.id), 'none'),
                     'fingerprint': kf.fingerprint_text(r.fingerprint)}
                    for r in record.regions.values()],
        'changes': len(record.changes), 'chains': len(record.chains),
        'signatures': sum(1 for c in record.changes.values() if c.signature),
        'bodies': sum(1 for c in record.changes.values() if c.body),
        'entries': dict(sorted(entries.items())),
        'superseded': statuses[1], 'conflicts': statuses[2],
        'apart': len(record.apart),
        'epochs': record.custody.epoch,
        'custody': [{'term': term, 'region': record.name(region), 'how': how,
                     'acting': how.startswith('acting'),
                     'from': date_text(begin), 'to': date_text(end)}
                    for region, begin, end, how, term in record.custody.responsible()],
        'state_hash': record.state_hash.hex(),
    }


def timeline(record):
    """One line for each entry, in the order of the fold."""
    number = 0
    for place in record.order:
        c = record.changes[place]
        if c.is_control:
            kind = kf.KINDS[c.control.kind] if c.control.kind < len(kf.KINDS) else 'control'
            yield f'     {date_text(c.control.date):10} {kind:10} {record.name(place[0])}'
            continue
        status = record.status.get(place, [0] * len(c.body.entries))
        for e, s in zip(c.body.entries, status):
            number += 1
            date = date_text(e.effective) if e.HasField('effective') else ''
            by = record.name(place[0]) + (f', {c.body.worker}' if c.body.worker else '')
            mark = f' [{STATUS[s]}]' if s else ''
            kind = ENTRY_KINDS.get(e.kind, f'kind {e.kind}')
            yield f'{number:4} {date:10} {kind:10} {words_of(e)} ({by}){mark}'


def words_of(entry):
    if entry.HasField('row'):
        cells = ', '.join(f'{x.column.decode(errors="replace")}='
                          f'{x.value.decode(errors="replace")}'
                          for x in entry.row.cells if x.value)
        faults = f' broken rules: {" ".join(entry.row.faults)}' if entry.row.faults else ''
        return f'{entry.row.file}:{entry.row.line} {cells}{faults}'
    if entry.HasField('worker'):
        return ', '.join(filter(None, (entry.worker.name, entry.worker.role, entry.worker.team)))
    if entry.HasField('alias'):
        return f'{entry.alias.authority}/{entry.alias.child}'
    if entry.HasField('access'):
        return f'{entry.access.who}, {entry.access.role}: {entry.access.purpose}'
    return ': '.join(filter(None, (entry.title, entry.text)))


def plain(v):
    """The verdict for people."""
    yield f'record {v["record"]}, exported by {v["exported_by"]}'
    for r in v['regions']:
        yield f'  {r["name"]} wrote {r["changes"]} changes; now {r["role"]}'
    yield (f'  chains: {v["chains"]}, with {v["changes"]} changes, every one whole and signed '
           f'to its end ({v["signatures"]} signatures)')
    yield f'  bodies: {v["bodies"]}, every one opens and is what its content root says'
    kinds = ', '.join(f'{n} {k}' for k, n in v['entries'].items()) or 'none'
    yield f'  entries: {kinds}; {v["superseded"]} superseded, {v["conflicts"]} in conflict'
    if v['apart']:
        yield f'  {v["apart"]} changes stand apart: their author did not belong to the circle'
    yield 'responsible, from Genesis on:'
    for t in v['custody']:
        until = f'to {t["to"]}' if t['to'] else 'still'
        yield f'  term {t["term"]}: {t["region"]}, from {t["from"]} {until}; {t["how"]}'
    yield f'state hash {v["state_hash"]}, recomputed from the changes'
    yield 'PROVEN: everything above follows from the file alone'


def main():
    p = argparse.ArgumentParser(usage=__doc__.strip().split('\n')[0][7:])
    p.add_argument('file', metavar='EXPORT_FILE')
    p.add_argument('--json', action='store_true')
    p.add_argument('--quiet', action='store_true')
    p.add_argument('--show', action='store_true')
    p.add_argument('--root-of', nargs='+', action='extend', metavar='REGION')
    o = p.parse_args()
    try:
        with open(o.file, 'rb') as f:
            data = f.read()
        trusted = {bytes.fromhex(r) for r in o.root_of} if o.root_of else None
    except (OSError, ValueError) as e:
        print(f'reader: {e}', file=sys.stderr)
        return 2
    try:
        record = Record(data, trusted)
    except kf.Refused as r:
        if o.json:
            print(json.dumps({'proven': False, 'rule': r.rule, 'wrong': r.text}))
        else:
            print(f'NOT PROVEN ({r.rule}): {r.text}', file=sys.stderr if o.quiet else sys.stdout)
        return 1
    v = verdict(record)
    if o.json:
        if o.show:
            v['timeline'] = list(timeline(record))
        print(json.dumps({'proven': True, **v}, indent=1))
    elif not o.quiet:
        print('\n'.join(plain(v)))
        if o.show:
            print('timeline:')
            print('\n'.join(timeline(record)))
    return 0


if __name__ == '__main__':
    try:
        sys.exit(main())
    except BrokenPipeError:
        sys.exit(0)
