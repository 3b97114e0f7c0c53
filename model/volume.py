"""The slices of a series in order, as HU, on disk: a series costs its headers in memory, and its pixels in none.

A slice is kept as int16 where its HU are whole numbers in that range (nearly always), else as float32.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self, overload

import numpy as np
from numpy.typing import NDArray

from hounsfield.model.decoding.decoder import Decoder, Decoding
from hounsfield.model.decoding.wire import Decoded
from hounsfield.model.headers import SliceHeader
from hounsfield.model.pixels import Hu, check
from hounsfield.model.scratch import MOST_BYTES, RESERVE_BYTES, Scratch


class HuSlices(Sequence[NDArray[np.float32]]):
    """Slices that become float32 HU when they are asked for: (rows, columns) each."""

    def __init__(self, stored: Sequence[Hu]) -> None:
        self._stored = stored

    def __len__(self) -> int:
        return len(self._stored)

    @overload
    def __getitem__(self, index: int) -> NDArray[np.float32]: ...
    @overload
    def __getitem__(self, index: slice) -> "HuSlices": ...
    def __getitem__(self, index: int | slice) -> "NDArray[np.float32] | HuSlices":
        if isinstance(index, slice):
            return HuSlices(self._stored[index])
        return self._stored[index].astype(np.float32)


class Volume:
    """A series in volume order that is being read, or has been: ``headers[i]`` belongs to ``slices_hu[i]``."""

    def __init__(self, headers: Sequence[SliceHeader], decoding: Decoding, scratch: Scratch) -> None:
        self.headers = tuple(headers)
        self._decoding = decoding
        self._scratch = scratch
        self._read: list[Hu] = []
        self._decoded: list[Decoded] = []
        self._coming = iter(decoding)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Stop reading and give the disk space back, as soon as nobody holds a slice any more."""
        self._decoding.close()
        self._read.clear()
        self._scratch.close()

    def first(self) -> None:
        """Wait for the first slice. Raises as :meth:`stream`."""
        if not self._read:
            self._advance()

    def stream(self) -> Iterator[Hu]:
        """Yield the slices in order, each as soon as it has been read: int16 or float32, not writable.

        Raises:
            PixelError: the first slice that cannot be read.
            ScratchError, DecoderUnavailable: no fault of the series.
        """
        for number in range(len(self.headers)):
            if number == len(self._read):
                self._advance()
            yield self._read[number]

    def load(self) -> None:
        """Read what has not been read yet. Raises as :meth:`stream`."""
        while len(self._read) < len(self.headers):
            self._advance()

    @property
    def complete(self) -> bool:
        """Whether every slice has been read."""
        return len(self._read) == len(self.headers)

    @property
    def slices_hu(self) -> HuSlices:
        """The slices read so far."""
        return HuSlices(self._read)

    @property
    def digests(self) -> tuple[str, ...]:
        """The pixels' part of the analysis identity, of each slice read so far."""
        return tuple(one.digest for one in self._decoded)

    def _advance(self) -> None:
        decoded = next(self._coming)
        self._read.append(self._scratch.read(len(self._read), whole=decoded.whole))
        self._decoded.append(decoded)


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeReader:
    """Opens volumes: where their pixels go and who decodes them."""

    folder: Path
    """Of the scratch files, which have no names."""
    decoder: Decoder
    most_bytes: int = MOST_BYTES
    """Of one series on disk."""
    reserve_bytes: int = RESERVE_BYTES
    """Free space that is left to others."""

    def open(self, headers: Sequence[SliceHeader]) -> Volume:
        """Begin to read the slices of ``headers``, in their order.

        Raises:
            PixelError: TOO_LARGE, or the first slice that its header alone shows to be unreadable.
            ScratchError, DecoderUnavailable: no fault of the series.
        """
        for header in headers:
            check(header)  # before an impossible matrix counts as a series that is too large
        shapes = [(header.rows, header.columns) for header in headers]
        scratch = Scratch(self.folder, shapes, most_bytes=self.most_bytes, reserve_bytes=self.reserve_bytes)
        try:
            return Volume(headers, self.decoder.decode(headers, scratch), scratch)
        except BaseException:
            scratch.close()
            raise
