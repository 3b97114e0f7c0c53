"""The Query/Retrieve SCU: C-FIND on one association (PS3.4 C.4.1), all of it within one time."""

from collections.abc import Callable, Sequence
from contextlib import suppress

from pydicom import Dataset
from pydicom.uid import ImplicitVRLittleEndian
from pynetdicom import build_context

from hounsfield.daemon.association.address import Address
from hounsfield.daemon.association.link import STUMBLES, Ending, Failure, Link, NoAssociation, associated
from hounsfield.daemon.query.archive import QueryPeer, Unanswered, Why
from hounsfield.daemon.sop_classes import STUDY_ROOT_FIND

MOST_RESPONSES = 50
"""One is due; an archive that ignores a key sends all it has."""
_SUCCESS, _PENDING, _OUT_OF_RESOURCES = 0x0000, (0xFF00, 0xFF01), 0xA700
_FAREWELL_SECONDS = 0.5
"""Nothing that was answered hangs on how the association ends."""
_WHY = {
    Ending.NO_CONNECTION: Why.UNREACHABLE,
    Ending.TOO_SLOW: Why.TOO_SLOW,
    Ending.BY_PEER: Why.BROKE_OFF,
    Ending.BROKEN_PROTOCOL: Why.BROKEN,
}


def find(peer: QueryPeer, questions: Sequence[Dataset], monotonic: Callable[[], float]) -> list[list[Dataset]]:
    """Ask the questions on one association; return the matches of each, or raise :class:`Unanswered`.

    Ends by ``peer.timeout_seconds``, save for looking up the host's name and a fraction of a second to clear up.
    """
    # what every peer takes (PS3.5 10.1)
    contexts = [build_context(STUDY_ROOT_FIND, ImplicitVRLittleEndian)]
    found: list[list[Dataset]] | None = None
    try:
        with associated(
            _address(peer),
            contexts,
            within_seconds=peer.timeout_seconds,
            farewell_seconds=_FAREWELL_SECONDS,
            monotonic=monotonic,
        ) as link:
            with suppress(*STUMBLES):
                found = _all_matches(link, questions)
            if found is None:
                link.break_off()
    except NoAssociation as none:
        raise Unanswered(_WHY[none.ending] if none.failure is Failure.UNREACHABLE else Why.REJECTED) from None
    if found is None:
        raise Unanswered(_WHY[link.ending()])
    return found


def _address(peer: QueryPeer) -> Address:
    """Each step may take all of the time there is."""
    return Address(
        ae_title=peer.ae_title,
        host=peer.host,
        port=peer.port,
        calling_ae=peer.calling_ae,
        connect_timeout_seconds=peer.timeout_seconds,
        acse_timeout_seconds=peer.timeout_seconds,
        dimse_timeout_seconds=peer.timeout_seconds,
    )


def _all_matches(link: Link, questions: Sequence[Dataset]) -> list[list[Dataset]] | None:
    """Return the matches of each question; None if the association ended before.

    The library takes any transfer syntax for an answer; a deflated data set could be of any size.
    """
    if (STUDY_ROOT_FIND, ImplicitVRLittleEndian) not in link.accepted:
        raise Unanswered(Why.REJECTED)
    found: list[list[Dataset]] = []
    for keys in questions:
        matches = _matches(link, keys)
        if matches is None:
            return None
        found.append(matches)
    return found


def _matches(link: Link, keys: Dataset) -> list[Dataset] | None:
    """Return the identifiers of the pending responses up to the final one; None if the association ended before."""
    found: list[Dataset] = []
    link.allow()
    for answer, identifier in link.association.send_c_find(keys, STUDY_ROOT_FIND):
        status = getattr(answer, "Status", None)
        if status is None:
            return None
        if status == _SUCCESS:
            return found
        if status not in _PENDING:
            raise Unanswered(Why.BUSY if status == _OUT_OF_RESOURCES else Why.FAILED)
        if identifier is None:
            raise Unanswered(Why.BROKEN)
        if len(found) == MOST_RESPONSES:
            raise Unanswered(Why.AMBIGUOUS)
        found.append(identifier)
        link.allow()
    return None
