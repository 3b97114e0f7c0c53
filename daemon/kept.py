"""Small files that are drawn once per installation and kept: the key of the log's hashes, our Device UID."""

import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path


def kept(path: Path, make: Callable[[], bytes]) -> bytes:
    """Return what is kept at ``path`` (mode 0600); the first process to come makes it, the others read it.

    Durable when it returns. Raises OSError where it can neither be read nor made.
    """
    if not path.exists():
        _create_whole(path, make())
    return path.read_bytes()


def _create_whole(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(temporary, path)
        except FileExistsError:
            pass  # another process was first: then its content counts
        except PermissionError:  # what link(2) says where there are no hard links
            temporary.rename(path)
    finally:
        with suppress(FileNotFoundError):
            temporary.unlink()
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
