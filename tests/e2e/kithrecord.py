# SPDX-License-Identifier: Apache-2.0
"""
What a record as a whole means, from PROTOCOL.md alone

Chains and signatures (P2, P3), custody and circle (P6), the fold and its state hash (P10), and the
verification of an export (P9.1). The bytes are read by kithformat.py.
"""
import heapq

import kithcert as kc
import kithformat as kf
from kithformat import Refused, need

CURRENT, SUPERSEDED, CONFLICT = 0, 1, 2
CUSTODIAN, WRITER, READER = 1, 2, 3


class Change:
    """A change that was read: .control or .body is its opened content, or both are None."""

    def __init__(self, header, signature, body):
        self.header_bytes, self.signature, self.body_bytes = header, signature, body
        self.h = kf.header_decode(header)
        self.id = kf.change_id(header)
        self.control = self.body = None

    @property
    def place(self):
        return self.h.place

    @property
    def is_control(self):
        return bool(self.h.flags & kf.CONTROL)


# P10 The fold --------------------------------------------------------------------------------

def order(nodes):
    """(P10.1) .nodes: {place: (clock, [places that come before it])}. The places in order."""
    waits, after = {}, {p: [] for p in nodes}
    for place, (_, before) in nodes.items():
        before = {b for b in before if b in nodes}
        waits[place] = len(before)
        for b in before:
            after[b].append(place)
    ready = [(nodes[p][0],) + p for p in nodes if not waits[p]]
    heapq.heapify(ready)
    out = []
    while ready:
        place = heapq.heappop(ready)[1:]
        out.append(place)
        for p in after[place]:
            waits[p] -= 1
            if not waits[p]:
                heapq.heappush(ready, (nodes[p][0],) + p)
    need(len(out) == len(nodes), 'P10.1', 'changes that name each other in a circle')
    return out


def chain_before(places):
    """{place: the one before it in its chain, among .places, or None}."""
    last, out = {}, {}
    for place in sorted(places):
        chain = place[:2]
        out[place] = last.get(chain)
        last[chain] = place
    return out


class Node:
    """A change as the fold sees it. .refs: what it comes after, as (place, id); .entries: for each
    entry the (place, id, index) that it supersedes or corrects. One that does not open has
    neither, and no clock: it is not counted in the state hash."""

    def __init__(self, place, change_id, clock=None, refs=(), entries=()):
        self.place, self.id, self.clock, self.refs = place, change_id, clock, refs
        self.entries, self.counted = entries, clock is not None


def fold(nodes):
    """(P10.1, P10.2): the places in order, and {place: [status of each entry]}."""
    held = {n.place: n for n in nodes}

    def is_held(place, change_id):
        return place in held and held[place].id == change_id

    before = chain_before(held)
    deps = {p: [r for r, i in n.refs if is_held(r, i)] + ([before[p]] if before[p] else [])
            for p, n in held.items()}
    clocks = {}
    for p in sorted(held):
        clocks[p] = held[p].clock if held[p].counted else clocks.get(before[p], 0)
    ordered = order({p: (clocks[p], deps[p]) for p in held})
    seen = {}  # place -> {chain: the highest seq among its ancestors and itself}
    for p in ordered:
        mine = {p[:2]: p[2]}
        for d in deps[p]:
            for chain, seq in seen[d].items():
                mine[chain] = max(seq, mine.get(chain, 0))
        seen[p] = mine
    status = {p: [CURRENT] * len(held[p].entries) for p in ordered if held[p].counted}
    by_target = {}
    for p in status:
        for i, targets in enumerate(held[p].entries):
            for place, change_id, index in set(targets):
                if is_held(place, change_id) and index < len(status.get(place, ())):
                    by_target.setdefault((place, index), []).append((p, i))
    for supersedes in by_target.values():
        for a, i in supersedes:
            for b, _ in supersedes:
                if a != b and seen[a].get(b[:2], 0) < b[2] and seen[b].get(a[:2], 0) < a[2]:
                    status[a][i] = CONFLICT
    for place, index in by_target:
        status[place][index] = SUPERSEDED
    return ordered, status


