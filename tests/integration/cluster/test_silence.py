"""Nobody waits for ever: not we for a server that says nothing, and not others for the locks of a host that is gone."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import make_url, text
from support.postgres import PostgreSQL
from support.tcp_proxy import TcpProxy, proxy
from support.waiting import wait_until

from hounsfield.storage.errors import DatabaseUnavailable
from hounsfield.storage.transactions import Transactions, make_engine, parse_url

ANSWER_SECONDS = 0.5
LONG = 10.0
SLEEP = text(f"SELECT pg_sleep({LONG})")


@pytest.fixture(scope="module")
def url(postgresql_cluster: PostgreSQL) -> str:
    return postgresql_cluster.create_database("silence")


@contextmanager
def transactions(url: str) -> Iterator[Transactions]:
    made = Transactions(make_engine(parse_url(url), patience_seconds=LONG, answer_seconds=ANSWER_SECONDS))
    yield made
    made.close()


@contextmanager
def through(url: str) -> Iterator[tuple[TcpProxy, Transactions]]:
    parsed = make_url(url)
    assert parsed.port is not None
    with proxy(parsed.port) as between:
        far = parsed.set(port=between.port).render_as_string(hide_password=False)
        with transactions(far) as made:
            yield between, made


def test_a_statement_that_takes_too_long_is_ended_by_the_server(url: str) -> None:
    with transactions(url) as database:
        began = time.monotonic()
        with pytest.raises(DatabaseUnavailable, match="57014"), database.read() as connection:
            connection.execute(SLEEP)
        assert time.monotonic() - began < LONG / 2
        with database.read() as connection:
            assert connection.scalar(text("SELECT 1")) == 1


def test_a_server_that_says_nothing_is_given_up_and_connected_again(url: str) -> None:
    with through(url) as (between, database):

        def session(*, is_silent: bool = False) -> object:
            with database.read() as connection:
                if is_silent:
                    between.fall_silent()
                return connection.scalar(text("SELECT pg_backend_pid()"))

        first = session()
        began = time.monotonic()
        with pytest.raises(DatabaseUnavailable):
            session(is_silent=True)
        assert time.monotonic() - began < LONG / 2
        between.lose()
        assert session() != first


def test_the_locks_of_a_host_that_is_gone_are_free_after_a_while(url: str) -> None:
    with through(url) as (between, far), transactions(url) as near:

        def is_free() -> bool:
            with near.write() as connection:
                return bool(connection.scalar(text("SELECT pg_try_advisory_xact_lock(1)")))

        def go_silent_with_the_lock() -> None:
            with far.write() as connection:
                connection.execute(text("SELECT pg_advisory_xact_lock(1)"))
                between.fall_silent()
                assert not is_free(), "the holder is still believed in"
                wait_until(is_free, LONG / 2)

        with pytest.raises(DatabaseUnavailable):
            go_silent_with_the_lock()


def test_migrations_may_take_their_time(url: str) -> None:
    engine = make_engine(parse_url(url))
    with engine.connect() as connection:
        settings = "SELECT current_setting('statement_timeout'), current_setting('lock_timeout')"
        assert connection.execute(text(settings)).one() == ("0", "0")
    engine.dispose()
