"""Steps that are done in one go where that gives the same result: what depends on the HU of one pixel only is a table.

``padding`` and ``windows`` on whole HU become one look-up per channel, and a ``resize`` behind them takes each channel
while it is still in the cache.
"""

from collections.abc import Sequence
from typing import Protocol

import cv2
import numpy as np

from hounsfield.model.preprocess.plane import FloatImage, Plane
from hounsfield.model.preprocess.scaling import scaled
from hounsfield.model.preprocess.spec import RegisteredStep
from hounsfield.model.preprocess.steps import Padding, Resize, Windows


class Operation(Protocol):
    """A step, or several in one."""

    def apply(self, plane: Plane) -> Plane:
        """Return the plane after it; the argument is left as it is."""


def fuse(steps: Sequence[RegisteredStep]) -> tuple[Operation, ...]:
    """Return operations that do the same as ``steps`` one after the other."""
    operations: list[Operation] = []
    at = 0
    while at < len(steps):
        end = at
        while end < len(steps) and isinstance(steps[end], Padding):
            end += 1
        if end == len(steps) or not isinstance(steps[end], Windows):
            operations.append(steps[at])
            at += 1
            continue
        end += 1
        resize = steps[end] if end < len(steps) else None
        operations.append(Lookup(steps[at:end], resize if isinstance(resize, Resize) else None))
        at = end + isinstance(resize, Resize)
    return tuple(operations)


class Lookup:
    """Steps that end in ``windows``, as a table of all HU of 16 bits, and a ``resize`` after it."""

    def __init__(self, steps: Sequence[RegisteredStep], resize: Resize | None) -> None:
        self._steps = tuple(steps)
        self._resize = resize
        every_hu = np.arange(65536, dtype=np.uint16).view(np.int16).reshape(256, 256)
        answers = self._one_by_one(Plane(every_hu, (1.0, 1.0))).values.reshape(65536, -1)
        self._tables = [np.ascontiguousarray(answers[:, channel], np.float32) for channel in range(answers.shape[1])]

    def apply(self, plane: Plane) -> Plane:
        """Return one channel per window."""
        if plane.values.dtype != np.int16 or plane.values.ndim != 2:
            done = self._one_by_one(plane)
            return self._resize.apply(done) if self._resize else done
        index = np.ascontiguousarray(plane.values).view(np.uint16)
        looked_up = np.empty(index.shape, np.float32)
        channels: list[FloatImage] = []
        for table in self._tables:
            channel = np.asarray(cv2.LUT(index, table, dst=looked_up), np.float32)
            channels.append(scaled(channel, self._resize.pixels) if self._resize else channel.copy())
        values = np.asarray(cv2.merge(channels), np.float32).reshape(*channels[0].shape, len(channels))
        return Plane(values, self._resize.spacing_after(plane) if self._resize else plane.spacing_mm)

    def _one_by_one(self, plane: Plane) -> Plane:
        for step in self._steps:
            plane = step.apply(plane)
        return plane
