"""What the list of series and the page of one show. Pure; UIDs become hashes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from hounsfield.daemon.console.pages.asked import Links
from hounsfield.daemon.console.pages.job_view import Completeness, completeness
from hounsfield.daemon.console.pages.jobs_view import JobLine
from hounsfield.daemon.console.pages.shown import Advice, Veil, advice_of, series_state
from hounsfield.daemon.console.standing import State
from hounsfield.daemon.event_words import person_of, step
from hounsfield.daemon.logs import escape_controls
from hounsfield.daemon.words import never_released, reason_words
from hounsfield.storage.records import AssociationRecord, EventRecord, InstanceRecord, SeriesRecord, Verdict
from hounsfield.storage.states import SeriesState

FILTERS = ("state", "accession")


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesLine:
    """One row."""

    id: int
    series: str
    """Keyed hash."""
    scanner: str
    state: State
    since: datetime
    """When it came to be held; otherwise its last news."""
    first_at: datetime
    last_at: datetime
    images: int
    revision: int
    completeness: str
    rule: str
    advice: Advice | None
    """Of a series that is held."""
    can_release: bool
    can_discard: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesList:
    """The list."""

    lines: tuple[SeriesLine, ...]
    links: Links
    asked: dict[str, str]
    here: str
    states: tuple[str, ...]

    @property
    def held(self) -> bool:
        """Whether it shows those that wait for a person."""
        return self.asked.get("state", "").upper() == SeriesState.HELD


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageGroup:
    """Images of one kind from one sender."""

    role: str
    sop_class: str
    transfer_syntax: str
    sender: str
    images: int
    further: int
    """Later copies with other bytes."""
    copies: int
    """Exact copies that came again."""
    size: int
    """Bytes, of all that is kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """One frozen state of the series."""

    number: int
    completeness: Completeness | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """An association that brought images."""

    sender: str
    address: str
    at: datetime
    ending: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What became of the series, when and by whom."""

    at: datetime
    what: str
    why: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesPage:
    """Everything about one series."""

    line: SeriesLine
    series_uid: str | None
    """In full, with ``study_uid``, where a person asked for them and said why."""
    study_uid: str | None
    study: str
    """Keyed hash."""
    advice: Advice | None
    """Of a series that is held or skipped, as ``remarks``; those of a revision stand with it."""
    remarks: tuple[str, ...]
    duplicates: int
    variants: int
    closed_at: datetime | None
    waived: tuple[str, ...]
    images: tuple[ImageGroup, ...]
    revisions: tuple[Revision, ...]
    connections: tuple[Connection, ...]
    turns: tuple[Turn, ...]
    jobs: tuple[JobLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesFacts:
    """What the stores know of a series."""

    series: SeriesRecord
    verdicts: Mapping[int, Verdict | None]
    """By revision."""
    instances: Sequence[InstanceRecord]
    associations: Sequence[AssociationRecord]
    events: Sequence[EventRecord]
    """Of the series itself, in their order."""
    jobs: Sequence[JobLine]


def series_line(series: SeriesRecord, held_since: datetime | None, veil: Veil) -> SeriesLine:
    """Return the row of a series."""
    held = series.state is SeriesState.HELD
    return SeriesLine(
        id=series.id,
        series=veil.uid(series.series_uid),
        scanner=escape_controls(series.scanner),
        state=series_state(series.state, series.reason),
        since=held_since or series.touched_at,
        first_at=series.first_received_at,
        last_at=series.last_received_at,
        images=series.instances,
        revision=series.revision,
        completeness="" if series.completeness is None else series.completeness.value,
        rule=escape_controls(series.rule or ""),
        advice=advice_of(series.reason) if held else None,
        can_release=held and not never_released(series),
        can_discard=held,
    )


def series_page(facts: SeriesFacts, veil: Veil, *, reveal: bool = False) -> SeriesPage:
    """Return the page of a series."""
    series = facts.series
    held = [event.at for event in facts.events if event.to_state == SeriesState.HELD]
    is_stopped = series.state in (SeriesState.HELD, SeriesState.SKIPPED)
    return SeriesPage(
        line=series_line(series, held[-1] if held and series.state is SeriesState.HELD else None, veil),
        series_uid=series.series_uid if reveal else None,
        study_uid=series.study_uid if reveal else None,
        study=veil.uid(series.study_uid),
        advice=advice_of(series.reason) if is_stopped else None,
        remarks=tuple(veil.text(remark) for remark in series.remarks) if is_stopped else (),
        duplicates=series.duplicates,
        variants=series.variants,
        closed_at=series.closed_at,
        waived=tuple(reason_words(reason) for reason in series.waived),
        images=image_groups(facts.instances),
        revisions=tuple(
            Revision(number=number, completeness=completeness(verdict, veil))
            for number, verdict in sorted(facts.verdicts.items(), reverse=True)
        ),
        connections=tuple(_connection(one) for one in facts.associations),
        turns=tuple(_turn(event) for event in facts.events),
        jobs=tuple(facts.jobs),
    )


def image_groups(instances: Sequence[InstanceRecord]) -> tuple[ImageGroup, ...]:
    """Count images by what they are and who sent them, in the order in which they first came."""
    groups: dict[tuple[str, str, str, str], list[InstanceRecord]] = {}
    for one in instances:
        key = (one.role.value, one.sop_class_uid, one.transfer_syntax, one.calling_ae)
        groups.setdefault(key, []).append(one)
    return tuple(_group(key, found) for key, found in groups.items())


def _group(key: tuple[str, str, str, str], found: Sequence[InstanceRecord]) -> ImageGroup:
    role, sop_class, syntax, sender = key
    return ImageGroup(
        role=role.replace("_", " "),
        sop_class=uid_name(sop_class),
        transfer_syntax=uid_name(syntax),
        sender=escape_controls(sender),
        images=sum(one.is_primary for one in found),
        further=sum(not one.is_primary for one in found),
        copies=sum(max(one.copies - 1, 0) for one in found),
        size=sum(one.size for one in found),
    )


def uid_name(uid: str) -> str:
    """Return the name of a SOP class or transfer syntax (PS3.6); its number where the standard has none."""
    from pydicom.uid import UID

    return escape_controls(UID(uid).name)


def _connection(one: AssociationRecord) -> Connection:
    return Connection(
        sender=escape_controls(one.calling_ae),
        address=escape_controls(one.peer_address),
        at=one.opened_at,
        ending=one.ending.value,
    )


def _turn(event: EventRecord) -> Turn:
    stage, states = step(event)
    return Turn(
        at=event.at,
        what=escape_controls(f"{stage} {states}").replace(">", " → "),
        why=reason_words(event.reason),
        by=person_of(event),
    )
