"""``storage.home`` and ``storage.shared``: the folders in which everything lies, made for their owner only."""

from contextlib import suppress
from pathlib import Path

from hounsfield.daemon.config.settings import Settings
from hounsfield.daemon.errors import ConfigurationError
from hounsfield.daemon.kept import kept

KEY = "storage.home"
_DRAWN_ONCE = ("log.key", "device_uid")


def prepare_home(settings: Settings) -> Path:
    """Make the folders and those in them that are ours; raise :class:`ConfigurationError` where that is impossible.

    What is drawn once for a site and lies in ``storage.home`` goes along when ``storage.shared`` is set for the first
    time: logs of before and after have the same hashes then, and results keep their device.
    """
    home, shared = settings.storage.home, settings.storage.shared_folder
    _make(settings, KEY, home, (home,))
    _make(settings, settings.storage.shared_key, shared, (shared, shared / "previews", shared / "bundles"))
    if shared != home:
        for name in _DRAWN_ONCE:
            with suppress(FileNotFoundError):
                kept(shared / name, (home / name).read_bytes)
    return home


def _make(settings: Settings, key: str, named: Path, folders: tuple[Path, ...]) -> None:
    try:
        for folder in folders:
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        wrong = f'"{named}" cannot be used ({error.strerror})'
        allowed = "name a folder that the user of the service may write to"
        raise ConfigurationError((settings.origin.problem(key, wrong, allowed),)) from None
