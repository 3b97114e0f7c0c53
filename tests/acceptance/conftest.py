"""One Orthanc for the acceptance tests, and what they ask it."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from support.peers import Orthanc, orthanc


@pytest.fixture(scope="session")
def pacs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    with orthanc(tmp_path_factory.mktemp("orthanc")) as server:
        yield server


@pytest.fixture(scope="session")
def destination(pacs: Orthanc) -> dict[str, Any]:
    return {"name": "pacs", "ae_title": pacs.ae_title, "host": "127.0.0.1", "port": pacs.dicom_port}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"
