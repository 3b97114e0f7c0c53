"""Turns pydantic's findings into sentences that name source, key, what was given and what is allowed."""

import difflib
import json
from dataclasses import replace
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from hounsfield.daemon.config.fields import allowed_text, extra_of
from hounsfield.daemon.config.origin import Origin, RenamedKey
from hounsfield.daemon.errors import ConfigurationProblem

_LONGEST_SHOWN = 80


def explain(error: ValidationError, settings: type[BaseModel], origin: Origin) -> tuple[ConfigurationProblem, ...]:
    """Return one problem per finding, in the order of the keys; of a list and its entry, the entry only."""
    details = error.errors(include_url=False)
    places = [detail["loc"] for detail in details]
    return tuple(
        _problem(detail, settings, origin)
        for detail in details
        if not any(len(place) > len(detail["loc"]) and place[: len(detail["loc"])] == detail["loc"] for place in places)
        or not detail["loc"]
    )


def as_written(problems: tuple[ConfigurationProblem, ...], origin: Origin) -> tuple[ConfigurationProblem, ...]:
    """Return the problems with keys named as whoever wrote them did, and by their new names beside."""
    renamed = {one.new: one for one in origin.renamed if not _is_overruled(one, origin)}
    return tuple(
        replace(problem, source=one.source, key=one.old, allowed=f"{problem.allowed}; the key is called {one.new} now")
        if (one := renamed.get(problem.key)) is not None
        else problem
        for problem in problems
    )


def _is_overruled(one: RenamedKey, origin: Origin) -> bool:
    """Whether the value that counts comes from somewhere else: the file says it, and a variable wins."""
    return one.source == str(origin.file) and origin.kind(one.new) == "environment"


def _problem(detail: ErrorDetails, settings: type[BaseModel], origin: Origin) -> ConfigurationProblem:
    context = detail.get("ctx", {})
    if "key" in context:  # a rule over several keys says itself where it fails
        return origin.problem(str(context["key"]), str(context["text"]), str(context["allowed"]))
    loc = _without_union_branches(detail["loc"])
    key = dotted(loc)
    if "below" in context:  # a value with an inside of its own says where in it
        key = ".".join(part for part in (key, str(context["below"])) if part)
        return origin.problem(key, str(context["text"]), str(context["allowed"]))
    if detail["type"] == "extra_forbidden":
        wrong, allowed = "there is no such key", _unknown_key_hint(loc, settings)
    elif detail["type"] == "missing":
        field = field_at(loc, settings)
        wrong, allowed = "is missing", f"it must be {allowed_text(field)}" if field else ""
    else:
        field = field_at(loc, settings)
        wrong = _given(detail, field)
        allowed = f"allowed is {allowed_text(field)}" if field else _shape_hint(loc, settings)
    return origin.problem(key, wrong, allowed)


def dotted(loc: tuple[int | str, ...]) -> str:
    """Return ``destination[0].host`` for a location."""
    text = ""
    for part in loc:
        text += f"[{part}]" if isinstance(part, int) else (f".{part}" if text else part)
    return text


def field_at(loc: tuple[int | str, ...], settings: type[BaseModel]) -> FieldInfo | None:
    """Return the declaration of a key; None where ``loc`` is a section or an entry of an array of tables."""
    model: type[BaseModel] | None = settings
    field: FieldInfo | None = None
    for part in loc:
        if isinstance(part, int):
            continue
        if model is None or part not in model.model_fields:
            return None
        field = model.model_fields[part]
        model = _model_of(field)
    return None if model is not None else field


def _model_of(field: FieldInfo) -> type[BaseModel] | None:
    annotation = field.annotation
    if get_origin(annotation) is tuple:
        annotation = get_args(annotation)[0]
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None


def _without_union_branches(loc: tuple[int | str, ...]) -> tuple[int | str, ...]:
    return tuple(part for part in loc if isinstance(part, int) or not part.startswith("function-"))


def _given(detail: ErrorDetails, field: FieldInfo | None) -> str:
    message = detail["ctx"]["text"] if detail["type"] == "setting" else ""
    if field is not None and extra_of(field).get("secret"):
        return message or "the value (not shown here) cannot be used"
    if field is None:
        return "has another shape"
    shown = _shown(detail["input"])
    return f"given {shown}: {message}" if message else f"given {shown}"


def _shown(value: Any) -> str:
    text = json.dumps(value, default=str, ensure_ascii=True)
    return text if len(text) <= _LONGEST_SHOWN else text[: _LONGEST_SHOWN - 3] + "..."


def _unknown_key_hint(loc: tuple[int | str, ...], settings: type[BaseModel]) -> str:
    model: type[BaseModel] = settings
    for part in loc[:-1]:
        if isinstance(part, str):
            model = _model_of(model.model_fields[part]) or model
    names = list(model.model_fields)
    near = difflib.get_close_matches(str(loc[-1]), names, n=1)
    question = f'did you mean "{near[0]}"? ' if near else ""
    return f"{question}allowed are {', '.join(names)}"


def _shape_hint(loc: tuple[int | str, ...], settings: type[BaseModel]) -> str:
    field = settings.model_fields.get(str(loc[0])) if loc else None
    if field is not None and get_origin(field.annotation) is tuple:
        return f"it is an array of tables: write [[{loc[0]}]] and its keys below"
    return f"it is a table: write [{loc[0]}] and its keys below" if loc else ""
