"""docs/series-handling.md has a row for every case, and says what is tested."""

from collections import Counter

from pydantic import BaseModel
from support.series_cases.document import DOCUMENT, row, with_table
from support.series_cases.table import CASES

from hounsfield.daemon.config.rules import Rule
from hounsfield.daemon.config.settings import Settings
from hounsfield.model.manifest import Preference, Scope


def test_the_table_in_the_document_is_the_one_that_is_tested() -> None:
    text = DOCUMENT.read_text()
    assert text == with_table(text), "write it anew: PYTHONPATH=tests .venv/bin/python -m support.series_cases.document"


def test_every_case_has_a_row_of_its_own() -> None:
    lines = Counter(DOCUMENT.read_text().splitlines())
    assert [case.name for case in CASES if lines[row(case)] != 1] == []
    assert [name for name, count in Counter(case.name for case in CASES).items() if count > 1] == []
    assert len(CASES) >= 45


def test_no_name_breaks_the_table() -> None:
    assert [case.name for case in CASES if {"|", "\n"} & set(case.name + case.means)] == []


def test_every_setting_that_a_row_names_is_there() -> None:
    named = {name for case in CASES for name in case.settings}
    assert [name for name in sorted(named) if not _is_there(name)] == []


def _is_there(name: str) -> bool:
    section, _, key = name.replace("[[rule]] ", "rule.").partition(".")
    places: dict[str, type[BaseModel]] = {"rule": Rule, "scope": Scope, "preference": Preference}
    place = places.get(section) or Settings.model_fields[section].annotation
    return isinstance(place, type) and issubclass(place, BaseModel) and key in place.model_fields
