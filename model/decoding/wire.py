"""What is said between the worker and the process that decodes for it. JSON both ways, lengths first.

The answers come from a process that has decoded foreign bytes, so they are read as foreign bytes too.
"""

import json
import re
import socket
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Final

from hounsfield.model.errors import PixelError
from hounsfield.model.findings import Rejection
from hounsfield.model.frames import PixelSource
from hounsfield.model.scratch import Place

READY: Final = b"ready\n"
LONGEST_ANSWER: Final = 1024
_HEAD: Final = 8
_DIGEST = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Source:
    """A slice as the decoding process knows it: its pixels, and nothing about the patient."""

    path: Path
    transfer_syntax: str
    native: bool
    rows: int
    columns: int
    frames: int
    frame: int | None
    samples: int
    photometric: str
    bits_allocated: int
    bits_stored: int
    high_bit: int
    pixel_representation: int
    slope: float | None
    intercept: float | None
    padding: int | None
    padding_limit: int | None
    pixel_offset: int | None
    pixel_bytes: int | None

    @classmethod
    def of(cls, source: PixelSource) -> "Source":
        """Return the same slice with only what decoding needs."""
        return cls(**{name: getattr(source, name) for name in cls.__slots__})


@dataclass(frozen=True, slots=True)
class Request:
    """Slices to be decoded in order."""

    sources: tuple[Source, ...]
    places: tuple[Place, ...]
    """Where the HU of each goes in the scratch file; empty: only digests are wanted."""
    cpu_seconds: int


@dataclass(frozen=True, slots=True)
class Decoded:
    """One slice that has been read."""

    whole: bool
    """Its HU are int16 in the scratch file, else float32."""
    digest: str
    """As :class:`hounsfield.model.pixels.Pixels`."""


@dataclass(frozen=True, slots=True)
class NoSpace:
    """A slice could not be written into the scratch file."""


Answer = Decoded | PixelError | NoSpace


def send_request(connection: socket.socket, request: Request, file: int | None) -> None:
    """Send a request, with the open scratch ``file`` if there is one. Raises OSError."""
    sources = [[str(one.path), *astuple(one)[1:]] for one in request.sources]
    body = json.dumps([sources, request.places, request.cpu_seconds]).encode()
    socket.send_fds(connection, [len(body).to_bytes(_HEAD, "big")], [] if file is None else [file])
    connection.sendall(body)


def receive_request(connection: socket.socket) -> tuple[Request, int | None] | None:
    """Wait for a request; None when the other side is gone. The file is the receiver's to close."""
    head, files, _, _ = socket.recv_fds(connection, _HEAD, 1)
    head += _exactly(connection, _HEAD - len(head)) if head else b""
    if len(head) < _HEAD:
        return None
    body = _exactly(connection, int.from_bytes(head, "big"))
    sources, places, cpu_seconds = json.loads(body)
    request = Request(
        tuple(Source(Path(path), *rest) for path, *rest in sources), tuple(map(tuple, places)), cpu_seconds
    )
    return request, files[0] if files else None


def _exactly(connection: socket.socket, length: int) -> bytes:
    received = bytearray()
    while len(received) < length:
        part = connection.recv(min(length - len(received), 1 << 20))
        if not part:
            return b""
        received += part
    return bytes(received)


def answer_line(answer: Answer) -> bytes:
    """Return an answer as one line."""
    row: list[object] = ["no-space"]
    if isinstance(answer, Decoded):
        row = ["decoded", answer.whole, answer.digest]
    elif isinstance(answer, PixelError):
        row = ["refused", answer.rejection, str(answer)[:200]]
    return json.dumps(row).encode() + b"\n"


def read_answer(line: bytes) -> Answer:
    """Read an answer; raise ValueError for a line that is none."""
    match json.loads(line):
        case ["decoded", bool(whole), str(digest)] if _DIGEST.fullmatch(digest):
            return Decoded(whole, digest)
        case ["refused", str(code), str(words)]:
            return PixelError(Rejection(code), words)
        case ["no-space"]:
            return NoSpace()
    raise ValueError("not an answer of the process that decodes")
