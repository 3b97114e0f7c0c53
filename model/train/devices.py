"""Where a training computes: one device, or several that share each batch."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from hounsfield.model.errors import TrainingError
from hounsfield.model.runtime import choose_device, tensorflow
from hounsfield.model.train.config import TrainingChoice


@dataclass(frozen=True, slots=True)
class Placement:
    """One device by name, or a strategy over several."""

    names: tuple[str, ...]
    strategy: Any = None
    """``tf.distribute.MirroredStrategy``; None for one device."""

    @property
    def count(self) -> int:
        """How many devices share a batch."""
        return len(self.names)

    def scope(self) -> AbstractContextManager[Any]:
        """Return the context in which variables are made, used and set."""
        scope: AbstractContextManager[Any] = (
            self.strategy.scope() if self.strategy else tensorflow().device(self.names[0])
        )
        return scope

    def compiled(self, step: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """Return a step that takes the arrays of a batch and returns its loss, as a graph on all devices.

        Of several devices each gets an equal part of every array; losses and gradients are sums over the parts.
        """
        tf = tensorflow()
        if self.strategy is None:

            def on_one(arrays: Any) -> Any:
                with tf.device(self.names[0]):
                    return step(arrays)

            return tf.function(on_one, autograph=False)  # type: ignore[no-any-return]

        def on_all(arrays: Any) -> Any:
            parts = [tf.split(array, self.count) for array in arrays]
            own = tuple(
                self.strategy.experimental_distribute_values_from_function(
                    lambda context, part=part: part[context.replica_id_in_sync_group]
                )
                for part in parts
            )
            return self.strategy.reduce("SUM", run(own), axis=None)

        run = tf.function(lambda own: self.strategy.run(step, (own,)), autograph=False)
        return on_all


def settle(choice: TrainingChoice) -> Placement:
    """Make Keras and TensorFlow of this process deterministic and choose the devices.

    With XLA kernels need not be deterministic: it has no such form of common layers (max pooling).
    Raises DeviceError for a device that is not there, TrainingError for more devices than there are or a batch that
    they cannot share.
    """
    tf = tensorflow()
    import keras

    keras.backend.clear_session()
    keras.utils.set_random_seed(choice.seed)
    keras.config.set_dtype_policy(choice.precision)
    if not choice.xla:
        tf.config.experimental.enable_op_determinism()
    first = choose_device(choice.device) if not choice.xla else _without_determinism(choice.device)
    kind = first.strip("/").partition(":")[0]
    there = tf.config.list_logical_devices(kind)
    count = choice.devices or len(there)
    if count > len(there):
        raise TrainingError(f"training.devices is {count}, but TensorFlow sees {len(there)} of kind {kind}")
    if choice.batch % count:
        raise TrainingError(f"training.batch must be a multiple of the {count} devices that share it")
    if count == 1:
        return Placement((first,))
    names = tuple(f"/{kind}:{place}" for place in range(count))
    reduction = None if kind == "GPU" else tf.distribute.ReductionToOneDevice()
    return Placement(names, tf.distribute.MirroredStrategy(names, cross_device_ops=reduction))


def _without_determinism(device: str) -> str:
    """Choose a device as the worker does, but leave out what makes kernels deterministic."""
    tf = tensorflow()
    gpus = tf.config.list_physical_devices("GPU")
    if device == "cpu" or not gpus:
        return choose_device("cpu" if device == "auto" else device)
    return "/GPU:0"
