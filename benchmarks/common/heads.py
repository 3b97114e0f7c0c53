"""Generated heads that several benchmarks send: drawn once, since drawing takes longer than what is measured."""

import shutil
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from hounsfield.model.phantom.series import PhantomSpec, write_series

STEP_MM = {40: 4.0, 300: 0.6}
"""Slices, and from one to the next: a routine head and a thin one."""
LESIONS = (None, "subdural")
_SEED = 3
"""The demonstration model flags the head that bleeds and not the other one."""


def heads(folder: Path, slices: int, matrix: int = 512) -> tuple[list[Path], list[Path]]:
    """Return the files of a head without a haemorrhage and of one with one, each in the order of its slices.

    They are written into ``folder`` unless they are there.
    """
    with ProcessPoolExecutor(len(LESIONS)) as pool:
        plain, bleeding = (pool.submit(_head, folder, slices, matrix, lesion) for lesion in LESIONS)
        return plain.result(), bleeding.result()


def _head(folder: Path, slices: int, matrix: int, lesion: str | None) -> list[Path]:
    here = folder / f"head-{slices}-{lesion or 'plain'}-{matrix}"
    if not here.exists():
        half = here.with_name(f"{here.name}.part")
        shutil.rmtree(half, ignore_errors=True)
        step = STEP_MM.get(slices, 160.0 / slices)
        write_series(half, PhantomSpec(seed=_SEED, lesion=lesion, slices=slices, matrix=matrix, step_mm=step))
        half.rename(here)
    return sorted(here.iterdir())
