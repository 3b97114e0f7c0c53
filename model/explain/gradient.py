"""The gradient at the input: for models whose layers cannot be looked into, a SavedModel above all."""

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from hounsfield.model.errors import ExplanationError
from hounsfield.model.explain.attribution import explaining, log_odds
from hounsfield.model.explain.heatmap import Heat
from hounsfield.model.predictor import Predictor
from hounsfield.model.runtime import tensorflow

_SMOOTHING = 0.03
"""Standard deviation as a share of the tensor's rows: single pixels of a gradient are noise."""


@dataclass(frozen=True, slots=True)
class InputGradient:
    """Gradient times input, smoothed."""

    weights: Any
    """tf.function: (1, rows, columns, channels) -> (1, rows, columns)."""
    method: str = "gradient times input"

    @classmethod
    def of(cls, predictor: Predictor) -> "InputGradient":
        """Differentiate a model. Raises ExplanationError if it cannot be differentiated."""
        tf = tensorflow()

        def weights(image: Any) -> Any:
            with tf.device(predictor.model.device):
                with tf.GradientTape() as tape:
                    tape.watch(image)
                    answer = log_odds(predictor.model.call(image)[:, predictor.first_column])
                slope = tape.gradient(answer, image)
                if slope is None:  # while the function is traced: a model that passes no gradient on
                    raise ExplanationError("the model passes no gradient on to its input")
                return tf.reduce_sum(image * slope, -1)

        shape = (1, *predictor.bundle.manifest.input.shape)
        return cls(tf.function(weights, input_signature=[tf.TensorSpec(shape, tf.float32)], autograph=False))

    def heat(self, tensor: NDArray[np.float32]) -> Heat:
        """Smooth it."""
        with explaining(self.method):
            found = np.asarray(self.weights(tensor[None]), np.float32)[0]
        return np.asarray(cv2.GaussianBlur(found, (0, 0), _SMOOTHING * found.shape[0]), np.float32)
