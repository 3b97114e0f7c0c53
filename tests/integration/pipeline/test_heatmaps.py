"""Heatmaps on their way from the worker to the pages: of the slices shown, in their pixels, or not at all."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import Dataset, dcmread
from support.bench import LOOPBACK_PACS, Bench, bundle_fields
from support.bundles import keras_archive
from support.ct_factory import ct_series, head_hu, write_series
from support.predictors import SliceScorer

from hounsfield.daemon.pipeline import reporting
from hounsfield.model.bundle import write_bundle
from hounsfield.model.errors import ExplanationError
from hounsfield.model.explain import SliceExplainer, hottest
from hounsfield.model.page import PageContent
from hounsfield.model.page.pages import render_pages
from hounsfield.model.preprocess.steps import FieldOfView, Window, Windows
from hounsfield.model.series_scores import InSequence
from hounsfield.storage.states import JobState, Outcome

MARK = 1500
COUNT = 12


class Rising(SliceScorer):
    """Scores every slice a little higher than the one below it."""

    def score(self, hu_slices: Sequence[np.ndarray], spacing_mm: Sequence[tuple[float, float]]) -> np.ndarray:
        return np.linspace(0.5, 0.95, len(list(hu_slices)), dtype=np.float32)[:, None]


class Brightest:
    """Heat where the tensor is brightest."""

    method = "brightest"

    def heat(self, tensor: np.ndarray, among: InSequence | None = None) -> np.ndarray:
        return np.where(tensor[..., 0] == tensor.max(), 1.0, 0.0)


class Fails(Brightest):
    """Makes heatmaps of some slices only."""

    def __init__(self, after: int) -> None:
        self.left = after

    def heat(self, tensor: np.ndarray, among: InSequence | None = None) -> np.ndarray:
        self.left -= 1
        if self.left < 0:
            raise ExplanationError("not this one")
        return super().heat(tensor)


def explainer(attribution: Brightest) -> SliceExplainer:
    bright = Windows(windows=(Window(centre=1200.0, width=600.0),))
    return SliceExplainer((FieldOfView(size_mm=60.0, pixels=64, centre="image"), bright), attribution)


def place_of(number: int) -> tuple[int, int]:
    """Row and column of the mark in a slice."""
    return 20 + number, 40 - number


def marked_series(step: tuple[float, float, float] = (0.0, 0.0, 5.0), **attributes: Any) -> list[Dataset]:
    series = ct_series(COUNT, **attributes)
    for number, one in enumerate(series):
        hu = head_hu().copy()
        row, column = place_of(number)
        hu[row - 1 : row + 2, column - 1 : column + 2] = MARK
        stored = np.rint((hu - float(one.RescaleIntercept)) / float(one.RescaleSlope))
        one.PixelData = stored.astype(np.int16).tobytes()
        one.ImagePositionPatient = [number * along for along in step]
    return series


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[PageContent]:
    """What was drawn."""
    contents: list[PageContent] = []

    def remember(content: PageContent, **options: Any) -> Any:
        contents.append(content)
        return render_pages(content, **options)

    monkeypatch.setattr(reporting, "render_pages", remember)
    return contents


def analysed(bench: Bench, folder: Path, series: Sequence[Dataset], attribution: Brightest | None) -> None:
    bench.receive(write_series(folder, series))
    bench.settle()
    worker = bench.worker_with(Rising(), explainer=None if attribution is None else explainer(attribution))
    assert worker.work_one()
    (job,) = bench.jobs()
    assert (job.state, job.outcome) == (JobState.COMPLETED, Outcome.POSITIVE)


def test_the_slices_shown_have_heat_at_the_pixel_that_the_model_saw(
    bench: Bench, tmp_path: Path, drawn: list[PageContent]
) -> None:
    analysed(bench, tmp_path / "files", marked_series(), Brightest())
    (content,) = drawn
    assert [one.number for one in content.slices] == [9, 10, 11, 12]
    for one in content.slices:
        assert one.heatmap is not None
        assert one.heatmap.shape == one.hu.shape
        row, column = hottest(one.heatmap)
        assert one.hu[row, column] == MARK
        assert math.dist((row, column), place_of(one.number - 1)) <= 1.5
    assert "explain" in bench.jobs()[0].timings


def test_a_tilted_series_that_was_straightened_has_its_heat_on_the_slices_as_they_came(
    tmp_path: Path, drawn: list[PageContent]
) -> None:
    fields = bundle_fields()
    fields["scope"].update(tilt="resample", max_tilt_degrees=35.0)
    home = tmp_path / "home"
    write_bundle(home.with_name("bundle"), fields, {"model.keras": keras_archive()})
    bench = Bench(home, (LOOPBACK_PACS,))
    angle = math.radians(20.0)
    orientation = [1.0, 0.0, 0.0, 0.0, math.cos(angle), math.sin(angle)]
    analysed(bench, tmp_path / "files", marked_series(ImageOrientationPatient=orientation), Brightest())
    (content,) = drawn
    assert any("ilt" in remark for remark in content.remarks)
    for one in content.slices:
        assert one.heatmap is not None
        assert math.dist(hottest(one.heatmap), place_of(one.number - 1)) <= 1.5


@pytest.mark.parametrize("made", [0, 1, 3])
def test_a_heatmap_that_cannot_be_made_costs_nothing_but_itself(
    bench: Bench, tmp_path: Path, drawn: list[PageContent], made: int
) -> None:
    analysed(bench, tmp_path / "files", marked_series(), Fails(made))
    (content,) = drawn
    assert [one.heatmap is not None for one in content.slices] == [k < made for k in range(4)]
    assert bench.jobs()[0].attempts == 1


def test_a_model_without_an_explainer_has_no_heatmaps(bench: Bench, tmp_path: Path, drawn: list[PageContent]) -> None:
    analysed(bench, tmp_path / "files", marked_series(), None)
    assert all(one.heatmap is None for one in drawn[0].slices)
    assert "explain" not in bench.jobs()[0].timings


def test_a_flagged_result_carries_its_pages_and_all_of_them_are_small_enough(bench: Bench, tmp_path: Path) -> None:
    analysed(bench, tmp_path / "files", marked_series(), Brightest())
    results = [dcmread(path) for path in bench.app.files.folder.glob("*.dcm")]
    captures = [one for one in results if one.SOPClassUID == "1.2.840.10008.5.1.4.1.1.7"]
    assert len(captures) == 4
    assert sum(len(one.PixelData) for one in captures) < 6_000_000
    assert len({one.SeriesInstanceUID for one in captures}) == 1
