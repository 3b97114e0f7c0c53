"""The reconstructions that one series holds: which images belong together, and which belong to none.

Pure, and the same for any order of the images and for copies of them, since a job names its part by the key alone and
the worker splits again. The rules, in their order:

1. Localizers are left out, and so are at most four images in a steeply different plane (they are localizers too).
2. Another orientation, matrix or pixel spacing is another part, flipped rows or columns included.
3. Another kernel or image type (values 1 and 3) is another part, unless these blocks lie one above the other without
   overlapping: then they are one scan, of which nobody shall get a result about the lower half.
4. Where images still lie at one position: by further image type values, contrast agent, thickness, acquisition number,
   frame of reference, or the fewest of these together, if this gives as many parts as there are images at a position
   and the smaller ones show at least half of their slices in others too. Scanners count blocks of one scan as
   acquisitions: without shared positions that number splits nothing.
5. Parts of nearly parallel planes that lie one beside the other, hardly overlapping, are blocks of one scan that cannot
   be one volume: ``ambiguous``, since nobody shall get a result about half a head.
6. Images that then still share a position stay in their part as ``duplicates``; whether they are copies or
   contradictions only their pixels tell.
"""

import hashlib
import itertools
import json
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from hounsfield.model.geometry import (
    MOST_STRAYS,
    SAME_POSITION_MM,
    Vector,
    in_order,
    is_localizer,
    is_placed,
    normal_of,
    orientations,
)
from hounsfield.model.headers import SliceHeader
from hounsfield.model.reconstructions import GRID, KIND, ON_COLLISION, ORIENTATION, grouped, told_by, untangle

MOST_PARTS: Final = 32
"""A series that seems to hold more is not understood."""
_STEEP_COSINE = math.cos(math.radians(30.0))


