"""Proposes all that there is to a receiver, and tells what it accepts."""

from collections.abc import Sequence
from typing import Any

from pynetdicom import AE, ALL_TRANSFER_SYNTAXES, AllStoragePresentationContexts
from pynetdicom.association import Association
from pynetdicom.presentation import (
    BasicWorklistManagementPresentationContexts,
    PresentationContext,
    QueryRetrievePresentationContexts,
    UnifiedProcedurePresentationContexts,
)
from support.commitment_peers import COMMITMENT

from hounsfield.daemon.association.reactor import requested

MOST_CONTEXTS = 64
"""In one request: with all transfer syntaxes in each of 128, it would be longer than a receiver reads."""
EXPLICIT = "1.2.840.10008.1.2.1"
STRANGE = ["1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.4.100", "1.2.840.10008.1.2.4.52", "1.2.3.4.5"]
SYNTAXES = list(dict.fromkeys([*map(str, ALL_TRANSFER_SYNTAXES), *STRANGE]))
OTHER_SERVICES = [
    *QueryRetrievePresentationContexts,
    *BasicWorklistManagementPresentationContexts,
    *UnifiedProcedurePresentationContexts,
]
CLASSES = sorted(
    {str(one.abstract_syntax) for one in [*AllStoragePresentationContexts, *OTHER_SERVICES]}
    | {"1.2.840.10008.1.1", COMMITMENT, "1.2.840.10008.5.1.4.1.1.2.99", "1.2.3.4"}
)


def negotiated(port: int, contexts: Sequence[PresentationContext]) -> list[tuple[str, str]]:
    """Return abstract and transfer syntax of what is accepted of any number of contexts."""
    found = []
    for start in range(0, len(contexts), MOST_CONTEXTS):
        association = asked_for(port, contexts[start : start + MOST_CONTEXTS])
        assert association.acceptor.primitive is not None
        found += [(str(one.abstract_syntax), str(one.transfer_syntax[0])) for one in association.accepted_contexts]
        end(association)
    return found


def asked_for(port: int, contexts: Sequence[PresentationContext], items: Sequence[Any] = ()) -> Association:
    ae = AE("SCANNER")
    ae.acse_timeout = ae.dimse_timeout = 30
    return requested(ae, "127.0.0.1", port, contexts=list(contexts), ae_title="HOUNSFIELD", ext_neg=list(items))


def end(association: Association) -> None:
    if association.is_established:
        association.release()
