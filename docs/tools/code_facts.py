"""What the code says of itself, read without importing it: packages, words of enumerations, errors, allowed imports."""

import ast
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("daemon", "storage", "model")
ROOT_ERRORS = ("DaemonError", "StorageError", "ModelError")
"""The one base class of each folder's errors."""


@dataclass(frozen=True, slots=True)
class Package:
    """A folder with code, and what its docstring says lives there."""

    folder: str
    words: str


@dataclass(frozen=True, slots=True)
class Member:
    """A member of an enumeration with the text below it."""

    name: str
    value: str | int
    words: str


@dataclass(frozen=True, slots=True)
class ErrorClass:
    """An error that is raised on purpose, below one of :data:`ROOT_ERRORS`."""

    name: str
    parent: str
    words: str
    file: str


@dataclass(frozen=True, slots=True)
class Home:
    """Libraries that may be imported from one place only."""

    place: str
    """``storage``, or a folder below: ``daemon.queue``."""
    libraries: tuple[str, ...]


def paragraph(docstring: str | None) -> str:
    """Return the first paragraph as plain Markdown: roles of Sphinx become code."""
    words = " ".join((docstring or "").split("\n\n")[0].split())
    return re.sub(r":\w+:`~?([^`]+)`|``([^`]+)``", lambda match: f"`{match[1] or match[2]}`", words)


@cache
def _tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def _modules() -> Iterator[Path]:
    for folder in FOLDERS:
        yield from sorted((ROOT / folder).rglob("*.py"))


def packages() -> list[Package]:
    """Return every folder with code, in the order of the folders."""
    files = [file for file in _modules() if file.name == "__init__.py"]
    return [Package(_place(file.parent), paragraph(ast.get_docstring(_tree(file)))) for file in files]


def _place(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def members(file: str, name: str) -> list[Member]:
    """Return the members of the enumeration ``name``; raise LookupError where the file has none of this name."""
    for node in _tree(ROOT / file).body:
        if isinstance(node, ast.ClassDef) and node.name == name:
            return list(_members(node.body))
    raise LookupError(f"{file} has no {name}")


def _members(body: list[ast.stmt]) -> Iterator[Member]:
    for node, below in zip(body, [*body[1:], None], strict=True):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            words = ast.literal_eval(below.value) if _is_text(below) else None  # type: ignore[union-attr]
            yield Member(node.targets[0].id, ast.literal_eval(node.value), paragraph(words))


def _is_text(node: ast.stmt | None) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def errors() -> list[ErrorClass]:
    """Return the errors of all folders, parents before children, those of the command line among them."""
    classes = {node.name: (node, file) for file in _modules() for node in _tree(file).body if _is_public_class(node)}
    found: list[ErrorClass] = []

    def add(name: str, parent: str) -> None:
        node, file = classes[name]
        found.append(ErrorClass(name, parent, paragraph(ast.get_docstring(node)), _place(file)))
        for child, (below, _) in classes.items():
            if any(isinstance(base, ast.Name) and base.id == name for base in below.bases):
                add(child, name)

    for root in ROOT_ERRORS:
        add(root, "")
    return found


def _is_public_class(node: ast.stmt) -> bool:
    return isinstance(node, ast.ClassDef) and not node.name.startswith("_")


def _contracts() -> list[dict[str, Any]]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    return [one for one in project["tool"]["importlinter"]["contracts"] if one["type"] == "forbidden"]


def _plain(module: str) -> str:
    return module.removeprefix("hounsfield.")


def allowed_imports() -> list[tuple[str, str]]:
    """Return (who, whom) for each pair of folders that no contract of import-linter forbids."""
    forbidden = {
        (_plain(source), _plain(target))
        for one in _contracts()
        for source in one["source_modules"]
        for target in one["forbidden_modules"]
    }
    pairs = [(who, whom) for who in FOLDERS for whom in FOLDERS if who != whom]
    return [pair for pair in pairs if pair not in forbidden]


def homes() -> list[Home]:
    """Return where the libraries live that contracts keep out of the other folders."""
    found = []
    for one in _contracts():
        libraries = tuple(name for name in one["forbidden_modules"] if not name.startswith("hounsfield."))
        excepted = [_plain(line.split(" -> ")[0]).removesuffix(".*") for line in one.get("ignore_imports", ())]
        others = [folder for folder in FOLDERS if f"hounsfield.{folder}" not in one["source_modules"]]
        if libraries:
            (place,) = excepted or others
            found.append(Home(place, libraries))
    return found
