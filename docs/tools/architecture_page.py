"""Writes what docs/architecture.md takes from the code: its tables between marks, and its pictures.

``.venv/bin/python docs/tools/architecture_page.py`` brings both up to date; a test tells when they are not.
"""

import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from code_facts import ROOT, ROOT_ERRORS, ErrorClass, errors, homes, members, packages
from pictures import all_pictures

from hounsfield.daemon.cli.exits import ExitCode
from hounsfield.storage.states import SERIES_TRANSITIONS, TRANSITIONS

DOCS = ROOT / "docs"
PAGE = DOCS / "architecture.md"
STATES = "storage/states.py"
_MARKED = re.compile(r"(<!-- from the code: ([a-z-]+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)


def tables() -> dict[str, str]:
    """Return what stands between the marks, by name."""
    return {
        "roles": _enumeration(("role", "does"), "daemon/roles.py", "Role"),
        "stages": _enumeration(("stage", "what happens"), STATES, "Stage"),
        "series-states": _enumeration(("state of a series", "means"), STATES, "SeriesState"),
        "series-changes": _changes(SERIES_TRANSITIONS, "SeriesAction"),
        "job-kinds": _enumeration(("kind of job", "does"), STATES, "JobKind"),
        "job-states": _enumeration(("state of a job", "means"), STATES, "JobState"),
        "job-changes": _changes(TRANSITIONS, "JobAction"),
        "packages": _table(("folder", "what lives there"), ([f"`{one.folder}/`", one.words] for one in packages())),
        "homes": _homes(),
        "errors": _errors(),
        "exit-codes": _table(("exit code", "means"), ([str(int(code)), _spoken(code.name)] for code in ExitCode)),
    }


def with_tables(text: str) -> str:
    """Return the page with its generated parts as they have to be; raise SystemExit for a mark without a table."""
    made = tables()
    named = {match[2] for match in _MARKED.finditer(text)}
    if named != set(made):
        raise SystemExit(f"{PAGE.name}: marks and tables differ: {', '.join(sorted(named ^ set(made)))}")
    return _MARKED.sub(lambda match: f"{match[1]}\n{made[match[2]]}\n\n{match[4]}", text)


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def _enumeration(heads: Sequence[str], file: str, name: str) -> str:
    return _table(heads, ([f"`{one.value}`", one.words] for one in members(file, name)))


def _changes(transitions: Mapping[tuple[str, str], str], actions: str) -> str:
    words = {one.value: one.words for one in members(STATES, actions)}
    rows = (
        [f"`{before}`", f"`{action}`", f"`{after}`", words[action]] for (before, action), after in transitions.items()
    )
    return _table(("from", "action", "to", "who, and why"), rows)


def _homes() -> str:
    rows = ([f"`{one.place.replace('.', '/')}/`", ", ".join(f"`{name}`" for name in one.libraries)] for one in homes())
    return _table(("imported only in", "libraries"), rows)


def _errors() -> str:
    depths: dict[str, int] = {}
    rows = []
    for one in errors():
        depths[one.name] = depths[one.parent] + 1 if one.parent else 0
        rows.append([f"{_indent(depths[one.name])}{_named(one)}", one.words, f"`{one.file}`"])
    return _table(("error", "means", "in"), rows)


def _indent(depth: int) -> str:
    return "&nbsp;&nbsp;&nbsp;" * (depth - 1) + "└ " if depth else ""


def _named(error: ErrorClass) -> str:
    return f"**`{error.name}`**" if error.name in ROOT_ERRORS else f"`{error.name}`"


def _spoken(name: str) -> str:
    return name.lower().replace("_", " ")


def write(docs: Path = DOCS) -> None:
    """Bring the page and its pictures up to date."""
    page = docs / PAGE.name
    page.write_text(with_tables(page.read_text(encoding="utf-8")), encoding="utf-8")
    for name, picture in all_pictures().items():
        (docs / "images" / name).write_text(picture, encoding="utf-8")


if __name__ == "__main__":
    write()
    sys.stdout.write(f"{PAGE.name} and its pictures written\n")
