#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
Three regions, each on a machine of its own, over a network that is cut, lossy and slow: a child's
record moves all the same

Each test's name says what is true. The last line is the tally; a machine that cannot boot them
says so in words, as skipped.
"""
import json
import os
import unittest

from box import Box, clean_root, main, packages
from wan import Wan

B = os.environ.get('KITH_B', 'build')
NAMES = ('north', 'south', 'east')


class Region:
    def __init__(self, name, wan):
        self.name = name
        self.box = Box(name, clean_root(B), netns=wan.space(name)).up()
        self.endpoint = f'tcp://{wan.address(name)}:7420'
        self.box.run('dpkg', '-i', *packages(self.box, B))
        self.box.write('/etc/kith/kithd.conf.d/test.conf',
                       'listen = "tcp://*:7420"\nmap_size = 64MiB\n')
        self.box.run('kithctl', 'region', 'init', name, '--endpoint', self.endpoint,
                     '--root-key-out', '/root/root.key')
        self.box.run('systemctl', 'start', 'kithd')

    def ctl(self, *args):
        return json.loads(self.box.run('kithctl', '--json', *args).stdout)

    def trust(self, other):
        card = other.box.run('kithctl', 'region', 'card').stdout
        self.box.run('kithctl', 'peer', 'add', '-', '--yes', input=card)

    def live(self, other):
        return [p for p in self.ctl('peers')['peers'] if p['name'] == other.name][0]['state'] \
            == 'live'

    def until_live(self, *others):
        for other in others:
            self.box.until(lambda o=other: self.live(o), f'a session with {other.name}', 120)

    def make(self, notes=3):
        record = self.ctl('record', 'new')['made']['record']
        for n in range(notes):
            self.ctl('record', 'append', record, '--note', f'note {n} ' + 'x' * 4000)
        return record

    def offer(self, record, to):
        self.ctl('move', 'offer', record, '--to', to.name, '--reason', 'E3')

    def state(self, record):
        done = self.box.run('kithctl', '--json', 'move', 'show', record, check=False)
        return json.loads(done.stdout)['moves'][0]['state'] if done.returncode == 0 else None

    def accept(self, record):
        """As soon as it is complete here; until it is ours."""
        self.box.until(lambda: self.state(record) == 'complete', 'a complete record', 120)
        self.ctl('move', 'accept', record, '--worker', 'Amina Example')
        self.box.until(lambda: self.state(record) == 'released', 'the release', 120)
        shown = self.ctl('record', 'show', record)
        return shown['records'][0]['custody']


class Moving(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.wan = Wan(*NAMES)
        cls.regions = [Region(name, cls.wan) for name in NAMES]
        for one in cls.regions:
            for other in cls.regions:
                if one is not other:
                    one.trust(other)
        cls.north, cls.south, cls.east = cls.regions
        for one in cls.regions:
            one.until_live(*(o for o in cls.regions if o is not one))

    @classmethod
    def tearDownClass(cls):
        for region in cls.regions:
            region.box.down()
        cls.wan.close()

    def moves(self, source, to):
        record = source.make()
        source.offer(record, to)
        self.assertEqual(to.accept(record), 'ours')
        source.box.until(lambda: source.state(record) == 'released', 'its own release', 60)
        return record

    def test_1_a_record_goes_round_three_machines(self):
        record = self.moves(self.north, self.south)
        self.south.offer(record, self.east)
        self.assertEqual(self.east.accept(record), 'ours')
        self.east.offer(record, self.north)
        self.assertEqual(self.north.accept(record), 'ours')

    def test_2_a_network_that_loses_every_fifth_packet_delays_it_only(self):
        self.wan.both('north', 'south', loss=20)
        self.moves(self.north, self.south)
        self.wan.both('north', 'south')

    def test_3_a_slow_way_delays_it_only(self):
        said = [self.wan.slow(name, '128kbit') for name in ('north', 'south')]
        self.assertTrue(all(said), said)
        self.moves(self.north, self.south)
        for name in ('north', 'south'):
            self.wan.slow(name, None)

    def test_4_a_way_that_is_cut_and_one_that_is_cut_in_one_direction_heal(self):
        one, other = self.north.make(), self.east.make()
        self.wan.both('north', 'south', cut=True)
        self.wan.set('south', 'east', cut=True)
        self.north.offer(one, self.south)
        self.east.offer(other, self.south)
        for region, far in ((self.north, self.south), (self.east, self.south),
                            (self.south, self.north), (self.south, self.east)):
            region.box.until(lambda r=region, f=far: not r.live(f),
                             f'{region.name} to see that {far.name} is gone', 90)
        # who offers stays responsible, and whom it is offered to has nothing to say
        for region, record in ((self.north, one), (self.east, other)):
            self.assertEqual(region.state(record), 'offered')
            shown = region.ctl('record', 'show', record)['records'][0]['custody']
            self.assertEqual(shown, 'ours, offered to south')
        self.assertTrue(self.north.live(self.east), 'a way that is whole is left alone')
        self.wan.both('north', 'south')
        self.wan.set('south', 'east')
        for record in (one, other):
            self.assertEqual(self.south.accept(record), 'ours')
        for region, record in ((self.north, one), (self.east, other)):
            region.box.until(lambda r=region, x=record: r.state(x) == 'released', 'release', 60)

    def test_5_a_machine_that_is_killed_in_the_middle_of_a_move_takes_it_up_again(self):
        record = self.north.make()
        self.north.offer(record, self.south)
        for unit in ('kithd', 'kith-link'):
            self.south.box.run('systemctl', 'kill', '--signal=KILL', unit)
            self.north.box.run('systemctl', 'kill', '--signal=KILL', unit)
        for region in (self.north, self.south):
            region.box.until(lambda r=region: r.box.prop('kithd', 'ActiveState') == 'active',
                             'kithd again')
        self.assertEqual(self.south.accept(record), 'ours')


if __name__ == '__main__':
    main('three regions over an emulated network')
