"""How long the pages, the report and the captures of one analysis of six labels take to build, by slices."""

import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom import dcmread
from support.ct_factory import ct_series, head_hu, write_series
from support.reports import SUBTYPES, six_labels

from hounsfield.daemon.results.registry import build
from hounsfield.model.page import FurtherScore, PageContent, PageSlice, render_pages

TARGETS_MS = {40: 400, 300: 700}


@dataclass(frozen=True, slots=True)
class Cost:
    """Milliseconds, in each round."""

    slices: int
    pages_ms: list[float]
    objects_ms: list[float]
    target_ms: int

    @property
    def total_ms(self) -> list[float]:
        """Pages and objects."""
        return [one + other for one, other in zip(self.pages_ms, self.objects_ms, strict=True)]


def costs(rounds: int) -> list[Cost]:
    """Measure both sizes; the headers of the series are read anew each time, as the worker does."""
    return [_cost(count, rounds, target) for count, target in TARGETS_MS.items()]


def _cost(count: int, rounds: int, target: int) -> Cost:
    pages, objects = [], []
    with tempfile.TemporaryDirectory() as folder:
        files = write_series(Path(folder), ct_series(count, spacing=0.5))
        for _ in range(rounds):
            started = time.perf_counter()
            drawn = _pages(count)
            between = time.perf_counter()
            sources = tuple(dcmread(path, stop_before_pixels=True) for path in files)
            build(six_labels(sources=sources, pages=drawn), ("sr", "sc"))
            pages.append(1000 * (between - started))
            objects.append(1000 * (time.perf_counter() - between))
    return Cost(count, pages, objects, target)


def _pages(count: int) -> tuple[np.ndarray, ...]:
    """Draw four slices of a real matrix with heatmaps, as the worker does for every flagged analysis."""
    hu = head_hu(512).astype(np.float32)
    heat = (np.hypot(*np.indices(hu.shape) - 200.0) < 60).astype(np.float32)
    return render_pages(
        PageContent(
            verdict="FLAGGED",
            words="",
            short="ICH",
            score=0.9,
            score_word="Score",
            threshold=0.5,
            slice_threshold=0.5,
            slice_scores=(0.9,) * count,
            slices=tuple(
                PageSlice(number=n, hu=hu, score=0.9, pixel_spacing=(0.45, 0.45), heatmap=heat) for n in range(1, 5)
            ),
            further=tuple(FurtherScore(name=label.name, score=0.7, threshold=0.6) for label in SUBTYPES),
            bundle="benchmark 1.0.0",
            completeness="COMPLETE",
            remarks=(),
            banner="for benchmarks only",
        )
    )
