"""P-DATA-TF taken apart: the same pieces and the same end, however the bytes were cut, packed and read."""

import struct
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.pdu_wire import p_data, pdv, pieces_of
from support.wire import pdu

from hounsfield.daemon.reception.pdata import PDataReader, Stop
from hounsfield.daemon.reception.wire import BrokenProtocol

LONGEST = 1000


@dataclass
class Sink:
    """Joins the pieces of each fragment run; pauses behind ends when told."""

    pauses: bool = False
    found: list[tuple[str, int, bytes]] = field(default_factory=list)
    """What was complete: kind, context, bytes."""
    open: dict[tuple[str, int], bytes] = field(default_factory=dict)

    def command_piece(self, context_id: int, piece: memoryview, *, is_end: bool) -> bool:
        return self._take("command", context_id, piece, is_end)

    def dataset_piece(self, context_id: int, piece: memoryview, *, is_end: bool) -> bool:
        return self._take("dataset", context_id, piece, is_end)

    def _take(self, kind: str, context_id: int, piece: memoryview, is_end: bool) -> bool:
        key = kind, context_id
        self.open[key] = self.open.get(key, b"") + piece
        if is_end:
            self.found.append((kind, context_id, self.open.pop(key)))
        return not (is_end and self.pauses)


def feed(reader: PDataReader, reads: list[bytes]) -> tuple[Stop, bytes]:
    """Give the reader what each read brings, as its owner does: what is left over stays in front of the next."""
    rest, stop = b"", Stop.NEEDS_MORE
    for read in reads:
        rest += read
        stop = Stop.PAUSED
        while stop is Stop.PAUSED:
            view = memoryview(rest)
            at, stop = reader.consume(view, 0, len(view))
            rest = rest[at:]
        if stop is Stop.OTHER_PDU:
            break
    return stop, rest


fragments = st.tuples(
    st.sampled_from([1, 3, 255]), st.sampled_from([0x00, 0x01, 0x02, 0x03, 0xFC, 0xFF]), st.binary(max_size=40)
)


def wanted(parts: list[tuple[int, int, bytes]]) -> Sink:
    """What the fragments amount to, told plainly."""
    sink = Sink()
    for context_id, control, data in parts:
        take = sink.command_piece if control & 1 else sink.dataset_piece
        take(context_id, memoryview(data), is_end=bool(control & 2))
    return sink


@given(
    st.lists(st.lists(fragments, min_size=1, max_size=5), max_size=8),
    st.lists(st.integers(0, 2000), max_size=40),
    st.booleans(),
)
def test_pieces_and_ends_do_not_depend_on_how_the_bytes_arrive(
    pdus: list[list[tuple[int, int, bytes]]], cuts: list[int], pauses: bool
) -> None:
    data = b"".join(p_data(*(pdv(*part) for part in parts)) for parts in pdus)
    sink = Sink(pauses)
    reader = PDataReader(LONGEST, sink)
    assert feed(reader, pieces_of(data, cuts)) == (Stop.NEEDS_MORE, b"")
    expected = wanted([part for parts in pdus for part in parts])
    assert sink.found == expected.found
    assert {key: value for key, value in sink.open.items() if value} == {k: v for k, v in expected.open.items() if v}
    assert not reader.is_inside_pdu


@given(st.lists(fragments, min_size=1, max_size=6), st.data())
def test_a_message_may_be_cut_into_fragments_anywhere(parts: list[tuple[int, int, bytes]], data: st.DataObject) -> None:
    cut_up = []
    for context_id, control, payload in parts:
        cuts = data.draw(st.lists(st.integers(0, len(payload)), max_size=4))
        pieces = pieces_of(payload, cuts)
        cut_up += [pdv(context_id, control & ~2, piece) for piece in pieces[:-1]]
        cut_up.append(pdv(context_id, control, pieces[-1]))
    sink = Sink()
    assert feed(PDataReader(10**6, sink), [p_data(*cut_up)]) == (Stop.NEEDS_MORE, b"")
    assert sink.found == wanted(parts).found


def test_every_cut_of_two_pdus_in_two_reads_gives_the_same() -> None:
    data = p_data(pdv(1, 3, b"command")) + p_data(pdv(1, 0, b"data"), pdv(1, 0, b""), pdv(1, 2, b"rest"))
    for place in range(len(data) + 1):
        sink = Sink()
        reader = PDataReader(LONGEST, sink)
        first, second = data[:place], data[place:]
        stop, rest = feed(reader, [first])
        assert (stop, reader.is_inside_pdu or rest != b"") == (Stop.NEEDS_MORE, place not in (0, 19, len(data)))
        assert feed(reader, [rest + second]) == (Stop.NEEDS_MORE, b"")
        assert sink.found == [("command", 1, b"command"), ("dataset", 1, b"datarest")]


