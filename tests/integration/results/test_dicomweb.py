"""What we store by C-STORE comes back by DICOMweb as we sent it."""

from pathlib import Path

import pytest
from pydicom import dcmread
from support.destinations import route
from support.peers import orthanc
from support.reports import request, series

from hounsfield.daemon.delivery.scu import send
from hounsfield.daemon.results.registry import WRITERS, build

UMLAUTS = {"SpecificCharacterSet": "ISO_IR 192", "PatientName": "Müller^Jörg"}
JAPANESE = {"SpecificCharacterSet": ["", "ISO 2022 IR 87"], "PatientName": "Yamada^Tarou=山田^太郎=やまだ^たろう"}


@pytest.mark.parametrize("source", [UMLAUTS, JAPANESE], ids=["umlauts", "japanese"])
def test_results_read_by_wado_rs_equal_what_was_sent(tmp_path: Path, source: dict[str, object]) -> None:
    paths = []
    for built in build(request(sources=series(**source)), tuple(WRITERS)):
        paths.append(tmp_path / f"{built.sop_instance_uid}.dcm")
        paths[-1].write_bytes(built.content)
    with orthanc(tmp_path / "pacs", dicomweb=True) as pacs:
        sent = send(route(pacs.dicom_port, pacs.ae_title), paths)
        assert [one.status for one in sent.sent] == [0] * len(paths)
        for path in paths:
            ours = dcmread(path)
            read = pacs.wado(str(ours.StudyInstanceUID), str(ours.SeriesInstanceUID), str(ours.SOPInstanceUID))
            assert _data_set(read) == _data_set(path.read_bytes())


def _data_set(file: bytes) -> bytes:
    """Return the file without preamble and file meta information, which belong to whoever wrote the file."""
    length = int.from_bytes(file[140:144], "little")
    return file[144 + length :]
