"""From slices to batches of tensors, beside the model: neither waits for the other longer than it must."""

import contextlib
import queue
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Self

import numpy as np
from numpy.typing import NDArray

from hounsfield.model.preprocess import Preprocessor

Slice = NDArray[np.floating | np.integer]
"""(rows, columns) HU."""
Tensor = NDArray[np.float32]


class Feed:
    """Pulls slices and has them preprocessed, from a thread of its own: neither waits for the model or for each other.

    At most ``ahead`` slices are under way. Leave it by ``with``, also half way.
    """

    def __init__(
        self,
        hu_slices: Iterable[Slice],
        spacing_mm: Sequence[tuple[float, float]],
        preprocessor: Preprocessor,
        pool: ThreadPoolExecutor,
        ahead: int,
    ) -> None:
        self._coming = zip(hu_slices, spacing_mm, strict=True)
        self._preprocessor = preprocessor
        self._pool = pool
        self._under_way: queue.Queue[Future[Tensor] | BaseException | None] = queue.Queue(ahead)
        self._left = threading.Event()
        self._thread = threading.Thread(target=self._pull, name="slices", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._left.set()
        while self._thread.is_alive():  # it may wait for room
            with contextlib.suppress(queue.Empty):
                self._under_way.get(timeout=0.01)
        self._thread.join()

    def tensors(self) -> Iterator[Tensor]:
        """Yield the tensors in order, each as soon as it is there. Raises what the slices or a step raised."""
        while (one := self._under_way.get()) is not None:
            if isinstance(one, BaseException):
                raise one
            yield one.result()

    def _pull(self) -> None:
        try:
            for hu, spacing in self._coming:
                self._under_way.put(self._pool.submit(self._preprocessor.tensor, hu, spacing))
                if self._left.is_set():
                    return
        except BaseException as error:  # noqa: BLE001 - raised again where the tensors are taken
            self._under_way.put(error)
        else:
            self._under_way.put(None)


def with_neighbours(tensors: Iterable[Tensor], each_side: int) -> Iterator[Tensor]:
    """Yield each slice (rows, columns, channels) with so many on either side in its channels, lowest first.

    Beyond the ends the last slice is repeated. At most ``2 * each_side + 1`` slices are held.
    """
    if each_side == 0:
        yield from tensors
        return
    held: deque[Tensor] = deque(maxlen=2 * each_side + 1)
    last: Tensor | None = None
    seen = 0
    for tensor in tensors:
        if not held:
            held.extend([tensor] * each_side)
        held.append(tensor)
        last, seen = tensor, seen + 1
        if seen > each_side:
            yield np.concatenate(held, axis=-1)
    if last is None:
        return
    for number in range(each_side):
        held.append(last)
        if seen + number >= each_side:
            yield np.concatenate(held, axis=-1)


def in_batches(tensors: Iterable[Tensor], size: int) -> Iterator[list[Tensor]]:
    """Yield lists of ``size``, the last one may be shorter."""
    batch: list[Tensor] = []
    for tensor in tensors:
        batch.append(tensor)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