def test_no_byte_is_copied() -> None:
    buffer = bytearray(p_data(pdv(1, 2, b"old bytes")))
    kept: list[memoryview] = []

    class Keeper(Sink):
        def dataset_piece(self, context_id: int, piece: memoryview, *, is_end: bool) -> bool:
            kept.append(piece)
            return True

    with memoryview(buffer) as view:
        PDataReader(LONGEST, Keeper()).consume(view, 0, len(view))
        buffer[-9:] = b"new bytes"
        assert bytes(kept[0]) == b"new bytes"
        kept.clear()


@pytest.mark.parametrize("kind", [1, 2, 3, 5, 6, 7])
def test_the_reader_stops_in_front_of_other_pdus(kind: int) -> None:
    sink = Sink()
    other = pdu(kind, bytes(4))
    stop, rest = feed(PDataReader(LONGEST, sink), [p_data(pdv(1, 2, b"x")) + other])
    assert (stop, rest) == (Stop.OTHER_PDU, other)
    assert sink.found == [("dataset", 1, b"x")]


def test_a_pause_leaves_what_follows_where_it_is() -> None:
    data = p_data(pdv(1, 2, b"one"), pdv(1, 2, b"two"))
    view = memoryview(data)
    sink = Sink(pauses=True)
    reader = PDataReader(LONGEST, sink)
    at, stop = reader.consume(view, 0, len(view))
    assert (stop, sink.found) == (Stop.PAUSED, [("dataset", 1, b"one")])
    at, stop = reader.consume(view, at, len(view))
    assert (stop, sink.found[1:]) == (Stop.PAUSED, [("dataset", 1, b"two")])
    assert reader.consume(view, at, len(view)) == (len(view), Stop.NEEDS_MORE)


@pytest.mark.parametrize("kind", [0, 8, 0x16, 0x80, 0xFF])
def test_a_pdu_of_no_known_type_is_refused(kind: int) -> None:
    with pytest.raises(BrokenProtocol):
        feed(PDataReader(LONGEST, Sink()), [pdu(kind, b"")])


@pytest.mark.parametrize("length", [0, 1, 5, LONGEST + 1, 2**31, 2**32 - 1])
def test_a_pdu_too_long_or_too_short_is_refused_at_its_header(length: int) -> None:
    with pytest.raises(BrokenProtocol):
        feed(PDataReader(LONGEST, Sink()), [pdu(4, b"", length)])


def test_a_pdu_of_the_longest_kind_is_taken() -> None:
    sink = Sink()
    feed(PDataReader(LONGEST, sink), [p_data(pdv(1, 2, bytes(LONGEST - 6)))])
    assert sink.found == [("dataset", 1, bytes(LONGEST - 6))]


@pytest.mark.parametrize("room", range(6, 20))
def test_a_pdv_fits_exactly_or_is_refused_before_any_of_it_is_taken(room: int) -> None:
    for length in (*range(room + 8), 2**16, 2**31, 2**32 - 1):
        left = room - 4 - length
        sink = Sink()
        data = pdu(4, (struct.pack(">IBB", length, 1, 2) + bytes(100))[:room])
        is_sound = length >= 2 and (left == 0 or left >= 6)
        if is_sound and left == 0:
            assert feed(PDataReader(LONGEST, sink), [data]) == (Stop.NEEDS_MORE, b"")
            assert sink.found == [("dataset", 1, bytes(length - 2))]
        else:  # what follows a sound one here is a PDV of length 0
            with pytest.raises(BrokenProtocol):
                feed(PDataReader(LONGEST, sink), [data])
            assert len(sink.found) == is_sound


@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=10))
def test_any_bytes_are_taken_or_refused_alike_however_they_arrive(data: bytes, cuts: list[int]) -> None:
    def outcome(reads: list[bytes]) -> object:
        sink = Sink()
        try:
            stop, rest = feed(PDataReader(64, sink), reads)
        except BrokenProtocol as broken:
            return str(broken), sink.found
        return stop, rest if stop is not Stop.OTHER_PDU else b"", sink.found

    prefixed = b"\4\0\0\0\0\x20" + data if len(data) % 2 else data
    assert outcome(pieces_of(prefixed, cuts)) == outcome([prefixed])
