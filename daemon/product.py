"""Who made a result, as it says itself: by this others know our objects, and so do we when they come back."""

from importlib.metadata import PackageNotFoundError, version
from typing import Final

PRODUCT: Final = "hounsfield"
MANUFACTURER: Final = "Hounsfield project"


def software_version() -> str:
    """Return the version of this package."""
    try:
        return version(PRODUCT)
    except PackageNotFoundError:
        return "unknown"
