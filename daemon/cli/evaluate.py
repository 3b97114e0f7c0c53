"""``hounsfield evaluate``: how good a bundle is on a prepared data set, and whether it is better than another one."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hounsfield.daemon.cli.bundle import folders_of
from hounsfield.daemon.cli.context import ConfigOption, JsonOption, read_settings
from hounsfield.daemon.cli.exits import UsageFault
from hounsfield.daemon.cli.output import console, json_line, note, show_table

if TYPE_CHECKING:
    from hounsfield.model.bundle import Bundle
    from hounsfield.model.evaluate.measure import Measurement
    from hounsfield.model.evaluate.report import Subject
    from hounsfield.model.evaluate.scores_file import ScoresFile

SCORES_SUFFIX = ".npz"
_FORMATS = ["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"]


def evaluate(
    bundle: Annotated[
        str, typer.Option(metavar="BUNDLE", help="Folder or configured name; or scores.npz of an earlier evaluation.")
    ],
    out: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Where report, plots, numbers and scores are written.")
    ] = None,
    data: Annotated[
        Path | None, typer.Option(metavar="PREPARED", help="Prepared data set to measure on (`hounsfield data`).")
    ] = None,
    against: Annotated[
        str | None, typer.Option(metavar="BUNDLE", help="Compare with this bundle (or its scores.npz), same cases.")
    ] = None,
    choose_threshold: Annotated[
        Path | None,
        typer.Option(
            metavar="PREPARED",
            help="Choose thresholds on this validation set rather than use those of the bundle. It must hold no case "
            "of --data.",
        ),
    ] = None,
    sensitivity: Annotated[float, typer.Option(help="That --choose-threshold looks for.", min=0.01, max=1.0)] = 0.95,
    label: Annotated[
        list[str] | None, typer.Option(metavar="DATA=BUNDLE", help="A label that has another name in the bundle.")
    ] = None,
    prevalence: Annotated[
        list[float] | None,
        typer.Option(help="Share of positive series for which PPV and NPV are stated; may be repeated.", min=0, max=1),
    ] = None,
    rounds: Annotated[int, typer.Option(help="Draws of the bootstrap.", min=100, max=100_000)] = 1000,
    seed: Annotated[int, typer.Option(help="Of the bootstrap.", min=0)] = 0,
    device: Annotated[str, typer.Option(help="auto, cpu, gpu or gpu:N.")] = "auto",
    write_card: Annotated[
        bool, typer.Option("--write-card", help="Write the figures into the bundle's card and manifest (a new hash).")
    ] = False,
    thresholds: Annotated[
        bool,
        typer.Option(
            "--thresholds", help="Judge the scores in the job database by other thresholds instead; no model runs."
        ),
    ] = False,
    shadow: Annotated[
        bool,
        typer.Option(
            "--shadow", help="Judge what a bundle scored in the shadow beside what was sent instead; no model runs."
        ),
    ] = False,
    truth: Annotated[
        Path | None,
        typer.Option(metavar="CSV", help="With these two: series_uid, study_uid or accession, and truth (0 or 1)."),
    ] = None,
    at: Annotated[
        list[float] | None, typer.Option(help="With --thresholds: one to try; may be repeated.", min=0, max=1)
    ] = None,
    version: Annotated[
        str | None, typer.Option(help="With these two: version of the bundle; the one used last without.")
    ] = None,
    since: Annotated[
        datetime | None, typer.Option(help="With these two: only analyses since then (local time).", formats=_FORMATS)
    ] = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Measure a bundle on a data set: areas under the curve with intervals, rates at its thresholds, calibration.

    Writes report.html, which opens without internet, the pictures as PNG, metrics.json and scores.npz. Thresholds are
    never chosen on the set that is reported on. --thresholds and --shadow judge what the daemon has stored.
    """
    if thresholds or shadow:
        if (thresholds and shadow) or data or choose_threshold or write_card or out:
            raise UsageFault("--thresholds and --shadow stand alone: they judge stored scores and write no report")
        wanted = _Stored(bundle=bundle, version=version, since=since, truth=truth, at=tuple(at or ()), against=against)
        _judge_stored(wanted, shadow, as_json, config)
        return
    if out is None:
        raise UsageFault("--out names the folder that the report is written to")
    if truth or at or version or since:
        raise UsageFault("--truth, --at, --version and --since belong to --thresholds and --shadow")
    named = dict(_pair(text) for text in label or [])
    how = _measurement(data, choose_threshold, sensitivity, named, device)
    sides = [_Side(which, config) for which in (bundle, against) if which is not None]
    _check_options(sides, how, choose_threshold, write_card)
    if how is not None:
        from hounsfield.model.runtime import import_quietly

        import_quietly()
    subject = _subject(sides, how, rounds, seed, tuple(prevalence or ()))
    _report(subject, out, as_json)
    if write_card:
        sides[0].write_card(subject)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Stored:
    """Which stored scores are judged, and by what."""

    bundle: str
    version: str | None
    since: datetime | None
    truth: Path | None
    at: tuple[float, ...]
    against: str | None


def _judge_stored(wanted: _Stored, shadow: bool, as_json: bool, config: Path | None) -> None:
    from hounsfield.daemon.cli.evaluate_jobs import Asked, shadow_report, threshold_report

    since = None if wanted.since is None else wanted.since.astimezone()
    asked = Asked(bundle=wanted.bundle, version=wanted.version, since=since)
    settings = read_settings(config)
    if shadow:
        against = Asked(bundle=wanted.against, since=since) if wanted.against else None
        shadow_report(settings, wanted.truth, asked, against=against, as_json=as_json)
    else:
        threshold_report(settings, wanted.truth, asked, thresholds=wanted.at, as_json=as_json)


