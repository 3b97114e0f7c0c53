"""What a training leaves: networks in float32 that a bundle can ship, and their scores as serving will make them."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from hounsfield.model.evaluate.calibrate import fit_calibration, fold_into
from hounsfield.model.evaluate.cases import Level
from hounsfield.model.evaluate.scored import Scored
from hounsfield.model.networks import build_network, export_encoder, export_scores
from hounsfield.model.networks.layers import SCORE
from hounsfield.model.networks.sequence import SERIES, SLICES
from hounsfield.model.train.scoring import (
    Call,
    Scores,
    StepRange,
    aggregated,
    compiled_for,
    run_over,
    scored_part,
    sequence_scores,
)
from hounsfield.model.train.sequence_stage import SequenceStage, as_function, built_sequence
from hounsfield.model.train.slice_stage import Material, SliceStage
from hounsfield.model.train.view import Rows

DEFAULT_AGGREGATION = "top-3-mean"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """The networks of a bundle."""

    network: Any
    """``model.keras``: scores, or vectors where there is a second one."""
    sequence: Any | None
    """``sequence.keras``."""
    steps: StepRange | None
    """Distances of slices that the second one knows."""

    @property
    def parameters(self) -> int:
        """How many weights they have together."""
        return int(self.network.count_params() + (self.sequence.count_params() if self.sequence else 0))


def exported(material: Material, slices: SliceStage, series: SequenceStage | None, steps: StepRange | None) -> Exported:
    """Build the networks anew in float32 and give them the trained weights."""
    import keras

    keras.config.set_dtype_policy("float32")
    whole = build_network(material.spec.model_copy(update={"weights": None}))
    whole.set_weights(slices.trainable.weights())
    if series is None:
        return Exported(network=export_scores(whole), sequence=None, steps=None)
    encoder = export_encoder(whole)
    sequence = built_sequence(material.config.sequence, encoder.output.shape[-1], material.view.truth.shape[1])
    sequence.set_weights(series.trainable.weights())
    return Exported(network=encoder, sequence=sequence, steps=steps)


class Scorer:
    """Scores series as a bundle with these networks will, with the weights that they have at that moment."""

    def __init__(self, material: Material, model: Exported) -> None:
        """Make graphs of the networks."""
        self._material, self._steps = material, model.steps
        network = model.network
        self._call = compiled_for(lambda images: network(images, training=False), material.view)
        self._second = as_function(model.sequence, network.output.shape[-1]) if model.sequence else None

    def __call__(self, series: Rows) -> Scored:
        """Return scores beside the truth."""
        view = self._material.view
        answers = run_over(self._call, view, view.slices_of(series))
        if self._second is not None and self._steps is not None:
            return self._by_sequence(self._second, self._steps, series, answers)
        slices = answers[:, 1:] if self._material.config.network.activation == "softmax" else answers
        bundle = self._material.config.bundle
        how = bundle.aggregation if bundle else DEFAULT_AGGREGATION
        return scored_part(view, series, slices, aggregated(view, series, slices, how))

    def _by_sequence(self, call: Call, steps: StepRange, series: Rows, vectors: Scores) -> Scored:
        view = self._material.view
        own = view.prepared.index.series[view.slices_of(series)]
        pairs = []
        for one in series:
            pairs.append(sequence_scores(call, vectors[own == one], view.steps_mm(int(one)), steps.smallest))
        slices, whole = np.concatenate([one for one, _ in pairs]), np.stack([one for _, one in pairs])
        return scored_part(view, series, slices, whole)


def calibrate(model: Exported, validation: Scored) -> None:
    """Fold the calibration of each label into the last layers: of slices, and of series where a network scores them.

    Only for sigmoids. Raises MissingExtra without scikit-learn.
    """
    targets: tuple[tuple[Any, str, Level], ...] = ((model.network, SCORE, Level.SLICE),)
    if model.sequence is not None:
        targets = ((model.sequence, SLICES, Level.SLICE), (model.sequence, SERIES, Level.SERIES))
    for network, layer, level in targets:
        found = fit_calibration(validation, level)
        fold_into(network, layer, found.slope, found.offset)
