"""Recognises results of ours that a PACS sends back, whatever it has changed in them.

Reception knows those that still have their SOP Instance UID or our Manufacturer. An archive may give new UIDs, name
itself as the maker, or store under other equipment; what is left of several independent marks decides here.
"""

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Final

from hounsfield.daemon.feedback.collector import Companion
from hounsfield.daemon.feedback.documents import DocumentReader
from hounsfield.model.headers import SliceHeader
from hounsfield.storage.feedback import FeedbackStore
from hounsfield.storage.records import InstanceRecord
from hounsfield.storage.states import InstanceRole

MOST_COMPANIONS: Final = 200
"""Companions of one series that are looked into: the newest."""
MOST_HONEST: Final = 5
"""Derived images of one series that turn out to be another's, until the rest are believed to be as well."""


class OwnResultFinder:
    """Tells results of ours from what others made."""

    def __init__(self, documents: DocumentReader, store: FeedbackStore) -> None:
        self._documents = documents
        self._store = store

    def sort_out(self, instances: Sequence[InstanceRecord]) -> tuple[tuple[InstanceRecord, ...], tuple[Companion, ...]]:
        """Return the instances with results of ours as such, and the companions among the others."""
        known = self._store.are_ours([one.sop_instance_uid for one in instances])
        newest = [one for one in instances if one.role is InstanceRole.COMPANION][-MOST_COMPANIONS:]
        companions = [Companion(instance=one, document=self._documents.read(one)) for one in newest]
        ours = {one.id for one in instances if one.sop_instance_uid in known}
        ours |= {one.instance.id for one in companions if one.document.has_our_marks}
        return relabelled(instances, ours), tuple(one for one in companions if one.instance.id not in ours)

    def is_ours(self, instance: InstanceRecord) -> bool:
        """Whether an image that a model could be given is a page of ours that an archive made a CT image of.

        Who contributed to an image does not make it ours.
        """
        return self._documents.read(instance).made_by_us


def is_derived(slices: Sequence[SliceHeader]) -> bool:
    """Whether an image calls itself derived, as our pages do."""
    return bool(slices) and slices[0].image_type[:1] == ("DERIVED",)


def relabelled(instances: Sequence[InstanceRecord], ours: Collection[int]) -> tuple[InstanceRecord, ...]:
    """Return the instances, those with an id among ``ours`` in the role of a result of ours."""
    return tuple(replace(one, role=InstanceRole.OWN_RESULT) if one.id in ours else one for one in instances)
