"""DIMSE messages put together from fragments: C-STORE goes straight to storage, every other one to the library."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from hounsfield.daemon.reception.status import Status
from hounsfield.daemon.reception.wire import C_STORE_RQ, BrokenProtocol, Command, decode_command, store_response

_LONGEST_COMMAND = 16 * 1024
"""Bytes; a C-STORE-RQ has about 200."""
_LONGEST_OTHER_DATASET = 1024 * 1024
"""Bytes of the data set of a message that is no C-STORE."""


@dataclass(frozen=True, slots=True)
class AcceptedContext:
    """A presentation context that both sides agreed on."""

    abstract_syntax: str
    transfer_syntax: str


class Arrival(Protocol):
    """An instance on its way in. Whatever happens, it ends with ``finish`` or ``abandon``; nothing here raises."""

    def write(self, pieces: list[memoryview]) -> None:
        """Take the next bytes of the data set."""

    def finish(self) -> Status:
        """Return what the sender is told: the data set is complete."""

    def abandon(self) -> None:
        """The rest will not come: leave nothing behind."""


class MessageHandler(Protocol):
    """Where messages go."""

    def begin_store(self, command: Command, context: AcceptedContext) -> Arrival:
        """A C-STORE-RQ has come; its data set follows."""

    def answer(self, response: bytes) -> None:
        """Send a whole PDU to the peer."""

    def pass_on(self, context_id: int, command: bytes, dataset: bytes | None) -> None:
        """A whole message of another kind has come."""


class MessageReader:
    """A :class:`~hounsfield.daemon.reception.pdata.FragmentSink` for one association."""

    def __init__(self, contexts: Mapping[int, AcceptedContext], handler: MessageHandler) -> None:
        self._contexts = contexts
        self._handler = handler
        self._command_bytes = bytearray()
        self._context_id: int | None = None
        """Of the message that has begun."""
        self._command: Command | None = None
        """Complete; its data set is due."""
        self._arrival: Arrival | None = None
        self._pieces: list[memoryview] = []
        self._other = bytearray()
        self.received = 0
        """Bytes so far of the message that has begun."""

    @property
    def has_begun(self) -> bool:
        """Whether the rest of a message is still to come."""
        return self._context_id is not None

    def command_piece(self, context_id: int, piece: memoryview, *, is_end: bool) -> bool:
        """See :class:`~hounsfield.daemon.reception.pdata.FragmentSink`."""
        if self._command is not None:
            raise BrokenProtocol("a command set came where a data set was due")
        self._same_context(context_id)
        self.received += len(piece)
        self._command_bytes += piece
        if len(self._command_bytes) > _LONGEST_COMMAND:
            raise BrokenProtocol("a command set is too long")
        return self._begin(context_id) if is_end else True

    def _begin(self, context_id: int) -> bool:
        command = decode_command(self._command_bytes)
        context = self._contexts.get(context_id)
        if context is None:
            raise BrokenProtocol("a message came in a presentation context that was not accepted")
        if command.field != C_STORE_RQ:
            if command.has_dataset:
                self._command = command
                return True
            return self._pass_on(context_id, None)
        self._command_bytes.clear()
        if not command.has_dataset:
            self._answer(context_id, command, Status.NOT_A_DATASET)
            return True
        self._command = command
        self._arrival = self._handler.begin_store(command, context)
        return True

    def dataset_piece(self, context_id: int, piece: memoryview, *, is_end: bool) -> bool:
        """See :class:`~hounsfield.daemon.reception.pdata.FragmentSink`."""
        if self._command is None:
            raise BrokenProtocol("a data set came without its command set")
        self._same_context(context_id)
        self.received += len(piece)
        if self._arrival is None:
            self._other += piece
            if len(self._other) > _LONGEST_OTHER_DATASET:
                raise BrokenProtocol("the data set of a message that is no C-STORE is too long")
            return self._pass_on(context_id, bytes(self._other)) if is_end else True
        if piece:
            self._pieces.append(piece)
        if is_end:
            self.flush()
            arrival, command = self._arrival, self._command
            self._arrival = None
            self._answer(context_id, command, arrival.finish())
        return True

    def flush(self) -> None:
        """Hand on the pieces so far: the buffer that they lie in is needed again."""
        if self._arrival is not None and self._pieces:
            self._arrival.write(self._pieces)
        self._pieces = []

    def drop(self) -> None:
        """The association is over: what has begun will not end."""
        arrival, self._arrival = self._arrival, None
        self._forget()
        if arrival is not None:
            arrival.abandon()

    def _same_context(self, context_id: int) -> None:
        if self._context_id is None:
            self._context_id = context_id
        elif self._context_id != context_id:
            raise BrokenProtocol("the fragments of two messages are mixed")

    def _answer(self, context_id: int, command: Command, status: Status) -> None:
        self._forget()
        self._handler.answer(store_response(context_id, command, status.code, status.comment))

    def _pass_on(self, context_id: int, dataset: bytes | None) -> bool:
        command = bytes(self._command_bytes)
        self._forget()
        self._handler.pass_on(context_id, command, dataset)
        return False

    def _forget(self) -> None:
        self._command_bytes.clear()
        self._command = None
        self._context_id = None
        self._pieces = []
        self._other = bytearray()
        self.received = 0
