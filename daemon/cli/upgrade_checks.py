"""The checks of ``hounsfield doctor --upgrade``: what an upgrade to this program would do, and whether it can.

Nothing is changed: the database is only read, and a copy of an embedded one is upgraded and thrown away. What uses the
database now is told as a problem, for it has to end first.
"""

import shutil
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path

from hounsfield.daemon.bundles_in_use import InUse, in_use
from hounsfield.daemon.cli.administration import users_of
from hounsfield.daemon.cli.check import Check, Level
from hounsfield.daemon.cli.exits import CommandFailed
from hounsfield.daemon.cli.model_probe import ask
from hounsfield.daemon.config.settings import Settings
from hounsfield.model.bundle import open_bundle
from hounsfield.model.lint import Severity, lint
from hounsfield.model.manifest import Manifest
from hounsfield.storage import engine, rehearsal, schema
from hounsfield.storage.errors import StorageError

_EXTRA_OF_SERVERS = "postgres"
_ROOM_FACTOR = 3
"""The backup beside the database, and as much again for what the changes write into its journal and itself."""


def upgrade_checks(settings: Settings) -> Iterator[Check]:
    """Yield every check as it is done; those that need the model come last."""
    yield from check_names(settings)
    yield check_python()
    yield from check_libraries(settings)
    yield from check_database(settings)
    yield from check_bundles(settings)


def check_names(settings: Settings) -> Iterator[Check]:
    """Tell which keys of the configuration have another name now. An unknown key is refused before we come here."""
    for one in settings.origin.renamed:
        mend = f"`hounsfield config migrate {one.source}` does so" if one.source == str(settings.origin.file) else ""
        yield Check("configuration", Level.WARNING, str(one), mend)
    if not settings.origin.renamed:
        yield Check("configuration", Level.OK, "read and valid, every key by its name of now")


def check_python() -> Check:
    """Tell whether this Python is one that the program is made for."""
    from packaging.specifiers import SpecifierSet

    here = ".".join(str(part) for part in sys.version_info[:3])
    wanted = distribution("hounsfield").metadata["Requires-Python"]
    if SpecifierSet(wanted).contains(here):
        return Check("python", Level.OK, f"{here}, needed is {wanted}")
    return Check("python", Level.PROBLEM, f"{here}, needed is {wanted}", "make the environment anew with such a Python")


def check_libraries(settings: Settings) -> Iterator[Check]:
    """Tell whether the libraries that are installed are those that the program asks for."""
    wrong = list(wrong_libraries(settings))
    mend = "install it from its lock: `deploy/install.sh`, or as docs/supply-chain.md says"
    for words in wrong:
        yield Check("libraries", Level.PROBLEM, words, mend)
    if not wrong:
        yield Check("libraries", Level.OK, "every library is there, within its bounds")


def wrong_libraries(settings: Settings) -> Iterator[str]:
    """Yield in words what is missing or out of its bounds: of what always runs, and of what a database server needs."""
    from packaging.requirements import Requirement

    extras = ["", *([_EXTRA_OF_SERVERS] if settings.storage.database_file is None else [])]
    for line in distribution("hounsfield").requires or []:
        wanted = Requirement(line)
        if wanted.marker is not None and not any(wanted.marker.evaluate({"extra": extra}) for extra in extras):
            continue
        try:
            found = version(wanted.name)
        except PackageNotFoundError:
            yield f"{wanted.name} is missing"
            continue
        if not wanted.specifier.contains(found, prereleases=True):
            yield f"{wanted.name} is {found}, needed is {wanted.specifier}"


def check_database(settings: Settings) -> Iterator[Check]:
    """Tell what would become of the database."""
    url = settings.storage.resolved_database_url
    try:
        current, head = engine.check(url)
        if current is None:
            yield Check("database", Level.OK, f"there is none yet; it is made at schema {head}")
            return
        schema.refuse_newer(current)
        steps = schema.steps_from(current)
        yield _schema(current, head, steps)
        yield from _check_queue(settings)
        if steps:
            yield from _check_changes(settings)
    except StorageError as error:
        yield Check("database", Level.PROBLEM, str(error), "`hounsfield doctor` of the program that runs now says more")


def _schema(current: str, head: str, steps: list[schema.Step]) -> Check:
    if not steps:
        return Check("database", Level.OK, f"schema {current}: nothing to change")
    told = "; ".join(f"{step.revision} {step.words.rstrip('.')}" for step in steps)
    return Check("database", Level.OK, f"schema {current}, needed is {head}. Steps: {told}")


