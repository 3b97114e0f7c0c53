"""P-DATA-TF PDUs taken apart in place: no fragment is copied, none is kept (PS3.8 9.3.5, annex E).

The reader is fed a buffer of whatever has arrived, split anywhere, and hands on each piece of a fragment as soon as it
is there.
"""

from enum import Enum
from typing import Protocol

from hounsfield.daemon.reception.wire import (
    IS_COMMAND,
    IS_LAST,
    P_DATA_TF,
    PDU_HEADER,
    PDU_TYPES,
    PDV_HEADER,
    PDV_OVERHEAD,
    BrokenProtocol,
)

_PDV_LENGTH_FIELD = 4
_HEADER = 6
"""Bytes of a PDU's header, and of a PDV's."""


class FragmentSink(Protocol):
    """Takes pieces of fragments, which may be empty. A piece is valid until the buffer it lies in is used again.

    Both answer whether to go on; if not, the reader returns with what comes behind the piece left where it is.
    """

    def command_piece(self, context_id: int, piece: memoryview, *, is_end: bool) -> bool:
        """Take a piece of a command set; ``is_end``: the command set ends with it."""

    def dataset_piece(self, context_id: int, piece: memoryview, *, is_end: bool) -> bool:
        """Take a piece of a data set; ``is_end``: the data set ends with it."""


class Stop(Enum):
    """Why the reader returned."""

    NEEDS_MORE = "it needs more bytes"
    OTHER_PDU = "a PDU that is no P-DATA-TF comes next"
    PAUSED = "the sink wanted a pause"


class PDataReader:
    """Remembers where in a PDU and a PDV the bytes so far ended."""

    def __init__(self, longest_pdu: int, sink: FragmentSink) -> None:
        self._longest_pdu = longest_pdu
        self._sink = sink
        self._pdu_left = 0
        self._pdv_left = -1
        """Bytes still to come of the fragment; -1 between two."""
        self._context_id = 0
        self._control = 0

    @property
    def is_inside_pdu(self) -> bool:
        """Whether the rest of a PDU is still to come."""
        return self._pdu_left > 0 or self._pdv_left >= 0

    def consume(self, view: memoryview, at: int, end: int) -> tuple[int, Stop]:
        """Take apart what lies in ``view[at:end]``; return how far, and why not further.

        Raise :class:`BrokenProtocol` for a PDU of no kind, one longer than was agreed, and lengths that contradict.
        """
        while True:
            if self._pdv_left < 0:
                if self._pdu_left == 0:
                    if end - at < _HEADER:
                        return at, Stop.NEEDS_MORE
                    if not self._begin_pdu(view, at):
                        return at, Stop.OTHER_PDU
                    at += _HEADER
                if end - at < _HEADER:
                    return at, Stop.NEEDS_MORE
                self._begin_pdv(view, at)
                at += _HEADER
            stop = min(end, at + self._pdv_left)
            self._pdv_left -= stop - at
            self._pdu_left -= stop - at
            is_whole = self._pdv_left == 0
            if not is_whole and stop == at:
                return at, Stop.NEEDS_MORE
            if is_whole:
                self._pdv_left = -1
            goes_on = self._hand_on(view[at:stop], is_end=is_whole and bool(self._control & IS_LAST))
            at = stop
            if not goes_on:
                return at, Stop.PAUSED
            if not is_whole:
                return at, Stop.NEEDS_MORE

    def _begin_pdu(self, view: memoryview, at: int) -> bool:
        kind, length = PDU_HEADER.unpack_from(view, at)
        if kind not in PDU_TYPES:
            raise BrokenProtocol("a PDU is of no known type")
        if kind != P_DATA_TF:
            return False
        if not _HEADER <= length <= self._longest_pdu:
            raise BrokenProtocol("a P-DATA-TF PDU is longer than dicom.max_pdu_bytes, or too short to hold anything")
        self._pdu_left = length
        return True

    def _begin_pdv(self, view: memoryview, at: int) -> None:
        length, self._context_id, self._control = PDV_HEADER.unpack_from(view, at)
        if not PDV_OVERHEAD <= length <= self._pdu_left - _PDV_LENGTH_FIELD:
            raise BrokenProtocol("a PDV does not fit into its PDU")
        self._pdu_left -= _HEADER
        self._pdv_left = length - PDV_OVERHEAD
        if self._pdu_left - self._pdv_left in range(1, _HEADER):
            raise BrokenProtocol("a PDU does not end with its last PDV")

    def _hand_on(self, piece: memoryview, *, is_end: bool) -> bool:
        take = self._sink.command_piece if self._control & IS_COMMAND else self._sink.dataset_piece
        return take(self._context_id, piece, is_end=is_end)
