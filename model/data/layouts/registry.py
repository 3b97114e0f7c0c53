"""Which configuration is listed by which layout."""

from pathlib import Path
from typing import Any, Final, Protocol

from hounsfield.model.data.config import Cq500Config, DataSet, ImagesConfig, RsnaConfig, SeriesConfig
from hounsfield.model.data.layouts import cq500, images, rsna, series
from hounsfield.model.data.listing import Listing


class Layout(Protocol):
    """A layout of files. ``config`` is the model that its name stands for in ``config.LAYOUTS``."""

    def __call__(self, config: Any, root: Path) -> Listing:
        """List the data set below ``root``. Raises DataError for a table that cannot be used."""


_LAYOUTS: Final[dict[type, Layout]] = {
    ImagesConfig: images.list_images,
    SeriesConfig: series.list_series,
    RsnaConfig: rsna.list_rsna,
    Cq500Config: cq500.list_cq500,
}
"""A new layout joins here and in ``config.LAYOUTS``."""


def list_files(data: DataSet) -> Listing:
    """List a data set of files. Raises DataError for generated ones, and for a table that cannot be used."""
    return _LAYOUTS[type(data.files)](data.files, data.root)
