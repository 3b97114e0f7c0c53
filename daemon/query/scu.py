"""The Query/Retrieve SCU: C-FIND on one association (PS3.4 C.4.1), within bounds that the network library has not.

Its time-outs are for single steps. So it is given a socket that keeps to the deadline of the whole exchange; whatever
it waits for ends with that.
"""

import socket
from collections.abc import Callable, Sequence
from contextlib import suppress

from pydicom import Dataset
from pydicom.uid import ImplicitVRLittleEndian
from pynetdicom import build_context, evt
from pynetdicom.association import Association

from hounsfield.daemon.delivery.association import LONGEST_PDU, STUMBLES, Line
from hounsfield.daemon.delivery.entity import quiet_library, requesting_entity
from hounsfield.daemon.delivery.reactor import steady
from hounsfield.daemon.query.find import NoNumber, QueryPeer, Why

MOST_RESPONSES = 50
"""One is due; an archive that ignores a key sends all it has."""
_STUDY_ROOT_FIND = "1.2.840.10008.5.1.4.1.2.2.1"
_SUCCESS, _PENDING, _OUT_OF_RESOURCES = 0x0000, (0xFF00, 0xFF01), 0xA700
_IDLE, _AWAITS_CLOSE = "Sta1", "Sta13"
"""States of the upper layer (PS3.8 9.2.1) in which an association is over: the one if the peer ended it."""
_REJECTION = "Evt4"
"""The event of the upper layer that an A-ASSOCIATE-RJ has come (PS3.8 9.2.2)."""
_FAREWELL_SECONDS = 0.5


def matches_of(peer: QueryPeer, study_uid: str, series_uid: str, monotonic: Callable[[], float]) -> list[Dataset]:
    """Return what the archive has of a series; raise :class:`NoNumber`. Bounded as :func:`find` is."""
    return find(peer, [_keys(study_uid, series_uid)], monotonic)[0]


def find(peer: QueryPeer, questions: Sequence[Dataset], monotonic: Callable[[], float]) -> list[list[Dataset]]:
    """Ask the questions on one association; return the matches of each, or raise :class:`NoNumber`.

    Ends by ``peer.timeout_seconds``, save for looking up the host's name and a fraction of a second to clear up.
    """
    quiet_library()
    exchange = _Exchange(peer.timeout_seconds, monotonic)
    try:
        association = _associate(peer, exchange)
    except OSError:  # the name of the host means nothing here (now)
        raise NoNumber(Why.UNREACHABLE) from None
    found: list[list[Dataset]] | None = None
    try:
        if _is_accepted(association, exchange):
            found = _all_matches(association, questions, exchange)
    except STUMBLES:
        found = None
    finally:
        exchange.end(association, politely=found is not None)
    if found is None:
        raise NoNumber(exchange.why_broken_off())
    return found


def _associate(peer: QueryPeer, exchange: "_Exchange") -> Association:
    """Return an association, established or not; propose what every peer takes (PS3.5 10.1)."""
    ae = requesting_entity(peer.calling_ae)
    ae.connection_timeout = ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = exchange.left()
    made = ae.associate(
        peer.host,
        peer.port,
        contexts=[build_context(_STUDY_ROOT_FIND, ImplicitVRLittleEndian)],
        ae_title=peer.ae_title,
        max_pdu=LONGEST_PDU,
        evt_handlers=[(evt.EVT_CONN_OPEN, exchange.on_connected), (evt.EVT_FSM_TRANSITION, exchange.on_transition)],
    )
    return steady(made) if made.is_established else made


def _is_accepted(association: Association, exchange: "_Exchange") -> bool:
    """Whether the archive may be asked; raise :class:`NoNumber` where it said no.

    The library takes any transfer syntax for an answer; a deflated data set could be of any size.
    """
    if exchange.is_rejected:
        raise NoNumber(Why.REJECTED)
    if not association.is_established and association.acceptor.primitive is None:
        return False
    contexts = association.accepted_contexts
    if not contexts or contexts[0].transfer_syntax != [ImplicitVRLittleEndian]:
        raise NoNumber(Why.REJECTED)
    return True


def _keys(study_uid: str, series_uid: str) -> Dataset:
    keys = Dataset()
    keys.QueryRetrieveLevel = "SERIES"
    keys.StudyInstanceUID = study_uid
    keys.SeriesInstanceUID = series_uid
    keys.NumberOfSeriesRelatedInstances = None
    return keys


def _all_matches(
    association: Association, questions: Sequence[Dataset], exchange: "_Exchange"
) -> list[list[Dataset]] | None:
    """Return the matches of each question; None if the association ended before."""
    found: list[list[Dataset]] = []
    for keys in questions:
        matches = _matches(association, keys, exchange)
        if matches is None:
            return None
        found.append(matches)
    return found


def _matches(association: Association, keys: Dataset, exchange: "_Exchange") -> list[Dataset] | None:
    """Return the identifiers of the pending responses up to the final one; None if the association ended before."""
    found: list[Dataset] = []
    association.dimse_timeout = exchange.left()
    for answer, identifier in association.send_c_find(keys, _STUDY_ROOT_FIND):
        status = getattr(answer, "Status", None)
        if status is None:
            return None
        if status == _SUCCESS:
            return found
        if status not in _PENDING:
            raise NoNumber(Why.BUSY if status == _OUT_OF_RESOURCES else Why.FAILED)
        if identifier is None:
            raise NoNumber(Why.BROKEN)
        if len(found) == MOST_RESPONSES:
            raise NoNumber(Why.AMBIGUOUS)
        found.append(identifier)
        association.dimse_timeout = exchange.left()
    return None


class _Exchange:
    """One association from its first step to its last."""

    def __init__(self, seconds: float, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._deadline = monotonic() + seconds
        self._line: Line | None = None
        self._ended_in: str | None = None
        self.is_rejected = False
        """Whether the archive wants no association. The library takes it for a lost connection if it comes too soon."""

    def left(self) -> float:
        """Return the seconds that are left; 0.0 when it is over."""
        return max(0.0, self._deadline - self._monotonic())

    def on_connected(self, event: evt.Event) -> None:
        """Put our socket in the place of the library's; nothing was sent yet."""
        wire = event.assoc.dul.socket
        assert wire is not None
        assert wire.socket is not None
        wire.socket = self._line = Line(wire.socket, self.left)
        event.assoc.acse_timeout = self.left()

    def on_transition(self, event: evt.Event) -> None:
        """See who ends the association."""
        if event.fsm_event == _REJECTION:
            self.is_rejected = True
        if self._ended_in is None and event.next_state in (_IDLE, _AWAITS_CLOSE):
            self._ended_in = event.next_state

    def end(self, association: Association, *, politely: bool) -> None:
        """Release or abort, and leave no connection and no thread. What is known is known: nothing here counts."""
        association.acse_timeout = min(self.left(), _FAREWELL_SECONDS)
        if association.is_established and politely:
            association.release()
        elif association.is_established:
            association.abort(block=True)
        if self._line is not None:
            with suppress(OSError):
                self._line.shutdown(socket.SHUT_RDWR)  # wakes the thread that reads
            association.dul.join(_FAREWELL_SECONDS)
            self._line.close()

    def why_broken_off(self) -> Why:
        """Return why there is no answer, once the association has ended."""
        if self._line is not None and self._line.is_flooded:
            return Why.BROKEN
        if not self.left():
            return Why.TOO_SLOW
        if self._line is None:
            return Why.UNREACHABLE
        return Why.BROKE_OFF if self._ended_in == _IDLE else Why.BROKEN
