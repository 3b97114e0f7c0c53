"""``manifest.toml``: all that a bundle says about itself. Data only; nothing here loads a model.

``Manifest.read(folder)`` validates every key; a wrong one is a
:class:`~hounsfield.model.errors.ManifestError` with file, key and what is allowed.
"""

import re
import tomllib
from datetime import date
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, ConfigDict, Field, JsonValue, ValidationError, model_validator

from hounsfield.model.aggregation import aggregation
from hounsfield.model.errors import ManifestError, ManifestProblem
from hounsfield.model.findings import CodedConcept
from hounsfield.model.manifest_problems import problems_of
from hounsfield.model.preprocess import PreprocessingSpec
from hounsfield.model.toml_file import Section

MANIFEST_NAME = "manifest.toml"
LONGEST_MANIFEST_BYTES = 1_000_000
BY_MODEL = "model"
"""``output.aggregation`` of a bundle whose model itself answers for the series."""
CT_IMAGE_STORAGE = "1.2.840.10008.5.1.4.1.1.2"


def _regex(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from error
    return pattern


def _relative_file(name: str) -> str:
    path = PurePosixPath(name)
    if path.is_absolute() or str(path) != name or any(part in ("..", ".") for part in path.parts) or "\\" in name:
        raise ValueError("must be a plain relative path below the bundle's folder, with / between folders")
    if name == MANIFEST_NAME:
        raise ValueError("the manifest cannot name its own hash")
    return name


def _ascending(bounds: tuple[float, float]) -> tuple[float, float]:
    if bounds[0] > bounds[1]:
        raise ValueError("must be [lowest, highest]")
    return bounds


def _aggregation_name(name: str) -> str:
    if name != BY_MODEL:
        aggregation(name)
    return name


Regex = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(_regex)]
Probability = Annotated[float, Field(ge=0.0, le=1.0)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
RelativeFile = Annotated[str, AfterValidator(_relative_file)]
Millimetres = Annotated[float, Field(ge=0.0, le=1000.0)]
Side = Annotated[int, Field(gt=0, le=4096)]
Uid = Annotated[str, Field(pattern=r"^[0-9]+(\.[0-9]+)+$", max_length=64)]
Words = Annotated[str, Field(min_length=1, max_length=4000)]
Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
Version = Annotated[str, Field(pattern=r"^[0-9]+\.[0-9]+\.[0-9]+([-+][0-9A-Za-z.+-]{1,32})?$", max_length=48)]
Short = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 +/-]{0,11}$")]


class Scope(Section):
    """Which series the bundle wants, and which of them it can take."""

    modality: tuple[Annotated[str, Field(pattern=r"^[A-Z0-9_ ]{1,16}$")], ...] = Field(("CT",), min_length=1)
    sop_classes: tuple[Uid, ...] = Field((CT_IMAGE_STORAGE,), min_length=1)
    body_part: Regex
    """Searched in Body Part Examined (0018,0015)."""
    description: Regex
    """Where that is empty or absent: searched in study and series description and protocol name."""
    exclude_description: Regex | None = None
    """A series whose description matches is not wanted."""
    thickness_mm: Annotated[tuple[Millimetres, Millimetres], AfterValidator(_ascending)] = (0.0, 10.0)
    slices: Annotated[tuple[int, int], AfterValidator(_ascending)] = (1, 3000)
    max_step_mm: Annotated[float, Field(gt=0.0, le=1000.0)] = 10.0
    min_coverage_mm: Annotated[float, Field(ge=0.0, le=3000.0)] = 0.0
    """From the first to the last slice centre; less is not analysed."""
    kernel: Regex | None = None
    """Searched in Convolution Kernel (0018,1210); a series with another kernel is outside the scope."""
    exclude_kernel: Regex | None = None
    """A series whose kernel matches is outside the scope."""
    derived: bool = False
    """Whether axial images that are DERIVED (Image Type, value 1) are taken."""
    tilt: Literal["per-slice", "resample", "refuse"] = "per-slice"
    """``per-slice``: a tilted gantry is allowed and noted, since the model sees one slice at a time.
    ``resample``: slices are moved in their planes until they lie straight above each other."""
    max_tilt_degrees: Annotated[float, Field(ge=0.0, le=90.0)] = 35.0
    contrast: bool = False
    lossy: bool = False
    irregular_spacing: Literal["per-slice", "resample", "refuse"] = "per-slice"
    """``resample``: interpolated along the slice normal to regular steps of the median width."""
    allow_sparse: bool = False


