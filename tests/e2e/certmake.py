# SPDX-License-Identifier: Apache-2.0
"""
Certificates to test with: sound ones, and each with one thing wrong

good() and broken() give (why, bytes), and pairs() (why, bytes, bytes), the same every time: for the
golden vectors, for the fuzzer's corpus and for the tests that run two checkers over them.
"""
import kithcert as kc
import kithformat as kf
import kithmake as km
from kithformat import change_pb as pb
from kithmake import make_ref, protobuf

NORTH, SOUTH = km.Region('north-west'), km.Region('south-east', incarnations=2)
EAST, AGAIN = km.Region('east'), km.Region('north-west', incarnations=2)
START = 20000


def listed(change, kind=pb.Head):
    return make_ref(change, kind)


class Issue:
    """A certificate on its way: .file and .statement may be altered before bytes() signs."""

    def __init__(self, record, by, path=None, begin=None, end=None, at=None, i=0):
        self.by, self.i = by, i
        self.path = sorted(path if path is not None else
                           [c for c in record.changes if kf.header_decode(c.header).flags],
                           key=lambda c: c.place)
        held = [kc.Held(c.place, c.id, control_of(c.body)) for c in self.path]
        self.reckoning = kc.Reckoning(held)
        at = record.day if at is None else at
        begin = START if begin is None else begin
        end = at if end is None else end
        s = self.statement = pb.Statement(
            record=record.id, by=by.id, incarnation=by.incarnation(i),
            at_ms=at * kc.DAY_MS + 43200000, to=end,
            log=1000 * at)
        setattr(s, 'from', begin)
        s.held.extend(listed(c) for c in self.path)
        for (author, incarnation, seq), change in self.reckoning.lacks:
            s.lacks.add(author=author, incarnation=incarnation, seq=seq, change=change)
        for d in self.reckoning.within(begin, end):
            add(s, d)
        self.file = pb.Certificate(format=1)
        self.file.cards.extend(r.bundle() for r in {
            r.id: r for r in [by] + [record.regions[c.author] for c in self.path]}.values())
        for c in self.path:
            self.file.path.add(header=c.header, signature=c.signature, body=c.body)

    def bytes(self, secret=None, label=b'kith/certificate/1\0'):
        self.file.statement = protobuf(self.statement)
        self.file.signature = kf.sign(secret or self.by.signers[self.i], label,
                                      self.file.statement)
        return protobuf(self.file)

    def altered(self, how, **more):
        how(self)
        return self.bytes(**more)


def control_of(body):
    return kf.control_decode(body, 'made')


def add(statement, duty):
    d = statement.duties.add(region=duty.region, to=duty.end, how=duty.how, term=duty.term)
    setattr(d, 'from', duty.begin)
    if duty.open:
        d.open = True


def begun(*members, maker=NORTH):
    r = km.Record(maker, 'certified', START)
    for m in members:
        r.admit(maker, m)
    return r


def moved():
    """Made on day 0, offered on day 10, accepted on day 12, released on day 13; now day 20."""
    r = begun(SOUTH)
    r.put(NORTH, r.entry('a sealed change between'))
    r.day += 10
    offer = r.offer(NORTH, SOUTH)
    r.day += 2
    accept = r.answer(kf.ACCEPT, SOUTH, offer)
    r.day += 1
    r.release(NORTH, offer, accept)
    r.day += 7
    return r


def batched():
    """The same, each region's changes signed together."""
    r = moved()
    for chain in r.chains.values():
        if len(chain) > 1:
            km.sign_together(chain)
    return r


def returned():
    """And back again."""
    r = moved()
    back = r.offer(SOUTH, NORTH, term=2)
    r.day += 1
    accept = r.answer(kf.ACCEPT, NORTH, back, term=2)
    r.day += 1
    r.release(SOUTH, back, accept, term=2)
    r.day += 5
    return r