def state_hash(key, ordered, status, ids):
    """(P10.3)"""
    parts = [b'kith/state/1\0']
    for p in ordered:
        if p in status:
            parts += [ids[p], kf.be32(len(status[p])), bytes(status[p])]
    return kf.hmac256(key, *parts)


# P6 Custody and circle -----------------------------------------------------------------------

NAMES = ('right', 'before', 'words', 'offer', 'accept', 'withdraw')


def control_refs(control):
    refs = [getattr(control, f) for f in NAMES if control.HasField(f)] + list(control.votes)
    if control.kind == kf.RESOLVE:
        refs.append(control.last)
    return [(kf.ref_place(r), r.change) for r in refs]


class Term:
    def __init__(self, number, begin, custodian):
        self.number, self.begin, self.custodian, self.end = number, begin, custodian, None


class Offer:
    def __init__(self, change, term):
        self.change, self.term = change, term
        self.accept = self.decline = self.withdraw = self.stand_down = self.release = None

    def open_for(self, sees):
        """(P6.4), as one sees it who has seen the changes for which sees() holds."""
        return not any(c and sees(c) for c in (self.withdraw, self.decline, self.release))


class Custody:
    """(P6): control changes, each verified, folded into terms, offers, the circle and its keys."""

    def __init__(self, record, controls, held, say):
        self.record, self.held, self.say = record, held, say
        self.terms, self.offers, self.keys, self.past_keys = [], {}, {}, set()
        self.roles, self.ever, self.removed = {}, {}, {}
        self.path, self.manifests = [], []
        self._count_votes(controls)
        by_place = {c.place: c for c in controls}
        before = chain_before(by_place)
        deps = {p: [r for r, _ in control_refs(c.control)] + ([before[p]] if before[p] else [])
                for p, c in by_place.items()}
        self.seen = {}
        for p in order({p: (by_place[p].control.clock, deps[p]) for p in by_place}):
            mine = {p}
            for d in deps[p]:
                mine |= self.seen.get(d, set())
            self.seen[p] = mine
            self._take(by_place[p])
        need(self.terms, 'P6.2', 'there is no Genesis')

    def _count_votes(self, controls):
        """(P6.12 to P6.14): what guardians have settled needs the path as a whole; the rest is
        taken here change by change."""
        self.resolves, self.behind, self.assumed = {}, set(), []
        if not any(c.control.kind in (kf.ASSUME, kf.RESOLVE) for c in controls):
            return
        votes = kc.Reckoning([kc.Held(c.place, c.id, c.control) for c in controls])
        need(not votes.forked, 'P6.10', 'custody is forked, and not resolved')
        self.behind = votes.behind
        self.resolves = {over.place: number for number, _, _, over in votes.terms
                         if over and over.control.kind == kf.RESOLVE}
        self.assumed = [(h, d) for d in votes.duties if d.how == kc.ASSUMED for h in controls
                        if h.control.kind == kf.ASSUME and h.control.to == d.region
                        and h.control.term == d.term and h.h.author == d.region]

    def _take(self, c):
        k = c.control
        self.now, self.what = c, f'{self.say(c.place)} ({kf.KINDS[k.kind % len(kf.KINDS)]})'
        if k.kind not in kf.NEEDS:
            need(not c.h.flags & kf.MUST_UNDERSTAND, 'P6.11',
                 f'{self.what}: control kind {k.kind} needs a newer kith')
            return
        if k.kind == kf.GENESIS:
            self._genesis(c)
            return
        need(self.terms, 'P6.2', f'{self.what} comes before any Genesis')
        if k.kind != kf.CLOSE and self._is_apart(c):
            return
        for place, change_id in control_refs(k):
            need(place in self.held and self.held[place].id == change_id, 'P6.3',
                 f'{self.what} names {self.say(place)}, which is not here')
        if c.place in self.behind:
            self._behind(k)
        elif k.kind in (kf.ASSUME, kf.RESOLVE):
            self._vote(c)
        elif k.kind in (kf.ACCEPT, kf.DECLINE, kf.STAND_DOWN):
            self._answer(c)
        elif k.kind != kf.CLOSE:
            self._as_custodian(c)

    def _is_apart(self, c):
        """(P6.9): beyond the head where its author was removed."""
        heads = self.removed.get(c.h.author)
        return heads is not None and c.h.seq > heads.get(c.h.incarnation, 0)

    def _behind(self, k):
        """(P6.14, P5.5): it counts for nothing, but whom it offered to is a reader, and what is
        sealed with its keys is opened with them."""
        if k.kind == kf.OFFER and k.to not in self.roles:
            self._role(k.to, READER)
        for key in k.keys:
            self.past_keys.add((key.epoch, getattr(key, 'class'), key.commitment))

    def _vote(self, c):
        """Of those that carry, a Resolve ends the term (P6.14)."""
        term = self.terms[-1]
        if self.resolves.get(c.place) != term.number or term.end:
            return
        term.end = c
        self.terms.append(Term(term.number + 1, c, c.control.to))
        self._role(term.custodian, READER)
        self._role(c.control.to, CUSTODIAN)
        self.path.append(c)

    def _genesis(self, c):
        k = c.control
        need(c.h.seq == 1, 'P6.2', f'{self.what} is not the first of its chain')
        need(kf.record_id(c.h.author, c.h.incarnation, k.genesis.random) == self.record, 'P1.3',
             f'{self.what}: its random bytes do not give the record id')
        need(not self.terms, 'P6.2', f'{self.what}: term 1 has begun')
        self.terms.append(Term(1, c, c.h.author))
        self._role(c.h.author, CUSTODIAN)
        self._take_keys(k.keys)
        self.path.append(c)

    def _role(self, region, role):
        self.roles[region] = role
        self.ever[region] = min(role, self.ever.get(region, READER))
        self.removed.pop(region, None)

    def _take_keys(self, keys):
        """Several lives may begin one epoch (P5.1): the last that is taken is the newest (P10.3)."""
        for k in keys:
            self.keys.setdefault((k.epoch, getattr(k, 'class')), []).append(k.commitment)
        need((keys[0].epoch, 0) in self.keys, 'P5.1', f'{self.what}: no key of class 0')

    @property
    def epoch(self):
        return max(e for e, _ in self.keys)

    def _sees(self, c):
        return c.place in self.seen[self.now.place] and c is not self.now

    def _as_custodian(self, c):
        """(P6.3): only the custodian of the term, naming what gave it the right."""
        k = c.control
        need(1 <= k.term <= len(self.terms), 'P6.3', f'{self.what}: term {k.term} is not known')
        term = self.terms[k.term - 1]
        need(c.h.author == term.custodian, 'P6.3',
             f'{self.what}: its author is not the custodian of term {k.term}')
        need(kf.ref_place(k.right) == term.begin.place and k.right.change == term.begin.id,
             'P6.3', f'{self.what}: its right is not what began term {k.term}')
        if term.end and not self._sees(term.end):
            need(k.kind != kf.RELEASE, 'P6.10',
                 f'{self.what} and {self.say(term.end.place)} both release term {k.term}')
        else:
            need(not term.end, 'P6.6', f'{self.what}: term {k.term} had ended')
        if k.kind == kf.CIRCLE:
            self._circle(k)
        elif k.kind == kf.KEY_EPOCH:
            if k.keys[0].epoch <= self.epoch + 1:  # of a leap nothing comes (P5.1)
                self._take_keys(k.keys)
        elif k.kind == kf.OFFER:
            self._offer(c, term)
        elif k.kind in (kf.WITHDRAW, kf.RELEASE):
            self._settle(c, term)

    def _circle(self, k):
        for row in k.circle.set:
            need((row.role == CUSTODIAN) == (self.now.h.author == row.region), 'P6.3',
                 f'{self.what}: only a Release makes a custodian')
            self._role(row.region, row.role)
        for row in k.circle.removed:
            need(row.region != self.now.h.author, 'P6.9', f'{self.what}: removes its author')
            self.roles.pop(row.region, None)
            for h in row.last:
                held = self.held.get(kf.ref_place(h))
                need(h.author == row.region and held and held.id == h.change, 'P6.9',
                     f'{self.what} names {self.say(kf.ref_place(h))}, which is not here')
            self.removed[row.region] = {h.incarnation: h.seq for h in row.last}

    def _offer(self, c, term):
        for o in self.offers.values():
            need(o.term is not term or not self._sees(o.change) or not o.open_for(self._sees),
                 'P6.4', f'{self.what}: {self.say(o.change.place)} is still open')
        need(c.control.to != c.h.author, 'P6.3', f'{self.what}: offered to its author')
        self.offers[c.place] = Offer(c, term)
        self.manifests.append((c, c.control.manifest))
        self.path.append(c)

    def _offer_of(self, ref):
        o = self.offers.get(kf.ref_place(ref))
        need(o, 'P6.3', f'{self.what}: what it names is no Offer that counts')
        return o

    def _answer(self, c):
        """Accept, Decline, StandDown (P6.3, P6.5)."""
        k = c.control
        if kf.ref_place(k.offer) in self.behind:
            return
        o = self._offer_of(k.offer)
        need(k.term == o.term.number, 'P6.3', f'{self.what}: the Offer is of another term')
        need(c.h.author == o.change.control.to, 'P6.3',
             f'{self.what}: the Offer names another region')
        if k.kind == kf.ACCEPT:
            need(not o.decline and not o.accept, 'P6.3', f'{self.what}: already answered')
            o.accept = c
        elif k.kind == kf.DECLINE:
            need(not o.accept and not o.decline, 'P6.3', f'{self.what}: already answered')
            o.decline = c
        else:
            need(o.withdraw and kf.ref_place(k.withdraw) == o.withdraw.place, 'P6.5',
                 f'{self.what}: it quotes no Withdraw of that Offer')
            need(o.accept and not o.stand_down, 'P6.5', f'{self.what}: nothing was accepted')
            o.stand_down = c
        self.path.append(c)

    def _settle(self, c, term):
        """Withdraw, Release (P6.4, P6.6)."""
        k = c.control
        o = self._offer_of(k.offer)
        need(o.term is term, 'P6.3', f'{self.what}: the Offer is of another term')
        need(o.open_for(self._sees), 'P6.4', f'{self.what}: the Offer is not open')
        if k.kind == kf.WITHDRAW:
            o.withdraw = c
        else:
            need(o.accept and kf.ref_place(k.accept) == o.accept.place, 'P6.6',
                 f'{self.what}: what it names is not the Accept of that Offer')
            o.release = term.end = c
            self.terms.append(Term(term.number + 1, c, o.change.control.to))
            self._role(term.custodian, READER)
            self._role(o.change.control.to, CUSTODIAN)
            self.manifests.append((c, k.manifest))
        self.path.append(c)

    def counts(self, c):
        """(P6.9): whether a verified change is in the fold."""
        author = c.h.author
        if author not in self.ever or self._is_apart(c):
            return False
        return c.is_control or self.ever[author] <= WRITER or c.h.key_class == 1

    def responsible(self):
        """(P6.5, P6.6): (region, from, to, how, term), the dates as Control.date or None."""
        out = []
        for t in self.terms:
            how = ('made the record' if t.number == 1 else 'named by guardians'
                   if t.begin.control.kind == kf.RESOLVE else 'took over')
            out.append((t.custodian, t.begin.control.date, t.end.control.date if t.end else None,
                        how, t.number))
            for o in self.offers.values():
                if o.term is t and o.accept:
                    end = o.stand_down or t.end
                    out.append((o.change.control.to, o.accept.control.date,
                                end.control.date if end else None, 'acting since accepting',
                                t.number))
            for h, d in self.assumed:
                if d.term == t.number:
                    out.append((d.region, h.control.date, t.end.control.date if t.end else None,
                                'acting by an Assume', t.number))
        return out


