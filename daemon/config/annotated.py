"""The configuration file with every key commented: made from the models, so that it cannot go stale."""

import json
import textwrap
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from hounsfield.daemon.config.fields import allowed_text, extra_of
from hounsfield.daemon.config.origin import variable_of
from hounsfield.daemon.config.settings import Settings

_HEAD = """\
# Configuration of Hounsfield. Every key stands here with its default, commented out: remove the '#' before a key
# to change it. Lines with '# ' are explanations. A wrong key or value is refused, never ignored.
#
# Each key can be set by an environment variable too, which wins over this file: HOUNSFIELD_<SECTION>__<KEY>, for
# example HOUNSFIELD_DICOM__PORT=104. Arrays of tables are set as JSON and replace those of this file:
# HOUNSFIELD_PEER='[{"ae_title": "CT1", "host": "10.1.2.3"}]', and HOUNSFIELD_DESTINATION, HOUNSFIELD_BUNDLE.
#
# This file was written by `hounsfield config init`; `hounsfield config check` tells whether it can be used, and
# `hounsfield config show` what is in force and where it came from.
"""
_RESERVED = frozenset({"rule"})


def annotated_toml() -> str:
    """Return the text of ``deploy/config/hounsfield.toml``."""
    parts = [_HEAD]
    for name, field in Settings.model_fields.items():
        if name not in _RESERVED:
            parts.append(_section(name, field))
    return "\n".join(parts)


def _section(name: str, field: FieldInfo) -> str:
    is_array = get_origin(field.annotation) is tuple
    model: type[BaseModel] = get_args(field.annotation)[0] if is_array else field.annotation  # type: ignore[assignment]
    lines = _comment(str(model.__doc__))
    lines.append(f"#[[{name}]]" if is_array else f"[{name}]")
    for key, declared in model.model_fields.items():
        lines.append("")
        lines += _key(f"{name}[0].{key}" if is_array else f"{name}.{key}", key, declared)
    return "\n".join(lines) + "\n"


def _key(dotted: str, key: str, field: FieldInfo) -> list[str]:
    extra = extra_of(field)
    facts = []
    if extra.get("unit"):
        facts.append(f"Unit: {extra['unit']}.")
    facts.append(f"Default: {_default_text(field)}.")
    facts.append(f"Allowed: {allowed_text(field)}.")
    if "[" not in dotted:
        facts.append(f"Environment: {variable_of(dotted)}.")
    value = field.default if field.default not in (None, PydanticUndefined) else extra["example"]
    return [*_comment(str(field.description)), *_comment(" ".join(facts)), f"#{key} = {toml_value(value)}"]


def _default_text(field: FieldInfo) -> str:
    if field.is_required():
        return "none, it must be given"
    return str(extra_of(field)["default_text"]) if field.default is None else toml_value(field.default)


def _comment(text: str) -> list[str]:
    return textwrap.wrap(text, 118, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False)


def toml_value(value: Any) -> str:
    """Return a value as TOML writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (tuple, list)):
        return "[" + ", ".join(toml_value(item) for item in value) + "]"
    if isinstance(value, (str, Path)):
        return json.dumps(str(value), ensure_ascii=False)  # a JSON string is a TOML basic string
    return str(value)
