"""What a PACS holds of our results."""

import io
from collections.abc import Sequence

from pydicom import Dataset, dcmread
from support.peers import Orthanc

COMPREHENSIVE_3D_SR = "1.2.840.10008.5.1.4.1.1.88.34"
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"


def reports_on(pacs: Orthanc, series_uid: str, sop_class: str = COMPREHENSIVE_3D_SR) -> list[Dataset]:
    """Return the reports in the PACS whose evidence names the series."""
    found = [dcmread(io.BytesIO(file)) for file in pacs.files()]
    return [d for d in found if d.SOPClassUID == sop_class and series_uid in evidence_series(d)]


def evidence_series(report: Dataset) -> list[str]:
    """Return the Series Instance UIDs in Current Requested Procedure Evidence."""
    studies: Sequence[Dataset] = report.get("CurrentRequestedProcedureEvidenceSequence", [])
    return [str(series.SeriesInstanceUID) for study in studies for series in study.ReferencedSeriesSequence]


def companions_in(pacs: Orthanc, study_uid: str) -> list[Dataset]:
    """Return the secondary captures of a study."""
    found = [dcmread(io.BytesIO(file)) for file in pacs.files()]
    return [d for d in found if d.SOPClassUID == SECONDARY_CAPTURE and d.StudyInstanceUID == study_uid]
