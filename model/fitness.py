"""Whether a bundle wants a series, and whether what it wants can be analysed. The gate before any model.

Two answers: :func:`scope_mismatch` (not wanted: the series is skipped) and :func:`assess` (wanted but not fit: the
result is "not analysed", with the reason in words). Both look at headers only; :func:`hu_plausible` at the pixels.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from hounsfield.model.findings import Rejection
from hounsfield.model.geometry import SeriesGeometry
from hounsfield.model.headers import SliceHeader
from hounsfield.model.manifest import Scope
from hounsfield.model.plausibility import hu_plausible

__all__ = ["Fitness", "assess", "hu_plausible", "scope_mismatch"]

_ENHANCED = frozenset({"1.2.840.10008.5.1.4.1.1.2.1", "1.2.840.10008.5.1.4.1.1.2.2"})
_NOT_SLICES = frozenset(
    {
        "LOCALIZER",
        "SCOUT",
        "MIP",
        "MINIP",
        "MAXIMUM INTENSITY PROJECTION",
        "PROJECTION IMAGE",
        "VRT",
        "VOLUME RENDERING",
    }
    | {"SSD", "3D", "SCREEN SAVE", "SCREEN_SAVE", "DOSE_INFO", "REPORT", "PERFUSION", "SUBTRACTION", "MASK"}
)
_PHANTOM_TEXT = re.compile(
    r"(?i)\b(phantom|catphan|gammex|qa|qc|quality (control|assurance)|daily (check|qa)|air ?cal\w*)\b"
)
_PHANTOM_PATIENT = re.compile(
    r"(?i)(?<![a-z])(phantom|catphan|gammex|acr[ ^_-]phantom|daily[ ^_-]qa|qa[ ^_-]test)(?![a-z])"
)
_TILT_DEGREES = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitness:
    """Whether a wanted series can be analysed."""

    rejection: Rejection | None
    """None if it can."""
    words: str
    """The reason as a sentence for the report; empty if there is none. No patient data."""
    remarks: tuple[str, ...]
    """What is done about tilt, spacing, intercept and the like, as sentences for the report. No patient data."""


def scope_mismatch(headers: Sequence[SliceHeader], scope: Scope) -> str | None:
    """Return why the bundle does not want the series, as a reason code, or None if it wants it.

    Codes: ``modality``, ``image-type``, ``multi-frame``, ``phantom``, ``body-part``, ``too-few-slices``.
    """
    images = [header for header in headers if not _NOT_SLICES & set(header.image_type)]
    checks: tuple[tuple[str, Callable[[], bool]], ...] = (
        ("multi-frame", lambda: any(h.sop_class_uid in _ENHANCED or h.frames != 1 for h in headers)),
        ("modality", lambda: any(h.modality not in scope.modality for h in headers)),
        ("image-type", lambda: not images or any(h.sop_class_uid not in scope.sop_classes for h in headers)),
        ("phantom", lambda: any(_is_phantom(h) for h in headers)),
        ("body-part", lambda: not _body_part_fits(images, scope)),
        ("image-type", lambda: _mostly_not_axial(images)),
        ("too-few-slices", lambda: max(len(images), _announced(images)) < scope.slices[0]),
    )
    return next((code for code, applies in checks if applies()), None)


def _is_phantom(header: SliceHeader) -> bool:
    texts = (header.series_description, header.study_description, header.protocol_name, header.body_part)
    patient = (header.patient.name, header.patient.id)
    return (
        header.quality_control_image
        or bool({"PHANTOM", "QA", "QC"} & set(header.image_type))
        or any(_PHANTOM_TEXT.search(text) for text in texts)
        or any(_PHANTOM_PATIENT.search(text) for text in patient)
    )


def _body_part_fits(images: Sequence[SliceHeader], scope: Scope) -> bool:
    """Body Part Examined decides; where it is empty, the descriptions do. An excluded description always loses."""
    if not images:
        return False
    header = images[0]
    body_part = _usual(h.body_part for h in images)
    own = _usual(h.series_description for h in images) or header.protocol_name
    if scope.exclude_description and re.search(scope.exclude_description, own):
        return False
    if body_part:
        return re.search(scope.body_part, body_part) is not None
    texts = (own, header.protocol_name, header.study_description)
    return any(re.search(scope.description, text) for text in texts)


def _usual(texts: Iterable[str]) -> str:
    """The most frequent text that is not empty."""
    counted = Counter(text for text in texts if text)
    return counted.most_common(1)[0][0] if counted else ""


def _mostly_not_axial(images: Sequence[SliceHeader]) -> bool:
    """Coronal and sagittal reformats; images without an orientation are judged by the geometry gate instead."""
    steep = sum(1 for h in images if h.orientation is not None and not _axial(h.orientation))
    return 2 * steep > len(images)


def _axial(orientation: Sequence[float]) -> bool:
    return abs(orientation[0] * orientation[4] - orientation[1] * orientation[3]) > 0.7071


def _announced(images: Sequence[SliceHeader]) -> int:
    """A short series of which the scanner announced more is wanted and incomplete, not "too few slices"."""
    return max((h.images_in_acquisition or 0 for h in images), default=0)


def assess(headers: Sequence[SliceHeader], geometry: SeriesGeometry, scope: Scope) -> Fitness:
    """Judge a wanted series by its headers and measured geometry; the first reason that speaks against it counts."""
    slices = [headers[i] for i in geometry.order]
    found = (
        _geometry_problem(geometry)
        or _count_problem(geometry, scope)
        or _value_problem(slices, scope)
        or _scope_problem(slices, geometry, scope)
    )
    rejection, words = found or (None, "")
    return Fitness(rejection=rejection, words=words, remarks=_remarks(slices, geometry))


Problem = tuple[Rejection, str] | None


def _geometry_problem(geometry: SeriesGeometry) -> Problem:
    if geometry.missing or not geometry.order:
        count = len(geometry.missing)
        return Rejection.NO_GEOMETRY, f"{_count(count, 'image')} without a usable position or orientation."
    if not geometry.consistent_orientation:
        return Rejection.AMBIGUOUS_GEOMETRY, "The series holds images of more than one orientation."
    if geometry.duplicate_positions:
        count = len(geometry.duplicate_positions)
        return Rejection.AMBIGUOUS_GEOMETRY, f"More than one image at {_count(count, 'position')}."
    if geometry.mixed:
        return Rejection.AMBIGUOUS_GEOMETRY, f"The images of the series differ in {' and '.join(geometry.mixed)}."
    return None


def _count_problem(geometry: SeriesGeometry, scope: Scope) -> Problem:
    count, (fewest, most) = len(geometry.order), scope.slices
    if geometry.gaps:
        missing = sum(gap.missing for gap in geometry.gaps)
        widest = max(geometry.gaps, key=lambda gap: gap.step_mm)
        return Rejection.INCOMPLETE, (
            f"About {_count(missing, 'slice')} missing at {_count(len(geometry.gaps), 'place')}: "
            f"a step of {widest.step_mm:.1f} mm "
            f"where {widest.expected_mm:.1f} mm is usual."
        )
    if geometry.sparse and not scope.allow_sparse:
        return Rejection.INCOMPLETE, "Regular steps wider than the slices are thick: every second slice may be missing."
    if count < fewest:
        return Rejection.TOO_FEW_SLICES, f"{count} slices; the model takes {fewest} to {most}."
    if count > most:
        return Rejection.TOO_LARGE, f"{count} slices; the model takes {fewest} to {most}."
    return None


def _value_problem(slices: Sequence[SliceHeader], scope: Scope) -> Problem:
    """Whether the stored values can be turned into HU without guessing."""
    if any(h.samples != 1 or h.photometric not in ("MONOCHROME1", "MONOCHROME2") for h in slices):
        return Rejection.NOT_HU, "The images are not greyscale."
    if any(h.slope is None or h.intercept is None or h.slope == 0.0 for h in slices):
        return Rejection.NO_RESCALE, "Rescale slope or intercept is missing or not a number; HU are not guessed."
    if any(h.rescale_type.upper() not in ("", "HU") for h in slices):
        return Rejection.NOT_HU, "The rescale type says that the values are not HU."
    if any(h.lossy for h in slices) and not scope.lossy:
        return Rejection.LOSSY, "The images have been through lossy compression, which changes HU."
    if any(h.bits_stored <= 8 for h in slices):
        return Rejection.NOT_HU, "The images have 8 bits or fewer, too few for HU."
    if any(h.pixel_spacing is None for h in slices):
        return Rejection.NO_GEOMETRY, "Pixel spacing is missing."
    return None


def _scope_problem(slices: Sequence[SliceHeader], geometry: SeriesGeometry, scope: Scope) -> Problem:
    """What the manifest says the model was not made for."""
    thinnest, thickest = scope.thickness_mm
    tilt = geometry.tilt_degrees
    if any(h.contrast for h in slices) and not scope.contrast:
        return Rejection.SCOPE, "A contrast agent is stated; the model is for non-contrast CT."
    if any(not thinnest <= t <= thickest for t in geometry.thickness_mm):
        given = _millimetres(geometry.thickness_mm)
        return Rejection.SCOPE, f"Slice thickness {given}; the model takes {thinnest:g} to {thickest:g} mm."
    widest = max(geometry.steps_mm, default=0.0)
    if widest > scope.max_step_mm + 0.01:
        return Rejection.SCOPE, f"A slice step of {widest:.1f} mm; the model takes up to {scope.max_step_mm:g} mm."
    if tilt >= _TILT_DEGREES and scope.tilt == "refuse":
        return Rejection.TILT, f"Gantry tilt {tilt:.1f} degrees; the model takes untilted slices only."
    if max(tilt, geometry.plane_degrees) > scope.max_tilt_degrees:
        steepest = max(tilt, geometry.plane_degrees)
        return Rejection.TILT, (
            f"Slices tilted by {steepest:.1f} degrees; the model takes up to {scope.max_tilt_degrees:g} degrees."
        )
    if geometry.irregular and scope.irregular_spacing == "refuse":
        return Rejection.SCOPE, f"Irregular slice steps, {_steps(geometry)}; the model takes regular steps only."
    return None


def _remarks(slices: Sequence[SliceHeader], geometry: SeriesGeometry) -> tuple[str, ...]:
    remarks: list[str] = []
    if geometry.tilt_degrees >= _TILT_DEGREES:
        remarks.append(
            f"Gantry tilt {geometry.tilt_degrees:.1f} degrees, measured from image orientation and positions; "
            "slices are taken one by one, not resampled."
        )
    elif geometry.plane_degrees >= _TILT_DEGREES:
        remarks.append(f"Slices lie at {geometry.plane_degrees:.1f} degrees to the patient's long axis; not resampled.")
    if geometry.irregular:
        thickness = f" with thickness {_millimetres(geometry.thickness_mm)}" if geometry.thickness_mm else ""
        remarks.append(f"Slice steps {_steps(geometry)}{thickness}; slices are taken one by one.")
    if geometry.localizers:
        remarks.append(f"{_count(len(geometry.localizers), 'localizer or other-plane image')} left out.")
    if slices and not geometry.thickness_mm:
        remarks.append("Slice thickness is not stated.")
    return (*remarks, *_value_remarks(slices))


def _value_remarks(slices: Sequence[SliceHeader]) -> Iterable[str]:
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


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def _steps(geometry: SeriesGeometry) -> str:
    return f"{min(geometry.steps_mm):.1f} to {max(geometry.steps_mm):.1f} mm"


def _millimetres(values: Sequence[float]) -> str:
    """``5 mm``, ``4 and 7 mm``, ``1 to 5 mm``."""
    if len(values) > 3:
        return f"{values[0]:g} to {values[-1]:g} mm"
    *first, last = (f"{value:g}" for value in values)
    return f"{', '.join(first)} and {last} mm" if first else f"{last} mm"
