"""The slices of a series in order, as HU, in bounded memory.

A slice is kept as int16 where its HU are whole numbers in that range (nearly always), else as float32.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, overload

import numpy as np
from numpy.typing import NDArray

from hounsfield.model.errors import PixelError
from hounsfield.model.findings import Rejection
from hounsfield.model.geometry import SeriesGeometry
from hounsfield.model.headers import SliceHeader
from hounsfield.model.pixels import Hu, read_hu

MOST_BYTES: Final = 2 * 1024**3
"""Of a loaded volume: 4,000 slices of 512 x 512."""

Stored = NDArray[np.int16] | NDArray[np.float32]


class HuSlices(Sequence[Hu]):
    """Slices that become float32 HU when they are asked for: (rows, columns) each."""

    def __init__(self, stored: Sequence[Stored]) -> None:
        self._stored = tuple(stored)

    def __len__(self) -> int:
        return len(self._stored)

    @overload
    def __getitem__(self, index: int) -> Hu: ...
    @overload
    def __getitem__(self, index: slice) -> "HuSlices": ...
    def __getitem__(self, index: int | slice) -> "Hu | HuSlices":
        if isinstance(index, slice):
            return HuSlices(self._stored[index])
        return self._stored[index].astype(np.float32)

    @property
    def nbytes(self) -> int:
        """Memory taken by the stored slices, bytes."""
        return sum(one.nbytes for one in self._stored)


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """A series in volume order: ``headers[i]`` belongs to ``slices_hu[i]``."""

    headers: tuple[SliceHeader, ...]
    slices_hu: HuSlices
    padded_fraction: float
    """Share of all pixels that were padding and now hold -1024 HU."""


def load(
    headers: Sequence[SliceHeader], geometry: SeriesGeometry, *, threads: int = 2, most_bytes: int = MOST_BYTES
) -> Volume:
    """Load the slices of ``geometry.order``.

    Raises:
        PixelError: the first slice (in volume order) that cannot be read, or TOO_LARGE before anything is decoded.
    """
    ordered = tuple(headers[i] for i in geometry.order)
    if sum(2 * header.rows * header.columns for header in ordered) > most_bytes:
        raise PixelError(Rejection.TOO_LARGE, f"{len(ordered)} slices do not fit into the memory of a series")
    stored: list[Stored] = []
    budget = most_bytes
    padded = total = 0
    for hu, mask in stream(ordered, threads=threads):
        kept = _compact(hu)
        budget -= kept.nbytes
        if budget < 0:
            raise PixelError(Rejection.TOO_LARGE, "the series does not fit into the memory set aside for it")
        stored.append(kept)
        padded += int(np.count_nonzero(mask))
        total += mask.size
    return Volume(headers=ordered, slices_hu=HuSlices(stored), padded_fraction=padded / total if total else 0.0)


def stream(headers: Sequence[SliceHeader], *, threads: int = 2) -> Iterator[tuple[Hu, NDArray[np.bool_]]]:
    """Yield HU and padding mask of each slice in order, decoded a few slices ahead. Raises PixelError."""
    with ThreadPoolExecutor(threads, "decode") as pool:
        waiting: deque[Future[tuple[Hu, NDArray[np.bool_]]]] = deque()
        try:
            for header in headers:
                waiting.append(pool.submit(read_hu, header))
                if len(waiting) > 2 * threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _compact(hu: Hu) -> Stored:
    whole = hu.astype(np.int16) if float(hu.min()) >= -32768.0 and float(hu.max()) <= 32767.0 else None
    return whole if whole is not None and np.array_equal(whole, hu) else hu
