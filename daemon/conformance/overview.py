"""Cover, overview and introduction (PS3.2 N.0 to N.3)."""

from hounsfield.daemon.config.settings import Settings
from hounsfield.daemon.conformance.contexts import (
    RESULT_CLASSES,
    accepted_contexts,
    name_of,
    network_destinations,
    result_contexts,
    storage_contexts,
)
from hounsfield.daemon.conformance.document import Block, Bullets, Paragraph, Section, Table
from hounsfield.daemon.product import MANUFACTURER, PRODUCT

YES, NO = "yes", "no"
_MEDIA = (
    'None. Destinations of kind "folder" get files as PS3.10 has them, without a DICOMDIR and under no application '
    "profile."
)
_DEIDENTIFIED = (
    "None. Results of images that say that they were de-identified (0012,0062) say so too, with the method that the "
    "images name."
)
_CHARACTER_SETS = (
    "Images in any Specific Character Set are received and kept byte for byte. Results carry that of their images; "
    "see 5.7."
)
_AUDIENCE = (
    "Who connects scanners and archives with this product, and who decides whether that is going to work. DICOM's "
    "terms are taken as known."
)
_REFERENCES = (
    "NEMA PS3, Digital Imaging and Communications in Medicine (DICOM) Standard, available free at "
    "https://www.dicomstandard.org. IETF RFC 8996, RFC 9325."
)
_TERMS = (
    ("result", "the objects that are made of one analysis of one series"),
    ("sender", "the application entity that stores images here: a [[peer]]"),
    ("destination", "the application entity that gets results: a [[destination]]"),
    ("bundle", "a neural network with all that is needed to run it and to code its findings"),
    ("flagged", "the score of a series is at or above the threshold of the bundle"),
    ("not analysed", "the network gave no answer; the result says why"),
)
_ABBREVIATIONS = (
    ("AE", "Application Entity"),
    ("DIMSE", "DICOM Message Service Element"),
    ("PDU", "Protocol Data Unit"),
    ("SCP, SCU", "Service Class Provider, Service Class User"),
    ("SR, SC", "Structured Report, Secondary Capture"),
    ("KO, PR", "Key Object Selection, Presentation State"),
    ("TID, CID", "template and context group of PS3.16"),
)


def _text(number: str, title: str, words: str) -> Section:
    return Section(number, title, (Paragraph(words),))


def cover(settings: Settings, version: str) -> tuple[Block, ...]:
    """Return what stands before the first section."""
    where = "the built-in defaults" if settings.origin.file is None and not settings.origin.environment_keys else ""
    rows = (
        ("Product", PRODUCT),
        ("Version", version),
        ("Manufacturer", MANUFACTURER),
        ("Written by", "hounsfield conformance, from the program and its configuration"),
        ("Configuration", where or "the one in force where this was written"),
        ("AE title", settings.dicom.ae_title),
        ("Structure", "DICOM PS3.2 annex N"),
    )
    return (Table("Document", ("what", "value"), rows),)


def overview(settings: Settings) -> Section:
    """Section 1."""
    return Section(
        "1",
        "Conformance Statement Overview",
        (
            Paragraph(
                "Hounsfield receives CT series beside a PACS, runs neural networks on them and answers with DICOM "
                "structured reports, secondary captures, key object selections and presentation states. It is a "
                "Storage SCP for images and a Storage SCU for results. It asks archives for storage commitment, and "
                "by query what they hold. It displays, prints and archives nothing."
            ),
        ),
        (
            _content(settings),
            _services(settings),
            _text("1.3", "DICOM Web Services", "None."),
            _text("1.4", "Media Services", _MEDIA),
            _text("1.5", "Real-Time Video Service", "None."),
            _text("1.6", "De-identification Profiles", _DEIDENTIFIED),
            _text("1.7", "Specific Character Sets", _CHARACTER_SETS),
        ),
    )


def _content(settings: Settings) -> Section:
    stored = storage_contexts(accepted_contexts(settings))
    received = tuple((name_of(one.abstract_syntax), one.abstract_syntax, YES, NO) for one in stored)
    made = {one.abstract_syntax for one in result_contexts(tuple(RESULT_CLASSES))}
    rows = [(name, uid, YES, YES if uid in made else NO) for name, uid, _, _ in received]
    missing = made - {uid for _, uid, _, _ in received}
    rows += [(name_of(uid), uid, NO, YES) for uid in sorted(missing)]
    columns = ("SOP class", "UID", "received and kept", "made and sent")
    templates = (
        ("1500", "Measurement Report", "Comprehensive 3D SR"),
        ("2010", "Key Object Selection", "Key Object Selection Document"),
    )
    return Section(
        "1.1",
        "Content and Transfer",
        (Table("Content", columns, tuple(rows)), Paragraph("No object is displayed by this product itself.")),
        (
            Section(
                "1.1.1",
                "Structured Reporting Root Template IDs",
                (Table("Root templates that are written", ("TID", "name", "SOP class"), templates),),
            ),
        ),
    )


def _services(settings: Settings) -> Section:
    rows = (
        ("Verification", YES, YES, "in use" if network_destinations(settings) else "as SCP in use"),
        ("Storage", YES, YES, "in use" if network_destinations(settings) else "as SCP in use"),
        ("Storage Commitment Push Model", YES, NO, _used(is_on=settings.awaits_commitment)),
        ("Study Root Query/Retrieve, FIND", YES, NO, _used(is_on=_asks(settings))),
        ("Patient Root Query/Retrieve, MOVE and GET", NO, NO, ""),
        ("Modality Worklist, MPPS, UPS, Instance Availability Notification", NO, NO, ""),
        ("Print Management", NO, NO, ""),
    )
    return Section(
        "1.2",
        "DIMSE Services",
        (Table("DIMSE services", ("service", "SCU", "SCP", "in this configuration"), rows),),
    )


def _asks(settings: Settings) -> bool:
    asked = any(one.proof == "find" or one.check_patient for one in network_destinations(settings))
    return asked or settings.query.host is not None


def _used(*, is_on: bool) -> str:
    return "in use" if is_on else "not in use"


def introduction(version: str) -> Section:
    """Section 3."""
    return Section(
        "3",
        "Introduction",
        (),
        (
            _text(
                "3.1",
                "Revision History",
                f"This text belongs to version {version} and is written anew with every version and every "
                "configuration. What changed stands in the change log of the product.",
            ),
            _text("3.2", "Audience", _AUDIENCE),
            Section("3.3", "Remarks", _remarks()),
            Section("3.4", "Terms and Definitions", (Table("Terms", ("term", "meaning"), _TERMS),)),
            Section("3.5", "Abbreviations", (Table("Abbreviations", ("short", "long"), _ABBREVIATIONS),)),
            _text("3.6", "References", _REFERENCES),
        ),
    )


def _remarks() -> tuple[Block, ...]:
    return (
        Bullets(
            (
                "This statement helps to judge whether two products can work together. It does not replace a test of "
                "the two, and it is no claim about clinical use.",
                "No result replaces the reading of the images. A series that is not flagged is not free of findings; a "
                "series that was not analysed has a result that says so.",
                "Sections are numbered as in annex N of PS3.2, and annexes are called after its own (A.A to A.E). "
                "Texts that the template repeats in every statement are left out.",
                "Settings are named as they stand in the configuration file, such as dicom.ae_title.",
            )
        ),
    )
