"""The checks of ``hounsfield doctor``: each tells what it found and how to mend it."""

import errno
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from hounsfield.daemon import scu
from hounsfield.daemon.bundles_in_use import in_use_now, manifests_of
from hounsfield.daemon.cli.check import Check, Level
from hounsfield.daemon.cli.config_warnings import warnings_of
from hounsfield.daemon.cli.console_checks import check_accounts, check_console_port
from hounsfield.daemon.cli.context import opened
from hounsfield.daemon.cli.exits import CommandFailed
from hounsfield.daemon.cli.fit_checks import check_fit
from hounsfield.daemon.cli.model_probe import ask
from hounsfield.daemon.cli.notify_checks import check_alarm_webhook, check_notifiers
from hounsfield.daemon.cli.query_check import check_query
from hounsfield.daemon.cli.tls_checks import check_tls
from hounsfield.daemon.cli.waiting_checks import check_alarms, check_pauses, check_waiting
from hounsfield.daemon.config.rules import unknown_bundles
from hounsfield.daemon.config.settings import Settings
from hounsfield.daemon.errors import PeerFailed
from hounsfield.daemon.pipeline.serving_notes import ServingNotes, ServingState
from hounsfield.daemon.ports import own_address, what_hinders
from hounsfield.model.bundle import open_bundle
from hounsfield.model.lint import Severity, lint
from hounsfield.model.manifest import Manifest
from hounsfield.storage import engine
from hounsfield.storage.errors import StorageError

GIGABYTE = 10**9
COMFORTABLE_FREE_BYTES = 10 * GIGABYTE
ECHO_SECONDS = 5.0
CONNECT_SECONDS = 5.0


def all_checks(settings: Settings) -> Iterator[Check]:
    """Yield every check as it is done; the slow ones (model, network) last."""
    yield Check("configuration", Level.OK, "read and valid")
    yield check_port(settings)
    yield from check_tls(settings, datetime.now(UTC))
    yield from check_console_port(settings.console)
    yield check_home(settings)
    yield from check_disk(settings)
    yield from check_fit(settings)
    database = check_database(settings)
    yield database
    if database.level is Level.OK:
        yield from _check_jobs(settings)
    yield from check_bundles(settings)
    yield check_device(settings)
    yield from check_destinations(settings)
    yield from check_notifiers(settings, CONNECT_SECONDS)
    yield from check_alarm_webhook(settings, CONNECT_SECONDS)
    yield from check_query(settings, ECHO_SECONDS)


def check_port(settings: Settings) -> Check:
    """Tell whether the receiver's port is free, or held by our receiver."""
    host, port = settings.dicom.host, settings.dicom.port
    where = f"{host}:{port}"
    if port == 0:
        return Check("port", Level.OK, "port 0: any free one is taken")
    error = what_hinders(host, port)
    if error is not None:
        return _port_taken(settings, error)
    return Check("port", Level.OK, f"{where} is free: the service is not running")


def _port_taken(settings: Settings, error: OSError) -> Check:
    host, port = settings.dicom.host, settings.dicom.port
    where = f"{host}:{port}"
    if error.errno == errno.EACCES:
        mend = "take a port above 1023, or give the service CAP_NET_BIND_SERVICE"
        return Check("port", Level.PROBLEM, f"{where} may not be opened by this user", mend)
    if error.errno != errno.EADDRINUSE:
        mend = "set dicom.host to an address of this machine"
        return Check("port", Level.PROBLEM, f"{where} cannot be opened: {error.strerror}", mend)
    try:
        scu.echo(scu.Peer(own_address(host), port, settings.dicom.ae_title), ECHO_SECONDS)
    except PeerFailed as failure:
        if "rejected" in failure.problem:
            return Check("port", Level.OK, f"{where}: a DICOM service listens and admits configured peers only")
        mend = "stop the program that has the port, or set another dicom.port"
        return Check("port", Level.PROBLEM, f"{where} is taken by a program that does not answer as ours", mend)
    return Check("port", Level.OK, f"{where}: {settings.dicom.ae_title} answers")


def check_home(settings: Settings) -> Check:
    """Tell whether ``storage.home`` can be written."""
    home = settings.storage.home
    existing = _nearest_existing(home)
    probe = existing / ".hounsfield-doctor"
    try:
        probe.touch()
        probe.unlink()
    except OSError as error:
        mend = "give the service's user write access there, or set storage.home to another folder"
        return Check("home", Level.PROBLEM, f"{existing} cannot be written: {error.strerror}", mend)
    return Check("home", Level.OK, f"{home}" if existing == home else f"{home} is made at the first start")


def check_disk(settings: Settings) -> Iterator[Check]:
    """Tell how much space home and spool have."""
    for name, folder in (("home", settings.storage.home), ("spool", settings.storage.spool_folder)):
        space = shutil.disk_usage(_nearest_existing(folder))
        free, dicom = space.free, settings.dicom
        message = f"{name}: {free / GIGABYTE:.1f} GB free"
        by_percent = space.total * dicom.min_free_percent / 100
        if free < max(dicom.min_free_bytes, by_percent):
            key = "dicom.min_free_bytes" if free < dicom.min_free_bytes else "dicom.min_free_percent"
            mend = "make room, or images are answered A700 (out of resources)"
            yield Check("disk", Level.PROBLEM, f"{message}, below {key}", mend)
        elif free < COMFORTABLE_FREE_BYTES:
            mend = "make room soon: a head CT takes 20 to 300 MB"
            yield Check("disk", Level.WARNING, message, mend)
        else:
            yield Check("disk", Level.OK, message)


