"""Which SOP classes and transfer syntaxes are offered in negotiation, per ``dicom.accept``."""

from collections.abc import Iterable
from functools import cache

from pydicom.uid import (
    HTJ2K,
    JPEG2000,
    UID,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEGLSNearLossless,
    RLELossless,
)
from pynetdicom import AllStoragePresentationContexts, VerificationPresentationContexts
from pynetdicom.presentation import PresentationContext, build_context

from hounsfield.daemon.config.reception import Accept
from hounsfield.daemon.sop_classes import COMMITMENT, VERIFICATION
from hounsfield.storage.states import InstanceRole

_ROOT = "1.2.840.10008.5.1.4.1.1"

CT_CLASSES = frozenset({f"{_ROOT}.2", f"{_ROOT}.2.1", f"{_ROOT}.2.2"})
"""CT Image, Enhanced CT Image, Legacy Converted Enhanced CT Image."""

NOT_STORAGE = frozenset({VERIFICATION, COMMITMENT})
"""The SOP classes that are agreed to and that nothing can be stored in; storage commitment only where the other side is
its SCP and reports to us (PS3.4 J.3.3)."""

_SECONDARY_CAPTURE = (f"{_ROOT}.7",)
_DOCUMENTS = (f"{_ROOT}.88", f"{_ROOT}.11")
"""Structured reports with dose reports and key objects; presentation states."""

NATIVE_SYNTAXES = (ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian)
IMAGE_SYNTAXES = (
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    JPEG2000Lossless,
    HTJ2KLossless,
    HTJ2KLosslessRPCL,
    RLELossless,
    JPEGLSNearLossless,
    JPEG2000,
    HTJ2K,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    ExplicitVRBigEndian,
)
"""In the order we choose in when a sender leaves the choice to us: nothing is lost, and cheap to read, first.

No Deflated: a few kilobytes of it can become gigabytes.
"""


@cache
def _storage_names() -> dict[str, str]:
    classes = (UID(str(context.abstract_syntax)) for context in AllStoragePresentationContexts)
    return {str(uid): uid.name for uid in classes}


def accepted_classes(accept: Accept) -> list[str]:
    """Return the storage SOP classes that are offered."""
    if accept == "all-storage":
        return sorted(_storage_names().keys() | CT_CLASSES)
    if accept == "ct":
        return sorted(CT_CLASSES)
    companions = (uid for uid in _storage_names() if is_companion(uid))
    return sorted({*CT_CLASSES, *companions})


def is_companion(sop_class_uid: str) -> bool:
    """Whether a class is one that scanners send along with their images."""
    return _is_below(sop_class_uid, (*_SECONDARY_CAPTURE, *_DOCUMENTS))


def _is_below(uid: str, roots: tuple[str, ...]) -> bool:
    return any(uid == root or uid.startswith(root + ".") for root in roots)


def role_of(sop_class_uid: str) -> InstanceRole:
    """Return SOURCE for images that a bundle could be made for, COMPANION for everything else."""
    if sop_class_uid in CT_CLASSES:
        return InstanceRole.SOURCE
    is_image = _storage_names().get(sop_class_uid, "").endswith("Image Storage")
    return InstanceRole.SOURCE if is_image and not is_companion(sop_class_uid) else InstanceRole.COMPANION


class ContextOffer:
    """What a receiver agrees to: storage, and Verification.

    Only what a sender asks for is built: copying and matching all storage classes costs more than ten images.
    """

    def __init__(self, accept: Accept) -> None:
        self._syntaxes = {uid: list(_syntaxes(uid)) for uid in accepted_classes(accept)}
        self._syntaxes |= {str(cx.abstract_syntax): list(NATIVE_SYNTAXES) for cx in VerificationPresentationContexts}

    def of(self, wanted: Iterable[str], *, reports: bool = False) -> list[PresentationContext]:
        """Return what pynetdicom negotiates with, for the abstract syntaxes that are asked for.

        ``reports``: who asks is a known peer that offers to be SCP of storage commitment. We are none ourselves: a
        scanner may delete what it got committed.
        """
        wanted = list(wanted)
        known = dict.fromkeys(uid for uid in wanted if uid in self._syntaxes)
        contexts = [build_context(uid, self._syntaxes[uid]) for uid in known]
        if reports and COMMITMENT in wanted:
            context = build_context(COMMITMENT, list(NATIVE_SYNTAXES))
            context.scu_role, context.scp_role = False, True  # of the requestor (PS3.7 D.3.3.4)
            contexts.append(context)
        return contexts


def _syntaxes(sop_class_uid: str) -> tuple[str, ...]:
    return NATIVE_SYNTAXES if _is_below(sop_class_uid, _DOCUMENTS) else IMAGE_SYNTAXES
