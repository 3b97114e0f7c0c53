"""What is drawn once per installation stays the same."""

import stat
from pathlib import Path

from hounsfield.daemon.kept import kept


def test_the_first_content_is_kept_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "home" / "key"
    assert kept(path, lambda: b"first") == b"first"
    assert kept(path, lambda: b"second") == b"first"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [p.name for p in path.parent.iterdir()] == ["key"]


def test_a_process_that_was_faster_wins(tmp_path: Path) -> None:
    path = tmp_path / "key"

    def slow() -> bytes:
        path.write_bytes(b"other process")
        return b"mine"

    assert kept(path, slow) == b"other process"
