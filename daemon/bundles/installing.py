"""Installs a bundle: copied, verified and proven before it is there under its name, all of it or nothing."""

from collections.abc import Callable
from pathlib import Path

from hounsfield.daemon.bundles.files import take
from hounsfield.daemon.bundles.installed import InstalledBundles, InstallRefused
from hounsfield.model.bundle import Bundle, open_bundle
from hounsfield.model.errors import BundleError
from hounsfield.model.lint import Severity, lint

Prove = Callable[[Path], None]
"""Runs the self-test of the bundle in a folder; raises InstallRefused where it is not passed."""

_SHOWN = 8


def install(source: Path, bundles: InstalledBundles, prove: Prove) -> Bundle:
    """Install the bundle at ``source`` (a folder or a zip archive) and return it; it is not used yet.

    What is installed already with the same content stays as it is. Raises InstallRefused, naming what is wrong with
    it, and OSError for a full disk.
    """
    with bundles.changing():
        staged = bundles.staging()
        try:
            take(source, staged)
            _refuse_errors(source, staged)
            prove(staged)
            return bundles.add(open_bundle(staged))
        except BundleError as error:
            raise InstallRefused(str(error).replace(str(staged), str(source))) from error


def _refuse_errors(source: Path, staged: Path) -> None:
    errors = [problem for problem in lint(staged) if problem.severity is Severity.ERROR]
    if errors:
        shown = "; ".join(
            ": ".join(part for part in (one.file, one.key, one.message.replace(str(staged), str(source))) if part)
            for one in errors[:_SHOWN]
        )
        more = f"; and {len(errors) - _SHOWN} more" if len(errors) > _SHOWN else ""
        raise InstallRefused(f"{source}: {shown}{more}", "`hounsfield bundle lint` lists all that is wrong with it")