def crossed(down=True):
    """Withdraw and Accept crossed; then offered to another, who has it now."""
    r = begun(SOUTH, EAST)
    offer = r.offer(NORTH, SOUTH)
    r.day += 1
    r.answer(kf.ACCEPT, SOUTH, offer)
    gone = r.withdraw(NORTH, offer)
    r.day += 2
    if down:
        r.answer(kf.STAND_DOWN, SOUTH, offer, withdraw=make_ref(gone))
    other = r.offer(NORTH, EAST)
    r.day += 1
    accept = r.answer(kf.ACCEPT, EAST, other)
    r.day += 1
    r.release(NORTH, other, accept)
    r.day += 1
    return r


def dated(move, record):
    """What .move() writes is dated as if it had been that many days earlier, or later."""
    def at(days, write):
        record.day += days
        clock, record.tick = record.tick, lambda: (
            (record.day - days) * 86400000 + 500 << 16)
        try:
            return write()
        finally:
            record.day, record.tick = record.day - days, clock
    return move(at)


def back_dated(days):
    """The Accept is dated so many days before (or after) its time."""
    r = begun(SOUTH)
    r.day += 10
    offer = r.offer(NORTH, SOUTH)
    r.day += 3
    accept = dated(lambda at: at(days, lambda: r.answer(kf.ACCEPT, SOUTH, offer)), r)
    r.day += 1
    r.release(NORTH, offer, accept)
    r.day += 9
    return r


def forked():
    """Two lives of one region released to two others."""
    r = begun(SOUTH, EAST, maker=AGAIN)
    start, last = r.begin, r.last
    for i, to in enumerate((SOUTH, EAST)):
        r.begin, r.last = start, last
        offer = r.offer(AGAIN, to, i=i)
        r.day += 1
        r.release(AGAIN, offer, r.answer(kf.ACCEPT, to, offer), i=i)
    r.day += 3
    return r


def guarded():
    """Made by NORTH; SOUTH and EAST are guardians, and NORTH is gone since day 5."""
    r = begun()
    for region in (SOUTH, EAST):
        circle = pb.Circle()
        circle.set.add(region=region.id, role=2, classes=[0, 1], first_epoch=1, guardian=True)
        r.put_control(NORTH, kf.CIRCLE, right=make_ref(r.begin), circle=circle)
    r.day += 5
    return r


def vote(r, kind, by, to, votes=(), last=None):
    more = {'last': make_ref(last, pb.Head)} if last else {}
    return r.put_control(by, kind, right=make_ref(r.begin), to=to.id, code=1,
                         votes=[make_ref(v) for v in votes], **more)


def assumed(resolve=False):
    r = guarded()
    last = r.changes[-1]
    first = vote(r, kf.ASSUME, EAST, SOUTH)
    r.day += 1
    vote(r, kf.ASSUME, SOUTH, SOUTH, [first])
    r.day += 4
    if resolve:
        first = vote(r, kf.RESOLVE, EAST, SOUTH, last=last)
        r.day += 2
        vote(r, kf.RESOLVE, SOUTH, SOUTH, [first], last=last)
        r.day += 3
    return r


def released_too():
    """What guardians resolved while the custodian released behind the change they let count."""
    r = guarded()
    last = r.changes[-1]
    offer = r.offer(NORTH, EAST)
    accept = r.answer(kf.ACCEPT, EAST, offer)
    r.day += 1
    begin = r.begin
    r.release(NORTH, offer, accept)
    r.begin = begin
    first = vote(r, kf.RESOLVE, EAST, SOUTH, last=last)
    r.day += 1
    vote(r, kf.RESOLVE, SOUTH, SOUTH, [first], last=last)
    r.day += 1
    return r


def controls(r):
    return [c for c in r.changes if kf.header_decode(c.header).flags]


def of_kind(r, kind):
    return [c for c in controls(r) if control_of(c.body).kind == kind]


def without(r, *gone):
    return [c for c in controls(r) if c not in gone]


