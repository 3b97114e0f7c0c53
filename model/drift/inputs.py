"""What a series was like that a model was shown: a few numbers for less than 10 ms, for drift."""

import statistics
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from hounsfield.model.drift.names import INPUTS
from hounsfield.model.drift.stability import Value
from hounsfield.model.geometry import SeriesGeometry
from hounsfield.model.headers import SliceHeader

Pixels = NDArray[np.integer | np.floating]

_SAMPLED: Final = 16
_SOFT_HU: Final = (-20, 100)
_BODY_HU: Final = -300
_BONE_HU: Final = 300
_LEAST_SOFT: Final = 500
"""Pixels of soft tissue below which nothing is said about it."""
_MAD: Final = 1.4826
"""Median absolute deviation to standard deviation, of a normal distribution."""
_STEP: Final = 3
"""Pixels apart of those that are looked at."""
_LONGEST_KERNEL: Final = 16


def measure_inputs(
    slices_hu: Sequence[Pixels], headers: Sequence[SliceHeader], geometry: SeriesGeometry
) -> dict[str, Value]:
    """Return :data:`INPUTS` of a series: (rows, columns) HU and headers in volume order.

    ``hu_median`` and ``hu_spread`` (standard deviation from the middle half) are those of soft tissue (-20 to 100 HU),
    ``noise_hu`` the robust standard deviation of what a pixel differs from the mean of its four neighbours by, all in
    the middle of evenly chosen slices; ``bone_share`` is the share above 300 HU of what is above -300 HU. None where
    the series does not say. No patient data: of the kernel's name only letters, digits and a few signs are kept.
    """
    return {**_of_pixels(slices_hu), **_of_headers(headers, geometry)}


def _of_pixels(slices_hu: Sequence[Pixels]) -> dict[str, Value]:
    count = len(slices_hu)
    chosen = sorted({round(place) for place in np.linspace(0, count - 1, _SAMPLED)}) if count else []
    soft: list[Pixels] = []
    residual: list[Pixels] = []
    body = bone = 0
    for place in chosen:
        hu = np.asarray(slices_hu[place])
        sparse = hu[::4, ::4]
        body += int(np.count_nonzero(sparse > _BODY_HU))
        bone += int(np.count_nonzero(sparse > _BONE_HU))
        values, rest = _soft_and_residual(_middle(hu))
        soft.append(values)
        residual.append(rest)
    found = np.concatenate(soft) if soft else np.empty(0)
    known = found.size >= _LEAST_SOFT
    return {
        **(_soft_numbers(found, np.concatenate(residual)) if known else dict.fromkeys(INPUTS[:3])),
        "bone_share": round(bone / body, 4) if body else None,
    }


def _middle(hu: Pixels) -> Pixels:
    rows, columns = hu.shape
    return hu[rows // 4 : rows - rows // 4, columns // 4 : columns - columns // 4]


def _soft_and_residual(middle: Pixels) -> tuple[Pixels, Pixels]:
    """Every third pixel each way of soft tissue among soft tissue, and what it differs from its neighbours by."""
    if min(middle.shape) < 3:
        return middle[:0].ravel(), middle[:0].ravel()
    inner, step = slice(1, -1, _STEP), _STEP
    centre = middle[inner, inner].astype(np.float32)
    neighbours = middle[:-2:step, inner].astype(np.float32)
    neighbours += middle[2::step, inner]
    neighbours += middle[inner, :-2:step]
    neighbours += middle[inner, 2::step]
    neighbours /= 4
    low, high = _SOFT_HU
    inside = (centre >= low) & (centre <= high) & (neighbours >= low) & (neighbours <= high)
    values = centre[inside]
    return values, values - neighbours[inside]


def _soft_numbers(values: Pixels, residual: Pixels) -> dict[str, Value]:
    lower, median, upper = np.percentile(values, (25, 50, 75))
    # the mean of four has a quarter of the variance of each
    noise = _MAD * float(np.median(np.abs(residual))) / np.sqrt(1.25)
    return {
        "hu_median": round(float(median), 1),
        "hu_spread": round(float(upper - lower) / 1.349, 2),
        "noise_hu": round(float(noise), 2),
    }


def _of_headers(headers: Sequence[SliceHeader], geometry: SeriesGeometry) -> dict[str, Value]:
    spacings = [sum(header.pixel_spacing) / 2 for header in headers if header.pixel_spacing is not None]
    thicknesses = [header.thickness for header in headers if header.thickness is not None]
    return {
        "thickness_mm": round(statistics.median(thicknesses), 1) if thicknesses else None,
        "step_mm": round(statistics.median(geometry.steps_mm), 1) if geometry.steps_mm else None,
        "pixel_mm": round(statistics.median(spacings), 3) if spacings else None,
        "slices": len(headers),
        "tilt_degrees": round(geometry.tilt_degrees),
        "lossy": any(header.lossy for header in headers),
        "kernel": _kernel({header.kernel for header in headers}),
    }


def _kernel(names: set[str]) -> str | None:
    """One bounded word for the reconstruction kernel; "mixed" for several."""
    if len(names) > 1:
        return "mixed"
    text = "".join(names).upper()
    return "".join(c for c in text if c.isascii() and (c.isalnum() or c in "+-_."))[:_LONGEST_KERNEL] or None
