"""SQLite in more than one process: nobody who leaves takes the journal away from those who stay."""

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

from hounsfield.storage.control import Part, Pause
from hounsfield.storage.engine import open_database

PAUSE = Pause(part=Part.DELIVERY, since=datetime(2026, 1, 2, tzinfo=UTC), note="")
ANOTHER_PROCESS = """
import sys
from pathlib import Path
from hounsfield.storage.engine import open_database
database = open_database(None, Path(sys.argv[1]))
print(len(database.control.pauses()))
database.close()
"""


def pauses_as_another_process_sees_them(home: Path) -> int:
    command = [sys.executable, "-c", ANOTHER_PROCESS, str(home)]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def test_a_process_that_opens_the_database_twice_keeps_its_journal_when_another_leaves(tmp_path: Path) -> None:
    first = open_database(None, tmp_path)
    first.control.pauses()  # its connection is open from here on
    second = open_database(None, tmp_path)
    try:
        second.control.pauses()
        journal = (tmp_path / "hounsfield.db-wal").stat().st_ino
        assert pauses_as_another_process_sees_them(tmp_path) == 0
        assert (tmp_path / "hounsfield.db-wal").stat().st_ino == journal
        assert first.control.pause(PAUSE)
        assert pauses_as_another_process_sees_them(tmp_path) == 1
    finally:
        first.close()
        second.close()
