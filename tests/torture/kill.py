"""kill -9 of a receiver under eight senders, a thousand times: ``python -m torture.kill --minutes 10``.

At named points (before, in and after each call that changes a file or the database, also during a start), at random
times, and while disk and database fail now and then. After each kill the next receiver starts on what is left; every
acknowledged image is compared by SHA-256. With ``--state`` a run goes on where the last one ended.
"""

import argparse
import json
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table
from support.doomed_receiver import AFTERWARDS, IN_START, Doom, Life
from support.kills import KILLED, Audit, Ledger, Nursery, Process, Senders, audit, nursery

SENDERS = 8
LARGE = 0.05
"""Share of images of 500 kB."""
KILLS_PER_FOLDER = 25
LONGEST_SECONDS = 1.0
"""After so long a receiver is killed from outside, whether or not it has come to its point."""
ERRORS = ("ENOSPC", "EIO")
_WIDTH = 120
_PROGRESS_SECONDS = 10.0


@dataclass
class Totals:
    """What has been done so far, in all runs with this state."""

    kills: dict[str, int] = field(default_factory=dict)
    """By what they were meant for: ``named point``, ``named point of a start``, ``random time``, ``errors``."""
    points: dict[str, int] = field(default_factory=dict)
    """How often a receiver killed itself at each."""
    runs: int = 0
    seconds: float = 0.0
    acknowledged: int = 0
    refused: int = 0
    lost: int = 0
    changed: int = 0
    left: int = 0
    """Files that were neither instances nor waited to be, and what was left after a clean stop."""
    failed: int = 0
    """Receivers that did not start or did not stop cleanly."""

    @property
    def killed(self) -> int:
        return sum(self.kills.values())

    @property
    def is_flawless(self) -> bool:
        return not (self.lost or self.changed or self.left or self.failed)

    @classmethod
    def read(cls, path: Path | None) -> "Totals":
        return cls(**json.loads(path.read_text())) if path is not None and path.exists() else cls()

    def write(self, path: Path | None) -> None:
        if path is not None:
            part = path.with_name(path.name + ".part")
            part.write_text(json.dumps(asdict(self), indent=1) + "\n")
            part.replace(path)


@dataclass
class Ward:
    """One folder with its receivers, until they have been killed often enough."""

    folder: Path
    nursery: Nursery
    choice: random.Random
    totals: Totals
    ledger: Ledger = field(default_factory=Ledger)
    _checked: set[str] = field(default_factory=set)

    def kill_once(self) -> None:
        """Start a receiver, look whether all is there, send to it, and have it killed."""
        what, doom = self._fate()
        process = self._start(doom, is_brisk=what.startswith("named") or self.choice.random() < 0.5)
        if process.port is not None:
            before = len(self.ledger.acknowledged)
            senders = Senders(self.ledger, process.port, SENDERS, self.choice, large=LARGE)
            longest = LONGEST_SECONDS if what.startswith("named") else self.choice.uniform(0.0, LONGEST_SECONDS)
            until = time.monotonic() + longest
            while senders.are_sending and time.monotonic() < until:
                time.sleep(0.005)
            if not senders.are_sending and doom is not None and not doom.error:
                _count(self.totals.points, doom.point)
            process.kill()
            senders.wait()
            self.totals.acknowledged += len(self.ledger.acknowledged) - before
        elif doom is not None:
            _count(self.totals.points, f"{doom.point} (start)")
        if process.wait() != KILLED:
            self.totals.failed += 1
        _count(self.totals.kills, what)

    def _fate(self) -> tuple[str, Doom | None]:
        match self.choice.random():
            case luck if luck < 0.45:
                return "named point", Doom(point=self.choice.choice(AFTERWARDS), nth=self._some())
            case luck if luck < 0.65:
                return "named point of a start", Doom(point=self.choice.choice(IN_START), in_start=True)
            case luck if luck < 0.85:
                return "random time", None
        doom = Doom(
            point=self.choice.choice(AFTERWARDS),
            nth=self._some(),
            error=self.choice.choice(ERRORS),
            times=self._some(),
        )
        return "random time, with errors", doom

    def _some(self) -> int:
        return int(self.choice.triangular(1, 60, 1))

    def _start(self, doom: Doom | None, *, is_brisk: bool) -> Process:
        process = self.nursery.start(Life(folder=str(self.folder), doom=doom, is_brisk=is_brisk))
        if process.port is not None:
            self._compare(incoming=2, only=self.ledger.acknowledged - self._checked)
            self._checked |= self.ledger.acknowledged
        return process

    def end(self) -> None:
        """Compare everything once more, and look what a clean stop leaves behind."""
        process = self._start(None, is_brisk=True)
        self.totals.failed += process.port is None or process.stop() != 0
        self._compare(incoming=0)
        self.totals.refused += self.ledger.refused

    def _compare(self, *, incoming: int, only: set[str] | None = None) -> None:
        found: Audit = audit(self.folder, self.ledger, only=only)
        self.totals.lost += len(found.lost)
        self.totals.changed += len(found.changed)
        self.totals.left += len(found.orphans) + (found.incoming != incoming)


