"""Every command that a document shows is one: parsed here, done by tests/acceptance/test_documented_commands.py."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.command_line import misunderstood
from support.documents.commands import Command, commands
from support.documents.decisions import NOT_RUN, decided, pattern_of
from support.documents.pages import Page, page, pages
from support.documents.understanding import what_is_wrong

PAGES = [one.path for one in pages()]


def everything() -> Iterator[Command]:
    """Yield the commands of all documents."""
    for one in pages():
        yield from commands(one)


@pytest.mark.parametrize("path", PAGES)
def test_every_command_is_understood(path: str) -> None:
    wrong = [(one.place, one.text, fault) for one in commands(page(path)) if (fault := what_is_wrong(one))]
    assert wrong == []


@pytest.mark.parametrize("path", PAGES)
def test_every_command_is_done_by_a_test_or_there_is_a_reason(path: str) -> None:
    undecided = [(one.place, one.text) for one in commands(page(path)) if not decided(one)]
    assert undecided == [], "say in tests/support/documents/decisions.py how it is run, or why it cannot be"


def test_no_reason_is_kept_for_a_command_that_no_document_shows() -> None:
    used = {pattern_of(one) for one in everything()}
    assert [pattern for pattern in NOT_RUN if pattern not in used] == []


def test_the_commands_of_known_places_are_found() -> None:
    found = {(one.page, *one.words) for one in everything()}
    assert ("README.md", "make", "demo") in found
    assert ("README.md", ".venv/bin/hounsfield", "doctor", "--config", "hounsfield.toml") in found  # in a list
    assert ("README.md", "hounsfield", "jobs", "show", "ID", "--reveal", "why I ask") in found  # in a table
    assert ("README.md", "hounsfield", "bundle", "example") in found  # its output goes to a file
    assert len(found) > 300


@pytest.mark.parametrize(
    ("block", "words"),
    [
        ("hounsfield doctor   # looks", [("hounsfield", "doctor")]),
        ("a=1 b -c 'd e' > f 2>&1", [("b", "-c", "d e")]),
        ("one && two | three; four", [("one",), ("two",), ("three",), ("four",)]),
        ("one \\\n  --two", [("one", "--two")]),
        ("for f in x/*; do\n  one $f\ndone", [("one", "$f")]),
        ('hounsfield() {\n  sudo -u x /opt/bin/hounsfield "$@"\n}', [("sudo", "-u", "x", "/opt/bin/hounsfield", "$@")]),
        ("cat > file <<'END'\nnot a command\nEND\ntwo", [("cat",), ("two",)]),
    ],
)
def test_a_block_of_shell_is_taken_apart(tmp_path: Path, block: str, words: list[str]) -> None:
    file = tmp_path / "page.md"
    file.write_text(f"# Page\n\n1. Do\n\n   ```sh\n   {block.replace(chr(10), chr(10) + '   ')}\n   ```\n")
    assert [one.words for one in commands(Page(str(file)))] == words


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("jobs lst", "no command lst"),
        ("jobs list --foo", "No such option: --foo"),
        ("jobs retry", "Missing argument"),
        ("jobs retry first", "Invalid value"),
        ("series list --state gone", "Invalid value"),
        ("jobs", "a command of this group is missing"),
        ("--colour", "no option --colour"),
        ("jobs retry ID", None),
        ("alarms", None),
        ("--install-completion", None),
        ("COMMAND --help", None),
    ],
)
def test_what_the_program_would_not_understand_is_found(text: str, fault: str | None) -> None:
    said = misunderstood(text.split())
    assert said is None if fault is None else fault in (said or "")


@pytest.mark.parametrize(
    ("words", "fault"),
    [
        ("make no-such-target", "no target"),
        ("make demo NO_SUCH=1", "no variable"),
        ("make demo INPUT=folder", None),
        ("python benchmarks/no_such.py", "no file"),
        (".venv/bin/python -m hounsfield.daemon.nothing", "no module"),
        ("pip install 'hounsfield[nothing]'", "no extra nothing"),
        ("docker compose exec console hounsfield nonsense", "no command nonsense"),
    ],
)
def test_what_other_programs_would_not_find_is_found(tmp_path: Path, words: str, fault: str) -> None:
    file = tmp_path / "page.md"
    file.write_text(f"```sh\n{words}\n```\n")
    (command,) = commands(Page(str(file)))
    said = what_is_wrong(command)
    assert said is None if fault is None else fault in (said or "")


def test_a_name_in_prose_may_leave_out_what_it_needs() -> None:
    assert misunderstood(["jobs", "retry"], is_whole=False) is None
    assert misunderstood(["jobs", "retry", "--foo"], is_whole=False) is not None
