"""What is negotiated: the presentation contexts that we accept and propose, taken from what negotiates them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom import build_context
from pynetdicom.presentation import PresentationContext

from hounsfield.daemon.config.destinations import Destination, ResultRole
from hounsfield.daemon.config.settings import Settings
from hounsfield.daemon.reception.contexts import ContextOffer, accepted_classes
from hounsfield.daemon.results.relabel import FALLBACKS
from hounsfield.daemon.sop_classes import (
    COMMITMENT,
    COMPREHENSIVE_3D_SR,
    KEY_OBJECT_SELECTION,
    PRESENTATION_STATE,
    SECONDARY_CAPTURE,
    STUDY_ROOT_FIND,
    VERIFICATION,
)

RESULT_CLASSES: dict[ResultRole, str] = {
    "sr": COMPREHENSIVE_3D_SR,
    "sc": SECONDARY_CAPTURE,
    "ko": KEY_OBJECT_SELECTION,
    "pr": PRESENTATION_STATE,
}
"""The SOP class of each kind of result."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """A presentation context: UIDs of the abstract syntax and of the transfer syntaxes, in the order of preference."""

    abstract_syntax: str
    transfer_syntaxes: tuple[str, ...]
    role: str
    """Ours: SCU or SCP."""


def name_of(uid: str) -> str:
    """Return the name of a UID of PS3.6, the UID itself where it has none."""
    return UID(uid).name


def accepted_contexts(settings: Settings) -> list[Context]:
    """Return what is accepted from a known sender."""
    accept = settings.dicom.accept
    wanted = [VERIFICATION, COMMITMENT, *accepted_classes(accept)]
    offered = ContextOffer(accept).of(wanted, reports=settings.awaits_commitment)
    return [_context(one, "SCU" if one.abstract_syntax == COMMITMENT else "SCP") for one in offered]


def storage_contexts(contexts: Iterable[Context]) -> list[Context]:
    """Return those in which images and documents are stored."""
    return [one for one in contexts if one.abstract_syntax not in (VERIFICATION, COMMITMENT)]


def result_contexts(roles: Sequence[ResultRole]) -> list[Context]:
    """Return what is proposed to a destination that gets these kinds of results, as far as there are such objects.

    The report is offered under poorer classes too: an archive that does not know its own takes one of them.
    """
    classes = [uid for role in roles for uid in (RESULT_CLASSES[role], *FALLBACKS.get(RESULT_CLASSES[role], ()))]
    return [
        Context(abstract_syntax=str(uid), transfer_syntaxes=(ExplicitVRLittleEndian,), role="SCU") for uid in classes
    ]


def echo_context() -> Context:
    """Return what is proposed to see whether a destination answers."""
    return _context(build_context(VERIFICATION), "SCU")


def commitment_context() -> Context:
    """Return what is proposed to request storage commitment."""
    return Context(abstract_syntax=COMMITMENT, transfer_syntaxes=(ImplicitVRLittleEndian,), role="SCU")


def find_context() -> Context:
    """Return what is proposed to query."""
    return Context(abstract_syntax=STUDY_ROOT_FIND, transfer_syntaxes=(ImplicitVRLittleEndian,), role="SCU")


def network_destinations(settings: Settings) -> list[Destination]:
    """Return the destinations that get their results by C-STORE."""
    return [one for one in settings.destination if one.kind != "folder"]


def roles_sent(settings: Settings) -> list[ResultRole]:
    """Return the kinds of results that some destination gets by C-STORE; all kinds where there is no destination."""
    asked = {role for destination in network_destinations(settings) for role in destination.results}
    return [role for role in RESULT_CLASSES if role in asked or not asked]


def _context(context: PresentationContext, role: str) -> Context:
    syntaxes = tuple(str(uid) for uid in context.transfer_syntax)
    return Context(abstract_syntax=str(context.abstract_syntax), transfer_syntaxes=syntaxes, role=role)
