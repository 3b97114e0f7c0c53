"""Fills a job database with a long past, for the console and the lists of the command line.

    python benchmarks/console/fill.py --home FOLDER --jobs 1000000 [--per-day 1000] [--until 2026-11-26T08:00:00+00:00]
        [--url postgresql://HOST/NAME]

Two jobs for a series (analysis and delivery), five events for a job, twelve scanners, three bundles. The last series
are under way or wait for a person, one scanner sends sixty series and sixty analyses are given up, however many jobs
there are. Result sets with their objects are written for the newest series only: pages show one job at a time. No files
are made.
The same numbers give the same database; ``--per-day`` is how busy the site is, so more jobs are a longer past.
"""

import argparse
import hashlib
import json
import random
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sinks import Row, Rows, postgresql_rows, sqlite_rows

from hounsfield.daemon.logs import UidHasher

SCANNERS = tuple(f"CT{number:02d}" for number in range(1, 12))
RARE_SCANNER = "CT_RARE"
RARE_SERIES = 60
"""So many series come from the rare scanner, and so many analyses are given up, however long the past is."""
BUNDLES = ("ich-demo", "pe-demo", "fracture-demo")
DIGESTS = {bundle: hashlib.sha256(bundle.encode()).hexdigest() for bundle in BUNDLES}
DESTINATIONS = ("pacs", "archive")
NOT_ANALYSED = ("incomplete", "scope", "lossy")
OPEN_SERIES = 20
"""The last ones have not ended."""
WITH_RESULTS = 2_000
"""So many of the newest series have result sets."""
NO_JOB = (None, None, None, None)
REPORTED, SENT = '{"step": "report"}', '{"step": "send"}'
_SR, _SC = "1.2.840.10008.5.1.4.1.1.88.33", "1.2.840.10008.5.1.4.1.1.7"