def _count(counts: dict[str, int], name: str) -> None:
    counts[name] = counts.get(name, 0) + 1


def torture(totals: Totals, options: argparse.Namespace, say: Callable[[str], None]) -> Path | None:
    """Kill until time or number is reached, or something is lost; return the folder then, to be looked at."""
    choice = random.Random(f"{options.seed} {totals.runs}")
    totals.runs += 1
    begun = time.monotonic()
    before, said = totals.seconds, 0.0

    def is_over() -> bool:
        nonlocal said
        totals.seconds = before + time.monotonic() - begun
        totals.write(options.state)
        if totals.seconds - said > _PROGRESS_SECONDS:
            said = totals.seconds
            say(f"{totals.killed} kills, {totals.acknowledged} images acknowledged, {totals.lost} lost")
        is_late = time.monotonic() - begun > 60 * options.minutes
        return is_late or totals.killed >= options.kills or not totals.is_flawless

    work = Path(tempfile.mkdtemp(prefix="torture-kill-"))
    with nursery(work / "log") as receivers:
        while not is_over():
            ward = Ward(Path(tempfile.mkdtemp(prefix="home-", dir=work)), receivers, choice, totals)
            for _ in range(KILLS_PER_FOLDER):
                ward.kill_once()
                if is_over():
                    break
            ward.end()
            if not totals.is_flawless:
                totals.write(options.state)
                return work
            shutil.rmtree(ward.folder)
    shutil.rmtree(work)
    return None


def table(totals: Totals) -> Table:
    shown = Table("", "", title="kill -9 of a receiver under eight senders")
    for what, count in sorted(totals.kills.items()):
        shown.add_row(f"kills: {what}", str(count))
    rows = {
        "kills in all": totals.killed,
        "named points that were reached": f"{len(totals.points)} of {len(AFTERWARDS) + len(IN_START)}",
        "minutes": f"{totals.seconds / 60:.1f}",
        "images acknowledged": totals.acknowledged,
        "images refused (A700), under injected errors": totals.refused,
        "acknowledged and lost": totals.lost,
        "changed": totals.changed,
        "left behind": totals.left,
        "starts and stops that failed": totals.failed,
    }
    for what, value in rows.items():
        shown.add_row(what, str(value))
    return shown


def main() -> int:
    options = _options()
    console = Console(width=None if sys.stdout.isatty() else _WIDTH)
    totals = Totals.read(options.state)
    kept = torture(totals, options, lambda line: console.print(line, highlight=False))
    console.print(table(totals))
    if kept is not None:
        console.print(f"what was found lies in {kept}", markup=False)
    return 0 if totals.is_flawless else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="torture.kill", description=__doc__)
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin no kill after so long")
    parser.add_argument("--kills", type=int, default=1000, help="end after so many, those of earlier runs included")
    parser.add_argument("--seed", type=int, default=20260102)
    parser.add_argument("--state", type=Path, help="a file in which a run goes on where the last one ended")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
