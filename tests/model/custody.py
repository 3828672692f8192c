#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Explicit-state model of the handover of custody (PROTOCOL P6.2 to P6.6).

Three regions and a network that may delay, reorder across authors, and never deliver; the order
within one author's chain is kept by the hash chain. Region 0 may be restored once from an old
backup. Checked in every reachable state:

  I1  at least one region considers itself responsible
  I2  at most one region considers itself custodian of record

A change counts when everything it names is held; until then it counts for nothing (P6.3).

  custody.py [--quick]           the variants: which hold, and a trace for each that does not
  custody.py --dump OFFERS N     every set of changes that a region can know within those bounds
                                 (no restore), each with what follows from it; daemon/core/affairs.c
                                 is compared with that by tests/unit/test_affairs.c

  custody.py --dump-all OFFERS N
                                 the same with Decline, also the one that answers a Withdraw; for
                                 tests/unit/test_affairs_model.c
  custody.py --dump-assume OFFERS N, --dump-resolve OFFERS N
                                 the same without Decline, and with guardians: all three regions sign
                                 Assume, or Resolve (P6.12 to P6.14), each vote a change of its own

A line of the dump:  CUSTODIAN TERM RESPONSIBLE  then for each change
  AUTHOR.SEQ:TYPE:TO:TERM:NAMES  with NAMES = AUTHOR.SEQ joined by commas, "g" for Genesis
