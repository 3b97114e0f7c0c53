"""The first look at a file: what it is, and to which patient, series and instance it belongs. Runs in processes."""

import hashlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from hounsfield.model.data.pictures import is_picture
from hounsfield.model.errors import UnreadableInstance
from hounsfield.model.headers import read_header

_KEY_LENGTH = 16


@dataclass(frozen=True, slots=True)
class Glance:
    """What one file is."""

    file: str
    problem: str = ""
    """Why it cannot be read; empty if it can."""
    picture: bool = False
    """PNG or JPEG; else DICOM."""
    patient: str = ""
    """Key made of Patient ID and its issuer, or of the study where there is none; empty if neither is there."""
    series_uid: str = field(default="", repr=False)
    instance_uid: str = field(default="", repr=False)
    """Empty where no table is about instances."""

    def shared(self) -> "Glance":
        """Return the same with texts that equal ones share: there may be a million files of a few thousand series."""
        file, patient, series = (sys.intern(text) for text in (self.file, self.patient, self.series_uid))
        return replace(self, file=file, patient=patient, series_uid=series)


@dataclass(frozen=True, slots=True)
class GlanceTask:
    """Some files to look at."""

    root: Path
    salt: str
    files: tuple[str, ...]
    instances: bool
    """Whether a table is about instances."""


def key_of(salt: str, *parts: str) -> str:
    """Return a short name that is the same for the same parts and does not show them."""
    digest = hashlib.blake2b(digest_size=_KEY_LENGTH // 2, key=hashlib.sha256(salt.encode()).digest())
    for part in parts:
        encoded = part.encode("utf-8", "surrogateescape")
        digest.update(len(encoded).to_bytes(4, "big") + encoded)
    return digest.hexdigest()


def glance(task: GlanceTask) -> list[Glance]:
    """Look at each file of the task; a broken one is said to be broken."""
    return [_glance(task, file) for file in task.files]


def unread(files: Sequence[str], words: str) -> list[Glance]:
    """Return what is known of files whose reading ended the process."""
    return [Glance(file, words) for file in files]


def _glance(task: GlanceTask, file: str) -> Glance:
    path, salt = task.root / file, task.salt
    try:
        if is_picture(path):
            return Glance(file, picture=True)
        header = read_header(path)
    except UnreadableInstance as error:
        return Glance(file, f"Not read as DICOM: {error}.")
    except OSError as error:
        return Glance(file, f"The file cannot be read ({type(error).__name__}).")
    patient = header.patient
    who = key_of(salt, "patient", patient.id, patient.issuer) if patient.id else ""
    study = key_of(salt, "study", header.study_uid) if header.study_uid else ""
    instance = header.sop_instance_uid if task.instances else ""
    return Glance(file, patient=who or study, series_uid=header.series_uid, instance_uid=instance)
