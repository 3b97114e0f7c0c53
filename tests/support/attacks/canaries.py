"""Patients whose names must appear nowhere, and every way of sending them that could make somebody quote them."""

import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from support.datasets import element, nested, tiny
from support.wire import (
    COMMAND,
    CT,
    LAST,
    P_DATA,
    Closed,
    Connection,
    Proposal,
    abort,
    associate_rq,
    c_store_rq,
    command_element,
    command_values,
    connected,
    item,
    new_uid,
    p_data,
    pdu,
)

FORGED = "FORGED-LINE ready dicom=0.0.0.0:1 ae=EVIL"
"""What a log line would say that a sender has forged."""


@dataclass(frozen=True, slots=True)
class Canary:
    """One value in one character set."""

    tag: int
    vr: bytes
    text: str
    character_set: str
    """Specific Character Set (0008,0005) as a defined term."""
    codec: str

    @property
    def value(self) -> bytes:
        raw = self.text.encode(self.codec)
        return raw + b" " * (len(raw) % 2)


CANARIES = (
    Canary(0x00100010, b"PN", "Kanarienvogel^Piepmatz", "ISO_IR 100", "latin-1"),
    Canary(0x00100010, b"PN", "Zwölfjährig^Käthe", "ISO_IR 192", "utf-8"),
    Canary(0x00100010, b"PN", "Yamada^Tarou=山田^太郎=やまだ^たろう", "\\ISO 2022 IR 87", "iso2022_jp"),
    Canary(0x00100020, b"LO", "PID-5550199-CANARY", "ISO_IR 100", "latin-1"),
    Canary(0x00080050, b"SH", "ACC-7733-CANARY", "ISO_IR 100", "latin-1"),
    Canary(0x00100030, b"DA", "19470307", "ISO_IR 100", "latin-1"),
    Canary(0x00104000, b"LT", f"kept at home\r\n2026-01-02T03:04:05Z [info] {FORGED}\n", "ISO_IR 100", "latin-1"),
    Canary(0x00081030, b"LO", "\x1b[2J\x1b]0;owned-canary\x07", "ISO_IR 100", "latin-1"),
    Canary(0x00200010, b"SH", "%s %n {0} ${jndi:canary}", "ISO_IR 100", "latin-1"),
)
TELLTALES = (
    "Kanarienvogel", "Piepmatz", "Zwölfjährig", "Zw\\xf6lf", "Käthe", "Yamada", "Tarou", "山田", "太郎", "やまだ",
    "PID-5550199", "ACC-7733", "19470307", "kept at home", "owned-canary", "jndi:canary", "hush-hush",
)  # fmt: skip
"""Pieces of them that would give a patient away, in whatever quoting."""


def _data_set(canary: Canary, instance: str, *, more: bytes = b"") -> bytes:
    body = [
        (0x00080005, element(0x00080005, b"CS", _even(canary.character_set.encode()))),
        (canary.tag, element(canary.tag, canary.vr, canary.value)),
    ]
    whole = tiny(instance=instance, study=f"{new_uid()}")
    at = whole.index(b"\x20\x00\x0d\x00")  # where group 0020 begins
    before = [part for tag, part in body if tag < 0x00080016]
    between = [part for tag, part in body if 0x00080018 < tag < 0x0020000D]
    after = [part for tag, part in body if tag > 0x0020000E]
    return b"".join([*before, whole[:at], *between, whole[at:], *after, more])


def _even(value: bytes) -> bytes:
    return value + b" " * (len(value) % 2)


@dataclass(slots=True)
class Said:
    """What came back. The answer repeats the SOP Instance UID as it was sent (PS3.7 9.3.1.2): that is no quoting."""

    statuses: list[int] = field(default_factory=list)
    comments: set[str] = field(default_factory=set)
    """Error Comments (0000,0902)."""


def _store(connection: Connection, data: bytes, instance: str, said: Said, *, sop_class: str = CT) -> None:
    connection.send(p_data(1, COMMAND | LAST, c_store_rq(instance, sop_class)))
    connection.send(p_data(1, LAST, data))
    kind, body = connection.receive()
    if kind == P_DATA:
        answer = command_values(body)
        said.statuses.append(int.from_bytes(answer[0x0900], "little"))
        said.comments.add(answer.get(0x0902, b"").decode("latin-1"))


