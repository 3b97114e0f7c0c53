"""Orthanc and DCMTK's dcmqrscp tell how many images they hold of a series."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom import dcmread
from support.peers import Orthanc, accepts_connections, free_port, orthanc, require_binary, running
from support.query_peers import peer_at
from support.sending import dcmsend
from support.waiting import wait_until

from hounsfield.daemon.query.archive import Unanswered, Why
from hounsfield.daemon.query.series_images import images_of
from hounsfield.model.phantom.series import PhantomSpec, write_series

DCMQRSCP = """\
NetworkTCPPort = {port}
MaxPDUSize = 16384
MaxAssociations = 4
HostTable BEGIN
HostTable END
VendorTable BEGIN
VendorTable END
AETable BEGIN
DCMQR {folder} RW (10, 1024mb) ANY
AETable END
"""


@pytest.fixture(scope="module")
def series(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return write_series(tmp_path_factory.mktemp("series"), PhantomSpec(seed=12, slices=9))


def uids(files: list[Path]) -> tuple[str, str]:
    header = dcmread(files[0], stop_before_pixels=True)
    return str(header.StudyInstanceUID), str(header.SeriesInstanceUID)


@pytest.fixture(scope="module")
def pacs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    with orthanc(tmp_path_factory.mktemp("pacs")) as server:
        yield server


def test_orthanc_tells_what_it_holds_and_what_came_since(pacs: Orthanc, series: list[Path]) -> None:
    peer = peer_at(pacs.dicom_port, pacs.ae_title)
    with pytest.raises(Unanswered) as caught:
        images_of(peer, *uids(series))
    assert caught.value.why is Why.NO_MATCH
    dcmsend(pacs.dicom_port, series[:5], called=pacs.ae_title)
    assert images_of(peer, *uids(series)) == 5
    dcmsend(pacs.dicom_port, series[5:], called=pacs.ae_title)
    assert images_of(peer, *uids(series)) == 9


def test_orthanc_called_by_another_name_rejects(pacs: Orthanc, series: list[Path]) -> None:
    with pytest.raises(Unanswered) as caught:
        images_of(peer_at(pacs.dicom_port, "SOMEBODY"), *uids(series))
    assert caught.value.why is Why.REJECTED


def test_dcmqrscp_which_does_not_count_is_read_all_the_same(tmp_path: Path, series: list[Path]) -> None:
    """It returns the series without a number: then nothing is known, and nothing is wrong with the archive."""
    program, port = require_binary("dcmqrscp"), free_port()
    folder, settings = tmp_path / "archive", tmp_path / "dcmqrscp.cfg"
    folder.mkdir()
    settings.write_text(DCMQRSCP.format(port=port, folder=folder))
    with running([program, "-c", settings], tmp_path / "log"):
        wait_until(lambda: accepts_connections(port), 20)
        dcmsend(port, series, called="DCMQR")
        with pytest.raises(Unanswered) as caught:
            images_of(peer_at(port, "DCMQR"), *uids(series))
        assert caught.value.why is Why.NONSENSE
        with pytest.raises(Unanswered) as caught:
            images_of(peer_at(port, "DCMQR"), "1.2.3", "1.2.3.4")
        assert caught.value.why is Why.NO_MATCH
