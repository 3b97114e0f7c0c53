"""An Orthanc that forwards as docs/for-pacs-admins.md tells its administrator."""

import re
from pathlib import Path

from pydicom import dcmread
from support.ct_factory import ct_series, write_series
from support.datasets import dataset_bytes
from support.peers import orthanc
from support.reception import receiving
from support.reports import request, series
from support.sending import dcmsend
from support.waiting import wait_until

from hounsfield.daemon.results.registry import build
from hounsfield.storage.states import Outcome

PAGE = Path(__file__).resolve().parents[3] / "docs" / "for-pacs-admins.md"


def script(folder: Path) -> Path:
    """The Lua script of the page, as a file."""
    (code,) = re.findall(r"```lua\n(.*?)```", PAGE.read_text(), re.DOTALL)
    file = folder / "hounsfield.lua"
    file.write_text(code)
    return file


def our_result(folder: Path) -> Path:
    """A secondary capture of ours that an archive has filed as CT, which is the worst it can do."""
    (capture,) = [one for one in build(request(Outcome.NEGATIVE, sources=series()), ("sc",)) if one.role == "sc"]
    file = folder / "result.dcm"
    file.write_bytes(capture.content)
    filed = dcmread(file)
    filed.Modality = "CT"
    filed.save_as(file)
    return file


def test_a_series_is_forwarded_whole_when_it_is_stable_and_our_results_are_not(tmp_path: Path) -> None:
    paths = write_series(tmp_path / "series", ct_series(4, name="forwarded"))
    with (
        receiving(tmp_path / "reception") as reception,
        orthanc(tmp_path / "pacs", reports_to=reception.port, script=script(tmp_path)) as pacs,
    ):
        dcmsend(pacs.dicom_port, [our_result(tmp_path)], called="ORTHANC")
        dcmsend(pacs.dicom_port, paths, called="ORTHANC")
        wait_until(lambda: len(reception.digests()) >= len(paths), 30)
        wait_until(lambda: len(reception.endings()) >= 1, 10)
        assert sorted(reception.stored()) == sorted(dataset_bytes(path) for path in paths)
        assert len(pacs.instances()) == len(paths) + 1
