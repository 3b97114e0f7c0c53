"""One row of the table: what comes, under which settings, and what becomes of it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydicom import Dataset
from support.bench import LOOPBACK_PACS
from support.series_cases.ward import Ward

from hounsfield.storage.states import Completeness, JobState, Outcome, Reason, SeriesState

Story = Callable[[Ward], None]
Answer = Outcome | Reason | JobState
"""What an INFER job came to: an outcome, the reason why it was not analysed, or the state of one that did not end."""

WHOLE = Completeness.COMPLETE
ANALYSED = Outcome.POSITIVE
"""One slice of every head bleeds."""


@dataclass(frozen=True, kw_only=True)
class Becomes:
    """What one series has to become."""

    state: SeriesState = SeriesState.CLOSED
    reason: Reason | None = None
    """Of a HELD or SKIPPED series, or the first reason of the completeness verdict."""
    completeness: Completeness | None = WHOLE
    revision: int = 1
    jobs: tuple[Answer, ...] = (ANALYSED,)
    """Oldest first."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """A row. ``name`` and ``means`` are what the administrator reads in docs/series-handling.md."""

    name: str
    """What comes, as a sentence without its full stop."""
    story: Story
    becomes: tuple[Becomes, ...]
    """One for each series, in the order in which they were first seen."""
    means: str = ""
    """What else becomes of it, in words, where state, reason and result do not say it."""
    settings: tuple[str, ...] = ()
    """Keys that change it: of the configuration, or of the manifest's scope (``scope.tilt``)."""
    says: tuple[str, ...] = ()
    """Words that stand in the newest report."""
    copies: tuple[int, int] = (0, 0)
    """Exact copies and variants of the first series."""
    configuration: Mapping[str, Any] = field(default_factory=dict)
    scope: Mapping[str, Any] = field(default_factory=dict)
    destinations: tuple[Mapping[str, object], ...] = (LOOPBACK_PACS,)
    check: Callable[[Ward], None] = lambda _: None
    """What else has to hold in the end."""


def held(reason: Reason, *, revision: int = 0, jobs: tuple[Answer, ...] = ()) -> tuple[Becomes, ...]:
    """One series that waits for a person."""
    completeness = None if revision == 0 else WHOLE
    return (Becomes(state=SeriesState.HELD, reason=reason, completeness=completeness, revision=revision, jobs=jobs),)


def skipped(reason: Reason) -> tuple[Becomes, ...]:
    """One series that nobody wants."""
    return (Becomes(state=SeriesState.SKIPPED, reason=reason, completeness=None, revision=0, jobs=()),)


def analysed(**changes: Any) -> tuple[Becomes, ...]:
    """One series with a result."""
    return (Becomes(**changes),)


def not_analysed(because: Reason, **changes: Any) -> tuple[Becomes, ...]:
    """One series that ends in "not analysed"."""
    return (Becomes(**{"jobs": (because,), **changes}),)


def sent(images: Callable[[], Sequence[Dataset]], **how: Any) -> Story:
    """Send images over one association; then decide and work."""

    def story(ward: Ward) -> None:
        ward.send(images(), **how)
        ward.through()

    return story


def sent_twice(first: Callable[[], Sequence[Dataset]], second: Callable[[], Sequence[Dataset]], **how: Any) -> Story:
    """Send images, decide and work; then send the others (``how``), decide and work again."""

    def story(ward: Ward) -> None:
        ward.send(first())
        ward.through()
        ward.send(second(), **how)
        ward.through()

    return story


def released(ward: Ward, by: str = "anna") -> None:
    """A person releases the only series; then decide and work."""
    (series,) = ward.series()
    assert series.state is SeriesState.HELD
    assert ward.bench.app.database.series.release(series.id, ward.bench.clock.now(), by)
    ward.through()


def sent_and_released(images: Callable[[], Sequence[Dataset]], **how: Any) -> Story:
    """The same as :func:`sent`, and a person who releases what is held."""

    def story(ward: Ward) -> None:
        sent(images, **how)(ward)
        released(ward)

    return story
