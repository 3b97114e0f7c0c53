"""The pages of operations: each answers the same four questions, and its commands are those of the program."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
from support.record_operations import PRINTED, RECORDED

from hounsfield.daemon.cli.main import app
from hounsfield.storage.alarms import AlarmKind

DOCS = Path(__file__).resolve().parents[3] / "docs"
FOLDER = DOCS / "operations"
INDEX = FOLDER / "README.md"
PAGES = sorted(path for path in FOLDER.glob("*.md") if path != INDEX)
OURS = [*PAGES, INDEX, *sorted(DOCS.glob("for-*.md")), DOCS / "security.md", DOCS / "ihe-air.md"]
QUESTIONS = ["## You see", "## Still true", "## Do", "## It is over when"]
IN_A_BLOCK = re.compile(r"^ *```sh\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
IN_A_LINE = re.compile(r"`(hounsfield [^`]+)`")


def commands(page: Path) -> Iterator[list[str]]:
    """The words of every ``hounsfield`` command that a page names, without what follows a pipe."""
    text = page.read_text()
    lines = [line.strip() for block in IN_A_BLOCK.findall(text) for line in block.replace("\\\n", " ").splitlines()]
    for line in [*lines, *(" ".join(found.split()) for found in IN_A_LINE.findall(text))]:
        if line.startswith("hounsfield ") and "()" not in line:
            yield shlex.split(line.partition(" | ")[0], comments=True)[1:]


def misunderstood(words: list[str]) -> str:
    """What the program would not know of a command; "" if it knows all of it."""
    command: Any = typer.main.get_command(app)
    rest = list(words)
    while rest and rest[0] in getattr(command, "commands", {}):
        command = command.commands[rest.pop(0)]
    options = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    unknown = [word for word in rest if word.startswith("-") and word.partition("=")[0] not in options | {"--help"}]
    is_half_a_command = rest and hasattr(command, "commands")
    return " ".join(words) if unknown or is_half_a_command else ""


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_page_answers_the_four_questions_in_their_order(page: Path) -> None:
    assert [line for line in page.read_text().splitlines() if line in QUESTIONS] == QUESTIONS


def test_every_page_is_found_from_the_first_one() -> None:
    linked = set(re.findall(r"\]\(([\w-]+\.md)\)", INDEX.read_text()))
    assert linked == {page.name for page in PAGES}


def test_every_kind_of_alarm_leads_to_a_page() -> None:
    table = INDEX.read_text().partition("## ")[0]
    assert [kind.value for kind in AlarmKind if f"`{kind.value}`" not in table] == []


@pytest.mark.parametrize("page", OURS, ids=lambda page: page.stem)
def test_every_command_is_one_that_the_program_has(page: Path) -> None:
    assert [said for words in commands(page) if (said := misunderstood(words))] == []


def test_a_command_that_there_is_not_would_be_noticed() -> None:
    assert misunderstood(["jobs", "retry", "7"]) == ""
    assert misunderstood(["jobs", "again", "7"]) != ""
    assert misunderstood(["purge", "--all"]) != ""


def test_what_the_program_prints_on_these_pages_was_recorded() -> None:
    found = {name: text for page in OURS for name, text in PRINTED.findall(page.read_text())}
    assert set(found) == set(RECORDED)
    assert [name for name, text in found.items() if not text.strip()] == []