def good():
    r = begun()
    yield 'made today', Issue(r, NORTH).bytes()
    r.day += 400
    yield 'made, and nothing since', Issue(r, NORTH).bytes()
    r = begun(SOUTH, EAST)
    r.answer(kf.DECLINE, SOUTH, r.offer(NORTH, SOUTH), code=2)
    r.offer(NORTH, EAST)
    yield 'declined, and offered to another', Issue(r, EAST).bytes()
    r = moved()
    for by in (NORTH, SOUTH, EAST):
        yield f'moved, as known to {by.name}', Issue(r, by).bytes()
    yield 'moved, a question about the days before', Issue(r, SOUTH, end=START + 5).bytes()
    yield 'moved, a question about one day of two', Issue(
        r, SOUTH, begin=START + 13, end=START + 13).bytes()
    yield 'moved, a question that begins before the record', Issue(
        r, SOUTH, begin=START - 30).bytes()
    yield 'moved, as known before the Release', Issue(
        r, SOUTH, without(r, *of_kind(r, kf.RELEASE)), at=START + 12).bytes()
    yield 'moved, as known before the Accept', Issue(
        r, NORTH, without(r, *of_kind(r, kf.RELEASE), *of_kind(r, kf.ACCEPT)),
        at=START + 11).bytes()
    yield 'a Release whose Accept has not come', Issue(r, EAST, without(
        r, *of_kind(r, kf.ACCEPT))).bytes()
    yield 'by the second life of its region', Issue(r, SOUTH, i=1).bytes()
    yield 'a child that came back', Issue(returned(), NORTH).bytes()
    yield 'Accept and Withdraw crossed, and it stood down', Issue(crossed(), EAST).bytes()
    yield 'Accept and Withdraw crossed, and its term passed', Issue(crossed(False), EAST).bytes()
    yield 'an Accept dated back behind its Offer', Issue(back_dated(-30), SOUTH).bytes()
    yield 'an Accept dated back a little', Issue(back_dated(-2), SOUTH).bytes()
    yield 'an Accept dated days ahead', Issue(back_dated(4), NORTH).bytes()
    yield 'a forked custody', Issue(forked(), EAST).bytes()
    r = assumed()
    yield 'assumed by the vote of two guardians', Issue(r, SOUTH).bytes()
    yield 'voted for, and not assumed yet', Issue(r, EAST, controls(r)[:-1]).bytes()
    yield 'assumed, and resolved', Issue(assumed(True), EAST).bytes()
    yield 'resolved against a Release', Issue(released_too(), SOUTH).bytes()
    r = moved()
    r.put_control(SOUTH, 99, flags=kf.CONTROL)
    yield 'a kind of the future that need not be understood', Issue(r, SOUTH).bytes()
    yield 'signed in batches', Issue(batched(), EAST).bytes()
    i = Issue(moved(), NORTH)
    yield 'a field of the future behind it', i.bytes() + b'\xa2\x06\x01x'


def broken():
    yield from broken_bytes()
    yield from broken_changes()
    yield from broken_statements()
    yield from broken_cards()


