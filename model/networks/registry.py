"""The registry of builders, and what a built network must look like."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from hounsfield.model.networks.classic import build_classic
from hounsfield.model.networks.compact import build_compact

SCORE = "score"
"""Name of the output layer with one sigmoid per label."""
FEATURES = "features"
"""Name of the layer whose output describes a slice: what a sequence network reads."""
MASK = "mask"
"""Name of the optional output layer with lesion logits, for training only."""


class NetworkSpec(BaseModel):
    """What to build. A table of a training configuration."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Literal["compact", "classic"] = "compact"
    shape: tuple[Annotated[int, Field(ge=16)], Annotated[int, Field(ge=16)], Annotated[int, Field(ge=1)]]
    """(rows, columns, channels) of the input."""
    labels: Annotated[int, Field(ge=1)] = 1
    mask_head: bool = True
    """``compact`` only: learn where the lesion is as well, and let the score look at it."""
    maps: Annotated[int, Field(ge=1)] = 1
    """How many lesion maps the mask head makes: one of any lesion, or one for each label."""
    width: Annotated[float, Field(gt=0.0, le=8.0)] = 1.0
    """``compact`` only: factor on the number of filters."""
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.2
    momentum: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.9
    """Of batch normalisation. The usual 0.99 has not settled at the end of a training of minutes."""


Builder = Callable[[NetworkSpec], Any]

BUILDERS: Mapping[str, Builder] = MappingProxyType({"compact": build_compact, "classic": build_classic})


def build_network(spec: NetworkSpec) -> Any:
    """Return a ``keras.Model`` with layers named ``features`` and ``score`` and, if asked for, one named ``mask``."""
    return BUILDERS[spec.name](spec)


def export_scores(model: Any) -> Any:
    """Return the ``keras.Model`` that a bundle ships: the same weights, only the score as output."""
    import keras

    return keras.Model(model.input, model.get_layer(SCORE).output, name=model.name)


def export_encoder(model: Any) -> Any:
    """Return the ``keras.Model`` that makes a vector of each slice, for a bundle whose sequence network scores them."""
    import keras

    return keras.Model(model.input, model.get_layer(FEATURES).output, name=model.name)
