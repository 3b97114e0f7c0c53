"""What the page of models shows: bundles in use and installed, their cards, and how they do on each scanner. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from hounsfield.daemon.bundles_in_use import InUse
from hounsfield.daemon.console import standing
from hounsfield.daemon.console.pages.card import Piece
from hounsfield.daemon.console.pages.figures import Figures, figures
from hounsfield.daemon.console.standing import State
from hounsfield.daemon.drift.comparison import Drift, Level
from hounsfield.daemon.logs import escape_controls
from hounsfield.daemon.pipeline.serving_notes import ServingNote, ServingState
from hounsfield.model.manifest import Manifest
from hounsfield.storage.bundle_choice import BundleChoice

_LEVELS = {
    Level.LEARNING: standing.Level.QUIET,
    Level.STABLE: standing.Level.OK,
    Level.WATCH: standing.Level.WARNING,
    Level.ALARM: standing.Level.PROBLEM,
}
_SERVING = {
    ServingState.LOADING: standing.Level.QUIET,
    ServingState.SERVED: standing.Level.OK,
    ServingState.DRIFTED: standing.Level.PROBLEM,
    ServingState.REFUSED: standing.Level.PROBLEM,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftLine:
    """One bundle on one scanner."""

    bundle: str
    scanner: str
    level: State
    analyses: int
    baseline: int | None
    window: int | None
    score: str
    """Name and PSI of the score that has moved most."""
    input: str
    rates: str
    """Share of flagged series then and now."""
    last_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelLine:
    """One label of a bundle."""

    name: str
    meaning: str
    code: str
    threshold: str
    slice_threshold: str
    decides: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleBox:
    """One version of a bundle."""

    name: str
    version: str
    title: str
    use: State
    since: datetime | None
    by: str
    clinical: bool
    banner: str
    intended_use: str
    limits: str
    sha256: str
    selftest: State
    selftest_at: datetime | None
    selftest_words: str
    labels: tuple[LabelLine, ...]
    figures: Figures
    training_data: str
    card: tuple[Piece, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Broken:
    """A folder whose manifest cannot be read."""

    use: str
    problem: str


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """One choice of a version."""

    at: datetime
    what: str
    by: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelsPage:
    """The page."""

    bundles: tuple[BundleBox, ...]
    broken: tuple[Broken, ...]
    drifts: tuple[DriftLine, ...]
    history: tuple[History, ...]


def bundle_box(
    one: InUse, manifest: Manifest, sha256: str, note: ServingNote | None, card: Sequence[Piece]
) -> BundleBox:
    """Return the box of a bundle."""
    choice = one.choice
    return BundleBox(
        name=manifest.name,
        version=manifest.version,
        title=escape_controls(manifest.title),
        use=State(words=one.use, level=standing.Level.OK)
        if one.use
        else State(words="installed, not used", level=standing.Level.QUIET),
        since=None if choice is None else choice.at,
        by="" if choice is None else escape_controls(choice.person),
        clinical=manifest.clinical,
        banner=escape_controls(manifest.banner),
        intended_use=_words(manifest.intended_use),
        limits=_words(manifest.limits),
        sha256=sha256,
        selftest=selftest_chip(note),
        selftest_at=None if note is None else note.at,
        selftest_words="" if note is None else escape_controls(note.words),
        labels=_labels(manifest),
        figures=figures(manifest.provenance.metrics),
        training_data=_words(manifest.provenance.training_data),
        card=tuple(card),
    )


def selftest_chip(note: ServingNote | None) -> State:
    """Return what the worker found out when it loaded the bundle last."""
    if note is None:
        return State(words="not loaded yet", level=standing.Level.QUIET)
    return State(words="passed" if note.state is ServingState.SERVED else note.state.value, level=_SERVING[note.state])


def drift_line(drift: Drift) -> DriftLine:
    """Return the row of a bundle on a scanner."""
    pair = drift.pair
    score, worst = drift.score, drift.input
    return DriftLine(
        bundle=escape_controls(f"{pair.bundle} {pair.bundle_version}"),
        scanner=escape_controls(pair.scanner),
        level=State(words=drift.level.value, level=_LEVELS[drift.level]),
        analyses=pair.analyses,
        baseline=None if drift.baseline is None else drift.baseline.analyses,
        window=None if drift.window is None else drift.window.analyses,
        score="" if score is None else f"{escape_controls(score.name)} {score.shift.psi:.2f}",
        input="" if worst is None else f"{escape_controls(worst.name)} {worst.shift.psi:.2f}",
        rates=_rates(drift),
        last_at=pair.last_at,
    )


def history_line(choice: BundleChoice) -> History:
    """Return one choice in words."""
    version = choice.version or "none"
    return History(
        at=choice.at,
        what=escape_controls(f"{choice.name} {version}: {choice.kind.value}"),
        by=escape_controls(choice.person),
    )


def _labels(manifest: Manifest) -> tuple[LabelLine, ...]:
    return tuple(
        LabelLine(
            name=label.name,
            meaning=escape_controls(label.concept.meaning),
            code=escape_controls(f"{label.concept.scheme} {label.concept.value}"),
            threshold=f"{label.threshold:g}",
            slice_threshold=f"{label.slice_threshold:g}",
            decides=label.decides,
        )
        for label in manifest.output.labels
    )


def _rates(drift: Drift) -> str:
    if drift.baseline is None or drift.window is None:
        return ""
    return f"{drift.baseline.rate.value:.0%} then, {drift.window.rate.value:.0%} now"


def _words(text: str) -> str:
    return escape_controls(" ".join(text.split()))
