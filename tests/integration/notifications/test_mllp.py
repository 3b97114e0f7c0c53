"""HL7 messages before real listeners: one of another library, and some that misbehave."""

import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from support.mllp_listener import python_hl7_listener
from support.peers import free_port
from support.reports import series
from support.scripted import scripted
from support.told import facts_of

from hounsfield.daemon.notifications.answers import Accepted, Answer, NoAnswer, Refused
from hounsfield.daemon.notifications.facts import ResultFacts
from hounsfield.daemon.notifications.mllp import LONGEST_ANSWER, Hl7Sender
from hounsfield.daemon.notifications.oru import Addressing, oru_r01

ADDRESSED = Addressing(sending_facility="KH", receiving_application="RIS", receiving_facility="RAD")


def send(port: int, told: ResultFacts, timeout_seconds: float = 5.0) -> Answer:
    return Hl7Sender("127.0.0.1", port, ADDRESSED, timeout_seconds).send(told)


def test_a_listener_of_another_library_reads_and_acknowledges_it(tmp_path: Path) -> None:
    told = facts_of(
        tmp_path,
        sources=series(SpecificCharacterSet=["", "ISO 2022 IR 87"], PatientName="Yamada^Tarou=山田^太郎=やまだ^たろう"),
    )
    with python_hl7_listener() as listener:
        assert send(listener.port, told) == Accepted()
        assert send(listener.port, told) == Accepted()
    message, again = listener.messages
    assert str(message["MSH"][0][9]) == "ORU^R01^ORU_R01"
    assert "山田^太郎" in str(message["PID"][0][5])
    assert listener.blocks[0] == listener.blocks[1], "byte for byte the same"
    assert len(again.segments("OBX")) >= 8


@pytest.mark.parametrize("code", ["AE", "AR", "CE", "CR"])
def test_a_listener_that_refuses_is_heard(tmp_path: Path, code: str) -> None:
    with python_hl7_listener(code) as listener:
        assert send(listener.port, facts_of(tmp_path)) == Refused(code)


def test_nobody_there_is_no_answer(tmp_path: Path) -> None:
    assert send(free_port(), facts_of(tmp_path)) == NoAnswer("Connection refused")


def taken(connection: socket.socket) -> None:
    received = b""
    while not received.endswith(b"\x1c\r"):
        received += connection.recv(65536)


def silent(connection: socket.socket) -> None:
    taken(connection)
    connection.settimeout(5)
    connection.recv(1)


def dripping(connection: socket.socket) -> None:
    taken(connection)
    while True:
        connection.sendall(b"\x0bM")
        time.sleep(0.05)  # a listener's own pace, nothing waits for it


def endless(connection: socket.socket) -> None:
    taken(connection)
    for _ in range(4 * LONGEST_ANSWER // 1024):
        connection.sendall(b"A" * 1024)


def hanging_up(connection: socket.socket) -> None:
    taken(connection)


def web(connection: socket.socket) -> None:
    taken(connection)
    connection.sendall(b"\x0bHTTP/1.1 400 Bad Request\r\n\r\n\x1c\r")


@pytest.mark.parametrize(
    ("script", "problem"),
    [
        (silent, "no answer in time"),
        (dripping, "no answer in time"),
        (endless, "the connection ended before an acknowledgment"),
        (hanging_up, "the connection ended before an acknowledgment"),
        (web, "the answer is no HL7 message"),
    ],
)
def test_a_listener_that_misbehaves_is_no_answer_and_holds_nobody_up(
    tmp_path: Path, script: Callable[[socket.socket], None], problem: str
) -> None:
    told = facts_of(tmp_path)
    with scripted(script) as port:
        started = time.monotonic()
        answer = send(port, told, timeout_seconds=0.4)
        assert time.monotonic() - started < 2
    assert answer in (NoAnswer(problem), NoAnswer("Connection reset by peer"))
    assert problem != "no answer in time" or answer == NoAnswer(problem)


def test_an_acknowledgment_in_pieces_and_after_stray_bytes_is_read(tmp_path: Path) -> None:
    told = facts_of(tmp_path)

    def pieces(connection: socket.socket) -> None:
        taken(connection)
        answer = f"\r\n\x0bMSH|^~\\&|RIS\rMSA|AA|{told.message_id}\r\x1c\r".encode()
        for part in (answer[:9], answer[9:-1], answer[-1:]):
            connection.sendall(part)
            time.sleep(0.02)  # so that they travel apart

    with scripted(pieces) as port:
        assert send(port, told) == Accepted()


def test_the_frame_stands_around_the_message_and_nowhere_in_it(tmp_path: Path) -> None:
    told = facts_of(tmp_path)
    seen: list[bytes] = []

    def keep(connection: socket.socket) -> None:
        seen.append(connection.recv(65536))

    with scripted(keep) as port:
        send(port, told)
    assert seen == [b"\x0b" + oru_r01(told, ADDRESSED) + b"\x1c\r"]
