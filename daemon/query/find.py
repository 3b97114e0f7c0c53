"""One question to one archive: how many images does it hold of this series? On a plain socket, to a deadline.

The network library would do it too, but not within bounds: its time-outs are for single steps, it reads messages of
any length, and each association is another thread.
"""

import re
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from hounsfield.daemon.query import wire
from hounsfield.daemon.reception.wire import P_DATA_TF, PDU_HEADER

MOST_RESPONSES = 50
"""One is due; an archive that ignores a key sends all it has."""
MOST_BYTES = 1024 * 1024
"""Of a whole exchange."""
MOST_IMAGES = 100_000
"""Of a series; more is no number of images."""
_FAREWELL_SECONDS = 0.5
_NUMBER = re.compile(r"\+?[0-9]{1,9}")
_SUCCESS, _PENDING, _OUT_OF_RESOURCES = 0x0000, (0xFF00, 0xFF01), 0xA700


class Why(StrEnum):
    """Why there is no number. Goes into the log; holds nothing of what the archive sent."""

    UNREACHABLE = "unreachable"
    TOO_SLOW = "too-slow"
    REJECTED = "rejected"
    """The association, or Study Root FIND."""
    BROKE_OFF = "association-broke-off"
    """Often: it does not allow us to query."""
    BUSY = "out-of-resources"
    BROKEN = "broken-protocol"
    FAILED = "failed-status"
    NO_MATCH = "no-match"
    """It does not know the series (yet)."""
    AMBIGUOUS = "more-than-one-match"
    NONSENSE = "nonsense"
    """Another series than was asked for, or no number of images."""
    NOT_A_UID = "not-a-uid"

    @property
    def is_of_the_peer(self) -> bool:
        """Whether the next question would fare no better."""
        return self in (Why.UNREACHABLE, Why.TOO_SLOW, Why.REJECTED, Why.BROKE_OFF, Why.BUSY, Why.BROKEN)


class NoNumber(Exception):
    """The archive did not tell."""

    def __init__(self, why: Why) -> None:
        self.why = why
        super().__init__(str(why))


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryPeer:
    """An archive that answers C-FIND."""

    host: str
    port: int
    ae_title: str
    calling_ae: str
    timeout_seconds: float
    """For the whole exchange, from the connection to the answer."""


def images_of(peer: QueryPeer, study_uid: str, series_uid: str, monotonic: Callable[[], float] = time.monotonic) -> int:
    """Return Number of Series Related Instances (0020,1209) of a series; raise :class:`NoNumber`.

    Study Root Query/Retrieve FIND at level SERIES (PS3.4 C.6.2.1), on an association of its own.
    """
    if not (wire.is_uid(study_uid) and wire.is_uid(series_uid)):
        raise NoNumber(Why.NOT_A_UID)
    line = _Line(peer.timeout_seconds, monotonic)
    try:
        line.connect(peer.host, peer.port)
        _associate(line, peer)
        line.send(wire.find_rq(study_uid, series_uid))
        found = _matches(line)
        line.farewell()
    except TimeoutError:
        raise NoNumber(Why.TOO_SLOW) from None
    except OSError:
        raise NoNumber(Why.BROKE_OFF if line.is_connected else Why.UNREACHABLE) from None
    except wire.Malformed:
        raise NoNumber(Why.BROKEN) from None
    finally:
        line.close()
    return _number_in(found, study_uid, series_uid)


def _associate(line: "_Line", peer: QueryPeer) -> None:
    line.send(wire.associate_rq(peer.ae_title, peer.calling_ae))
    kind, body = line.pdu()
    if kind == wire.A_ASSOCIATE_RJ or (kind == wire.A_ASSOCIATE_AC and not wire.is_accepted(body)):
        raise NoNumber(Why.REJECTED)
    if kind != wire.A_ASSOCIATE_AC:
        raise NoNumber(Why.BROKEN)


def _matches(line: "_Line") -> list[dict[int, bytes]]:
    """Return the identifiers of the pending responses, up to the final one (PS3.4 C.4.1.1.4)."""
    found: list[dict[int, bytes]] = []
    messages = _Messages(line)
    while len(found) <= MOST_RESPONSES:
        command, identifier = messages.next()
        if wire.number(command.get(wire.COMMAND_FIELD)) != wire.FIND_RSP:
            raise wire.Malformed
        status = wire.number(command.get(wire.STATUS))
        if status == _SUCCESS:
            return found
        if status not in _PENDING:
            raise NoNumber(Why.BUSY if status == _OUT_OF_RESOURCES else Why.FAILED)
        found.append(identifier)
    raise NoNumber(Why.AMBIGUOUS)