def _subject(
    sides: "list[_Side]", how: "Measurement | None", rounds: int, seed: int, prevalences: tuple[float, ...]
) -> "Subject":
    """Run what must be run and make all figures; the second side is what the first is compared with."""
    from hounsfield.model.evaluate.compare import compare
    from hounsfield.model.evaluate.figures import Settings
    from hounsfield.model.evaluate.figures import evaluate as figures_of
    from hounsfield.model.evaluate.rates import PREVALENCES
    from hounsfield.model.evaluate.report import Subject

    settings = Settings(rounds=rounds, seed=seed, prevalences=prevalences or PREVALENCES)
    scores = [side.scores(how) for side in sides]
    with _progress("figures") as tell:
        evaluation = figures_of(scores[0].scored, scores[0].thresholds, settings, tell)
    return Subject(
        scores=scores[0],
        evaluation=evaluation,
        banner=sides[0].banner,
        comparison=compare(scores[1], scores[0], settings) if len(scores) > 1 else None,
        tensors=how.data.tensors if how else None,
    )


def _report(subject: "Subject", out: Path, as_json: bool) -> None:
    from hounsfield.model.evaluate.report import numbers, write_report

    page = write_report(out, subject)
    if as_json:
        json_line(numbers(subject))
    else:
        _show(subject, page)


class _Side:
    """What was named as a bundle: one that can be run, or scores of one."""

    def __init__(self, which: str, config: Path | None) -> None:
        from hounsfield.model.evaluate.scores_file import read_scores

        self.bundle: Bundle | None = None
        self._read: ScoresFile | None = None
        if which.endswith(SCORES_SUFFIX):
            self._read = read_scores(Path(which))
        else:
            self.bundle = _bundle(which, config)

    @property
    def banner(self) -> str:
        """Of the bundle; scores have none."""
        return self.bundle.manifest.banner if self.bundle else ""

    def scores(self, how: "Measurement | None") -> "ScoresFile":
        """Return them, running the bundle if need be."""
        from hounsfield.model.evaluate.measure import measure

        if self._read is not None:
            return self._read
        if self.bundle is None or how is None:
            raise UsageFault("--data names the prepared data set that the bundle is measured on")
        with _progress(f"slices, {self.bundle.label}") as tell:
            return measure(self.bundle, how, tell)

    def write_card(self, subject: "Subject") -> None:
        """Write the figures into the bundle and say that it is another one now."""
        from hounsfield.model.evaluate.card import write_card

        if self.bundle is not None:
            written = write_card(self.bundle, subject.evaluation, subject.scores.source)
            note(f"{written.folder}: the card has the figures; the bundle's sha256 is {written.sha256[:12]}... now")


def _measurement(
    data: Path | None, validation: Path | None, sensitivity: float, named: dict[str, str], device: str
) -> "Measurement | None":
    from hounsfield.model.data.prepared import Prepared
    from hounsfield.model.evaluate.measure import Measurement

    if data is None:
        return None
    return Measurement(
        data=Prepared.open(data),
        validation=None if validation is None else Prepared.open(validation),
        sensitivity=sensitivity,
        named=named,
        device=device,
    )


def _check_options(sides: list[_Side], how: "Measurement | None", validation: Path | None, write_card: bool) -> None:
    """Raise UsageFault for options that do not go together, before anything is run."""
    if how is None and any(side.bundle for side in sides):
        raise UsageFault("--data names the prepared data set that the bundle is measured on")
    if validation is not None and not all(side.bundle for side in sides):
        raise UsageFault("--choose-threshold needs bundles that can be run: scores in a file have their thresholds")
    if write_card and (sides[0].bundle is None or validation is not None):
        raise UsageFault("--write-card needs a bundle, and states figures at the thresholds that it ships")


def _pair(text: str) -> tuple[str, str]:
    mine, found, other = text.partition("=")
    if not (mine and found and other):
        raise UsageFault(f"--label {text}: must be DATA=BUNDLE, such as any=haemorrhage")
    return mine, other


def _bundle(which: str, config: Path | None) -> "Bundle":
    """Open the bundle in a folder, or the one of this name that is in use; raise :class:`NotFound`."""
    from hounsfield.model.bundle import open_bundle

    found = folders_of(which, config)
    if len(found) > 1:
        raise UsageFault(f"there are {len(found)} versions of {which}: name a folder", ", ".join(map(str, found)))
    return open_bundle(found[0])


@contextmanager
def _progress(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show a bar with the time left on stderr while it is a terminal; yield what takes (done, all)."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    screen = console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal) as bars:
        bar = bars.add_task(what)
        yield lambda done, every: bars.update(bar, completed=done, total=every)


def _show(subject: "Subject", page: Path) -> None:
    from hounsfield.model.evaluate.cases import Level
    from hounsfield.model.evaluate.tables import comparison_table, main_table

    tables = [main_table(subject.evaluation, level) for level in (Level.SERIES, Level.SLICE)]
    if subject.comparison:
        tables.append(comparison_table(subject.comparison))
    for table in tables:
        if table.rows:
            show_table(table.columns, table.rows, title=table.title)
            typer.echo(f"{table.note}\n")
    typer.echo(f"report: {page}")
