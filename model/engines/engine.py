"""What every engine can do. One contract suite holds all of them to it (tests/contract/engines)."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Run = Callable[[Array], Array]
"""From a batch (batch, rows, columns, channels) to its answers (batch, width): scores, or vectors of slices.

Raises OutOfModelMemory, DeviceLost, and InferenceError for anything else that went wrong while it ran.
"""
SequenceRun = Callable[[Array], tuple[Array, Array]]
"""From the rows of a series (m, d + 1) to scores of its slices (m, width) and of itself (width,). Raises like Run."""


class Precision(StrEnum):
    """What numbers a network computes with; its answers are float32 in any case."""

    FLOAT32 = "float32"
    MIXED_FLOAT16 = "mixed_float16"


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """How a network is run; which way is the fastest, its device decides."""

    precision: Precision = Precision.FLOAT32
    xla: bool = False

    def __str__(self) -> str:
        return f"{self.precision}{' xla' if self.xla else ''}"


PLAIN = Execution()


def ways(precision: Literal["auto", "float32", "mixed"], xla: Literal["auto", "on", "off"]) -> tuple[Execution, ...]:
    """Return the ways to run that a configuration leaves open, the one to begin with first."""
    precisions = {"float32": (Precision.FLOAT32,), "mixed": (Precision.MIXED_FLOAT16,), "auto": tuple(Precision)}
    compiled = {"off": (False,), "on": (True,), "auto": (False, True)}
    return tuple(Execution(precision=one, xla=other) for one in precisions[precision] for other in compiled[xla])


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A network as TensorFlow holds it, for those who look into it."""

    call: Callable[[Any], Any]
    """From a batch to its answers."""
    keras: Any | None
    """The ``keras.Model``; None for a SavedModel."""
    sequence: Any | None
    """The ``keras.Model`` over the vectors of a series; None for a bundle without one."""
    device: str
    """TensorFlow's name of where it lies."""


class Engine(Protocol):
    """The networks of one bundle, loaded on one device. Threads may share it and what it prepares."""

    @property
    def device(self) -> str:
        """Where the last batch ran: ``/device:GPU:0 (NVIDIA H100)``. Raises RuntimeError before the first one."""

    @property
    def model(self) -> LoadedModel | None:
        """None where nobody can look into it."""

    @property
    def candidates(self) -> tuple[Execution, ...]:
        """Ways to run it that are worth measuring on this device, the plain one first."""

    def prepare(self, shape: tuple[int, ...], execution: Execution) -> Run:
        """Return what runs batches of exactly this shape (batch, rows, columns, channels)."""

    def prepare_sequence(self, width: int) -> SequenceRun:
        """Return what runs the second network over vectors of this width. Raises BundleError if there is none."""

    def facts(self) -> dict[str, str]:
        """Name the engine and the versions of its libraries."""
