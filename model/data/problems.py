"""What can be wrong with a data set, and what follows from it."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    """Kinds of problems, as reports and ``accept`` in the configuration name them."""

    UNREADABLE = "unreadable"
    OUTSIDE = "outside"
    WRONG_MODALITY = "wrong-modality"
    NOT_HU = "not-hu"
    NOT_GREY = "not-grey"
    LOSSY = "lossy"
    BLANK = "blank"
    DUPLICATE = "duplicate"
    DUPLICATE_ACROSS_PATIENTS = "duplicate-across-patients"
    MIXED_PATIENTS = "mixed-patients"
    GEOMETRY = "geometry"
    IMPLAUSIBLE_HU = "implausible-hu"
    LABEL_CONFLICT = "label-conflict"
    BAD_LABEL = "bad-label"
    LABEL_WITHOUT_FILE = "label-without-file"
    FILE_WITHOUT_LABEL = "file-without-label"
    REPEATED_ROW = "repeated-row"
    SIZE_OUTLIER = "size-outlier"
    GAP = "gap"
    ONE_CLASS = "one-class"
    NO_PATIENT = "no-patient"
    LOCALIZER = "localizer"
    OTHER_SERIES = "other-series"


class Consequence(StrEnum):
    """What a problem does to the images it is about."""

    UNCLEAN = "excluded"
    """They are excluded, and the data set is not clean as it is."""
    LEFT_OUT = "left out"
    """They are left out, as serving leaves them out; that is no fault of the data set."""
    NOTED = "noted"
    """They stay; a person may want to know."""


_LEFT_OUT: Final = frozenset({Kind.LOCALIZER, Kind.OTHER_SERIES})
_NOTED: Final = frozenset({Kind.REPEATED_ROW, Kind.SIZE_OUTLIER, Kind.GAP, Kind.ONE_CLASS, Kind.NO_PATIENT})
NEVER_USABLE: Final = frozenset(
    {
        Kind.UNREADABLE,
        Kind.OUTSIDE,
        Kind.WRONG_MODALITY,
        Kind.NOT_HU,
        Kind.NOT_GREY,
        Kind.GEOMETRY,
        Kind.LABEL_WITHOUT_FILE,
        Kind.FILE_WITHOUT_LABEL,
        Kind.BAD_LABEL,
        *_LEFT_OUT,
    }
)
"""There is no image that can be placed, or no label: neither ``accept`` nor ``--allow-unclean`` helps."""
MEANING: Final = {
    Kind.UNREADABLE: "The file or its pixels cannot be read.",
    Kind.OUTSIDE: "The table or a link leads out of the folder of the data set.",
    Kind.WRONG_MODALITY: "The image is not of the modality that the configuration names.",
    Kind.NOT_HU: "The values cannot become HU: no rescale, another rescale type, or 8 bits.",
    Kind.NOT_GREY: "The image is in colour.",
    Kind.LOSSY: "The image has been through lossy compression, which changes HU.",
    Kind.BLANK: "Every pixel has the same value.",
    Kind.DUPLICATE: "The pixels are those of another image of the same patient; the first one stays.",
    Kind.DUPLICATE_ACROSS_PATIENTS: "The pixels are those of an image of another patient; the first one stays.",
    Kind.MIXED_PATIENTS: "The series holds images of more than one patient.",
    Kind.GEOMETRY: "The images of the series cannot be put in order.",
    Kind.IMPLAUSIBLE_HU: "Air, soft tissue and bone are not where they are in a head.",
    Kind.LABEL_CONFLICT: "Labels contradict each other.",
    Kind.BAD_LABEL: "A label is neither 0 nor 1 nor empty, or another cell of its row is no number.",
    Kind.LABEL_WITHOUT_FILE: "A row of a table is about nothing that was found.",
    Kind.FILE_WITHOUT_LABEL: "No row of a table is about the image.",
    Kind.REPEATED_ROW: "A row of a table says again what another said.",
    Kind.SIZE_OUTLIER: "Matrix, number of slices or pixel spacing are far from the rest.",
    Kind.GAP: "Slices are missing within the series.",
    Kind.ONE_CLASS: "A label is never 1, or never 0.",
    Kind.NO_PATIENT: "Nothing says whose image it is: it counts as a patient of its own.",
    Kind.LOCALIZER: "Localizers, and a few images in another plane.",
    Kind.OTHER_SERIES: "Another reconstruction, or a series of the study that is not the best.",
}


def consequence(kind: Kind) -> Consequence:
    """Return what follows from a problem of this kind."""
    if kind in _NOTED:
        return Consequence.NOTED
    return Consequence.LEFT_OUT if kind in _LEFT_OUT else Consequence.UNCLEAN


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong. Its texts hold no patient data beyond the names that files have in the data set."""

    kind: Kind
    file: str
    """Relative to the data set, ``#frame`` appended in a multi-frame instance; a table with its row; or empty."""
    words: str
    """What exactly, as a sentence; may be empty where the kind says it all."""
