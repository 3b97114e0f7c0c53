"""Keys that are called otherwise than in an older version, and what older versions do not know. Pure.

An old name goes on to count, with a warning that names the new one, in the file and in the environment. Who gives both
in one place is refused: nobody can tell which one is meant.
"""

import json
from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any

from hounsfield.daemon.config.origin import Origin, RenamedKey, variable_of
from hounsfield.daemon.errors import ConfigurationError, ConfigurationProblem

RENAMED: Mapping[str, str] = {
    "dicom.max_pdu": "dicom.max_pdu_bytes",
}
"""Old key to new key. Of an array of tables: ``destination[].old`` to ``destination[].new``."""
SINCE: Mapping[str, tuple[str, ...]] = {
    "0007": ("storage.shared", "storage.cache", "storage.cache_bytes", "dicom.max_pdu_bytes"),
    "0008": ("queue.engine", "queue.patience_minutes", "queue.patient_share"),
}
"""Keys that came with the programs of a schema, or have their name since then: who goes back has to take them out."""


def current_names(values: Mapping[str, Any], source: str) -> tuple[dict[str, Any], tuple[RenamedKey, ...]]:
    """Return the tables of a file under the names that keys have now, and which had others.

    Raise :class:`ConfigurationError` where a key is given under both names.
    """
    tables, found, problems = deepcopy(dict(values)), [], []
    for old, new in RENAMED.items():
        section, _, key = old.rpartition(".")
        new_section, _, new_key = new.rpartition(".")
        for place, table in _tables(tables, section):
            if key not in table:
                continue
            target, new_place = table, place
            if new_section != section:
                target, new_place = tables.setdefault(new_section, {}), new_section
            one = RenamedKey(old=f"{place}.{key}", new=f"{new_place}.{new_key}", source=source)
            if new_key in target:
                problems.append(_given_twice(one))
            target.setdefault(new_key, table.pop(key))
            found.append(one)
    if problems:
        raise ConfigurationError(tuple(problems))
    return tables, tuple(found)


def _tables(values: Mapping[str, Any], section: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the tables of a section, each with the words for its place; none for what is no table."""
    if section.endswith("[]"):
        entries = values.get(section[:-2])
        for index, entry in enumerate(entries if isinstance(entries, list) else ()):
            if isinstance(entry, dict):
                yield f"{section[:-2]}[{index}]", entry
    elif isinstance(table := values.get(section), dict):
        yield section, table


def _given_twice(one: RenamedKey) -> ConfigurationProblem:
    return ConfigurationProblem(
        source=one.source, key=one.old, wrong=f"is the old name of {one.new}, which is given too", allowed="take it out"
    )


def current_variables(variables: Mapping[str, str]) -> tuple[dict[str, str], tuple[RenamedKey, ...]]:
    """Do the same for environment variables, whose names are in capitals here, arrays being JSON."""
    there, found, problems = dict(variables), [], []
    for old, new in RENAMED.items():
        if old.partition(".")[0].endswith("[]") or (name := variable_of(old)) not in there:
            continue
        one = RenamedKey(old=old, new=new, source=f"environment variable {name}")
        if variable_of(new) in there:
            problems.append(_given_twice(one))
        there[variable_of(new)] = there.pop(name)
        found.append(one)
    for array in {old.partition("[]")[0] for old in RENAMED if "[]" in old}:
        name = variable_of(array)
        try:
            entries = json.loads(there.get(name, ""))
        except ValueError:
            continue  # who checks the variables tells
        tables, of_array = current_names({array: entries}, f"environment variable {name}")
        if of_array:
            there[name] = json.dumps(tables[array])
            found += of_array
    if problems:
        raise ConfigurationError(tuple(problems))
    return there, tuple(found)


def keys_unknown_at(origin: Origin, revision: str) -> dict[str, str]:
    """Return the keys in force that the program of an older schema does not know, each with what to do instead."""
    newer = [key for since, keys in SINCE.items() if since > revision for key in keys]
    old_names = {new: old for old, new in RENAMED.items()}
    written = {one.new for one in origin.renamed}
    return {
        key: f"write {old_names[key]}, its older name"
        if key in old_names
        else "take it out, the older program refuses it"
        for key in newer
        if origin.kind(key) != "default" and key not in written
    }