Terms count from 1, RESPONSIBLE is the regions joined by commas.
"""
import sys
from collections import deque, namedtuple

REGIONS = (0, 1, 2)
GENESIS = ()

# place: (author, incarnation, seq). offer: the place of the Offer it is about. names: places.
Change = namedtuple('Change', 'author incarnation seq type offer to term names')
Change.place = property(lambda c: c[:3])

# known, own: per region. wire: all that was ever written. fenced: who promised. backup: region 0's.
State = namedtuple('State', 'known own wire restored fenced backup')


def counting(known):
    """The changes of a set that count: everything they name counts as well (P6.3)."""
    counted, places = set(), {GENESIS}
    left = set(known)
    while True:
        ready = {c for c in left if all(n in places for n in c.names)}
        if not ready:
            return frozenset(counted)
        counted |= ready
        places |= {c.place for c in ready}
        left -= ready


def resolved(known, begun):
    """The Resolve that ends a term: by the region that it names, with the votes that it names."""
    found = [c for c in known if c.type == 'Rsv' and c.names[0] == begun]
    if Model.unquoted:  # that variant counts votes wherever they are
        found = [c for c in found if any(
            v.type == 'RsV' and (v.to, v.names) == (c.to, c.names) for v in known)]
    return min(found) if found else None


def stands(change, resolve):
    """Whether a change of the custodian lies up to the last that a Resolve lets count."""
    last = resolve.names[1] if resolve else None
    return not resolve or (last != GENESIS and change.seq <= last[2])


def path(known):
    """Custodian, term, and the change that began it."""
    custodian, term, begun = 0, 0, GENESIS
    while True:
        resolve = resolved(known, begun)
        releases = [c for c in known if c.type == 'Rel' and c.author == custodian and
                    c.term == term and c.names[0] == begun and stands(c, resolve)]
        if resolve and not releases:
            custodian, term, begun = resolve.to, term + 1, resolve.place
            continue
        if not releases or term > 6:
            return custodian, term, begun
        release = min(releases)
        custodian, term, begun = release.to, term + 1, release.place


def has(known, kind, offer, author=None):
    return any(c.type == kind and c.offer == offer and author in (None, c.author) for c in known)


class Model:
    unquoted = False  # of the variant that is explored

    def __init__(self, variant='proposed', offers=2, changes=7, restore=False, declines=False,
                 guardians=None):
        self.declines, self.guardians = declines, guardians
        Model.unquoted = variant == 'who_is_named_signs_without_having_seen_the_votes'
        self.offers, self.changes, self.restore = offers, changes, restore
        self.rescind = variant == 'acceptor_may_rescind'
        self.gap = variant == 'stop_on_accept_start_on_release'
        self.same_incarnation = variant == 'restore_same_incarnation'
        self.no_fence = variant == 'restore_new_incarnation_no_fence'
        self.forgetful = variant == 'restored_region_answers_not_ours_in_quarantine'
        self.naive_end = variant == 'duty_ends_on_release_without_custody_chain'
        self.counted = {}

    def of(self, known):
        """What of a region's knowledge counts. One variant looks at everything."""
        if self.naive_end:
            return known
        if known not in self.counted:
            self.counted[known] = counting(known)
        return self.counted[known]

    def responsible(self, region, known):
        custodian, term, _ = path(known)
        if custodian == region:
            # This variant stops as soon as it sees an Accept of its own open Offer.
            return not (self.gap and any(
                c.type == 'Off' and c.author == region and c.term == term and
                has(known, 'Acc', c.place) and not has(known, 'Wd', c.place) for c in known))
        if self.gap:
            return False  # and its acceptor starts only on Release
        if any(c.type == 'Asm' and c.to == region and c.names[0] == path(known)[2]
               for c in known):
            return True
        for c in known:
            if c.type != 'Acc' or c.author != region or has(known, 'Sd', c.offer, region):
                continue
            if not has(known, 'Rel', c.offer) if self.naive_end else term <= c.term:
                return True
        return False

    def initial(self):
        return State((frozenset(),) * 3, ((0, 0),) * 3, frozenset(), False, frozenset(), None)

    def quarantined(self, s):
        return (s.restored and not self.same_incarnation and not self.no_fence and
                s.fenced != frozenset({1, 2}))

    def append(self, s, region, kind, offer, to, term, names):
        incarnation, seq = s.own[region]
        place = (region, incarnation, seq)
        c = Change(*place, kind, offer or place, to, term, tuple(names))
        known, own = list(s.known), list(s.own)
        known[region] = s.known[region] | {c}
        own[region] = (incarnation, seq + 1)
        return (f'{region}: {kind} {c.offer} -> {to}',
                s._replace(known=tuple(known), own=tuple(own), wire=s.wire | {c}))

    def decisions(self, s, region):
        known = self.of(s.known[region])
        if any(c.author == region and c not in known for c in s.known[region]):
            return  # handed back by a fence, and what it names has not come: it binds already
        custodian, term, begun = path(known)
        if custodian == region:
            open_ = [c for c in known if c.type == 'Off' and c.author == region and
                     c.term == term and not has(known, 'Wd', c.place) and
                     not has(known, 'Dec', c.place) and not has(known, 'Rel', c.place)]
            # What an Offer rests on, it names: the Decline of the one before.
            declined = [d.place for d in known if d.type == 'Dec' and d.term == term]
            if not open_ and sum(c.type == 'Off' for c in s.wire) < self.offers:
                for to in REGIONS:
                    if to != region:
                        yield self.append(s, region, 'Off', None, to, term, [begun] + declined)
            for o in open_:
                yield self.append(s, region, 'Wd', o.place, o.to, term, [begun, o.place])
                for a in known:
                    if a.type == 'Acc' and a.offer == o.place:
                        yield self.append(s, region, 'Rel', o.place, o.to, term,
                                          [begun, o.place, a.place])
        for c in known:
            if (c.type == 'Off' and c.to == region and not has(known, 'Acc', c.place, region) and
                    not has(known, 'Wd', c.place) and
                    not has(known, 'Dec', c.place, region)):
                yield self.append(s, region, 'Acc', c.place, region, c.term, [c.place])
            if (self.declines and c.type == 'Off' and c.to == region and
                    not has(known, 'Acc', c.place, region) and
                    not has(known, 'Dec', c.place, region) and not has(known, 'Rel', c.place)):
                yield self.append(s, region, 'Dec', c.place, region, c.term, [c.place])
            if (c.type == 'Acc' and c.author == region and not has(known, 'Sd', c.offer, region)
                    and not has(known, 'Rel', c.offer)):
                quoted = [w.place for w in known if w.type == 'Wd' and w.offer == c.offer]
                if quoted or self.rescind:
                    yield self.append(s, region, 'Sd', c.offer, region, c.term,
                                      [c.offer] + quoted[:1])

    def votes(self, s, region):
        """What guardians sign when they take the custodian for gone (P6.12): more than half of
        three, so the region that is named names one other vote."""
        known = self.of(s.known[region])
        custodian, term, begun = path(known)
        if custodian == region:
            return
        mine = [c for c in known if c.author == region and c.names[0] == begun]
        ruled = [c.place for c in known if c.author == custodian]
        last = max(ruled) if ruled else GENESIS
        for to in REGIONS:
            if to == custodian:
                continue
            others = [c for c in known if c.author != region and c.names[0] == begun and
                      c.to == to]
            if self.guardians == 'assume' and not any(
                    c.type in ('AsV', 'Asm') and c.to == to for c in mine):
                quoted = [c.place for c in others if c.type == 'AsV']
                if to != region:
                    yield self.append(s, region, 'AsV', begun, to, term, [begun])
                elif quoted:
                    yield self.append(s, region, 'Asm', begun, to, term, [begun] + quoted[:1])
            if self.guardians == 'resolve' and not any(c.type in ('RsV', 'Rsv') for c in mine):
                if to != region:
                    yield self.append(s, region, 'RsV', begun, to, term, [begun, last])
                elif Model.unquoted:
                    yield self.append(s, region, 'Rsv', begun, to, term, [begun, last])
                for c in others:
                    if to == region and c.type == 'RsV' and not Model.unquoted:
                        yield self.append(s, region, 'Rsv', begun, to, term,
                                          [begun, c.names[1], c.place])

    def deliveries(self, s):
        """The next change of one author's chain, from the wire (any relay may hold it for ever)."""
        for c in s.wire:
            for r in REGIONS:
                if c in s.known[r] or c.author == r:
                    continue
                if r in s.fenced and c.author == 0 and c.incarnation == 0:
                    continue  # promised to accept no more of the old incarnation
                places = {x.place for x in s.known[r]}
                if c.place in places:
                    continue  # a fork: the first one seen wins locally
                if c.seq > 0 and (c.author, c.incarnation, c.seq - 1) not in places:
                    continue
                known = list(s.known)
                known[r] = s.known[r] | {c}
                yield f'deliver {c[:4]} to {r}', s._replace(known=tuple(known))

    def restores(self, s):
        if not s.restored:
            if s.backup is None:
                yield 'backup 0', s._replace(backup=(s.known[0], s.own[0]))
                return
            known, own = list(s.known), list(s.own)
            known[0] = s.backup[0]
            own[0] = s.backup[1] if self.same_incarnation else (1, 0)
            yield 'RESTORE 0', s._replace(known=tuple(known), own=tuple(own), restored=True)
            return
        if self.same_incarnation or self.no_fence:
            return
        for p in (1, 2):
            if p not in s.fenced:
                known = list(s.known)
                # Hands back region 0's own old changes, and what they name, and promises.
                known[0] = s.known[0] | self.handed_back(s.known[p])
                yield f'fence by {p}', s._replace(known=tuple(known), fenced=s.fenced | {p})

    @staticmethod
    def handed_back(known):
        named = {n for c in known if c.author == 0 for n in c.names}
        back = {c for c in known if c.author == 0 or c.place in named}
        while True:
            named = {n for c in back for n in c.names}
            more = back | {c for c in known if c.place in named}
            if more == back:
                return back
            back = more

    def successors(self, s):
        for r in REGIONS:
            if len(s.wire) < self.changes and not (r == 0 and self.quarantined(s)):
                yield from self.decisions(s, r)
                if self.guardians:
                    yield from self.votes(s, r)
        yield from self.deliveries(s)
        if self.restore:
            yield from self.restores(s)

    def broken(self, s):
        known = [self.of(k) for k in s.known]
        silent = self.quarantined(s)
        if not any(self.responsible(r, known[r]) or
                   (r == 0 and silent and not self.forgetful) for r in REGIONS):
            return 'I1 broken: NO responsible region'
        if not self.guardians and sum(path(known[r])[0] == r and not (r == 0 and silent) for r in REGIONS) > 1:
            return 'I2 broken: two custodians of record'
        return None


