#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Make the seed corpora of the wire fuzzers with Google's protobuf, which shares no code with kith.

    tests/fuzz/make_corpus.py            (from the top; needs protoc and python3-protobuf)

One file a kind of message, a few that are wrong on purpose. The files are kept in git: run this
again when a schema has grown.
"""
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
PROTO = HERE.parent.parent / "proto"


def schemas():
    out = tempfile.mkdtemp()
    names = ["change", "record", "peer", "link", "control"]
    subprocess.run(["protoc", f"--proto_path={PROTO}", f"--python_out={out}"]
                   + [f"{n}.proto" for n in names], check=True, stderr=subprocess.DEVNULL)
    sys.path.insert(0, out)
    return [__import__(f"{n}_pb2") for n in names]


C, R, P, L, K = schemas()
ID, HASH, SIG = b"i" * 16, b"h" * 32, b"s" * 64
REF = dict(author=ID, incarnation=b"j" * 16, seq=3, change=HASH)
ZERO = bytes(32)


def write(name, case, message):
    data = message if isinstance(message, bytes) else message.SerializeToString(deterministic=True)
    path = HERE / "corpus" / name
    path.mkdir(parents=True, exist_ok=True)
    (path / case).write_bytes(data)
    return data


def header(**more):
    fields = dict(version=1, record=ID, author=ID, incarnation=ID, seq=2, prev=HASH, body_hash=HASH,
                  content_root=HASH, key_epoch=1, key_class=0, flags=0)
    return C.Header(**{**fields, **more})


def headers():
    write("header", "content", header(seq=70000))
    write("header", "first", header(seq=1, prev=ZERO, key_class=1))
    write("header", "control", header(key_epoch=0, content_root=ZERO, flags=3))
    write("header", "seq-zero", header(seq=0))
    write("header", "more-behind", header().SerializeToString() + b"\x60\x00")


def controls():
    every = dict(date=C.Date(day=20000, precision=3), clock=1 << 40, term=1)
    keys = [C.KeyCommitment(epoch=1, **{"class": n}, commitment=HASH) for n in (0, 1)]
    later = [C.KeyCommitment(epoch=2, **{"class": n}, commitment=HASH) for n in (0, 1)]
    head = C.Head(**REF)
    ref = C.Ref(**REF)
    manifest = C.Manifest(heads=[head, head], blobs=ZERO, keys=keys, lacks=[head])
    row = C.CircleRow(region=ID, role=2, classes=[0, 1], first_epoch=1, guardian=True)
    gone = C.Removal(region=ID, last=[head], keep=1)
    answer = dict(right=ref, before=ref, offer=ref)
    kinds = dict(
        genesis=dict(kind=1, genesis=C.Genesis(random=HASH, suite=1), keys=keys),
        circle=dict(kind=2, right=ref, circle=C.Circle(set=[row, row], removed=[gone])),
        offer=dict(kind=3, right=ref, before=ref, to=ID, code=1, manifest=manifest, words=ref),
        withdraw=dict(kind=4, **answer),
        accept=dict(kind=5, **answer),
        decline=dict(kind=6, code=2, **answer),
        stand_down=dict(kind=7, withdraw=ref, **answer),
        release=dict(kind=8, accept=ref, manifest=manifest, **answer),
        key_epoch=dict(kind=9, right=ref, keys=later),
        close=dict(kind=10, last=head),
        erasure=dict(kind=11, right=ref),
        unknown=dict(kind=12, right=ref),
        wrong=dict(kind=5, to=ID, **answer),
    )
    return [write("control_body", name, C.Control(**every, **more)) for name, more in kinds.items()]


def bodies():
    place = R.EntryRef(change=C.Ref(**REF), index=1)
    row = R.Row(table=1, authority="ABC", file="header.csv", line=2, year=2026, copies=1, faults=["101"],
                cells=[R.Cell(column=b"CHILD", value=b"12345"), R.Cell(column=b"SEX", value=b"2")])
    entries = [
        R.Entry(kind=1, effective=C.Date(day=-1, precision=1), title="note", text="words \u00e9",
                supersedes=[place], corrects=[place]),
        R.Entry(kind=2, alias=R.Alias(authority="ABC", child="1")),
        R.Entry(kind=3, row=row),
        R.Entry(kind=4, access=R.Access(who="a", role="b", purpose="c", kind=1, what=2)),
        R.Entry(kind=6, worker=R.Worker(name="a", role="b", team="c")),
    ]
    body = R.Body(seed=HASH, clock=5, worker="w", role="r", source="s", deps=[C.Ref(**REF)], entries=entries)
    data = write("body", "every-entry", body)
    write("body", "empty", R.Body(seed=HASH, clock=0))
    write("body", "unknown-fields", data + b"\xa2\x06\x01x\x4a\x05\xa0\x06\x07\x08\x63\xad\x06abcd")
    write("body", "padded", len(data).to_bytes(4, "big") + data + bytes(1024 - 4 - len(data)))
    write("body", "group", data + b"\x53\x54")
    return entries, row


def cards():
    card = C.Card(version=1, before=ZERO, root_key=HASH, next_root=HASH, control_key=HASH, kem_key=HASH,
                  curve_keys=[HASH, HASH], endpoints=["tcp://a.example:7040"], name="north-west")
    lives = C.Incarnations(region=ID, version=1, incarnations=[
        C.Incarnation(id=ID, number=n, key=HASH, status=n) for n in (1, 2, 3)])
    write("bundle", "card", card)
    write("bundle", "incarnations", lives)
    signed = C.SignedCard(card=card.SerializeToString(), signature=SIG)
    return write("bundle", "two-cards", C.CardBundle(
        cards=[signed, signed], incarnations=lives.SerializeToString(), signature=SIG))


def messages(bundle, control):
    change = C.Change(header=header().SerializeToString(), body=b"sealed")
    last = C.Change(header=header().SerializeToString(), signature=SIG, body=b"sealed")
    path = C.Change(header=header(flags=1).SerializeToString(), signature=SIG, body=control)
    run = P.Run(changes=[change, last])
    write("change", "unsigned", change)
    write("change", "signed", path)
    batch = SIG + (1).to_bytes(4, "big") + (2).to_bytes(4, "big") + HASH
    write("change", "batch", C.Change(header=path.header, signature=batch, body=control))
    write("change", "twice", last.SerializeToString() * 2)
    wrap = P.KeyWrap(epoch=1, wrap=bytes(80))
    have = P.Have(author=ID, incarnation=ID, seq=4)
    kinds = dict(
        error=P.Message(error=P.Error(code=1, text="no common version")),
        bye=P.Message(bye=P.Bye(code=2)),
        doorbell=P.Message(doorbell=P.Doorbell()),
        feed_req=P.Message(feed_req=P.FeedReq(incarnation=ID, after=3, budget=1 << 20)),
        feed=P.Message(feed=P.Feed(items=[P.FeedItem(run=run), P.FeedItem(backfill=ID)], through=9)),
        reconcile=P.Message(reconcile=P.Reconcile(incarnation=ID, **{"from": 7})),
        get=P.Message(get=P.Get(request=1, record=ID, have=[have, have], budget=99, keys=True)),
        changes=P.Message(changes=P.Changes(request=1, record=ID, cards=[bundle], path=[path],
                                            keys=[wrap], runs=[run, run], done=True)),
        none=P.Message(changes=P.Changes(request=1, record=ID, none=True)),
        evidence=P.Message(changes=P.Changes(request=1, record=ID, done=True, evidence=[
            P.Evidence(held=[last], other=[change, last]).SerializeToString(), b"no proof"])),
    )
    for name, message in kinds.items():
        write("message", name, message)
    write("message", "two", kinds["bye"].SerializeToString() + kinds["doorbell"].SerializeToString())
    write("message", "later", b"\x4a\x01x")


def frames(bundle):
    hello = P.Hello(wire_min=1, wire_max=1, to=ID, bundle=bundle, incarnation=ID, boot_nonce=ID,
                    ephemeral=HASH, curve_from=HASH, curve_to=HASH, software="kith 0.1",
                    last_seen=P.LastSeen(incarnation=ID, feed=3, running=HASH), **{"from": ID})
    data = write("frame", "only-hello", hello)
    write("frame", "hello", P.Frame(hello=P.SignedHello(hello=data, signature=SIG)))
    sealed = write("frame", "sealed", P.Frame(sealed=b"sealed"))
    write("frame", "both", P.Frame(hello=P.SignedHello(hello=data, signature=SIG), sealed=sealed))


def links():
    peer = L.LinkPeer(region=ID, curve_keys=[HASH, HASH], endpoint="tcp://a:1", dial_key=HASH)
    kinds = dict(
        peers=L.LinkFrame(peers=L.LinkPeers(peers=[peer, L.LinkPeer(region=ID)], listen="tcp://*:7040")),
        dial=L.LinkFrame(dial=L.LinkDial(region=ID, link=1)),
        send=L.LinkFrame(send=L.LinkSend(link=1, frame=b"frame")),
        drop=L.LinkFrame(drop=L.LinkDrop(link=1, reason="why")),
        ready=L.LinkFrame(ready=L.LinkReady(curve_key=HASH, listening="tcp://*:7040", pid=9)),
        up=L.LinkFrame(up=L.LinkUp(link=2, region=ID, dialled=True, curve_key=HASH)),
        down=L.LinkFrame(down=L.LinkDown(link=2, reason="why")),
        received=L.LinkFrame(received=L.LinkSend(link=2, frame=b"frame")),
    )
    for name, frame in kinds.items():
        write("link", name, frame)


def requests(entries, row, bundle):
    child = K.ImportChild(authority="ABC", child="1", rows=[row, row])
    write("request", "append", K.Request(id=1, verb=8, worker="w", role="r", purpose="p", record="abcdef",
                                         entries=entries, dry_run=True))
    write("request", "import", K.Request(id=2, verb=11, children=[child, child]))
    write("request", "peer-add", K.Request(id=3, verb=3, bundle=bundle, peer_endpoint="tcp://a:1"))
    write("request", "list", K.Request(verb=5, rec="E3", after=5, limit=6, follow=True))
    view = K.EntryView(number=1, date="2026", faults=["101", "102"], row=row)
    write("request", "reply", K.Reply(
        id=1, last=True, problem=K.Problem(code=4, name="record-unknown", text="x", next="y"),
        progress=K.Progress(what="rows", done=1, of=2), status=K.Status(region="aa", records=3),
        peers=[K.PeerView(name="n")], entries=[view, view], data=b"\xff",
        seen=K.Seen(notes=["south-west not heard for 3 days"])))


# The acts of hostile.c. No bit: the hostile peer; OTHER: the other one; STRANGER as an author; t: a record.
OTHER, STRANGER = 0x10, 0x20
GREET, LIE_GREET, SAY, WRITE, FEED, ANSWER, ASK, REQUEST, LINK, RAW, RAW_SEALED, RAW_ASK, STATE = (
    0, 1, 2, 3, 4, 6, 8, 9, 11, 12, 13, 14, 15)
(GENESIS, CIRCLE, OFFER, WITHDRAW, ACCEPT, DECLINE, STAND_DOWN, RELEASE, KEY_EPOCH, CLOSE, ERASURE,
 UNKNOWN) = range(12)


def t(record):
    return record << 6


def feed_run(record, author=0, first=0, who=0, count=0):
    """One run of an author's kept changes from number .first on, all or .count of them."""
    return [FEED | who, 0, record << 1 | author << 3, first, count, 0]


