"""Which names may become labels of metrics: few, and none that a stranger chose."""

from collections.abc import Collection

OTHER = "other"


class ConfiguredNames:
    """Names of the configuration; everything else is ``other``."""

    def __init__(self, names: Collection[str]) -> None:
        self._names = frozenset(names)

    def __call__(self, name: str) -> str:
        """Return the label for a name."""
        return name if name in self._names else OTHER


class BoundedNames:
    """The first so many names that come; everything else is ``other``. For names that the operator gave."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._names: set[str] = set()

    def __call__(self, name: str) -> str:
        """Return the label for a name."""
        if name not in self._names and len(self._names) < self._most:
            self._names.add(name)
        return name if name in self._names else OTHER
