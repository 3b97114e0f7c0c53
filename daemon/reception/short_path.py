"""The upper layer of an accepted association: C-STORE data take a short path, everything else the library's own.

pynetdicom hands each PDU through two threads and a dozen objects; that, not Python, is what makes it slow. Here the
thread of its upper layer reads P-DATA itself while the association is established (Sta6 of PS3.8 9.2), and sleeps in
poll when there are none. All other states, PDUs and DIMSE messages are left to the library: docs/adr/0006-short-path.md
lists the names of its inside that this rests on, and tests/unit/daemon/reception/test_library_names.py watches them.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import structlog
from pynetdicom.association import Association
from pynetdicom.dul import DULServiceProvider
from pynetdicom.fsm import InvalidEventError
from pynetdicom.pdu_primitives import P_DATA
from pynetdicom.timer import Timer

from hounsfield.daemon.reception.association_socket import BufferedAssociationSocket, TooLong, TooSlow
from hounsfield.daemon.reception.messages import AcceptedContext, Arrival, MessageReader
from hounsfield.daemon.reception.pdata import PDataReader, Stop
from hounsfield.daemon.reception.wire import IS_COMMAND, IS_LAST, BrokenProtocol, Command, abort_pdu

log = structlog.get_logger("hounsfield.reception")

_ESTABLISHED, _AWAITS_CLOSE = "Sta6", "Sta13"
_CLOSED, _INVALID_PDU = "Evt17", "Evt19"
_LONGEST_SLEEP = 3600.0
_ANY_LENGTH = 2**32
_MOST_DROPPED = 1024 * 1024
_NO_REASON = 0
"""Of an A-ABORT (PS3.8 9.3.8)."""

StoreService = Callable[[Association, Command, AcceptedContext], Arrival]


class MonotonicTimer(Timer):
    """The library's timer on a clock that no administrator sets."""

    def start(self) -> None:
        """Begin anew."""
        self._start_time = time.monotonic()
        self._end_time = None

    def stop(self) -> None:
        """Stand still."""
        self._end_time = time.monotonic()

    @property
    def remaining(self) -> float:
        """Seconds until it expires; 1 if it never does."""
        if self.timeout is None:
            return 1
        if self._start_time is None:
            return self.timeout
        until = time.monotonic() if self._end_time is None else self._end_time
        return self.timeout - (until - self._start_time)


class GuardedUpperLayer(DULServiceProvider):
    """The library's own way, on our socket and clock."""

    def __init__(self, association: Association, longest_message: int) -> None:
        super().__init__(association)
        self._longest_message = longest_message
        self._dropped = 0
        """Bytes that came after the end."""
        self._idle_timer = MonotonicTimer(None)
        self.artim_timer = MonotonicTimer(None)

    @property
    def wire(self) -> BufferedAssociationSocket:
        """The socket, as what it is."""
        assert isinstance(self.socket, BufferedAssociationSocket)
        return self.socket

    @property
    def is_receiving(self) -> bool:
        """Whether a message has begun to arrive, or waits to be served."""
        dimse, wire = self.assoc.dimse, self.wire
        is_coming = wire.has_unread or wire.progress.is_running  # in the order of the bytes, as all that follows
        return is_coming or dimse.message is not None or not dimse.msg_queue.empty()

    def run_reactor(self) -> None:
        """Run as the library does, and leave nothing open."""
        try:
            with suppress(InvalidEventError):  # the connection ended twice at once: it is over all the same
                super().run_reactor()
        except Exception as error:  # noqa: BLE001 - the library raises whatever broken bytes make it raise
            log.warning("an association is aborted: the library cannot read it", error=type(error).__name__)
            self.wire.send(abort_pdu(_NO_REASON))
        finally:
            self.to_user_queue.put(None)  # ends the wait for a request that cannot be read
            self._leave()

    def _is_transport_event(self) -> bool:
        if self.state_machine.current_state == _AWAITS_CLOSE:
            self._drop_the_rest()
            return True
        try:
            self._watch_message()
        except OSError:
            self.event_queue.put(_INVALID_PDU)
            return True
        return bool(super()._is_transport_event())

    def _watch_message(self) -> None:
        """Raise TooSlow or TooLong for the message that the library puts together."""
        message = self.assoc.dimse.message
        if message is None:
            self.wire.progress.rest()
            return
        self.wire.progress.seconds_left()
        if sum(part.tell() for part in (message.data_set, message.encoded_command_set) if part) > self._longest_message:
            raise TooLong("a message is longer than it may be")

    def _drop_the_rest(self) -> None:
        """We are through with the peer: drop what has come behind, or a part of it, and close.

        The library would take it for PDUs, and answer, log and wait for each. Closing with all of it unread would
        be a reset, which may overtake our last words.
        """
        wire = self.wire
        wire.start = wire.end = 0
        try:
            count = wire.fill() or 0
        except OSError:
            count = 0
        self._dropped += count
        if count == 0 or self._dropped > _MOST_DROPPED:
            wire.close()

    def _leave(self) -> None:
        self.wire.dispose()


