"""What one writes in an afternoon: a Storage SCP that waits for silence, predicts, and sends a report. A peer.

    python benchmarks/end_to_end/plain.py --port 11112 --folder FOLDER --pacs-port 4242 --pacs-ae ORTHANC --quiet 3

pynetdicom receives into files, one thread does the rest with pydicom, numpy, Keras and highdicom, one study after the
other. Nothing is synced, checked, stored or tried again.
"""

import argparse
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import highdicom as hd
from models import KerasModel, in_order
from pydicom import Dataset, dcmread
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian
from pynetdicom import AE, evt

AE_TITLE = "PLAIN"
_LOOK_SECONDS = 0.1
_PROBABILITY = Code("122157", "DCM", "Probability")
_HAEMORRHAGE = Code("1386000", "SCT", "Intracranial hemorrhage")


class Inbox:
    """A folder for each study, and when its last image came."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: dict[str, float] = {}
        self._lock = threading.Lock()

    def store(self, event: evt.Event) -> int:
        """Answer a C-STORE."""
        study = str(event.dataset.StudyInstanceUID)
        folder = self._folder / study
        folder.mkdir(exist_ok=True)
        (folder / f"{event.request.AffectedSOPInstanceUID}.dcm").write_bytes(event.encoded_dataset())
        with self._lock:
            self._seen[study] = time.monotonic()
        return 0x0000

    def silent(self, seconds: float) -> list[Path]:
        """Return the folders of the studies that got nothing for so long, and forget them."""
        with self._lock:
            found = [study for study, at in self._seen.items() if time.monotonic() - at >= seconds]
            for study in found:
                del self._seen[study]
        return [self._folder / study for study in found]


def report(images: Sequence[Dataset], score: float) -> Dataset:
    """Return a measurement report (TID 1500) with one score."""
    device = hd.sr.DeviceObserverIdentifyingAttributes(uid=hd.UID(), name="plain")
    observer = hd.sr.ObserverContext(observer_type=codes.DCM.Device, observer_identifying_attributes=device)
    group = hd.sr.MeasurementsAndQualitativeEvaluations(
        tracking_identifier=hd.sr.TrackingIdentifier(uid=hd.UID(), identifier="series"),
        finding_type=_HAEMORRHAGE,
        measurements=[hd.sr.Measurement(name=_PROBABILITY, value=round(score, 6), unit=codes.UCUM.NoUnits)],
    )
    content = hd.sr.MeasurementReport(
        observation_context=hd.sr.ObservationContext(observer_device_context=observer),
        procedure_reported=Code("25045-6", "LN", "CT unspecified body region"),
        imaging_measurements=[group],
    )
    return hd.sr.ComprehensiveSR(
        evidence=list(images),
        content=content[0],
        series_instance_uid=hd.UID(),
        series_number=900,
        sop_instance_uid=hd.UID(),
        instance_number=1,
        manufacturer="plain",
    )


def deliver(result: Dataset, port: int, ae_title: str) -> None:
    """Send it to the PACS."""
    entity = AE(ae_title=AE_TITLE)
    entity.add_requested_context(result.SOPClassUID, ExplicitVRLittleEndian)
    association = entity.associate("127.0.0.1", port, ae_title=ae_title)
    association.send_c_store(result)
    association.release()


def main() -> None:
    """Serve until killed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("--port", "--pacs-port"):
        parser.add_argument(name, type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--pacs-ae", required=True)
    parser.add_argument("--quiet", type=float, default=3.0, help="seconds of silence that end a study (default: 3)")
    options = parser.parse_args()
    model = KerasModel.load()
    inbox = Inbox(options.folder)
    entity = AE(ae_title=AE_TITLE)
    entity.maximum_associations = 100
    entity.add_supported_context(CTImageStorage, ExplicitVRLittleEndian)
    entity.start_server(("127.0.0.1", options.port), block=False, evt_handlers=[(evt.EVT_C_STORE, inbox.store)])
    while True:
        time.sleep(_LOOK_SECONDS)
        for folder in inbox.silent(options.quiet):
            images = in_order([dcmread(path) for path in folder.iterdir()])
            deliver(report(images, model.score(images)), options.pacs_port, options.pacs_ae)


if __name__ == "__main__":
    main()
