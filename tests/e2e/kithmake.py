# SPDX-License-Identifier: Apache-2.0
"""
Regions and records to test with

Writes what kithformat.py and kithrecord.py read: regions with cards, chains, a record with its
control changes, an export. Every secret and every salt follows from a name, so that the same
calls give the same bytes.
"""
import kithformat as kf
from kithformat import change_pb as pb, record_pb


def chance(*name):
    """32 bytes that only look like chance."""
    return kf.sha256(b'kith test ', '/'.join(map(str, name)).encode())


def protobuf(message):
    """Fields in the order of their numbers."""
    return message.SerializeToString(deterministic=True)


class Region:
    def __init__(self, name, incarnations=1, endpoints=None):
        self.name = name
        self.roots = [chance(name, 'root', i) for i in range(5)]
        self.control, self.kem = chance(name, 'control'), chance(name, 'kem')
        self.signers = [chance(name, 'incarnation', i) for i in range(incarnations)]
        self.curve = chance(name, 'curve')
        self.endpoints = endpoints or [f'tcp://{name}.example:7470']
        self.cards = []
        self.add_card(0)
        self.id = kf.region_id(self.cards[0].card)
        self.version = 1

    def add_card(self, root):
        """A card under the root key of that number; the next one is named beforehand."""
        card = pb.Card(
            version=len(self.cards) + 1,
            before=kf.sha256(self.cards[-1].card) if self.cards else kf.ZERO,
            root_key=kf.sign_public(self.roots[root]),
            next_root=kf.sha256(kf.sign_public(self.roots[root + 1])),
            control_key=kf.sign_public(self.control), kem_key=kf.dh_public(self.kem),
            curve_keys=[kf.dh_public(self.curve)], endpoints=self.endpoints, name=self.name)
        data = protobuf(card)
        self.cards.append(pb.SignedCard(
            card=data, signature=kf.sign(self.roots[root], b'kith/card/1\0', data)))

    def incarnation(self, i=0):
        return kf.incarnation_id(kf.sign_public(self.signers[i]))

    def incarnations(self):
        listed = pb.Incarnations(region=self.id, version=self.version)
        for i, s in enumerate(self.signers):
            listed.incarnations.add(id=self.incarnation(i), number=i + 1, key=kf.sign_public(s),
                                    status=1 if i == len(self.signers) - 1 else 2)
        return protobuf(listed)

    def bundle(self):
        listed = self.incarnations()
        return protobuf(pb.CardBundle(
            cards=self.cards, incarnations=listed,
            signature=kf.sign(self.control, b'kith/incarnations/1\0', listed)))


def make_ref(change, kind=pb.Ref):
    return kind(author=change.author, incarnation=change.incarnation, seq=change.seq,
                change=change.id)


class Change:
    def __init__(self, record, region, i, seq, prev, body, epoch, key_class, root, flags):
        self.author, self.incarnation, self.seq = region.id, region.incarnation(i), seq
        self.body, self.signature, self.key_class = body, b'', key_class
        self.header = kf.header_encode(
            version=1, record=record, author=self.author, incarnation=self.incarnation, seq=seq,
            prev=prev, body_hash=kf.sha256(body), content_root=root, key_epoch=epoch,
            key_class=key_class, flags=flags)
        self.id = kf.change_id(self.header)
        self.place = self.author, self.incarnation, seq
        self.secret = region.signers[i]

    def sign(self):
        self.signature = kf.sign_change(self.secret, self.id)
        return self


def sign_together(changes):
    """(P3.6): changes of one region, of any records."""
    for c, signature in zip(changes, kf.sign_batch(changes[0].secret, [c.id for c in changes])):
        c.signature = signature


