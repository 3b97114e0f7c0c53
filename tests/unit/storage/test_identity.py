"""Whether a folder is the one that the database knows, while several processes ask for the first time."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from hounsfield.storage.identity import NotTheFolder, identity_of, settle_identity

NOW = datetime(2026, 11, 26, tzinfo=UTC)


@dataclass
class Facts:
    """Facts of a site in memory; somebody else may settle a folder just before they are read."""

    values: dict[str, str] = field(default_factory=dict)
    settled_meanwhile: Path | None = None

    def get(self, name: str) -> str | None:
        if self.settled_meanwhile is not None:
            folder, self.settled_meanwhile = self.settled_meanwhile, None
            settle_identity(folder, self, name, NOW)
        return self.values.get(name)

    def keep(self, name: str, value: str, now: datetime) -> str:
        return self.values.setdefault(name, value)

    def replace(self, name: str, value: str, now: datetime) -> None:
        self.values[name] = value


def test_a_process_that_looks_while_another_settles_the_folder_takes_what_it_wrote(tmp_path: Path) -> None:
    facts = Facts(settled_meanwhile=tmp_path)
    settle_identity(tmp_path, facts, "spool", NOW)
    assert identity_of(tmp_path) == facts.values["spool"]


def test_a_folder_that_lost_its_file_is_not_the_one_that_the_database_knows(tmp_path: Path) -> None:
    facts = Facts()
    settle_identity(tmp_path, facts, "spool", NOW)
    (tmp_path / "identity").unlink()
    with pytest.raises(NotTheFolder):
        settle_identity(tmp_path, facts, "spool", NOW)
