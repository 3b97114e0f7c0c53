"""`hounsfield console account`: who may sign in."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.console import PASSWORD, QUICK
from typer.testing import CliRunner, Result

from hounsfield.daemon.cli.main import app
from hounsfield.daemon.console import passwords
from hounsfield.storage.engine import Database, open_database
from hounsfield.storage.log_book import EventQuery


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    monkeypatch.setenv("HOUNSFIELD_STORAGE__HOME", str(tmp_path))
    monkeypatch.setattr(passwords, "PasswordHasher", lambda: QUICK)
    opened = open_database(None, tmp_path)
    yield opened
    opened.close()


def account(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["console", "account", *arguments])


def password_file(folder: Path, password: str = PASSWORD) -> str:
    file = folder / "password"
    file.write_text(f"{password}\n")
    return str(file)


def test_an_account_is_added_listed_changed_and_removed(database: Database, tmp_path: Path) -> None:
    secret = password_file(tmp_path)
    assert account("add", "anna", "--password-file", secret, "--by", "root").exit_code == 0
    assert "sign-ins by that name have ended" in account("add", "anna", "--password-file", secret).stderr
    (line,) = account("list", "--json").stdout.splitlines()
    assert json.loads(line)["name"] == "anna"
    known = database.accounts.account("anna")
    assert known is not None
    assert passwords.Passwords().fits(PASSWORD, known.password)
    assert account("remove", "anna").exit_code == 0
    assert database.accounts.accounts() == []
    noted = [(e.to_state, e.detail["account"], e.detail["change"]) for e in database.log_book.events(EventQuery())]
    assert noted == [("ACCOUNT_CHANGED", "anna", change) for change in ("added", "password changed", "removed")]


@pytest.mark.parametrize("password", ["", "eleven char", "x" * 1025])
def test_passwords_that_are_too_short_or_too_long_are_refused(
    database: Database, tmp_path: Path, password: str
) -> None:
    done = account("add", "anna", "--password-file", password_file(tmp_path, password))
    assert done.exit_code == 2
    assert "12 to 1024" in done.stderr
    assert password not in done.stderr or not password
    assert database.accounts.accounts() == []


@pytest.mark.parametrize("name", ["", "an na", "<b>", "-x", "a" * 65, "änna"])
def test_names_that_could_be_mistaken_are_refused(database: Database, tmp_path: Path, name: str) -> None:
    done = account("add", "--password-file", password_file(tmp_path), "--", name)
    assert done.exit_code == 2
    assert "cannot be a name" in done.stderr


def test_without_a_terminal_the_password_comes_from_a_file(database: Database) -> None:
    done = account("add", "anna")
    assert done.exit_code == 2
    assert "--password-file" in done.stderr


def test_an_account_that_is_not_there_cannot_be_removed(database: Database) -> None:
    assert account("remove", "nobody").exit_code == 4


def test_a_file_that_is_not_there_or_no_text_is_named(database: Database, tmp_path: Path) -> None:
    assert "No such file" in account("add", "anna", "--password-file", str(tmp_path / "none")).stderr
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    assert "UTF-8" in account("add", "anna", "--password-file", str(tmp_path / "binary")).stderr
