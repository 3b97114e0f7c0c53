"""Folders on a disk in memory, for tests to which a real sync means nothing: it is simulated, or nobody cuts power."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_MEMORY = Path("/dev/shm")


@contextmanager
def memory_folder() -> Iterator[Path]:
    """Give a new folder that goes with the block; it lies on an ordinary disk where there is none in memory."""
    made = Path(tempfile.mkdtemp(prefix="hounsfield-", dir=_MEMORY if _MEMORY.is_dir() else None))
    try:
        yield made
    finally:
        shutil.rmtree(made)
