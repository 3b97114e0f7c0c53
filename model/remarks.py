"""What a report says about how an input was taken: sentences without patient data."""

import statistics
from collections.abc import Iterator, Sequence
from typing import Final

from hounsfield.model.geometry import SeriesGeometry
from hounsfield.model.headers import SliceHeader
from hounsfield.model.manifest import Scope
from hounsfield.model.reconstructions import kernel_words

TILT_DEGREES: Final = 1.0
"""From here on a tilt is spoken of."""


def remarks(slices: Sequence[SliceHeader], geometry: SeriesGeometry, scope: Scope) -> tuple[str, ...]:
    """Say what is done about tilt, spacing, intercept and the like; ``slices`` in volume order."""
    return (*_geometry_remarks(slices, geometry, scope), *_value_remarks(slices))


def _geometry_remarks(slices: Sequence[SliceHeader], geometry: SeriesGeometry, scope: Scope) -> Iterator[str]:
    if geometry.tilt_degrees >= TILT_DEGREES:
        done = (
            "slices were moved in their planes until they lie straight above each other."
            if scope.tilt == "resample"
            else "slices are taken one by one, not resampled."
        )
        yield (
            f"Gantry tilt {geometry.tilt_degrees:.1f} degrees, measured from image orientation and positions; {done}"
        )
    elif geometry.plane_degrees >= TILT_DEGREES:
        yield f"Slices lie at {geometry.plane_degrees:.1f} degrees to the patient's long axis; not resampled."
    if geometry.irregular:
        thickness = f" with thickness {millimetres(geometry.thickness_mm)}" if geometry.thickness_mm else ""
        done = (
            f"resampled to regular steps of {statistics.median(geometry.steps_mm):.1f} mm."
            if scope.irregular_spacing == "resample"
            else "slices are taken one by one."
        )
        yield f"Slice steps {steps(geometry)}{thickness}; {done}"
    if geometry.localizers:
        yield f"{counted(len(geometry.localizers), 'localizer or other-plane image')} left out."
    if slices and not geometry.thickness_mm:
        yield "Slice thickness is not stated."
    kernels = sorted({kernel_words(one.kernel) for one in slices})
    if len(kernels) > 1:
        yield f"Blocks of different kernels in one volume: {', '.join(kernels[:4])}."


def _value_remarks(slices: Sequence[SliceHeader]) -> Iterator[str]:
    if not slices:
        return
    rescales = {(h.slope, h.intercept) for h in slices}
    if len(rescales) > 1:
        yield f"Rescale differs among the slices ({len(rescales)} pairs); applied slice by slice."
    elif rescales == {(1.0, 0.0)}:
        yield "Rescale intercept 0; values count as HU only after a plausibility check."
    if any(h.padding is not None for h in slices):
        values = sorted({h.padding for h in slices if h.padding is not None})
        yield f"Pixel padding {', '.join(map(str, values))} masked as air."
    if any(h.photometric == "MONOCHROME1" for h in slices):
        yield "MONOCHROME1 is unusual in CT; HU used unchanged."
    if any(h.lossy for h in slices):
        yield "Lossy compression, allowed for this model; HU are approximate."
    if any(h.contrast for h in slices):
        yield "A contrast agent is stated."
    if any("DERIVED" in h.image_type[:1] for h in slices):
        yield "The images are derived from others (Image Type)."


def counted(number: int, thing: str) -> str:
    """``1 image``, ``2 images``."""
    return f"{number} {thing}{'' if number == 1 else 's'}"


def steps(geometry: SeriesGeometry) -> str:
    """``3.0 to 5.0 mm``."""
    return f"{min(geometry.steps_mm):.1f} to {max(geometry.steps_mm):.1f} mm"


def millimetres(values: Sequence[float]) -> str:
    """``5 mm``, ``4 and 7 mm``, ``1 to 5 mm``."""
    if len(values) > 3:
        return f"{values[0]:g} to {values[-1]:g} mm"
    *first, last = (f"{value:g}" for value in values)
    return f"{', '.join(first)} and {last} mm" if first else f"{last} mm"
