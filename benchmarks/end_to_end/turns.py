"""One turn: studies sent to a system at once, until all their reports lie in the PACS and it has gone quiet."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from reports import Arrival, ChangeLog
from scanner import send
from studies import Study
from systems import System

LONGEST_SECONDS = 600.0
LOOK_SECONDS = 0.03
"""Looking costs the PACS time too."""
SETTLED_SECONDS = 1.5
"""Nothing more has come for so long: the other objects of the results are there."""


class NoResult(Exception):
    """A system did not report in time, or not on all images."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What was seen. Seconds but for memory."""

    as_it_was: float
    """From the last image of a study acknowledged to its report in the PACS; the longest of the studies."""
    to_report: float
    """The same without the quiet period."""
    whole: float
    """From the first image sent to the last report, quiet period included."""
    cpu: float
    """Of all processes of the system, for one study."""
    peak_mib: float
    halves: int
    """Reports on a part of a study."""
    scores: tuple[float, ...]
    """Of the studies, in their order."""


@dataclass(slots=True)
class _Reports:
    """Reports by study; the first one on all images counts."""

    wanted: dict[str, int]
    """Images by Study Instance UID."""
    found: dict[str, list[Arrival]] = field(default_factory=dict)
    last: float = 0.0
    """When anything came."""

    def take(self, arrivals: Sequence[Arrival]) -> None:
        for one in arrivals:
            self.last = one.at
            if one.is_report and one.study in self.wanted:
                self.found.setdefault(one.study, []).append(one)

    @property
    def complete(self) -> bool:
        return all(self.of(study) is not None for study in self.wanted)

    def of(self, study: str) -> Arrival | None:
        """Return the first report on all images."""
        whole = (one for one in self.found.get(study, []) if one.images == self.wanted[study])
        return next(whole, None)

    @property
    def halves(self) -> int:
        return sum(one.images != self.wanted[study] for study, some in self.found.items() for one in some)


def take_turn(system: System, studies: Sequence[Study]) -> Turn:
    """Send, wait, tell. Raises NoResult and NotTaken."""
    log = ChangeLog(system.pacs)
    reports = _Reports({one.uid: len(one.files) for one in studies})
    system.reset_peak()
    cpu, began = system.cpu_seconds(), time.perf_counter()
    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(send, studies, system.port, system.ae_title, LONGEST_SECONDS)
        while not (sending.done() and reports.complete and _settled(reports)):
            if sending.done() and sending.exception():
                break
            if time.perf_counter() - began > LONGEST_SECONDS:
                raise NoResult(_missing(reports))
            time.sleep(LOOK_SECONDS)
            reports.take(log.look())
        acknowledged = sending.result()
    used, peak = system.cpu_seconds() - cpu, system.peak_mib()
    found = [one for study in studies if (one := reports.of(study.uid)) is not None]
    longest = max(one.at - acknowledged[one.study] for one in found)
    return Turn(
        as_it_was=longest,
        to_report=longest - system.quiet_seconds,
        whole=max(one.at for one in found) - began,
        cpu=used / len(studies),
        peak_mib=peak,
        halves=reports.halves,
        scores=_scores(found),
    )


def _scores(found: Sequence[Arrival]) -> tuple[float, ...]:
    try:
        return tuple(one.score for one in found)
    except ValueError as error:  # it was not analysed
        raise NoResult(str(error)) from error


def _settled(reports: _Reports) -> bool:
    return time.perf_counter() - reports.last > SETTLED_SECONDS


def _missing(reports: _Reports) -> str:
    there = sum(reports.of(study) is not None for study in reports.wanted)
    return f"{there} of {len(reports.wanted)} reports on all images after {LONGEST_SECONDS:.0f} s"
