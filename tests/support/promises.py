"""What stays within a major version (docs/upgrading.md, "What you can rely on"), read from the code: a line for each.

    PYTHONPATH=tests .venv/bin/python -m support.promises

adds to ``promised.txt`` beside this file what is new. A release does so, and nothing is taken out before the next major
version.
"""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel
from support.command_line import program
from support.joblog import FLAGGED, Log

from hounsfield.daemon.cli.exits import ExitCode
from hounsfield.daemon.config.fields import extra_of
from hounsfield.daemon.config.settings import Settings
from hounsfield.daemon.console.metric_names import METRICS
from hounsfield.model.manifest import Manifest

PROMISED = Path(__file__).with_name("promised.txt")
LISTINGS = (
    *("jobs list", "jobs show 1", "jobs stats", "jobs tail -n 5", "series list", f"series show {FLAGGED}"),
    *("series reasons", "results list", "results show 1", "destinations", "peers list", "pause", "top --once"),
    *("bundle list", "bundle show", "config show", "db check", "rules list", "purge --dry-run"),
)
"""Commands whose ``--json`` is looked at over the job log of :mod:`support.joblog`."""
SITE = {
    "PEER": [{"ae_title": "CT1", "host": "127.0.0.1"}],
    "DESTINATION": [{"name": "pacs", "ae_title": "PACS", "host": "127.0.0.1", "port": 104}],
    "RULE": [{"name": "head", "bundle": "ich-demo"}],
}
"""A configuration that gives each of them something to tell of."""


def promised() -> set[str]:
    """Return what a release before this one has promised."""
    return set(PROMISED.read_text().splitlines())


def kept(folder: Path) -> set[str]:
    """Return what this version keeps; ``folder`` is for a home with a job log."""
    declared = {*_commands("", program()), *_settings(), *_metrics(), *_keys("manifest", Manifest), *_exit_codes()}
    return declared | set(_fields(folder))


def _commands(path: str, command: Any) -> Iterator[str]:
    for parameter in command.params:
        names = (*parameter.opts, *parameter.secondary_opts)
        options = [name for name in names if name.startswith("--")]
        yield from (f"command{path} {name}" for name in options)
    yield f"command{path}"
    for name, below in getattr(command, "commands", {}).items():
        yield from _commands(f"{path} {name}", below)


def _settings() -> Iterator[str]:
    for name, field in Settings.model_fields.items():
        for model in _models(field.annotation):
            for key, declared in model.model_fields.items():
                unit = extra_of(declared).get("unit")
                yield f"setting {name}.{key}" + (f" in {unit}" if unit else "")


def _metrics() -> Iterator[str]:
    for metric in METRICS:
        yield " ".join(("metric", metric.name, *metric.labels))


def _keys(path: str, model: type[BaseModel]) -> Iterator[str]:
    for name, field in model.model_fields.items():
        key = f"{path}{' ' if path == 'manifest' else '.'}{field.alias or name}"
        yield key
        for below in _models(field.annotation):
            yield from _keys(key, below)


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from _models(part)


def _exit_codes() -> Iterator[str]:
    yield from (f"exit {code.value} {code.name}" for code in ExitCode)


def _fields(folder: Path) -> Iterator[str]:
    log = Log(folder / "home")
    (log.home / "spool").mkdir()
    log.environment |= {f"HOUNSFIELD_{name}": json.dumps(value) for name, value in SITE.items()}
    assert log.run("pause", "delivery").exit_code == 0
    for listing in LISTINGS:
        rows = log.json(*listing.split())
        assert rows, listing
        words = " ".join(word for word in listing.split() if word.isalpha())
        yield from (f"json {words}: {field}" for row in rows for field in row)


def main() -> None:
    """Write the file."""
    with tempfile.TemporaryDirectory(prefix="hounsfield-promises-") as folder:
        before = promised() if PROMISED.exists() else set()
        PROMISED.write_text("".join(f"{line}\n" for line in sorted(before | kept(Path(folder)))))


if __name__ == "__main__":
    main()
