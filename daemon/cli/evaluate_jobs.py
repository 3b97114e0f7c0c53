"""``hounsfield evaluate --thresholds`` and ``--shadow``: what the job database holds, judged anew."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from hounsfield.daemon.cli.context import opened
from hounsfield.daemon.cli.exits import NotFound, UsageFault
from hounsfield.daemon.cli.output import json_line, note, show_table

if TYPE_CHECKING:
    from hounsfield.daemon.config.settings import Settings
    from hounsfield.daemon.replay.shadow import Beside, Side
    from hounsfield.daemon.replay.thresholds import Replayed
    from hounsfield.daemon.replay.truth import Truth, TruthTable
    from hounsfield.model.drift.rates import Interval
    from hounsfield.model.evaluate.metrics import Estimate
    from hounsfield.storage.analysis_facts import ScoredJob
    from hounsfield.storage.engine import Database
    from hounsfield.storage.results import ResultFiles

_DIGITS = 4
_MOST_SCANNERS = 4
"""That have columns of their own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which scores are meant."""

    bundle: str
    version: str | None = None
    """None: the one that was used last."""
    since: datetime | None = None


def threshold_report(
    settings: "Settings",
    truth_file: Path | None,
    asked: Asked,
    *,
    thresholds: Sequence[float] = (),
    as_json: bool = False,
) -> None:
    """Print what other thresholds would have flagged of the stored scores, and how often rightly.

    Without ``thresholds`` those from 0.05 to 0.95. Truth is that of ``truth_file`` and of readers' feedback. Raises
    UsageFault, NotFound, TruthError and StorageError.
    """
    from hounsfield.daemon.replay.thresholds import GRID, replay

    if any(not 0 <= one <= 1 for one in thresholds):
        raise UsageFault("a threshold lies outside the scores", "give numbers from 0 to 1")
    with _scores(settings, truth_file) as scores:
        jobs = scores.of(asked)
        truth = scores.truth(jobs)
    rows = replay(jobs, sorted(set(thresholds)) or GRID, truth.by_job)
    if as_json:
        for row in rows:
            json_line(_row_json(row, jobs[0]))
    else:
        _show_thresholds(rows, truth)


def shadow_report(
    settings: "Settings",
    truth_file: Path | None,
    asked: Asked,
    *,
    against: Asked | None = None,
    as_json: bool = False,
) -> None:
    """Print how a bundle that ran in the shadow compares with the one that was sent, on the same series.

    ``against`` is any version of the same bundle unless given. Truth and errors as :func:`threshold_report`.
    """
    from hounsfield.daemon.replay.shadow import beside, pair_up

    with _scores(settings, truth_file) as scores:
        shadow = scores.of(asked, shadow=True)
        active = scores.all_of(against or Asked(bundle=asked.bundle), shadow=False)
        pairs = pair_up(shadow, active)
        if not pairs:
            raise NotFound(
                f"nothing that was sent is on the {len(shadow)} series that {asked.bundle} scored in the shadow",
                "name the bundle to compare with",
            )
        truth = scores.truth([one for one, _ in pairs])
    found = beside(pairs, truth.by_job)
    if as_json:
        json_line(_shadow_json(found, pairs[-1]))
    else:
        _show_shadow(found, truth, pairs[-1])


@contextmanager
def _scores(settings: "Settings", truth_file: Path | None) -> "Iterator[_Scores]":
    from hounsfield.daemon.replay.truth import read_truth
    from hounsfield.storage.results import ResultFiles

    table = None if truth_file is None else read_truth(truth_file)
    with opened(settings) as database:
        yield _Scores(database, ResultFiles(settings.storage.shared_folder), table)


@dataclass(frozen=True, slots=True)
class _Scores:
    """The stored scores of a home, and what is true of their series."""

    database: "Database"
    files: "ResultFiles"
    table: "TruthTable | None"

    def of(self, asked: Asked, *, shadow: bool | None = None) -> "list[ScoredJob]":
        """Return the scores of one version; raise :class:`NotFound` where there are none."""
        jobs = self.all_of(asked, shadow=shadow)
        if not jobs:
            where = " in the shadow" if shadow else ""
            raise NotFound(
                f"no scores of {' '.join(filter(None, (asked.bundle, asked.version)))}{where} are stored",
                "`hounsfield drift report` and `hounsfield jobs list` name bundles that have run",
            )
        last = max(jobs, key=lambda job: job.job_id).bundle_version
        if any(job.bundle_version != last for job in jobs):
            note(f"only version {last}, which was used last; --version names another one")
        return [job for job in jobs if job.bundle_version == last]

    def all_of(self, asked: Asked, *, shadow: bool | None) -> "list[ScoredJob]":
        """Return the scores of all versions that are meant."""
        return list(self.database.facts.scored(asked.bundle, asked.version, shadow=shadow, since=asked.since))

    def truth(self, jobs: "Sequence[ScoredJob]") -> "Truth":
        """Return what is known of the series."""
        from hounsfield.daemon.replay.truth import truth_of

        return truth_of(jobs, self.table, self.database.facts.opinions(), self.files)


def _show_thresholds(rows: "Sequence[Replayed]", truth: "Truth") -> None:
    scanners = list(rows[0].by_scanner) if 1 < len(rows[0].by_scanner) <= _MOST_SCANNERS else []
    columns = ("threshold", "flagged", "share", "more", "fewer", "sensitivity", "specificity")
    show_table((*columns, *(name or "scanner not kept" for name in scanners)), [_row(row, scanners) for row in rows])
    note(f"{rows[0].series} series; the first row is what was in force. {_truth_words(truth)}")
    if len(rows[0].by_scanner) > _MOST_SCANNERS:
        note(f"{len(rows[0].by_scanner)} scanners: --json has the counts of each")


def _row(row: "Replayed", scanners: Sequence[str]) -> tuple[str, ...]:
    return (
        "in force" if row.threshold is None else f"{row.threshold:g}",
        str(row.flagged),
        _percent(row.rate),
        f"+{row.gained}" if row.gained else "",
        f"-{row.lost}" if row.lost else "",
        _percent(row.sensitivity),
        _percent(row.specificity),
        *("{} of {}".format(*row.by_scanner[name]) for name in scanners),
    )


def _row_json(row: "Replayed", one: "ScoredJob") -> dict[str, object]:
    return {
        "bundle": one.bundle,
        "version": one.bundle_version,
        "threshold": row.threshold,
        "series": row.series,
        "flagged": row.flagged,
        "gained": row.gained,
        "lost": row.lost,
        "sensitivity": _numbers(row.sensitivity),
        "specificity": _numbers(row.specificity),
        "by_scanner": {name: {"flagged": found, "series": count} for name, (found, count) in row.by_scanner.items()},
    }


def _show_shadow(found: "Beside", truth: "Truth", names: "tuple[ScoredJob, ScoredJob]") -> None:
    shadow, active = (f"{one.bundle} {one.bundle_version}" for one in names)
    note(f"{shadow} in the shadow of {active}, {found.series} series")
    show_table(
        ("", "sent: flagged", "sent: not flagged"),
        [
            ("shadow: flagged", str(found.both), str(found.only_shadow)),
            ("shadow: not flagged", str(found.only_active), str(found.neither)),
        ],
    )
    show_table(
        ("", "flagged", "sensitivity", "specificity", "AUC"),
        [("shadow", *_side(found.shadow)), ("sent", *_side(found.active))],
    )
    note(f"they agree on {_percent(found.agreement)} of the series")
    if found.auc_gain is not None:
        note(f"AUC of the shadow less that of what was sent: {found.auc_gain}")
    note(_truth_words(truth))


def _side(side: "Side") -> tuple[str, ...]:
    auc = "not defined" if side.auc is None else str(side.auc)
    return str(side.flagged), _percent(side.sensitivity), _percent(side.specificity), auc


def _shadow_json(found: "Beside", names: "tuple[ScoredJob, ScoredJob]") -> dict[str, object]:
    sides = zip(("shadow", "active"), (found.shadow, found.active), names, strict=True)
    return {
        "series": found.series,
        "both": found.both,
        "only_shadow": found.only_shadow,
        "only_active": found.only_active,
        "neither": found.neither,
        "agreement": _numbers(found.agreement),
        "known": found.known,
        **{name: _side_json(side, one) for name, side, one in sides},
        "auc_gain": _numbers(found.auc_gain),
    }


def _side_json(side: "Side", one: "ScoredJob") -> dict[str, object]:
    return {
        "bundle": one.bundle,
        "version": one.bundle_version,
        "flagged": side.flagged,
        "sensitivity": _numbers(side.sensitivity),
        "specificity": _numbers(side.specificity),
        "auc": _numbers(side.auc),
    }


def _truth_words(truth: "Truth") -> str:
    known = len(truth.by_job)
    if not known:
        return "Of none the truth is known: give a table, or let readers' feedback come in ([feedback])."
    return (
        f"Truth is known of {known}: {truth.from_table} by the table, {known - truth.from_table} by readers, who speak "
        "of some results and not of others."
    )


def _percent(found: "Interval | None") -> str:
    return "" if found is None else f"{found.value:.0%} ({found.low:.0%} to {found.high:.0%})"


def _numbers(found: "Interval | Estimate | None") -> list[float] | None:
    return None if found is None else [round(one, _DIGITS) for one in (found.value, found.low, found.high)]
