"""The line on standard output that says that senders may come; scripts and service tests wait for it."""

import sys

from hounsfield.daemon.config.reception import DicomSettings


def announce(dicom: DicomSettings, port: int) -> None:
    """Write it; ``port`` is the real one where 0 was configured."""
    sys.stdout.write(f"ready dicom={dicom.host}:{port} ae={dicom.ae_title}\n")
    sys.stdout.flush()
