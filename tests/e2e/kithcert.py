# SPDX-License-Identifier: Apache-2.0
"""
Certificates of custody, from PROTOCOL.md P11 and P6 alone

Shares no code with the C, and not the custody of kithrecord.py either, which refuses what a
record as a whole may not have: a certificate may be issued while something is on its way. What is
wrong is found in the order of the rules; the first one found is the verdict.
"""
import kithformat as kf
from kithformat import Refused, need
from kithformat import change_pb as pb

DAY_MS = 86400000
FILE_MAX, PATH_MAX, CARDS_MAX = 1 << 20, 2048, 128
FOREVER = 2**31 - 1
MADE, CUSTODIAN, ACTING, ASSUMED, FORKED = 1, 2, 3, 4, 5
HOW = ['', 'made the record', 'custodian', 'acting since it accepted', 'assumed',
       'by a branch of a forked custody']
# Bytes that the signature of a change may have (P3.1, P3.6).
SIGNATURES = {0, 64, *range(104, 457, 32)}
NAMES = ('right', 'offer', 'accept', 'withdraw')


class Wrong(Exception):
    """The certificate does not prove what it says: rule, place (or None), words."""

    def __init__(self, rule, place, text):
        super().__init__(f'{rule}: {text}')
        self.rule, self.place, self.text = rule, place, text


class Held:
    """A control change that was verified."""

    def __init__(self, place, change_id, control):
        self.place, self.id, self.control = place, change_id, control

    def named(self, with_before=False):
        """[(as what, place, id)]"""
        k = self.control
        names = NAMES + (('before',) if with_before else ())
        out = [(n, kf.ref_place(getattr(k, n)), getattr(k, n).change)
               for n in names if k.HasField(n)]
        out += [('vote', kf.ref_place(v), v.change) for v in k.votes]
        if k.kind == kf.RESOLVE:
            out.append(('last', kf.ref_place(k.last), k.last.change))
        return out

    def rests_on(self):
        """What must be held and count for it to count (P6.3)."""
        return [(p, i) for _, p, i in self.named(self.control.kind in (kf.OFFER, kf.CIRCLE))]


class Duty:
    def __init__(self, region, begin, end, how, term, still=False):
        self.region, self.begin, self.end, self.how, self.term = region, begin, end, how, term
        self.open = still

    @property
    def key(self):
        return self.begin, self.end, self.term, self.how, self.region

    def cut(self, begin, end):
        return Duty(self.region, max(self.begin, begin), min(self.end, end), self.how, self.term,
                    self.open)


class Offer:
    def __init__(self, change, term):
        self.change, self.term = change, term
        self.accept = self.decline = self.withdraw = self.down = self.release = None

    def is_open(self):
        return not (self.withdraw or self.decline or self.release)


class Side:
    """The path as far as it is walked, or a branch of a forked custody beside it."""

    def __init__(self, guardians):
        self.guardians, self.offers = guardians, []  # guardians: members, and whether they are


