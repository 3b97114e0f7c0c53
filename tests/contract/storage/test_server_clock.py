"""The time of the database, as every store's host sees it."""

import time
from datetime import UTC, datetime, timedelta

import pytest
from support.peers import free_port

from hounsfield.storage.engine import Database
from hounsfield.storage.errors import DatabaseUnavailable
from hounsfield.storage.server_clock import ServerClock


def test_the_database_tells_the_time(database: Database) -> None:
    before = datetime.now(UTC)
    told = database.now()
    assert before - timedelta(seconds=1) <= told <= datetime.now(UTC) + timedelta(seconds=1)
    assert told.utcoffset() == timedelta(0)


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_reading_lies_between_question_and_answer_and_is_not_that_of_the_transaction(database_url: str) -> None:
    clock = ServerClock(database_url, 5)
    first, second = clock.read(time.monotonic), clock.read(time.monotonic)
    assert first.before <= first.after <= second.before <= second.after
    apart = (second.at - first.at).total_seconds()
    assert second.before - first.after - 0.001 <= apart <= second.after - first.before + 0.001


def test_a_server_that_is_away_has_no_time() -> None:
    clock = ServerClock(f"postgresql://nobody@127.0.0.1:{free_port()}/none", 2)
    with pytest.raises(DatabaseUnavailable):
        clock.read(time.monotonic)
