#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A synthetic statutory return: header.csv, episodes.csv and reviews.csv.

Nobody in it exists. The same arguments give the same bytes. At least three children (one in
twenty) end with REC=E3, "care taken over by another authority": those are the ones that move.
Like real returns it is dirty: open episodes with a REC, unknown codes, wrong check letters,
rows that stand there twice, dates that no calendar has. One line of JSON on standard output
says what is in it, so that a test can compare.

    make_return.py OUTDIR --children N --seed S --year YYYY [--authority CODE] [--clean]
"""

import argparse
import csv
import datetime
import json
import os
import random
import sys

DAY = datetime.timedelta(days=1)
HEADER = ["CHILD", "SEX", "DOB", "ETHNIC", "UPN", "MOTHER", "MC_DOB"]
EPISODES = ["CHILD", "DECOM", "RNE", "LS", "CIN", "PLACE", "PLACE_PROVIDER", "DEC", "REC",
            "REASON_PLACE_CHANGE", "HOME_POST", "PL_POST", "URN"]
REVIEWS = ["CHILD", "DOB", "REVIEW", "REVIEW_CODE"]

ETHNIC = ["WBRI", "WBRI", "WBRI", "WBRI", "WOTH", "MWBC", "MOTH", "APKN", "ABAN", "BCRB", "BAFR",
          "OOTH", "REFU", "NOBT"]
LETTERS = "ABCDEFGHJKLMNPQRTUVWXYZ"
LEAVING = ["E4A", "E4A", "E4B", "E13", "E41", "E45", "E47", "E5", "E8", "E17"]
PROVIDERS = {"P1": ["PR0"], "U1": ["PR1"], "U3": ["PR1"], "U4": ["PR1", "PR4", "PR5"],
             "U6": ["PR1", "PR4", "PR4"], "K2": ["PR1", "PR4", "PR4"]}
CHANGES = ["CARPL", "CREQB", "CREQO", "LAREQ", "PLACE", "OTHER", "STAND"]


def text(day):
    return day.strftime("%d/%m/%Y")


def upn(rng, authority):
    digits = "%s%04d%02d%03d" % (authority, rng.randrange(2000, 9000), rng.randrange(5, 20),
                                 rng.randrange(1000))
    total = sum((i + 2) * int(d) for i, d in enumerate(digits))
    return LETTERS[total % 23] + digits


def postcode(rng):
    out = "".join(rng.choice("ABDEHLMNPRSTW") for _ in range(2))
    back = "".join(rng.choice("ABDEFGHJLNPQ") for _ in range(2))
    return "%s%d %d%s" % (out, rng.randrange(1, 30), rng.randrange(1, 10), back)


class Maker:
    def __init__(self, args):
        self.rng = random.Random("%s/%s/%s/%s" % (args.seed, args.year, args.authority,
                                                  args.children))
        self.args = args
        self.start = datetime.date(args.year - 1, 4, 1)
        self.end = datetime.date(args.year, 3, 31)
        self.header, self.episodes, self.reviews = [], [], []
        self.moved = []

    def placement(self, but=None):
        while True:
            place = self.rng.choice(list(PROVIDERS))
            if place != but:
                break
        urn = "XXXXXXX" if place == "P1" else "SC%06d" % self.rng.randrange(1000000)
        return {"PLACE": place, "PLACE_PROVIDER": self.rng.choice(PROVIDERS[place]),
                "PL_POST": postcode(self.rng), "URN": urn}

    def chain(self, child, began, ends):
        """A sound chain of episodes from .began; .ends is (day, REC), or None while open."""
        rng = self.rng
        cin, home = rng.choice(["N1", "N1", "N1", "N2", "N3", "N4", "N5", "N8"]), postcode(rng)
        status, place = rng.choice(["V2", "C1"]), self.placement()
        last = ends[0] if ends else self.end
        days = sorted(rng.sample(range(1, max((last - began).days, 5)),
                                 k=rng.choice([0, 1, 1, 2, 3])))
        changes = [began + n * DAY for n in days if began + n * DAY < last]
        rne, first = "S", began
        for stop in changes + [None]:
            row = dict(CHILD=child, DECOM=text(first), RNE=rne, LS=status, CIN=cin, DEC="", REC="",
                       REASON_PLACE_CHANGE="", HOME_POST=home, **place)
            self.episodes.append(row)
            if stop is None:
                if ends:
                    row["DEC"], row["REC"] = text(ends[0]), ends[1]
                return
            row["DEC"], row["REC"] = text(stop), "X1"
            kind = rng.choice("LPB" if status != "C2" else "P")
            if kind in "LB":
                status = "C2" if status == "C1" else "C1"
            if kind in "PB":
                place = self.placement(but=place["PLACE"])
                row["REASON_PLACE_CHANGE"] = rng.choice(CHANGES)
            rne, first = kind, stop

    def child(self, number, moves):
        rng, args = self.rng, self.args
        child = "%d" % (100000 + number * 7 + rng.randrange(7))
        age = rng.randrange(30, 17 * 365)
        born = self.end - age * DAY
        new = args.year >= 2025
        girl = rng.random() < 0.45
        self.header.append(dict(
            CHILD=child, SEX=("F" if girl else "M") if new else ("2" if girl else "1"),
            DOB=text(born), ETHNIC=rng.choice(ETHNIC),
            UPN=upn(rng, args.authority) if age > 5 * 365 else "UN1",
            MOTHER="0" if girl and age > 13 * 365 else "", MC_DOB=""))

        began = max(born + DAY, self.end - rng.randrange(20, 5 * 365) * DAY)
        ends = None
        if moves or rng.random() < 0.25:
            first = max(self.start, began + 7 * DAY)
            stop = first + rng.randrange(max((self.end - first).days, 1)) * DAY
            ends = (stop, "E3" if moves else rng.choice(LEAVING))
        if moves:
            self.moved.append(child)
        self.chain(child, began, ends)

        review = max(began + 20 * DAY, self.start)
        while review <= (ends[0] if ends else self.end):
            code = "PN0" if (review - born).days < 4 * 365 else "PN%d" % rng.randrange(1, 8)
            self.reviews.append(dict(CHILD=child, DOB=text(born), REVIEW=text(review),
                                     REVIEW_CODE=code))
            review += rng.randrange(80, 183) * DAY

    def soil(self):
        """What real returns have. The children that move keep their last episode as it is."""
        rng = self.rng
        last = {row["CHILD"]: row for row in self.episodes}
        dirt = {"open_with_rec": 0, "bad_codes": 0, "bad_dates": 0, "bad_letters": 0, "copies": 0}
        for row in last.values():
            if not row["DEC"] and rng.random() < 0.5:
                row["REC"] = rng.choice(["X1", "E4A", "E8"])
                dirt["open_with_rec"] += 1
        for rows, column, wrong in ((self.header, "ETHNIC", "CNHE"),
                                    (self.episodes, "REASON_PLACE_CHANGE", "MOVED"),
                                    (self.episodes, "CIN", "N9"), (self.reviews, "REVIEW_CODE", "pn1")):
            for row in rng.sample(rows, k=max(1, len(rows) // 100) if rows else 0):
                row[column] = wrong
                dirt["bad_codes"] += 1
        for row in rng.sample(self.reviews, k=max(1, len(self.reviews) // 200) if self.reviews else 0):
            row["REVIEW"] = "31/02/%d" % self.args.year
            dirt["bad_dates"] += 1
        for row in rng.sample(self.header, k=max(1, len(self.header) // 10)):
            if len(row["UPN"]) == 13:
                row["UPN"] = LETTERS[(LETTERS.index(row["UPN"][0]) + 1) % 23] + row["UPN"][1:]
                dirt["bad_letters"] += 1
        for rows in (self.episodes, self.reviews):
            for _ in range(max(1, len(rows) // 150) if rows else 0):
                at = rng.randrange(len(rows))
                rows.insert(at, dict(rows[at]))
                dirt["copies"] += 1
        return dirt

    def make(self):
        n = self.args.children
        movers = set(self.rng.sample(range(n), k=min(n, max(3, n // 20))))
        for number in range(n):
            self.child(number, number in movers)
        return {} if self.args.clean else self.soil()


def write(path, columns, rows):
    with open(path, "w", newline="", encoding="utf-8") as f:
        out = csv.DictWriter(f, columns, lineterminator="\r\n")
        out.writeheader()
        out.writerows(rows)


def main():
    p = argparse.ArgumentParser(description="Write a synthetic SSDA903 return.")
    p.add_argument("outdir")
    p.add_argument("--children", type=int, default=40)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--year", type=int, default=2025, help="the year in which the collection ends")
    p.add_argument("--authority", default="301", help="DfE code, for the UPNs")
    p.add_argument("--clean", action="store_true", help="break no rule")
    args = p.parse_args()
    if args.children < 1 or not (len(args.authority) == 3 and args.authority.isdigit()):
        p.error("--children is at least 1, --authority three digits")

    maker = Maker(args)
    dirt = maker.make()
    os.makedirs(args.outdir, exist_ok=True)
    write(os.path.join(args.outdir, "header.csv"), HEADER, maker.header)
    write(os.path.join(args.outdir, "episodes.csv"), EPISODES, maker.episodes)
    write(os.path.join(args.outdir, "reviews.csv"), REVIEWS, maker.reviews)
    json.dump({"authority": args.authority, "year": args.year, "children": args.children,
               "header": len(maker.header), "episodes": len(maker.episodes),
               "reviews": len(maker.reviews), "moved": maker.moved, "dirt": dirt}, sys.stdout)
    print()


if __name__ == "__main__":
    main()
