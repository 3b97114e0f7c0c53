"""What results say about single images is known of each of them, not of the first one only."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from pydicom import dcmread
from support.bench import LOOPBACK_PACS, Bench
from support.ct_factory import ct_series, write_series
from support.predictors import SliceScorer
from support.reports import tree_lines

FLAGGED = (7, 8)


class _TwoSlices(SliceScorer):
    """Flags two slices in the middle."""

    def score(self, hu_slices: Sequence[np.ndarray], spacing_mm: Sequence[tuple[float, float]]) -> np.ndarray:
        scores = np.full((len(list(hu_slices)), 1), 0.01, np.float32)
        scores[list(FLAGGED)] = 0.99
        return scores


def test_every_flagged_image_has_its_region_and_its_place_in_a_presentation_state(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "home", [{**LOOPBACK_PACS, "results": ["sr", "pr"]}])
    bench.receive(write_series(tmp_path / "files", ct_series(12)))
    bench.settle()
    assert bench.worker_with(_TwoSlices()).work_one()
    (result,) = bench.app.database.jobs.result_sets_of_job(bench.jobs()[0].id)
    assert [made.role for made in result.objects] == ["sr", "pr"]
    report, state = (dcmread(bench.app.files.path(made.sop_instance_uid)) for made in result.objects)
    measurements = report.ContentSequence[-2]
    scores = sum("NUM 122157" in line for line in tree_lines(measurements))
    regions = sum("INFERRED FROM SCOORD" in line for line in tree_lines(measurements))
    assert (scores, regions) == (1 + len(FLAGGED), len(FLAGGED) + len(FLAGGED))
    (shown,) = state.ReferencedSeriesSequence
    assert len(shown.ReferencedImageSequence) == len(FLAGGED)