class Why(StrEnum):
    """Why an image belongs to no part."""

    LOCALIZER = "localizer"
    OTHER_PLANE = "other-plane"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """An image that belongs to no part."""

    index: int
    why: Why


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One reconstruction. Indices point into the headers that were split."""

    indices: tuple[int, ...]
    """Ascending."""
    key: str
    """Hex SHA-256 of what tells it apart; empty where the series is one part."""
    words: str
    """What tells it apart, for people: "kernel H60s, thickness 1 mm"; empty where the series is one part."""
    differs_in: tuple[str, ...]
    """Names of what tells the parts of the series apart."""
    duplicates: tuple[tuple[int, int], ...]
    """Pairs of images at one position."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """A series taken apart."""

    parts: tuple[Part, ...]
    """Largest first; none if the series holds localizers only."""
    left_out: tuple[LeftOut, ...]
    ambiguous: str | None
    """Why a person has to look, as a sentence without patient data; None if every image has its place."""

    def part(self, key: str) -> Part | None:
        """The part with this key."""
        return next((part for part in self.parts if part.key == key), None)

    def remarks(self, key: str) -> tuple[str, ...]:
        """What a report about the part says of the rest of the series, as sentences without patient data."""
        part, count = self.part(key), len(self.left_out)
        remarks = []
        if part is not None and len(self.parts) > 1:
            remarks.append(
                f"The series holds {len(self.parts)} reconstructions; this one has {len(part.indices)} images "
                f"({part.words})."
            )
        if count:
            remarks.append(f"{count} localizer or other-plane image{'' if count == 1 else 's'} left out.")
        return tuple(remarks)


@dataclass(slots=True)
class _Leaf:
    """A part in the making."""

    indices: list[int]
    values: dict[str, list[str]]
    """Of every attribute that may tell it apart: the values in it, as JSON."""
    words: dict[str, str]
    duplicates: list[tuple[int, int]]


def split(headers: Sequence[SliceHeader]) -> Split:
    """Take a series apart into its reconstructions. Never raises."""
    copies = _copies(headers)
    images = [i for i in copies if not is_localizer(headers[i])]
    placed = [i for i in images if is_placed(headers[i])]
    planes = orientations(headers, placed, most=MOST_PARTS)
    strays = _strays(headers, planes, len(placed))
    leaves = [leaf for plane in planes if plane[0] not in strays for leaf in _leaves(headers, plane)]
    homeless = _assign(headers, [i for i in images if not is_placed(headers[i])], leaves)
    for leaf in leaves:
        of_leaf = [(i, k) for i in leaf.indices for k in copies[i]]
        leaf.indices += [k for _, k in of_leaf]
        leaf.duplicates += of_leaf
    left_out = [LeftOut(i, Why.LOCALIZER) for i, header in enumerate(headers) if is_localizer(header)]
    left_out += [LeftOut(k, Why.OTHER_PLANE) for i in strays for k in (i, *copies[i])]
    return Split(
        parts=tuple(sorted(_parts(leaves), key=lambda part: (-len(part.indices), part.key))),
        left_out=tuple(sorted(left_out, key=lambda one: one.index)),
        ambiguous=_doubt(headers, leaves, len(planes), homeless),
    )


def _doubt(headers: Sequence[SliceHeader], leaves: Sequence[_Leaf], planes: int, homeless: int) -> str | None:
    if max(len(leaves), planes) > MOST_PARTS:
        return f"The series seems to hold more than {MOST_PARTS} reconstructions."
    if any(_beside(headers, one.indices, other.indices) for one, other in itertools.combinations(leaves, 2)):
        return "Blocks of the series cannot be one volume, and each shows only a part of what was scanned."
    if homeless:
        return f"{homeless} of the images say not where they lie and could belong to several reconstructions."
    return None


def _copies(headers: Sequence[SliceHeader]) -> dict[int, list[int]]:
    """The first of each image, with the places of its copies: the same instance, frame and attributes again."""
    first: dict[tuple[object, ...], int] = {}
    copies: dict[int, list[int]] = {}
    for i, header in enumerate(headers):
        told = (header.position, header.orientation, header.image_type, header.kernel, header.contrast)
        grid = (header.rows, header.columns, header.pixel_spacing, header.thickness)
        rest = (header.acquisition_number, header.frame_of_reference_uid)
        known = first.setdefault((header.sop_instance_uid, header.frame, *told, *grid, *rest), i)
        copies.setdefault(known, [])
        if known != i:
            copies[known].append(i)
    return copies


def _strays(headers: Sequence[SliceHeader], planes: Sequence[list[int]], count: int) -> set[int]:
    """A few images in planes that stand steeply on the main one."""
    normals = [normal_of(headers[plane[0]].orientation or ()) for plane in planes]
    found: set[int] = set()
    for plane, normal in zip(planes[1:], normals[1:], strict=True):
        if len(plane) <= MOST_STRAYS and _steep(normal, normals[0]):
            found.update(plane)
    return found if 4 * len(found) < count else set()


def _steep(one: Vector | None, other: Vector | None) -> bool:
    return one is None or other is None or abs(sum(a * b for a, b in zip(one, other, strict=True))) < _STEEP_COSINE


def _leaves(headers: Sequence[SliceHeader], plane: list[int]) -> Iterator[_Leaf]:
    """Take images of one orientation apart."""
    normal = normal_of(headers[plane[0]].orientation or ()) or (0.0, 0.0, 1.0)
    usual = Counter(told_by(ORIENTATION, headers[i]) for i in plane)
    orientation = min(usual, key=lambda value: (-usual[value], value))
    usual_at = next(i for i in plane if told_by(ORIENTATION, headers[i]) == orientation)
    for grid in grouped(headers, plane, GRID):
        kinds = grouped(headers, grid, KIND)
        for kind in [grid] if _stacked(headers, kinds, normal) else kinds:
            found, used = untangle(headers, kind, normal)
            for indices, duplicates in found:
                leaf = _Leaf(indices=indices, values={}, words={}, duplicates=duplicates)
                for attribute in (ORIENTATION, *GRID, *KIND, *used):
                    values = {told_by(attribute, headers[i]): i for i in reversed(indices)}
                    leaf.values[attribute.name] = sorted(values)
                    leaf.words[attribute.name] = " and ".join(
                        dict.fromkeys(attribute.words(headers[values[value]]) for value in sorted(values))
                    )
                leaf.values[ORIENTATION.name] = [orientation]
                leaf.words[ORIENTATION.name] = ORIENTATION.words(headers[usual_at])
                yield leaf


def _stacked(headers: Sequence[SliceHeader], groups: Sequence[list[int]], normal: Vector) -> bool:
    """Whether groups of slices lie one above the other without overlapping."""
    ends = sorted((along[0], along[-1]) for _, along in (in_order(headers, group, normal) for group in groups))
    return all(upper[0] - lower[1] >= SAME_POSITION_MM for lower, upper in itertools.pairwise(ends))


def _beside(headers: Sequence[SliceHeader], one: Sequence[int], other: Sequence[int]) -> bool:
    """Whether two stacks of slices lie one beside the other and overlap in less than a quarter of the shorter one."""
    normal, another = (normal_of(headers[indices[0]].orientation or ()) for indices in (one, other))
    if normal is None or _steep(normal, another):
        return False
    placed = ([i for i in indices if is_placed(headers[i])] for indices in (one, other))
    ends = [(along[0], along[-1]) for _, along in (in_order(headers, indices, normal) for indices in placed)]
    overlap = min(high for _, high in ends) - max(low for low, _ in ends)
    return overlap < 0.25 * min(high - low for low, high in ends)


def _assign(headers: Sequence[SliceHeader], unplaced: Sequence[int], leaves: list[_Leaf]) -> int:
    """Give images without a position to the part whose attributes they share; return how many find no single one."""
    if unplaced and not leaves:
        leaves.append(_Leaf(indices=list(unplaced), values={}, words={}, duplicates=[]))
        return 0
    homeless = 0
    for i in unplaced:
        told = [(attribute.name, told_by(attribute, headers[i])) for attribute in (*GRID, *KIND)]
        homes = [leaf for leaf in leaves if all(value in leaf.values[name] for name, value in told)]
        if len(leaves) == 1 or len(homes) == 1:
            (homes if len(homes) == 1 else leaves)[0].indices.append(i)
        else:
            homeless += 1
    return homeless


def _parts(leaves: Sequence[_Leaf]) -> Iterator[Part]:
    names = [attribute.name for attribute in (ORIENTATION, *GRID, *KIND, *ON_COLLISION)]
    differs_in = tuple(name for name in names if len({tuple(leaf.values.get(name, ())) for leaf in leaves}) > 1)
    for leaf in leaves:
        told = [name for name in differs_in if name in leaf.values]
        text = json.dumps([[name, leaf.values[name]] for name in told])
        yield Part(
            indices=tuple(sorted(leaf.indices)),
            key=hashlib.sha256(text.encode()).hexdigest() if len(leaves) > 1 else "",
            words=", ".join(leaf.words[name] for name in told),
            differs_in=differs_in,
            duplicates=tuple(leaf.duplicates),
        )
