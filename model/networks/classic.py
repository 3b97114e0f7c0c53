"""The textbook CNN: three blocks of convolution and max pooling, one dense layer, dropout."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hounsfield.model.networks.registry import NetworkSpec

FILTERS = (32, 64, 128)


def build_classic(spec: "NetworkSpec") -> Any:
    """Return the network; it has no lesion map, whatever ``mask_head`` says."""
    import keras
    from keras import layers

    image = x = keras.Input(spec.shape, name="image")
    for filters in FILTERS:
        x = layers.MaxPooling2D()(layers.Conv2D(filters, 3, activation="relu", padding="same")(x))
    x = layers.Dropout(0.5)(layers.Dense(128, activation="relu", name="features")(layers.Flatten()(x)))
    return keras.Model(image, layers.Dense(spec.labels, activation="sigmoid", name="score")(x), name="classic")