class Reckoning:
    """Days (P11.6), what is lacked (P11.5), and duties (P6, P11.7) of a set of control changes."""

    def __init__(self, held):
        self.held = {h.place: h for h in held}
        self.days = {}
        for place in sorted(self.held):
            self._day(place)
        lacks = {(p, i) for h in held for _, p, i in h.named(True) if not self._get(p, i)}
        self.lacks = sorted(lacks)
        self.terms, self.duties, self.branches, self.forked = [], [], [], False
        self.behind = set()  # what a Resolve lets count for nothing, on the path (P6.14)
        self.order = self._count()
        made = [self.held[p] for p in sorted(self.held)
                if self.held[p].control.kind == kf.GENESIS and p[2] == 1]
        self.genesis = made[0] if made else None
        if made:
            self._walk()

    def _get(self, place, change_id):
        h = self.held.get(place)
        return h if h and h.id == change_id else None

    def _day(self, place):
        """Without recursion: a path may be long."""
        todo = [place]
        while todo:
            p = todo[-1]
            h = self.held[p]
            behind = [q for _, q, i in h.named() if self._get(q, i) and q != p]
            waits = [q for q in behind if q not in self.days]
            if waits and p not in self.days:
                todo += waits
                continue
            self.days[p] = max([h.control.date.day] + [self.days[q] for q in behind])
            todo.pop()

    def _count(self):
        """(P6.3) Those that count, by clock, each chain in its own order."""
        counted = set()
        more = True
        while more:
            ready = {p for p, h in self.held.items() if p not in counted and all(
                self._get(q, i) and q in counted for q, i in h.rests_on())}
            counted |= ready
            more = bool(ready)
        clocks, last = {}, {}
        for p in sorted(self.held):
            clocks[p] = last[p[:2]] = max(last.get(p[:2], 0), self.held[p].control.clock)
        return [self.held[p] for p in sorted(counted, key=lambda p: (clocks[p], p))]

    def _walk(self):
        self._side(self.genesis, self.genesis.place[0], 1, {self.genesis.place[0]: True})
        for release, custodian, number in self.branches:  # grows as branches fork again
            self._side(release, custodian, number, {}, FORKED)

    def _side(self, begun, custodian, number, guardians, how=None):
        """The path, or a branch beside it, to where it ends (P6.10)."""
        side = Side(guardians)
        while True:
            over = self._walk_term(side, begun, custodian, number, how is None)
            first = self._stint(custodian, how or (MADE if number == 1 else CUSTODIAN), number,
                                begun, over)
            self.duties.append(first)
            for o in side.offers:
                if o.accept and o.term == number:
                    self.duties.append(self._stint(o.change.control.to, how or ACTING, number,
                                                   o.accept, o.down or o.release or over))
            for h in self.order:
                if h.control.kind == kf.ASSUME and self._carries(side, h, begun, number):
                    self.duties.append(self._stint(h.control.to, how or ASSUMED, number, h, over))
            if how is None:
                self.terms.append((number, custodian, begun, over))
            if not over:
                return
            custodian = (over.control.to if over.control.kind == kf.RESOLVE else next(
                o.change.control.to for o in side.offers if o.release is over))
            begun, number = over, number + 1
            side.guardians[custodian] = True

    def _of_term(self, h, begun, number):
        k = h.control
        return (k.HasField('right') and k.term == number
                and (kf.ref_place(k.right), k.right.change) == (begun.place, begun.id))

    def _walk_term(self, side, begun, custodian, number, on_path):
        """The Release or Resolve that ended it, or None."""
        released = resolved = None
        over = False
        for i in range(len(self.order) + 1):
            by = None if over else self._resolve(side, begun, custodian, number, i)
            if by:
                over = True
                resolved = None if released else by
            h = self.order[i] if i < len(self.order) else None
            if not h or h.place[0] != custodian or not self._of_term(h, begun, number):
                continue
            if over and on_path:
                self.behind.add(h.place)
            if over or released and released.place[:2] == h.place[:2]:
                continue
            if self._take(side, h, custodian, number):
                if released:
                    self.forked = True
                    self.branches.append((h, next(o.change.control.to for o in side.offers
                                                  if o.release is h), number + 1))
                released = released or h
        return released or resolved

    def _take(self, side, h, custodian, number):
        """True: it is a Release that counts."""
        k = h.control
        if k.kind == kf.OFFER:
            self._offer(side, h, custodian, number)
        elif k.kind == kf.CIRCLE:
            for row in k.circle.set:
                if row.region != custodian and row.role != 1:
                    side.guardians[row.region] = row.guardian
            for row in k.circle.removed:
                if row.region != custodian:
                    side.guardians.pop(row.region, None)
        elif k.kind in (kf.WITHDRAW, kf.RELEASE):
            o = next((o for o in side.offers if o.change.place == kf.ref_place(k.offer)
                      and o.change.id == k.offer.change and o.term == number), None)
            if not o or o.withdraw:
                return False
            if k.kind == kf.WITHDRAW:
                self._withdraw(o, h)
            elif (o.accept and not o.release and o.accept.place == kf.ref_place(k.accept)
                  and o.accept.id == k.accept.change):
                o.release = h
                return True
        return False

    def _answer(self, o, *kinds):
        """The first by the candidate about an Offer."""
        return next((a for a in self.order
                     if a.place[0] == o.change.control.to and a.control.kind in kinds
                     and (kf.ref_place(a.control.offer), a.control.offer.change)
                     == (o.change.place, o.change.id)), None)

    def _offer(self, side, h, custodian, number):
        if h.control.to == custodian or any(
                o.term == number and o.is_open() for o in side.offers[-1:]):
            return
        o = Offer(h, number)
        said = self._answer(o, kf.ACCEPT, kf.DECLINE)
        if said and said.control.kind == kf.ACCEPT:
            o.accept = said
        else:
            o.decline = said
        side.offers.append(o)

    def _withdraw(self, o, h):
        o.withdraw = h
        first = self._answer(o, kf.STAND_DOWN)
        if o.accept and first and (kf.ref_place(first.control.withdraw),
                                   first.control.withdraw.change) == (h.place, h.id):
            o.down = first

    # Guardians (P6.12 to P6.14)

    def _resolve(self, side, begun, custodian, number, i):
        """The Resolve by which the change before the i-th is the last that counts, or None."""
        last = self.order[i - 1] if i else None
        if not last or last.place[0] != custodian:
            return None
        return next((h for h in self.order if h.control.kind == kf.RESOLVE
                     and (kf.ref_place(h.control.last), h.control.last.change)
                     == (last.place, last.id) and self._carries(side, h, begun, number)), None)

    def _first(self, h, begun, number):
        return h.control.kind != kf.RESOLVE or h is next(
            x for x in self.order if x.control.kind == kf.RESOLVE and x.place[0] == h.place[0]
            and self._of_term(x, begun, number))

    def _carries(self, side, lead, begun, number):
        k = lead.control
        if (not self._of_term(lead, begun, number) or lead.place[0] != k.to
                or not self._first(lead, begun, number)):
            return False
        votes = {lead.place[0]: lead}
        for v in k.votes:
            votes.setdefault(v.author, self._get(kf.ref_place(v), v.change))
        good = sum(1 for region, v in votes.items()
                   if v and side.guardians.get(region) and self._of_term(v, begun, number)
                   and (v.control.kind, v.control.to) == (k.kind, k.to)
                   and (k.kind != kf.RESOLVE or v.control.last == k.last)
                   and self._first(v, begun, number))
        return good >= sum(side.guardians.values()) // 2 + 1

    def _stint(self, region, how, term, begin, end):
        day = self.days[begin.place]
        return Duty(region, day, max(day, self.days[end.place]) if end else FOREVER, how, term,
                    end is None)

    def within(self, begin, end):
        return sorted((d.cut(begin, end) for d in self.duties
                       if d.end >= begin and d.begin <= end), key=lambda d: d.key)


