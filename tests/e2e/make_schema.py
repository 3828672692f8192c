#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
conf/kithctl.schema.json: what "kithctl VERB --json" writes, as a JSON Schema

What comes from kithd has the names and types of proto/control.proto, whose comments become the
descriptions; what kithctl adds itself stands in OWN below. test_schema.py holds the output of
every verb against the file, and the file against this program.

    make_schema.py            print it
    make_schema.py --update   write the file
"""
import json
import os
import re
import sys

TOP = os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', '..')
FILE = os.path.join(TOP, 'conf', 'kithctl.schema.json')

TEXT, NUMBER, REAL, TRUTH = ({'type': t} for t in ('string', 'integer', 'number', 'boolean'))


def ref(name):
    return {'$ref': f'#/$defs/{name}'}


def many(item):
    return {'type': 'array', 'items': item}


def one_of(*words):
    return {'enum': list(words)}


def thing(needed, more=None):
    """An object with these members; the first must be there."""
    return {'type': 'object', 'properties': {**needed, **(more or {})},
            'required': list(needed), 'additionalProperties': False}


BYTES = {'anyOf': [TEXT, thing({'base64': TEXT})]}
FINDING = thing({'grave': one_of('note', 'attention', 'alarm'), 'name': TEXT, 'text': TEXT,
                 'next': TEXT, 'since_ms': NUMBER}, {'about': TEXT})
CHECK = thing({'check': TEXT, 'state': one_of('ok', 'warn', 'fail', 'skipped'), 'text': TEXT},
              {'about': TEXT, 'next': TEXT})
STEP = thing({'step': TEXT, 'already': TRUTH, 'text': TEXT})
KITH = thing({'version': TEXT, 'wire_min': NUMBER, 'wire_max': NUMBER, 'store_format': NUMBER})
FOLLOWS = thing({'name': TEXT, 'software': TEXT, 'wire_min': NUMBER, 'wire_max': NUMBER,
                 'follows': one_of('yes', 'not-next', 'no', 'unknown'), 'text': TEXT})
CARD = {'region': TEXT, 'name': TEXT, 'fingerprint': TEXT, 'endpoints': many(TEXT)}
STATUS = {'status': ref('Status'), 'peers': many(ref('PeerView')), 'moves': many(ref('MoveView')),
          'findings': many(FINDING), 'verdict': one_of('ok', 'attention', 'alarm')}
RATES = {n: REAL for n in ('changes', 'commits', 'flushes', 'signatures', 'verifications',
                           'bytes_in', 'bytes_out')}
IMPORTED = {
    'files': many(thing({'name': TEXT}, {'table': TEXT, 'rows': NUMBER, 'problem': TEXT})),
    'tables': many(thing({'name': TEXT, 'files': NUMBER, 'rows': NUMBER, 'identical': NUMBER})),
    'faults': many(thing({'rule': TEXT, 'rows': NUMBER, 'text': TEXT, 'first': many(TEXT)})),
    'not_sent': many(thing({'file': TEXT, 'line': NUMBER, 'problem': TEXT})),
    'rows': NUMBER, 'identical': NUMBER, 'faulty': NUMBER, 'children': NUMBER}

# A certificate of custody, checked.
DUTY = thing({'from': TEXT, 'to': TEXT, 'region': TEXT, 'name': TEXT, 'how': TEXT,
              'term': NUMBER, 'open': TRUTH})
NOTICE = thing({'wrong': TRUTH, 'rule': TEXT, 'text': TEXT}, {'place': TEXT})
CERTIFIED = thing({
    'file': TEXT, 'proven': TRUTH, 'continuous': TRUTH, 'forked': TRUTH,
    'days': many(thing({'from': TEXT, 'to': TEXT, 'days': NUMBER, 'responsible': TEXT,
                        'regions': NUMBER})),
    'duties': many(DUTY), 'findings': many(NOTICE),
    'regions': many(thing({'name': TEXT, 'region': TEXT, 'fingerprint': TEXT}))},
    {'record': TEXT, 'issued_by': TEXT, 'issuer': TEXT, 'issued_ms': NUMBER, 'from': TEXT,
     'to': TEXT})
# How many moves are in each state, by the state's name.
TALLY = {'directions': many({**thing({'from': TEXT, 'to': TEXT}, {'digest': TEXT}),
                             'additionalProperties': NUMBER}),
         'refused': many(thing({'code': TEXT, 'moves': NUMBER, 'next': TEXT}))}
# Many moves at once.
BULK = {**TALLY, 'moves': many(ref('MoveView')), 'not_done': many(thing({
    'line': NUMBER, 'record': TEXT, 'name': TEXT, 'text': TEXT, 'next': TEXT})),
    'asked': NUMBER, 'done': NUMBER, 'before': NUMBER, 'dry_run': TRUTH}

# What kithctl adds to a Reply.
ADDED = {'record append': {'notes': NUMBER}, 'record export': {'file': TEXT, 'bytes': NUMBER}}

# What a verb writes when it is not a Reply.
OWN = {
    'status': {'anyOf': [thing(STATUS, {'seen': ref('Seen')}),
                         thing({'verdict': one_of('stopped', 'unknown')})]},
    'top': thing({**STATUS, 'rates': thing(RATES), 'interval_ms': NUMBER}, {'seen': ref('Seen')}),
    'doctor': thing({'checks': many(CHECK)}),
    'setup': thing({'steps': many(STEP), 'complete': TRUTH, 'waiting': many(TEXT)},
                   {'card': TEXT}),
    'upgrade': thing({'installed': KITH, 'running': KITH, 'peers': many(FOLLOWS), 'store': TEXT}),
    'region init': thing({'region': TEXT, 'name': TEXT, 'keys': TEXT, 'store': TEXT,
                          'root_key': TEXT, 'next_root_key': TEXT, 'dry_run': TRUTH}),
    'region card': thing({**CARD, 'card': TEXT}),
    'peer add': thing(CARD, {'made': ref('Made'), 'seen': ref('Seen')}),
    'custody prove': CERTIFIED,
    'custody check': thing({'certificates': many(CERTIFIED), 'contradictions': many(NOTICE),
                            'proven': TRUTH}),
    'import ssda903': thing(IMPORTED, {'imported': ref('ImportReport'), 'dry_run': TRUTH}),
    'move report': thing({
        'region': TEXT, 'peer': TEXT, 'since_ms': NUMBER, 'moves': many(ref('MoveView')),
        **TALLY},
        {'agree': TRUTH, 'differences': many(thing({
            'record': TEXT}, {'from': TEXT, 'to': TEXT, 'here': TEXT, 'there': TEXT}))}),
    'move approver': {'anyOf': [
        thing({'kind': one_of('offer', 'request'),
               'answer': one_of('accepted', 'declined', 'offered', 'refused', 'problem')},
              {'record': TEXT, 'request': TEXT, 'code': TEXT, 'problem': ref('Problem')}),
        thing({'answered': NUMBER})]},
    'follow': {'anyOf': [ref('FollowView'), thing({'through': NUMBER})]},
    'explain': thing({'explained': many(thing(
        {'kind': TEXT, 'text': TEXT},
        {'code': TEXT, 'name': TEXT, 'rule': TEXT, 'next': TEXT, 'cause': TEXT}))}),
}
TYPES = {'string': TEXT, 'uint32': NUMBER, 'uint64': NUMBER, 'sint32': NUMBER, 'sint64': NUMBER,
         'int32': NUMBER, 'int64': NUMBER, 'bool': TRUTH, 'bytes': BYTES}


def messages():
    """{message: {field: schema}} of the schemas that a Reply reaches."""
    out = {}
    for name in ('control', 'record', 'change'):
        with open(os.path.join(TOP, 'proto', f'{name}.proto'), encoding='utf-8') as f:
            text = f.read()
        for message, body in re.findall(r'^message (\w+) \{\n(.*?)^\}', text, re.S | re.M):
            fields = {}
            for many_of, kind, field, words in re.findall(
                    r'^\t(optional|repeated) (\w+) (\w+) = \d+;[ \t]*(?://[ \t]*(.*))?$', body, re.M):
                schema = dict(TYPES.get(kind) or ref(kind))
                if many_of == 'repeated':
                    schema = many(schema)
                if words and '$ref' not in schema:
                    schema = {**schema, 'description': words}
                fields[field] = schema
            out[message] = fields
    return out


def reached(all_messages, name, into):
    if name in into:
        return into
    into[name] = {'type': 'object', 'properties': all_messages[name],
                  'additionalProperties': False}
    for other in re.findall(r'#/\$defs/(\w+)', json.dumps(all_messages[name])):
        reached(all_messages, other, into)
    return into


def schema():
    everything = messages()
    for gone in ('id', 'last', 'progress', 'data'):  # what only the transport needs
        del everything['Reply'][gone]
    defs = reached(everything, 'Reply', {})
    # The column of the table beside the whole words.
    defs['EntryView']['properties'] = {**defs['EntryView']['properties'], 'what': TEXT}
    for verb in ('move offer', 'move accept'):  # one move, or many
        ADDED.setdefault(verb, {}).update(BULK)
    own = {**OWN, **{verb: {**defs['Reply'], 'properties': {**defs['Reply']['properties'], **more}}
                     for verb, more in ADDED.items()}}
    refused = thing({'problem': ref('Problem')})
    return {
        '$schema': 'https://json-schema.org/draft/2020-12/schema',
        'title': 'kithctl --json',
        'description': 'What each verb writes to standard output: $defs/verbs/NAME, or a Reply; '
                       '$defs/refused when kithd refuses. Members keep their names, types and '
                       'meaning; new ones may come, so skip what you do not know.',
        '$defs': {**{k: defs[k] for k in sorted(defs)}, 'refused': refused,
                  'verbs': {k: own[k] for k in sorted(own)}},
    }


def text():
    return json.dumps(schema(), indent=1, ensure_ascii=False) + '\n'


if __name__ == '__main__':
    if sys.argv[1:] == ['--update']:
        with open(FILE, 'w', encoding='utf-8') as out_file:
            out_file.write(text())
    else:
        sys.stdout.write(text())
