"""What is kept of an analysis beside its result, from received images to the job database."""

from pathlib import Path

import pytest
from support.bench import Bench
from support.ct_factory import ct_series, write_series

from hounsfield.model.drift.names import INPUTS


def test_an_analysis_leaves_scores_scanner_and_inputs_and_a_refusal_leaves_none(bench: Bench, tmp_path: Path) -> None:
    said = {"ManufacturerModelName": "One <b>", "StationName": "S1", "PatientName": "Secret^Name"}
    bench.receive(write_series(tmp_path / "a", ct_series(12, **said)))
    bench.receive(write_series(tmp_path / "b", ct_series(12, name="b", without=[6], **said)))
    bench.settle()
    worker = bench.worker(0.97)
    while worker.work_one():
        pass
    assert len(bench.jobs()) == 2
    (pair,) = bench.app.database.facts.pairs()
    assert (pair.scanner, pair.analyses) == ("CT / Hounsfield tests / One _b_ / S1", 1)
    (fact,) = bench.app.database.facts.last(pair, 10)
    assert list(fact.scores.values()) == [pytest.approx(0.97)]
    assert list(fact.scores) == [bench.app.shelf.bundles[0].manifest.output.labels[0].name]
    assert set(fact.inputs) == set(INPUTS)
    assert fact.inputs["slices"] == 12
    assert "Secret" not in repr(fact)
    assert [one.series for one in bench.app.database.facts.not_analysed(bench.clock.now())] == [1]
