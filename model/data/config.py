"""The ``[data]`` table: where a data set lies, in which layout, and what its labels are called."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import Field, field_validator, model_validator

from hounsfield.model.data.problems import NEVER_USABLE, Kind
from hounsfield.model.errors import DataError
from hounsfield.model.manifest import Preference, Regex
from hounsfield.model.toml_file import Section, read_toml, validated

ANY: Final = "any"
"""The label that is the highest of all others where no table gives it."""
DEMONSTRATION_LABELS: Final = (
    ANY,
    "epidural",
    "intraparenchymal",
    "intraventricular",
    "subarachnoid",
    "subdural",
)
LabelName = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 _.-]{0,62}$")]
Column = Annotated[str, Field(min_length=1, max_length=200)]
Range = tuple[float, float]


class Common(Section):
    """What every layout of files has."""

    root: str = "."
    """Folder of the data set, relative to the configuration file."""
    labels: tuple[LabelName, ...] = Field(min_length=1, max_length=64)
    """In the order of the network's outputs. ``any`` is derived from the others where no table gives it."""
    columns: dict[LabelName, Column] = Field(default_factory=dict)
    """What the table calls a label, where that is something else."""
    modality: tuple[Annotated[str, Field(pattern=r"^[A-Z0-9_ ]{1,16}$")], ...] = Field(("CT",), min_length=1)
    anatomy: Literal["head", "other"] = "head"
    """``head``: series are looked at for HU that no head has. ``other``: they are not."""
    accept: tuple[Kind, ...] = ()
    """Kinds of problems that are listed and nothing else."""
    salt: str = ""
    """Goes into the keys of patients, so that nobody without it can find a patient by trying numbers."""
    source: str = ""
    """Where the data come from, in words; for the model card."""

    @field_validator("labels")
    @classmethod
    def _once(cls, labels: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(labels)) < len(labels):
            raise ValueError("every label must be named once")
        return labels

    @field_validator("accept")
    @classmethod
    def _acceptable(cls, kinds: tuple[Kind, ...]) -> tuple[Kind, ...]:
        if refused := sorted(set(kinds) & NEVER_USABLE):
            raise ValueError(f"cannot be accepted: {', '.join(refused)}")
        return kinds

    @model_validator(mode="after")
    def _known_columns(self) -> Self:
        if unknown := sorted(set(self.columns) - set(self.labels)):
            raise ValueError(f"columns names what is not in labels: {', '.join(unknown)}")
        return self

    def column(self, label: str) -> str:
        """Return what the table calls a label."""
        return self.columns.get(label, label)


class ImagesConfig(Common):
    """A table with one row for each image file: PNG, JPEG or DICOM."""

    layout: Literal["images"]
    table: str = "labels.csv"
    file: Column = "file"
    patient: Column = "patient"
    series: Column = "series"
    position: Column = "position_mm"
    spacing: Column = "pixel_mm"
    """Columns; all but ``file`` may be missing in the table."""
    image_range: Range | None = None
    """HU of the darkest and the brightest grey of PNG and JPEG: [0, 80] for images saved in a window 40/80."""
    pixel_mm: Annotated[float, Field(gt=0.0, le=100.0)] | None = None
    """Pixel spacing of PNG and JPEG without one in the table."""

    @field_validator("image_range")
    @classmethod
    def _ascending(cls, bounds: Range | None) -> Range | None:
        if bounds is not None and not -32768 <= bounds[0] < bounds[1] <= 32767:
            raise ValueError("must be [HU of black, HU of white], ascending, from -32768 to 32767")
        return bounds


class SeriesTable(Section):
    """A table with one row for each series."""

    file: str = "series.csv"
    key: Literal["folder", "series-uid"] = "folder"
    column: Column | None = None
    """By default ``folder`` or ``SeriesInstanceUID``."""

    @property
    def key_column(self) -> str:
        """Where the rows say what they are about."""
        return self.column or ("folder" if self.key == "folder" else "SeriesInstanceUID")


class SliceTable(Section):
    """A table with one row for each slice."""

    file: str = "slices.csv"
    key: Literal["file", "sop-uid"] = "file"
    column: Column | None = None
    """By default ``file`` or ``SOPInstanceUID``."""

    @property
    def key_column(self) -> str:
        """Where the rows say what they are about."""
        return self.column or ("file" if self.key == "file" else "SOPInstanceUID")


