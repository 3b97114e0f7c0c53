"""Services and interoperability (PS3.2 N.5): what each service does and does not."""

from pydicom.uid import ExplicitVRLittleEndian

from hounsfield.daemon.config.settings import Settings
from hounsfield.daemon.conformance.contexts import (
    RESULT_CLASSES,
    name_of,
    network_destinations,
    result_contexts,
)
from hounsfield.daemon.conformance.document import Block, Bullets, Paragraph, Section, Table
from hounsfield.daemon.conformance.implementation import mapping_of_services
from hounsfield.daemon.delivery.proof.decision import ASK_ANEW
from hounsfield.daemon.delivery.proof.provers import SAME_ASSOCIATION_SECONDS
from hounsfield.daemon.delivery.retry import FIRST_DELAY, LONGEST_DELAY
from hounsfield.daemon.reception.intake_gate import GRACE_SECONDS

_NONE = (Paragraph("Not supported."),)


def services(settings: Settings) -> Section:
    """Section 5."""
    return Section(
        "5",
        "Service and Interoperability Description",
        (),
        (
            mapping_of_services(),
            _dimse(settings),
            Section("5.3", "DICOM Web Services", _NONE),
            Section("5.4", "Media Services", _NONE),
            Section("5.5", "Real-Time Video Services", _NONE),
            Section("5.6", "Cross-Service Considerations", _across(), (_ihe(),)),
            Section("5.7", "Specific Character Sets", _character_sets()),
        ),
    )


def _dimse(settings: Settings) -> Section:
    return Section(
        "5.2",
        "DIMSE Services",
        (),
        (
            Section("5.2.1", "Basic Worklist Management Service", _NONE),
            Section("5.2.2", "Modality Performed Procedure Step Service", _NONE),
            Section("5.2.3", "Unified Worklist and Procedure Step Service", _NONE),
            Section("5.2.4", "Instance Availability Notification Service", _NONE),
            Section("5.2.5", "Storage Service", (), (_storage_scu(settings), _storage_scp(settings))),
            Section("5.2.6", "Storage Commitment Service", _commitment()),
            Section("5.2.7", "Query/Retrieve Service", _query(settings)),
            Section("5.2.8", "Print Management Service", _NONE),
        ),
    )


def _storage_scu(settings: Settings) -> Section:
    rows = tuple(
        (
            name_of(context.abstract_syntax),
            context.abstract_syntax,
            role,
            _recipients(settings, role) or "nobody in this configuration",
        )
        for role in RESULT_CLASSES
        for context in result_contexts((role,))
    )
    blocks: tuple[Block, ...] = (
        Table("Results that are sent", ("SOP class", "UID", "kind", "destinations"), rows),
        Bullets(
            (
                "A report is made as Comprehensive 3D SR. Where a destination does not accept that class, the same "
                "content goes out as Comprehensive SR or Enhanced SR, under a SOP Instance UID of its own that stays "
                "the same for that class.",
                "Key object selections and presentation states exist for flagged series only. A result that is taken "
                "back is followed by a key object selection in any configuration.",
                "For trials, hounsfield send stores any DICOM files, each in its own SOP class and transfer syntax and "
                "byte for byte, as HOUNSFIELD_SCU unless told otherwise. The service never does that.",
                f"What is tried again waits at first {FIRST_DELAY.seconds} s, twice as long each time, at most "
                f"{LONGEST_DELAY.seconds // 60} minutes, less a random part, and is given up after give_up_days of the "
                "destination. A destination that is out of reach is asked by C-ECHO every probe_seconds meanwhile.",
            )
        ),
    )
    transcoding = Section(
        "5.2.5.1.1",
        "Transcoding of Transfer Syntaxes",
        (Paragraph(f"None: results are written in {ExplicitVRLittleEndian.name} and sent as they were written."),),
    )
    return Section("5.2.5.1", "SCU of the Storage SOP Classes", blocks, (transcoding,))


def _recipients(settings: Settings, role: str) -> str:
    return ", ".join(one.name for one in network_destinations(settings) if role in one.results)


def _storage_scp(settings: Settings) -> Section:
    return Section(
        "5.2.5.2",
        "SCP of the Storage SOP Classes",
        (
            Bullets(
                (
                    "Data sets are kept bit for bit as they came, with private and unknown elements (Level 2, Full). "
                    "Nothing is coerced, and no digital signature is checked.",
                    f'What is accepted is set by dicom.accept, here "{settings.dicom.accept}".',
                    "The status says only whether the bytes are safe. Clinical doubts, such as missing slices or two "
                    "patients in one series, never fail a C-STORE.",
                    "The same instance again is answered with success. A copy with the same content changes nothing; "
                    "other content under the same SOP Instance UID is kept beside the first, and opens a revision of "
                    "the series or has it held for a person.",
                    "Results of our own that come back, and companions that no bundle reads, are kept and skipped.",
                    "Key objects and reports of readers about our results are counted as feedback.",
                    "Priority (0000,0700) and the elements of a move originator are ignored.",
                    "Nothing that was received can be queried or retrieved by DICOM. How long it is kept is set by "
                    "[retention] and assembly.keep_unmatched_days.",
                )
            ),
        ),
    )


