"""Files that a command makes and that must not replace what is there."""

import os
from contextlib import suppress
from pathlib import Path

from hounsfield.daemon.cli.exits import CommandFailed


def write_new(folder: Path, files: dict[str, tuple[bytes, int]]) -> None:
    """Create all files with content and mode, durably; on any failure none of them. What is there is never touched.

    Raises :class:`CommandFailed` naming what is there already, and OSError.
    """
    present = sorted(name for name in files if os.path.lexists(folder / name))
    if present:
        raise CommandFailed(f"{folder} holds {', '.join(present)} already", "give another folder, or move them away")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    written: list[Path] = []
    try:
        for name, (content, mode) in files.items():
            path = folder / name
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
            written.append(path)
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
    except BaseException:
        for path in written:
            with suppress(OSError):
                path.unlink()
        raise
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
