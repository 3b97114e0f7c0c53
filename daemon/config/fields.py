"""How a setting is declared: default, description, unit and what is allowed, in one place.

The annotated TOML file, ``config show`` and every error message are made from these declarations.
"""

from dataclasses import dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel, ConfigDict, Field
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError


class Section(BaseModel):
    """A table of the TOML file: frozen, and no key but the declared ones."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True, hide_input_in_errors=True)


@dataclass(frozen=True, slots=True)
class Allowed:
    """Stands in the annotation of a type, and says in words what the type accepts."""

    text: str


def setting(
    default: Any,
    description: str,
    *,
    unit: str = "",
    allowed: str = "",
    example: Any = None,
    default_text: str = "",
    secret: bool = False,
    **constraints: Any,
) -> Any:
    """Declare a key. ``...`` as ``default`` makes it required; ``constraints`` are pydantic's ``ge``, ``le`` and so on.

    ``allowed`` replaces what the type says is allowed; ``example`` stands in the annotated file where there is no
    default; ``default_text`` says in words what ``None`` means; a ``secret``'s value is never shown.
    """
    extra = {
        "unit": unit,
        "allowed": allowed,
        "example": example,
        "default_text": default_text,
        "secret": secret,
    }
    return Field(default, description=description, json_schema_extra=extra, repr=not secret, **constraints)


def fault(text: str, allowed: str = "", *, at: str | None = None, below: str | None = None) -> PydanticCustomError:
    """Return what a validator raises: ``text`` says what is wrong, ``allowed`` what to do.

    ``at``: the dotted key to change, of a rule over several keys. ``below``: the place inside the value, empty for all
    of it. With neither the key says itself what it allows.
    """
    context = {"text": text}
    if at is not None:
        context |= {"key": at, "allowed": allowed}
    if below is not None:
        context |= {"below": below, "allowed": allowed}
    return PydanticCustomError("setting", "{text}", context)


def extra_of(field: FieldInfo) -> dict[str, Any]:
    """Return what :func:`setting` noted about a field."""
    extra = field.json_schema_extra
    return dict(extra) if isinstance(extra, dict) else {}


def allowed_text(field: FieldInfo) -> str:
    """Return in words what a key accepts."""
    stated = str(extra_of(field).get("allowed") or "")
    return stated or _type_text(field.annotation, field.metadata)


def _type_text(annotation: Any, metadata: list[Any]) -> str:
    if get_origin(annotation) in (Union, UnionType):  # X | None: a key that may be left out
        annotation = next(one for one in get_args(annotation) if one is not NoneType)
    if get_origin(annotation) is Annotated:
        annotation, *more = get_args(annotation)
        metadata = [*metadata, *more]
    if stated := next((one.text for one in metadata if isinstance(one, Allowed)), ""):
        return stated
    if get_origin(annotation) is Literal:
        return "one of " + ", ".join(f'"{value}"' for value in get_args(annotation))
    if get_origin(annotation) is tuple:
        items = _type_text(get_args(annotation)[0], [])
        return f"a list, each {items}"
    if annotation is bool:
        return "true or false"
    if annotation in (int, float):
        return ("a whole number" if annotation is int else "a number") + _range_text(metadata)
    return "a text"


def _range_text(metadata: list[Any]) -> str:
    low = next((m.ge for m in metadata if isinstance(m, Ge)), None)
    above = next((m.gt for m in metadata if isinstance(m, Gt)), None)
    high = next((m.le for m in metadata if isinstance(m, Le)), None)
    below = next((m.lt for m in metadata if isinstance(m, Lt)), None)
    words = []
    if low is not None:
        words.append(f"from {low}")
    if above is not None:
        words.append(f"above {above}")
    if high is not None:
        words.append(f"to {high}")
    if below is not None:
        words.append(f"below {below}")
    return (" " + " ".join(words)) if words else ""