def explore(model, limit=4_000_000):
    """Breadth first. Gives every state, or stops at a broken one with the way that led there."""
    start = model.initial()
    came, queue = {start: None}, deque([start])
    while queue:
        s = queue.popleft()
        broken = model.broken(s)
        if broken:
            trace = []
            while came[s]:
                step, s = came[s]
                trace.append(step)
            return came, broken, trace[::-1]
        if len(came) > limit:
            return came, 'state limit reached, nothing broken so far', []
        for step, t in model.successors(s):
            if t not in came:
                came[t] = (step, s)
                queue.append(t)
    return came, None, []


def dump(offers, changes, declines, guardians=None):
    model = Model('proposed', offers, changes, declines=declines, guardians=guardians)
    came, broken, _ = explore(model)
    if broken:
        sys.exit(broken)

    def place(p):
        return f'{p[0]}.{p[2]}' if p else 'g'

    for known in sorted({k for s in came for k in s.known}, key=sorted):
        counts = model.of(known)
        custodian, term, _ = path(counts)
        duty = ','.join(str(r) for r in REGIONS if model.responsible(r, counts))
        print(custodian, term + 1, duty, *(
            f'{place(c.place)}:{c.type}:{c.to}:{c.term + 1}:{",".join(place(n) for n in c.names)}'
            for c in sorted(known)))


