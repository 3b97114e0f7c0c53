"""Decodes and preprocesses what is left of a data set, as serving does, and writes its prepared form."""

import itertools
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hounsfield.model.data.check import Checked, Progress, check, silent
from hounsfield.model.data.config import DataSet, ImagesConfig, PhantomsConfig
from hounsfield.model.data.parallel import in_order
from hounsfield.model.data.phantoms import HeadPlan, Purpose, prepare_phantoms
from hounsfield.model.data.pictures import PictureError, is_picture, read_picture
from hounsfield.model.data.prepared import Prepared, PreparedWriter, SeriesBlock
from hounsfield.model.data.preprocessing import needs_spacing, shape_of
from hounsfield.model.data.rows import CLEAN, Row, pixels_key, read_clean
from hounsfield.model.errors import DataError, PixelError, UnreadableInstance
from hounsfield.model.frames import FrameIndex
from hounsfield.model.headers import SliceHeader, read_slices
from hounsfield.model.pixels import read_pixels
from hounsfield.model.preprocess import PreprocessingSpec, Preprocessor

_SHOWN = 6
"""Kinds of problems that a refusal names."""
_RESERVE_BYTES = 256 * 1024**2
"""Of the disk, left to others."""


class Unclean(StrEnum):
    """What becomes of a data set that is not clean."""

    REFUSE = "refuse"
    LEAVE_OUT = "leave out"
    """What is not clean stays out; what is left is clean."""
    TAKE = "take"
    """All that can be decoded and has a label goes in, and the result says that it is not clean."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesWork:
    """One series to prepare."""

    root: Path
    rows: tuple[Row, ...]
    preprocessing: PreprocessingSpec
    image_range: tuple[float, float] | None


def prepare(
    data: DataSet,
    folder: Path,
    preprocessing: PreprocessingSpec,
    *,
    unclean: Unclean = Unclean.REFUSE,
    checked: Path | None = None,
    processes: int = 2,
    progress: Progress = silent,
) -> Prepared:
    """Write the prepared form of a data set to ``folder``; nothing is there before it is whole.

    ``checked`` is the folder of an earlier check: its clean manifest is taken as it is. Without it the data set is
    checked first. Raises DataError for one that is not clean (unless ``unclean`` says otherwise), for a file that has
    changed since the check, for a disk that is too full, and as :func:`hounsfield.model.data.check.check`.
    """
    if folder.exists():
        raise DataError(f"{folder}: is there already; remove it or choose another folder")
    shape = shape_of(preprocessing)
    if isinstance(data.config, PhantomsConfig):
        return _phantoms(data.config, folder, preprocessing, processes, progress)
    rows, clean = _rows(data, unclean, checked, processes, progress)
    _check_spacing(rows, preprocessing)
    _check_room(folder, len(rows) * int(np.prod(shape)) * 2)
    config = data.config
    bounds = config.image_range if isinstance(config, ImagesConfig) else None
    works = [
        SeriesWork(root=data.root, rows=tuple(own), preprocessing=preprocessing, image_range=bounds)
        for _, own in itertools.groupby(rows, lambda row: row.series)
    ]
    with PreparedWriter(folder, config.labels, preprocessing, source=config.source) as writer:
        for block in _blocks(works, processes, progress):
            writer.add(block)
        return writer.finish(clean=clean)


def _rows(
    data: DataSet, unclean: Unclean, folder: Path | None, processes: int, progress: Progress
) -> tuple[list[Row], bool]:
    """The images to prepare, and whether they are clean."""
    if folder is not None:
        labels, rows = read_clean(folder / CLEAN)
        if labels != data.files.labels:
            raise DataError(f"{folder / CLEAN}: has other labels than {data.file}; check the data set again")
        return rows, True
    checked = check(data, processes=processes, progress=progress)
    if checked.clean or unclean is Unclean.LEAVE_OUT:
        return checked.kept, True
    if unclean is Unclean.TAKE:
        return checked.usable, False
    raise DataError(refusal(data, checked))


def refusal(data: DataSet, checked: Checked) -> str:
    """Say why a data set is not clean, and what can be done."""
    spoilt = [(kind, count) for kind, count in checked.counts().items() if checked.spoils(kind)]
    named = ", ".join(f"{count} {kind}" for kind, count in spoilt[:_SHOWN])
    more = f" and {len(spoilt) - _SHOWN} more kinds" if len(spoilt) > _SHOWN else ""
    return (
        f"{data.file}: the data set is not clean: {named}{more}; `hounsfield data check` lists them, --leave-out "
        "leaves them out, --allow-unclean takes what can be decoded"
    )


def _check_spacing(rows: Sequence[Row], preprocessing: PreprocessingSpec) -> None:
    if needs_spacing(preprocessing):
        for row in rows:
            if row.spacing_mm is None:
                raise DataError(
                    f"{row.file}: has no pixel spacing, and preprocessing {preprocessing.name} measures in mm; give "
                    "data.pixel_mm or a column of it"
                )


def _check_room(folder: Path, needed: int) -> None:
    parent = next(one for one in (folder.parent, *folder.absolute().parents) if one.is_dir())
    if needed + _RESERVE_BYTES > shutil.disk_usage(parent).free:
        raise DataError(f"{folder}: the prepared data set needs {needed / 1e9:.1f} GB, more than is free there")


def _blocks(works: Sequence[SeriesWork], processes: int, progress: Progress) -> Iterator[SeriesBlock]:
    total, done = sum(len(work.rows) for work in works), 0
    for answer in in_order(prepare_series, works, processes, _lost):
        if isinstance(answer, str):
            raise DataError(answer)
        done += len(answer.names)
        progress("preparing", done, total)
        yield answer


def _lost(work: SeriesWork) -> SeriesBlock | str:
    return f"{work.rows[0].file}: reading its series ended the process that reads"


def prepare_series(work: SeriesWork) -> SeriesBlock | str:
    """Return one series, or what is wrong with one of its files."""
    preprocessor = Preprocessor.from_spec(work.preprocessing)
    opened = _Opened(work)
    tensors = []
    for row in work.rows:
        try:
            hu, key = opened.read(row)
        except (UnreadableInstance, PixelError, PictureError, OSError) as error:
            return f"{row.file}: cannot be read any more ({type(error).__name__}); check the data set again"
        if key != row.digest:
            return f"{row.file}: has changed since the data set was checked; check it again"
        tensors.append(preprocessor.tensor(hu, row.spacing_mm or (1.0, 1.0)).astype(np.float16))
    first = work.rows[0]
    return SeriesBlock(
        key=first.series,
        patient=first.patient,
        scanner=first.scanner,
        truth=first.series_truth,
        tensors=np.stack(tensors),
        names=tuple(row.name for row in work.rows),
        position_mm=np.array([row.position_mm for row in work.rows], np.float32),
        slice_truth=np.array([row.truth for row in work.rows], np.float32),
    )


class _Opened:
    """The files of a series; of a multi-frame instance the headers are read once."""

    def __init__(self, work: SeriesWork) -> None:
        self._work, self._index = work, FrameIndex()
        self._headers: tuple[str, tuple[SliceHeader, ...]] = ("", ())

    def read(self, row: Row) -> tuple[NDArray[np.int16] | NDArray[np.float32], str]:
        """Return the HU of an image, and the key of its pixels. Raises UnreadableInstance, PixelError, PictureError."""
        path = self._work.root / row.file
        if self._work.image_range is not None and is_picture(path):
            picture = read_picture(path)
            return picture.hu(self._work.image_range), pixels_key(picture.values.shape, picture.digest)
        if self._headers[0] != row.file:
            self._headers = (row.file, read_slices(path))
        header = next((one for one in self._headers[1] if one.frame == row.frame), None)
        if header is None:
            raise UnreadableInstance("the frame is not there")
        pixels = read_pixels(header, self._index)
        return pixels.hu, pixels_key((header.rows, header.columns), pixels.digest)


def _phantoms(
    config: PhantomsConfig, folder: Path, preprocessing: PreprocessingSpec, processes: int, progress: Progress
) -> Prepared:
    purpose = Purpose[config.purpose.upper()]
    plans = [HeadPlan(purpose, number, config.seed) for number in range(config.heads)]
    return prepare_phantoms(
        folder, plans, preprocessing, max(processes, 1), lambda done, total: progress("drawing heads", done, total)
    )
