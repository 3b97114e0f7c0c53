"""What becomes of each command that a document shows: how it is done by the long test, or why it is not.

A command of ours is done as it stands, in a folder that a demonstration has filled (:mod:`support.documents.scene`),
and has to end with 0; what differs stands in :data:`RECIPES`. A command of another program is not done: it has to
match a line of :data:`NOT_RUN`, which says why.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache

from support.command_line import misunderstood
from support.documents.commands import Command


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a command is done that needs more than to be started."""

    fills: Mapping[str, str] = field(default_factory=dict)
    """What a placeholder stands for: words of the scene (``Scene.values``), or a word as it is."""
    codes: tuple[int, ...] = (0,)
    """Exit statuses that are right here; each other than 0 has its reason beside it."""
    goes_on: bool = False
    """Whether it goes on until somebody stops it."""
    typed: tuple[str, ...] = ()
    """What a person types at its prompts, one after the other."""
    makes: int | None = None
    """Which of its words names what it makes, and what is not there yet."""
    seconds: float = 240.0


NOT_RUN: Mapping[str, str] = {
    r"(sudo|install|mkdir|mv|apt-get) .*": "changes the machine it is done on",
    r"(systemctl|journalctl) .*|systemd-sysusers": "needs a host that systemd runs",
    r"(docker|kubectl) .*|(make-secrets\.sh|make container-check).*": "needs a container engine or a cluster",
    r"(install|collect)\.sh.*|hounsfield-service .*|make test-install": "needs a service: `make test-install`",
    r"(python3\.11 -m venv|pip \w+) .*|pip check": "installs from a package index, as `make venv` does",
    r"(psql|pg_dump|pg_restore|createdb) .*": "needs the PostgreSQL of a site",
    r"(git|gpg|minisign|cosign|sha256sum|tar) .*": "signs a release or checks one that was downloaded",
    r"pytest -m (long|gpu).*": "is a test that is run by hand",
    r"python docs/tools/.*": "writes into this checkout; tests/unit/docs compares what it would write",
    r"make (bench.*|torture.*|cluster-demo|demo-model|upgrade-trial)": "takes minutes to hours",
    r"(jq|xargs) .*": "is another program's part of a pipe; ours is done on its own",
    r"python benchmarks/.*": "takes minutes: what docs/performance.md has its figures from",
    r"make (test|test-[a-z]+|check|coverage|mutation|dist|dev|venv|lock)( .*)?": "is a part of continuous integration",
    r"make (licences|check-lock|sbom|audit|release)( .*)?": "needs a package index, or makes a release",
    r"make docs(-serve)?": "builds the site: tests/acceptance/test_site.py",
    r"make (demo|run)( .*)?": "is `hounsfield demo` and `hounsfield run`, which are done",
    r"hounsfield (train --config|tune) .*": "trains for minutes: tests/unit/daemon/cli/test_train_commands.py",
    r"hounsfield evaluate .*": "needs what a training left: tests/unit/daemon/cli/test_evaluate_command.py",
    r"hounsfield data prepare .*": "paints for minutes: tests/unit/daemon/cli/test_data_commands.py",
    r"hounsfield series reissue .*": "needs a PACS that changed a patient: tests/integration/pipeline/test_reissue.py",
    r"hounsfield db copy .*": "needs a PostgreSQL of that name: tests/unit/daemon/cli/test_copy_command.py",
    r"hounsfield health": "needs a container: tests/unit/daemon/cli",
    r"hounsfield --install-completion": "changes the reader's shell: tests/unit/daemon/cli/test_completion.py",
}
"""Patterns over the whole command, the program without its folder."""

RECIPES: Mapping[str, Recipe] = {
    "run": Recipe(goes_on=True),
    "jobs tail": Recipe(goes_on=True),
    "top": Recipe(goes_on=True),
    "alarms acknowledge": Recipe(codes=(0, 4)),  # 4: there is no alarm to acknowledge here
    "jobs retry": Recipe(fills=dict.fromkeys(("ID", "JOB", "7"), "cancelled job") | {"8": "other cancelled job"}),
    "jobs cancel": Recipe(fills={"ID": "open job", "JOB": "open job"}),
    "series release": Recipe(fills={"UID": "held series"}),
    "series discard": Recipe(fills={"UID": "held series"}),
    # 2: prose that names no series
    "series replay": Recipe(fills={"UID": "skipped series", "SERIES_UID": "skipped series"}, codes=(0, 2)),
    "rules test": Recipe(fills={"FOLDER": "head"}),
    "echo": Recipe(fills={"NAME": "pacs"}),
    "notify test": Recipe(fills={"NAME": "ris"}),
    "bundle": Recipe(fills={"NAME": "my-ich", "VERSION": "1.0.0"}),
    "bundle selftest": Recipe(seconds=900),  # of every bundle that is installed
    "config init": Recipe(makes=2),
    "config migrate": Recipe(fills={"FILE": "hounsfield.toml"}),
    "phantom": Recipe(makes=1),
    "train": Recipe(codes=(0, 2)),  # 2: prose that names no configuration
    "tls init": Recipe(fills={"FOLDER": "new-certificates"}),
    "db backup": Recipe(fills={"FILE": "new-backup.db"}),
    "db restore": Recipe(
        fills=dict.fromkeys(("FILE", "/backup/hounsfield.db", "hounsfield.db.backup-0006"), "backup.db"), typed=("y",)
    ),
    "db downgrade": Recipe(fills={"SCHEMA": "0006"}, typed=("y",)),
    # 2: prose that names no results; 4: none of that version are here
    "results retract": Recipe(typed=("y",), codes=(0, 2, 4)),
    "purge": Recipe(typed=("y",)),
    "console account add": Recipe(fills={"NAME": "anna"}, typed=("a long pass phrase",) * 2),
}
"""By the words of the command; the longest that fits counts."""


def said(command: Command) -> str:
    """Return the command as the patterns of :data:`NOT_RUN` see it."""
    return " ".join((command.program, *command.words[1:]))


@cache
def pattern_of(command: Command) -> str | None:
    """Return the pattern that says why a command is not done, None if there is none."""
    return next((pattern for pattern in NOT_RUN if re.fullmatch(pattern, said(command), re.DOTALL)), None)


def decided(command: Command) -> bool:
    """Whether it is known what becomes of a command."""
    return is_done(command) or pattern_of(command) is not None


def is_done(command: Command) -> bool:
    """Whether the long test does it."""
    return (command.program == "hounsfield" or is_a_look(command)) and pattern_of(command) is None


def is_a_look(command: Command) -> bool:
    """Whether it prints what the code says of itself, in any folder: a module of ours, or the help of make."""
    return said(command).startswith("python -m hounsfield.") or said(command) == "make help"


def is_only_named(command: Command) -> bool:
    """Whether prose names it without what it needs: then its help is shown instead."""
    return command.ours is not None and not command.is_whole and misunderstood(command.ours) is not None


def recipe_of(words: tuple[str, ...]) -> Recipe:
    """Return how the command with these words behind ``hounsfield`` is done."""
    paths = (" ".join(words[:count]) for count in range(len(words), 0, -1))
    return next((RECIPES[path] for path in paths if path in RECIPES), Recipe())