def gap(duties, begin, end):
    """The first day without anybody, or None."""
    for d in sorted(duties, key=lambda d: d.key):
        if begin > end or d.begin > begin:
            break
        begin = max(begin, d.end + 1)
    return begin if begin <= end else None


def plain_day(number):
    import datetime
    try:
        return str(datetime.date(1970, 1, 1) + datetime.timedelta(days=number))
    except OverflowError:
        return 'unknown'


class Certificate:
    """A file that was checked: .proven, or .wrong says what is not right about it."""

    def __init__(self, data):
        self.wrong, self.remarks, self.duties, self.regions = None, [], [], {}
        self.statement, self.reckoning = None, None
        try:
            self._check(data)
        except Wrong as w:
            self.wrong = w
        except Refused as r:  # a rule of another section, about the file as a whole
            self.wrong = Wrong(r.rule, None, r.text)

    @property
    def proven(self):
        return self.wrong is None

    def _check(self, data):
        self._read_form(data)
        self._read_cards()
        self._check_issuer()
        self._read_path()
        self._check_listed()
        self.reckoning = Reckoning(self.held)
        self._check_named()
        self._check_answer()
        self._look_at_dates()

    # The form (P11.1, P11.2)

    def _read_form(self, data):
        need(data, 'P11.1', 'the file is empty')
        need(len(data) <= FILE_MAX, 'P11.1', 'the file is larger than a certificate can be')
        c = kf.decode(pb.Certificate, data, 'P11.1', 'the file')
        need(c.format == 1 and c.statement and len(c.signature) == 64, 'P11.1',
             'format, statement or signature')
        need(1 <= len(c.cards) <= CARDS_MAX and all(1 <= len(x) <= 6144 for x in c.cards), 'P11.1',
             f'{len(c.cards)} cards')
        need(1 <= len(c.path) <= PATH_MAX, 'P11.1', f'{len(c.path)} changes')
        for x in c.path:
            need(1 <= len(x.header) <= 208 and len(x.signature) in SIGNATURES
                 and len(x.body) <= kf.BODY_MAX, 'P11.1', 'a change')
        self.file = c
        s = self.statement = kf.decode(pb.Statement, c.statement, 'P11.2', 'the statement')
        need(len(s.record) == len(s.by) == len(s.incarnation) == 16, 'P11.2', 'ids')
        need(all(s.HasField(f) for f in ('at_ms', 'from', 'to', 'log')), 'P11.2', 'times')
        need(1 <= len(s.held) <= PATH_MAX and len(s.lacks) <= PATH_MAX and len(s.duties) <= 1024,
             'P11.2', 'lists')
        for h in list(s.held) + list(s.lacks):
            kf.check_ref(h, 'the statement', 'P11.2')
        for d in s.duties:
            need(len(d.region) == 16 and 1 <= d.how <= 5 and d.term >= 1
                 and d.HasField('from') and d.HasField('to'), 'P11.2', 'a duty')
        self.first, self.last = getattr(s, 'from'), s.to
        if self.first > self.last or not 0 <= self.last <= s.at_ms // DAY_MS:
            raise Wrong('P11.2', None, 'its days are in no order')
        for one, other in zip(s.held, s.held[1:]):
            if kf.ref_place(one) >= kf.ref_place(other):
                raise Wrong('P11.2', kf.ref_place(other), 'listed twice, or out of order')
        for one, other in zip(s.lacks, s.lacks[1:]):
            if (kf.ref_place(one), one.change) >= (kf.ref_place(other), other.change):
                raise Wrong('P11.2', kf.ref_place(other), 'listed twice, or out of order')

    # Cards, issuer (P1, P11.3)

    def _read_cards(self):
        bad = None
        for i, bundle in enumerate(self.file.cards):
            try:
                region = kf.Region(bundle, f'card {i + 1}')
            except Refused as r:
                bad = bad or Wrong('P1.6', None, f'{r.rule}: {r.text}')
                continue
            if region.id in self.regions:
                bad = bad or Wrong('P11.1', None, f'card {i + 1}: {region.name} twice')
            self.regions[region.id] = region
        if bad:
            raise bad

    def _check_issuer(self):
        s = self.statement
        region = self.regions.get(s.by)
        if not region:
            raise Wrong('P1.6', None, 'the card of the issuer is not there')
        if s.incarnation not in region.incarnations:
            raise Wrong('P1.5', None, 'the issuer has no such incarnation')
        if not kf.verified(region.incarnations[s.incarnation].key, b'kith/certificate/1\0',
                           self.file.statement, self.file.signature):
            raise Wrong('P11.3', None, f'the statement is not signed by {region.name}')

    # The path (P2, P3, P6.1)

    def _read_path(self):
        self.held, bad, last = [], None, None
        for raw in self.file.path:
            try:
                h = self._read_change(raw, last)
                self.held.append(h)
                last = h.place
            except Wrong as w:
                bad = bad or w
        if bad:
            raise bad

    def _read_change(self, raw, last):
        try:
            h = kf.header_decode(raw.header)
        except Refused as r:
            raise Wrong('P2.2', None, r.text) from r

        def hold(good, rule, text):
            if not good:
                raise Wrong(rule, h.place, text)
        hold(last is None or last < h.place, 'P11.1', 'twice, or out of order')
        hold(h.record == self.statement.record, 'P11.1', 'of another record')
        hold(h.flags & kf.CONTROL, 'P11.1', 'no control change')
        hold(h.author in self.regions, 'P1.6', 'no card of its author')
        lives = self.regions[h.author].incarnations
        hold(h.incarnation in lives, 'P1.5', 'no such incarnation')
        hold(kf.sha256(raw.body) == h.body_hash, 'P2.5', 'its body was changed')
        change_id = kf.change_id(raw.header)
        hold(signed_by(lives[h.incarnation].key, change_id, raw.signature), 'P3.1',
             'its signature is forged')
        try:
            control = kf.control_decode(raw.body, 'it')
        except Refused as r:
            raise Wrong('P6.1', h.place, r.text) from r
        hold(control.kind in kf.NEEDS or not h.flags & kf.MUST_UNDERSTAND, 'P6.11',
             'needs a newer kith')
        if control.kind == kf.GENESIS:
            hold(h.seq == 1 and h.record == kf.record_id(h.author, h.incarnation,
                                                         control.genesis.random),
                 'P1.3', 'it did not make this record')
        return Held(h.place, change_id, control)

    # What the issuer signed for (P11.4, P11.5)

    def _check_listed(self):
        listed = {kf.ref_place(h): h.change for h in self.statement.held}
        there = {h.place: h.id for h in self.held}
        for place in sorted(listed.keys() | there.keys()):
            if place not in there:
                raise Wrong('P11.4', place, 'it was taken out of the file')
            if place not in listed:
                raise Wrong('P11.4', place, 'it was put into the file')
            if listed[place] != there[place]:
                raise Wrong('P11.4', place, 'the issuer signed for another change')

    def _check_named(self):
        said = {(kf.ref_place(h), h.change) for h in self.statement.lacks}
        lacks = set(self.reckoning.lacks)
        for place, change_id in sorted(said ^ lacks):
            raise Wrong('P11.5', place, 'it is lacked, and nothing names it'
                        if (place, change_id) in said else 'it is named, and was withheld')
        self.remarks += [('P11.5', place) for place, _ in self.reckoning.lacks]

    # The answer (P11.7, P11.8)

    def _check_answer(self):
        k = self.reckoning
        if not k.genesis:
            raise Wrong('P6.2', None, 'there is no Genesis')
        self.duties = k.within(self.first, self.last)
        if not self.duties:
            raise Wrong('P11.8', None, 'the record was made after these days')
        said = [Duty(d.region, getattr(d, 'from'), d.to, d.how, d.term, d.open)
                for d in self.statement.duties]
        if [(d.key, d.open) for d in said] != [(d.key, d.open) for d in self.duties]:
            none = gap(said, max(self.first, k.days[k.genesis.place]), self.last)
            raise Wrong('P11.7', None, 'the duties are not those that follow from the path'
                        + (f'; nobody on {plain_day(none)}' if none is not None else ''))
        none = gap(self.duties, max(self.first, k.days[k.genesis.place]), self.last)
        if none is not None:
            raise Wrong('P11.8', None, f'nobody is responsible on {plain_day(none)}')
        if k.forked:
            self.remarks.append(('P6.10', None))
        self.remarks += [('P6.14', end.place) for _, _, _, end in k.terms
                         if end and end.control.kind == kf.RESOLVE]

    def _look_at_dates(self):
        for place in sorted(self.reckoning.held):
            k = self.reckoning.held[place].control
            if k.kind not in kf.NEEDS:
                continue
            clock = (k.clock >> 16) // DAY_MS
            if (self.reckoning.days[place] > k.date.day or k.date.day > clock
                    or k.date.day + 1 < clock):
                self.remarks.append(('P11.6', place))

    def name(self, region):
        return self.regions[region].name if region in self.regions else region.hex()[:8]

    def say(self, place):
        return f'{self.name(place[0])}/{place[1].hex()[:8]}/{place[2]}'


