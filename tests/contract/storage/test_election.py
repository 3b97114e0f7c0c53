"""An office is held by one process at a time, and is free as soon as its holder is gone."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from sqlalchemy import make_url, text
from support.fakes import ManualClock
from support.postgres import PostgreSQL
from support.tcp_proxy import proxy
from support.waiting import wait_until

from hounsfield.storage import election
from hounsfield.storage.election import ASK_SECONDS, ASSEMBLER, TRY_SECONDS, Office, SoleOffice, open_office
from hounsfield.storage.engine import Database
from hounsfield.storage.server_connections import SILENCE_SECONDS

on_postgresql = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
END = "SELECT pg_terminate_backend(pid, 10000) FROM pg_locks WHERE locktype = 'advisory' AND objid = :key"
"""Says true once the connection has ended, and its locks with it: within 10 s."""


@dataclass
class Candidates:
    """Several that stand for the office, on one clock."""

    url: str
    clock: ManualClock = field(default_factory=ManualClock)
    all: list[Office] = field(default_factory=list)

    def one(self, url: str | None = None) -> Office:
        office = open_office(url or self.url, ASSEMBLER, self.clock.monotonic)
        self.all.append(office)
        return office

    def wait(self) -> None:
        self.clock.advance(max(ASK_SECONDS, TRY_SECONDS) + 0.01)


@pytest.fixture
def candidates(database_url: str) -> Iterator[Candidates]:
    made = Candidates(database_url)
    yield made
    for office in made.all:
        office.leave()


def holders(*offices: Office) -> list[bool]:
    return [office.is_held() for office in offices]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_on_one_machine_the_office_is_always_held(database_url: str, candidates: Candidates) -> None:
    assert database_url.startswith("sqlite")
    first, second = candidates.one(), candidates.one()
    assert isinstance(first, SoleOffice)
    first.leave()
    assert holders(first, second) == [True, True]


@on_postgresql
def test_one_of_two_holds_the_office_and_keeps_it(candidates: Candidates) -> None:
    first, second = candidates.one(), candidates.one()
    for _ in range(3):
        assert holders(first, second) == [True, False]
        candidates.wait()


@on_postgresql
def test_who_leaves_is_followed_at_the_next_try(candidates: Candidates) -> None:
    first, second = candidates.one(), candidates.one()
    assert holders(first, second) == [True, False]
    first.leave()
    candidates.wait()
    assert holders(second, first) == [True, False]


@on_postgresql
def test_a_connection_that_ends_is_the_end_of_the_term(candidates: Candidates, database: Database) -> None:
    first, second = candidates.one(), candidates.one()
    assert holders(first, second) == [True, False]
    with database.transactions.write() as connection:
        assert connection.execute(text(END), {"key": ASSEMBLER}).scalars().all() == [True]
    candidates.wait()
    assert holders(second, first) == [True, False], "first notices, and does not take what second has by now"


@on_postgresql
def test_who_cannot_reach_the_server_leaves_before_the_server_gives_the_office_away(
    postgresql_cluster: PostgreSQL, candidates: Candidates, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hounsfield.storage.election.ANSWER_SECONDS", 0.3)
    with proxy(postgresql_cluster.port) as between:
        url = make_url(candidates.url).set(port=between.port).render_as_string(hide_password=False)
        far, near = candidates.one(url), candidates.one()
        assert holders(far, near) == [True, False]
        between.fall_silent()
        assert far.is_held(), "a moment ago it was"
        candidates.wait()
        assert holders(far, near) == [False, False], "the server still believes in the first one"
        between.lose()
        candidates.wait()
        _wait_for(near, candidates)
        candidates.wait()
        assert holders(near, far) == [True, False]


def _wait_for(office: Office, candidates: Candidates) -> None:
    def is_held() -> bool:
        candidates.wait()
        return office.is_held()

    wait_until(is_held)


def test_the_holder_gives_up_well_before_the_server_does() -> None:
    assert election.ASK_SECONDS + election.ANSWER_SECONDS < SILENCE_SECONDS / 2


def test_no_office_is_held_where_no_server_answers(candidates: Candidates) -> None:
    office = candidates.one("postgresql://postgres@127.0.0.1:1/none")
    assert not office.is_held()
