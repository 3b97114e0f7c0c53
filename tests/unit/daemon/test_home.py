"""What is made for a site is made for its owner."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from hounsfield.daemon.config.settings import Settings, load_settings
from hounsfield.daemon.home import prepare_home


@pytest.fixture
def careless() -> Iterator[None]:
    """A umask that keeps nothing from anybody."""
    before = os.umask(0)
    yield
    os.umask(before)


def settings_of(monkeypatch: pytest.MonkeyPatch, **storage: Path) -> Settings:
    for key, folder in storage.items():
        monkeypatch.setenv(f"HOUNSFIELD_STORAGE__{key.upper()}", str(folder))
    return load_settings(None)


@pytest.mark.usefixtures("careless")
def test_whatever_is_made_is_for_its_owner_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home, shared = tmp_path / "home", tmp_path / "shared"
    prepare_home(settings_of(monkeypatch, home=home, shared=shared))
    made = [home, shared, *shared.rglob("*")]
    assert {path.name for path in made} >= {"home", "shared", "previews", "bundles"}
    assert [path for path in made if stat.S_IMODE(path.stat().st_mode) & 0o077] == []


def test_a_folder_that_is_there_keeps_the_rights_that_its_owner_gave_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o750)
    prepare_home(settings_of(monkeypatch, home=home))
    assert stat.S_IMODE(home.stat().st_mode) == 0o750
