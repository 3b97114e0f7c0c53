"""``train.toml``: what ``hounsfield train`` is told. Every key is validated; a wrong one is named with its file."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from hounsfield.model.aggregation import aggregation
from hounsfield.model.errors import TrainingError
from hounsfield.model.manifest import Code, Preference, Scope, Short, Slug, Version, Words
from hounsfield.model.networks.spec import SEQUENCE, NetworkChoice
from hounsfield.model.toml_file import Section, read_toml, validated

OptimiserName = Literal["adam", "adamw", "adagrad", "adadelta", "adamax", "lion", "nadam", "rmsprop", "sgd"]
ScheduleName = Literal["constant", "cosine", "step", "exponential"]
Share = Annotated[float, Field(ge=0.0, lt=1.0)]
Rate = Annotated[float, Field(gt=0.0, le=10.0)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
"""What NumPy, TensorFlow and Keras all take."""


class DataChoice(Section):
    """Which prepared data set, and how it is read."""

    prepared: Path
    """Folder that `hounsfield data prepare` made; relative to the configuration file."""
    allow_unclean: bool = False
    """Train on a data set that was not checked, or was prepared in spite of what the check found."""
    size: Annotated[int, Field(ge=16, le=2048)] | None = None
    """Rows and columns of the input; None: as prepared."""
    neighbours: Annotated[int, Field(ge=0, le=8)] = 0
    """So many slices on either side are channels too."""


class SplitChoice(Section):
    """How patients are divided; no patient is on two sides."""

    validation: Share = 0.15
    test: Share = 0.15
    seed: Seed = 1
    file: Path | None = None
    """CSV with the columns ``patient`` or ``series`` (keys of the prepared data set) and ``part`` (train, validation,
    test); then no shares are drawn."""

    @model_validator(mode="after")
    def _leaves_something(self) -> Self:
        if self.file is None and (self.validation == 0 or self.validation + self.test >= 1):
            raise ValueError("validation must be above 0, and validation + test below 1")
        return self


class OptimiserChoice(Section):
    """What moves the weights."""

    name: OptimiserName = "adam"
    rate: Rate = 1e-3
    """Learning rate, the highest one of a schedule."""
    weight_decay: Annotated[float, Field(ge=0.0, le=1.0)] = 0.0
    momentum: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.9
    """Of ``sgd`` and ``rmsprop``."""


class ScheduleChoice(Section):
    """How the learning rate changes over the epochs."""

    name: ScheduleName = "constant"
    warm_up: Annotated[float, Field(ge=0.0)] = 0.0
    """Epochs in which the rate rises from zero."""
    every: Annotated[float, Field(gt=0.0)] = 10.0
    """``step`` and ``exponential``: epochs after which the rate has been multiplied by ``factor`` once."""
    factor: Annotated[float, Field(gt=0.0, le=1.0)] = 0.5
    end: Share = 0.01
    """``cosine``: share of the rate that is left at the last epoch."""


class TrainingChoice(Section):
    """How long, on what, and when to stop."""

    seed: Seed = 1
    epochs: Annotated[int, Field(ge=1, le=100_000)] = 20
    batch: Annotated[int, Field(ge=1, le=65_536)] = 32
    """Slices of one step, over all devices; of a set whose slices have no labels they come from whole series."""
    steps: Annotated[int, Field(ge=1)] | None = None
    """Of an epoch; None: as many as see every slice once."""
    class_weights: Literal["auto", "none"] | dict[str, Annotated[float, Field(gt=0.0)]] = "auto"
    """Of positive slices against others, by label; ``auto``: so that both sides weigh the same, at most 20."""
    patience: Annotated[int, Field(ge=0)] = 5
    """Epochs without a better validation before it ends; 0: never. The best epoch becomes the model."""
    monitor: Literal["loss", "auc"] = "loss"
    """Of the validation set; ``auc`` is the mean over the labels."""
    mask_weight: Annotated[float, Field(ge=0.0)] = 1.0
    """Of the loss of lesion maps, where data set and network have them."""
    lesion_weight: Annotated[float, Field(gt=0.0)] = 4.0
    """Of a lesion cell against another one."""
    precision: Literal["float32", "mixed_float16", "mixed_bfloat16"] = "float32"
    xla: bool = False
    device: Literal["auto", "cpu", "gpu"] = "auto"
    devices: Annotated[int, Field(ge=0, le=64)] = 1
    """GPUs that share a batch; 0: all of them. (CPUs, where TensorFlow was given several logical ones.)"""
    threads: Annotated[int, Field(ge=1, le=64)] = 2
    """That read and augment beside the network."""
    checkpoint_seconds: Annotated[float, Field(gt=0.0)] = 300.0
    """Besides the end of each epoch."""
    tensorboard: bool = False


class Augmentation(Section):
    """Random changes that leave a head a head. There is no vertical flip: gravity layers blood, anatomy has a front."""

    flip: Share = 0.5
    """Chance to swap left and right."""
    rotate_degrees: Annotated[float, Field(ge=0.0, le=45.0)] = 8.0
    shift: Annotated[float, Field(ge=0.0, le=0.3)] = 0.05
    """Share of the side, each way."""
    scale: Annotated[float, Field(ge=0.0, le=0.5)] = 0.08
    gain: Annotated[float, Field(ge=0.0, le=1.0)] = 0.1
    """Values are multiplied by 1 - gain to 1 + gain."""
    offset: Annotated[float, Field(ge=0.0, le=1.0)] = 0.02
    noise: Annotated[float, Field(ge=0.0, le=1.0)] = 0.01
    """Highest standard deviation of what is added to each pixel."""


class SequenceChoice(Section):
    """The second stage of ``slice-sequence``."""

    cell: Literal["gru", "lstm"] = "gru"
    units: Annotated[int, Field(ge=1, le=1024)] = 24
    dropout: Share = 0.2
    epochs: Annotated[int, Field(ge=1, le=100_000)] = 20
    batch: Annotated[int, Field(ge=1, le=1024)] = 8
    """Series of one step."""
    rate: Rate = 2e-3
    step_mm: tuple[Annotated[float, Field(ge=0.0)], Annotated[float, Field(gt=0.0, le=1000.0)]] | None = None
    """Distances of slices it learns; finer series are read as coarser ones between each other. None: those of the
    training set."""
    series_weight: Annotated[float, Field(ge=0.0)] = 1.0
    """Of the loss of series scores against that of slice scores."""


class LabelChoice(Section):
    """What a label of the data set means in a report."""

    name: str
    """As the data set calls it."""
    report_as: str | None = None
    """What the bundle calls it; None: the same."""
    concept: Code
    site: Code
    short: Short
    decides: bool = True


class BundleChoice(Section):
    """The bundle that comes out."""

    name: Slug
    version: Version = "0.1.0"
    title: Annotated[str, Field(min_length=1, max_length=120)]
    intended_use: Words
    limits: Words
    clinical: bool = False
    banner: Annotated[str, Field(max_length=200)] = "research model, not for clinical use"
    training_data: Words | None = None
    """None: what the prepared data set says about its source."""
    aggregation: str = "top-3-mean"
    """From slices to the series; not of a ``slice-sequence``, which answers for the series itself."""
    sensitivity: Annotated[float, Field(gt=0.0, le=1.0)] = 0.95
    """On the validation set: it fixes the thresholds."""
    calibrate: bool = True
    """Fit slope and offset of each label on the validation set (Platt) into the last layer; not of a softmax."""
    license: Path | None = None
    """File with the terms under which the model may be used."""
    scope: Scope
    preference: Preference = Preference()
    labels: tuple[LabelChoice, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _known(self) -> Self:
        aggregation(self.aggregation)
        if not self.labels[0].decides:
            raise ValueError("the first label must decide")
        return self


class TrainConfig(Section):
    """The whole file."""

    data: DataChoice
    split: SplitChoice = SplitChoice()
    network: NetworkChoice = NetworkChoice()
    sequence: SequenceChoice = SequenceChoice()
    optimiser: OptimiserChoice = OptimiserChoice()
    schedule: ScheduleChoice = ScheduleChoice()
    training: TrainingChoice = TrainingChoice()
    augmentation: Augmentation = Augmentation()
    bundle: BundleChoice | None = None
    """None: only weights and figures are written."""

    @property
    def two_stages(self) -> bool:
        """Whether a second network looks at the series."""
        return self.network.name == SEQUENCE

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.two_stages and self.network.activation == "softmax":
            raise ValueError(f'network.activation must be "sigmoid" with {SEQUENCE}')
        if self.training.precision == "mixed_float16" and self.training.devices != 1:
            raise ValueError("training.precision mixed_float16 needs training.devices = 1; use mixed_bfloat16")
        return self


def read_config(path: Path) -> TrainConfig:
    """Read ``train.toml``; paths in it are made relative to its folder. Raises TrainingError naming file and key."""
    config = validated(TrainConfig, read_toml(path, TrainingError), path, TrainingError)
    return _placed(config, path.resolve().parent)


def _placed(config: TrainConfig, folder: Path) -> TrainConfig:
    data = config.data.model_copy(update={"prepared": folder / config.data.prepared})
    split = config.split
    if split.file is not None:
        split = split.model_copy(update={"file": folder / split.file})
    network = config.network
    if network.weights is not None:
        network = network.model_copy(update={"weights": folder / network.weights})
    bundle = config.bundle
    if bundle is not None and bundle.license is not None:
        bundle = bundle.model_copy(update={"license": folder / bundle.license})
    return config.model_copy(update={"data": data, "split": split, "network": network, "bundle": bundle})
