"""The second half of ``slice-sequence``: a bidirectional recurrent network over the vectors of all slices of a series.

How the winners of the RSNA 2019 challenge did it: a 2-D network makes a vector of each slice, and the sequence network
looks at a slice together with its neighbours.
"""

from typing import Any, Literal

Cell = Literal["gru", "lstm"]

SLICES, SERIES = "slices", "series"
"""Names of the outputs."""
STEP_UNIT_MM = 5.0


def build_sequence(width: int, labels: int, *, cell: Cell = "gru", units: int = 24, dropout: float = 0.2) -> Any:
    """Return a ``keras.Model`` from (1, n, width + 1) to slice scores (1, n, labels) and series scores (1, labels).

    The last column of the input is the distance (mm) from the slice before, 0 for the first. For the series each slice
    is boiled down to one number for each label; it is judged by these at their highest and in the mean. With more to
    look at it learned the training heads by heart.
    """
    import keras
    from keras import layers

    vectors = keras.Input((None, width + 1), name="vectors")
    scale = layers.Rescaling([1.0] * width + [1.0 / STEP_UNIT_MM], name="scale")
    kind = layers.GRU if cell == "gru" else layers.LSTM
    x = layers.Dropout(dropout)(scale(vectors))
    context = layers.Bidirectional(kind(units, return_sequences=True), name="context")(x)
    both = layers.concatenate([x, context])
    hidden = layers.Dropout(dropout)(layers.Dense(units, activation="relu", name="hidden")(both))
    evidence = layers.Dense(labels, name="evidence")(hidden)
    slices = layers.Dense(labels, activation="sigmoid", name=SLICES)(hidden)
    pooled = layers.concatenate([layers.GlobalMaxPooling1D()(evidence), layers.GlobalAveragePooling1D()(evidence)])
    series = layers.Dense(labels, activation="sigmoid", name=SERIES)(pooled)
    return keras.Model(vectors, [slices, series], name="sequence")
