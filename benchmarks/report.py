"""How long the report and the summary page of one analysis take to build, by the number of slices.

    python benchmarks/report.py [--runs 5]

Target (docs/performance.md): 400 ms for 40 slices, 700 ms for 300, on two cores.
"""

import argparse
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from pydicom import dcmread

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from support.ct_factory import ct_series, head_hu, write_series
from support.reports import request

from hounsfield.daemon.results.registry import build
from hounsfield.model.page import PageContent, PageSlice, render_pages
from hounsfield.storage.states import Outcome


def pages() -> tuple[np.ndarray, ...]:
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
            slice_scores=(0.9,) * 40,
            slices=tuple(
                PageSlice(number=n, hu=hu, score=0.9, pixel_spacing=(0.45, 0.45), heatmap=heat) for n in range(1, 5)
            ),
            bundle="benchmark 1.0.0",
            completeness="COMPLETE",
            remarks=(),
            banner="for benchmarks only",
        )
    )


def main() -> None:
    """Print the median of page, report and capture together."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    runs = parser.parse_args().runs
    for count in (40, 300):
        seconds = []
        with tempfile.TemporaryDirectory() as folder:
            files = write_series(Path(folder), ct_series(count, spacing=0.5))
            for _ in range(runs):
                started = time.perf_counter()
                sources = tuple(dcmread(path, stop_before_pixels=True) for path in files)
                build(request(Outcome.POSITIVE, sources=sources, pages=pages()), ("sr", "sc"))
                seconds.append(time.perf_counter() - started)
        print(f"{count} slices: median {1000 * statistics.median(seconds):.0f} ms")


if __name__ == "__main__":
    main()
