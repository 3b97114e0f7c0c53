"""Analysis identity: equal for copies of an image that a model could not tell apart, different for all others.

It covers SOP Instance UID, decoded pixels, geometry, rescale, Patient ID and Study Instance UID; not file bytes,
descriptions or the transfer syntax. Of a multi-frame instance it covers every frame. Run as a module it reads paths
from standard input, one a line, and writes one JSON object a line, so that a caller can decode foreign pixels in a
process with limits of its own::

    python -m hounsfield.model.identity --memory-mb 2048 < paths
"""

import argparse
import hashlib
import json
import resource
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TextIO

from hounsfield.model.errors import PixelError, UnreadableInstance
from hounsfield.model.frames import FrameIndex
from hounsfield.model.headers import SliceHeader, read_slices
from hounsfield.model.pixels import pixel_digest

_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class InstanceIdentity:
    """Two hex SHA-256 of one instance."""

    identity: str
    """Its analysis identity."""
    content: str
    """The same without SOP Instance UID: equal for one image that was sent under two UIDs."""


def instance_identity(path: Path) -> InstanceIdentity:
    """Return the identity of one instance.

    Pixels that cannot be decoded count by their encoded bytes, files that cannot be read by all their bytes; both
    are marked, so that they never equal a decoded identity. Raises OSError only.
    """
    try:
        slices = read_slices(path)
    except UnreadableInstance:
        return unreadable_identity(path)
    index = FrameIndex()
    try:
        digests = [pixel_digest(one, index) for one in slices]
    except PixelError:
        return identity_of(slices, None)
    return identity_of(slices, digests)


def unreadable_identity(path: Path) -> InstanceIdentity:
    """Return the identity of a file that has no usable header. Raises OSError."""
    value = _hash(["unreadable", _bytes_from(path, 0)])
    return InstanceIdentity(value, value)


def identity_of(slices: Sequence[SliceHeader], digests: Sequence[str] | None) -> InstanceIdentity:
    """Return the identity of one instance from its slices (one, or those of its frames) and their pixel digests.

    ``digests`` are those of :mod:`hounsfield.model.pixels`, one for each slice; None where they cannot be had: then
    the encoded bytes count instead, and OSError may be raised.
    """
    first = slices[0]
    pixels: list[list[object]]
    about: list[object] = [first.study_uid, [first.patient.id, first.patient.issuer]]
    if digests is None:
        pixels = [_encoded(first) if one is first else ["encoded"] for one in slices]
    else:
        pixels = [["decoded", [one.rows, one.columns], digest] for one, digest in zip(slices, digests, strict=True)]
    images = [_image(one, its) for one, its in zip(slices, pixels, strict=True)]
    # One slice is written flat, as it was before there were frames: its identity names results in archives.
    kind = "instance" if first.frame is None else "frames"
    rest = images[0] if first.frame is None else [[one.frame, *i] for one, i in zip(slices, images, strict=True)]
    return InstanceIdentity(
        identity=_hash([kind, first.sop_instance_uid, *about, *rest]), content=_hash(["content", *about, *rest])
    )


def series_identity(instance_identities: Iterable[str]) -> str:
    """Return the identity of a set of instances, hex SHA-256; order and repetitions do not matter."""
    return _hash(["series", sorted(set(instance_identities))])


def _image(header: SliceHeader, pixels: Sequence[object]) -> list[object]:
    return [
        [header.position, header.orientation, header.pixel_spacing, header.thickness],
        [header.slope, header.intercept, header.rescale_type],
        pixels,
    ]


def _encoded(header: SliceHeader) -> list[object]:
    offset = header.pixel_offset
    return ["encoded", "" if offset is None else _bytes_from(header.path, offset)]


def _hash(parts: list[object]) -> str:
    return hashlib.sha256(json.dumps(parts, ensure_ascii=True, separators=(",", ":")).encode()).hexdigest()


def _bytes_from(path: Path, offset: int) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        file.seek(offset)
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def main(arguments: list[str] | None = None, source: TextIO = sys.stdin, target: TextIO = sys.stdout) -> int:
    """Answer each path on ``source`` with ``{"path":, "identity":, "content":}``; 1 if a file could not be opened."""
    parser = argparse.ArgumentParser(prog="hounsfield.model.identity", description="Analysis identity of DICOM files")
    parser.add_argument("--memory-mb", type=int, default=0, help="limit of address space, MiB; 0 for none")
    parser.add_argument("--cpu-seconds", type=int, default=0, help="limit of processor time, seconds; 0 for none")
    options = parser.parse_args(arguments)
    _limit(resource.RLIMIT_AS, options.memory_mb * 1024**2)
    _limit(resource.RLIMIT_CPU, options.cpu_seconds)
    status = 0
    for line in source:
        path = line.rstrip("\n")
        if not path:
            continue
        try:
            row = {"path": path, **asdict(instance_identity(Path(path)))}
        except OSError as error:
            sys.stderr.write(f"cannot open a file: {error.strerror}\n")
            status = 1
            continue
        target.write(json.dumps(row) + "\n")
        target.flush()
    return status


def _limit(kind: int, value: int) -> None:
    if value > 0:
        _, hard = resource.getrlimit(kind)
        resource.setrlimit(kind, (value if hard == resource.RLIM_INFINITY else min(value, hard), hard))


if __name__ == "__main__":
    sys.exit(main())
