"""Whether a wanted series can be analysed: the gate between a series and a model.

It looks at headers and measured geometry only; :mod:`hounsfield.model.plausibility` looks at the pixels. What it
refuses becomes a result "not analysed", with the reason as a sentence for a radiologist.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from hounsfield.model.findings import Rejection
from hounsfield.model.geometry import SeriesGeometry
from hounsfield.model.headers import SliceHeader
from hounsfield.model.manifest import Scope
from hounsfield.model.remarks import TILT_DEGREES, counted, millimetres, remarks, steps
from hounsfield.model.scope import body_part_fits, found_in, is_closed_multi_frame

Problem = tuple[Rejection, str] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fitness:
    """Whether a wanted series can be analysed."""

    rejection: Rejection | None
    """None if it can."""
    words: str
    """The reason as a sentence for the report; empty if there is none. No patient data."""
    remarks: tuple[str, ...]
    """What is done about tilt, spacing, intercept and the like, as sentences for the report. No patient data."""


def assess(
    headers: Sequence[SliceHeader], geometry: SeriesGeometry, scope: Scope, *, wanted_by_rule: bool = False
) -> Fitness:
    """Judge a wanted series by its headers and measured geometry; the first reason that speaks against it counts.

    ``wanted_by_rule``: a rule of the configuration wants it, whatever ``scope`` says of the body part.
    """
    slices = [headers[i] for i in geometry.order]
    found = (
        _kind_problem(headers, scope, wanted_by_rule=wanted_by_rule)
        or _geometry_problem(geometry)
        or _count_problem(geometry, scope)
        or _value_problem(slices, scope)
        or _scope_problem(slices, geometry, scope)
        or _tilt_problem(geometry, scope)
    )
    rejection, words = found or (None, "")
    return Fitness(rejection=rejection, words=words, remarks=remarks(slices, geometry, scope))


def _kind_problem(headers: Sequence[SliceHeader], scope: Scope, *, wanted_by_rule: bool) -> Problem:
    if any(is_closed_multi_frame(h, scope) for h in headers):
        return Rejection.MULTI_FRAME, "The images are frames of multi-frame objects, which the model does not take."
    if wanted_by_rule and not body_part_fits(headers, scope):
        return Rejection.BODY_PART, (
            "Body part or description of the series are not those the model is made for; a rule selected it all the "
            "same."
        )
    return None


def _geometry_problem(geometry: SeriesGeometry) -> Problem:
    if geometry.missing or not geometry.order:
        count = len(geometry.missing)
        return Rejection.NO_GEOMETRY, f"{counted(count, 'image')} without a usable position or orientation."
    if not geometry.consistent_orientation:
        return Rejection.AMBIGUOUS_GEOMETRY, "The series holds images of more than one orientation."
    if geometry.duplicate_positions:
        count = len(geometry.duplicate_positions)
        return Rejection.AMBIGUOUS_GEOMETRY, f"More than one image at {counted(count, 'position')}."
    if geometry.mixed:
        return Rejection.AMBIGUOUS_GEOMETRY, f"The images of the series differ in {' and '.join(geometry.mixed)}."
    return None


def _count_problem(geometry: SeriesGeometry, scope: Scope) -> Problem:
    count, (fewest, most) = len(geometry.order), scope.slices
    if geometry.gaps:
        missing = sum(gap.missing for gap in geometry.gaps)
        widest = max(geometry.gaps, key=lambda gap: gap.step_mm)
        return Rejection.INCOMPLETE, (
            f"About {counted(missing, 'slice')} missing at {counted(len(geometry.gaps), 'place')}: "
            f"a step of {widest.step_mm:.1f} mm "
            f"where {widest.expected_mm:.1f} mm is usual."
        )
    if geometry.sparse and not scope.allow_sparse:
        return Rejection.INCOMPLETE, "Regular steps wider than the slices are thick: every second slice may be missing."
    if count < fewest:
        return Rejection.TOO_FEW_SLICES, f"{count} slices; the model takes {fewest} to {most}."
    if count > most:
        return Rejection.TOO_LARGE, f"{count} slices; the model takes {fewest} to {most}."
    if geometry.coverage_mm < scope.min_coverage_mm:
        return Rejection.COVERAGE, (
            f"The slices cover {geometry.coverage_mm:.0f} mm; the model needs at least {scope.min_coverage_mm:g} mm."
        )
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
    if any(h.burned_in for h in slices):
        return Rejection.BURNED_IN, "Text or drawings are burned into the images; they would be taken for anatomy."
    if any(h.pixel_spacing is None for h in slices):
        return Rejection.NO_GEOMETRY, "Pixel spacing is missing."
    return None


def _scope_problem(slices: Sequence[SliceHeader], geometry: SeriesGeometry, scope: Scope) -> Problem:
    """What the manifest says the model was not made for."""
    thinnest, thickest = scope.thickness_mm
    if any(h.contrast for h in slices) and not scope.contrast:
        return Rejection.SCOPE, "A contrast agent is stated; the model is for non-contrast CT."
    if any("DERIVED" in h.image_type[:1] for h in slices) and not scope.derived:
        return Rejection.SCOPE, "The images are derived from others (Image Type); the model is for original images."
    if found := _kernel_words(slices, scope):
        return Rejection.SCOPE, found
    if any(not thinnest <= t <= thickest for t in geometry.thickness_mm):
        given = millimetres(geometry.thickness_mm)
        return Rejection.SCOPE, f"Slice thickness {given}; the model takes {thinnest:g} to {thickest:g} mm."
    widest = max(geometry.steps_mm, default=0.0)
    if widest > scope.max_step_mm + 0.01:
        return Rejection.SCOPE, f"A slice step of {widest:.1f} mm; the model takes up to {scope.max_step_mm:g} mm."
    if geometry.irregular and scope.irregular_spacing == "refuse":
        words = f"Irregular slice steps, {steps(geometry)}; the model takes regular steps only."
        return Rejection.IRREGULAR_SPACING, words
    return None


def _kernel_words(slices: Sequence[SliceHeader], scope: Scope) -> str:
    """What is wrong with the reconstruction kernels; empty if nothing is."""
    kernels = {h.kernel for h in slices}
    if scope.kernel is not None and not all(found_in(kernel, scope.kernel) for kernel in kernels):
        return (
            "The reconstruction kernel is not stated; the model takes certain kernels only."
            if "" in kernels
            else "The reconstruction kernel is not one that the model takes."
        )
    if scope.exclude_kernel is not None and any(found_in(kernel, scope.exclude_kernel) for kernel in kernels):
        return "The reconstruction kernel is one that the model does not take."
    return ""


def _tilt_problem(geometry: SeriesGeometry, scope: Scope) -> Problem:
    tilt = geometry.tilt_degrees
    if tilt >= TILT_DEGREES and scope.tilt == "refuse":
        return Rejection.TILT, f"Gantry tilt {tilt:.1f} degrees; the model takes untilted slices only."
    if max(tilt, geometry.plane_degrees) > scope.max_tilt_degrees:
        steepest = max(tilt, geometry.plane_degrees)
        return Rejection.TILT, (
            f"Slices tilted by {steepest:.1f} degrees; the model takes up to {scope.max_tilt_degrees:g} degrees."
        )
    return None
