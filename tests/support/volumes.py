"""Volumes in tests: read whole, with a decoder of their own."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from hounsfield.model.decoding.decoder import Decoder
from hounsfield.model.geometry import SeriesGeometry, measure
from hounsfield.model.headers import SliceHeader
from hounsfield.model.volume import Volume, VolumeReader

MEMORY_BYTES = 1 << 30


@contextmanager
def decoder(*, seconds: float = 60.0, memory_bytes: int = MEMORY_BYTES, threads: int = 2) -> Iterator[Decoder]:
    with Decoder(seconds=seconds, memory_bytes=memory_bytes, threads=threads) as made:
        yield made


@contextmanager
def loaded(folder: Path, headers: Sequence[SliceHeader], geometry: SeriesGeometry | None = None) -> Iterator[Volume]:
    """The volume of a series, in its order, completely read."""
    order = (geometry or measure(headers)).order
    with decoder() as made, VolumeReader(folder=folder, decoder=made).open([headers[i] for i in order]) as volume:
        volume.load()
        yield volume