# variant, restore, offers, changes, whether it must hold
# and which guardians act
VARIANTS = [
    ('proposed', False, 3, 8, True, None),
    ('proposed', True, 2, 7, True, None),
    ('duty_ends_on_release_without_custody_chain', False, 3, 9, False, None),
    ('acceptor_may_rescind', False, 1, 5, False, None),
    ('stop_on_accept_start_on_release', False, 1, 5, False, None),
    ('restore_same_incarnation', True, 2, 7, False, None),
    ('restore_new_incarnation_no_fence', True, 2, 7, False, None),
    ('restored_region_answers_not_ours_in_quarantine', True, 2, 7, False, None),
    ('proposed', False, 1, 5, True, 'assume'),
    ('proposed', False, 1, 5, True, 'resolve'),
    ('who_is_named_signs_without_having_seen_the_votes', False, 1, 5, False, 'resolve'),
]


def main():
    if len(sys.argv) == 4 and sys.argv[1] in ('--dump', '--dump-all'):
        dump(int(sys.argv[2]), int(sys.argv[3]), sys.argv[1] == '--dump-all')
        return
    if len(sys.argv) == 4 and sys.argv[1] in ('--dump-assume', '--dump-resolve'):
        dump(int(sys.argv[2]), int(sys.argv[3]), False, sys.argv[1][len('--dump-'):])
        return
    quick = sys.argv[1:] == ['--quick']
    passed = failed = 0
    for variant, restore, offers, changes, holds, guardians in VARIANTS:
        if quick and holds:
            changes -= 1
        declines = not restore and not guardians
        came, broken, trace = explore(
            Model(variant, offers, changes, restore, declines, guardians))
        print(f'{variant:48s} restore={restore!s:5} {guardians or "":8s}offers<={offers} changes<={changes}: '
              f'{len(came)} states: {broken or "holds"}', flush=True)
        for step in trace:
            print('     ', step)
        if (broken is None) == holds:
            passed += 1
        else:
            failed += 1
    print(f'{passed} passed, {failed} failed')
    sys.exit(failed > 0)


if __name__ == '__main__':
    main()
