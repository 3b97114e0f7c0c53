"""Optimisers and schedules by the names a configuration uses."""

import math
from typing import Any

from hounsfield.model.train.config import OptimiserChoice, ScheduleChoice

_CLASSES = {
    "adam": "Adam",
    "adamw": "AdamW",
    "adagrad": "Adagrad",
    "adadelta": "Adadelta",
    "adamax": "Adamax",
    "lion": "Lion",
    "nadam": "Nadam",
    "rmsprop": "RMSprop",
    "sgd": "SGD",
}
_WITH_MOMENTUM = ("sgd", "rmsprop")


def build_optimiser(choice: OptimiserChoice) -> Any:
    """Return the ``keras.optimizers.Optimizer``; its rate is set anew before each step."""
    import keras

    options: dict[str, Any] = {"learning_rate": choice.rate}
    if choice.weight_decay:
        options["weight_decay"] = choice.weight_decay
    if choice.name in _WITH_MOMENTUM:
        options["momentum"] = choice.momentum
    return getattr(keras.optimizers, _CLASSES[choice.name])(**options)


def rate_at(choice: ScheduleChoice, highest: float, epoch: float, epochs: int) -> float:
    """Return the learning rate after so many epochs (with a fraction) of all ``epochs``.

    ``cosine`` as Loshchilov and Hutter (2017), without restarts, from the end of the warm-up to the last epoch.
    """
    if epoch < choice.warm_up:
        return highest * (epoch + 1e-3) / (choice.warm_up + 1e-3)
    match choice.name:
        case "cosine":
            way = min(1.0, (epoch - choice.warm_up) / max(1e-9, epochs - choice.warm_up))
            return highest * (choice.end + (1 - choice.end) * (1 + math.cos(math.pi * way)) / 2)
        case "step":
            return float(highest * choice.factor ** math.floor(epoch / choice.every))
        case "exponential":
            return float(highest * choice.factor ** (epoch / choice.every))
        case "constant":
            return highest