def signed_by(key, change_id, signature):
    return kf.signed_change(key, change_id, signature)


def contradiction(one, other):
    """(P11.9) The rule by which two proven certificates contradict each other, or None."""
    if one.statement.record != other.statement.record:
        return 'P11.9'
    a, b = one.reckoning, other.reckoning
    if any(p in b.held and b.held[p].id != h.id for p, h in a.held.items()):
        return 'P3.5'
    for early, late in ((one, other), (other, one)):
        if (early.statement.incarnation == late.statement.incarnation
                and early.statement.log <= late.statement.log
                and not set(early.reckoning.held) <= set(late.reckoning.held)):
            return 'P11.9'
    both = Reckoning(list({**b.held, **a.held}.values()))
    if both.forked and not (a.forked or b.forked):
        return 'P6.10'
    for r, d in [(a, d) for d in a.duties] + [(b, d) for d in b.duties]:
        if d.how == ASSUMED or any(
                end and end.control.kind == kf.RESOLVE and end.place not in r.held
                and number <= d.term for number, _, _, end in both.terms):
            continue
        same = [x for x in both.duties if (x.region, x.term, x.how, x.begin)
                == (d.region, d.term, d.how, d.begin)]
        if not any(d.open or (not x.open and (x.end == d.end or d.how == ACTING)) for x in same):
            return 'P11.9'
    return None
