"""One network, untrained, as bundles of every kind; and slices to score."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
from support.onnx_models import onnx_bytes

from hounsfield.model.bundle import Bundle, ModelKind, write_bundle
from hounsfield.model.networks import NetworkSpec, build_network, export_scores
from hounsfield.model.runtime import tensorflow

SPACING = (0.45, 0.45)
WINDOWS = ((40.0, 80.0), (80.0, 200.0), (600.0, 2800.0))


def network(side: int) -> Any:
    """Build ``compact`` for three windows."""
    tensorflow()
    import keras

    keras.utils.set_random_seed(1)
    return export_scores(build_network(NetworkSpec(name="compact", shape=(side, side, 3), mask_head=False)))


def bundles(folder: Path, model: Any) -> dict[ModelKind, Bundle]:
    """Write the network as a bundle of each kind."""
    made = {}
    for kind in ModelKind:
        target = folder / kind.value
        target.mkdir(parents=True)
        if kind is ModelKind.KERAS:
            model.save(target / "model.keras")
        elif kind is ModelKind.ONNX:
            (target / "model.onnx").write_bytes(onnx_bytes(model))
        else:
            model.export(target / "saved_model", verbose=False)
        made[kind] = write_bundle(target, _fields(model.input.shape[1]))
    return made


def _fields(side: int) -> dict[str, Any]:
    code = {"value": "1386000", "scheme": "SCT", "meaning": "Intracranial hemorrhage"}
    site = {"value": "12738006", "scheme": "SCT", "meaning": "Brain"}
    label = {"name": "x", "short": "X", "threshold": 0.5, "slice_threshold": 0.5, "concept": code, "site": site}
    windows = [{"centre": centre, "width": width} for centre, width in WINDOWS]
    return {
        "schema": 1,
        "name": "generated",
        "version": "0.0.0",
        "title": "Untrained",
        "intended_use": "timing",
        "limits": "untrained",
        "clinical": False,
        "calibrated": False,
        "created": date(2026, 1, 1),
        "scope": {"body_part": "HEAD", "description": "head"},
        "preprocessing": {
            "name": "windows-1",
            "steps": [{"name": "windows", "windows": windows}, {"name": "resize", "pixels": side}],
        },
        "input": {"shape": [side, side, len(WINDOWS)]},
        "output": {"aggregation": "max", "labels": [label]},
        "provenance": {"training_data": "none"},
    }


def stored(count: int) -> np.ndarray:
    """Stored values (count, 512, 512) of a scanner with intercept -1024."""
    return np.random.default_rng(0).integers(0, 2500, (count, 512, 512)).astype("<i2")


def decoded(pixels: np.ndarray) -> Iterator[np.ndarray]:
    """Yield HU, as reading uncompressed images does."""
    for one in pixels:
        yield np.frombuffer(one.tobytes(), "<i2").reshape(one.shape) - np.int16(1024)
