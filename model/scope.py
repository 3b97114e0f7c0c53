"""Whether a bundle wants a series at all, by headers only: what it does not want is skipped, without a report."""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from hounsfield.model.geometry import is_axial
from hounsfield.model.headers import ENHANCED_CT, SliceHeader
from hounsfield.model.manifest import Scope

LONGEST_SEARCHED: Final = 256
"""Characters of a text of the instance that a manifest's regular expression is run on; LO and SH have fewer."""
_NOT_SLICES = frozenset(
    {"LOCALIZER", "SCOUT", "MIP", "MINIP", "MAX_IP", "MIN_IP", "MAXIMUM", "MINIMUM", "MAXIMUM INTENSITY PROJECTION"}
    | {"PROJECTION IMAGE", "VRT", "VOLUME RENDERING", "SSD", "3D", "SCREEN SAVE", "SCREEN_SAVE", "DOSE_INFO", "REPORT"}
    | {"PERFUSION", "SUBTRACTION", "MASK", "FLUOROSCOPY", "STD_DEVIATION", "QUANTITY"}
)
"""Values of Image Type and Frame Type of images that are no cross-sections in HU."""
_PHANTOM_TEXT = re.compile(
    r"(?i)\b(phantom|catphan|gammex|qa|qc|quality (control|assurance)|daily (check|qa)|air ?cal\w*)\b"
)
_PHANTOM_PATIENT = re.compile(
    r"(?i)(?<![a-z])(phantom|catphan|gammex|acr[ ^_-]phantom|daily[ ^_-]qa|qa[ ^_-]test)(?![a-z])"
)


def scope_mismatch(headers: Sequence[SliceHeader], scope: Scope) -> str | None:
    """Return why the bundle does not want the series, as a reason code, or None if it wants it.

    Codes: ``modality``, ``image-type``, ``multi-frame``, ``phantom``, ``body-part``, ``too-few-slices``.
    """
    images = [header for header in headers if not _NOT_SLICES & set(header.image_type)]
    checks: tuple[tuple[str, Callable[[], bool]], ...] = (
        ("multi-frame", lambda: any(is_closed_multi_frame(h, scope) for h in headers)),
        ("modality", lambda: any(h.modality not in scope.modality for h in headers)),
        ("image-type", lambda: not images or any(h.sop_class_uid not in scope.sop_classes for h in headers)),
        ("phantom", lambda: any(is_phantom(h) for h in headers)),
        ("body-part", lambda: not body_part_fits(images, scope)),
        ("image-type", lambda: _mostly_not_axial(images)),
        ("too-few-slices", lambda: max(len(images), _announced(images)) < scope.slices[0]),
    )
    return next((code for code, applies in checks if applies()), None)


def is_closed_multi_frame(header: SliceHeader, scope: Scope) -> bool:
    """Whether a multi-frame instance must not be used: not read by its functional groups, or of an unlisted class."""
    if header.frame is None:
        return header.frames != 1 or header.sop_class_uid in ENHANCED_CT
    return header.sop_class_uid not in scope.sop_classes


def is_phantom(header: SliceHeader) -> bool:
    """Whether the instance says that it shows a phantom or is made for quality assurance.

    By Image Type, Quality Control Image (0028,0300), descriptions, and the ways phantoms are named as patients.
    """
    texts = (header.series_description, header.study_description, header.protocol_name, header.body_part)
    patient = (header.patient.name, header.patient.id)
    return (
        header.quality_control_image
        or bool({"PHANTOM", "QA", "QC"} & set(header.image_type))
        or any(_PHANTOM_TEXT.search(text[:LONGEST_SEARCHED]) for text in texts)
        or any(_PHANTOM_PATIENT.search(text[:LONGEST_SEARCHED]) for text in patient)
    )


def body_part_fits(images: Sequence[SliceHeader], scope: Scope) -> bool:
    """Body Part Examined decides; where it is empty, the descriptions do. An excluded description always loses."""
    if not images:
        return False
    header = images[0]
    body_part = _usual(h.body_part for h in images)
    own = _usual(h.series_description for h in images) or header.protocol_name
    if scope.exclude_description and found_in(own, scope.exclude_description):
        return False
    if body_part:
        return found_in(body_part, scope.body_part)
    texts = (own, header.protocol_name, header.study_description)
    return any(found_in(text, scope.description) for text in texts)


def found_in(text: str, pattern: str) -> bool:
    """Whether a manifest's regular expression is found in a text of the instance."""
    return re.search(pattern, text[:LONGEST_SEARCHED]) is not None


def _usual(texts: Iterable[str]) -> str:
    """The most frequent text that is not empty."""
    counted = Counter(text for text in texts if text)
    return counted.most_common(1)[0][0] if counted else ""


def _mostly_not_axial(images: Sequence[SliceHeader]) -> bool:
    """Coronal and sagittal reformats; images without an orientation are judged by the geometry gate instead."""
    steep = sum(1 for h in images if h.orientation is not None and not is_axial(h.orientation))
    return 2 * steep > len(images)


def _announced(images: Sequence[SliceHeader]) -> int:
    """A short series of which the scanner announced more is wanted and incomplete, not "too few slices"."""
    return max((h.images_in_acquisition or 0 for h in images), default=0)