def broken_bytes():
    whole = Issue(moved(), SOUTH).bytes()
    yield 'empty', b''
    yield 'one byte', whole[:1]
    yield 'cut short', whole[:len(whole) // 2]
    yield 'without its last byte', whole[:-1]
    yield 'twice', whole * 2
    yield 'no certificate', b'custody: yes\n'
    yield 'an export', moved().export(state_hash=b'')[:3000]
    yield 'a group behind it', whole + b'\x53\x54'
    yield 'format 2', Issue(moved(), SOUTH).altered(lambda i: setattr(i.file, 'format', 2))
    yield 'no path', Issue(moved(), SOUTH).altered(lambda i: i.file.ClearField('path'))
    yield 'no cards', Issue(moved(), SOUTH).altered(lambda i: i.file.ClearField('cards'))


def path_of(i, change):
    return next(n for n, c in enumerate(i.path) if c is change)


def with_body(i, change, how, header=False, sign=None):
    """A control change of the file, altered; with a header to match, and signed by somebody."""
    raw = i.file.path[path_of(i, change)]
    control = pb.Control.FromString(raw.body)
    how(control)
    raw.body = protobuf(control)
    if header:
        h = vars(kf.header_decode(raw.header))
        h['body_hash'] = kf.sha256(raw.body)
        raw.header = kf.header_encode(**h)
    if sign:
        raw.signature = kf.sign(sign, b'kith/sign/1\0', kf.change_id(raw.header))


def broken_changes():
    r = moved()
    release, accept = of_kind(r, kf.RELEASE)[0], of_kind(r, kf.ACCEPT)[0]

    def later(control):
        control.date.day += 30

    def case(how, **more):
        return Issue(r, SOUTH).altered(how, **more)
    for kind in (kf.GENESIS, kf.CIRCLE, kf.OFFER, kf.ACCEPT, kf.RELEASE):
        c = of_kind(r, kind)[0]
        yield (f'without its {kf.KINDS[kind]}',
               case(lambda i, c=c: i.file.path.__delitem__(path_of(i, c))))
    yield 'a changed date', case(lambda i: with_body(i, release, later))
    yield 'a changed date with a header to match', case(
        lambda i: with_body(i, release, later, header=True))
    yield 'a changed date, signed by another region', case(
        lambda i: with_body(i, release, later, header=True, sign=SOUTH.signers[0]))
    yield 'a changed date, signed anew by its own author', case(
        lambda i: with_body(i, release, later, header=True, sign=NORTH.signers[0]))
    yield 'offered to another region', case(lambda i: with_body(
        i, of_kind(r, kf.OFFER)[0], lambda c: setattr(c, 'to', EAST.id)))
    yield 'a signature that is not there', case(
        lambda i: i.file.path[path_of(i, accept)].ClearField('signature'))
    yield 'a signature for another purpose', case(
        lambda i: setattr(i.file.path[path_of(i, accept)], 'signature',
                          kf.sign(SOUTH.signers[0], b'kith/hello/1\0', accept.id)))
    yield 'a signature of another length', case(
        lambda i: setattr(i.file.path[path_of(i, accept)], 'signature', bytes(63)))
    yield 'two changes swapped', case(lambda i: i.file.path.append(i.file.path.pop(0)))
    yield 'a change twice', case(lambda i: i.file.path.insert(1, i.file.path[0]))
    yield 'a header cut short', case(lambda i: setattr(
        i.file.path[1], 'header', i.file.path[1].header[:-1]))
    batch = Issue(batched(), SOUTH)
    raw = batch.file.path[path_of(batch, next(c for c in batch.path if c.author == NORTH.id))]
    raw.signature = raw.signature[:67] + bytes([raw.signature[67] ^ 1]) + raw.signature[68:]
    yield 'a signature for another place of its batch', batch.bytes()
    yield from put_in()


def put_in():
    """A change that does not belong there."""
    r = moved()

    def case(change, **more):
        i = Issue(r, SOUTH, **more)
        i.file.path.add(header=change.header, signature=change.signature, body=change.body)
        i.file.path.sort(key=lambda c: kf.header_decode(c.header).place)
        return i.bytes()
    sealed = r.put(NORTH, r.entry('not to be seen'))
    yield 'a sealed change in it', case(sealed)
    other = km.Record(EAST, 'another', START)
    r.regions[EAST.id] = EAST
    yield 'a change of another record', Issue(r, EAST, controls(r) + [other.begin]).bytes()
    path = controls(r)
    late = r.offer(SOUTH, NORTH, term=2)
    r.regions.pop(EAST.id)
    yield 'a change that was put in', case(late, path=path)
    yield 'a Genesis that did not make the record', lying_genesis()
    r = moved()
    r.put_control(SOUTH, 99)
    yield 'a kind of the future that must be understood', Issue(r, SOUTH).bytes()
    r = moved()
    r.put_control(SOUTH, kf.ACCEPT)
    yield 'an Accept that names nothing', bare(r)


def lying_genesis():
    r = moved()
    r.regions[EAST.id] = EAST
    fake = km.Record(EAST, 'certified', START)
    fake.id, fake.chains, fake.changes, fake.last = r.id, {}, [], None
    c = fake.put_control(EAST, kf.GENESIS, genesis=pb.Genesis(random=bytes(32), suite=1),
                         keys=[fake.new_key(1, 0)])
    return Issue(r, EAST, controls(r) + [c]).bytes()


def bare(r):
    """Issued over a control change that is none: the builder must not read it."""
    c = r.changes[-1]
    i = Issue(r, SOUTH, without_last(r))
    i.file.path.add(header=c.header, signature=c.signature, body=c.body)
    i.file.path.sort(key=lambda x: kf.header_decode(x.header).place)
    i.statement.held.append(listed(c))
    i.statement.held.sort(key=kf.ref_place)
    return i.bytes()


def without_last(r):
    return [c for c in r.changes[:-1] if kf.header_decode(c.header).flags]


def broken_statements():
    r = moved()

    def case(how, **more):
        return Issue(r, SOUTH).altered(how, **more)

    def after(how, i=None):
        """Altered when it was signed already."""
        f = pb.Certificate.FromString((i or Issue(r, SOUTH)).bytes())
        s = pb.Statement.FromString(f.statement)
        how(s)
        f.statement = protobuf(s)
        return protobuf(f)
    yield 'another region in the statement', after(
        lambda s: setattr(s.duties[0], 'region', EAST.id))
    yield 'another day in the statement', after(lambda s: setattr(s.duties[0], 'to', START + 14))
    yield 'another question', after(lambda s: setattr(s, 'to', START + 15))
    yield 'signed by another region', case(lambda i: None, secret=NORTH.signers[0])
    yield 'signed by another life', case(lambda i: None, secret=SOUTH.signers[1])
    yield 'signed for another purpose', case(lambda i: None, label=b'kith/sign/1\0')
    yield 'a statement that is none', case_statement(r, b'\x0a\x01x')
    yield 'an incarnation that is not listed', case(
        lambda i: setattr(i.statement, 'incarnation', bytes(16)))
    yield 'days in the wrong order', case(lambda i: setattr(i.statement, 'to', START - 1))
    yield 'days after the day of issue', case(lambda i: setattr(i.statement, 'to', START + 99))
    yield 'the list out of order', case(lambda i: i.statement.held.append(i.statement.held.pop(0)))
    yield 'the list with a change twice', case(
        lambda i: i.statement.held.insert(0, i.statement.held[0]))
    yield 'what is lacked twice', case(
        lambda i: i.statement.lacks.extend([i.statement.held[0], i.statement.held[0]]))
    yield 'lacks what nothing names', case(
        lambda i: i.statement.lacks.append(listed(r.changes[-1])))
    yield 'lacks what is there', case(lambda i: i.statement.lacks.append(i.statement.held[0]))
    yield from broken_answers(r)


def case_statement(r, data):
    i = Issue(r, SOUTH)
    i.bytes()
    i.file.statement = data
    i.file.signature = kf.sign(SOUTH.signers[0], b'kith/certificate/1\0', data)
    return protobuf(i.file)


def broken_answers(r):
    """What only the issuer itself can do: a false answer under its signature."""
    def case(how, record=r, **more):
        return Issue(record, SOUTH, **more).altered(how)
    yield 'the issuer leaves a duty out', case(lambda i: i.statement.duties.__delitem__(1))
    yield 'the issuer leaves a gap', case(
        lambda i: [setattr(i.statement.duties[0], 'to', START + 5),
                   i.statement.duties.__delitem__(1)])
    yield 'the issuer adds a duty', case(lambda i: add(i.statement, kc.Duty(
        EAST.id, START + 1, START + 2, kc.ACTING, 1)))
    yield 'the issuer names another region', case(
        lambda i: setattr(i.statement.duties[0], 'region', EAST.id))
    yield 'the issuer names another day', case(
        lambda i: setattr(i.statement.duties[0], 'to', START + 12))
    yield 'the issuer says that it has ended', case(
        lambda i: i.statement.duties[-1].ClearField('open'))
    yield 'the issuer assumes', case(lambda i: setattr(i.statement.duties[0], 'how', kc.ASSUMED))
    back = returned()
    for kind, n in ((kf.RELEASE, 0), (kf.ACCEPT, 0), (kf.OFFER, 1)):
        gone = of_kind(back, kind)[n]
        yield (f'the issuer withholds {kf.KINDS[kind]} {n + 1}',
               Issue(back, SOUTH, without(back, gone)).altered(
                   lambda i: i.statement.ClearField('lacks')))
    r = assumed()
    yield 'the issuer withholds a vote', Issue(r, SOUTH, without(
        r, of_kind(r, kf.ASSUME)[0])).altered(lambda i: i.statement.ClearField('lacks'))
    r = moved()
    yield 'before the record was made', Issue(
        r, SOUTH, begin=START - 9, end=START - 1).bytes()
    yield 'without a Genesis at all', Issue(r, SOUTH, without(r, r.changes[0])).bytes()


def broken_cards():
    r = moved()
    rogue = km.Region('north-west')
    rogue.roots, rogue.cards, rogue.endpoints = [km.chance('rogue', n) for n in range(5)], [], ['tcp://r:1']
    rogue.add_card(0)
    rogue.id = kf.region_id(rogue.cards[0].card)

    def case(how):
        return Issue(r, SOUTH).altered(how)

    def swap(bundle):
        return lambda i: i.file.cards.__setitem__(1, bundle)

    def spoilt(i):
        b = pb.CardBundle.FromString(i.file.cards[1])
        b.signature = kf.sign(SOUTH.control, b'kith/incarnations/1\0', b.incarnations)
        i.file.cards[1] = protobuf(b)
    yield 'the card of another region of that name', case(swap(rogue.bundle()))
    yield 'a card that does not prove itself', case(spoilt)
    yield 'a card that is none', case(swap(b'card'))
    yield 'a card twice', case(lambda i: i.file.cards.append(i.file.cards[0]))
    yield 'no card of an author', case(lambda i: i.file.cards.__delitem__(1))
    yield 'no card of the issuer', Issue(r, EAST).altered(lambda i: i.file.cards.__delitem__(0))
    lives = km.Region('south-east', incarnations=2)
    lives.signers = lives.signers[1:]
    yield 'a card without the incarnation of an author', Issue(r, NORTH).altered(
        lambda i: i.file.cards.__setitem__(1, lives.bundle()))


def pairs():
    r = moved()
    before = without(r, *of_kind(r, kf.RELEASE))
    early, late = Issue(r, SOUTH, before, at=START + 12).bytes(), Issue(r, SOUTH).bytes()
    yield 'one knows more', early, late
    yield 'of two regions', Issue(r, NORTH).bytes(), late
    yield 'the later one knows less', Issue(r, SOUTH, at=START + 18).bytes(), Issue(
        r, SOUTH, before).bytes()
    yield 'of two records', late, Issue(km.Record(EAST, 'another', START), EAST,
                                        at=START + 1).bytes()
    one, other = moved(), moved()
    one.offer(SOUTH, NORTH, term=2)
    other.day += 1
    other.offer(SOUTH, NORTH, term=2)
    yield 'two changes in one place', Issue(one, SOUTH, i=0).bytes(), Issue(other, NORTH).bytes()
    f = forked()
    lives = [AGAIN.incarnation(0), AGAIN.incarnation(1)]

    def side(n):
        mine = (SOUTH, EAST)[n].id
        return [c for c in controls(f) if c.seq < 4 and c.incarnation == lives[0]
                or c.incarnation == lives[n] or c.author == mine]
    yield 'two Releases of one term', Issue(f, SOUTH, side(0)).bytes(), Issue(
        f, EAST, side(1)).bytes()
    r = begun(SOUTH)
    offer = r.offer(NORTH, SOUTH)
    lives = sorted(range(2), key=SOUTH.incarnation)
    decline = r.answer(kf.DECLINE, SOUTH, offer, i=lives[0], code=1)
    accept = r.answer(kf.ACCEPT, SOUTH, offer, i=lives[1])
    yield 'two lives of one region answered differently', Issue(
        r, NORTH, without(r, decline)).bytes(), Issue(r, EAST, without(r, accept)).bytes()
    r = released_too()
    yield 'one knows of a Resolve', Issue(r, EAST, without(
        r, *of_kind(r, kf.RESOLVE))).bytes(), Issue(r, SOUTH).bytes()
    yield 'Accept and Withdraw crossed, with and without the StandDown', Issue(
        crossed(), NORTH, without(crossed_once := crossed(), *of_kind(crossed_once, kf.STAND_DOWN))
        ).bytes(), Issue(crossed(), EAST).bytes()
