"""A series whose skull the edge of the images cuts open, through the whole pipeline."""

from pathlib import Path

import numpy as np
from pydicom import dcmread
from support.bench import LOOPBACK_PACS, Bench

from hounsfield.model.phantom.series import PhantomSpec, write_series
from hounsfield.storage.states import JobKind, Outcome, Reason


def cut_open(path: Path) -> None:
    """Leave out the rows down to 25 pixels below the top of the skull, as a field of view set too small does."""
    image = dcmread(path)
    image.PixelData = np.ascontiguousarray(image.pixel_array[ROWS:]).tobytes()
    image.Rows -= ROWS
    image.save_as(path)


ROWS = 55


def test_a_head_that_the_edge_of_the_images_cuts_open_is_not_analysed_rather_than_not_flagged(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "home", (LOOPBACK_PACS,), manifest=None)
    files = write_series(tmp_path / "cut", PhantomSpec(seed=3, lesion="intraparenchymal", matrix=256))
    for path in files:
        cut_open(path)
    bench.receive(files)
    bench.settle()
    assert bench.app.worker().work_one()
    (job,) = [one for one in bench.jobs() if one.kind is JobKind.INFER]
    assert (job.outcome, job.reason, job.score) == (Outcome.NOT_ANALYSED, Reason.COVERAGE, None)