def _check_changes(settings: Settings) -> Iterator[Check]:
    weight = rehearsal.weigh(settings.storage.resolved_database_url)
    rows = ", ".join(f"{count:,} of {name}" for name, count in weight.rows.items())
    yield Check("size", Level.OK, f"{weight.size / 1e6:,.1f} MB; rows: {rows}")
    file = settings.storage.database_file
    if file is None:
        yield Check(
            "backup",
            Level.WARNING,
            "a server is backed up with its own tool, and how long its upgrade takes shows a copy",
            "`pg_dump` first; for the time `createdb --template`, and `hounsfield db upgrade` on the copy",
        )
    else:
        yield from _check_rehearsal(file, weight.size)
    if users := users_of(settings):
        yield Check("in use", Level.PROBLEM, users, "stop the service before `hounsfield db upgrade`: it refuses else")
    else:
        yield Check("in use", Level.OK, "nobody uses the database: `hounsfield db upgrade` can run now")


def _check_rehearsal(file: Path, size: int) -> Iterator[Check]:
    free, needed = shutil.disk_usage(file.parent).free, _ROOM_FACTOR * size
    room = (
        f"{needed / 1e6:,.1f} MB are needed beside {file} for the backup and the changes, {free / 1e6:,.0f} MB are free"
    )
    if free < needed:
        yield Check(
            "backup", Level.PROBLEM, room, "make room: `hounsfield purge --dry-run` shows what has had its time"
        )
        return
    yield Check("backup", Level.OK, room)
    took = rehearsal.rehearse(file)
    words = f"a copy was upgraded in {took.copying + took.changing:.2f} s: {took.copying:.2f} s to copy it"
    yield Check("rehearsal", Level.OK, f"{words}, {took.changing:.2f} s to change it")


def _check_queue(settings: Settings) -> Iterator[Check]:
    """Tell of the tables of Procrastinate, which `db upgrade` brings up to date too."""
    if not settings.queue.wakes:
        return
    from hounsfield.daemon.queue.schema import shipped_schema
    from hounsfield.storage.queue_schema import version_of

    found, wanted = version_of(settings.storage.resolved_database_url), shipped_schema().version
    there = "none" if found is None else ".".join(str(number) for number in found)
    needed = ".".join(str(number) for number in wanted)
    if found is not None and found > wanted:
        mend = "install the version of procrastinate that made them, or a newer one"
        yield Check("queue", Level.PROBLEM, f"tables of version {there}, this program brings {needed}", mend)
    else:
        yield Check("queue", Level.OK, f"tables of version {there}, this program brings {needed}")


def check_bundles(settings: Settings) -> Iterator[Check]:
    """Tell whether the bundles in use are whole and give the same scores with the libraries of this program."""
    for one in in_use(settings, rehearsal.bundle_choices(settings.storage.resolved_database_url)):
        yield _check_bundle(one)


def _check_bundle(one: InUse) -> Check:
    errors = [problem for problem in lint(one.folder) if problem.severity is Severity.ERROR]
    if errors:
        mend = f"`hounsfield bundle lint {one.folder}` lists all; install the bundle again"
        return Check("bundle", Level.PROBLEM, f"{one.folder}: {errors[0].message}", mend)
    manifest = Manifest.read(one.folder)
    label = f"{manifest.name} {manifest.version}"
    if one.choice is not None and one.choice.sha256 != open_bundle(one.folder).sha256:
        mend = "what is installed is not what was chosen: install and activate it again"
        return Check("bundle", Level.PROBLEM, f"{label}: its hash has changed", mend)
    try:
        answer = ask("selftest", str(one.folder))
    except CommandFailed as failure:
        return Check("bundle", Level.PROBLEM, f"{label}: {failure.problem}", failure.remedy)
    difference = f"largest difference {answer['largest_difference']:.2g}, allowed {answer['tolerance']:g}"
    if not answer["passed"]:
        mend = "its series would be reported as not analysed: stay with the version that runs now, or renew the bundle"
        return Check("bundle", Level.PROBLEM, f"{label}: self-test failed on {answer['device']}, {difference}", mend)
    return Check("bundle", Level.OK, f"{label}: whole; self-test passed on {answer['device']}, {difference}")