def send_canaries(port: int) -> Said:
    """Send every canary stored, refused for every reason, cut off, in commands, and in the association request."""
    said = Said()
    for canary in CANARIES:
        with suppress(Closed, OSError), connected(port) as connection:
            connection.associate()
            _store_and_be_refused(connection, canary, said)
            connection.release()
        for attack in (_unknown_command, _broken_command, _cut_off, _in_the_request):
            with suppress(Closed, OSError):
                attack(port, canary)
    return said


def _store_and_be_refused(connection: Connection, canary: Canary, said: Said) -> None:
    instance = new_uid()
    data = _data_set(canary, instance)
    text = "x" + canary.value.decode("latin-1")  # a date alone would be a good UID
    _store(connection, data, instance, said)
    _store(connection, data[:-3], instance, said)
    _store(connection, data, new_uid(), said)
    _store(connection, data, instance, said, sop_class="1.2.840.10008.5.1.4.1.1.4")
    _store(connection, _data_set(canary, text), instance, said)
    _store(connection, _data_set(canary, instance, more=nested(100)), instance, said)
    _store(connection, data + b"\xff\xfe", instance, said)
    _store(connection, _data_set(canary, text), text[:64], said)
    _store(connection, data, instance, said, sop_class=text[:64])


def _unknown_command(port: int, canary: Canary) -> None:
    body = command_element(0x0100, struct.pack("<H", 0x20)) + command_element(0x0110, struct.pack("<H", 1))
    body += command_element(0x0800, struct.pack("<H", 0)) + command_element(0x0002, CT.encode())
    _ask(port, command_element(0, struct.pack("<I", len(body))) + body, canary.value)


def _broken_command(port: int, canary: Canary) -> None:
    _ask(port, c_store_rq("1.2.3")[:-6] + canary.value, canary.value)


def _ask(port: int, command: bytes, data: bytes) -> None:
    with connected(port, seconds=2) as connection:
        connection.associate()
        connection.send(p_data(1, COMMAND | LAST, command) + p_data(1, LAST, data))
        connection.send(abort())
        connection.receive()


def _cut_off(port: int, canary: Canary) -> None:
    with connected(port, seconds=2) as connection:
        connection.associate()
        connection.send(p_data(1, COMMAND | LAST, c_store_rq("1.2.3")) + p_data(1, 0, canary.value))
        connection.send(pdu(0x55, canary.value))
        connection.receive()


def _in_the_request(port: int, canary: Canary) -> None:
    """A user identity (PS3.7 D.3.3.7) with a name and passcode, and syntaxes that are no UIDs."""
    for request in _requests(canary):
        with connected(port, seconds=2) as connection:
            connection.send(request)
            connection.receive()


def _requests(canary: Canary) -> Iterator[bytes]:
    text = canary.value.decode("latin-1")
    yield associate_rq(Proposal(CT, (text[:64],)), Proposal("1.2.3" + text[:40]))
    plain = associate_rq()
    secret = b"hush-hush"
    identity = item(
        0x58, struct.pack(">BBH", 2, 1, len(canary.value)) + canary.value + struct.pack(">H", len(secret)) + secret
    )
    # the user information item is the last one: the identity goes to its end, and two lengths grow
    at = plain.rindex(b"\x50\x00")
    length = struct.unpack_from(">H", plain, at + 2)[0] + len(identity)
    body = plain[6:at] + struct.pack(">BBH", 0x50, 0, length) + plain[at + 4 :] + identity
    yield pdu(1, body)


FORGING_TITLES = ("EVIL\r\nFORGED-LIN", 'EVIL\n{"a": 1}', "\x1b[2JFORGED", "EVIL [error] x=1", 'EVIL", "x": "1')
"""Calling AE titles (16 characters), which the log does name."""


def call_with_forging_titles(port: int) -> None:
    """Associate under names that try to begin a new line, and call nobody by such names."""
    for title in FORGING_TITLES:
        for request in (associate_rq(calling=title), associate_rq(called=title)):
            with suppress(Closed, OSError), connected(port, seconds=2) as connection:
                connection.associate(request)
                connection.store(b"", "1.2.3")
                connection.release()
