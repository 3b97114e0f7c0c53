"""From a file to the tensor of three windows at 256 x 256: ours, and what others do."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from common.spread import Spread
from measure import Rounds, milliseconds
from pydicom import dcmread

from hounsfield.model.codestreams import Shape, decode
from hounsfield.model.headers import SliceHeader, read_header
from hounsfield.model.pixels import read_pixels
from hounsfield.model.preprocess import PreprocessingSpec, Preprocessor

WINDOWS = ((40.0, 80.0), (80.0, 200.0), (600.0, 2800.0))
PIXELS = 256
SPEC = PreprocessingSpec.model_validate(
    {
        "name": "bench",
        "steps": [
            {"name": "padding"},
            {"name": "windows", "windows": [{"centre": centre, "width": width} for centre, width in WINDOWS]},
            {"name": "resize", "pixels": PIXELS},
        ],
    }
)


STEPS = ("header", "codec", "ours", "digest", "numpy", "zoom", "scipy", "floor")
"""What is measured. *codec* is the frame alone, or reading the file for native pixels; *digest* that of the stored
values for the analysis identity, which nobody else makes and no tensor needs; *ours* header, pixels and tensor without
it; *numpy* pydicom and float64 arrays with the mean of 2 x 2 pixels; *zoom* ``scipy.ndimage.zoom`` without smoothing,
which aliases; *scipy* smoothed before it is shrunk, as MONAI and scikit-image do it; *floor* what of it memory alone
needs, see :func:`memory_floor`."""


@dataclass(frozen=True)
class Chain:
    """One transfer syntax."""

    syntax: str
    rounds: Rounds
    """Processor milliseconds of a slice, by step."""

    def of(self, step: str) -> Spread:
        """Return what a step takes."""
        return Spread.of(self.rounds[step])

    @property
    def to_scipy(self) -> Spread:
        """Target: 1/10 or less."""
        return Spread.ratio(self.rounds["ours"], self.rounds["scipy"])

    @property
    def pixels_to_tensor(self) -> list[float]:
        """Ours without the header."""
        both = zip(self.rounds["ours"], self.rounds["header"], strict=True)
        return [ours - header for ours, header in both]

    @property
    def codec_and_floor(self) -> list[float]:
        """What nobody can do without; target: twice this or less."""
        return [codec + floor for codec, floor in zip(self.rounds["codec"], self.rounds["floor"], strict=True)]


def compare(name: str, path: Path, frame: bytes, native: bool, rounds: int) -> Chain:
    """Measure one file."""
    header = read_header(path)
    preprocessor = Preprocessor.from_spec(SPEC)
    shape = Shape(header.rows, header.columns, 16)

    pixels = read_pixels(header)

    def codec() -> object:
        return path.read_bytes() if native else decode(header.transfer_syntax, frame, shape)

    calls: dict[str, Callable[[], object]] = {
        "header": lambda: read_header(path),
        "codec": codec,
        "digest": lambda: pixels.digest,
        "ours": lambda: ours(path, preprocessor),
        "numpy": lambda: plain(path),
        "zoom": lambda: with_scipy(path, smooth=False),
        "scipy": lambda: with_scipy(path, smooth=True),
        "floor": memory_floor(header),
    }
    return Chain(name, milliseconds(calls, rounds))


def ours(path: Path, preprocessor: Preprocessor) -> np.ndarray:
    """What the worker does with a slice."""
    header = read_header(path)
    return preprocessor.tensor(read_pixels(header).hu, header.pixel_spacing or (1.0, 1.0))


def _channels(path: Path) -> list[np.ndarray]:
    """The windows in float64; HTJ2K, which pydicom cannot decode by itself, is decoded by us."""
    data = dcmread(path)
    header = read_header(path)
    stored = read_pixels(header).stored if header.transfer_syntax.endswith(".201") else data.pixel_array
    hu = stored.astype(np.float64) * float(data.RescaleSlope) + float(data.RescaleIntercept)
    hu = np.where(hu < -1024, -1000.0, hu)
    return [np.clip((hu - (centre - width / 2)) / width, 0, 1) for centre, width in WINDOWS]


def plain(path: Path) -> np.ndarray:
    """Only numpy."""
    half = [one.reshape(PIXELS, 2, PIXELS, 2).mean(axis=(1, 3)) for one in _channels(path)]
    return np.stack(half, axis=-1).astype(np.float32)


def with_scipy(path: Path, *, smooth: bool) -> np.ndarray:
    """What many scripts do."""
    from scipy.ndimage import gaussian_filter, zoom

    channels = _channels(path)
    if smooth:
        channels = [gaussian_filter(one, (one.shape[0] / PIXELS - 1) / 2) for one in channels]
    return np.stack([zoom(one, PIXELS / one.shape[0], order=1) for one in channels], axis=-1).astype(np.float32)


def memory_floor(header: SliceHeader) -> Callable[[], object]:
    """Copies of as many bytes as must be moved: the stored values in, the HU out and in again, the tensor out."""
    values = header.rows * header.columns
    whole, tensor = np.ones(values, np.int16), np.ones(PIXELS * PIXELS * len(WINDOWS), np.float32)
    whole_to, tensor_to = np.empty_like(whole), np.empty_like(tensor)

    def copy() -> None:
        np.copyto(whole_to, whole)
        np.copyto(whole, whole_to)
        np.copyto(tensor_to, tensor)

    return copy
