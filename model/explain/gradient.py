"""The gradient at the input: for models whose layers cannot be looked into, a SavedModel above all."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from hounsfield.model.errors import ExplanationError
from hounsfield.model.explain.attribution import explaining
from hounsfield.model.explain.heatmap import Heat
from hounsfield.model.explain.target import Target, arguments
from hounsfield.model.predictor import Predictor
from hounsfield.model.runtime import tensorflow
from hounsfield.model.series_scores import InSequence

_SMOOTHING = 0.03
"""Standard deviation as a share of the tensor's rows: single pixels of a gradient are noise."""


@dataclass(frozen=True, slots=True)
class InputGradient:
    """Gradient times input, smoothed. Of slices with neighbours in their channels, only the middle one counts."""

    weights: Any
    """tf.function: (1, rows, columns, channels), rows of the series and place -> (1, rows, columns)."""
    method: str = "gradient times input"

    @classmethod
    def of(cls, predictor: Predictor) -> "InputGradient":
        """Differentiate a model. Raises ExplanationError if it cannot be differentiated."""
        target = Target.of(predictor)
        tf = tensorflow()
        manifest = predictor.bundle.manifest
        neighbours, channels = manifest.input.neighbours, manifest.input.shape[2]
        own = channels // (2 * neighbours + 1)
        middle = slice(neighbours * own, (neighbours + 1) * own)

        def weights(image: Any, rows: Any, place: Any) -> Any:
            with tf.device(target.model.device):
                with tf.GradientTape() as tape:
                    tape.watch(image)
                    answer = target.odds(target.model.call(image), rows, place)
                slope = tape.gradient(answer, image)
                if slope is None:  # while the function is traced: a model that passes no gradient on
                    raise ExplanationError("the model passes no gradient on to its input")
                return tf.reduce_sum((image * slope)[..., middle], -1)

        signature = [tf.TensorSpec((1, *manifest.input.shape), tf.float32), *target.signature]
        return cls(tf.function(weights, input_signature=signature, autograph=False))

    def heat(self, tensor: NDArray[np.float32], among: InSequence | None = None) -> Heat:
        """Smooth it."""
        with explaining(self.method):
            found = np.asarray(self.weights(tensor[None], *arguments(among)), np.float32)[0]
        return np.asarray(cv2.GaussianBlur(found, (0, 0), _SMOOTHING * found.shape[0]), np.float32)
