"""A prepared data set: decoded, preprocessed slices in one file that is mapped into memory, and tables beside it.

    PREPARED/
      prepared.toml    what it is: labels, preprocessing, shape, counts
      index.npz        one row for each slice and for each series (:class:`Index`)
      tensors.f16      float16 (slices, rows, columns, channels), as the network sees them before neighbours are added
      maps.f16         optional, float16 (slices, rows / 4, columns / 4, 1): share of lesion in each cell

Slices of a series lie one after the other, in volume order. Training reads it without decoding anything and without
holding it in memory.
"""

import shutil
import tomllib
import zipfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Annotated, BinaryIO, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hounsfield.model.errors import DataError
from hounsfield.model.preprocess import PreprocessingSpec
from hounsfield.model.toml_text import toml_text

MAP_SCALE = 4
"""A lesion map is so much coarser than the tensor."""
ABOUT, INDEX, TENSORS, MAPS = "prepared.toml", "index.npz", "tensors.f16", "maps.f16"

Half = NDArray[np.float16]
Truth = NDArray[np.float32]
"""1, 0, or NaN where nothing is known (then it counts nowhere)."""


class About(BaseModel):
    """``prepared.toml``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    schema_version: Literal[1] = Field(1, alias="schema")
    labels: tuple[str, ...] = Field(min_length=1)
    shape: tuple[int, int, int]
    """(rows, columns, channels) of a slice."""
    preprocessing: PreprocessingSpec
    slices: Annotated[int, Field(ge=1)]
    series: Annotated[int, Field(ge=1)]
    has_maps: bool = False
    clean: bool
    """Whether the data set was checked, and held nothing any more that should not be trained on."""
    source: str = ""
    """Where it comes from, in words; for the model card."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesBlock:
    """One series on its way in."""

    key: str
    """Its name within the data set; no patient data."""
    patient: str
    """Key of the patient: all series of one patient stay on one side of a split."""
    scanner: str
    """What made it, for tables by scanner; may be empty."""
    truth: tuple[float, ...]
    """Of the series, one for each label; NaN where nothing is known."""
    tensors: NDArray[np.floating]
    """(n, rows, columns, channels)."""
    names: tuple[str, ...]
    """Of each slice: its file relative to the data set (``#frame`` appended in a multi-frame instance)."""
    position_mm: NDArray[np.floating]
    """(n,), ascending."""
    slice_truth: Truth
    """(n, labels)."""
    maps: NDArray[np.floating] | None = None
    extra: Mapping[str, NDArray[np.floating]] = field(default_factory=dict)
    """More numbers for each slice, (n,) or (n, k), such as areas."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """The tables of a prepared data set; n slices, m series, L labels."""

    series: NDArray[np.int32]
    """(n,): row of the series; ascending."""
    position_mm: NDArray[np.float32]
    """(n,)."""
    truth: Truth
    """(n, L)."""
    names: NDArray[np.str_]
    """(n,)."""
    series_key: NDArray[np.str_]
    """(m,)."""
    series_truth: Truth
    """(m, L)."""
    patient: NDArray[np.str_]
    """(m,)."""
    scanner: NDArray[np.str_]
    """(m,)."""
    extra: Mapping[str, NDArray[np.float32]]
    """Of each slice."""

    def rows_of(self, series: int) -> slice:
        """Return where the slices of a series lie."""
        first, behind = np.searchsorted(self.series, (series, series + 1))
        return slice(int(first), int(behind))


@dataclass(frozen=True, slots=True)
class Prepared:
    """An opened prepared data set; the large arrays are mapped, not read."""

    folder: Path
    about: About
    index: Index
    tensors: Half
    maps: Half | None

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open it. Raises DataError, naming the file, for what is not a whole prepared data set."""
        about = _read_about(folder / ABOUT)
        index = _read_index(folder / INDEX)
        shape = (about.slices, *about.shape)
        cells = (about.slices, about.shape[0] // MAP_SCALE, about.shape[1] // MAP_SCALE, 1)
        if len(index.series) != about.slices or len(index.series_key) != about.series:
            raise DataError(f"{folder / INDEX}: does not belong to {ABOUT}; prepare the data set again")
        maps = _mapped(folder / MAPS, cells) if about.has_maps else None
        return cls(folder, about, index, _mapped(folder / TENSORS, shape), maps)


class PreparedWriter:
    """Writes one, series by series; nothing is at ``folder`` before it is whole. Use it by ``with``."""

    def __init__(self, folder: Path, labels: tuple[str, ...], preprocessing: PreprocessingSpec, *, source: str) -> None:
        """Raises DataError if something lies at ``folder`` already."""
        if folder.exists():
            raise DataError(f"{folder}: is there already; remove it or choose another folder")
        self._folder, self._partial = folder, folder.with_name(folder.name + ".partial")
        self._labels, self._preprocessing, self._source = labels, preprocessing, source
        self._blocks: list[SeriesBlock] = []
        self._shape: tuple[int, ...] | None = None
        self._has_maps = False
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        shutil.rmtree(self._partial, ignore_errors=True)
        self._partial.mkdir(parents=True)
        self._tensors = self._stack.enter_context((self._partial / TENSORS).open("wb"))
        self._maps = self._stack.enter_context((self._partial / MAPS).open("wb"))
        return self

    def add(self, block: SeriesBlock) -> None:
        """Append a series. Raises ValueError for one of another shape, or with other columns."""
        shape = block.tensors.shape[1:]
        has_maps = block.maps is not None
        if self._shape is not None and (shape, has_maps) != (self._shape, self._has_maps):
            raise ValueError("all series of a prepared data set have the same shape, and maps or none")
        if block.slice_truth.shape != (len(block.tensors), len(self._labels)):
            raise ValueError(f"slice truth must have shape ({len(block.tensors)}, {len(self._labels)})")
        self._shape, self._has_maps = shape, has_maps
        _append(self._tensors, block.tensors)
        if block.maps is not None:
            _append(self._maps, block.maps)
        # Only the tables stay in memory.
        light = {one.name: getattr(block, one.name) for one in fields(block)}
        self._blocks.append(SeriesBlock(**{**light, "tensors": np.empty((len(block.tensors), 0)), "maps": None}))

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._stack.close()
        if kind is not None:
            shutil.rmtree(self._partial, ignore_errors=True)

    def finish(self, *, clean: bool) -> Prepared:
        """Write the tables, put the folder in its place and open it. Raises DataError if there is no series."""
        if self._shape is None:
            raise DataError(f"{self._folder}: no series is left to prepare")
        self._stack.close()
        if not self._has_maps:
            (self._partial / MAPS).unlink()
        about = About(
            schema=1,
            labels=self._labels,
            shape=(self._shape[0], self._shape[1], self._shape[2]),
            preprocessing=self._preprocessing,
            slices=sum(len(block.names) for block in self._blocks),
            series=len(self._blocks),
            has_maps=self._has_maps,
            clean=clean,
            source=self._source,
        )
        np.savez(self._partial / INDEX, allow_pickle=False, **_tables(self._blocks))
        (self._partial / ABOUT).write_text(toml_text(about.model_dump(mode="json", by_alias=True)), encoding="utf-8")
        self._partial.rename(self._folder)
        return Prepared.open(self._folder)


def _append(stream: BinaryIO, values: NDArray[np.floating]) -> None:
    stream.write(np.ascontiguousarray(values, np.float16).tobytes())


def _tables(blocks: list[SeriesBlock]) -> dict[str, NDArray[np.generic]]:
    counts = [len(block.names) for block in blocks]
    tables: dict[str, NDArray[np.generic]] = {
        "series": np.repeat(np.arange(len(blocks), dtype=np.int32), counts),
        "position_mm": np.concatenate([np.asarray(block.position_mm, np.float32) for block in blocks]),
        "truth": np.concatenate([np.asarray(block.slice_truth, np.float32) for block in blocks]),
        "names": np.array([name for block in blocks for name in block.names], np.str_),
        "series_key": np.array([block.key for block in blocks], np.str_),
        "series_truth": np.array([block.truth for block in blocks], np.float32),
        "patient": np.array([block.patient for block in blocks], np.str_),
        "scanner": np.array([block.scanner for block in blocks], np.str_),
    }
    for name in blocks[0].extra:
        tables[f"extra_{name}"] = np.concatenate([np.asarray(block.extra[name], np.float32) for block in blocks])
    return tables


def _read_about(path: Path) -> About:
    try:
        return About.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, ValidationError) as error:
        words = f"is not the description of a prepared data set ({type(error).__name__}); make one with `data prepare`"
        raise DataError(f"{path}: {words}") from error


def _read_index(path: Path) -> Index:
    try:
        with np.load(path, allow_pickle=False) as archive:
            columns = {name: archive[name] for name in archive.files}
        extra = {name.removeprefix("extra_"): columns.pop(name) for name in list(columns) if name.startswith("extra_")}
        return Index(**columns, extra=extra)
    except (OSError, ValueError, EOFError, TypeError, zipfile.BadZipFile) as error:
        raise DataError(f"{path}: cannot be read ({type(error).__name__}); prepare the data set again") from error


def _mapped(path: Path, shape: tuple[int, ...]) -> Half:
    try:
        if path.stat().st_size != int(np.prod(shape)) * 2:
            raise DataError(f"{path}: has another size than {ABOUT} says; prepare the data set again")
        return np.memmap(path, np.float16, "r", shape=shape)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror})") from error
