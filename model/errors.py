"""The errors of the model side.

::

    ModelError
    ├── UnreadableInstance          a file is not a DICOM instance that can be used
    ├── PixelError                  its pixels cannot become HU; ``rejection`` says why
    ├── ScratchError                there is no room on disk for the slices of a series: no fault of the series
    ├── DecoderUnavailable          the process that decodes does not start: no fault of the series
    ├── DeviceError                 the device that was asked for is not there
    ├── DeviceLost                  the device went away while a model ran: no fault of the series
    ├── InferenceError              the model's answer is not a score
    │   └── OutOfModelMemory        the device has no memory for so many slices at once
    ├── DataError                   a data set cannot be used; the text names the file and the reason
    ├── TrainingError               a training cannot begin or go on; the text names what to change
    ├── ExplanationError            no heatmap can be made of a score: no fault of the series, and of no weight
    └── BundleError                 a model bundle is not served
        └── ManifestError           manifest.toml is wrong; ``problems`` names each key and what it may be

Texts never contain patient data: no names, no identifiers, no UIDs.
"""

from dataclasses import dataclass

from hounsfield.model.findings import Rejection


class ModelError(Exception):
    """Base of all errors that ``hounsfield.model`` raises on purpose."""


class UnreadableInstance(ModelError):
    """A file is not a DICOM instance that can be used."""


class PixelError(ModelError):
    """The pixels of an instance cannot become HU."""

    def __init__(self, rejection: Rejection, words: str) -> None:
        """Name the coded reason and say it in words."""
        super().__init__(words)
        self.rejection = rejection


class ScratchError(ModelError):
    """There is no room on disk for the slices of a series. It is no fault of the series: try again later."""


class DecoderUnavailable(ModelError):
    """The process that decodes compressed pixels does not start. It is no fault of the series."""


class BundleError(ModelError):
    """A model bundle is broken, changed or unsafe, and is not served."""


@dataclass(frozen=True, slots=True)
class ManifestProblem:
    """One wrong key of a manifest."""

    key: str
    """Dotted, as in ``output.labels[0].threshold``; empty if the whole file is meant."""
    allowed: str
    """What is wrong and what may stand there."""


class ManifestError(BundleError):
    """A manifest cannot be used: its file, the first wrong key and what is allowed there; ``problems`` has all."""

    def __init__(self, file: str, problems: tuple[ManifestProblem, ...]) -> None:
        """``problems`` has at least one entry."""
        self.file = file
        self.problems = problems
        self.key = problems[0].key
        self.allowed = problems[0].allowed
        super().__init__("; ".join(f"{file}: {f'{one.key}: ' if one.key else ''}{one.allowed}" for one in problems))


class DeviceError(ModelError):
    """The device that the configuration asks for is not there."""


class InferenceError(ModelError):
    """The model ran and its answer cannot be used."""


class OutOfModelMemory(InferenceError):
    """The device has no memory for so many slices at once; fewer may do."""


class DeviceLost(ModelError):
    """The device that a model ran on is gone. It is no fault of the series; a new process has to find another one."""


class DataError(ModelError):
    """A data set cannot be used as it is: the text names the file and says why."""


class TrainingError(ModelError):
    """A training cannot begin or go on: the text names what to change."""


class ExplanationError(ModelError):
    """What a score rests on cannot be shown; the score itself stands."""
