"""What a C-STORE is answered. The status says only whether the bytes are safe here (PS3.4 annex B.2.3, PS3.7 annex C).

Clinical doubts become states of the series: a failing C-STORE makes routers send whole studies again for ever.
"""

from enum import Enum

from hounsfield.daemon.errors import ReceptionError

_SUCCESS = 0x0000
_OUT_OF_RESOURCES = 0xA700
_DOES_NOT_MATCH = 0xA900
_CANNOT_UNDERSTAND = 0xC000


class Status(Enum):
    """The answers with their DIMSE status code and Error Comment (0000,0902), which has no more than 64 characters."""

    STORED = (_SUCCESS, "")
    NO_SPACE = (_OUT_OF_RESOURCES, "no space left to store images, try again later")
    DATABASE_DOWN = (_OUT_OF_RESOURCES, "the database does not answer, try again later")
    STOPPING = (_OUT_OF_RESOURCES, "the service is shutting down, try again later")
    PAUSED = (_OUT_OF_RESOURCES, "intake is paused, try again later")
    TOO_LARGE = (_OUT_OF_RESOURCES, "the data set is larger than dicom.max_instance_bytes")
    INTERNAL = (_OUT_OF_RESOURCES, "internal error, try again later")
    CLASS_MISMATCH = (_DOES_NOT_MATCH, "SOP Class UID of data set, command and context differ")
    INSTANCE_MISMATCH = (_DOES_NOT_MATCH, "SOP Instance UID of data set and command differ")
    NOT_A_DATASET = (_CANNOT_UNDERSTAND, "the bytes are no data set in the negotiated syntax")
    TRUNCATED = (_CANNOT_UNDERSTAND, "the data set ends before its last element does")
    TOO_DEEP = (_CANNOT_UNDERSTAND, "sequences are nested more than 64 deep")
    UNUSABLE_UID = (_CANNOT_UNDERSTAND, "a UID is missing, too long or has other characters")

    @property
    def code(self) -> int:
        """The DIMSE status."""
        return self.value[0]

    @property
    def comment(self) -> str:
        """What goes into the Error Comment, for the sender's log."""
        return self.value[1]


class InstanceRefused(ReceptionError):
    """A received instance is not stored; ``status`` is what its sender is told."""

    remedy = "the sender is told; where it keeps happening, look at what the sender writes"

    def __init__(self, status: Status) -> None:
        self.status = status
        super().__init__(status.comment)
