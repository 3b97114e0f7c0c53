"""The reports that arrive in the PACS, from its change log, and what they say."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from models import SCORE
from pydicom.uid import CTImageStorage
from support.peers import Orthanc

_PROBABILITY = "122157"
_MOST = 1000
Tags = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Arrival:
    """An object that is in the PACS."""

    at: float
    """When the change log showed it (time.perf_counter)."""
    study: str
    """Study Instance UID."""
    modality: str
    tags: Tags

    @property
    def is_report(self) -> bool:
        """Whether it is a structured report."""
        return self.modality == "SR"

    @property
    def images(self) -> int:
        """How many CT images its evidence names (PS3.3 C.17.2.3), whatever the sequence; ours names its pages, too."""
        evidence = ("CurrentRequestedProcedureEvidenceSequence", "PertinentOtherEvidenceSequence")
        named = {
            item["ReferencedSOPInstanceUID"]
            for name in evidence
            for study in self.tags.get(name, [])
            for series in study["ReferencedSeriesSequence"]
            for item in series["ReferencedSOPSequence"]
            if item["ReferencedSOPClassUID"] == CTImageStorage
        }
        return len(named)

    @property
    def score(self) -> float:
        """The first probability it tells. Raises ValueError if it tells none."""
        found = next(_scores(self.tags), None)
        if found is None:
            raise ValueError("a report without a score")
        return found


class ChangeLog:
    """What comes into an Orthanc from now on."""

    def __init__(self, pacs: Orthanc) -> None:
        self._pacs = pacs
        self._seen = int(json.loads(pacs.get("/changes?last"))["Last"])

    def look(self) -> list[Arrival]:
        """Return what has come since the last look."""
        found = json.loads(self._pacs.get(f"/changes?since={self._seen}&limit={_MOST}"))
        at = time.perf_counter()
        self._seen = int(found["Last"])
        new = [one["ID"] for one in found["Changes"] if one["ChangeType"] == "NewInstance"]
        return [self._arrival(at, one) for one in new]

    def _arrival(self, at: float, identifier: str) -> Arrival:
        tags = json.loads(self._pacs.get(f"/instances/{identifier}/simplified-tags"))
        return Arrival(at, tags["StudyInstanceUID"], tags["Modality"], tags)


def _scores(item: Tags) -> Iterator[float]:
    """Yield the scores of a content tree, in its order: ours and those of highdicom are NUM, the router has TEXT."""
    name = (item.get("ConceptNameCodeSequence") or [{}])[0]
    if item.get("ValueType") == "NUM" and name.get("CodeValue") == _PROBABILITY:
        yield float(item["MeasuredValueSequence"][0]["NumericValue"])
    if item.get("ValueType") == "TEXT" and name.get("CodeMeaning") == SCORE:
        yield float(item["TextValue"])
    for child in item.get("ContentSequence") or []:
        yield from _scores(child)
