"""An archive that says who the patient of a study is (Study Root C-FIND at level STUDY)."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pydicom import Dataset
from pynetdicom import AE, evt

STUDY_ROOT_FIND = "1.2.840.10008.5.1.4.1.2.2.1"


@contextmanager
def study_archive(patients: dict[str, Dataset]) -> Iterator[int]:
    """Answer for the studies (UID) of ``patients``, which may change meanwhile; give the port."""

    def answer(event: Any) -> Iterator[tuple[int, Dataset | None]]:
        patient = patients.get(str(event.identifier.StudyInstanceUID))
        if patient is not None:
            match = Dataset()
            match.update(patient)
            match.QueryRetrieveLevel = "STUDY"
            match.StudyInstanceUID = event.identifier.StudyInstanceUID
            yield 0xFF00, match
        yield 0x0000, None

    entity = AE("ARCHIVE")
    entity.add_supported_context(STUDY_ROOT_FIND)
    server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_FIND, answer)])
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
