"""Bundles for tests: the fields of a valid manifest, and archives that look like what Keras saves."""

import io
import json
import zipfile
from datetime import date
from typing import Any

import numpy as np

SIDE = 32


def manifest_fields() -> dict[str, Any]:
    """Return a valid manifest without ``files``; a fresh copy each time, to be spoiled by the test."""
    code = {"value": "1386000", "scheme": "SCT", "meaning": "Intracranial hemorrhage"}
    return {
        "schema": 1,
        "name": "tiny",
        "version": "0.1.0",
        "title": "A model of a few parameters",
        "intended_use": "tests",
        "limits": "untrained",
        "clinical": False,
        "calibrated": False,
        "banner": "untrained, for tests only",
        "created": date(2026, 11, 22),
        "scope": {"modality": ["CT"], "body_part": "(?i)^head", "description": "(?i)head|sch[äa]del"},
        "preprocessing": {
            "name": "window-1",
            "steps": [
                {"name": "windows", "windows": [{"centre": 40.0, "width": 80.0}]},
                {"name": "resize", "pixels": SIDE},
            ],
        },
        "input": {"shape": [SIDE, SIDE, 1]},
        "output": {
            "aggregation": "top-3-mean",
            "labels": [
                {
                    "name": "haemorrhage",
                    "index": 0,
                    "threshold": 0.5,
                    "slice_threshold": 0.5,
                    "concept": code,
                    "site": {"value": "12738006", "scheme": "SCT", "meaning": "Brain"},
                    "short": "ICH",
                }
            ],
        },
        "provenance": {"training_data": "none", "seed": 1, "metrics": {"slice_auc": 0.5}},
        "golden": {"file": "golden/slices.npz", "tolerance": 1e-3},
    }


def golden_hu(slices: int = 5) -> np.ndarray:
    """Return int16 HU (slices, 64, 64) with something in each window."""
    return np.random.default_rng(1).integers(-20, 100, (slices, 64, 64), dtype=np.int16)


def keras_archive(*layers: dict[str, Any], **members: bytes) -> bytes:
    """Return an archive laid out as ``model.keras``, with a config of these layers and no real weights."""
    config = {"module": "keras.src.models.functional", "class_name": "Functional", "config": {"layers": list(layers)}}
    content = {
        "metadata.json": b"{}",
        "config.json": json.dumps(config).encode(),
        "model.weights.h5": b"\x89HDF\r\n\x1a\n",
        **{name.replace("__", "."): value for name, value in members.items()},
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, value in content.items():
            archive.writestr(zipfile.ZipInfo(name), value)
    return buffer.getvalue()


def layer(class_name: str, module: str | None = "keras.layers", **more: Any) -> dict[str, Any]:
    """Return one layer as Keras serialises it."""
    return {"module": module, "class_name": class_name, "config": {}, "registered_name": None, **more}


def sequence_fields(labels: int = 1, step_mm: tuple[float, float] = (4.0, 6.0)) -> dict[str, Any]:
    """Return the manifest of a bundle whose second network reads the series; without ``files`` as well."""
    fields = manifest_fields()
    (label,) = fields["output"]["labels"]
    more = [{**label, "name": f"kind-{k}", "index": k, "decides": False} for k in range(1, labels)]
    fields["input"]["context"] = "series"
    fields["sequence"] = {"step_mm": list(step_mm)}
    fields["output"] = {"aggregation": "model", "labels": [label, *more]}
    return fields