class Preference(Section):
    """Which of several series of a study, or of several reconstructions in one series, is the best.

    Compared in this order: kernel, thickness, coverage.
    """

    kernel: tuple[Regex, ...] = ()
    """The first that is found in the kernel counts; a kernel that none matches comes last."""
    thickness_mm: Annotated[float, Field(gt=0.0, le=100.0)] | None = None
    """The nearest is the best; None: thickness does not count."""
    coverage: Literal["most", "ignore"] = "most"


class InputSpec(Section):
    """The tensor one slice becomes, and what the model sees beside that slice."""

    shape: tuple[Side, Side, Annotated[int, Field(gt=0, le=512)]]
    """(rows, columns, channels)."""
    dtype: Literal["float32"] = "float32"
    neighbours: Annotated[int, Field(ge=0, le=8)] = 0
    """So many slices on either side stand in the channels too, lowest first: channels = (2 * neighbours + 1) times
    those of the preprocessing. Beyond the ends of the series the last slice is repeated."""
    context: Literal["slice", "series"] = "slice"
    """``slice``: the model answers with scores, one row for each slice. ``series``: it answers with a vector for each
    slice, and a second network makes scores of all of them."""

    def of(self, shape: tuple[int, int, int]) -> tuple[int, int, int]:
        """Return the shape that tensors (rows, columns, channels) of the preprocessing have with their neighbours."""
        rows, columns, channels = shape
        return rows, columns, channels * (2 * self.neighbours + 1)


class Sequence(Section):
    """The second network of a bundle with ``input.context = "series"``.

    It takes (1, n, d + 1): the vectors of the n slices in volume order, and as last column the distance (mm) of each
    slice from the one before it, 0 for the first. It answers with slice scores (1, n, labels) and series scores
    (1, labels), named ``slices`` and ``series``.
    """

    step_mm: Annotated[tuple[Millimetres, Millimetres], AfterValidator(_ascending)] = (0.0, 1000.0)
    """Smallest and largest distance of slices that it knows. A finer series is read as several coarser ones that lie
    between each other, and its score is their mean."""


class Code(Section):
    """A code triple (PS3.3 section 8) as it stands in the manifest."""

    value: Annotated[str, Field(min_length=1, max_length=16)]
    scheme: Annotated[str, Field(min_length=1, max_length=16)]
    meaning: Annotated[str, Field(min_length=1, max_length=64)]

    @property
    def concept(self) -> CodedConcept:
        """As the plain value findings carry."""
        return CodedConcept(self.value, self.scheme, self.meaning)


class Label(Section):
    """One output of the model: what it means and where its operating point lies."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$")]
    index: Annotated[int, Field(ge=0, lt=1000)] = 0
    """Column of the model's output."""
    threshold: Probability
    """A series at or above it is FLAGGED."""
    slice_threshold: Probability
    concept: Code
    site: Code
    short: Short
    """For the Series Description, at most 12 characters."""
    decides: bool = True
    """Whether it alone makes a series FLAGGED. False for a label that only says more about another, such as the kind of
    a haemorrhage."""


