"""Random mixtures of what scanners, PACS and networks do to series.

Every image has a number drawn into its pixels, and the model reads it back as its score: so it is seen whether a
report speaks of the slice it names.
"""

import itertools
import random
from collections.abc import Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from pydicom import Dataset
from support.ct_factory import uid
from support.predictors import SliceScorer
from support.series_cases.heads import changed, enhanced, head_slice, localizer, lying
from support.series_cases.said import Key

_DIGITS = 6
_AIR = -1000
_TOLD_BY = ("ConvolutionKernel", "ImageOrientationPatient", "FrameOfReferenceUID")
"""What tells the reconstructions apart that are made here."""


class NumberReader(SliceScorer):
    """Answers each slice with the number in its first pixels, as a fraction of a million."""

    def score(self, hu_slices: Sequence[np.ndarray], spacing_mm: Sequence[tuple[float, float]]) -> np.ndarray:
        scores = [_number(hu) / 10**_DIGITS for hu, _ in zip(hu_slices, spacing_mm, strict=True)]
        return np.array(scores, np.float32).reshape(-1, 1)


def _number(hu: np.ndarray) -> int:
    return int("".join(str(int(digit)) for digit in np.clip(np.rint(hu[0, :_DIGITS] - _AIR), 0, 9)))


def _drawn(image: Dataset, numbers: Sequence[int]) -> Dataset:
    """Draw one number into each frame."""
    frames = np.frombuffer(image.PixelData, "<i2").reshape(len(numbers), image.Rows, image.Columns).copy()
    for frame, number in zip(frames, numbers, strict=True):
        frame[0, :_DIGITS] = [int(digit) + _AIR + 1024 for digit in f"{number:0{_DIGITS}}"]
    image.PixelData = frames.tobytes()
    image["PixelData"].VR = "OW"
    image.scores = tuple(number / 10**_DIGITS for number in numbers)
    return image


@dataclass
class Mixture:
    """What will be sent, and what it was before it was mixed up."""

    random: random.Random
    name: str
    images: list[Dataset] = field(default_factory=list)
    origin: dict[str, str] = field(default_factory=dict)
    """Reconstruction each SOP instance was made as; those that no header tells apart have one name."""
    height: dict[Key, float] = field(default_factory=dict)
    """mm along the patient, of each image or frame."""
    scouts: set[str] = field(default_factory=set)
    ingredients: set[str] = field(default_factory=set)
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def chance(self, of: float) -> bool:
        return self.random.random() < of


def mixture(chosen: random.Random, name: str) -> Mixture:
    """Make one."""
    mixed = Mixture(chosen, name)
    patients = chosen.choice((1, 1, 2))
    for patient in range(patients):
        for study in range(chosen.choice((1, 1, 1, 2))):
            for series in range(chosen.choice((1, 2, 2))):
                mixed.images += _reconstruction(mixed, f"{name} {patient}", f"{study}", f"{series}")
    _merge(mixed)
    _lose(mixed)
    _double(mixed)
    return mixed


def _fresh(mixed: Mixture) -> int:
    """A number no other image has; one in ten is over the threshold."""
    number = next(mixed.numbers) * 7 % 450_000
    return number + 500_000 if mixed.chance(0.1) else number