def _commitment() -> tuple[Block, ...]:
    return (
        Paragraph(
            'Requested from destinations with proof = "commitment", for the objects of one result, after all of them '
            "were stored. Nobody gets anything committed by this product: it is no SCP."
        ),
        Bullets(
            (
                "N-ACTION goes out on an association of its own, with a new Transaction UID. Retrieve AE Title and "
                "Storage Media File-Set are not sent.",
                f"The report is taken on the same association, which stays open for {SAME_ASSOCIATION_SECONDS:g} s, or "
                "on one that the destination opens to the Reception AE. It must propose to be SCP by role selection, "
                "and be a [[peer]] where there is any.",
                f"A request without an answer is made again after {ASK_ANEW.seconds // 3600} hour; the answer to the "
                "old one still counts. After proof_hours the result counts as sent, unproven.",
                "An object of which the report says that it is not there (0112) is sent again, byte for byte.",
            )
        ),
    )


def _query(settings: Settings) -> tuple[Block, ...]:
    rows = (
        ("SERIES", "Study Instance UID, Series Instance UID", "Number of Series Related Instances", "[query]"),
        ("STUDY", "Study Instance UID", "Patient's Name, ID, Issuer, Birth Date, Sex", "check_patient"),
        (
            "IMAGE",
            "Study and Series Instance UID, SOP Instance UID of a single object",
            "SOP Instance UID",
            'proof = "find"',
        ),
        ("SERIES", "Study Instance UID, Series Instance UID", "Number of Series Related Instances", 'proof = "find"'),
    )
    asked = "is asked" if settings.query.host is not None else "is not asked in this configuration"
    return (
        Table(
            "Queries that are sent",
            ("level", "matched by single value or UID", "return keys", "setting"),
            rows,
        ),
        Bullets(
            (
                f"The archive of [query] {asked} how many images a series has. Without an answer a series is judged by "
                "other evidence.",
                "The patient of a study is also asked for when a person has a result written anew.",
                "At level SERIES, proof is looked for only where nothing was found at level IMAGE.",
                "Relational queries, fuzzy matching and other extended negotiation are not proposed. A query is never "
                "cancelled; the association is aborted.",
                "There is no C-MOVE and no C-GET.",
            )
        ),
    )


def _across() -> tuple[Block, ...]:
    return (
        Bullets(
            (
                "Results belong to the study of their images and are series of their own: one for each kind.",
                "With check_patient a destination is asked for the patient of the study first. Where it is another one "
                "than that of the images, nothing is sent and the delivery waits for a person.",
                "While intake is paused, associations that could store are rejected; who was associated before may go "
                f"on for {GRACE_SECONDS:g} s, and is answered A700 after that.",
            )
        ),
    )


def _ihe() -> Section:
    rows = (
        ("Scheduled Workflow", "Modality Images Stored [RAD-8]", "images are received"),
        ("AI Results", "Evidence Documents Stored [RAD-43]", "structured reports are sent"),
        ("AI Results", "Creator Images Stored [RAD-18]", "secondary captures are sent"),
        ("AI Results", "Key Image Note Stored [RAD-29]", "key object selections are sent"),
        ("Consistent Presentation of Images", "Creator Presentation State Stored [RAD-19]", "states are sent"),
        ("Imaging Object Change Management", "Rejection Note Stored [RAD-66]", "sent when a result is taken back"),
        ("several", "Storage Commitment [RAD-10]", "requested where proof asks for it"),
        ("several", "Query Images [RAD-14]", "number of images of a series, objects of a result, patient of a study"),
    )
    return Section(
        "5.6.1",
        "IHE Profiles",
        (
            Table("IHE transactions that are spoken", ("profile", "transaction", "how far"), rows),
            Paragraph(
                "This is no IHE Integration Statement: no actor is claimed, and no connectathon was attended. The "
                "procedure step transactions of Scheduled Workflow and the requirements that AI Results makes on the "
                "display of results are not met by this product."
            ),
        ),
    )


def _character_sets() -> tuple[Block, ...]:
    return (
        Bullets(
            (
                "Received: any. What rules read of an image, such as Series Description, is read in the set that it "
                "names.",
                "Sent: Specific Character Set (0008,0005) of the first image, with its patient and study elements as "
                "the bytes they are, whatever set it is. Text of our own is ASCII (ISO-IR 6), which is a part of every "
                "set; letters beyond it are transliterated.",
                "A result that is written anew for another patient takes the set of the archive's answer where that "
                "can hold all texts, and Unicode in UTF-8 (ISO_IR 192) where it cannot.",
                "Queries hold UIDs only and name no character set. Answers are compared in the set that they name.",
            )
        ),
    )
