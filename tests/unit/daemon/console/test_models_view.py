"""Bundles, their figures and their drift on the page of models."""

from pathlib import Path
from typing import Any

import pytest
from support.bundles import manifest_fields
from support.rows import at

from hounsfield.daemon.bundles_in_use import InUse
from hounsfield.daemon.console.pages import shown
from hounsfield.daemon.console.pages.figures import figures
from hounsfield.daemon.console.pages.models_view import BundleBox, bundle_box, drift_line, history_line, selftest_chip
from hounsfield.daemon.drift.comparison import Drift, Level, Span
from hounsfield.daemon.pipeline.serving_notes import ServingNote, ServingState
from hounsfield.model.manifest import Manifest
from hounsfield.storage.analysis_facts import Pair
from hounsfield.storage.bundle_choice import BundleChoice, ChoiceKind

CHOICE = BundleChoice(
    name="tiny", version="0.1.0", sha256="a" * 64, kind=ChoiceKind.ACTIVATED, at=at(5), person="anna\x1b"
)
PAIR = Pair(
    bundle="tiny",
    bundle_version="0.1.0",
    bundle_sha256="a" * 64,
    scanner="SIEMENS\n",
    analyses=300,
    first_at=at(0),
    last_at=at(9),
)


def box(one: InUse, note: ServingNote | None = None, **changes: Any) -> BundleBox:
    manifest = Manifest.model_validate({**manifest_fields(), "files": {"model.keras": "0" * 64}, **changes})
    return bundle_box(one, manifest, "b" * 64, note, ())


def test_a_bundle_in_use_tells_since_when_by_whom_and_how_its_self_test_went() -> None:
    note = ServingNote(state=ServingState.SERVED, at=at(7), words="on /device:CPU:0")
    found = box(InUse(Path("x"), "active", CHOICE), note)
    assert (found.use.words, found.since, found.by) == ("active", at(5), "anna\\x1b")
    assert (found.selftest.words, found.selftest.level, found.selftest_at) == ("passed", shown.Level.OK, at(7))
    assert (found.labels[0].meaning, found.labels[0].threshold) == ("Intracranial hemorrhage", "0.5")


def test_an_installed_bundle_that_nobody_uses_says_so() -> None:
    found = box(InUse(Path("x"), ""))
    assert (found.use.words, found.use.level, found.since) == ("installed, not used", shown.Level.QUIET, None)
    assert found.selftest.words == "not loaded yet"


@pytest.mark.parametrize("state", [ServingState.DRIFTED, ServingState.REFUSED])
def test_a_bundle_that_cannot_be_used_is_a_problem(state: ServingState) -> None:
    assert selftest_chip(ServingNote(state=state, at=at(1))).level is shown.Level.PROBLEM


def test_drift_tells_its_level_and_the_rates() -> None:
    span = Span(analyses=200, positive=20, first_at=at(0), last_at=at(5))
    line = drift_line(Drift(pair=PAIR, level=Level.ALARM, baseline=span, window=span))
    assert (line.scanner, line.level.words, line.level.level) == ("SIEMENS\\n", "alarm", shown.Level.PROBLEM)
    assert line.rates == "10% then, 10% now"
    learning = drift_line(Drift(pair=PAIR, level=Level.LEARNING))
    assert (learning.rates, learning.baseline, learning.score) == ("", None, "")


def test_a_choice_is_told_in_words() -> None:
    assert history_line(CHOICE).what == "tiny 0.1.0: activated"


def test_figures_stand_in_one_column_for_each_set_with_their_intervals() -> None:
    found = figures(
        {"held_out": {"slice_auc": [0.9224, 0.9, 0.94], "series": 200}, "hard": {"slice_auc": 0.88}, "seeds": [2, 3, 4]}
    )
    assert found.sets == ("held out", "hard", "")
    assert found.rows == (
        ("slice auc", ("0.9224 (0.9 to 0.94)", "0.88", "")),
        ("series", ("200", "", "")),
        ("seeds", ("", "", "2, 3, 4")),
    )


@pytest.mark.parametrize(
    "metrics",
    [
        {},
        {"a": None, "b": True, "c": "words", "d": [], "e": [1, "x", 2], "f": float("inf")},
        {"a": {}, "b": {"c": {"d": [[1, 2, 3], {"e": None}]}}},
        {"": {"": ""}, "x\n": {"y\x1b": "z\r"}},
        {"a_b": 1, "a b": 2},
    ],
)
def test_whatever_an_author_writes_there_becomes_a_table(metrics: dict[str, Any]) -> None:
    found = figures(metrics)
    assert all(len(cells) == len(found.sets) for _, cells in found.rows)
    assert all(text.isprintable() for name, cells in found.rows for text in (name, *cells))
