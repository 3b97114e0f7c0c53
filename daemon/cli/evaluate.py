"""``hounsfield evaluate``: how good a bundle is on a prepared data set, and whether it is better than another one."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from hounsfield.daemon.cli import evaluate_options as options
from hounsfield.daemon.cli.bundle import folders_of
from hounsfield.daemon.cli.context import ConfigOption, JsonOption, read_settings
from hounsfield.daemon.cli.evaluate_jobs import Asked, shadow_report, threshold_report
from hounsfield.daemon.cli.exits import UsageFault
from hounsfield.daemon.cli.moments import moment
from hounsfield.daemon.cli.output import json_line, note, show_table
from hounsfield.daemon.cli.progress import one_step
from hounsfield.daemon.clock import SystemClock

if TYPE_CHECKING:
    from hounsfield.model.bundle import Bundle
    from hounsfield.model.evaluate.measure import Measurement
    from hounsfield.model.evaluate.report import Subject
    from hounsfield.model.evaluate.scores_file import ScoresFile

SCORES_SUFFIX = ".npz"


def evaluate(
    bundle: options.BundleOption,
    out: options.OutOption = None,
    data: options.DataOption = None,
    against: options.AgainstOption = None,
    choose_threshold: options.ValidationOption = None,
    sensitivity: options.SensitivityOption = 0.95,
    label: options.LabelOption = None,
    prevalence: options.PrevalenceOption = None,
    rounds: options.RoundsOption = 1000,
    seed: options.SeedOption = 0,
    device: options.DeviceOption = "auto",
    write_card: options.CardOption = False,
    thresholds: options.ThresholdsOption = False,
    shadow: options.ShadowOption = False,
    truth: options.TruthOption = None,
    at: options.AtOption = None,
    version: options.VersionOption = None,
    since: options.SinceOption = None,
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
        asked = Asked(bundle=bundle, version=version, since=moment("--since", since, SystemClock().now()))
        if shadow:
            sent = Asked(bundle=against, since=asked.since) if against else None
            shadow_report(read_settings(config), truth, asked, against=sent, as_json=as_json)
        else:
            threshold_report(read_settings(config), truth, asked, thresholds=at or (), as_json=as_json)
        return
    if out is None:
        raise UsageFault("--out names the folder that the report is written to")
    if truth or at or version or since:
        raise UsageFault("--truth, --at, --version and --since belong to --thresholds and --shadow")
    how = _measurement(data, choose_threshold, sensitivity, label or [], device)
    sides = [_Side(which, config) for which in (bundle, against) if which is not None]
    _check_options(sides, how, choose_threshold, write_card)
    subject = _subject(sides, how, rounds, seed, tuple(prevalence or ()))
    _report(subject, out, as_json)
    if write_card:
        sides[0].write_card(subject)


def _subject(
    sides: "list[_Side]", how: "Measurement | None", rounds: int, seed: int, prevalences: tuple[float, ...]
) -> "Subject":
    """Run what must be run and make all figures; the second side is what the first is compared with."""
    from hounsfield.model.evaluate.compare import compare
    from hounsfield.model.evaluate.figures import Settings
    from hounsfield.model.evaluate.figures import evaluate as figures_of
    from hounsfield.model.evaluate.rates import PREVALENCES
    from hounsfield.model.evaluate.report import Subject
    from hounsfield.model.runtime import import_quietly

    if how is not None:
        import_quietly()
    settings = Settings(rounds=rounds, seed=seed, prevalences=prevalences or PREVALENCES)
    scores = [side.scores(how) for side in sides]
    with one_step("figures") as tell:
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
        with one_step(f"slices, {self.bundle.label}") as tell:
            return measure(self.bundle, how, tell)

    def write_card(self, subject: "Subject") -> None:
        """Write the figures into the bundle and say that it is another one now."""
        from hounsfield.model.evaluate.card import write_card

        if self.bundle is not None:
            written = write_card(self.bundle, subject.evaluation, subject.scores.source)
            note(f"{written.folder}: the card has the figures; the bundle's sha256 is {written.sha256[:12]}... now")


def _measurement(
    data: Path | None, validation: Path | None, sensitivity: float, labels: list[str], device: str
) -> "Measurement | None":
    from hounsfield.model.data.prepared import Prepared
    from hounsfield.model.evaluate.measure import Measurement

    named = dict(_pair(text) for text in labels)
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
