"""Write docs/licences.md: the licence of everything an installation may hold, judged by deploy/release/licences.toml.

``python deploy/tools/licences.py`` writes the page; the exit status is 1 if a licence is unknown or refused.
"""

import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum
from fnmatch import fnmatchcase
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from typing import Any

import wheel_parts
from license_expression import ExpressionError, get_spdx_licensing
from lockfiles import ROOT, Pin, groups
from wheel_parts import Part

RULES = ROOT / "deploy" / "release" / "licences.toml"
PAGE = ROOT / "docs" / "licences.md"
INTRODUCTION = """\
# Licences

Hounsfield itself is under the [Apache License 2.0](../LICENSE). This page lists what it needs, as locked in
[constraints.txt](../constraints.txt); `make licences` writes it from the metadata of the installed packages and from
[what was looked up in them](../deploy/release/licences.toml), and a test compares. How the list is kept, and what was
found out about the codecs: [supply chain](supply-chain.md#licences).

The rule: permissive licences are fine; licences with a condition are fine in the groups named below, for the reason
given; everything else, the GPL and the AGPL among them, is refused. No codec that Hounsfield uses is under a copyleft
licence; the one that comes along unused, FFmpeg in OpenCV's wheel, is explained under
[codecs](supply-chain.md#codecs).
"""
TITLES = {
    "base": "Base installation",
    "dev": "Extra dev: tests and development, never part of an installation",
}


class Unknown(Exception):
    """A package's licence cannot be told; the text says what to do."""


class Verdict(IntEnum):
    """What the rules say of a licence, the best first."""

    PERMISSIVE = 0
    NOTED = 1
    REFUSED = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """deploy/release/licences.toml."""

    serving: tuple[str, ...]
    development: tuple[str, ...]
    allowed: frozenset[str]
    noted: Mapping[str, Mapping[str, Any]]
    declared: Mapping[str, str]
    words: Mapping[str, str]
    bundled: Mapping[str, tuple[Part, ...]]


def load(text: str) -> Rules:
    """Return the rules written in TOML."""
    table = tomllib.loads(text)
    return Rules(
        serving=tuple(table["groups"]["serving"]),
        development=tuple(table["groups"]["development"]),
        allowed=frozenset(table["allowed"]["licences"]),
        noted=table["noted"],
        declared=table["declared"],
        words=table["words"],
        bundled={name: wheel_parts.looked_up(parts) for name, parts in table["bundled"].items()},
    )


def licence_of(name: str, rules: Rules) -> str:
    """Return a package's licence as an SPDX expression: as declared in the rules, or as its metadata says."""
    for pattern, licence in rules.declared.items():
        if fnmatchcase(name, pattern):
            return licence
    try:
        metadata = distribution(name).metadata
    except PackageNotFoundError:
        raise Unknown(f"{name} is not installed here and licences.toml does not declare its licence") from None
    for expression in metadata.get_all("License-Expression", ()):
        return str(expression)
    classifiers = (line.rpartition(" :: ")[2] for line in metadata.get_all("Classifier", ()) if "License ::" in line)
    for word in (*metadata.get_all("License", ()), *classifiers):
        if word in rules.words:
            return rules.words[word]
        if word in rules.allowed or word in rules.noted:
            return word
    raise Unknown(f"{name}: its metadata names no SPDX licence; look it up and declare it in licences.toml")


@cache
def _licensing() -> Any:
    return get_spdx_licensing()  # reads its list of licences each time


@cache
def _parsed(expression: str) -> Any:
    return _licensing().parse(expression)


def judge(expression: str, group: str, rules: Rules) -> Verdict:
    """Return what the rules say of an SPDX expression in a group: of OR the best part counts, of AND the worst."""
    try:
        return _judged(_parsed(expression), group, rules)
    except ExpressionError:
        return Verdict.REFUSED


def _judged(node: Any, group: str, rules: Rules) -> Verdict:
    if isinstance(node, _licensing().OR):
        return min(_judged(part, group, rules) for part in node.args)
    if isinstance(node, _licensing().AND):
        return max(_judged(part, group, rules) for part in node.args)
    licence = str(node)
    if licence in rules.allowed:
        return Verdict.PERMISSIVE
    return Verdict.NOTED if group in rules.noted.get(licence, {}).get("groups", ()) else Verdict.REFUSED


def problems(locked: Mapping[str, Mapping[str, Pin]], rules: Rules) -> Iterator[str]:
    """Yield a sentence for each package or part of one that the rules refuse or do not know."""
    for group in (*rules.serving, *rules.development):
        for name in locked[group]:
            try:
                licence = licence_of(name, rules)
            except Unknown as unknown:
                yield str(unknown)
                continue
            if judge(licence, group, rules) is Verdict.REFUSED:
                yield f"{name} in {group}.txt is under {licence}, which the rules refuse"
            yield from _problems_inside(name, group, rules)


def _problems_inside(name: str, group: str, rules: Rules) -> Iterator[str]:
    parts = rules.bundled.get(name, ())
    try:
        wheel = distribution(name)
    except PackageNotFoundError:
        return
    for library in wheel_parts.unnamed(wheel, parts):
        yield f"{name} brings {library} along: look up its licence and name it in licences.toml under [bundled.{name}]"
    for part in (*parts, *wheel_parts.said_by_itself(wheel)):
        if part.licence and judge(part.licence, group, rules) is Verdict.REFUSED:
            yield f"{part.name} inside {name} in {group}.txt is under {part.licence}, which the rules refuse"


def page(locked: Mapping[str, Mapping[str, Pin]], rules: Rules) -> str:
    """Return the text of docs/licences.md."""
    lines = [INTRODUCTION, "## Licences with a condition\n", "| licence | where it may occur | why |", "|---|---|---|"]
    lines += [f"| {name} | {', '.join(noted['groups'])} | {noted['why']} |" for name, noted in rules.noted.items()]
    for group in (*rules.serving, *rules.development):
        lines += [f"\n## {TITLES.get(group, f'Extra {group}')}\n", "| package | version | licence |", "|---|---|---|"]
        lines += [f"| {pin.name} | {pin.version} | {licence_of(pin.name, rules)} |" for pin in locked[group].values()]
    lines += ["\n## What binary wheels bring along\n", "As looked up in the wheels for x86-64 Linux.\n"]
    lines += ["| wheel | library | licence | as |", "|---|---|---|---|"]
    for name, parts in sorted(rules.bundled.items()):
        for part in parts:
            lines.append(
                f"| {name} | {part.name} | {part.licence} | {'shared library' if part.files else 'linked in'} |"
            )
    return "\n".join(lines) + "\n"


def main() -> int:
    """Write the page; return the exit status."""
    rules, locked = load(RULES.read_text()), groups()
    found = list(problems(locked, rules))
    if found:
        print("\n".join(f"licences: {problem}" for problem in found), file=sys.stderr)
        return 1
    PAGE.write_text(page(locked, rules))
    return 0


if __name__ == "__main__":
    sys.exit(main())
