"""TOML files that a person writes: what their tables have in common, and errors that name the file and the key."""

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from hounsfield.model.errors import ModelError
from hounsfield.model.manifest_problems import problems_of


class Section(BaseModel):
    """A table of such a file: frozen, without unknown keys, and with finite numbers only."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


Document = TypeVar("Document", bound=BaseModel)
Failure = Callable[[str], ModelError]
"""The error that is raised, made of its words."""


def read_toml(path: Path, failure: Failure) -> dict[str, Any]:
    """Return the content of a file."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise failure(f"{path}: cannot be read ({error.strerror})") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise failure(f"{path}: not TOML: {error}") from error


def validated(kind: type[Document], table: Any, path: Path, failure: Failure, within: str = "") -> Document:
    """Return a table as a model; ``within`` is the name of the table in its file, empty for the whole file."""
    try:
        return kind.model_validate(table)
    except ValidationError as error:
        places = [(".".join(filter(None, (within, one.key))), one.allowed) for one in problems_of(error, kind)]
        words = (f"{path}: {key}: {allowed}" if key else f"{path}: {allowed}" for key, allowed in places)
        raise failure("; ".join(words)) from error
