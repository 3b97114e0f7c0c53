"""From exported networks to a bundle that the daemon serves."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from hounsfield.model.bundle import Bundle
from hounsfield.model.errors import TrainingError
from hounsfield.model.evaluate.thresholds import Thresholds
from hounsfield.model.manifest import BY_MODEL, Golden, Manifest
from hounsfield.model.phantom import PhantomSpec, Subtype, render
from hounsfield.model.selftest import write_bundle_with_golden
from hounsfield.model.toml_text import toml_text
from hounsfield.model.train.config import LabelChoice, TrainConfig
from hounsfield.model.train.export import Exported
from hounsfield.model.train.keras_file import keras_bytes
from hounsfield.model.train.scoring import StepRange
from hounsfield.model.train.view import View

MODEL, SEQUENCE_MODEL = "model.keras", "sequence.keras"
GOLDEN = PhantomSpec(seed=90_002, lesion=Subtype.INTRAPARENCHYMAL, slices=12, step_mm=5.0, matrix=128)
"""A generated head: a golden slice is never a patient's."""
NO_THRESHOLD = 0.5
"""Of a label without a positive validation case; the card says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """What a bundle is made of."""

    config: TrainConfig
    view: View
    model: Exported
    thresholds: Thresholds
    metrics: Mapping[str, Any]
    card: str
    created: date


def check_bundle_choice(config: TrainConfig, view: View) -> None:
    """Raise TrainingError now for what would spoil the bundle after hours of training."""
    if (bundle := config.bundle) is None:
        return
    names = view.prepared.about.labels
    for place, label in enumerate(bundle.labels):
        if label.name not in names:
            words = f"no such label in the prepared data set; there are {', '.join(names)}"
            raise TrainingError(f"bundle.labels[{place}].name: {label.name}: {words}")
    if bundle.license is not None and not bundle.license.is_file():
        raise TrainingError(f"bundle.license: {bundle.license}: there is no such file")
    nothing = (None,) * len(names)
    thresholds = Thresholds(labels=names, slices=nothing, series=nothing, origin="")
    fields = manifest_fields(config, view, StepRange(0.0, 1.0), thresholds, {}, date.min)
    Manifest.parse(toml_text(fields | {"files": {"MODEL_CARD.md": "0" * 64}}).encode(), "[bundle]")


def write_trained(folder: Path, packed: Packed) -> Bundle:
    """Write the bundle, verify it and return it. Its golden scores are those of a generated head."""
    bundle, model = packed.config.bundle, packed.model
    if bundle is None:
        raise ValueError("a bundle needs [bundle]")
    golden = render(GOLDEN)
    files: dict[str, bytes | Path] = {MODEL: keras_bytes(model.network), "MODEL_CARD.md": packed.card.encode()}
    # The heights of the golden slices matter only to a network that looks at the series.
    positions: dict[str, Any] = {}
    if model.sequence is not None:
        files[SEQUENCE_MODEL] = keras_bytes(model.sequence)
        positions["positions_mm"] = np.arange(GOLDEN.slices) * GOLDEN.step_mm
    if bundle.license is not None:
        files["LICENSE"] = bundle.license
    fields = manifest_fields(packed.config, packed.view, model.steps, packed.thresholds, packed.metrics, packed.created)
    return write_bundle_with_golden(folder, fields, golden.hu, golden.spacing_mm[1:], files, **positions)


def manifest_fields(
    config: TrainConfig,
    view: View,
    steps: StepRange | None,
    thresholds: Thresholds,
    metrics: Mapping[str, Any],
    created: date,
) -> dict[str, Any]:
    """Return the manifest without the hashes of the files."""
    bundle = config.bundle
    if bundle is None:
        raise ValueError("a manifest needs [bundle]")
    by_model = config.two_stages
    fields: dict[str, Any] = {
        "schema": 1,
        **{name: getattr(bundle, name) for name in ("name", "version", "title", "intended_use", "limits", "clinical")},
        "calibrated": by_model and bundle.calibrate,
        "banner": bundle.banner,
        "created": created,
        "scope": bundle.scope.model_dump(mode="json", exclude_none=True),
        "preference": bundle.preference.model_dump(mode="json", exclude_none=True),
        "preprocessing": view.preprocessing.model_dump(mode="json"),
        "input": {
            "shape": list(view.shape),
            "neighbours": view.neighbours,
            "context": "series" if by_model else "slice",
        },
        "output": {
            "aggregation": BY_MODEL if by_model else bundle.aggregation,
            "labels": [_label(config, one, thresholds) for one in bundle.labels],
        },
        "provenance": {
            "training_data": bundle.training_data or view.prepared.about.source or "not described",
            "script": "hounsfield train",
            "seed": config.training.seed,
            "metrics": dict(metrics),
        },
        "golden": Golden().model_dump(),
    }
    if by_model and steps is not None:
        fields["sequence"] = {"step_mm": [steps.smallest, steps.largest]}
    return fields


def _label(config: TrainConfig, label: LabelChoice, thresholds: Thresholds) -> dict[str, Any]:
    place = thresholds.labels.index(label.name)
    series, slices = thresholds.series[place], thresholds.slices[place]
    return {
        "name": label.report_as or label.name,
        # The first column of a softmax stands for none of the labels.
        "index": place + (config.network.activation == "softmax"),
        "threshold": NO_THRESHOLD if series is None else series,
        "slice_threshold": (series or NO_THRESHOLD) if slices is None else slices,
        "concept": label.concept.model_dump(),
        "site": label.site.model_dump(),
        "short": label.short,
        "decides": label.decides,
    }
