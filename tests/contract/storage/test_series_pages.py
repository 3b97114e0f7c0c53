"""Series are listed page by page, all or those that were asked for."""

import pytest
from support.stored import SERIES, STUDY, at, closed, received

from hounsfield.storage.engine import Database
from hounsfield.storage.states import Reason, SeriesState

FIRST, SECOND, THIRD, FOURTH = (f"{SERIES}.{number}" for number in range(1, 5))


@pytest.fixture
def filled(database: Database) -> Database:
    closed(database, 1, FIRST)
    for uid, reason in ((SECOND, Reason.NO_RULE), (THIRD, Reason.BODY_PART), (FOURTH, Reason.NO_RULE)):
        assert database.series.skip(received(database, 1, uid), reason, at(30))
    return database


@pytest.mark.parametrize(
    ("conditions", "found"),
    [
        ({}, [FIRST, SECOND, THIRD, FOURTH]),
        ({"state": SeriesState.SKIPPED}, [SECOND, THIRD, FOURTH]),
        ({"state": SeriesState.SKIPPED, "reason": Reason.NO_RULE}, [SECOND, FOURTH]),
        ({"state": SeriesState.HELD}, []),
        ({"reason": Reason.BODY_PART}, [THIRD]),
        ({"study_uid": STUDY, "state": SeriesState.CLOSED}, [FIRST]),
        ({"study_uid": "1.2.9"}, []),
    ],
)
def test_a_page_holds_what_was_asked_for(filled: Database, conditions: dict[str, object], found: list[str]) -> None:
    assert [row.series_uid for row in filled.series.page(**conditions)] == found  # type: ignore[arg-type]


def test_pages_of_a_selection_neither_lose_nor_repeat(filled: Database) -> None:
    seen: list[str] = []
    after = 0
    while page := filled.series.page(after_id=after, limit=1, state=SeriesState.SKIPPED):
        seen += [row.series_uid for row in page]
        after = page[-1].id
    assert seen == [SECOND, THIRD, FOURTH]