class ShortPathUpperLayer(GuardedUpperLayer):
    """Sta6 is served here. Also the :class:`~hounsfield.daemon.reception.messages.MessageHandler` of its messages."""

    def __init__(self, association: Association, longest_message: int, store: StoreService) -> None:
        super().__init__(association, longest_message)
        self._store = store
        self._messages: MessageReader | None = None
        self._pdus: PDataReader | None = None

    @property
    def is_receiving(self) -> bool:
        """Whether a message has begun to arrive, or waits to be served."""
        if super().is_receiving:
            return True
        messages, pdus = self._messages, self._pdus  # the thread that asks is another: they may be gone a moment later
        return (pdus is not None and pdus.is_inside_pdu) or (messages is not None and messages.has_begun)

    def send_pdu(self, primitive: Any) -> None:
        """Queue a primitive for the peer, as the library does, and wake the thread that sends it."""
        super().send_pdu(primitive)
        self.wire.wake()

    def kill_dul(self) -> None:
        """End the thread, as the library does, and wake it for that."""
        super().kill_dul()
        self.wire.wake()

    def begin_store(self, command: Command, context: AcceptedContext) -> Arrival:
        """See :class:`~hounsfield.daemon.reception.messages.MessageHandler`."""
        return self._store(self.assoc, command, context)

    def answer(self, response: bytes) -> None:
        """See :class:`~hounsfield.daemon.reception.messages.MessageHandler`."""
        self.wire.progress.rest()
        self.wire.send_all(response)
        self._idle_timer.restart()

    def pass_on(self, context_id: int, command: bytes, dataset: bytes | None) -> None:
        """See :class:`~hounsfield.daemon.reception.messages.MessageHandler`."""
        values: list[Any] = [[context_id, bytes((IS_COMMAND | IS_LAST,)) + command]]  # tuples, its annotation says
        if dataset is not None:
            values.append([context_id, bytes((IS_LAST,)) + dataset])
        primitive = P_DATA()
        primitive.presentation_data_value_list = values
        self.wire.progress.rest()
        self._idle_timer.restart()
        try:
            self.assoc.dimse.receive_primitive(primitive)
        except Exception as error:  # whatever the library stumbles over in bytes that a peer has made up
            raise BrokenProtocol("the library cannot read a message") from error
        self.assoc._reactor_checkpoint.set()

    def _is_transport_event(self) -> bool:
        state = self.state_machine.current_state
        if state != _ESTABLISHED:
            if state != _AWAITS_CLOSE and self._pdus is not None and self._pdus.is_inside_pdu:
                self._end(_CLOSED)  # we have asked for the release while a message was coming
                return True
            return super()._is_transport_event()
        try:
            return self._serve()
        except (BrokenProtocol, TooSlow, TooLong) as error:
            log.warning("an association is aborted", peer=self.assoc.requestor.address, reason=str(error))
            self._end(_INVALID_PDU)  # the library answers with A-ABORT
            return True
        except OSError:
            self._end(_CLOSED)
            return True
        finally:
            self.assoc._reactor_checkpoint.set()

    def _serve(self) -> bool:
        """Take in what comes until something else is to be done; whether an event has been queued."""
        messages, pdus = self._readers()
        wire = self.wire
        while not (self._kill_thread or self.to_provider_queue.queue or self.event_queue.queue):
            if not self.assoc.dimse.msg_queue.empty():
                return False  # first what was passed on
            wire.start, stop = pdus.consume(wire.view, wire.start, wire.end)
            if stop is Stop.PAUSED:
                return False
            if stop is Stop.OTHER_PDU:
                messages.drop()
                self._read_pdu_data()
                return True
            if not wire.has_room:
                messages.flush()
                wire.compact()
            count = wire.fill()
            if count == 0:
                self._end(_CLOSED)
                return True
            if count is not None:
                wire.progress.moved(count)
                self._idle_timer.restart()
                continue
            messages.flush()
            wire.compact()
            if not self._sleep(messages.has_begun or pdus.is_inside_pdu or wire.end > 0, messages.received):
                return False
        return False

    def _sleep(self, something_has_begun: bool, received: int) -> bool:
        """Wait for more; False when the association's own thread has to look at the idle timer."""
        wire = self.wire
        if something_has_begun:
            wire.progress.begin(received)
        else:
            wire.progress.rest()
        due = wire.progress.seconds_left()
        if due is None:
            if self._idle_timer.expired:
                return False
            due = _LONGEST_SLEEP if self._idle_timer.timeout is None else self._idle_timer.remaining + 0.001
        if self.assoc.dimse.msg_queue.empty() and self.to_user_queue.empty():
            self.assoc._reactor_checkpoint.clear()  # its loop has nothing to do either, and would poll for it
        wire.wait(due)
        return True

    def _readers(self) -> tuple[MessageReader, PDataReader]:
        if self._messages is None or self._pdus is None:
            contexts = {
                int(context.context_id or 0): AcceptedContext(
                    str(context.abstract_syntax), str(context.transfer_syntax[0])
                )
                for context in self.assoc.accepted_contexts
            }
            self.wire.progress.rest()
            self._messages = MessageReader(contexts, self)
            self._pdus = PDataReader(self.assoc.acceptor.maximum_length or _ANY_LENGTH, self._messages)
        return self._messages, self._pdus

    def _end(self, event: str) -> None:
        if self._messages is not None:
            self._messages.drop()
        self.wire.start = self.wire.end
        self._pdus = self._messages = None
        self.event_queue.put(event)

    def _leave(self) -> None:
        if self._messages is not None:
            self._messages.drop()
        with suppress(BufferError):  # a piece that somebody still holds: freed with it
            super()._leave()
