"""Each threat of docs/security.md names tests that exist, or says that it is open."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "security.md"
THREAT = re.compile(r"^- \*\*([A-Z]\d+)\. (.*?)(?=^- \*\*|^#|\Z)", re.MULTILINE | re.DOTALL)
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


def threats() -> dict[str, str]:
    """The text of each threat by its number."""
    return {number: " ".join(text.split()) for number, text in THREAT.findall(PAGE.read_text())}


@cache
def defined_in(file: str) -> frozenset[str]:
    """The tests that a file defines; none where there is no such file."""
    path = ROOT / file
    if not path.is_file():
        return frozenset()
    found = (node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef))
    return frozenset(name for name in found if name.startswith("test_"))


def test_the_page_is_read_as_it_is_meant() -> None:
    assert len(threats()) > 30
    assert len(THREAT.findall(PAGE.read_text())) == len(threats()), "a number of its own for each"
    assert PAGE.read_text().count("`tests/") == len(NAMED.findall(PAGE.read_text())) + 1, (
        "the page's own test has no name"
    )


@pytest.mark.parametrize("number", threats())
def test_every_threat_names_a_test_that_exists_or_says_that_it_is_open(number: str) -> None:
    named = NAMED.findall(threats()[number])
    assert named or "**Open**" in threats()[number]
    assert [f"{file}::{name}" for file, name in named if name not in defined_in(file)] == []


def test_a_test_that_there_is_not_would_be_noticed() -> None:
    here = str(Path(__file__).relative_to(ROOT))
    assert "test_a_test_that_there_is_not_would_be_noticed" in defined_in(here)
    assert "test_of_something_else" not in defined_in(here)
    assert defined_in("tests/unit/docs/test_nothing.py") == frozenset()
