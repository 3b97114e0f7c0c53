"""Turns pydantic's errors into the key, and what may stand there, for a person who edits the file."""

from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from hounsfield.model.errors import ManifestProblem

Location = tuple[int | str, ...]


def problems_of(error: ValidationError, model: type[BaseModel]) -> tuple[ManifestProblem, ...]:
    """Name every wrong key of a document that should have been a ``model``."""
    return tuple(
        ManifestProblem(_dotted(one["loc"]), _words(one["type"], one["msg"], one["loc"], model))
        for one in error.errors(include_url=False)
    )


def _dotted(location: Location) -> str:
    key = ""
    for part in location:
        if isinstance(part, int):
            key += f"[{part}]"
        elif part != "[key]":
            key += f".{part}" if key else part
    return key


def _words(kind: str, message: str, location: Location, model: type[BaseModel]) -> str:
    if kind == "extra_forbidden":
        known = _keys_beside(location, model)
        return f"unknown key; allowed: {', '.join(known)}" if known else "unknown key"
    if kind == "missing":
        return "this key is required"
    return message.removeprefix("Value error, ")


def _keys_beside(location: Location, model: type[BaseModel]) -> list[str]:
    """Return the keys the section of an unknown key may have; empty where that cannot be told."""
    section: type[BaseModel] | None = model
    for part in location[:-1]:
        if isinstance(part, int):
            continue
        section = _section_of(section, part) if section else None
    return sorted(_names(section)) if section else []


def _names(section: type[BaseModel]) -> dict[str, Any]:
    return {field.alias or name: field.annotation for name, field in section.model_fields.items()}


def _section_of(model: type[BaseModel], key: str) -> type[BaseModel] | None:
    return _model_in(_names(model).get(key))


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """Find the one model inside ``Model``, ``tuple[Model, ...]``, ``Model | None``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = {model for argument in get_args(annotation) if (model := _model_in(argument))}
    return found.pop() if len(found) == 1 else None
