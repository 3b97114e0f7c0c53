"""Where the job log goes before its rows do: one CSV file a year in ``storage.home/archive``."""

import csv
import io
import os
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from hounsfield.daemon.errors import DaemonError
from hounsfield.daemon.logs import UidHasher
from hounsfield.daemon.retention.csv_lines import COLUMNS, line
from hounsfield.storage.durable import sync_path
from hounsfield.storage.records import JobRecord


class ArchiveFailed(DaemonError):
    """Jobs could not be written to their archive; their rows stay."""


def csv_text(jobs: Iterable[JobRecord], hasher: UidHasher, *, header: bool) -> str:
    """Return jobs as CSV (RFC 4180, comma, CRLF)."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    if header:
        writer.writerow(COLUMNS)
    writer.writerows(line(job, hasher) for job in jobs)
    return text.getvalue()


class JobArchive:
    """Appends durably. A job whose rows did not go after all stands there twice; the later line counts."""

    def __init__(self, folder: Path, hasher: UidHasher) -> None:
        self._folder = folder
        self._hasher = hasher

    def append(self, jobs: Iterable[JobRecord], now: datetime) -> Path:
        """Write jobs to the file of this year; return it. Raise ArchiveFailed."""
        path = self._folder / f"jobs-{now.year}.csv"
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600), "r+b") as file:
                size = file.seek(0, os.SEEK_END)
                file.write(_end_of_line(file, size) + csv_text(jobs, self._hasher, header=size == 0).encode())
                file.flush()
                os.fsync(file.fileno())
            if size == 0:
                sync_path(self._folder)
        except OSError as error:
            raise ArchiveFailed(
                f"the archive of the job log cannot be written ({error.strerror})", "check storage.home/archive"
            ) from error
        return path


def _end_of_line(file: io.BufferedRandom, size: int) -> bytes:
    """Return what ends a line that a power loss cut off; the file stands at its end afterwards."""
    if size == 0:
        return b""
    file.seek(-1, os.SEEK_END)
    return b"" if file.read(1) == b"\n" else b"\r\n"
