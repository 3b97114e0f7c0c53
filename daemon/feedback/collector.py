"""Links readers' documents to the results they are about, and keeps what they say."""

from collections.abc import Sequence
from dataclasses import dataclass

from hounsfield.daemon.feedback.documents import Document
from hounsfield.daemon.feedback.opinions import Opinions
from hounsfield.storage.feedback import Feedback, FeedbackStore, Mention, Opinion
from hounsfield.storage.records import InstanceRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class Companion:
    """An instance that is no image to analyse and no result of ours, and what it says of itself."""

    instance: InstanceRecord
    document: Document


class FeedbackCollector:
    """Finds feedback among the companions of a series. May see the same ones any number of times."""

    def __init__(self, store: FeedbackStore, opinions: Opinions) -> None:
        self._store = store
        self._opinions = opinions

    def collect(self, companions: Sequence[Companion]) -> int:
        """Keep what is said about results of ours and return how much of it is new."""
        return self._store.add([one for companion in companions for one in self._feedback(companion)])

    def _feedback(self, companion: Companion) -> list[Feedback]:
        instance, document = companion.instance, companion.document
        opinion, mentions = self._about(companion)
        if opinion is None:
            return []
        return [
            Feedback(
                sop_instance_uid=instance.sop_instance_uid,
                about_uid=mention.about_uid,
                job_id=mention.job_id,
                opinion=opinion,
                title=document.title,
                calling_ae=instance.calling_ae,
                received_at=instance.received_at,
            )
            for mention in mentions
        ]

    def _about(self, companion: Companion) -> tuple[Opinion | None, list[Mention]]:
        instance, document = companion.instance, companion.document
        opinion = self._opinions.of_result(instance.sop_class_uid, document.title)
        if opinion is None or not document.references:
            return None, []
        mentions = self._store.mentioned(document.references)
        if mentions:
            return opinion, mentions
        opinion = self._opinions.of_images(instance.sop_class_uid, document.title)
        if opinion is None:
            return None, []
        return opinion, self._store.about_images(document.references, instance.received_at)
