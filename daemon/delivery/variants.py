"""Results under other SOP classes: made when a destination first needs one, durable before it is sent, then kept."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from hounsfield.daemon.errors import DeliveryError
from hounsfield.daemon.results.relabel import FALLBACKS, relabel
from hounsfield.storage.ports import JobStore
from hounsfield.storage.records import JobRecord, ResultObject
from hounsfield.storage.results import ResultFiles


class ResultVariants:
    """See :class:`~hounsfield.daemon.delivery.scu.Variants`; of the objects of one job's result set."""

    def __init__(self, job: JobRecord, jobs: JobStore, files: ResultFiles) -> None:
        self._result_set_id = job.result_set_id or 0
        self._jobs = jobs
        self._files = files

    def classes(self, sop_class_uid: str) -> Sequence[str]:
        """Return what a report may be given under."""
        return FALLBACKS.get(sop_class_uid, ())

    def file(self, sop_instance_uid: str, sop_class_uid: str) -> Path | None:
        """Return the file that was made before, or make it. Raise DeliveryError if it was changed on disk."""
        result = self._jobs.result_set(self._result_set_id)
        objects = () if result is None else result.objects
        for one in objects:
            if one.variant_of == sop_instance_uid and one.sop_class_uid == sop_class_uid:
                if not self._files.verify(one.sop_instance_uid, one.sha256):
                    raise DeliveryError("a result file was changed", "restore it from a backup of the results folder")
                return self._files.path(one.sop_instance_uid)
        original = next((one for one in objects if one.sop_instance_uid == sop_instance_uid), None)
        return None if original is None else self._make(original, sop_class_uid)

    def _make(self, original: ResultObject, sop_class_uid: str) -> Path | None:
        content = self._files.path(original.sop_instance_uid).read_bytes()
        if hashlib.sha256(content).hexdigest() != original.sha256:
            raise DeliveryError("a result file was changed", "restore it from a backup of the results folder")
        made = relabel(content, sop_class_uid)
        if made is None:
            return None
        variant = replace(
            original,
            sop_class_uid=made.sop_class_uid,
            sop_instance_uid=made.sop_instance_uid,
            sha256=self._files.write(made.sop_instance_uid, made.content),
            size=len(made.content),
            variant_of=original.sop_instance_uid,
        )
        self._jobs.add_variant(self._result_set_id, variant)
        return self._files.path(variant.sop_instance_uid)
