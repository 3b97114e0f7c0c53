"""docs/architecture.md says what the code says, and its pictures show it."""

import re
from pathlib import Path
from xml.etree import ElementTree

import code_facts
import pytest
from architecture_page import PAGE, tables, with_tables
from pictures import all_pictures

from hounsfield.daemon import errors as daemon_errors
from hounsfield.daemon.roles import Role
from hounsfield.model import errors as model_errors
from hounsfield.storage.states import SERIES_TRANSITIONS, TRANSITIONS, JobState, SeriesState, Stage

REMAKE = "write it anew: .venv/bin/python docs/tools/architecture_page.py"
ROOT = PAGE.parents[1]


def test_the_tables_are_those_of_the_code() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert text == with_tables(text), REMAKE


@pytest.mark.parametrize("name", list(all_pictures()))
def test_a_picture_is_the_one_that_is_drawn_from_the_code(name: str) -> None:
    assert (PAGE.parent / "images" / name).read_text(encoding="utf-8") == all_pictures()[name], REMAKE


@pytest.mark.parametrize("name", list(all_pictures()))
def test_a_picture_is_shown_in_the_page_and_loads_nothing(name: str) -> None:
    drawing = all_pictures()[name]
    assert f"](images/{name})" in PAGE.read_text(encoding="utf-8")
    ElementTree.fromstring(drawing)
    assert re.findall(r"(?:href|src|@import|url)\W+https?:", drawing) == []


def words_of(name: str) -> set[str]:
    """Return the texts of a picture."""
    return set(re.findall(r"<text [^>]*>([^<]+)</text>", all_pictures()[name]))


def test_the_way_shows_every_role_and_every_stage_of_a_job() -> None:
    shown = words_of("architecture.svg")
    assert {str(role) for role in Role} <= shown
    stages = " ".join(shown)
    assert [stage for stage in Stage if str(stage) not in stages] == [Stage.OPERATE]


@pytest.mark.parametrize(
    ("name", "states", "transitions"),
    [("job-states.svg", JobState, TRANSITIONS), ("series-states.svg", SeriesState, SERIES_TRANSITIONS)],
)
def test_a_picture_of_states_has_every_state_and_an_arrow_for_each_change(name: str, states, transitions) -> None:  # type: ignore[no-untyped-def]
    assert {str(state) for state in states} <= words_of(name)
    pairs = {(before, after) for (before, _), after in transitions.items()}
    assert all_pictures()[name].count("marker-end=") == len(pairs)


def test_the_folders_may_import_what_the_contracts_leave_open() -> None:
    assert code_facts.allowed_imports() == [("daemon", "storage"), ("daemon", "model")]
    assert all_pictures()["packages.svg"].count(">may import<") == 2


def test_every_package_and_every_error_has_words_of_its_own() -> None:
    assert [one.folder for one in code_facts.packages() if not one.words] == []
    assert [one.name for one in code_facts.errors() if not one.words] == []


@pytest.mark.parametrize("module", [daemon_errors, model_errors])
def test_the_tree_in_a_docstring_is_that_of_the_classes(module) -> None:  # type: ignore[no-untyped-def]
    drawn = tree_in(module.__doc__)
    own = {one.name: one.parent for one in code_facts.errors() if (ROOT / one.file).samefile(Path(module.__file__))}
    assert drawn == own


def tree_in(text: str) -> dict[str, str]:
    """Return each class of a drawn tree with the one above it."""
    found: dict[str, str] = {}
    above: list[str] = []
    for line in text.splitlines():
        match = re.match(r"((?:    |│   |├── |└── )*)([A-Z]\w+)(?:  |$)", line.removeprefix("    "))
        if match and line.startswith("    "):
            depth = len(match[1]) // 4
            above[depth:] = [match[2]]
            found[match[2]] = above[depth - 1] if depth else ""
    return found


def test_every_table_has_rows() -> None:
    assert [name for name, table in tables().items() if table.count("\n") < 3] == []
