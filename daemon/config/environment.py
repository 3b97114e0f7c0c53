"""The environment's part: which variables are ours, and what is wrong with them before pydantic looks."""

import difflib
import json
import os
import re
from collections.abc import Mapping
from typing import get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, EnvSettingsSource

from hounsfield.daemon.config.fields import allowed_text
from hounsfield.daemon.config.origin import RenamedKey, variable_of
from hounsfield.daemon.config.renames import current_variables
from hounsfield.daemon.errors import ConfigurationProblem

PREFIX = "HOUNSFIELD_"
NOT_SETTINGS = frozenset(
    {
        *("HOUNSFIELD_REAL_CT", "HOUNSFIELD_REQUIRE_ALL"),
        *("HOUNSFIELD_CONFIG", "HOUNSFIELD_DEBUG", "HOUNSFIELD_SIGN_OF_LIFE"),
    }
)
"""Variables of ours that configure tests, the command line or the surroundings of the service, not the service."""
_SERVICE_LINK = re.compile(
    r"HOUNSFIELD(_[A-Z0-9]+)*_(SERVICE_(HOST|PORT)(_[A-Z0-9_]+)?|PORT(_\d+_(TCP|UDP)(_[A-Z]+)?)?)"
)
"""What Kubernetes adds to every pod when a Service is called hounsfield (never with two underscores)."""


def keys_from_environment(settings: type[BaseModel]) -> frozenset[str]:
    """Return the dotted keys, and the arrays, that environment variables set."""
    keys = (_key_of(name) for name in _variables())
    return frozenset(key for key in keys if _field_of(settings, key) is not None)


def environment_problems(settings: type[BaseModel]) -> tuple[ConfigurationProblem, ...]:
    """Return what is wrong with the names, and with the JSON of arrays, of the variables."""
    problems = (_problem(settings, name, value) for name, value in sorted(_variables().items()))
    return tuple(problem for problem in problems if problem is not None)


def renamed_variables() -> tuple[RenamedKey, ...]:
    """Return the keys that variables set under an old name. Raise ConfigurationError for one that has both names."""
    return current_variables(_in_capitals(os.environ))[1]


class Environment(EnvSettingsSource):
    """The environment for pydantic, with every key under the name that it has now."""

    def __init__(self, settings: type[BaseSettings]) -> None:
        super().__init__(settings)
        ours = {name: value for name, value in self.env_vars.items() if value is not None}
        current, _ = current_variables(_in_capitals(ours))
        self.env_vars = {name.lower(): value for name, value in current.items()}


def _in_capitals(variables: Mapping[str, str]) -> dict[str, str]:
    return {name.upper(): value for name, value in variables.items() if name.upper().startswith(PREFIX)}


def _variables() -> dict[str, str]:
    ours = {
        name: value
        for name, value in os.environ.items()
        if name.upper().startswith(PREFIX)
        and name.upper() not in NOT_SETTINGS
        and not ("__" not in name and _SERVICE_LINK.fullmatch(name))
    }
    return current_variables(_in_capitals(ours))[0]


def _key_of(variable: str) -> str:
    return variable[len(PREFIX) :].lower().replace("__", ".", 1)


def _field_of(settings: type[BaseModel], key: str) -> FieldInfo | None:
    """Return the field of ``section.key`` or of an array; None for anything else, whole sections too."""
    section, _, rest = key.partition(".")
    field = settings.model_fields.get(section)
    if field is None:
        return None
    if _is_array(field):
        return field if not rest else None
    model = field.annotation
    return model.model_fields.get(rest) if isinstance(model, type) and issubclass(model, BaseModel) else None


def _is_array(field: FieldInfo) -> bool:
    return get_origin(field.annotation) is tuple


def _problem(settings: type[BaseModel], name: str, value: str) -> ConfigurationProblem | None:
    source = f"environment variable {name}"
    key = _key_of(name)
    field = _field_of(settings, key)
    if field is None:
        wrong = "there is no such setting"
        return ConfigurationProblem(source=source, key=key, wrong=wrong, allowed=_hint(settings, key))
    if not _is_array(field):
        return None
    try:
        entries = json.loads(value)
    except ValueError as error:
        where = f"line {error.lineno} column {error.colno}" if isinstance(error, json.JSONDecodeError) else "the text"
        return ConfigurationProblem(
            source=source, key=key, wrong=f"is not JSON (at {where})", allowed=_array_hint(field, key)
        )
    if not isinstance(entries, list) or ("." not in key and not all(isinstance(entry, dict) for entry in entries)):
        return ConfigurationProblem(source=source, key=key, wrong="has another shape", allowed=_array_hint(field, key))
    return None


def _array_hint(field: FieldInfo, key: str) -> str:
    if "." in key:
        return f"allowed is a JSON array: {allowed_text(field)}"
    return f"allowed is a JSON array of objects with the keys of [[{key}]]"


def variables_of(settings: type[BaseModel]) -> list[str]:
    """Return every environment variable that is a setting."""
    names = []
    for section, field in settings.model_fields.items():
        model = field.annotation
        if isinstance(model, type) and issubclass(model, BaseModel):
            names += [variable_of(f"{section}.{key}") for key in model.model_fields]
        else:
            names.append(variable_of(section))
    return names


def _hint(settings: type[BaseModel], key: str) -> str:
    section = key.partition(".")[0]
    field = settings.model_fields.get(section)
    if field is not None and _is_array(field):
        return f"{PREFIX}{section.upper()} takes the whole array as JSON: '[{{...}}]'"
    known = variables_of(settings)
    near = difflib.get_close_matches(variable_of(key), known, n=1, cutoff=0.75)
    guess = f"did you mean {near[0]}? " if near else ""
    if field is not None:
        keys = ", ".join(name for name in known if name.startswith(f"{PREFIX}{section.upper()}__"))
        return f"{guess}allowed are {keys}"
    return guess + "allowed are HOUNSFIELD_<SECTION>__<KEY> with the sections " + ", ".join(settings.model_fields)
