"""The bytes of commands and answers."""

import struct
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pynetdicom.dsutils import decode
from support.pdu_wire import command_of
from support.wire import c_store_rq, command_element

from hounsfield.daemon.reception.status import Status
from hounsfield.daemon.reception.wire import BrokenProtocol, Command, abort_pdu, decode_command, store_response

CT = "1.2.840.10008.5.1.4.1.1.2"
uids = st.text("0123456789.", max_size=64)


@given(uids, uids, st.integers(0, 65535))
def test_a_store_request_is_read_as_it_was_written(sop_class: str, instance: str, message_id: int) -> None:
    command = decode_command(c_store_rq(instance, sop_class, message_id))
    assert command == Command(1, True, message_id, sop_class, instance)


def test_a_request_without_data_set_is_seen_as_such() -> None:
    assert decode_command(command_of(0x0030, 3)) == Command(0x0030, False, 3, "1.2.840.10008.1.1", "")


def test_a_message_without_message_id_has_0() -> None:
    cancel = command_element(0x0100, b"\xff\x0f") + command_element(0x0120, b"\7\0") + command_element(0x0800, b"\1\1")
    assert decode_command(cancel) == Command(0x0FFF, False, 0, "", "")


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        c_store_rq("1.2")[:-1],
        c_store_rq("1.2") + b"\0",
        c_store_rq("1.2") + struct.pack("<HHI", 8, 0x16, 2) + b"1\0",
        c_store_rq("1.2") + struct.pack("<HHI", 0, 0x1000, 0xFFFFFFFF),
        command_element(0x0100, b"\1\0"),
        command_element(0x0800, b"\1\0"),
        command_element(0x0100, b"\1\0\0\0") + command_element(0x0800, b"\1\0"),
        command_element(0x0100, b"\1\0") + command_element(0x0800, b"\0\0") + command_element(0x0110, b""),
    ],
)
def test_what_is_no_command_set_is_refused(broken: bytes) -> None:
    with pytest.raises(BrokenProtocol):
        decode_command(broken)


@given(st.binary(max_size=200))
def test_any_bytes_are_a_command_or_refused_and_nothing_else(data: bytes) -> None:
    try:
        decode_command(data)
    except BrokenProtocol:
        return
    assert len(data) >= 20


@given(
    st.text(st.characters(max_codepoint=255), max_size=100),
    st.text(st.characters(max_codepoint=255), max_size=100),
    st.integers(0, 65535),
    st.sampled_from(Status),
)
def test_an_answer_is_one_pdu_that_echoes_the_request(sop: str, instance: str, message_id: int, status: Status) -> None:
    answer = store_response(5, Command(1, True, message_id, sop, instance), status.code, status.comment)
    kind, length = struct.unpack_from(">BxI", answer)
    pdv_length, context_id, control = struct.unpack_from(">IBB", answer, 6)
    assert (kind, length, pdv_length) == (4, len(answer) - 6, len(answer) - 10)
    assert (context_id, control) == (5, 3)
    group_length = struct.unpack_from("<I", answer, 20)[0]
    assert group_length == len(answer) - 24
    assert len(answer) < 400, "a small answer to no matter what"


@pytest.mark.parametrize("status", Status)
def test_the_library_reads_our_answers(status: Status) -> None:
    answer = store_response(1, Command(1, True, 9, CT, "1.2.3"), status.code, status.comment)
    read = decode(BytesIO(answer[12:]), True, True)
    assert (read.CommandField, read.MessageIDBeingRespondedTo, read.CommandDataSetType) == (0x8001, 9, 0x0101)
    assert (read.Status, read.AffectedSOPClassUID, read.AffectedSOPInstanceUID) == (status.code, CT, "1.2.3")
    assert read.get("ErrorComment", "") == status.comment
    assert len(status.comment) <= 64
    assert [element.tag for element in read] == sorted(element.tag for element in read)


def test_an_abort_names_the_provider_and_a_reason() -> None:
    assert abort_pdu(6) == b"\7\0\0\0\0\4\0\0\2\6"
