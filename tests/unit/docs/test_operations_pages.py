"""The pages of operations: each answers the same four questions, and shows what was recorded."""

import re
from pathlib import Path

import pytest
from support.record_operations import PRINTED, RECORDED

from hounsfield.storage.alarms import AlarmKind

DOCS = Path(__file__).resolve().parents[3] / "docs"
FOLDER = DOCS / "operations"
INDEX = FOLDER / "README.md"
PAGES = sorted(path for path in FOLDER.glob("*.md") if path != INDEX)
OURS = [*PAGES, INDEX, *sorted(DOCS.glob("for-*.md"))]
QUESTIONS = ["## You see", "## Still true", "## Do", "## It is over when"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_page_answers_the_four_questions_in_their_order(page: Path) -> None:
    assert [line for line in page.read_text().splitlines() if line in QUESTIONS] == QUESTIONS


def test_every_page_is_found_from_the_first_one() -> None:
    linked = set(re.findall(r"\]\(([\w-]+\.md)\)", INDEX.read_text()))
    assert linked == {page.name for page in PAGES}


def test_every_kind_of_alarm_leads_to_a_page() -> None:
    table = INDEX.read_text().partition("## ")[0]
    assert [kind.value for kind in AlarmKind if f"`{kind.value}`" not in table] == []


def test_what_the_program_prints_on_these_pages_was_recorded() -> None:
    found = {name: text for page in OURS for name, text in PRINTED.findall(page.read_text())}
    assert set(found) == set(RECORDED)
    assert [name for name, text in found.items() if not text.strip()] == []
