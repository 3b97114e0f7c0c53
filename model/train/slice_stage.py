"""The network that looks at one slice, in training: a :class:`hounsfield.model.train.loop.Stage`."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from hounsfield.model.errors import TrainingError
from hounsfield.model.networks import build_network
from hounsfield.model.networks.spec import NetworkSpec
from hounsfield.model.train.batches import BagBatches, Batches, SliceBatches, needs_bags
from hounsfield.model.train.config import TrainConfig
from hounsfield.model.train.devices import Placement
from hounsfield.model.train.loop import Figures
from hounsfield.model.train.losses import slice_loss
from hounsfield.model.train.optimisers import build_optimiser, rate_at
from hounsfield.model.train.scoring import Scores, aggregated, compiled_for, figures_of, run_over, scored_part
from hounsfield.model.train.split import Part, Split
from hounsfield.model.train.variables import Trainable
from hounsfield.model.train.view import Rows, View


@dataclass(frozen=True, slots=True)
class Material:
    """What a training is made from."""

    config: TrainConfig
    view: View
    split: Split
    placement: Placement

    @property
    def spec(self) -> NetworkSpec:
        """The network that looks at a slice."""
        maps = self.view.prepared.maps is not None
        return self.config.network.spec(self.view.shape, self.view.truth.shape[1], maps=maps)


class SliceStage:
    """Trains a network on slices, or on series where slices have no labels."""

    name = "slices"

    def __init__(self, material: Material) -> None:
        """Build the network. Raises TrainingError for a data set or a configuration that does not allow it."""
        self._material = material
        config, placement = material.config, material.placement
        self._softmax = config.network.activation == "softmax"
        self.epochs = config.training.epochs
        self._batches = _batches(material, softmax=self._softmax)
        self.steps = self._batches.steps
        self._validation = material.split.series(Part.VALIDATION)
        with placement.scope():
            self.network = _built(material.spec)
            self._optimiser = build_optimiser(config.optimiser)
            self.trainable = Trainable(self.network, self._optimiser, placement, config.training.precision)
        self._step = self._compiled()
        self._call = compiled_for(self._score, material.view)

    def batches(self, epoch: int, first: int) -> Iterable[Any]:
        """Yield batches from a step on; they are read and augmented beside the network, a few ahead."""
        ahead: Iterable[Any] = _dataset(self._batches, epoch, first, self._material.config.training.threads)
        return ahead

    def rate(self, epoch: float) -> float:
        """Return the learning rate after so many epochs."""
        return rate_at(self._material.config.schedule, self._material.config.optimiser.rate, epoch, self.epochs)

    def learn(self, batch: Any, rate: float) -> Any:
        """Take a step; return its loss. Raises TrainingError for what the device cannot do."""
        import tensorflow as tf

        self.trainable.set_rate(rate)
        try:
            return self._step(batch)
        except tf.errors.ResourceExhaustedError as error:
            raise TrainingError("the device has no memory for such a batch: lower training.batch") from error
        except tf.errors.UnimplementedError as error:
            words = "the device cannot compute a layer of this network so: set training.xla = false"
            raise TrainingError(f"{words}, or another training.precision") from error

    def validate(self) -> Figures:
        """Judge the network on the validation part."""
        series = self._validation
        slices = self.scores(self._material.view.slices_of(series))
        highest = aggregated(self._material.view, series, slices, "max")
        return figures_of(scored_part(self._material.view, series, slices, highest))

    def scores(self, rows: Rows) -> Scores:
        """Return (k, L) of these slices."""
        with self._material.placement.scope():
            scores = run_over(self._call, self._material.view, rows)
        return scores[:, 1:] if self._softmax else scores

    def _score(self, images: Any) -> Any:
        outputs = self.network(images, training=False)
        return outputs[0] if isinstance(outputs, (list, tuple)) else outputs

    def _compiled(self) -> Any:
        """Return the step as a graph. XLA compiles network and gradients, not the exchange between devices."""
        import tensorflow as tf

        training, placement = self._material.config.training, self._material.placement
        loss = slice_loss(softmax=self._softmax, mask_weight=training.mask_weight, lesion_weight=training.lesion_weight)
        share = 1 / placement.count
        variables = self.network.trainable_variables

        def gradients(images: Any, *others: Any) -> Any:
            with tf.GradientTape() as tape:
                value = loss(self.network(images, training=True), *others, share)
                scaled = self.trainable.scaled(value)
            return value, tape.gradient(scaled, variables)

        inner = tf.function(gradients, autograph=False, jit_compile=training.xla or None)

        def step(arrays: Any) -> Any:
            value, found = inner(*arrays)
            self.trainable.optimiser.apply_gradients(zip(found, variables, strict=True))
            return value

        return placement.compiled(step)


def _batches(material: Material, *, softmax: bool) -> Batches:
    view, config = material.view, material.config
    series = material.split.series(Part.TRAIN)
    rows = view.slices_of(series)
    if needs_bags(view, rows):
        bags = BagBatches(view, series, config.training, config.augmentation, softmax=softmax)
        if bags.shapes()[4][0] % material.placement.count:
            words = f"a batch of {bags.shapes()[4][0]} series cannot be shared by {material.placement.count} devices"
            raise TrainingError(f"{words}: change training.batch")
        return bags
    return SliceBatches(view, rows, config.training, config.augmentation, softmax=softmax)


def _built(spec: NetworkSpec) -> Any:
    try:
        return build_network(spec)
    except ValueError as error:
        raise TrainingError(f"network {spec.name} with input {list(spec.shape)}: {error}") from error


def _dataset(batches: Batches, epoch: int, first: int, threads: int) -> Any:
    """Only a few batches are in memory at a time, whatever the size of the data set."""
    import tensorflow as tf

    shapes = batches.shapes()

    def arrays(step: Any) -> tuple[Any, ...]:
        return batches.batch(epoch, int(step)).arrays()

    @tf.autograph.experimental.do_not_convert  # type: ignore[untyped-decorator]
    def load(step: Any) -> tuple[Any, ...]:
        read = tf.numpy_function(arrays, [step], [tf.float32] * len(shapes), stateful=False)
        return tuple(tf.ensure_shape(array, shape) for array, shape in zip(read, shapes, strict=True))

    steps = tf.data.Dataset.range(first, batches.steps)
    return steps.map(load, num_parallel_calls=threads, deterministic=True).prefetch(2)
