"""Several worker processes beside each other on one database, each doing its share of one kind of bookkeeping."""

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import insert
from work import Lane, moment

from hounsfield.storage.engine import open_database
from hounsfield.storage.events import NewEvent, append_events
from hounsfield.storage.states import JobKind, SeriesState, Stage
from hounsfield.storage.tables import event

PATIENCE_SECONDS = 180.0


@dataclass(frozen=True, slots=True)
class Share:
    """What one process has to do: series ``first`` to ``first + count - 1`` of its lane, or as many events."""

    part: str
    lane: int
    count: int
    images: int


@dataclass(frozen=True, slots=True)
class Done:
    """What a crew did."""

    things: int
    """Images, series, jobs or events, by the part."""
    seconds: float
    """From the word to begin until the last has ended."""
    client_cpu_seconds: float

    @property
    def rate(self) -> float:
        """Things a second."""
        return self.things / self.seconds


def intake(lane: Lane, share: Share) -> int:
    """Register series; return the images."""
    for number in range(share.count):
        lane.receive(number, share.images)
    return share.count * share.images


def close(lane: Lane, share: Share) -> int:
    """Close what this lane has received."""
    for number in range(share.count):
        lane.close(number)
    return share.count


def infer(lane: Lane, _share: Share) -> int:
    """Claim analyses, write a step and the results, until there is none."""
    done = 0
    while claim := lane.claim(JobKind.INFER):
        lane.step(claim)
        lane.finish(claim)
        done += 1
    return done


def deliver(lane: Lane, _share: Share) -> int:
    """Claim deliveries and write their proof, until there is none."""
    done = 0
    while claim := lane.claim(JobKind.DELIVER):
        lane.delivered(claim)
        done += 1
    return done


def events(lane: Lane, share: Share) -> int:
    """Write events only, each in a transaction, in the order of their ids."""
    for _ in range(share.count):
        with lane.database.transactions.write() as connection:
            append_events(connection, [_event()])
    return share.count


def unordered_events(lane: Lane, share: Share) -> int:
    """Write the same events without the lock that keeps their ids in order."""
    row = {"at": moment(), "stage": Stage.OPERATE, "to_state": str(SeriesState.CLOSED), "detail": {}}
    for _ in range(share.count):
        with lane.database.transactions.write() as connection:
            connection.execute(insert(event), [row])
    return share.count


def _event() -> NewEvent:
    return NewEvent(at=moment(), series_id=None, stage=Stage.OPERATE, from_state=None, to_state=SeriesState.CLOSED)


PARTS: Mapping[str, Callable[[Lane, Share], int]] = {
    "intake": intake,
    "close": close,
    "infer": infer,
    "deliver": deliver,
    "events": events,
    "events without order": unordered_events,
}


def run_crew(url: str, shares: list[Share]) -> Done:
    """Run a process for each share, all begun at one word; raise SystemExit where one fails."""
    here = Path(__file__).resolve()
    crew = [
        subprocess.Popen(
            [sys.executable, str(here), url, one.part, str(one.lane), str(one.count), str(one.images)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for one in shares
    ]
    try:
        for process in crew:
            assert process.stdout is not None
            if process.stdout.readline() != "ready\n":
                raise SystemExit(f"a process of {shares[0].part} ended before its work")
        began = time.perf_counter()
        for process in crew:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        told = [json.loads(process.communicate(timeout=PATIENCE_SECONDS)[0]) for process in crew]
    finally:
        for process in crew:
            process.kill()
    # The system's monotonic clock is one for all processes.
    seconds = max(one["ended"] for one in told) - began
    return Done(sum(one["things"] for one in told), seconds, sum(one["cpu"] for one in told))


def main() -> None:
    """Be one process of a crew."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("url")
    parser.add_argument("part", choices=list(PARTS))
    for name in ("lane", "count", "images"):
        parser.add_argument(name, type=int)
    options = parser.parse_args()
    database = open_database(options.url, Path())
    lane = Lane(database, options.lane)
    database.jobs.last_event_id()  # connected
    print("ready", flush=True)
    sys.stdin.readline()
    before = _cpu()
    share = Share(options.part, options.lane, options.count, options.images)
    things = PARTS[options.part](lane, share)
    print(json.dumps({"things": things, "ended": time.perf_counter(), "cpu": _cpu() - before}), flush=True)
    database.close()


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