class SeriesConfig(Common):
    """Folders of DICOM series, and a table of series, of slices, or both."""

    layout: Literal["series"]
    series_table: SeriesTable | None = None
    slice_table: SliceTable | None = None
    patient: Column | None = None
    """Column of the patient in the table of series; without it Patient ID (0010,0020) counts."""
    preference: Preference = Preference()
    """Which reconstruction is taken where one series holds several."""

    @model_validator(mode="after")
    def _a_table(self) -> Self:
        if self.series_table is None and self.slice_table is None:
            raise ValueError("needs series_table or slice_table, or both")
        return self


class RsnaConfig(Common):
    """RSNA Intracranial Hemorrhage Detection (2019): one folder of slices, and ``ID_x_subtype,Label`` rows."""

    layout: Literal["rsna-2019"]
    labels: tuple[LabelName, ...] = DEMONSTRATION_LABELS
    table: str = "stage_2_train.csv"
    images: str = "stage_2_train"
    """Folder of the DICOM files, below ``root``."""
    source: str = "RSNA Intracranial Hemorrhage Detection 2019"
    preference: Preference = Preference()


class Cq500Config(Common):
    """CQ500: a folder for each head, and the answers of three readers for each."""

    layout: Literal["cq500"]
    labels: tuple[LabelName, ...] = DEMONSTRATION_LABELS
    columns: dict[LabelName, Column] = Field(
        default_factory=lambda: dict(zip(DEMONSTRATION_LABELS, ("ICH", "EDH", "IPH", "IVH", "SAH", "SDH"), strict=True))
    )
    table: str = "reads.csv"
    source: str = "CQ500"
    preference: Preference = Preference(thickness_mm=5.0)
    """Which series of a head is taken."""
    exclude: Regex | None = "(?i)bone|contrast|post"
    """A series is taken last if this is found in its description or in its folder below that of the head."""


class PhantomsConfig(Section):
    """Generated heads: nothing to read and nothing to clean."""

    layout: Literal["phantoms"]
    heads: Annotated[int, Field(ge=1, le=1_000_000)]
    purpose: Literal["training", "validation", "test", "hard"] = "training"
    """No head of one set is in another."""
    seed: Annotated[int, Field(ge=0)] = 1
    source: str = "generated phantoms"


FileConfig = ImagesConfig | SeriesConfig | RsnaConfig | Cq500Config
DataConfig = FileConfig | PhantomsConfig
LAYOUTS: Final[Mapping[str, type[DataConfig]]] = {
    "images": ImagesConfig,
    "series": SeriesConfig,
    "rsna-2019": RsnaConfig,
    "cq500": Cq500Config,
    "phantoms": PhantomsConfig,
}


@dataclass(frozen=True, slots=True)
class DataSet:
    """A data set that was described: not looked at yet."""

    config: DataConfig
    root: Path
    """Its folder."""
    file: str
    """The configuration, for messages."""

    @property
    def files(self) -> FileConfig:
        """The configuration of a layout of files. Raises DataError for generated ones."""
        if isinstance(self.config, PhantomsConfig):
            raise DataError(f"{self.file}: data.layout: phantoms are generated, there are no files to look at")
        return self.config


def read_data_config(path: Path) -> DataSet:
    """Read the ``[data]`` table of a TOML file. Raises DataError naming file, key and what is allowed."""
    document = read_toml(path, DataError)
    table = document.get("data")
    if not isinstance(table, dict):
        raise DataError(f"{path}: data: this table is required; its key layout is one of {', '.join(LAYOUTS)}")
    return data_set(table, path)


def data_set(table: Mapping[str, Any], path: Path) -> DataSet:
    """Make a data set of a ``[data]`` table that stands in ``path``. Raises DataError as :func:`read_data_config`."""
    layout = table.get("layout")
    kind = LAYOUTS.get(layout) if isinstance(layout, str) else None
    if kind is None:
        raise DataError(f"{path}: data.layout: must be one of {', '.join(LAYOUTS)}")
    config = validated(kind, table, path, DataError, "data")
    root = path.parent if isinstance(config, PhantomsConfig) else path.parent / config.root
    if not root.is_dir():
        raise DataError(f"{path}: data.root: {root} is no folder")
    return DataSet(config, root, str(path))