def want(record, who=0):
    """A BACKFILL, and the answer to the GET that follows."""
    return [FEED | who, 0, 1, record, 0, ANSWER | who, 0, 0]


def nodes():
    greet = [GREET, GREET | OTHER]
    time = [STATE, 6]
    words = [0] * 12
    cases = {
        "greet": greet + time,
        "accept": greet + [SAY | t(0), ACCEPT, 0, 0] + feed_run(0) + time + [ASK, 0, 3],
        "decline": greet + [SAY | t(0), DECLINE, 0, 0, 4] + feed_run(0) + time,
        "accepted-here": greet + [REQUEST, 12, 1, 0, 0, 0] + time + [SAY | t(1), RELEASE, 0, 0, 0]
        + feed_run(1, first=5) + [REQUEST, 6, 1, 0, 0, 0],
        "released": greet + [REQUEST, 12, 1, 0, 0, 0, ASK, 0, 3, SAY | t(1), RELEASE, 0, 0, 0]
        + feed_run(1, first=5) + [REQUEST, 5, 1, 0, 0, 0, REQUEST, 18, 1, 0, 0, 0],
        "withdrawn": greet + [SAY | t(1), WITHDRAW, 0, 0] + feed_run(1, first=5) + time,
        "withdrawn-accepted": greet + [REQUEST, 12, 1, 0, 0, 0, SAY | t(1), WITHDRAW, 0, 0]
        + feed_run(1, first=5) + time,
        "wanted": greet + want(3) + [REQUEST, 5, 3, 0, 0, 0],
        "wanted-of-other": greet + want(3, OTHER),
        "circle": greet + [SAY | t(1), CIRCLE, 0, 0, 2, 1, 1, 0, 0, 2, 0, 0, 1, 1, 0, 2]
        + feed_run(1, first=5),
        "removed": greet + [SAY | t(1), CIRCLE, 0, 0, 0, 1, 0, 3] + feed_run(1, first=5) + time,
        "rekeyed": greet + [SAY | t(1), KEY_EPOCH, 0, 0] + feed_run(1, first=5) + want(1),
        "closed": greet + [SAY | t(1), CLOSE, 0, 0, SAY | t(1), ERASURE, 0, 0] + feed_run(1, first=5),
        "newer": greet + [SAY | t(1), UNKNOWN, 0, 6] + feed_run(1, first=5),
        "forked": greet + [WRITE | t(1), 0, 10, 0, 0, 0, WRITE | t(1), 0, 0, 0, 0, 1]
        + feed_run(1, first=5, count=1) + feed_run(1, first=6),
        "forked-behind": greet + [WRITE | t(1), 0, 10, 0, 0, 0] + [WRITE | t(1), 0, 0, 0, 0, 1] * 3
        + feed_run(1, first=6) + feed_run(1, first=5, count=1) + want(1),
        "notes": greet + [WRITE | t(1), 4, 0, 0, 1, 2, 0, 1, 97, 0x30, 0, 0, 1, 12, 2]
        + feed_run(1, first=5) + [REQUEST, 6, 1, 0, 0, 0],
        "stranger": greet + [WRITE | STRANGER | t(2), 0, 0, 0, 0, 0] + feed_run(2, author=2),
        "withdraw-ours": greet + [REQUEST, 14, 0, 0, 0, 0, SAY | t(0), ACCEPT, 0, 0] + feed_run(0) + time,
        "cards": greet + [STATE, 0xe0, LINK, 0, GREET, STATE, 0xe8, LINK, 0, GREET, LIE_GREET, 7],
        "links": [LINK, 3, LINK, 1, LINK, 2, LINK, 3] + time + greet + [LINK, 2, STATE, 0x90] + greet,
        "up-before-ready": [LINK, 1] + time,
        "raw": greet + [RAW, 4, 10, 2, 1, 2, RAW_SEALED, 2, 0x1a, 0, RAW_ASK, 4, 8, 1, 0x10, 1],
        "asked": greet + [ASK, 0, 3, ASK, 1, 3, ASK, 0, 2, ASK, 0, 5, 7, ASK, 0, 6, 0, 0, 0,
                          ASK, 0, 6, 2, 4, 3, ASK, 0, 0],
        "long": greet + sum(([WRITE | t(1), 16, 0, 0, 0, 0] * 2
                             + feed_run(1, first=5 + 2 * n, count=2) for n in range(14)), [])
        + [REQUEST, 6, 1, 0, 0, 0],
        "empty-fault": greet + [WRITE | t(1), 0, 0, 0, 0, 2, 1, 0, 13] + [0] * 14
        + feed_run(1, first=5) + [REQUEST, 6, 1, 0, 0, 0],
        "full": greet + [STATE, 0xd0, REQUEST, 7, 0, 0, 1, 0] + want(3) + [STATE, 0xd0] + time,
    }
    for verb in range(19):
        cases[f"verb-{verb + 1}"] = greet + [REQUEST, verb, 0, 0, 1, 1] + words + [
            REQUEST, verb, 1, 3, 0, 0] + time
    for wrong in range(14):
        cases[f"wrong-control-{wrong}"] = greet + [SAY | t(0), ACCEPT, 0, wrong] + feed_run(0)
        cases[f"wrong-content-{wrong}"] = greet + [WRITE | t(0), 0, wrong, 0, 2, 0] + feed_run(0)
    for batch in range(1, 8):  # signed with others (P3.6): well, and wrong in one way each
        cases[f"batch-control-{batch}"] = greet + [SAY | t(0), ACCEPT, 0, 14 * batch] + feed_run(0)
        cases[f"batch-content-{batch}"] = greet + [WRITE | t(1), 0, 14 * batch, 0, 0, 0] + feed_run(
            1, first=5)
    for lie in range(1, 8):
        cases[f"lie-{lie}"] = greet + [FEED, 0, 1, 3, 0, ANSWER, 1 << lie, lie, lie, lie]
    for name, acts in cases.items():
        write("node", name, bytes(acts))


