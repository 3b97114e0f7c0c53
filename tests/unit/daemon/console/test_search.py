"""Finding a job or series by what a person types."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.joblog import FLAGGED, Seen, fill

from hounsfield.daemon.console.pages.search import Search, found
from hounsfield.daemon.logs import UidHasher
from hounsfield.storage.engine import Database, open_database
from hounsfield.storage.log_book import Description

HASHER = UidHasher(b"k" * 32)
ACCESSION = "A-4711/2"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def seen(home: Path) -> Seen:
    return fill(home)


@pytest.fixture(scope="module")
def database(home: Path, seen: Seen) -> Iterator[Database]:
    assert seen.infer
    database = open_database(None, home)
    yield database
    database.close()


def addresses(database: Database, text: str, **how: Any) -> list[str]:
    return [one.address for one in found(Search(text=text, **how), database, HASHER)]


def test_a_number_is_a_job(database: Database, seen: Seen) -> None:
    assert addresses(database, str(seen.infer)) == [f"/jobs/{seen.infer}"]
    assert addresses(database, f"#{seen.deliver}") == [f"/jobs/{seen.deliver}"]
    assert addresses(database, "999999") == []


def test_a_series_is_found_by_its_uid_before_and_after_it_has_a_hash(database: Database) -> None:
    series = database.series.find(FLAGGED)
    assert series is not None
    assert addresses(database, HASHER(FLAGGED)) == []
    assert addresses(database, FLAGGED) == [f"/series/{series.id}"]
    known = Description(series_id=series.id, handle=HASHER(FLAGGED), accession=HASHER(ACCESSION))
    database.log_book.describe([known])
    assert addresses(database, HASHER(FLAGGED)) == [f"/series/{series.id}"]
    assert addresses(database, FLAGGED) == [f"/series/{series.id}"]
    assert addresses(database, ACCESSION, by_accession=True) == [f"/series/{series.id}"]
    assert addresses(database, f"{ACCESSION} ", by_accession=True) == [f"/series/{series.id}"], "padded (PS3.5 6.2)"
    assert addresses(database, ACCESSION) == [], "an accession number is looked for only where that is asked and noted"


@pytest.mark.parametrize("text", ["", "x" * 300, "a\0b", "%", "_", "' OR 1=1 --", "9" * 5000, "h:zzzz"])
def test_what_nobody_knows_finds_nothing(database: Database, text: str) -> None:
    assert addresses(database, text) == []
    assert addresses(database, text, by_accession=True) == []


def test_no_match_and_no_search_shows_what_was_typed(database: Database) -> None:
    assert ACCESSION not in repr(Search(text=ACCESSION, by_accession=True))
    assert all(FLAGGED not in one.words for one in found(Search(text=FLAGGED), database, HASHER))
