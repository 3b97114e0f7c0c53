"""What the page of scanners and destinations shows. Pure. AE titles come from the network: they are escaped here."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from hounsfield.daemon.config.destinations import Destination
from hounsfield.daemon.config.reception import Peer
from hounsfield.daemon.console.pages.shown import Advice, advice_of
from hounsfield.daemon.console.standing import Level, State
from hounsfield.daemon.logs import escape_controls
from hounsfield.storage.alarms import Alarm, AlarmKind
from hounsfield.storage.destination_state import Backlog, DestinationState
from hounsfield.storage.log_book import Intake
from hounsfield.storage.peer_records import SightingRecord

MOST_STRANGERS = 50
"""Senders that nobody knows; whoever scans the network leaves many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """What came in a stretch of time."""

    series: int = 0
    images: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ScannerLine:
    """A sender, by its AE title."""

    title: str
    addresses: str
    standing: State
    seen_at: datetime | None
    hour: Amount
    day: Amount
    refused: tuple[tuple[str, int], ...]
    """Why, and how often."""
    silent_since: datetime | None
    """When the alarm began that nothing comes from it any more."""
    usual_pause: float | None
    """Seconds for which nothing may come; None: not learned yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationLine:
    """A destination."""

    name: str
    kind: str
    where: str
    standing: State
    since: datetime | None
    advice: Advice | None
    failures: int
    probe_at: datetime | None
    answered_at: datetime | None
    waiting: int
    held: int
    given_up: int
    oldest_at: datetime | None
    """When the oldest of those that wait was created."""
    can_echo: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SitesPage:
    """Both."""

    scanners: tuple[ScannerLine, ...]
    strangers: int
    """Unknown senders that are not listed."""
    destinations: tuple[DestinationLine, ...]
    unconfigured: tuple[tuple[str, int], ...]
    """Destinations that are not configured any more, and how many results wait for them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScannerFacts:
    """What is known of senders."""

    configured: Sequence[Peer] = ()
    sightings: Sequence[SightingRecord] = ()
    hour: Sequence[Intake] = ()
    day: Sequence[Intake] = ()
    alarms: Sequence[Alarm] = ()
    pauses: Mapping[str, timedelta] = field(default_factory=dict)
    """For how long nothing may come, by AE title."""


def scanner_lines(facts: ScannerFacts) -> tuple[tuple[ScannerLine, ...], int]:
    """Return those that are configured, then those that were admitted, then strangers; and how many are left out."""
    configured = [peer.ae_title for peer in facts.configured]
    admitted = sorted({one.scanner for one in facts.day} | {one.calling_ae for one in facts.sightings if one.admitted})
    known = list(dict.fromkeys([*configured, *admitted]))
    others = [one.calling_ae for one in sorted(facts.sightings, key=lambda one: one.last_seen_at, reverse=True)]
    strangers = [title for title in dict.fromkeys(others) if title not in set(known)]
    titles = [*known, *strangers[:MOST_STRANGERS]]
    return tuple(_scanner(title, facts) for title in titles), max(0, len(strangers) - MOST_STRANGERS)


def _scanner(title: str, facts: ScannerFacts) -> ScannerLine:
    seen = [one for one in facts.sightings if one.calling_ae == title]
    day = _of(title, facts.day)
    times = [one.last_seen_at for one in seen] + ([day.last_at] if day is not None and day.last_at else [])
    alarm = next((one for one in facts.alarms if _is_of(one, title)), None)
    pause = facts.pauses.get(title)
    return ScannerLine(
        title=escape_controls(title),
        addresses=escape_controls(", ".join(dict.fromkeys(one.address for one in seen))),
        standing=_standing(title, facts, seen, silent=alarm is not None),
        seen_at=max(times, default=None),
        hour=_amount(_of(title, facts.hour)),
        day=_amount(day),
        refused=_refusals(seen),
        silent_since=None if alarm is None else alarm.began_at,
        usual_pause=None if pause is None else pause.total_seconds(),
    )


def _standing(title: str, facts: ScannerFacts, seen: Sequence[SightingRecord], *, silent: bool) -> State:
    if silent:
        return State(words="silent", level=Level.PROBLEM)
    if any(one.admitted for one in seen) or _of(title, facts.day) is not None:
        return State(words="sends", level=Level.OK)
    if seen:
        return State(words="refused", level=Level.WARNING)
    return State(words="never seen", level=Level.QUIET)


def _is_of(alarm: Alarm, title: str) -> bool:
    return alarm.kind is AlarmKind.SCANNER_SILENT and alarm.subject in (title, escape_controls(title))


def _of(title: str, intake: Iterable[Intake]) -> Intake | None:
    return next((one for one in intake if one.scanner == title), None)


def _amount(found: Intake | None) -> Amount:
    return Amount() if found is None else Amount(series=found.series, images=found.instances)


def _refusals(seen: Iterable[SightingRecord]) -> tuple[tuple[str, int], ...]:
    counts: dict[str, int] = {}
    for one in seen:
        if not one.admitted:
            counts[one.reason.value] = counts.get(one.reason.value, 0) + one.count
    return tuple(sorted(counts.items(), key=lambda item: -item[1]))


def destination_line(
    destination: Destination, state: DestinationState | None, backlog: Backlog, oldest_at: datetime | None
) -> DestinationLine:
    """Return the row of a configured destination."""
    away = state is not None and state.is_open
    return DestinationLine(
        name=escape_controls(destination.name),
        kind=destination.kind,
        where=escape_controls(destination.where),
        standing=_circuit(state),
        since=None if state is None else state.since,
        advice=advice_of(state.reason) if state is not None and away else None,
        failures=0 if state is None else state.failures,
        probe_at=state.probe_at if state is not None and away else None,
        answered_at=None if state is None else state.answered_at,
        waiting=backlog.waiting,
        held=backlog.held,
        given_up=backlog.given_up,
        oldest_at=oldest_at,
        can_echo=destination.kind == "dicom",
    )


def _circuit(state: DestinationState | None) -> State:
    if state is None:
        return State(words="nothing sent yet", level=Level.QUIET)
    return State(words="away", level=Level.PROBLEM) if state.is_open else State(words="answers", level=Level.OK)
