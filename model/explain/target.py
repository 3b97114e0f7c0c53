"""The number that is explained, for TensorFlow: log odds of the first label, from what the first network answers.

For a bundle whose model sees one slice at a time they are in that answer. With a sequence network the answer is the
vector of the slice, which is put among those of its series; the others are held fixed.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from hounsfield.model.engines.engine import LoadedModel
from hounsfield.model.engines.tensorflow_engine import sequence_answers
from hounsfield.model.errors import ExplanationError
from hounsfield.model.explain.attribution import log_odds
from hounsfield.model.predictor import Predictor
from hounsfield.model.runtime import tensorflow
from hounsfield.model.series_scores import InSequence


@dataclass(frozen=True, slots=True)
class Target:
    """What to look into, and what follows from its answer."""

    model: LoadedModel
    column: int
    """Of the first label."""

    @classmethod
    def of(cls, predictor: Predictor) -> "Target":
        """Raise ExplanationError for a bundle that TensorFlow does not run."""
        if predictor.model is None:
            raise ExplanationError("nobody can look into this model")
        return cls(predictor.model, predictor.first_column)

    @property
    def signature(self) -> list[Any]:
        """Of the arguments that :func:`arguments` makes of the place of a slice."""
        tf = tensorflow()
        return [tf.TensorSpec((None, None), tf.float32), tf.TensorSpec((), tf.int32)]

    def odds(self, answer: Any, rows: Any, place: Any) -> Any:
        """Return log odds (1,) from an answer (1, width) of the first network."""
        if self.model.sequence is None:
            return log_odds(answer[:, self.column])
        tf = tensorflow()
        row = tf.concat([answer, rows[place : place + 1, -1:]], -1)
        together = tf.concat([rows[:place], row, rows[place + 1 :]], 0)
        slices, _ = sequence_answers(self.model.sequence, together[None])
        return log_odds(slices[:, place, self.column])


def arguments(among: InSequence | None) -> tuple[Any, Any]:
    """Return the rows of the series and the place of the slice, for a traced function."""
    if among is None:
        return np.zeros((1, 1), np.float32), np.int32(0)
    return among.rows, np.int32(among.place)