class Filler:
    """Makes one series after the other."""

    def __init__(self, rows: Rows, hasher: UidHasher, series: int, spacing: timedelta, until: datetime) -> None:
        self._rows = rows
        self._hasher = hasher
        self._count = series
        self._seldom = max(series // RARE_SERIES, 3)
        self._spacing = spacing
        self._begin = until - spacing * series
        self._random = random.Random(7)
        self._event = 0

    def series(self, number: int) -> None:
        """Write series ``number`` (from 1 on), its jobs and its events."""
        chance = self._random
        came = self._begin + self._spacing * (number - 1)
        closed = came + timedelta(seconds=25 + 10 * chance.random())
        scanner = RARE_SCANNER if number % self._seldom == 1 else chance.choice(SCANNERS)
        last = self._count - number < OPEN_SERIES
        state = "HELD" if last and number % 7 == 0 else "RECEIVING" if last and number % 7 == 1 else "CLOSED"
        self._add_series(number, scanner, state, came, closed)
        told = f'{{"calling_ae": "{scanner}"}}'
        self._add_event(text_of(came), number, "receive", None, "RECEIVING", detail=told)
        if state != "CLOSED":
            return
        self._add_event(text_of(closed), number, "assemble", "RECEIVING", "CLOSED", seconds=30.0)
        self._jobs(number, scanner, closed, is_open=last)

    def _jobs(self, number: int, scanner: str, closed: datetime, *, is_open: bool) -> None:
        chance = self._random
        bundle = BUNDLES[scanner[-1] in "02468"] if chance.random() < 0.9 else BUNDLES[2]
        began = closed + timedelta(seconds=chance.random())
        ended = began + timedelta(seconds=3 + 6 * chance.random())
        outcome, reason = self._outcome()
        state = _state(chance, is_open=is_open, delivers=False)
        if not is_open and number % self._seldom == 2:
            state = "DISCARDED"
        if state not in ("COMPLETED", "DISCARDED"):
            outcome = reason = None
        if state == "DISCARDED":
            outcome, reason = "not_analysed", "model-crashed"
        infer = {"kind": "INFER", "bundle": bundle, "state": state, "outcome": outcome, "reason": reason}
        timings = {"decode": 0.4, "preprocess": 0.6, "infer": round(1 + chance.random(), 3), "report": 0.5}
        common = {"series_id": number, "scanner": scanner}
        result_set_id = number if outcome else None
        key, score = 2 * number - 1, chance.random()
        self._add_job(key, common | infer, closed, ended, timings, score=score, result_set_id=result_set_id)
        self._follow(key, infer, common, closed, began, ended)
        if state in ("COMPLETED", "DISCARDED"):
            self._delivery(number, common | {"bundle": bundle}, ended, is_open=is_open, outcome=str(outcome))

    def _delivery(self, number: int, common: Row, ready: datetime, *, is_open: bool, outcome: str) -> None:
        chance = self._random
        began = ready + timedelta(seconds=chance.random() / 2)
        ended = began + timedelta(seconds=0.2 + chance.random())
        state = _state(chance, is_open=is_open, delivers=True)
        reason = {"DISCARDED": "deadline", "HELD": "patient-changed"}.get(state)
        destination = DESTINATIONS[chance.random() < 0.2]
        job = {"kind": "DELIVER", "state": state, "outcome": None, "reason": reason, "destination": destination}
        self._add_job(2 * number, common | job, ready, ended, {"send": 0.3}, result_set_id=number)
        self._follow(2 * number, job, common, ready, began, ended)
        if self._count - number < WITH_RESULTS:
            self._results(number, common, ready, outcome, sent_at=ended if state == "COMPLETED" else None)

    def _results(self, number: int, common: Row, at: datetime, outcome: str, sent_at: datetime | None) -> None:
        self._rows.add(
            "result_set",
            {
                "id": number,
                "job_id": 2 * number - 1,
                "series_id": number,
                "revision": 1,
                "bundle": common["bundle"],
                "identity": hashlib.sha256(b"%d" % number).hexdigest(),
                "outcome": outcome,
                "reason": None,
                "score": 0.5,
                "device": "/device:CPU:0",
                "detail": json.dumps({"threshold": 0.5, "slice_scores": [round(0.03 * k % 1, 2) for k in range(32)]}),
                "created_at": text_of(at),
                "kind": "analysis",
            },
        )
        for role, sop_class in (("sr", _SR), ("sc", _SC)):
            uid = f"2.25.{number}{len(role + sop_class)}"
            made = {"role": role, "sop_class_uid": sop_class, "sop_instance_uid": uid, "size": 10_000, "profile": ""}
            digest = hashlib.sha256(uid.encode()).hexdigest()
            self._rows.add("result_object", made | {"result_set_id": number, "sha256": digest})
            if sent_at is not None:
                sent = {"job_id": 2 * number, "sop_instance_uid": uid, "status": 0, "at": text_of(sent_at)}
                self._rows.add("delivered_object", sent | {"proven_at": text_of(sent_at)})

    def _outcome(self) -> tuple[str | None, str | None]:
        drawn = self._random.random()
        if drawn < 0.03:
            return "not_analysed", self._random.choice(NOT_ANALYSED)
        return ("positive" if drawn < 0.15 else "negative"), None

    def _add_series(self, number: int, scanner: str, state: str, came: datetime, closed: datetime) -> None:
        uid = f"2.25.{10**20 + number}"
        is_closed = state == "CLOSED"
        row: Row = {
            "id": number,
            "series_uid": uid,
            "study_uid": f"2.25.{10**21 + number // 2}",
            "state": state,
            "revision": int(is_closed),
            "completeness": "COMPLETE" if is_closed else None,
            "reason": "two-patients" if state == "HELD" else None,
            "remarks": "[]",
            "instances": 32,
            "duplicates": 0,
            "variants": 0,
            "closed_at": text_of(closed) if is_closed else None,
            "version": 33,
            "rule": "head" if is_closed else None,
            "waived": "[]",
            "scanner": scanner,
            "handle": self._hasher(uid),
            "accession": self._hasher(f"A{number // 2:08d}"),
        }
        times = {"first_received_at": came, "last_received_at": came + timedelta(seconds=15)}
        times |= {"touched_at": times["last_received_at"], "receiving_since": came}
        self._rows.add("series", row | {name: text_of(moment) for name, moment in times.items()})

    def _add_job(
        self, key: int, facts: Row, created: datetime, ended: datetime, timings: dict[str, float], **more: Any
    ) -> None:
        is_over = facts["state"] in ("COMPLETED", "DISCARDED", "CANCELLED")
        row: Row = {
            "id": key,
            "revision": 1,
            "bundle_version": "1.0.0",
            "bundle_sha256": DIGESTS[facts["bundle"]],
            "destination": None,
            "result_set_id": None,
            "score": None,
            "device": "/device:CPU:0" if facts["kind"] == "INFER" and is_over else None,
            "attempts": 1,
            "max_attempts": 3,
            "priority": 0,
            "proof": "proven" if facts["kind"] == "DELIVER" and facts["state"] == "COMPLETED" else "none",
            "available_at": text_of(created if facts["state"] != "RETRYABLE" else created + timedelta(days=1)),
            "worker": "host-1" if is_over else None,
            "fence": 1,
            "created_at": text_of(created),
            "updated_at": text_of(ended if is_over else created),
            "timings": json.dumps(timings if is_over else {}),
            "part": "",
            "subject": hashlib.sha256(b"%d" % facts["series_id"]).hexdigest(),
            "shadow": 0,
        }
        self._rows.add("job", row | facts | more)

    def _follow(self, key: int, job: Row, common: Row, made: datetime, began: datetime, ended: datetime) -> None:
        number, kind, state = common["series_id"], job["kind"], job["state"]
        stage, step = ("infer", REPORTED) if kind == "INFER" else ("deliver", SENT)
        self._add_event(text_of(made), number, stage, None, "AVAILABLE", (key, kind, None, None))
        if state in ("AVAILABLE", "CANCELLED", "RETRYABLE"):
            return
        of_job = (key, kind, 1, "host-1")
        self._add_event(text_of(began), number, stage, "AVAILABLE", "RUNNING", of_job)
        if state != "RUNNING":
            end, seconds = text_of(ended), (ended - began).total_seconds()
            self._add_event(end, number, stage, "RUNNING", "RUNNING", of_job, seconds=0.5, detail=step)
            self._add_event(end, number, stage, "RUNNING", state, of_job, job["reason"], seconds, '{"score": 0.5}')

    def _add_event(
        self,
        at: str,
        number: int,
        stage: str,
        before: str | None,
        after: str,
        of_job: tuple[Any, ...] = NO_JOB,
        reason: str | None = None,
        seconds: float | None = None,
        detail: str = "{}",
    ) -> None:
        self._event += 1
        row = (self._event, at, number, stage, before, after, *of_job, reason, seconds, detail)
        self._rows.add_values("event", row)


def _state(chance: random.Random, *, is_open: bool, delivers: bool) -> str:
    if is_open:
        held = ("HELD",) if delivers else ()
        return chance.choice(("AVAILABLE", "RUNNING", "RETRYABLE", "COMPLETED", *held))
    return "CANCELLED" if chance.random() < 0.002 else "COMPLETED"


def text_of(moment: datetime) -> str:
    """Return a time as the database holds it."""
    return moment.replace(tzinfo=None).isoformat(" ", "microseconds")


def fill(home: Path, jobs: int, per_day: int, until: datetime, url: str | None = None) -> None:
    """Fill the database of ``home``, or the one of PostgreSQL at ``url``; it must be empty.

    ``home`` is made in both cases: the hashes that series are found by are keyed with its ``log.key``.
    """
    home.mkdir(parents=True, exist_ok=True)
    with sqlite_rows(home) if url is None else postgresql_rows(url) as rows:
        count = max(1, jobs // 2)
        filler = Filler(rows, UidHasher.of_home(home), count, timedelta(days=2 / per_day), until)
        for number in range(1, count + 1):
            filler.series(number)


def main() -> None:
    """Fill and say how long it took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, required=True, help="storage.home; its database must be empty")
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--per-day", type=int, default=1000, help="jobs that the site makes in a day")
    parser.add_argument("--url", help="a database of PostgreSQL, at the needed schema, instead of the embedded one")
    parser.add_argument("--until", type=datetime.fromisoformat, default=None, help="when the last series came; now")
    arguments = parser.parse_args()
    began = time.perf_counter()
    until = (arguments.until or datetime.now(UTC)).astimezone(UTC)
    fill(arguments.home, arguments.jobs, arguments.per_day, until, arguments.url)
    print(f"{arguments.jobs} jobs in {time.perf_counter() - began:.0f} s")


if __name__ == "__main__":
    main()
