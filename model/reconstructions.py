"""By what reconstructions of one series are told apart: a value for the key, and words for people.

Where several images lie at one position, :func:`untangle` finds what tells them apart, if anything does. Words are made
of numbers and of words that stand here; of DICOM text only the kernel's name is shown, and only what a kernel's name is
made of.
"""

import itertools
import json
import math
import re
import statistics
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from hounsfield.model.geometry import SAME_POSITION_MM, Vector, in_order
from hounsfield.model.headers import SliceHeader

_SHOWN_TYPES: Final = frozenset(
    {"ORIGINAL", "DERIVED", "AXIAL", "HELICAL", "VOLUME", "MPR", "REFORMATTED", "AVERAGE", "MIP", "MINIP", "PERFUSION"}
)


@dataclass(frozen=True, slots=True)
class Attribute:
    """One thing in which reconstructions differ."""

    name: str
    """As ``Part.differs_in`` and the words of a report call it."""
    value: Callable[[SliceHeader], object]
    """Equal for images of one reconstruction; JSON."""
    words: Callable[[SliceHeader], str]


def kernel_words(kernel: str) -> str:
    """A kernel's name, as far as it looks like one: at most 16 of ``A-Z a-z 0-9 . _ + -`` and the space."""
    return re.sub(r"[^A-Za-z0-9 ._+-]", "_", kernel[:16]).strip() or "not stated"


def _orientation(header: SliceHeader) -> list[float]:
    return [round(value, 3) + 0.0 for value in header.orientation or ()]


def _plane_words(header: SliceHeader) -> str:
    """The patient's plane, how far it is tilted out of it, and whether the image is turned in it."""
    orientation = _orientation(header)
    (a, b, c), (d, e, f) = orientation[:3], orientation[3:]
    across = [abs(b * f - c * e), abs(c * d - a * f), abs(a * e - b * d)]
    nearest = max(range(3), key=lambda k: across[k])
    degrees = math.degrees(math.acos(min(across[nearest], 1.0)))
    tilted = f" at {degrees:.0f} degrees" if degrees >= 1.0 else ""
    turned = ", rows or columns reversed" if nearest == 2 and min(a, e) < -0.5 else ""
    return ("sagittal", "coronal", "axial")[nearest] + tilted + turned


def _spacing(header: SliceHeader) -> object:
    return None if header.pixel_spacing is None else [round(value, 4) for value in header.pixel_spacing]


def _spacing_words(header: SliceHeader) -> str:
    return "pixel spacing " + ("not stated" if header.pixel_spacing is None else f"{header.pixel_spacing[0]:.3g} mm")


def _type(header: SliceHeader) -> object:
    return [*header.image_type[:1], *header.image_type[2:3]]


def _type_words(header: SliceHeader) -> str:
    shown = [value.lower() for value in (*header.image_type[:1], *header.image_type[2:3]) if value in _SHOWN_TYPES]
    return f"image type {' '.join(shown)}" if shown else "an image type of its own"


def _thickness_words(header: SliceHeader) -> str:
    return "thickness " + ("not stated" if header.thickness is None else f"{round(header.thickness, 2):g} mm")


def _number_words(header: SliceHeader) -> str:
    number = header.acquisition_number
    return "acquisition " + ("without a number" if number is None else str(number))


ORIENTATION: Final = Attribute("orientation", _orientation, _plane_words)
GRID: Final = (
    Attribute("matrix", lambda h: [h.rows, h.columns], lambda h: f"{h.rows} x {h.columns}"),
    Attribute("pixel spacing", _spacing, _spacing_words),
)
"""Images that differ here are never one volume."""
KIND: Final = (
    Attribute("kernel", lambda h: h.kernel, lambda h: f"kernel {kernel_words(h.kernel)}"),
    Attribute("image type", _type, _type_words),
)
"""Images that differ here are one volume only as blocks, one above the other."""
ON_COLLISION: Final = (
    Attribute("image type details", lambda h: list(h.image_type[3:]), lambda _: "image type details of its own"),
    Attribute("contrast", lambda h: h.contrast, lambda h: f"{'with' if h.contrast else 'without'} contrast agent"),
    Attribute("thickness", lambda h: None if h.thickness is None else round(h.thickness, 2), _thickness_words),
    Attribute("acquisition number", lambda h: h.acquisition_number, _number_words),
    Attribute("frame of reference", lambda h: h.frame_of_reference_uid, lambda _: "a frame of reference of its own"),
)
"""Looked at only where several images lie at one position, in this order."""

