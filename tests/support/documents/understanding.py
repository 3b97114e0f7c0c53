"""Whether a command that a document shows is one: held against the command line, the Makefile and the files here."""

import re
import tomllib
from collections.abc import Sequence
from functools import cache

from support.command_line import misunderstood
from support.documents.commands import Command
from support.documents.pages import ROOT


def what_is_wrong(command: Command) -> str | None:
    """Return what the program would say against a command, None if nothing or if it is none that we know."""
    if command.ours is not None:
        return misunderstood(command.ours, is_whole=command.is_whole and command.program != "xargs")
    checks = {"make": _make, "python": _python, "python3": _python, "python3.11": _python, "pip": _pip}
    check = checks.get(command.program)
    return check(command.words[1:]) if check else None


@cache
def _makefile() -> str:
    return (ROOT / "Makefile").read_text(encoding="utf-8")


def make_targets() -> set[str]:
    """Return the targets that a person asks for."""
    return set(re.findall(r"^([a-z][a-z0-9-]*):", _makefile(), re.MULTILINE))


def _make(words: Sequence[str]) -> str | None:
    variables = set(re.findall(r"\$\(([A-Z_]+)\)|\$\(if \$\(([A-Z_]+)\)", _makefile()))
    known = {name for pair in variables for name in pair} | {"PYTHON"}
    for word in words:
        name, is_variable, _ = word.partition("=")
        if is_variable and name not in known:
            return f"the Makefile has no variable {name}"
        if not is_variable and not word.startswith("-") and word not in make_targets():
            return f"the Makefile has no target {word}"
    return None


def _python(words: Sequence[str]) -> str | None:
    if len(words) > 1 and words[0] == "-m":
        ours = re.fullmatch(r"(?:hounsfield\.)?((?:daemon|storage|model|support|torture)\..+)", words[1])
        return f"no module {words[1]}" if ours and not _is_module(ours[1].replace(".", "/")) else None
    if words and words[0].endswith(".py"):
        return None if (ROOT / words[0]).is_file() else f"no file {words[0]}"
    return None


def _is_module(path: str) -> bool:
    return any(
        (ROOT / folder / f"{path}{end}").is_file() for folder in ("", "tests") for end in (".py", "/__main__.py")
    )


def _pip(words: Sequence[str]) -> str | None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for extras in re.findall(r"(?:^|\s)(?:\.|hounsfield)\[([a-z,]+)\]", " ".join(words)):
        unknown = set(extras.split(",")) - project["optional-dependencies"].keys()
        if unknown:
            return f"no extra {', '.join(sorted(unknown))}"
    return None
