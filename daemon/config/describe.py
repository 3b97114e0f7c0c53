"""What is in force and where it came from, for ``config show``."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from pydantic import BaseModel

from hounsfield.daemon.config.annotated import toml_value
from hounsfield.daemon.config.fields import extra_of
from hounsfield.daemon.config.origin import SourceKind
from hounsfield.daemon.config.settings import Settings


@dataclass(frozen=True, slots=True)
class ConfigRow:
    """One key in force."""

    key: str
    value: str
    """As TOML writes it, passwords masked; ``(hounsfield.db in storage.home)`` where a default is worked out."""
    source: SourceKind


def describe(settings: Settings) -> list[ConfigRow]:
    """Return every key with its value and source, in the order of the configuration file."""
    rows: list[ConfigRow] = []
    for name in Settings.model_fields:
        content = getattr(settings, name)
        if isinstance(content, BaseModel):
            rows += _rows(settings, name, content)
        else:
            for index, entry in enumerate(content):
                rows += _rows(settings, f"{name}[{index}]", entry)
    return rows


def _rows(settings: Settings, prefix: str, section: BaseModel) -> list[ConfigRow]:
    rows = []
    for key, field in type(section).model_fields.items():
        extra = extra_of(field)
        value = getattr(section, key)
        if value is None or (value in ({}, ()) and extra.get("default_text")):
            text = f"({extra['default_text']})"
        else:
            text = toml_value(without_password(value) if extra.get("secret") else value)
        rows.append(ConfigRow(f"{prefix}.{key}", text, settings.origin.kind(f"{prefix}.{key}")))
    return rows


def without_password(url: Any) -> str:
    """Return a URL whose password, if it has one, is masked."""
    try:
        password = urlsplit(str(url)).password
    except ValueError:
        return "***"
    return str(url).replace(f":{password}@", ":***@", 1) if password else str(url)
