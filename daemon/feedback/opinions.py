"""Which documents say something about our results, and what. Pure."""

from typing import Final

from hounsfield.daemon.config.destinations import FeedbackSettings
from hounsfield.storage.feedback import Opinion

KEY_OBJECTS: Final = "1.2.840.10008.5.1.4.1.1.88.59"
_REPORTS: Final = "1.2.840.10008.5.1.4.1.1.88."
REJECTION_TITLES: Final = frozenset({"113001,DCM", "113037,DCM"})
"""Titles of Key Object rejection notes (CID 7011) that are about what a result says: quality and patient safety.

Those for a wrong worklist entry (113038) and for data that are too old (113039) say nothing about it.
"""


class Opinions:
    """Reads opinions from titles, as ``[feedback]`` says."""

    def __init__(self, settings: FeedbackSettings) -> None:
        self._agree = frozenset(settings.agree)
        self._disagree = frozenset(settings.disagree)

    def of_result(self, sop_class_uid: str, title: str) -> Opinion | None:
        """Return what a document says about the results it refers to; None: nothing."""
        if sop_class_uid == KEY_OBJECTS and title in REJECTION_TITLES:
            return Opinion.DISAGREE
        return self._configured(title) if sop_class_uid.startswith(_REPORTS) else None

    def of_images(self, sop_class_uid: str, title: str) -> Opinion | None:
        """Return what a document that refers to images only says about the results on them."""
        return self._configured(title) if sop_class_uid == KEY_OBJECTS else None

    def _configured(self, title: str) -> Opinion | None:
        if title in self._disagree:
            return Opinion.DISAGREE
        return Opinion.AGREE if title in self._agree else None
