"""``storage.home``: the folder in which everything lies, made for its owner only."""

from pathlib import Path

from hounsfield.daemon.config.settings import Settings
from hounsfield.daemon.errors import ConfigurationError, ConfigurationProblem

KEY = "storage.home"


def prepare_home(settings: Settings) -> Path:
    """Make the folder and those in it that are ours; raise :class:`ConfigurationError` where that is impossible."""
    home = settings.storage.home
    try:
        for folder in (home, home / "previews", home / "bundles"):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        problem = ConfigurationProblem(
            source=settings.origin.name(KEY),
            key=KEY,
            wrong=f'"{home}" cannot be used ({error.strerror})',
            allowed="name a folder that the user of the service may write to",
        )
        raise ConfigurationError((problem,)) from None
    return home
