"""The SOP classes of the services that we name, and of our own results (PS3.4 B.5)."""

from typing import Final

VERIFICATION: Final = "1.2.840.10008.1.1"
COMMITMENT: Final = "1.2.840.10008.1.20.1"
"""Storage Commitment Push Model."""
STUDY_ROOT_FIND: Final = "1.2.840.10008.5.1.4.1.2.2.1"

COMPREHENSIVE_3D_SR: Final = "1.2.840.10008.5.1.4.1.1.88.34"
SECONDARY_CAPTURE: Final = "1.2.840.10008.5.1.4.1.1.7"
KEY_OBJECT_SELECTION: Final = "1.2.840.10008.5.1.4.1.1.88.59"
PRESENTATION_STATE: Final = "1.2.840.10008.5.1.4.1.1.11.1"
"""Grayscale Softcopy Presentation State."""
