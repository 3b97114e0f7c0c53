"""All that changes in a training, as plain arrays: a checkpoint is nothing else."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hounsfield.model.errors import TrainingError
from hounsfield.model.train.devices import Placement

Arrays = Sequence[NDArray[Any]]


class Trainable:
    """A network with its optimiser. Make it, and use it, in the scope of the placement."""

    def __init__(self, network: Any, optimiser: Any, placement: Placement, precision: str = "float32") -> None:
        """Give the optimiser its variables; in half precision the loss is scaled so that small gradients survive."""
        import keras

        self._network, self._rated, self._placement = network, optimiser, placement
        self._scales = precision == "mixed_float16"
        self.optimiser = keras.optimizers.LossScaleOptimizer(optimiser) if self._scales else optimiser
        self.optimiser.build(network.trainable_variables)

    def scaled(self, loss: Any) -> Any:
        """Return the loss as gradients are taken of it."""
        return self.optimiser.scale_loss(loss) if self._scales else loss

    def set_rate(self, rate: float) -> None:
        """Set the learning rate of the next step."""
        self._rated.learning_rate.assign(rate)

    def arrays(self) -> list[NDArray[Any]]:
        """Return the values of network (with its random generators) and optimiser, in a fixed order."""
        return [np.array(one.value) for one in self._all()]

    def restore(self, arrays: Arrays) -> None:
        """Set them. Raises TrainingError if they are not those of this network and optimiser."""
        self._assign(self._all(), arrays)

    def weights(self) -> list[NDArray[Any]]:
        """Return the weights of the network."""
        return [np.array(one.value) for one in self._network.weights]

    def set_weights(self, arrays: Arrays) -> None:
        """Set them."""
        self._assign(self._network.weights, arrays)

    def _all(self) -> list[Any]:
        return [*self._network.variables, *self.optimiser.variables]

    def _assign(self, variables: Sequence[Any], arrays: Arrays) -> None:
        shapes = [tuple(one.shape) for one in variables], [one.shape for one in arrays]
        if shapes[0] != shapes[1]:
            raise TrainingError("the checkpoint belongs to another network; choose another folder for this training")
        with self._placement.scope():
            for variable, array in zip(variables, arrays, strict=True):
                variable.assign(array)
