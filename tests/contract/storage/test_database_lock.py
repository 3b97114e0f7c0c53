"""The lock of a spool of several hosts, in a real PostgreSQL."""

from collections.abc import Callable, Iterator

import pytest
from sqlalchemy import Engine
from support.postgres import PostgreSQL

from hounsfield.storage import advisory_lock
from hounsfield.storage.database_lock import DatabaseLock
from hounsfield.storage.errors import SpoolError


@pytest.fixture
def locks(postgresql_engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[DatabaseLock, DatabaseLock]]:
    monkeypatch.setattr(advisory_lock, "_WAIT", "50ms")
    url = postgresql_engine.url.render_as_string(hide_password=False)
    made = DatabaseLock(url), DatabaseLock(url)
    yield made
    for lock in made:
        lock.close()


def cut(cluster: PostgreSQL) -> None:
    cluster.execute(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_locks WHERE locktype = 'advisory'", database="hounsfield"
    )


def ask_when_cut(cluster: PostgreSQL, check: Callable[[], None]) -> None:
    cut(cluster)
    check()


def test_who_files_does_not_wait_for_who_files(locks: tuple[DatabaseLock, DatabaseLock]) -> None:
    with locks[0].files_stay(), locks[1].files_stay(), locks[1].files_stay():
        pass


def test_who_deletes_is_alone(locks: tuple[DatabaseLock, DatabaseLock]) -> None:
    with locks[0].files_stay(), pytest.raises(SpoolError, match="locked by another"), locks[1].files_may_go():
        pass
    with locks[0].files_may_go() as check:
        for other in (locks[1].files_stay, locks[1].files_may_go):
            with pytest.raises(SpoolError, match="locked by another"), other():
                pass
        check()
    with locks[1].files_may_go():
        pass


def test_it_is_free_after_an_error(locks: tuple[DatabaseLock, DatabaseLock]) -> None:
    with pytest.raises(ValueError, match="mine"), locks[0].files_may_go():
        raise ValueError("mine")
    with locks[1].files_may_go():
        pass


def test_a_connection_that_is_cut_is_told_at_the_end_of_the_block(
    locks: tuple[DatabaseLock, DatabaseLock], postgresql_cluster: PostgreSQL
) -> None:
    with pytest.raises(SpoolError, match="gone away"), locks[0].files_stay():
        cut(postgresql_cluster)
    with locks[0].files_may_go() as check:
        check()
    with pytest.raises(SpoolError, match="gone away"), locks[0].files_may_go() as check:
        ask_when_cut(postgresql_cluster, check)
    with locks[1].files_may_go():
        pass


def test_a_database_that_is_not_there_locks_nothing() -> None:
    lock = DatabaseLock("postgresql+psycopg://postgres@127.0.0.1:1/none")
    with pytest.raises(SpoolError, match="cannot be reached"), lock.files_stay():
        pass