class Record:
    def __init__(self, maker, name='record', now=20000):
        self.name, self.day, self.clock = name, now, 0
        self.random = chance(name, 'random')
        self.id = kf.record_id(maker.id, maker.incarnation(), self.random)
        self.changes, self.chains, self.keys, self.regions = [], {}, {}, {}
        self.other_keys = []  # of epochs of a number that another life has begun, too
        self.last = None  # the last custody change
        keys = [self.new_key(1, 0), self.new_key(1, 1)]
        self.begin = self.put_control(
            maker, kf.GENESIS, term=1, genesis=pb.Genesis(random=self.random, suite=1), keys=keys)

    def new_key(self, epoch, key_class, *life):
        key = chance(self.name, 'key', epoch, key_class, *life)
        if self.keys.get((epoch, key_class), key) != key:
            self.other_keys.append(((epoch, key_class), self.keys[epoch, key_class]))
        self.keys[epoch, key_class] = key
        k = pb.KeyCommitment(epoch=epoch,
                             commitment=kf.commitment(self.id, epoch, key_class, key))
        setattr(k, 'class', key_class)
        return k

    def tick(self):
        self.clock += 1
        return self.day * 86400000 + self.clock << 16

    def _add(self, region, i, body, epoch, key_class, root, flags):
        chain = self.chains.setdefault((region.id, region.incarnation(i)), [])
        self.regions[region.id] = region
        c = Change(self.id, region, i, len(chain) + 1, chain[-1].id if chain else kf.ZERO, body,
                   epoch, key_class, root, flags)
        chain.append(c)
        self.changes.append(c)
        return c

    def put_control(self, region, kind, i=0, flags=None, **fields):
        fields.setdefault('term', 1)
        control = pb.Control(kind=kind, clock=self.tick(), **fields)
        control.date.day, control.date.precision = self.day, 3
        custody = kind in (kf.GENESIS, kf.OFFER, kf.WITHDRAW, kf.ACCEPT, kf.DECLINE,
                           kf.STAND_DOWN, kf.RELEASE)
        if custody and self.last:
            control.before.CopyFrom(make_ref(self.last))
        c = self._add(region, i, protobuf(control), 0, 0, kf.ZERO,
                      kf.CONTROL | kf.MUST_UNDERSTAND if flags is None else flags).sign()
        if custody:
            self.last = c
        return c

    def entry(self, text, supersedes=(), **fields):
        """A note; .supersedes: (change, index)."""
        e = record_pb.Entry(kind=1, text=text, **fields)
        for change, index in supersedes:
            e.supersedes.add(change=make_ref(change), index=index)
        return e

    def put(self, region, *entries, i=0, epoch=None, key_class=0, deps=(), sign=True):
        epoch = epoch or max(e for e, _ in self.keys)
        seq = len(self.chains.get((region.id, region.incarnation(i)), ())) + 1
        body = protobuf(record_pb.Body(
            seed=chance(self.name, 'seed', region.name, i, seq), clock=self.tick(),
            worker='Ann Example', role='social worker', deps=[make_ref(d) for d in deps],
            entries=entries))
        context = kf.body_context(self.id, region.id, region.incarnation(i), seq, epoch,
                                  key_class)
        salt = chance(self.name, 'salt', region.name, i, seq)[:24]
        sealed = kf.seal(self.keys[epoch, key_class], context, kf.pad(body), salt)
        c = self._add(region, i, sealed, epoch, key_class, kf.content_root(body), 0)
        return c.sign() if sign else c

    def manifest(self):
        """(P6.7): all that is there."""
        m = pb.Manifest(blobs=kf.ZERO)
        for chain in self.chains.values():
            m.heads.append(make_ref(chain[-1], pb.Head))
        for (epoch, key_class), key in sorted(self.keys.items()):
            k = m.keys.add(epoch=epoch, commitment=kf.commitment(self.id, epoch, key_class, key))
            setattr(k, 'class', key_class)
        return m

    def admit(self, custodian, region, role=2, term=1):
        circle = pb.Circle()
        circle.set.add(region=region.id, role=role, classes=[0, 1], first_epoch=1)
        return self.put_control(custodian, kf.CIRCLE, term=term, right=make_ref(self.begin),
                                circle=circle)

    def remove(self, custodian, region, heads, term=1, keep=1):
        """Out of the circle, and a new epoch (P5.4)."""
        circle = pb.Circle()
        circle.removed.add(region=region.id, last=[make_ref(h, pb.Head) for h in heads],
                           keep=keep)
        right = make_ref(self.begin)
        c = self.put_control(custodian, kf.CIRCLE, term=term, right=right, circle=circle)
        epoch = max(e for e, _ in self.keys) + 1
        self.put_control(custodian, kf.KEY_EPOCH, term=term, right=right,
                         keys=[self.new_key(epoch, 0), self.new_key(epoch, 1)])
        return c

    def offer(self, custodian, to, term=1, **fields):
        return self.put_control(custodian, kf.OFFER, term=term, right=make_ref(self.begin),
                                to=to.id, code=1, manifest=self.manifest(), **fields)

    def answer(self, kind, region, offer, term=1, **fields):
        return self.put_control(region, kind, term=term, right=make_ref(offer),
                                offer=make_ref(offer), **fields)

    def withdraw(self, custodian, offer, term=1):
        return self.put_control(custodian, kf.WITHDRAW, term=term, right=make_ref(self.begin),
                                offer=make_ref(offer))

    def release(self, custodian, offer, accept, term=1, **fields):
        c = self.put_control(custodian, kf.RELEASE, term=term, right=make_ref(self.begin),
                             offer=make_ref(offer), accept=make_ref(accept),
                             manifest=self.manifest(), **fields)
        self.begin = c
        return c

    def state_hash(self):
        """What the reader makes of it, with nothing compared."""
        import kithrecord
        wrong = kf.Refused
        data = self.export(state_hash=b'')
        record = kithrecord.Record.__new__(kithrecord.Record)
        try:
            record.__init__(data)
        except wrong as w:
            if w.rule != 'P10.3':
                raise
        return record.state_hash

    def export(self, by=None, state_hash=None):
        e = pb.Export(format=1, record=self.id, by=by.id if by else self.changes[0].author,
                      at_ms=self.day * 86400000)
        e.cards.extend(r.bundle() for r in self.regions.values())
        for (epoch, key_class), key in sorted(self.keys.items()) + self.other_keys:
            k = e.keys.add(epoch=epoch, key=key)
            setattr(k, 'class', key_class)
        for chain in self.chains.values():
            for c in chain:
                add = e.changes.add(header=c.header, body=c.body)
                if c.signature:
                    add.signature = c.signature
        e.state_hash = self.state_hash() if state_hash is None else state_hash
        return protobuf(e)