class OutputSpec(Section):
    """The labels, and how slices make a series."""

    aggregation: Annotated[str, AfterValidator(_aggregation_name)]
    labels: tuple[Label, ...] = Field(min_length=1, max_length=100)

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        if len({label.name for label in self.labels}) < len(self.labels):
            raise ValueError("labels must have different names")
        if len({label.index for label in self.labels}) < len(self.labels):
            raise ValueError("labels must have different indices")
        if not self.labels[0].decides:
            raise ValueError("the first label must decide: it gives the result its name and its score")
        return self


class Provenance(Section):
    """Where the model comes from and how well it did."""

    training_data: Words
    script: str | None = None
    seed: int | None = None
    metrics: dict[str, JsonValue] = Field(default_factory=dict)


class Golden(Section):
    """The self-test: slices and the scores the model gave when the bundle was made."""

    file: RelativeFile = "golden/slices.npz"
    """npz with ``hu`` int16 (n, rows, columns) HU, ``spacing`` mm (n, 2) or (2,), ``expected`` (n, labels)."""
    tolerance: Annotated[float, Field(gt=0.0, le=0.1)] = 1e-3
    """Largest absolute difference of a score."""


class Manifest(Section):
    """A validated manifest."""

    model_config = ConfigDict(title="manifest")

    schema_version: Literal[1] = Field(alias="schema")
    name: Slug
    version: Version
    title: Annotated[str, Field(min_length=1, max_length=120)]
    intended_use: Words
    limits: Words
    clinical: bool
    calibrated: bool
    banner: Annotated[str, Field(max_length=200)] = ""
    """Printed on every result, as for a demonstration bundle."""
    created: date
    files: dict[RelativeFile, Sha256] = Field(min_length=1)
    """sha256 of every other file in the folder."""
    scope: Scope
    preference: Preference = Preference()
    preprocessing: PreprocessingSpec
    input: InputSpec
    sequence: Sequence | None = None
    """Only, and always, with ``input.context = "series"``."""
    output: OutputSpec
    provenance: Provenance
    golden: Golden = Golden()

    @model_validator(mode="after")
    def _one_way_to_a_series(self) -> Self:
        by_model = self.input.context == "series"
        if by_model != (self.sequence is not None):
            raise ValueError('[sequence] stands with input.context = "series", and only with it')
        if by_model != (self.output.aggregation == BY_MODEL):
            raise ValueError(f'output.aggregation is "{BY_MODEL}" with input.context = "series", and only with it')
        return self

    @classmethod
    def read(cls, folder: Path) -> "Manifest":
        """Read ``folder/manifest.toml``; raises ManifestError."""
        return cls.parse(read_manifest_bytes(folder), str(folder / MANIFEST_NAME))

    @classmethod
    def parse(cls, content: bytes, file: str) -> "Manifest":
        """Validate the bytes of a manifest; ``file`` is how errors call it."""
        try:
            fields = tomllib.loads(content.decode("utf-8"))
        except UnicodeDecodeError as error:
            raise ManifestError(file, (ManifestProblem("", f"must be UTF-8 text: {error.reason}"),)) from error
        except tomllib.TOMLDecodeError as error:
            raise ManifestError(file, (ManifestProblem("", f"not TOML: {error}"),)) from error
        try:
            return cls.model_validate(fields)
        except ValidationError as error:
            raise ManifestError(file, problems_of(error, cls)) from error


def read_manifest_bytes(folder: Path) -> bytes:
    """Return the bytes of ``folder/manifest.toml``, up to a sane length; raises ManifestError."""
    path = folder / MANIFEST_NAME
    try:
        if path.stat().st_size > LONGEST_MANIFEST_BYTES:
            words = f"longer than {LONGEST_MANIFEST_BYTES} bytes"
            raise ManifestError(str(path), (ManifestProblem("", words),))
        return path.read_bytes()
    except OSError as error:
        words = f"cannot be read ({error.strerror}); a bundle is a folder with {MANIFEST_NAME} in it"
        raise ManifestError(str(path), (ManifestProblem("", words),)) from error
