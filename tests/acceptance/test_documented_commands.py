"""Every command that a document shows and that can be done is done, on a site that a demonstration has filled.

What is done how, and what is not done for which reason, stands in tests/support/documents/decisions.py.
"""

import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.documents.commands import Command, commands
from support.documents.decisions import Recipe, is_done, is_only_named, recipe_of
from support.documents.pages import ROOT, pages
from support.documents.scene import PROGRAM, Scene, environment, scene, without_output
from support.documents.terminal import answered

GRACE_SECONDS = 8.0
"""So long a command runs that goes on until somebody stops it."""

pytestmark = [pytest.mark.long, pytest.mark.timeout(600)]


def to_do() -> dict[str, Command]:
    """Return each different command once, by its text; what stands in a block before what prose only names."""
    found = [one for page in pages() for one in commands(page) if is_done(one)]
    by_text = {shlex.join((one.program, *one.words[1:])): one for one in sorted(found, key=lambda one: one.is_whole)}
    return dict(sorted(by_text.items()))


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Read the documents only where this is run: they are many, and it takes minutes."""
    if "command" in metafunc.fixturenames:
        found = to_do() if metafunc.config.getoption("markexpr") == "long" else {}
        metafunc.parametrize("command", list(found.values()), ids=list(found))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with scene(tmp_path_factory.mktemp("documents") / "site") as made:
        yield made


def test_a_documented_command_does_its_work(site: Scene, tmp_path: Path, command: Command) -> None:
    if command.ours is None:
        line = [sys.executable if command.program == "python" else command.program, *command.words[1:]]
        subprocess.run(line, cwd=ROOT, capture_output=True, timeout=60, check=True)
        return
    recipe = recipe_of(command.ours)
    with site.copied(tmp_path / "site") as folder:
        words = site.words(command.ours, fills_of(recipe, site, folder), folder)
        words = [*words, "--help"] if is_only_named(command) else words
        without_output(words, recipe.makes, folder)
        status, said = done(words, recipe, folder)
    assert status in recipe.codes, f"{command.place}: {shlex.join(words)} ended with {status}\n{said}"
    assert "Traceback" not in said


def fills_of(recipe: Recipe, site: Scene, folder: Path) -> dict[str, str]:
    """Return what placeholders stand for, after bringing jobs into the states that the command is about."""
    wanted = [name for name in dict.fromkeys(recipe.fills.values()) if name.endswith(" job")]
    for analysis, _ in enumerate(wanted, 1):
        done(["results", "retract", str(analysis)], Recipe(typed=("y",)), folder)
    made = dict(zip(wanted, newest_jobs(folder) if wanted else (), strict=False))
    for name in wanted:
        if "cancelled" in name:
            done(["jobs", "cancel", made[name]], Recipe(), folder)
    return {placeholder: made.get(name, name) for placeholder, name in recipe.fills.items()}


def newest_jobs(folder: Path) -> list[str]:
    """Return the ids of all jobs, the one that was made last first."""
    _, said = done(["jobs", "list", "--json"], Recipe(), folder)
    ids = (json.loads(line)["id"] for line in said.splitlines() if line.startswith("{"))
    return [str(one) for one in sorted(ids, reverse=True)]


def done(words: list[str], recipe: Recipe, folder: Path) -> tuple[int, str]:
    """Do a command and return its status and what it said; one that goes on is interrupted, as by Ctrl-C."""
    line = [*PROGRAM, *words]
    if recipe.typed:
        return answered(line, recipe.typed, folder, environment(folder), recipe.seconds)
    process = subprocess.Popen(
        line,
        cwd=folder,
        env=environment(folder),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    try:
        said, _ = process.communicate(timeout=GRACE_SECONDS if recipe.goes_on else recipe.seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
        if not recipe.goes_on:
            os.killpg(process.pid, signal.SIGKILL)
        said, _ = process.communicate(timeout=60)
        interrupted = process.returncode in (0, 130, -signal.SIGINT)
        return (0 if recipe.goes_on and interrupted else 124), said
    return process.returncode, said
