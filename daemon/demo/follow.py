"""Reads from the job log how far each series of the demonstration has come, until all have ended."""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from hounsfield.daemon.demo.material import DemoSeries
from hounsfield.daemon.demo.standing import End, Standing, stand
from hounsfield.daemon.errors import DaemonError
from hounsfield.storage.ports import JobStore, SeriesStore
from hounsfield.storage.states import Stage

POLL_SECONDS = 0.2
EVENTS = 1000


class TookTooLong(DaemonError):
    """The time limit of the demonstration passed."""


class Screen(Protocol):
    """Shows standings as they change."""

    def update(self, standings: Mapping[str, Standing]) -> None:
        """Show where each series (by its Series Instance UID) stands."""


def standing_of(series_uid: str, series: SeriesStore, jobs: JobStore, lost: Mapping[str, str]) -> Standing:
    """Return where one series stands now."""
    record = series.find(series_uid)
    if record is None and series_uid in lost:
        return Standing(stage=Stage.RECEIVE, end=End.FAILED, problem=lost[series_uid])
    if record is None:
        return stand(None, (), ())
    return stand(record, jobs.of_series(record.id), jobs.events(series_uid=series_uid, limit=EVENTS))


def follow(
    wanted: Sequence[DemoSeries],
    series: SeriesStore,
    jobs: JobStore,
    screen: Screen,
    *,
    check: Callable[[], None],
    lost: Callable[[], Mapping[str, str]],
    deadline: float,
    pause: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> dict[str, Standing]:
    """Return the final standing of every series, by UID.

    ``check`` raises when something the demonstration needs has failed; ``lost`` names the series that will never
    arrive, with the reason; ``deadline`` is a reading of ``clock``.
    Raises :class:`TookTooLong` that names what was still going on.
    """
    while True:
        gone = lost()
        standings = {one.series_uid: standing_of(one.series_uid, series, jobs, gone) for one in wanted}
        screen.update(standings)
        if all(standing.end is not None for standing in standings.values()):
            return standings
        check()
        if clock() > deadline:
            raise TookTooLong(
                _unfinished(wanted, standings), "give it longer with --time-limit, or read the daemon.log"
            )
        pause(POLL_SECONDS)


def _unfinished(wanted: Sequence[DemoSeries], standings: Mapping[str, Standing]) -> str:
    parts = []
    for one in wanted:
        standing = standings[one.series_uid]
        if standing.end is None:
            where = f"in {standing.stage}" if standing.stage else "not received"
            parts.append(f"'{one.name}' {where}{f' ({standing.note})' if standing.note else ''}")
    return f"the time limit passed: {', '.join(parts)}"
