"""A bundle whose second network reads the series, in the worker: it is told the distances, and its verdict counts."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.bench import LOOPBACK_PACS, Bench, bundle_fields
from support.bundles import sequence_fields
from support.ct_factory import ct_series, write_series
from support.networks import encoder, sequence_network, store

from hounsfield.model.bundle import open_bundle, write_bundle
from hounsfield.model.explain import explainer_for
from hounsfield.model.predictor import Predictor
from hounsfield.model.series_scores import SeriesScores
from hounsfield.storage.states import JobState

COUNT = 12
STEPS = [2.5] * 5 + [3.0] + [2.5] * 5
"""One of them is wider, by less than what would be a gap."""


class Recording:
    """A predictor that remembers what it was asked and what it answered."""

    def __init__(self, predictor: Predictor) -> None:
        self._predictor = predictor
        self.device = predictor.device
        self.steps: Sequence[float] = ()
        self.answer: SeriesScores | None = None

    def runtime_facts(self) -> dict[str, str]:
        return self._predictor.runtime_facts()

    def analyse(self, slices: Iterable[Any], spacing: Sequence[Any], steps: Sequence[float]) -> SeriesScores:
        self.steps = steps
        self.answer = self._predictor.analyse(slices, spacing, steps)
        return self.answer


@pytest.mark.parametrize(
    ("irregular", "told"), [("per-slice", STEPS), ("resample", [2.5] * 11)], ids=["as scanned", "evened out"]
)
def test_the_series_has_the_score_of_the_second_network(tmp_path: Path, irregular: str, told: list[float]) -> None:
    folder = tmp_path / "bundle"
    store(folder, "onnx", encoder(), sequence_network(2))
    fields = {**sequence_fields(2), "scope": {**bundle_fields()["scope"], "irregular_spacing": irregular}}
    write_bundle(folder, fields)
    predictor = Predictor(open_bundle(folder), "cpu", batch=4)
    bench = Bench(tmp_path / "home", (LOOPBACK_PACS,))
    series = ct_series(COUNT)
    for one, height in zip(series, np.cumsum([0.0, *STEPS]), strict=True):
        one.ImagePositionPatient = [0.0, 0.0, float(height)]
        one.SliceThickness = 2.5
    bench.receive(write_series(tmp_path / "files", series))
    bench.settle()
    recording = Recording(predictor)
    assert bench.worker_with(recording, explainer=explainer_for(predictor)).work_one()
    (job,) = bench.jobs()
    assert job.state is JobState.COMPLETED
    assert recording.steps == pytest.approx(told)
    assert recording.answer is not None
    assert len(recording.answer.sequences) == 2, "2.5 mm are read as two series of 5 mm"
    result = bench.app.database.jobs.result_set(job.result_set_id or 0)
    assert result is not None
    assert result.score == pytest.approx(float(recording.answer.series[0]), abs=1e-6)
    assert "explain" in job.timings
