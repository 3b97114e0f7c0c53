"""HL7 over MLLP (HL7 v2.5.1 appendix C, Minimal Lower Layer Protocol): one connection, one message, one answer.

Neither a silent nor an endlessly talking listener is listened to beyond the deadline, and no answer beyond its bound.
"""

import socket
import time

from hounsfield.daemon.notifications.answers import Accepted, Answer, NoAnswer, Refused
from hounsfield.daemon.notifications.facts import ResultFacts
from hounsfield.daemon.notifications.oru import Addressing, oru_r01

START, END = b"\x0b", b"\x1c\x0d"
LONGEST_ANSWER = 65536
"""Bytes; an acknowledgment has some two hundred."""
_ACCEPTED = ("AA", "CA")
_REFUSED = ("AE", "AR", "CE", "CR")


class Hl7Sender:
    """Sends ORU^R01 messages to one listener."""

    def __init__(self, host: str, port: int, addressing: Addressing, timeout_seconds: float) -> None:
        self._host = host
        self._port = port
        self._addressing = addressing
        self._timeout = timeout_seconds

    def send(self, facts: ResultFacts) -> Answer:
        """Send the message and read its acknowledgment (MSA-1)."""
        message = oru_r01(facts, self._addressing)
        try:
            return read_ack(exchange(self._host, self._port, message, self._timeout), facts.message_id)
        except TimeoutError:
            return NoAnswer("no answer in time")
        except OSError as error:
            return NoAnswer(error.strerror or "connection lost")


def exchange(host: str, port: int, message: bytes, timeout_seconds: float) -> bytes:
    """Return the answer to a message without its frame, b"" if none came before the connection ended.

    Raise OSError: TimeoutError once ``timeout_seconds`` are over.
    """
    deadline = time.monotonic() + timeout_seconds
    with socket.create_connection((host, port), timeout=timeout_seconds) as connection:
        connection.settimeout(_left(deadline))
        connection.sendall(START + message + END)
        received = bytearray()
        while END not in received:
            connection.settimeout(_left(deadline))
            part = connection.recv(4096)
            received += part
            if not part or len(received) > LONGEST_ANSWER:
                return b""
    before_end = bytes(received.partition(END)[0])
    return before_end.partition(START)[2]


def read_ack(block: bytes, message_id: str) -> Answer:
    """Return what an acknowledgment says of our message (2.5.1 section 2.14, MSA)."""
    if not block:
        return NoAnswer("the connection ended before an acknowledgment")
    if block[:3] != b"MSH" or len(block) < 8:
        return NoAnswer("the answer is no HL7 message")
    separator = block[3:4]
    for segment in block.replace(b"\n", b"\r").split(b"\r"):
        name, *fields = segment.split(separator)
        if name == b"MSA" and len(fields) >= 2:
            return _judged(fields[0].decode("ascii", "replace"), fields[1].decode("ascii", "replace"), message_id)
    return NoAnswer("the answer acknowledges nothing")


def _judged(code: str, about: str, message_id: str) -> Answer:
    if about.strip() != message_id:
        return NoAnswer("the acknowledgment is about another message")
    if code in _ACCEPTED:
        return Accepted()
    return Refused(code) if code in _REFUSED else NoAnswer("the acknowledgment has an unknown code")


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