def two_regions():
    """A record that moved once: Genesis, notes, a row, circle, Offer, Accept, Release, a note."""
    north, south = Region('north-west'), Region('south-east')
    r = Record(north)
    first = r.put(north, r.entry('first visit'), r.entry('called school'), sign=False)
    row = record_pb.Row(table=2, authority='888', file='episodes.csv', line=2, year=2021)
    row.cells.add(column=b'CHILD', value=b'1001')
    row.cells.add(column=b'DECOM', value=b'12/05/2020')
    r.put(north, record_pb.Entry(kind=3, row=row), sign=False)
    r.put(north, r.entry('second visit', supersedes=[(first, 0)]))
    r.put(north, record_pb.Entry(kind=4, access=record_pb.Access(
        who='ann', role='social worker', purpose='review', kind=1, what=2)), key_class=1)
    r.admit(north, south)
    r.day += 3
    offer = r.offer(north, south)
    r.day += 1
    worker = r.put(south, record_pb.Entry(kind=6, worker=record_pb.Worker(
        name='Bob Example', role='social worker', team='leaving care')))
    accept = r.answer(kf.ACCEPT, south, offer, words=make_ref(worker))
    r.day += 1
    release = r.release(north, offer, accept)
    r.put(south, r.entry('met at the new home', supersedes=[(first, 1)]),
          deps=[release])
    return r, north, south
