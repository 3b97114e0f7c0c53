"""Back to the schema of the release before, on both engines: every row, or nothing is changed."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic import command
from sqlalchemy import Connection, text
from support.revisions import contents, damages, kept, on, revision_of, shape
from support.stored import analysed, at, received

from hounsfield.storage import going_back, schema
from hounsfield.storage.engine import Database, check, open_database, upgrade
from hounsfield.storage.errors import DatabaseUnavailable, SchemaError
from hounsfield.storage.going_back import OLDEST, go_back
from hounsfield.storage.operations import Action, Operation

NOTE = Operation(at=at(100), action=Action.WENT_BACK, person="anna", detail={"to": OLDEST})


def filled(database: Database) -> None:
    analysed(database, series="1.2.40")
    received(database, series="1.2.41")
    database.close()


def test_every_row_is_there_after_the_way_back_and_the_log_says_who_went_it(
    database: Database, database_url: str
) -> None:
    filled(database)
    before = on(database_url, contents)
    copy = go_back(database_url, OLDEST, NOTE)
    try:
        found = on(database_url, contents)
        assert (on(database_url, revision_of), on(database_url, damages)) == (OLDEST, [])
        assert "turn" not in on(database_url, shape)
        for table in ("turn", "site_fact", "spool_writer"):
            before.pop(table)
        before["job"] = [{name: value for name, value in row.items() if name != "turn"} for row in before["job"]]
        assert found["event"][-1]["to_state"] == "WENT_BACK"
        assert {name: rows for name, rows in found.items() if name != "event"} == {
            name: rows for name, rows in before.items() if name != "event"
        }
        assert found["event"][:-1] == before["event"]
        if copy is None:
            assert database_url.startswith("postgresql")
        else:
            assert copy.name.endswith(f".backup-{schema.HEAD}")
            assert on(f"sqlite:///{copy}", revision_of) == schema.HEAD
    finally:
        upgrade(database_url)
    assert kept(on(database_url, contents), found)


@pytest.mark.parametrize(
    ("revision", "told"),
    [
        ("0005", "cannot go back to 0005: allowed are 0006, 0007"),
        (schema.HEAD, f"cannot go back to {schema.HEAD}"),
        ("9999", "cannot go back to 9999"),
        ("head", "cannot go back to head"),
        ("0006; DROP TABLE job", "cannot go back"),
    ],
)
def test_a_schema_that_has_no_place_for_what_is_there_is_refused(
    database: Database, database_url: str, revision: str, told: str
) -> None:
    filled(database)
    before = on(database_url, contents)
    with pytest.raises(SchemaError, match=told):
        go_back(database_url, revision, NOTE)
    assert on(database_url, contents) == before
    assert check(database_url) == (schema.HEAD, schema.HEAD)


def test_a_row_that_would_be_lost_keeps_everything_as_it_is(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(database)
    before = on(database_url, contents)
    lead_back = command.downgrade

    def lose(config: object, revision: str) -> None:
        connection: Connection = config.attributes["connection"]  # type: ignore[attr-defined]
        connection.execute(text("DELETE FROM snapshot WHERE instance_id = (SELECT min(instance_id) FROM snapshot)"))
        lead_back(config, revision)  # type: ignore[arg-type]

    monkeypatch.setattr(command, "downgrade", lose)
    with pytest.raises(SchemaError, match=r"rows would be lost on the way back .1 of snapshot.; nothing was changed"):
        go_back(database_url, OLDEST, NOTE)
    assert on(database_url, contents) == before
    assert check(database_url) == (schema.HEAD, schema.HEAD)


def test_a_file_that_anybody_has_open_does_not_go_back(tmp_path: Path) -> None:
    database = open_database(None, tmp_path)
    received(database)
    url = f"sqlite:///{tmp_path / 'hounsfield.db'}"
    with pytest.raises(DatabaseUnavailable, match="in use"):
        go_back(url, OLDEST, NOTE)
    assert list(tmp_path.glob("*.backup-*")) == []
    database.close()
    go_back(url, OLDEST, NOTE)
    with pytest.raises(SchemaError, match="at schema 0006 already"):
        go_back(url, OLDEST, NOTE)


def test_tables_that_others_hold_are_waited_for_and_then_told_of(
    database: Database, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(database)
    monkeypatch.setattr(going_back, "_LOCK_WAIT", "50ms")

    def go_back_beside(other: Connection) -> None:
        other.execute(text("SELECT count(*) FROM job"))
        with pytest.raises(DatabaseUnavailable):
            go_back(database_url, OLDEST, NOTE)

    on(database_url, go_back_beside)
    assert check(database_url) == (schema.HEAD, schema.HEAD)


def test_a_newer_database_and_none_at_all_do_not_go_back(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'hounsfield.db'}"
    with pytest.raises(SchemaError, match="no database"):
        go_back(url, OLDEST, NOTE)
    open_database(None, tmp_path).close()
    with closing(sqlite3.connect(tmp_path / "hounsfield.db")) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    with pytest.raises(SchemaError, match=f"hounsfield db downgrade --to {schema.HEAD}"):
        go_back(url, OLDEST, NOTE)
