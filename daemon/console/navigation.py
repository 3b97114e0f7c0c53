"""The pages that stand at the top of every page."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entry:
    """One of them."""

    path: str
    title: str
    address: str = ""
    """With a query, where the page opens filtered; empty: the path."""

    @property
    def link(self) -> str:
        """Where a click leads."""
        return self.address or self.path

    def holds(self, path: str) -> bool:
        """Whether a page belongs under this entry."""
        return path == self.path or (self.path != "/" and path.startswith(f"{self.path}/"))


ENTRIES = (
    Entry("/", "Overview"),
    Entry("/jobs", "Jobs"),
    Entry("/series", "Series", "/series?state=HELD"),
    Entry("/sites", "Scanners and destinations"),
    Entry("/models", "Models"),
    Entry("/settings", "Settings"),
)
