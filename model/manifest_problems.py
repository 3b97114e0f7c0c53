"""Turns pydantic's errors into the key, and what may stand there, for a person who edits the file."""

from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from hounsfield.model.errors import ManifestProblem

Location = tuple[int | str, ...]
Sections = list[type[BaseModel]]
"""What may stand at a place: one model, or several where a step's name decides."""


def problems_of(error: ValidationError, model: type[BaseModel]) -> tuple[ManifestProblem, ...]:
    """Name every wrong key of a document that should have been a ``model``."""
    found = error.errors(include_url=False)
    # A list with a wrong entry is also reported as too short: only the innermost is the author's mistake.
    containers = {one["loc"][:depth] for one in found for depth in range(len(one["loc"]))}
    return tuple(_problem(one["loc"], one["type"], one["msg"], model) for one in found if one["loc"] not in containers)


def _problem(location: Location, kind: str, message: str, model: type[BaseModel]) -> ManifestProblem:
    key, sections = _follow(location, model)
    if kind == "extra_forbidden":
        known = sorted(name for section in sections for name in _fields(section))
        return ManifestProblem(key, f"unknown key; allowed: {', '.join(known)}" if known else "unknown key")
    if kind == "missing":
        return ManifestProblem(key, "this key is required")
    return ManifestProblem(key, message.removeprefix("Value error, "))


def _follow(location: Location, model: type[BaseModel]) -> tuple[str, Sections]:
    """Return the dotted key, and the models among whose fields its last part was looked for."""
    key, here, beside = "", [model], [model]
    for part in location:
        if isinstance(part, int):
            key += f"[{part}]"
        elif part == "[key]":
            continue
        elif named := [one for one in here if len(here) > 1 and _tag(one) == part]:
            here = named  # pydantic puts a step's name into the place; the file has no such key
        else:
            key += f".{part}" if key else part
            beside = here
            here = [deeper for one in here for deeper in _models_in(_fields(one).get(part))]
    return key, beside


def _fields(section: type[BaseModel]) -> dict[str, Any]:
    """Each key as the file spells it, with its annotation."""
    return {field.alias or name: field.annotation for name, field in section.model_fields.items()}


def _tag(section: type[BaseModel]) -> Any:
    name = section.model_fields.get("name")
    return name.default if name else None


def _models_in(annotation: Any) -> Sections:
    """Find the models inside ``Model``, ``tuple[Model, ...]``, ``A | B``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for argument in get_args(annotation) for model in _models_in(argument)]
