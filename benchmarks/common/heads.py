"""Generated heads that several benchmarks send: drawn once, since drawing takes longer than what is measured.

Large ones are drawn with half the matrix, and each pixel then becomes four: a quarter of the time, and as many bytes to
receive, decode and preprocess.
"""

import shutil
from pathlib import Path

import numpy as np
from pydicom import dcmread

from hounsfield.model.phantom.series import PhantomSpec, write_series

STEP_MM = {40: 4.0, 300: 0.6}
"""Slices, and from one to the next: a routine head and a thin one."""
BLEEDS, BLEEDS_NOT = "subdural", None
LARGE = 512
_SEED = 3


def head(folder: Path, slices: int, *, lesion: str | None = BLEEDS_NOT, matrix: int = LARGE) -> list[Path]:
    """Return the files of a head, in the order of its slices; written into ``folder`` unless they are there."""
    here = folder / f"head-{slices}-{lesion or 'plain'}-{matrix}"
    if not here.exists():
        half = here.with_name(f"{here.name}.part")
        shutil.rmtree(half, ignore_errors=True)
        drawn = write_series(half, _spec(slices, lesion, matrix // 2 if matrix >= LARGE else matrix))
        if matrix >= LARGE:
            for file in drawn:
                _double(file)
        half.rename(here)
    return sorted(here.iterdir())


def _spec(slices: int, lesion: str | None, matrix: int) -> PhantomSpec:
    step = STEP_MM.get(slices, 160.0 / slices)
    return PhantomSpec(seed=_SEED, lesion=lesion, slices=slices, matrix=matrix, step_mm=step)


def _double(file: Path) -> None:
    """Make four pixels of each; the head keeps its size."""
    image = dcmread(file)
    stored = np.frombuffer(image.PixelData, "<u2").reshape(image.Rows, image.Columns)
    image.PixelData = stored.repeat(2, axis=0).repeat(2, axis=1).tobytes()
    image.Rows, image.Columns = 2 * image.Rows, 2 * image.Columns
    image.PixelSpacing = [float(mm) / 2 for mm in image.PixelSpacing]
    image.save_as(file, enforce_file_format=True)
