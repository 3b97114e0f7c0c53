"""Where a value came from, and under which name."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from hounsfield.daemon.errors import ConfigurationProblem

SourceKind = Literal["default", "file", "environment"]


def variable_of(key: str) -> str:
    """Return the environment variable that sets ``dicom.port`` or the array that ``peer[0].host`` stands in."""
    if "[" in key or "." not in key:
        return "HOUNSFIELD_" + key.split("[")[0].upper()
    return "HOUNSFIELD_" + key.upper().replace(".", "__")


@dataclass(frozen=True, slots=True, kw_only=True)
class RenamedKey:
    """A key that was given under the name that it had in an older version."""

    old: str
    """Dotted, as :class:`~hounsfield.daemon.errors.ConfigurationProblem` has it."""
    new: str
    source: str

    def __str__(self) -> str:
        return f"{self.source}: {self.old} is called {self.new} now. It still counts; write the new name"


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """The keys that were set, by source; a whole array comes from one source."""

    file: Path | None = None
    file_keys: frozenset[str] = frozenset()
    environment_keys: frozenset[str] = frozenset()
    """Dotted, or the bare name of an array."""
    renamed: tuple[RenamedKey, ...] = ()
    """The keys that were given under an old name; everything else here has the new names."""

    def kind(self, key: str) -> SourceKind:
        """Return where the value of ``key`` came from."""
        if key in self.environment_keys or key.split("[")[0] in self.environment_keys:
            return "environment"
        return "file" if key in self.file_keys else "default"

    def name(self, key: str) -> str:
        """Return the source of ``key`` for an error message: the file, unless the environment set it."""
        if self.kind(key) == "environment" or self.file is None:
            return f"environment variable {variable_of(key)}"
        return str(self.file)

    def problem(self, key: str, wrong: str, allowed: str) -> ConfigurationProblem:
        """Return what is wrong with ``key``, told with the source that set it."""
        return ConfigurationProblem(source=self.name(key), key=key, wrong=wrong, allowed=allowed)
