#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
What --json writes, held against conf/kithctl.schema.json

Every verb is run, well and refused; a verb that nobody runs here is a failure.
"""
import json
import os
import re
import subprocess
import time

import make_schema
import region as kith


# Verbs with nothing on standard output, whose tests are elsewhere.
SILENT = {'move approver': 'speaks with a program; test_people'}


class Wrong(Exception):
    """It is not as the schema says."""


class Schema:
    """As much of JSON Schema as make_schema.py writes; anything else in it is an error."""

    KNOWN = {'type', 'properties', 'required', 'additionalProperties', 'items', 'anyOf', 'enum',
             '$ref', 'description'}
    TYPES = {'string': str, 'integer': int, 'number': (int, float), 'boolean': bool,
             'object': dict, 'array': list}

    def __init__(self, path):
        with open(path, encoding='utf-8') as f:
            self.top = json.load(f)

    def of_verb(self, verb):
        return self.top['$defs']['verbs'].get(verb, {'$ref': '#/$defs/Reply'})

    def check(self, value, schema, at=''):
        assert not set(schema) - self.KNOWN, schema
        if '$ref' in schema:
            return self.check(value, self.top['$defs'][schema['$ref'].split('/')[-1]], at)
        if 'anyOf' in schema:
            return self.any_of(value, schema['anyOf'], at)
        if 'enum' in schema and value not in schema['enum']:
            raise Wrong(f'{at}: {value!r} is none of {schema["enum"]}')
        kind = self.TYPES[schema['type']] if 'type' in schema else object
        if not isinstance(value, kind) or (isinstance(value, bool) and kind in (int, (int, float))):
            raise Wrong(f'{at}: {value!r} is no {schema["type"]}')
        if isinstance(value, dict):
            self.members(value, schema, at)
        elif isinstance(value, list):
            for i, v in enumerate(value):
                self.check(v, schema['items'], f'{at}[{i}]')
        return None

    def any_of(self, value, schemas, at):
        why = []
        for s in schemas:
            try:
                return self.check(value, s, at)
            except Wrong as e:
                why.append(str(e))
        raise Wrong(' and '.join(why))

    def members(self, value, schema, at):
        missing = set(schema.get('required', [])) - set(value)
        if missing:
            raise Wrong(f'{at}: without {missing}')
        for k, v in value.items():
            other = schema['additionalProperties']
            if k not in schema['properties'] and not other:
                raise Wrong(f'{at}.{k}: no such member in the schema')
            self.check(v, schema['properties'].get(k, other), f'{at}.{k}')


class Json(kith.Case):
    def setUp(self):
        super().setUp()
        self.schema = Schema(make_schema.FILE)
        self.seen = set()

    def test_the_file_is_what_control_proto_and_kithctl_say(self):
        with open(make_schema.FILE, encoding='utf-8') as f:
            self.assertEqual(f.read(), make_schema.text(),
                             'run tests/e2e/make_schema.py --update, and read the difference: a '
                             'member must not go or change')

    def test_what_is_not_so_is_found(self):
        verdict = {'verdict': 'stopped'}
        self.schema.check(verdict, self.schema.of_verb('status'))
        for wrong in ({'verdict': 'well'}, {}, {'verdict': 'stopped', 'more': 1}, [], None,
                      {'verdict': True}):
            with self.assertRaises(Wrong, msg=wrong):
                self.schema.check(wrong, self.schema.of_verb('status'))
        peers = self.schema.of_verb('peers')
        self.schema.check({'peers': [{'name': 'x', 'unsent': 1}]}, peers)
        for wrong in ({'peers': {}}, {'peers': [{'unsent': 'x'}]}, {'peers': [{'dialled': 1}]}):
            with self.assertRaises(Wrong, msg=wrong):
                self.schema.check(wrong, peers)

    def hold(self, region, verb, *args, status=0, stdin=None):
        """Run it; every line of what it writes must fit. Gives the last."""
        got = region.run_ctl('--json', *verb.split(), *args, stdin=stdin)
        if status is not None:
            self.assertEqual(got.status, status, f'{verb}: {got}')
        lines = [json.loads(x) for x in got.out.splitlines()]
        self.assertTrue(lines, f'{verb} writes nothing: {got}')
        for j in lines:
            try:
                refused = isinstance(j, dict) and set(j) == {'problem'}
                self.schema.check(j, {'$ref': '#/$defs/refused'} if refused
                                  else self.schema.of_verb(verb), verb)
            except Wrong as e:
                self.fail(f'{verb} {" ".join(args)}: {e}')
        self.seen.add(verb)
        return lines[-1]

    def test_every_verb_writes_what_the_schema_says(self):
        north, south = self.f.region('north'), self.f.region('south')
        self.hold(north, 'status', status=3)
        north.start()
        south.start()
        other = self.f.region('other', init=False)
        other.write_config()
        self.hold(other, 'region init', 'other', '--dry-run')
        self.hold(other, 'region init', 'other', '--root-key-out', f'{self.f.dir}/other.key')
        self.hold(north, 'region card')
        kith.introduce(north, south)
        card = f'{self.f.dir}/south.card'
        south.ctl('region', 'card', '--out', card)
        self.hold(north, 'peer add', card, '--dry-run')
        self.hold(north, 'peers')
        self.hold(north, 'explain', 'E3')
        self.hold(north, 'explain')
        self.records(north)
        self.moves(north, south)
        self.hold(north, 'status')
        self.hold(north, 'top', '--interval', '1', '--count', '1')
        self.hold(north, 'doctor', status=None)
        self.hold(north, 'upgrade', '--check')
        self.circle(north)
        self.hold(north, 'verify')
        self.hold(north, 'audit', '--limit', '5')
        self.hold(north, 'reload')
        self.hold(north, 'reload', '--dry-run')
        self.hold(north, 'peer remove', 'south', '--dry-run')
        self.hold(north, 'peer remove', 'south', '--yes')
        self.set_up()
        helped = subprocess.run([kith.program('kithctl'), '--help'], text=True, check=True,
                                capture_output=True).stdout
        verbs = set(re.findall(r'^  ([a-z][a-z0-9 ]*?)   ', helped.split('Options')[0], re.M))
        self.assertEqual(verbs - self.seen - set(SILENT), set(), 'verbs that nobody runs here')

    def records(self, north):
        made = self.hold(north, 'record new', '--authority', '340', '--child', '1')['made']
        self.record = made['record']
        self.hold(north, 'record new', '--dry-run')
        self.hold(north, 'record alias', self.record, '--authority', '341', '--child', '9')
        self.hold(north, 'record append', self.record, '--note', 'a')
        self.hold(north, 'record append', self.record, '--note', 'a', '--dry-run')
        self.hold(north, 'record append', self.record, '--notes-from', '-', stdin='a\nb\n')
        self.hold(north, 'record list')
        self.hold(north, 'record show', self.record)
        self.hold(north, 'record show', 'ffffff', status=1)
        self.hold(north, 'record timeline', self.record)
        self.hold(north, 'circle', self.record)
        self.hold(north, 'custody', self.record)
        self.hold(north, 'record export', self.record, '--out', f'{self.f.dir}/export')
        self.hold(north, 'follow', '--once')
        today, proof = time.strftime('%Y-%m-%d', time.gmtime()), f'{self.f.dir}/proof'
        self.hold(north, 'custody prove', self.record, '--from', today, '--to', today, '--out', proof)
        self.hold(north, 'custody check', proof, status=None)
        subprocess.run([os.path.join(kith.HERE, 'make_return.py'), f'{self.f.dir}/return',
                        '--children', '10', '--year', '2025', '--authority', '304'], check=True,
                       stdout=subprocess.DEVNULL)
        args = (f'{self.f.dir}/return', '--authority', '304', '--year', '2025')
        self.hold(north, 'import ssda903', *args, '--dry-run', status=None)
        self.hold(north, 'import ssda903', *args, status=None)

    def complete(self, region, record):
        kith.wait_for(lambda: '"complete"' in region.run_ctl('--json', 'move', 'show', record).out,
                      30, 'the record to be complete')

    def moves(self, north, south):
        offer = ('--to', 'south', '--reason', 'E3')
        self.hold(north, 'move offer', self.record, *offer, '--dry-run')
        self.hold(north, 'move offer', self.record, *offer)
        self.hold(north, 'move list')
        self.hold(north, 'move withdraw', self.record)
        other = north.ctl('record', 'new', json=True)['made']['record']
        north.ctl('move', 'offer', other, *offer)
        self.complete(south, other)
        self.hold(south, 'move show', other)
        self.hold(south, 'move decline', other, '--code', 'no-placement')
        third = north.ctl('record', 'new', json=True)['made']['record']
        north.ctl('move', 'offer', third, *offer)
        self.complete(south, third)
        self.hold(south, 'move accept', third, '--worker', 'Jo')
        fourth = north.ctl('record', 'new', json=True)['made']['record']
        north.ctl('move', 'offer', fourth, *offer)
        self.complete(south, fourth)
        program = f'{self.f.dir}/approve'
        with open(program, 'w', encoding='ascii') as f:
            f.write('#!/bin/sh\necho \'{"decline":"too-early"}\'\n')
        os.chmod(program, 0o755)
        last = self.hold(south, 'move approver', '--exec', program, '--once')
        self.assertEqual(last, {'answered': 1})
        self.hold(south, 'move accept', third, '--worker', 'Jo', status=1)
        self.hold(north, 'move report', '--peer', 'south')
        rows = f'{self.f.dir}/rows.csv'
        with open(rows, 'w', encoding='ascii') as f:
            f.write(f'record,to,reason\n{other},south,E3\nffffffff,south,E3\n')
        self.hold(north, 'move offer', '--from-file', rows, status=None)
        asked = ('--purpose', 'a visit', '--worker', 'Jo')
        self.hold(south, 'move request', 'north', self.record, *asked, '--dry-run')
        self.hold(south, 'move request', 'north', self.record, *asked)
        kith.wait_for(lambda: north.ctl('move', 'requests', json=True).get('requests'), 20,
                      'the request')
        request = self.hold(north, 'move requests')['requests'][0]['request']
        self.hold(north, 'move refuse', request, '--code', 'purpose', '--text', 'no')
        self.hold(south, 'move request', 'north', self.record[::-1], *asked)
        open_one = [r['request'] for r in self.hold(south, 'move requests')['requests']]
        self.hold(south, 'move cancel', open_one[-1], status=None)

    def circle(self, north):
        record = north.ctl('record', 'new', json=True)['made']['record']
        self.hold(north, 'circle add', record, 'south', '--role', 'reader', '--dry-run')
        self.hold(north, 'circle add', record, 'south', '--role', 'reader')
        self.hold(north, 'circle guardian', record, 'south', '--guardian')
        self.hold(north, 'circle', record)
        gone = ('--to', 'south', '--reason', 'lost')
        self.hold(north, 'custody assume', record, *gone, status=None)
        self.hold(north, 'custody resolve', record, *gone, '--anyway', status=None)
        self.hold(north, 'circle remove', record, 'south', status=None)
        self.hold(north, 'backup verified', '--dry-run')
        self.hold(north, 'backup verified')

    def set_up(self):
        place = f'{self.f.dir}/set-up'
        done = subprocess.run([kith.program('kithctl'), '--json', 'setup', '--dry-run', '--dir',
                               place, '--name', 'x', '--endpoint', 'tcp://127.0.0.1:1'],
                              text=True, capture_output=True, check=False)
        self.schema.check(json.loads(done.stdout), self.schema.of_verb('setup'), 'setup')
        self.seen.add('setup')


if __name__ == '__main__':
    kith.main()
