"""The demonstration's folder: nothing of anybody else is ever deleted."""

from datetime import datetime
from pathlib import Path

import pytest

from hounsfield.daemon.demo.workspace import MARKER, WorkspaceError, prepare

NOW = datetime(2026, 11, 22, 8, 30, 5).astimezone()


def test_a_new_folder_gets_a_marker_and_its_places(tmp_path: Path) -> None:
    workspace = prepare(tmp_path / "out", keep=False, now=NOW)
    assert (tmp_path / "out" / MARKER).is_file()
    assert all(place.is_dir() for place in (workspace.home, workspace.images, workspace.pacs))


def test_a_folder_of_an_earlier_demonstration_is_emptied(tmp_path: Path) -> None:
    old = prepare(tmp_path / "out", keep=False, now=NOW)
    (old.home / "old.db").write_text("old")
    new = prepare(tmp_path / "out", keep=False, now=NOW)
    assert not (new.home / "old.db").exists()


def test_a_folder_with_other_contents_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(WorkspaceError, match="left alone"):
        prepare(tmp_path, keep=False, now=NOW)
    assert (tmp_path / "thesis.txt").read_text() == "mine"
    assert not (tmp_path / MARKER).exists()


def test_a_link_inside_is_removed_and_what_it_names_stays(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "precious").write_text("mine")
    old = prepare(tmp_path / "out", keep=False, now=NOW)
    (old.folder / "link").symlink_to(tmp_path / "elsewhere")
    prepare(tmp_path / "out", keep=False, now=NOW)
    assert (tmp_path / "elsewhere" / "precious").read_text() == "mine"


def test_keep_leaves_earlier_demonstrations_there(tmp_path: Path) -> None:
    old = prepare(tmp_path / "out", keep=False, now=NOW)
    (old.home / "old.db").write_text("old")
    new = prepare(tmp_path / "out", keep=True, now=NOW)
    assert (old.home / "old.db").exists()
    assert new.folder == (tmp_path / "out").resolve() / "20261122-083005"


def test_a_file_in_the_place_of_the_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("")
    with pytest.raises(WorkspaceError, match="is a file"):
        prepare(tmp_path / "out", keep=False, now=NOW)
