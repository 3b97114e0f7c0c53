"""Which network: its name, its options, and what a builder is given."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

OWN = ("compact", "classic")
"""Networks with a module here."""
BACKBONES = (
    "ConvNeXtTiny",
    "ConvNeXtSmall",
    "ConvNeXtBase",
    "DenseNet121",
    "DenseNet169",
    "DenseNet201",
    "EfficientNetB0",
    "EfficientNetB1",
    "EfficientNetB2",
    "EfficientNetB3",
    "EfficientNetB4",
    "EfficientNetB5",
    "EfficientNetB6",
    "EfficientNetB7",
    "EfficientNetV2B0",
    "EfficientNetV2B1",
    "EfficientNetV2B2",
    "EfficientNetV2B3",
    "EfficientNetV2S",
    "EfficientNetV2M",
    "InceptionResNetV2",
    "InceptionV3",
    "MobileNet",
    "MobileNetV2",
    "MobileNetV3Large",
    "MobileNetV3Small",
    "NASNetMobile",
    "ResNet50",
    "ResNet50V2",
    "ResNet101",
    "ResNet101V2",
    "ResNet152",
    "ResNet152V2",
    "VGG16",
    "VGG19",
    "Xception",
)
"""Names of builders in ``keras.applications``."""
SEQUENCE = "slice-sequence"
"""An encoder, which is one of the other networks, and a recurrent network over its vectors."""

Dropout = Annotated[float, Field(ge=0.0, lt=1.0)]


def _slice_network(name: str) -> str:
    if name not in OWN and name not in BACKBONES:
        raise ValueError(f"must be one of {', '.join((*OWN, *BACKBONES))}")
    return name


def _network(name: str) -> str:
    if name != SEQUENCE and name not in OWN and name not in BACKBONES:
        raise ValueError(f"must be one of {', '.join((*OWN, SEQUENCE, *BACKBONES))}")
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
    maps: Annotated[int, Field(ge=1)] = 1
    """How many lesion maps the mask head makes: one of any lesion, or one for each label."""
    width: Annotated[float, Field(gt=0.0, le=8.0)] = 1.0
    """``compact`` only: factor on the number of filters."""
    dropout: Dropout = Field(default_factory=lambda given: 0.5 if given.get("name") == "classic" else 0.2)

    @model_validator(mode="after")
    def _has_that_activation(self) -> Self:
        _check_activation(self.name, self.activation)
        return self

    @property
    def columns(self) -> int:
        """How many numbers the score has."""
        return self.labels + (self.activation == "softmax")