def texts():
    columns = b"CHILD,SEX,DOB,ETHNIC,UPN,MOTHER,MC_DOB"
    write("ssda903", "wide-row", b"\x08\xff" + columns + b"\n" + b"," * 130 + b"\n")
    write("conf", "twice", b'listen = "tcp://*:1"\nlisten = "tcp://*:2"\n')
    write("conf", "two-faults", b'listen = "udp"\nlog_level = "loud"\nwhat = 1\n')
    write("conf", "nul", b'listen = ""\n\x00')
    write("conf", "open-text", b'state_dir = "/var\nlisten = "x')


def certificates():
    """From the tests' own: real signatures, without which nothing behind them is reached."""
    sys.path.insert(0, str(HERE.parent / "e2e"))
    certmake = __import__("certmake")
    for why, data in [*certmake.good(), *certmake.broken()]:
        write("certificate", re.sub("[^a-z0-9]+", "-", why.lower()), data)
    write("certificate", "statement", C.Certificate.FromString(
        dict(certmake.good())["moved, as known to east"]).statement)


def main():
    certificates()
    nodes()
    texts()
    headers()
    control = controls()
    entries, row = bodies()
    bundle = cards()
    messages(bundle, control[0])
    frames(bundle)
    links()
    requests(entries, row, bundle)


if __name__ == "__main__":
    main()
