"""The registry of builders, and what a built network must look like."""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from hounsfield.model.networks.backbone import BACKBONES, build_backbone
from hounsfield.model.networks.classic import build_classic
from hounsfield.model.networks.compact import build_compact
from hounsfield.model.networks.layers import FEATURES, SCORE

MASK = "mask"
"""Name of the optional output layer with lesion logits, for training only."""
SEQUENCE = "slice-sequence"
"""An encoder, which is one of the other networks, and a recurrent network over its vectors."""


Dropout = Annotated[float, Field(ge=0.0, lt=1.0)]


def _slice_network(name: str) -> str:
    if name not in BUILDERS and name not in BACKBONES:
        raise ValueError(f"must be one of {', '.join((*BUILDERS, *BACKBONES))}")
    return name


def _network(name: str) -> str:
    if name != SEQUENCE and name not in BUILDERS and name not in BACKBONES:
        raise ValueError(f"must be one of {', '.join((*BUILDERS, SEQUENCE, *BACKBONES))}")
    return name


def _check_activation(name: str, activation: str) -> None:
    if name == "compact" and activation != "sigmoid":
        raise ValueError('activation must be "sigmoid" with compact; classic and the backbones have softmax as well')


class _Options(BaseModel):
    """What both a configuration and a builder know."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    activation: Literal["sigmoid", "softmax"] = "sigmoid"
    """``sigmoid``: labels may hold together. ``softmax``: at most one of them does, and the model has a first column
    more, for none of them."""
    mask_head: bool = True
    """``compact`` only: learn where the lesion is as well, and let the score look at it."""
    momentum: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.9
    """Of batch normalisation. The usual 0.99 has not settled at the end of a training of minutes."""
    weights: Path | None = None
    """``.keras`` file with a network of the same kind, to start from; its head and its first convolution may differ."""


class NetworkChoice(_Options):
    """The ``[network]`` table of a training configuration."""

    name: Annotated[str, AfterValidator(_network)] = "compact"
    encoder: Annotated[str, AfterValidator(_slice_network)] = "compact"
    """What looks at a slice of a ``slice-sequence``."""
    dropout: Dropout | None = None
    """None: 0.5 in ``classic``, else 0.2."""

    @model_validator(mode="after")
    def _has_that_activation(self) -> Self:
        _check_activation(self.slice_name, self.activation)
        return self

    @property
    def slice_name(self) -> str:
        """The network that looks at a slice."""
        return self.encoder if self.name == SEQUENCE else self.name

    def spec(self, shape: tuple[int, int, int], labels: int, *, maps: bool) -> "NetworkSpec":
        """Return what to build for tensors of this shape; ``maps``: the data set has lesion maps."""
        common = {name: getattr(self, name) for name in _Options.model_fields}
        common["mask_head"] = self.mask_head and maps
        if self.dropout is not None:
            common["dropout"] = self.dropout
        return NetworkSpec(name=self.slice_name, shape=shape, labels=labels, **common)


class NetworkSpec(_Options):
    """What to build: one network that looks at one slice."""

    name: Annotated[str, AfterValidator(_slice_network)] = "compact"
    shape: tuple[Annotated[int, Field(ge=16)], Annotated[int, Field(ge=16)], Annotated[int, Field(ge=1)]]
    """(rows, columns, channels) of the input."""
    labels: Annotated[int, Field(ge=1)] = 1
    dropout: Dropout = Field(default_factory=lambda given: 0.5 if given.get("name") == "classic" else 0.2)

    @model_validator(mode="after")
    def _has_that_activation(self) -> Self:
        _check_activation(self.name, self.activation)
        return self

    @property
    def columns(self) -> int:
        """How many numbers the score has."""
        return self.labels + (self.activation == "softmax")


Builder = Callable[[NetworkSpec], Any]

BUILDERS: Mapping[str, Builder] = MappingProxyType({"compact": build_compact, "classic": build_classic})


def build_network(spec: NetworkSpec) -> Any:
    """Return a ``keras.Model`` with layers named ``features`` and ``score`` and, if asked for, one named ``mask``.

    Raises ValueError for a shape that the network cannot take, BundleError for weights that cannot be used.
    """
    builder = BUILDERS.get(spec.name, build_backbone)
    model = builder(spec)
    if spec.weights is not None:
        from hounsfield.model.networks.starting import start_from

        start_from(model, spec.weights)
    return model


def export_scores(model: Any) -> Any:
    """Return the ``keras.Model`` that a bundle ships: the same weights, only the score as output."""
    import keras

    return keras.Model(model.input, model.get_layer(SCORE).output, name=model.name)


def export_encoder(model: Any) -> Any:
    """Return the ``keras.Model`` that makes a vector of each slice, for a bundle whose sequence network scores them."""
    import keras

    return keras.Model(model.input, model.get_layer(FEATURES).output, name=model.name)
