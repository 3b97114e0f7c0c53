"""The configuration file with every key commented: made from the models, so that it cannot go stale."""

import json
import textwrap
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from hounsfield.daemon.config.fields import allowed_text, extra_of
from hounsfield.daemon.config.origin import variable_of
from hounsfield.daemon.config.settings import Settings

_HEAD = """\
# Configuration of Hounsfield. Every key stands here with its default, commented out: remove the '#' before a key
# to change it. Lines with '# ' are explanations. A wrong key or value is refused, never ignored.
#
# Each key can be set by an environment variable too, which wins over this file: HOUNSFIELD_<SECTION>__<KEY>, for
# example HOUNSFIELD_DICOM__PORT=104. Arrays of tables are set as JSON and replace those of this file:
# HOUNSFIELD_PEER='[{"ae_title": "CT1", "host": "10.1.2.3"}]', and HOUNSFIELD_DESTINATION, HOUNSFIELD_NOTIFY,
# HOUNSFIELD_BUNDLE, HOUNSFIELD_RULE.
#
# This file was written by `hounsfield config init`; `hounsfield config check` tells whether it can be used, and
# `hounsfield config show` what is in force and where it came from.
"""


def annotated_toml() -> str:
    """Return the text of ``deploy/config/hounsfield.toml``."""
    parts = [_HEAD]
    for name, field in Settings.model_fields.items():
        parts.append(_section(name, field))
    return "\n".join(parts)


def _section(name: str, field: FieldInfo) -> str:
    is_array = get_origin(field.annotation) is tuple
    model: type[BaseModel] = get_args(field.annotation)[0] if is_array else field.annotation  # type: ignore[assignment]
    lines = [line for part in str(model.__doc__).split("\n\n") for line in _comment(" ".join(part.split()))]
    lines.append(f"#[[{name}]]" if is_array else f"[{name}]")
    for key, declared in model.model_fields.items():
        lines.append("")
        lines += _key(f"{name}[0].{key}" if is_array else f"{name}.{key}", key, declared)
    examples = str(getattr(model, "EXAMPLES", ""))
    if examples:
        lines += ["", *(f"# {line}".rstrip() for line in examples.splitlines())]
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
    value = extra["example"] if extra.get("example") is not None else field.default
    return [*_comment(str(field.description)), *_comment(" ".join(facts)), f"#{key} = {toml_value(value)}"]


def _default_text(field: FieldInfo) -> str:
    if field.is_required():
        return "none, it must be given"
    return str(extra_of(field).get("default_text") or "") or toml_value(field.default)


def _comment(text: str) -> list[str]:
    return textwrap.wrap(text, 118, initial_indent="# ", subsequent_indent="# ", break_on_hyphens=False)


def toml_value(value: Any) -> str:
    """Return a value as TOML writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{key} = {toml_value(item)}" for key, item in value.items()) + " }"
    if isinstance(value, (tuple, list)):
        return "[" + ", ".join(toml_value(item) for item in value) + "]"
    if isinstance(value, (str, Path)):
        return _toml_text(str(value))
    return str(value)


def _toml_text(text: str) -> str:
    """A literal string where quotes would have to be escaped, as in expressions; else a basic one, which JSON's is."""
    if '"' in text and "'" not in text and text.isprintable():
        return f"'{text}'"
    return json.dumps(text, ensure_ascii=False)
