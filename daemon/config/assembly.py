"""The sections about series: when one counts as received, and the archive that is asked about it."""

from typing import Literal

from pydantic import model_validator

from hounsfield.daemon.config.fields import Section, fault, setting
from hounsfield.daemon.config.values import AETitle, Host, Port


class AssemblySettings(Section):
    """When a series counts as received."""

    quiet_seconds: float = setting(
        10.0, "A series is closed when nothing new came for so long.", unit="seconds", gt=0, le=86400
    )
    released_seconds: float = setting(
        5.0,
        "The same, where every association that brought images of it has ended in a release; never longer than "
        "quiet_seconds.",
        unit="seconds",
        ge=0,
        le=86400,
    )
    wait_seconds: float = setting(
        0.0,
        "A series that is whole waits so long for better ones of its study, of which only the best is analysed. A "
        "better one that comes later is analysed all the same, and its result names the former.",
        unit="seconds",
        ge=0,
        le=604800,
    )
    incomplete_wait_seconds: float = setting(
        60.0,
        "A series with missing slices waits so long for them before it is reported as not analysed.",
        unit="seconds",
        ge=0,
        le=604800,
    )
    incomplete: Literal["report", "hold"] = setting(
        "report",
        'A series that stays incomplete: "report" it as not analysed, or "hold" it for a person. Until the person '
        "comes nobody learns in the PACS that it was not analysed.",
    )
    phantom: Literal["skip", "hold"] = setting(
        "skip", 'Series of phantoms and of quality control: "skip" them, or "hold" them for a person.'
    )
    implausible_hu: Literal["hold", "report"] = setting(
        "hold",
        'A series whose values cannot be HU: "hold" it for a person, since a scanner or a converter is at fault, or '
        '"report" it as not analysed.',
    )
    keep_unmatched_days: float = setting(
        14.0,
        "How long the images of a series are kept that no [[rule]] takes, so that `series replay` can ask corrected "
        "rules again.",
        unit="days",
        gt=0,
        le=3650,
    )
    max_age_seconds: float = setting(
        3600.0, "A series is closed at the latest so long after its first image.", unit="seconds", gt=0, le=604800
    )
    max_revisions: int = setting(
        3, "How often a series may change after it was analysed before a person has to look.", ge=1, le=100
    )


class QuerySettings(Section):
    """The archive that is asked (C-FIND) how many images a series has. Without a host nobody is asked."""

    host: Host | None = setting(None, "Address of the archive.", example="127.0.0.1", default_text="nobody is asked")
    port: Port | None = setting(
        None,
        "TCP port of the archive.",
        example=104,
        default_text="none; needed with query.host",
    )
    ae_title: AETitle | None = setting(
        None,
        "AE title of the archive.",
        example="PACS",
        default_text="none; needed with query.host",
    )
    calling_ae: AETitle | None = setting(
        None,
        "AE title we call ourselves there.",
        example="HOUNSFIELD",
        default_text="dicom.ae_title",
    )
    timeout_seconds: float = setting(
        3.0,
        "Longest exchange with it, from the connection to the answer. Without an answer a series is judged by the "
        "other evidence; an archive that gives none is left alone for half a minute.",
        unit="seconds",
        gt=0,
        le=60,
    )

    @model_validator(mode="after")
    def _whole(self) -> "QuerySettings":
        for key in ("port", "ae_title"):
            if self.host is not None and getattr(self, key) is None:
                wrong = "is missing: query.host alone does not say how to reach the archive"
                allowed = "give query.host, query.port and query.ae_title, or none of them"
                raise fault(wrong, allowed, at=f"query.{key}")
        return self
