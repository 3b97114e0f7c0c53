"""The sections about results: where they go, who is told, what comes back from readers, and who we are in them."""

from typing import Literal
from urllib.parse import urlsplit

from pydantic import model_validator

from hounsfield.daemon.config.descriptions import problem_of
from hounsfield.daemon.config.fields import Section, fault, setting
from hounsfield.daemon.config.values import AbsolutePath, AETitle, DocumentTitle, Host, Name, Port, Timezone

DestinationKind = Literal["dicom", "folder", "sender"]
ResultRole = Literal["sr", "sc", "ko", "pr"]
ReportTitle = Literal["measurement-report", "ct-report"]
CaptureModality = Literal["OT", "SC", "CT"]
Language = Literal["en", "de"]
ProofWanted = Literal["none", "commitment", "find"]
OutcomeWord = Literal["positive", "negative", "not_analysed"]

_EXAMPLE = "`hounsfield config init` writes an example"
_NEEDED: dict[DestinationKind, tuple[str, ...]] = {
    "dicom": ("ae_title", "host", "port"),
    "folder": ("folder",),
    "sender": ("port",),
}


class Destination(Section):
    """A PACS, viewer or folder that gets results. One [[destination]] table each."""

    name: Name = setting(
        ...,
        "Name in the job log; changing it loses track of jobs that wait for it.",
        example="pacs",
    )
    kind: DestinationKind = setting(
        "dicom",
        '"dicom": a Storage SCP; "folder": files in a folder; "sender": the application entity that sent the images, '
        "at the address it sent them from.",
    )
    ae_title: AETitle | None = setting(
        None,
        "AE title of the destination.",
        example="PACS",
        default_text='needed for "dicom"',
    )
    host: Host | None = setting(
        None,
        "Address of the destination.",
        example="127.0.0.1",
        default_text='needed for "dicom"',
    )
    port: Port | None = setting(
        None,
        "TCP port of the destination; of a sender, the port on which it takes results.",
        example=4242,
        default_text='needed for "dicom" and "sender"',
    )
    folder: AbsolutePath | None = setting(
        None,
        "Folder that gets the files, one sub-folder a result set.",
        example="/var/spool/hounsfield-results",
        default_text='needed for "folder"',
    )
    results: tuple[ResultRole, ...] = setting(
        ("sr", "sc"),
        'Which objects it gets: "sr" structured report, "sc" secondary capture with the summary page, "ko" key object '
        'selection of the flagged images, "pr" presentation states on them. One of the first two is needed.',
        min_length=1,
    )
    sr_title: ReportTitle = setting(
        "measurement-report",
        'Title of the structured report: "measurement-report" (TID 1500), which some web viewers open in a view for '
        'measurements, or "ct-report", which they show as text.',
    )
    sc_modality: CaptureModality = setting("OT", "Modality of the secondary capture; some viewers hide some of them.")
    series_description: str = setting(
        "",
        "Series Description of the results, in which {finding}, {verdict}, {score}, {reason} and {bundle} are filled "
        'in; {score} is "score 0.93". It is cut after 64 characters; let it say "not for diagnosis" in your words.',
        allowed="plain ASCII without \\, ^ and =, with {verdict} in it once and no word that denies a finding",
        example="AI {finding}: {verdict} {score} - not for diagnosis",
        default_text="the result in words",
    )
    language: Language = setting("en", "Language of the words for people in the results.")
    code_absence: bool = setting(
        False, "Also code the finding as absent where a series is not flagged. No words ever say so."
    )
    flagged_pages: int = setting(3, "Secondary captures of single flagged slices, after the summary page.", ge=0, le=3)
    calling_ae: AETitle | None = setting(
        None,
        "AE title we call ourselves there.",
        example="HOUNSFIELD",
        default_text="dicom.ae_title",
    )
    allow_demonstration: bool = setting(
        False,
        "Send results of bundles that are not for clinical use to a destination that is not on loopback.",
    )
    send_negative: bool = setting(True, "Send results without a finding.")
    send_not_analysed: bool = setting(
        True, "Send the reason when a series was not analysed; without it, silence may be taken for negative."
    )
    proof: ProofWanted = setting(
        "none",
        'What proves that it keeps our results: "commitment" asks it for storage commitment, "find" looks for them by '
        'C-FIND, "none" believes the answer to C-STORE.',
    )
    proof_hours: float = setting(
        24.0,
        "How long a proof is waited for before the result counts as sent, unproven.",
        unit="hours",
        gt=0,
        le=720,
    )
    check_patient: bool = setting(
        False,
        "Ask it for the Patient ID of the study before sending (C-FIND); where it is another one than that of the "
        "images, nothing is sent and the delivery is held for a person.",
    )
    query_ae_title: AETitle | None = setting(
        None,
        "AE title that answers C-FIND for it.",
        example="PACS",
        default_text="ae_title",
    )
    query_port: Port | None = setting(
        None,
        "TCP port that answers C-FIND for it.",
        example=4242,
        default_text="port",
    )
    probe_seconds: float = setting(
        30.0,
        "While it is out of reach nothing is sent; every so often it is asked for an answer (C-ECHO).",
        unit="seconds",
        gt=0,
        le=3600,
    )
    connect_timeout_seconds: float = setting(10.0, "Wait for the TCP connection.", unit="seconds", gt=0, le=600)
    acse_timeout_seconds: float = setting(
        30.0, "Wait for the answer to our association request.", unit="seconds", gt=0, le=600
    )
    dimse_timeout_seconds: float = setting(
        60.0, "Wait for the answer to each object sent.", unit="seconds", gt=0, le=3600
    )
    give_up_days: float = setting(
        7.0, "How long a result is offered to a destination that is down.", unit="days", gt=0, le=365
    )

    @property
    def where(self) -> str:
        """Where it is, in words."""
        match self.kind:
            case "folder":
                return str(self.folder)
            case "sender":
                return f"the sender, port {self.port}"
            case "dicom":
                return f"{self.ae_title} at {self.host}:{self.port}"

    @model_validator(mode="after")
    def _whole(self) -> "Destination":
        for key in _NEEDED[self.kind]:
            if getattr(self, key) is None:
                raise fault(f'is missing: kind = "{self.kind}" needs it', _EXAMPLE, below=key)
        if not {"sr", "sc"} & set(self.results):
            # what points to flagged images is silent about all other series, and silence looks like an answer
            raise fault('needs "sr" or "sc": the others exist for flagged series only', _EXAMPLE, below="results")
        if self.series_description and (problem := problem_of(self.series_description)):
            raise fault(problem, _EXAMPLE, below="series_description")
        return self