def _number_in(found: list[dict[int, bytes]], study_uid: str, series_uid: str) -> int:
    if not found:
        raise NoNumber(Why.NO_MATCH)
    if len(found) > 1:
        raise NoNumber(Why.AMBIGUOUS)
    (match,) = found
    images = wire.text(match.get(wire.SERIES_IMAGES))
    is_asked_for = (
        wire.text(match.get(wire.SERIES_UID)) == series_uid and wire.text(match.get(wire.STUDY_UID)) == study_uid
    )
    if not is_asked_for or not _NUMBER.fullmatch(images) or not 0 < int(images) <= MOST_IMAGES:
        raise NoNumber(Why.NONSENSE)
    return int(images)


class _Messages:
    """Puts DIMSE messages together from fragments (PS3.7 6.3.1, PS3.8 annex E)."""

    def __init__(self, line: "_Line") -> None:
        self._line = line
        self._waiting: list[wire.Fragment] = []

    def next(self) -> tuple[dict[int, bytes], dict[int, bytes]]:
        """Return the command set and the data set, which may be empty, of the next message."""
        command = wire.elements(self._whole(is_command=True))
        has_dataset = wire.number(command.get(wire.DATASET_TYPE)) != wire.NO_DATASET
        return command, wire.elements(self._whole(is_command=False)) if has_dataset else {}

    def _whole(self, *, is_command: bool) -> bytes:
        data = bytearray()
        while True:
            fragment = self._fragment()
            if fragment.is_command != is_command:
                raise wire.Malformed
            data += fragment.data
            if fragment.is_last:
                return bytes(data)

    def _fragment(self) -> wire.Fragment:
        while not self._waiting:
            kind, body = self._line.pdu()
            if kind != P_DATA_TF:
                raise wire.Malformed
            self._waiting = list(wire.fragments(body))
        return self._waiting.pop(0)


class _Line:
    """A connection whose every step ends by one deadline, and which reads so many bytes and no more."""

    def __init__(self, seconds: float, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._deadline = monotonic() + seconds
        self._left = MOST_BYTES
        self._socket: socket.socket | None = None
        self._is_over = False
        self.is_connected = False

    def connect(self, host: str, port: int) -> None:
        """Connect to the first of the host's addresses that answers. Raise OSError, TimeoutError among them."""
        failure: OSError = OSError()
        for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
            self._socket = socket.socket(family, kind, protocol)
            try:
                self._timed().connect(address)
            except TimeoutError:
                raise
            except OSError as error:
                self._socket.close()
                failure = error
            else:
                self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.is_connected = True
                return
        raise failure

    def send(self, data: bytes) -> None:
        """Send all of it."""
        self._timed().sendall(data)

    def pdu(self) -> tuple[int, bytes]:
        """Return type and body of the next PDU; its header decides whether it is read at all."""
        kind, length = PDU_HEADER.unpack(self._read(PDU_HEADER.size))
        if length > wire.LONGEST_PDU:
            raise wire.Malformed
        if kind == wire.A_ABORT:
            raise ConnectionAbortedError
        return kind, self._read(length)

    def _read(self, count: int) -> bytes:
        self._left -= count
        if self._left < 0:
            raise wire.Malformed
        data = bytearray()
        while len(data) < count:
            piece = self._timed().recv(count - len(data))
            if not piece:
                raise ConnectionResetError
            data += piece
        return bytes(data)

    def _timed(self) -> socket.socket:
        left = self._deadline - self._monotonic()
        if left <= 0 or self._socket is None:
            raise TimeoutError
        self._socket.settimeout(left)
        return self._socket

    def farewell(self) -> None:
        """Release the association; the answer is known, so nothing here counts."""
        self._is_over = True
        self._deadline = min(self._deadline, self._monotonic() + _FAREWELL_SECONDS)
        try:
            self.send(wire.pdu(wire.A_RELEASE_RQ, bytes(4)))
            self.pdu()
        except (OSError, wire.Malformed):
            return

    def close(self) -> None:
        """Close the connection; abort what was not released."""
        if self._socket is None:
            return
        try:
            if not self._is_over:
                self._socket.settimeout(0.0)
                self._socket.send(wire.pdu(wire.A_ABORT, bytes(4)))
        except OSError:
            pass
        finally:
            self._socket.close()