def check_database(settings: Settings) -> Check:
    """Tell whether the database is there and its schema is the one this version needs."""
    file = settings.storage.database_file
    if file is not None and not file.exists():
        return Check("database", Level.OK, f"{file} is made at the first start")
    try:
        current, head = engine.check(settings.storage.resolved_database_url)
    except StorageError as error:
        return Check("database", Level.PROBLEM, str(error), "check storage.database_url and that the server runs")
    if current == head:
        return Check("database", Level.OK, f"schema {current}, up to date")
    if file is not None:
        return Check("database", Level.WARNING, f"schema {current}, needed is {head}", "upgraded at the next start")
    wrong = f"storage.database_url: schema {current}, needed is {head}"
    return Check("database", Level.PROBLEM, wrong, "run `hounsfield db upgrade`")


def _check_jobs(settings: Settings) -> Iterator[Check]:
    file = settings.storage.database_file
    if file is not None and not file.exists():
        return
    with opened(settings) as database:
        yield from check_pauses(database.control)
        yield from check_accounts(settings.console, database.accounts)
        yield from check_alarms(database.alarms)
        yield from check_waiting(database.jobs, settings, datetime.now(UTC))


def check_bundles(settings: Settings) -> Iterator[Check]:
    """Tell which bundles are served, and which are demonstrations."""
    notes = ServingNotes(settings.storage.home)
    used = in_use_now(settings)
    for problem in unknown_bundles(settings.rule, [manifest.name for manifest in manifests_of(used)]):
        mend = "no series is decided on until it is; `hounsfield bundle list` shows what is installed, activate it"
        yield Check("bundle", Level.PROBLEM, f"{problem.key}: {problem.wrong} in use", mend)
    for folder in (one.folder for one in used):
        errors = [problem for problem in lint(folder) if problem.severity is Severity.ERROR]
        if errors:
            first = errors[0]
            what = ": ".join(part for part in (first.file, first.key, first.message) if part)
            mend = f"`hounsfield bundle lint {folder}` lists all; install the bundle again"
            yield Check("bundle", Level.PROBLEM, f"{folder}: {what}", mend)
            continue
        manifest = Manifest.read(folder)
        label = f"{manifest.name} {manifest.version}"
        note = notes.of(open_bundle(folder).sha256)
        if note is not None and note.state in (ServingState.DRIFTED, ServingState.REFUSED):
            mend = (
                f"its series are reported as not analysed; `hounsfield bundle selftest {manifest.name}` tries it now, "
                "the next start of the worker too"
            )
            yield Check("bundle", Level.PROBLEM, f"{label}: the worker does not serve it: {note.words}", mend)
            continue
        if manifest.clinical:
            yield Check("bundle", Level.OK, f"{label}: {manifest.title}")
        else:
            mend = (
                "fine for a trial: it delivers only to this machine unless a destination has allow_demonstration = true"
            )
            yield Check("bundle", Level.WARNING, f"{label}: {manifest.banner or 'not for clinical use'}", mend)


def check_device(settings: Settings) -> Check:
    """Tell where TensorFlow would run, asked in another process; and whether the worker has lost its GPU."""
    if ServingNotes(settings.storage.home).is_device_lost(datetime.now(UTC)):
        mend = 'see the service\'s log and the driver; with worker.device = "auto" the CPU is taken for an hour'
        return Check("tensorflow", Level.WARNING, "the worker has lost its device within the last hour", mend)
    try:
        answer = ask("device", settings.worker.device)
    except CommandFailed as failure:
        mend = 'install the extra `gpu` and its driver, or set worker.device = "cpu"'
        return Check("tensorflow", Level.PROBLEM, failure.problem, mend)
    return Check("tensorflow", Level.OK, f"worker.device {settings.worker.device}: runs on {answer['device']}")


def check_destinations(settings: Settings) -> Iterator[Check]:
    """Tell which destinations answer, and what will surprise about them."""
    for destination in settings.destination:
        if destination.folder is not None and destination.kind == "folder":
            yield _check_folder(destination.name, destination.folder)
        if destination.kind != "dicom":
            continue
        label = f"{destination.name} ({destination.where})"
        try:
            seconds = scu.echo(scu.peer_of(destination, settings.dicom.ae_title), ECHO_SECONDS)
        except PeerFailed as failure:
            mend = "results wait and are sent when it answers; check address, AE titles and firewall on both sides"
            yield Check("destination", Level.PROBLEM, f"{label}: {failure.problem}", mend)
        else:
            yield Check("destination", Level.OK, f"{label} answered in {seconds * 1000:.0f} ms")
    for warning in warnings_of(settings, manifests_of(in_use_now(settings))):
        yield Check("configuration", Level.WARNING, warning)


def _check_folder(name: str, folder: Path) -> Check:
    from hounsfield.daemon.delivery.folder_transport import takes_files

    if takes_files(folder):
        return Check("destination", Level.OK, f"{name}: {folder} takes files")
    mend = "make the folder, or mount it, and give the service's user write access; it is never made by us"
    return Check("destination", Level.PROBLEM, f"{name}: {folder} is not there or takes no files", mend)


def _nearest_existing(folder: Path) -> Path:
    return next(path for path in (folder, *folder.parents) if path.exists())
