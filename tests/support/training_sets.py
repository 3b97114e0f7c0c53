"""Small prepared data sets that a network learns in seconds."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hounsfield.model.data.prepared import Prepared, PreparedWriter, SeriesBlock
from hounsfield.model.preprocess import PreprocessingSpec
from hounsfield.model.train.config import TrainConfig

PIXELS = 16
WINDOW = PreprocessingSpec.model_validate(
    {
        "name": "brain",
        "steps": [
            {"name": "padding"},
            {"name": "windows", "windows": [{"centre": 40.0, "width": 80.0}]},
            {"name": "resize", "pixels": PIXELS},
        ],
    }
)
ICH = {"value": "1386000", "scheme": "SCT", "meaning": "Intracranial hemorrhage"}
BRAIN = {"value": "12738006", "scheme": "SCT", "meaning": "Brain"}
Tensors = NDArray[np.float32]


def write_set(
    folder: Path,
    draw: Callable[[int, np.random.Generator], tuple[Tensors, NDArray[np.float32]]],
    count: int,
    *,
    labels: Sequence[str] = ("any",),
    clean: bool = True,
    series_truth: Callable[[NDArray[np.float32]], tuple[float, ...]] | None = None,
    per_patient: int = 1,
    maps: bool = False,
) -> Prepared:
    """Write ``count`` series; ``draw`` gives tensors (n, rows, columns, channels) and truth (n, labels) of one."""
    rng = np.random.default_rng(7)
    with PreparedWriter(folder, tuple(labels), WINDOW, source="Drawn by a test.") as writer:
        for number in range(count):
            tensors, truth = draw(number, rng)
            names = tuple(f"{number}/{one}.dcm" for one in range(len(tensors)))
            told = series_truth(truth) if series_truth else tuple([float("nan")] * len(labels))
            writer.add(
                SeriesBlock(
                    key=f"s{number:04}",
                    patient=f"p{number // per_patient:04}",
                    scanner="",
                    truth=told,
                    tensors=tensors,
                    names=names,
                    position_mm=np.arange(len(tensors)) * 5.0,
                    slice_truth=truth,
                    maps=np.zeros((len(tensors), PIXELS // 4, PIXELS // 4, 1)) if maps else None,
                )
            )
        return writer.finish(clean=clean)


def blob(number: int, rng: np.random.Generator, slices: int = 6) -> tuple[Tensors, NDArray[np.float32]]:
    """Noise; in every other series two slices are positive and have a bright square."""
    tensors = rng.normal(0.3, 0.1, (slices, PIXELS, PIXELS, 1)).astype(np.float32)
    truth = np.zeros((slices, 1), np.float32)
    if number % 2:
        at = int(rng.integers(1, PIXELS - 7))
        tensors[2:4, at : at + 6, at : at + 6] += 0.6
        truth[2:4] = 1
    return tensors, truth


def context(_: int, rng: np.random.Generator, slices: int = 10) -> tuple[Tensors, NDArray[np.float32]]:
    """Slices are bright or not; one is positive if it is bright and the one before it is as well."""
    bright = rng.random(slices) < 0.5
    tensors = rng.normal(0.2, 0.05, (slices, PIXELS, PIXELS, 1)).astype(np.float32)
    tensors[bright] += 0.5
    before = np.concatenate([[False], bright[:-1]])
    return tensors, (bright & before).astype(np.float32)[:, None]


def config_of(prepared: Path, **tables: dict[str, Any]) -> TrainConfig:
    """Return a short training with these tables."""
    base: dict[str, dict[str, Any]] = {
        "data": {"prepared": str(prepared)},
        "network": {"name": "classic"},
        "optimiser": {"rate": 0.002},
        "training": {"epochs": 2, "batch": 16, "device": "cpu"},
    }
    return TrainConfig.model_validate({name: base.get(name, {}) | tables.get(name, {}) for name in {**base, **tables}})


def bundle_table(**changes: Any) -> dict[str, Any]:
    """Return what ``[bundle]`` needs."""
    return {
        "name": "my-ich",
        "title": "Made by a test",
        "intended_use": "To test.",
        "limits": "Good for nothing.",
        "scope": {"body_part": "(?i)head", "description": "(?i)head"},
        "labels": [{"name": "any", "report_as": "haemorrhage", "short": "ICH", "concept": ICH, "site": BRAIN}],
    } | changes
