"""What ``when`` of a rule may ask: ready words about a series, worked out from the headers of its slices. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import Enum
from types import MappingProxyType
from typing import Final

from hounsfield.model.attributes import Values
from hounsfield.model.geometry import is_axial
from hounsfield.model.headers import ENHANCED_CT, SliceHeader
from hounsfield.model.scope import is_phantom
from hounsfield.storage.records import InstanceRecord

LONGEST_TEXT: Final = 256
"""Characters of a text that ``when`` sees."""
MOST_TEXTS: Final = 64
"""Texts of a list that ``when`` sees."""
AGE_KEYWORDS: Final = ("PatientAge", "PatientBirthDate", "StudyDate")
"""Attributes that ``patient_age_years`` is worked out from."""

PredicateValue = str | float | bool | tuple[str, ...] | None
_DAYS_PER_UNIT = {"Y": 365.25, "M": 365.25 / 12, "W": 7.0, "D": 1.0}


class Kind(Enum):
    """Type of a predicate, as the documentation calls it."""

    TEXT = "text"
    NUMBER = "number"
    TRUTH = "true or false"
    TEXTS = "list of texts"


@dataclass(frozen=True, slots=True)
class Predicate:
    """One word of ``when``."""

    kind: Kind
    words: str
    """What it says, for the documentation."""


_USUAL = "the most frequent one of its images"
PREDICATES: Final[Mapping[str, Predicate]] = MappingProxyType(
    {
        "modality": Predicate(Kind.TEXT, f"Modality, {_USUAL}"),
        "body_part": Predicate(Kind.TEXT, f"Body Part Examined, {_USUAL}; often empty"),
        "study_description": Predicate(Kind.TEXT, f"Study Description, {_USUAL}"),
        "series_description": Predicate(Kind.TEXT, f"Series Description, {_USUAL}"),
        "protocol": Predicate(Kind.TEXT, f"Protocol Name, {_USUAL}"),
        "kernel": Predicate(Kind.TEXT, f"Convolution Kernel, {_USUAL}"),
        "thickness_min": Predicate(Kind.NUMBER, "smallest Slice Thickness, mm; unknown where none is stated"),
        "thickness_max": Predicate(Kind.NUMBER, "largest Slice Thickness, mm; unknown where none is stated"),
        "slices": Predicate(Kind.NUMBER, "images (frames of multi-frame objects) without localizers"),
        "image_types": Predicate(Kind.TEXTS, "every value of Image Type that occurs"),
        "original": Predicate(Kind.TRUTH, "every image is ORIGINAL by its Image Type"),
        "axial": Predicate(Kind.TRUTH, "most images are axial by their orientation"),
        "contrast": Predicate(Kind.TRUTH, "an image states a contrast agent"),
        "lossy": Predicate(Kind.TRUTH, "an image has been through lossy compression"),
        "enhanced": Predicate(Kind.TRUTH, "it holds Enhanced or Legacy Converted Enhanced CT (multi-frame)"),
        "manufacturer": Predicate(Kind.TEXT, f"Manufacturer, {_USUAL}"),
        "model": Predicate(Kind.TEXT, f"Manufacturer's Model Name, {_USUAL}"),
        "station": Predicate(Kind.TEXT, f"Station Name, {_USUAL}"),
        "calling_ae": Predicate(Kind.TEXT, "AE title that sent most of its images"),
        "called_ae": Predicate(Kind.TEXT, "AE title that was called for most of its images"),
        "phantom": Predicate(Kind.TRUTH, "an image looks like one of a phantom or of quality control"),
        "patient_age_years": Predicate(
            Kind.NUMBER, "Patient's Age, else from birth date to study date; unknown where neither is stated"
        ),
    }
)
"""Every name that ``when`` knows."""


def predicates_of(
    images: Sequence[SliceHeader], ages: Sequence[Mapping[str, Values]], instances: Sequence[InstanceRecord]
) -> Mapping[str, PredicateValue]:
    """Return the value of every predicate. ``images`` are those that are not localizers."""
    thickness = [header.thickness for header in images if header.thickness is not None]
    types = dict.fromkeys(part for header in images for part in header.image_type)
    return MappingProxyType(
        {
            "modality": _usual(header.modality for header in images),
            "body_part": _usual(header.body_part for header in images),
            "study_description": _usual(header.study_description for header in images),
            "series_description": _usual(header.series_description for header in images),
            "protocol": _usual(header.protocol_name for header in images),
            "kernel": _usual(header.kernel for header in images),
            "thickness_min": min(thickness, default=None),
            "thickness_max": max(thickness, default=None),
            "slices": float(len(images)),
            "image_types": tuple(part[:LONGEST_TEXT] for part in list(types)[:MOST_TEXTS]),
            "original": bool(images) and all(header.image_type[:1] == ("ORIGINAL",) for header in images),
            "axial": _axial(images),
            "contrast": any(header.contrast for header in images),
            "lossy": any(header.lossy for header in images),
            "enhanced": any(header.sop_class_uid in ENHANCED_CT for header in images),
            "manufacturer": _usual(header.manufacturer for header in images),
            "model": _usual(header.model_name for header in images),
            "station": _usual(header.station_name for header in images),
            "calling_ae": _usual(instance.calling_ae for instance in instances),
            "called_ae": _usual(instance.called_ae for instance in instances),
            "phantom": any(is_phantom(header) for header in images),
            "patient_age_years": next((age for age in map(_age, ages) if age is not None), None),
        }
    )


def _usual(texts: Iterable[str]) -> str:
    """The most frequent text that is not empty; of equally frequent ones the first in the alphabet."""
    counted = Counter(text for text in texts if text)
    return min(counted, key=lambda text: (-counted[text], text))[:LONGEST_TEXT] if counted else ""


def _axial(images: Sequence[SliceHeader]) -> bool:
    """By orientation: within 45 degrees of the transverse plane. Without any, what Image Type says has to do."""
    planes = [header.orientation for header in images if header.orientation is not None]
    if not planes:
        return bool(images) and all("AXIAL" in header.image_type for header in images)
    return 2 * sum(map(is_axial, planes)) > len(planes)


def _age(attributes: Mapping[str, Values]) -> float | None:
    """Years by Patient's Age (AS: ``045Y``, PS3.5 6.2), else by the dates."""
    stated = _text(attributes, "PatientAge")
    if len(stated) == 4 and stated[:3].isascii() and stated[:3].isdigit() and stated[3] in _DAYS_PER_UNIT:
        return round(int(stated[:3]) * _DAYS_PER_UNIT[stated[3]] / 365.25, 2)
    born, studied = _date(_text(attributes, "PatientBirthDate")), _date(_text(attributes, "StudyDate"))
    if born is None or studied is None or studied < born:
        return None
    had_birthday = (studied.month, studied.day) >= (born.month, born.day)
    return float(studied.year - born.year - (0 if had_birthday else 1))


def _text(attributes: Mapping[str, Values], keyword: str) -> str:
    values = attributes.get(keyword, ())
    return str(values[0]) if values else ""


def _date(text: str) -> date | None:
    digits = text.replace(".", "")  # 1970.01.02: ACR-NEMA
    if len(digits) != 8 or not (digits.isascii() and digits.isdigit()):
        return None
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        return None