# P9 An export --------------------------------------------------------------------------------

def short(raw):
    return raw.hex()[:8]


class Record:
    """An export, verified: every rule in turn, Refused at the first that is broken."""

    def __init__(self, data, trusted=None):
        e = kf.decode(kf.change_pb.Export, data, 'P9.1', 'the file', merged=True)
        need(e.format == 1, 'P9.1', f'export format {e.format}')
        need(len(e.record) == 16 and len(e.by) == 16, 'P9.1', 'no record, or no exporter')
        self.record, self.by, self.at_ms = e.record, e.by, e.at_ms
        self._read_regions(e, trusted)
        self._read_changes(e)
        for chain in self.chains.values():
            self._check_chain(chain)
        self._read_controls()
        self.custody = Custody(self.record, self.controls, self.changes, self.say)
        self._read_keys(e)
        self._open()
        self._check_whole()
        self._fold()
        need(e.HasField('state_hash'), 'P10.3', 'the file has no state hash')
        need(e.state_hash == self.state_hash, 'P10.3',
             'the state hash in the file is not that of its changes')

    def name(self, region):
        return self.regions[region].name if region in self.regions else short(region)

    def say(self, place):
        return f'{self.name(place[0])}/{short(place[1])}/{place[2]}'

    def _read_regions(self, e, trusted):
        self.regions = {}
        for i, bundle in enumerate(e.cards):
            region = kf.Region(bundle, f'bundle {i + 1}')
            known = self.regions.get(region.id)
            if known:
                n = min(len(known.cards), len(region.cards))
                need(known.cards[:n] == region.cards[:n], 'P1.4', f'{region.name}: forked cards')
            if not known or ((len(known.cards), known.version)
                             < (len(region.cards), region.version)):
                self.regions[region.id] = region
        if trusted is not None:
            for region in self.regions.values():
                need(region.id in trusted, 'P1.1',
                     f'{region.name} {region.id.hex()} is not a region that you named')
        need(self.by in self.regions, 'P9.1', 'the card of the exporter is missing')

    def _read_changes(self, e):
        self.changes, self.chains, last = {}, {}, None
        need(len(e.changes), 'P9.1', 'no changes')
        for i, raw in enumerate(e.changes):
            try:
                c = Change(raw.header, raw.signature, raw.body)
            except Refused as r:
                after = f', after {self.say(last.place)}' if last else ''
                raise Refused(r.rule, f'change {i + 1} of the file{after}: {r.text}') from r
            where = self.say(c.place)
            need(c.h.record == self.record, 'P9.1', f'{where} belongs to another record')
            need(len(c.signature) in (0, 64) or 104 <= len(c.signature) <= 456, 'P2.6',
                 f'{where}: signature')
            need(len(c.body_bytes) <= kf.BODY_MAX, 'P2.6', f'{where}: a body of '
                 f'{len(c.body_bytes)} bytes')
            need(kf.sha256(c.body_bytes) == c.h.body_hash, 'P2.5',
                 f'{where}: the body is not the one in the header')
            need(c.h.author in self.regions, 'P1.6', f'{where}: no card of its author')
            need(c.h.incarnation in self.regions[c.h.author].incarnations, 'P1.5',
                 f'{where}: the incarnation is not in its author\'s list')
            need(c.place not in self.changes, 'P3.5', f'{where} stands there twice')
            self.changes[c.place] = c
            chain = self.chains.setdefault(c.h.chain, [])
            need(not chain or chain[-1] is last, 'P9.1', f'{where}: its chain is in pieces')
            need(c.h.seq == len(chain) + 1, 'P2.4',
                 f'{where}: the change before it is missing')
            need(not chain or c.h.prev == chain[-1].id, 'P2.4',
                 f'{where}: prev is not the change before it')
            chain.append(c)
            last = c

    def _check_chain(self, chain):
        """(P3): each signature holds, the last change has one, and no stretch is too long."""
        key = self.regions[chain[0].h.author].incarnations[chain[0].h.incarnation].key
        unsigned = size = 0
        for c in chain:
            where = self.say(c.place)
            if c.signature:
                need(kf.signed_change(key, c.id, c.signature), 'P3.1',
                     f'{where}: the signature is not that of its incarnation')
                unsigned = size = 0
                continue
            need(not c.is_control, 'P3.3', f'{where}: a control change that is not signed')
            unsigned += 1
            size += len(c.body_bytes)
            need(unsigned <= 255 and size <= 131072, 'P3.3',
                 f'{where}: {unsigned} changes, {size} bytes without a signature')
        need(not unsigned, 'P3.2', f'{self.say(chain[-1].place)}: the end of the chain, not signed')

    def _read_controls(self):
        self.controls = [c for c in self.changes.values() if c.is_control]
        for c in self.controls:
            c.control = kf.control_decode(c.body_bytes, self.say(c.place))

    def _read_keys(self, e):
        self.keys = {}
        for k in e.keys:
            at = k.epoch, getattr(k, 'class')
            what = f'the key of epoch {at[0]}, class {at[1]}'
            need(len(k.key) == 32, 'P5.1', f'{what} has {len(k.key)} bytes')
            named = {c for *n, c in self.custody.past_keys if tuple(n) == at}
            named.update(self.custody.keys.get(at, ()))
            need(named, 'P5.1', f'{what} was never committed to')
            commitment = kf.commitment(self.record, *at, k.key)
            need(commitment in named, 'P5.3', f'{what} does not match its commitment')
            self.keys.setdefault(at, {})[commitment] = k.key

    def _open(self):
        for c in self.changes.values():
            if c.is_control:
                continue
            h, where = c.h, self.say(c.place)
            at = h.key_epoch, h.key_class
            need(at in self.custody.keys or at in {k[:2] for k in self.custody.past_keys}, 'P5.1',
                 f'{where}: epoch {at[0]}, class {at[1]} has no commitment')
            need(at in self.keys, 'P9.1', f'{where}: no key of epoch {at[0]}, class {at[1]}')
            try:
                plain = kf.unpad(self._unseal(c, kf.body_context(
                    h.record, h.author, h.incarnation, h.seq, *at)))
                need(kf.content_root(plain) == h.content_root, 'P4.4',
                     'the content is not that of the content root')
                c.body = kf.body_decode(plain, 'the body')
            except Refused as r:
                raise Refused(r.rule, f'{where}: {r.text}') from r

    def _unseal(self, c, context):
        """With whichever key of its number opens it (P5.5)."""
        refused = None
        for key in self.keys[c.h.key_epoch, c.h.key_class].values():
            try:
                return kf.unseal(key, context, c.body_bytes)
            except Refused as r:
                refused = r
        raise refused

    def _check_whole(self):
        """(P9.1, P6.7): what anybody had seen, offered or released is here."""
        for c in self.changes.values():
            for d in c.body.deps if c.body else ():
                held = self.changes.get(kf.ref_place(d))
                need(held and held.id == d.change, 'P9.1', f'{self.say(c.place)}: its author had '
                     f'seen {self.say(kf.ref_place(d))}, which is not here')
        for c, manifest in self.custody.manifests:
            for h in manifest.heads:
                held = self.changes.get(kf.ref_place(h))
                need(held and held.id == h.change, 'P6.7', f'{self.say(c.place)}: its manifest '
                     f'names {self.say(kf.ref_place(h))}, which is not here')
            for k in manifest.keys:
                at = k.epoch, getattr(k, 'class')
                need(k.commitment in self.custody.keys.get(at, ()), 'P5.1',
                     f'{self.say(c.place)}: the manifest commits to another key')
            need(manifest.blobs in (b'', kf.ZERO), 'P6.7', f'{self.say(c.place)}: the manifest names '
                 'attachments, which this export cannot hold')

    def _fold(self):
        nodes = []
        for c in self.changes.values():
            if not self.custody.counts(c):
                continue
            if c.is_control:
                nodes.append(Node(c.place, c.id, c.control.clock))
            elif c.h.key_class != 0:
                nodes.append(Node(c.place, c.id))
            else:
                nodes.append(Node(
                    c.place, c.id, c.body.clock,
                    [(kf.ref_place(d), d.change) for d in c.body.deps],
                    [[(kf.ref_place(r.change), r.change.change, r.index)
                      for r in list(entry.supersedes) + list(entry.corrects)]
                     for entry in c.body.entries]))
        self.order, self.status = fold(nodes)
        self.apart = [p for p in self.changes if p not in set(self.order)]
        at = self.custody.epoch, 0
        key = self.keys.get(at, {}).get(self.custody.keys[at][-1])
        need(key, 'P9.1', f'no key of epoch {at[0]}, class 0')
        self.state_hash = state_hash(key, self.order, self.status, {n.place: n.id for n in nodes})