class Notifier(Section):
    """Who is told of outcomes, beside the PACS. One [[notify]] table each."""

    name: Name = setting(..., "Name in the job log.", example="worklist")
    kind: Literal["hl7", "webhook"] = setting(
        ..., '"hl7": HL7 v2 ORU^R01 over MLLP; "webhook": a signed JSON document over HTTP.', example="hl7"
    )
    outcomes: tuple[OutcomeWord, ...] = setting(("positive",), "Which outcomes it is told of.", min_length=1)
    host: Host | None = setting(
        None,
        "Address of the MLLP listener.",
        example="127.0.0.1",
        default_text='needed for "hl7"',
    )
    port: Port | None = setting(
        None,
        "TCP port of the MLLP listener.",
        example=2575,
        default_text='needed for "hl7"',
    )
    receiving_application: str = setting("", "MSH-5.", allowed="at most 180 characters", max_length=180)
    receiving_facility: str = setting("", "MSH-6.", allowed="at most 180 characters", max_length=180)
    url: str | None = setting(
        None,
        "Where the document is posted.",
        allowed="an http or https URL",
        example="https://worklist.example.org/hounsfield",
        default_text='needed for "webhook"',
        pattern=r"^https?://",
    )
    secret_file: AbsolutePath | None = setting(
        None,
        "File with the secret that signs the documents (HMAC-SHA-256).",
        example="/etc/hounsfield/webhook.secret",
        default_text='needed for "webhook"',
    )
    include_patient: bool = setting(
        False, "Name the patient in the webhook's document. HL7 messages always do: they are filed by it."
    )
    allow_demonstration: bool = setting(
        False, "Tell it of results of bundles that are not for clinical use, though it is not on loopback."
    )
    timeout_seconds: float = setting(10.0, "Wait for the connection and for the answer.", unit="seconds", gt=0, le=600)
    give_up_days: float = setting(7.0, "How long it is tried while nobody answers.", unit="days", gt=0, le=365)

    @model_validator(mode="after")
    def _whole(self) -> "Notifier":
        for key in ("host", "port") if self.kind == "hl7" else ("url", "secret_file"):
            if getattr(self, key) is None:
                raise fault(f'is missing: kind = "{self.kind}" needs it', _EXAMPLE, below=key)
        if self.url is not None and not _has_address(self.url):
            raise fault("names no host, or a port that is none", _EXAMPLE, below="url")
        return self


class FeedbackSettings(Section):
    """What readers say about our results, by objects they store: key object selections and reports."""

    agree: tuple[DocumentTitle, ...] = setting(
        (),
        "Document titles that mean agreement, as CODE,SCHEME.",
        allowed='a list of texts such as "113000,DCM"',
        example=["113000,DCM"],
    )
    disagree: tuple[DocumentTitle, ...] = setting(
        ("113001,DCM", "113037,DCM"),
        "Document titles that mean disagreement, as CODE,SCHEME; rejection notes for quality or patient safety do "
        "always.",
        allowed='a list of texts such as "113001,DCM"',
    )

    @model_validator(mode="after")
    def _unambiguous(self) -> "FeedbackSettings":
        both = sorted(set(self.agree) & set(self.disagree))
        if both:
            raise fault(f'"{both[0]}" stands in disagree too: it can mean one of them', _EXAMPLE, below="agree")
        return self


class SiteSettings(Section):
    """Who we are, for the results."""

    name: str = setting(
        "",
        "Institution name written into results; empty leaves it out.",
        allowed="at most 64 characters",
        max_length=64,
    )
    timezone: Timezone = setting("UTC", "Time zone of the times in results.")


def _has_address(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
