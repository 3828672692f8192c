# SPDX-License-Identifier: Apache-2.0
"""
A network between boxes: a router in a namespace of its own, and a namespace for each box

Each direction between two can be cut or lose packets (nftables), and what goes to one can be slow
(netem where the kernel has it, else a token bucket). Addresses are 10.77.N.2, N from 1.

    wan = Wan('north', 'south')
    wan.set('north', 'south', cut=True)         one way; loss=20: percent
    wan.slow('south', '128kbit')
"""
import atexit
import os

from box import sh


class Wan:
    def __init__(self, *names):
        self.names, self.tag = names, f'kw{os.getpid()}'
        self.rules = {}
        atexit.register(self.close)
        sh('ip', 'netns', 'add', self.router)
        self.routed('sysctl', '-qw', 'net.ipv4.ip_forward=1')
        for n, name in enumerate(names, 1):
            space = self.space(name)
            sh('ip', 'netns', 'add', space)
            sh('ip', 'link', 'add', f'r{n}', 'netns', self.router, 'type', 'veth', 'peer', 'name',
               'wan0', 'netns', space)
            sh('ip', '-n', self.router, 'addr', 'add', f'10.77.{n}.1/24', 'dev', f'r{n}')
            sh('ip', '-n', self.router, 'link', 'set', f'r{n}', 'up')
            sh('ip', '-n', space, 'addr', 'add', f'10.77.{n}.2/24', 'dev', 'wan0')
            for device in ('lo', 'wan0'):
                sh('ip', '-n', space, 'link', 'set', device, 'up')
            sh('ip', '-n', space, 'route', 'add', 'default', 'via', f'10.77.{n}.1')

    @property
    def router(self):
        return self.tag + '-router'

    def space(self, name):
        return f'{self.tag}-{name}'

    def address(self, name):
        return f'10.77.{self.names.index(name) + 1}.2'

    def device(self, name):
        return f'r{self.names.index(name) + 1}'

    def routed(self, *args, **more):
        return sh('ip', 'netns', 'exec', self.router, *args, **more)

    def set(self, source, to, cut=False, loss=0):
        self.rules[source, to] = 'drop' if cut else \
            f'numgen random mod 100 < {loss} drop' if loss else None
        lines = [f'iifname {self.device(a)} oifname {self.device(b)} {what}'
                 for (a, b), what in self.rules.items() if what]
        self.routed('nft', '-f', '-', input='table ip wan {}\ndelete table ip wan\n'
                    'table ip wan { chain forward { type filter hook forward priority 0;\n'
                    + '\n'.join(lines) + '\n}\n}\n')

    def both(self, one, other, **how):
        self.set(one, other, **how)
        self.set(other, one, **how)

    def slow(self, to, rate):
        """What goes to .to; rate None: as fast as it can. Says with what it is made slow."""
        device = self.device(to)
        self.routed('tc', 'qdisc', 'del', 'dev', device, 'root', check=False)
        if not rate:
            return ''
        done = self.routed('tc', 'qdisc', 'add', 'dev', device, 'root', 'netem', 'delay', '150ms',
                           'rate', rate, check=False)
        if done.returncode == 0:
            return 'netem'
        self.routed('tc', 'qdisc', 'add', 'dev', device, 'root', 'tbf', 'rate', rate, 'burst',
                    '4kb', 'latency', '800ms')
        return 'tbf'

    def close(self):
        for name in (*map(self.space, self.names), self.router):
            sh('ip', 'netns', 'del', name, check=False)
        atexit.unregister(self.close)
