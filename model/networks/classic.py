"""The textbook CNN: three blocks of convolution and max pooling, one dense layer, dropout."""

from typing import Any

from hounsfield.model.networks.layers import FEATURES, score_layer
from hounsfield.model.networks.spec import NetworkSpec

FILTERS = (32, 64, 128)


def build_classic(spec: NetworkSpec) -> Any:
    """Return the network; it has no lesion map, whatever ``mask_head`` says."""
    import keras
    from keras import layers

    image = x = keras.Input(spec.shape, name="image")
    for filters in FILTERS:
        x = layers.MaxPooling2D()(layers.Conv2D(filters, 3, activation="relu", padding="same")(x))
    features = layers.Dense(128, activation="relu", name=FEATURES)(layers.Flatten()(x))
    return keras.Model(image, score_layer(spec)(layers.Dropout(spec.dropout)(features)), name="classic")