def _reconstruction(mixed: Mixture, patient: str, study: str, series: str) -> list[Dataset]:
    chosen = mixed.random
    kernel = chosen.choice(("H30s", "H60s", "STANDARD"))
    about: dict[str, Any] = {
        "PatientID": f"P {patient}"[:64],
        "PatientName": f"Name^{patient}",
        "StudyInstanceUID": uid(f"{patient} {study}"),
        "SeriesInstanceUID": uid(f"{patient} {study} {series}"),
        "FrameOfReferenceUID": uid(f"{patient} {study} frame"),
        "ConvolutionKernel": kernel,
    }
    origin = f"{patient} {study} {series}"
    count = chosen.randint(4, 6)
    if mixed.chance(0.08):
        mixed.ingredients.add("enhanced")
        image = _drawn(enhanced(count, **about), [_fresh(mixed) for _ in range(count)])
        image.SOPInstanceUID = uid(origin)
        _note(mixed, image, origin)
        return [image]
    images = [head_slice(5.0 * place, **about) for place in range(count)]
    for place, image in enumerate(images):
        image.SOPInstanceUID = uid(f"{origin} {place}")
        _drawn(image, [_fresh(mixed)])
    if mixed.chance(0.1):
        mixed.ingredients.add("flipped")
        lying(images, (-1.0, 0.0, 0.0), (0.0, 1.0, 0.0))
    if mixed.chance(0.15):
        mixed.ingredients.add("localizer")
        scout = _drawn(localizer(**about), [_fresh(mixed)])
        scout.SOPInstanceUID = uid(f"{origin} scout")
        mixed.scouts.add(str(scout.SOPInstanceUID))
        images.append(scout)
    for image in images:
        _note(mixed, image, origin)
    return images


def _note(mixed: Mixture, image: Dataset, origin: str) -> None:
    sop = str(image.SOPInstanceUID)
    mixed.origin[sop] = origin
    if "NumberOfFrames" in image:
        for number, frame in enumerate(image.PerFrameFunctionalGroupsSequence, start=1):
            mixed.height[sop, number] = float(frame.PlanePositionSequence[0].ImagePositionPatient[2])
    else:
        mixed.height[sop, None] = float(image.ImagePositionPatient[2])


def _merge(mixed: Mixture) -> None:
    """Put images under the Series Instance UID of others."""
    if not mixed.chance(0.5):
        return
    uids = sorted({str(image.SeriesInstanceUID) for image in mixed.images})
    target, victim = mixed.random.choice(uids), mixed.random.choice(uids)
    if target == victim:
        return
    mixed.ingredients.add("merged")
    model = next(image for image in mixed.images if image.SeriesInstanceUID == target)
    moved = [image for image in mixed.images if image.SeriesInstanceUID == victim]
    if mixed.chance(0.2):  # two patients, or what were two studies, under one Study Instance UID
        changed(moved, StudyInstanceUID=model.StudyInstanceUID)
        return
    if mixed.chance(0.5):
        moved = mixed.random.sample(moved, mixed.random.randint(1, len(moved)))
    same_study = mixed.chance(0.5)
    for image in moved:
        image.SeriesInstanceUID = target
        if same_study:
            image.StudyInstanceUID = model.StudyInstanceUID
        if all(image.get(keyword) == model.get(keyword) for keyword in _TOLD_BY):
            mixed.origin[str(image.SOPInstanceUID)] = mixed.origin[str(model.SOPInstanceUID)]


def _lose(mixed: Mixture) -> None:
    if mixed.chance(0.2) and len(mixed.images) > 3:
        mixed.ingredients.add("lost")
        for _ in range(mixed.random.randint(1, 2)):
            mixed.images.pop(mixed.random.randrange(len(mixed.images)))


def _double(mixed: Mixture) -> None:
    """Add copies: other header, other pixels under one UID, a twin under another UID."""
    for kind, odds in (("variant", 0.15), ("conflict", 0.08), ("twin", 0.1), ("other twin", 0.08)):
        if not mixed.chance(odds):
            continue
        mixed.ingredients.add(kind)
        first = mixed.random.choice(mixed.images)
        copy = deepcopy(first)
        if kind == "variant":
            copy.StudyDescription = "COERCED head"
        if kind in ("conflict", "other twin"):
            _drawn(copy, [_fresh(mixed) for _ in first.scores])
        if kind in ("twin", "other twin"):
            copy.SOPInstanceUID = uid(f"{mixed.name} {kind} {first.SOPInstanceUID}")
            _note(mixed, copy, mixed.origin[str(first.SOPInstanceUID)])
            if str(first.SOPInstanceUID) in mixed.scouts:
                mixed.scouts.add(str(copy.SOPInstanceUID))
        mixed.images.append(copy)
