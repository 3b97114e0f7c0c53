"""What an attribution is, and the number all of them explain: the log odds of the first label.

Log odds rather than the score: a sigmoid that is as good as 1 has no slope left, whatever the score rests on.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from hounsfield.model.errors import ExplanationError
from hounsfield.model.explain.heatmap import Heat
from hounsfield.model.runtime import tensorflow
from hounsfield.model.series_scores import InSequence

_SMALLEST = 1e-6


class Attribution(Protocol):
    """Distributes the score of a slice over its tensor."""

    @property
    def method(self) -> str:
        """How, in a word or two."""

    def heat(self, tensor: NDArray[np.float32], among: InSequence | None = None) -> Heat:
        """Return what raised (above zero) or lowered the score of a tensor (rows, columns, channels).

        ``among`` is the place of its slice in the series, for a bundle whose sequence network scores slices; the
        others are held as they were. Raises ExplanationError.
        """


def log_odds(score: Any) -> Any:
    """Return the log odds of a tensor of scores in [0, 1]; finite at both ends."""
    tf = tensorflow()
    return tf.math.log(score + _SMALLEST) - tf.math.log(1.0 - score + _SMALLEST)


@contextmanager
def explaining(method: str) -> Iterator[None]:
    """Make one error of those that TensorFlow and Keras have for a model that cannot be explained this way."""
    try:
        yield
    except (ValueError, TypeError, AttributeError, LookupError, RuntimeError, tensorflow().errors.OpError) as error:
        raise ExplanationError(f"{method} does not work for this model ({type(error).__name__})") from error
