"""Analysis identity: equal for copies of a slice that a model could not tell apart, different for all others.

It covers SOP Instance UID, decoded pixels, geometry, rescale, Patient ID and Study Instance UID; not file bytes,
descriptions or the transfer syntax. Run as a module it reads paths from standard input, one a line, and writes one
JSON object a line, so that a caller can decode foreign pixels in a process with limits of its own::

    python -m hounsfield.model.identity --memory-mb 2048 < paths
"""

import argparse
import hashlib
import json
import resource
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TextIO

from hounsfield.model.errors import PixelError, UnreadableInstance
from hounsfield.model.headers import SliceHeader, read_header
from hounsfield.model.pixels import read_raw

_CHUNK = 1 << 20


def instance_identity(path: Path) -> str:
    """Return the identity of one instance, hex SHA-256.

    Pixels that cannot be decoded count by their encoded bytes, files that cannot be read by all their bytes; both
    are marked, so that they never equal a decoded identity. Raises OSError only.
    """
    try:
        header = read_header(path)
    except UnreadableInstance:
        return _hash(["unreadable", _bytes_from(path, 0)])
    return _hash(
        [
            "instance",
            header.sop_instance_uid,
            header.study_uid,
            [header.patient.id, header.patient.issuer],
            [header.position, header.orientation, header.pixel_spacing, header.thickness],
            [header.slope, header.intercept, header.rescale_type],
            _pixels(header),
        ]
    )


def series_identity(instance_identities: Iterable[str]) -> str:
    """Return the identity of a set of instances, hex SHA-256; order and repetitions do not matter."""
    return _hash(["series", sorted(set(instance_identities))])


def _pixels(header: SliceHeader) -> list[object]:
    try:
        raw = read_raw(header)
    except PixelError:
        offset = header.pixel_offset
        return ["encoded", "" if offset is None else _bytes_from(header.path, offset)]
    return ["decoded", raw.shape, hashlib.sha256(raw.astype("<i4", copy=False).tobytes()).hexdigest()]


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
    """Answer each path on ``source`` with ``{"path": ..., "identity": ...}``; 1 if a file could not be opened."""
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
            row = {"path": path, "identity": instance_identity(Path(path))}
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