Pairs = list[tuple[int, int]]
_Group = tuple[list[int], Pairs]


def told_by(attribute: Attribute, header: SliceHeader) -> str:
    """The value as JSON: equal texts are equal values."""
    return json.dumps(attribute.value(header))


def grouped(headers: Sequence[SliceHeader], indices: Sequence[int], attributes: Sequence[Attribute]) -> list[list[int]]:
    """Sort images into groups that agree in all attributes, in the order of the values."""
    return _by_value(indices, [{i: told_by(attribute, headers[i]) for i in indices} for attribute in attributes])


def _by_value(indices: Sequence[int], told: Sequence[dict[int, str]]) -> list[list[int]]:
    found: dict[tuple[str, ...], list[int]] = {}
    for i in indices:
        found.setdefault(tuple(values[i] for values in told), []).append(i)
    return [found[value] for value in sorted(found)]


def untangle(
    headers: Sequence[SliceHeader], indices: Sequence[int], normal: Vector
) -> tuple[list[_Group], tuple[Attribute, ...]]:
    """Take images of one orientation apart where several lie at one position.

    Returns groups, each with the pairs that still share a position in it, and the attributes that told them apart.
    """
    order, along = in_order(headers, indices, normal)
    steps = (b - a for a, b in itertools.pairwise(along))
    numbers = itertools.accumulate((int(step >= SAME_POSITION_MM) for step in steps), initial=0)
    place = dict(zip(order, numbers, strict=False))
    left = _sharing(place, order)
    best: tuple[int, list[list[int]], tuple[Attribute, ...]] = (left, [order], ())
    for attributes, told in _combinations(headers, order) if left else ():
        groups = _by_value(order, told)
        if _are_reconstructions(place, groups):
            still = sum(_sharing(place, group) for group in groups)
            best = min(best, (still, groups, attributes), key=lambda found: found[0])
    _, groups, attributes = best
    return [(group, _pairs(place, group)) for group in groups], attributes


def _combinations(
    headers: Sequence[SliceHeader], indices: Sequence[int]
) -> Iterator[tuple[tuple[Attribute, ...], tuple[dict[int, str], ...]]]:
    """Attributes with their values: single ones first, in their order; only those that differ."""
    told = [(one, {i: told_by(one, headers[i]) for i in indices}) for one in ON_COLLISION]
    varying = [(one, values) for one, values in told if len(set(values.values())) > 1]
    for count in range(1, len(varying) + 1):
        for chosen in itertools.combinations(varying, count):
            yield tuple(one for one, _ in chosen), tuple(values for _, values in chosen)


def _are_reconstructions(place: dict[int, int], groups: Sequence[list[int]]) -> bool:
    """Whether groups show the same part of the body, as reconstructions and repeated scans do.

    As many of them as images lie at a position, and each but the largest with half of its positions in others: blocks
    of one scan that overlap in a slice are no reconstructions.
    """
    crowd = [count for count in Counter(place[i] for group in groups for i in group).values() if count > 1]
    if len(groups) != statistics.median_low(crowd):
        return False
    places = [{place[i] for i in group} for group in groups]
    largest = max(range(len(places)), key=lambda k: len(places[k]))
    seen = Counter(itertools.chain.from_iterable(places))
    return all(2 * sum(1 for one in own if seen[one] > 1) >= len(own) for k, own in enumerate(places) if k != largest)


def _sharing(place: dict[int, int], indices: Sequence[int]) -> int:
    """How many images there are more than positions."""
    return len(indices) - len({place[i] for i in indices})


def _pairs(place: dict[int, int], indices: Sequence[int]) -> Pairs:
    return [(a, b) for a, b in itertools.pairwise(indices) if place[a] == place[b]]
