"""Status codes (PS3.2 N.7.3): what we answer and when, and what we make of the answers of others."""

from hounsfield.daemon.association.link import Failure
from hounsfield.daemon.conformance.document import Bullets, Paragraph, Section, Table
from hounsfield.daemon.delivery.proof.decision import CONFLICT, NOT_FOUND
from hounsfield.daemon.delivery.retry import PERMANENT_ATTEMPTS, is_kept, is_refused_for_good
from hounsfield.daemon.delivery.scu import SendReport, SentObject
from hounsfield.daemon.query.scu import MOST_RESPONSES
from hounsfield.daemon.reception.admission import Rejection
from hounsfield.daemon.reception.status import Status
from hounsfield.daemon.reception.wire import INVALID_PARAMETER, UNEXPECTED_PDU, UNRECOGNISED_PDU

STORED = "Statuses that the Storage SCP returns"
ANSWERED = "What the Storage SCU makes of a status"
REPORTED = "Statuses that are returned to N-EVENT-REPORT"
REJECTED = "Association requests that are rejected"

_WHEN: dict[Status, str] = {
    Status.STORED: "The image survives a loss of power. Also for duplicates and for companions that no bundle reads.",
    Status.NO_SPACE: "The disk is fuller than dicom.min_free_bytes or dicom.min_free_percent allow, or it failed.",
    Status.DATABASE_DOWN: "The database has not taken images for some seconds.",
    Status.STOPPING: "The service is ending; what had begun is finished.",
    Status.PAUSED: "A person paused intake, and the association was open before that.",
    Status.TOO_LARGE: "The data set is larger than dicom.max_instance_bytes. Sending it again does not help.",
    Status.INTERNAL: "The program failed in a way that nobody thought of. Its log says where.",
    Status.CLASS_MISMATCH: "SOP Class UID of presentation context, command and data set are not the same.",
    Status.INSTANCE_MISMATCH: "SOP Instance UID of command and data set are not the same.",
    Status.NOT_A_DATASET: "The bytes cannot be read in the transfer syntax of the context, or there are none.",
    Status.TRUNCATED: "The data set ends inside an element.",
    Status.TOO_DEEP: "Sequences are nested too deep.",
    Status.UNUSABLE_UID: "The UID of the class, instance, series or study is missing, has more than 64 characters, or "
    "others than digits and dots. Leading zeros of a component are accepted.",
}
_KINDS = {0x0000: "Success", 0xA700: "Refused: Out of Resources", 0xA900: "Error: Data Set does not match SOP Class"}
_WORTH_IT = "store it again later"
_NOT_WORTH_IT = "mend the sender"

_OF_A_PEER: tuple[tuple[int, str], ...] = (
    (0x0000, "Success"),
    (0xB000, "Warning: Coercion of Data Elements"),
    (0xB006, "Warning: Elements Discarded"),
    (0xB007, "Warning: Data Set does not match SOP Class"),
    (0x0001, "Requested optional Attributes are not supported"),
    (0x0107, "Attribute List Error"),
    (0x0111, "Duplicate SOP Instance"),
    (0x0116, "Attribute Value Out of Range"),
    (0xA700, "Refused: Out of Resources (A700 to A7FF)"),
    (0x0110, "Processing Failure"),
    (0x0124, "Refused: Not Authorized"),
    (0x0210, "Duplicate Invocation"),
    (0x0213, "Resource Limitation"),
    (0xFE00, "Cancel"),
    (0x0122, "Refused: SOP Class Not Supported"),
    (0x0117, "Invalid Object Instance"),
    (0x0211, "Unrecognized Operation"),
    (0x0212, "Mistyped Argument"),
    (0xA900, "Error: Data Set does not match SOP Class (A900 to A9FF)"),
    (0xC000, "Error: Cannot Understand (C000 to CFFF)"),
)
"""PS3.4 table B.2-1 and PS3.7 annex C."""

_OF_A_FAILURE: dict[Failure, tuple[str, str]] = {
    Failure.UNREACHABLE: ("no connection, or no answer to the association request in time", "tried again"),
    Failure.BUSY: ("the association is rejected as transient", "tried again"),
    Failure.REJECTED: ("the association is rejected as permanent", "tried again: administrators add AE titles"),
    Failure.NOT_ACCEPTED: ("the class of an object is not accepted, nor one in its place", "as a final status"),
    Failure.BROKEN_OFF: ("the association ends, falls silent, or an answer is about another message", "tried again"),
    Failure.NO_ADDRESS: ('kind = "sender", and the sender is no [[peer]] and not on this machine', "given up at once"),
}


def status_codes() -> Section:
    """Section 7.3."""
    return Section(
        "7.3",
        "Status Codes",
        (),
        (
            Section("7.3.1", "General Communication and Failure Behaviour", (), (_as_acceptor(), _as_requestor())),
            Section("7.3.2", "DIMSE Services", (), (_verification(), _storage_scp(), _storage_scu(), *_others())),
            Section("7.3.3", "DICOM Web Services", (Paragraph("None."),)),
        ),
    )


def _as_acceptor() -> Section:
    rejections = tuple(
        ("/".join(map(str, one.codes)), _permanence(one), one.words.replace("`", "")) for one in Rejection
    )
    aborts = (
        (str(UNRECOGNISED_PDU), "the first bytes are no PDU"),
        (str(UNEXPECTED_PDU), "the first PDU is no association request"),
        (str(INVALID_PARAMETER), "a PDU is longer than agreed, or the request than is read"),
    )
    return Section(
        "7.3.1.1",
        "Associations that are Accepted",
        (
            Table(REJECTED, ("result/source/reason", "kind", "when"), rejections),
            Table("A-ABORT of the service provider with a reason", ("reason", "when"), aborts),
            Bullets(
                (
                    "The association is aborted where a peer breaks the protocol, mixes the fragments of two messages, "
                    "uses a context that was not accepted, or is slower than 7.2.1.2 says.",
                    "What was received of an image whose association ends is dropped; its sender got no answer. "
                    "Images that were acknowledged stay.",
                    "A transient rejection and A700 are meant to be tried again.",
                )
            ),
        ),
    )


def _permanence(rejection: Rejection) -> str:
    return "permanent" if rejection.codes[0] == 1 else "transient"


def _as_requestor() -> Section:
    rows = tuple((str(failure), *_OF_A_FAILURE[failure]) for failure in Failure)
    return Section(
        "7.3.1.2",
        "Associations that are Requested",
        (Table("Failures of a delivery", ("name in the job log", "when", "what follows"), rows),),
    )


def _verification() -> Section:
    return Section(
        "7.3.2.1",
        "Verification",
        (Paragraph("As SCP always 0000 (Success). As SCU any status counts as an answer."),),
    )


def _storage_scp() -> Section:
    rows = tuple(
        (f"{status.code:04X}", _kind(status), status.comment, _WHEN[status], _advice(status)) for status in Status
    )
    return Section(
        "7.3.2.2",
        "Storage as SCP",
        (
            Table(STORED, ("status", "meaning", "Error Comment (0000,0902)", "when", "what the sender can do"), rows),
            Paragraph("No warning is ever returned, and no other status. A refused image leaves nothing behind."),
        ),
    )


def _kind(status: Status) -> str:
    return _KINDS.get(status.code, "Error: Cannot Understand")


def _advice(status: Status) -> str:
    if status is Status.STORED:
        return ""
    passes = _KINDS.get(status.code) == _KINDS[0xA700] and status is not Status.TOO_LARGE
    return _WORTH_IT if passes else _NOT_WORTH_IT


def _storage_scu() -> Section:
    rows = tuple((f"{code:04X}", meaning, _taken_as(code)) for code, meaning in _OF_A_PEER)
    return Section(
        "7.3.2.3",
        "Storage as SCU",
        (
            Table(ANSWERED, ("status", "meaning", "what follows"), rows),
            Paragraph(
                "Any other status Bxxx counts as kept, and any status that is not listed as final. What the "
                "destination has answered for is shown with its status for each object, and objects that it keeps are "
                "not sent again. Our SOP Instance UIDs name content, so a duplicate is what was sent."
            ),
        ),
    )


def _taken_as(code: int) -> str:
    if is_kept(code):
        return "kept: done"
    if not is_refused_for_good(SendReport((SentObject("", code),))):
        return "tried again until give_up_days"
    final = f"final: tried again {PERMANENT_ATTEMPTS} times, then given up until a person asks for it"
    return f"the next SOP class for this object, if there is one; else {final}" if code == 0x0122 else final


def _others() -> tuple[Section, ...]:
    reports = (
        ("0000", "recorded, or about nothing that was asked for"),
        ("0110", "the database does not take it: report again"),
        ("0113", "the event type is neither 1 nor 2"),
        ("0115", "the event information cannot be read"),
        ("0118", "the SOP class is not Storage Commitment Push Model"),
    )
    failures = (
        (f"{NOT_FOUND:04X}", "No such object instance", "sent again, byte for byte"),
        (f"{CONFLICT:04X}", "Class-instance conflict", "no proof: the result counts as sent"),
        ("0122", "Referenced SOP Class not supported", "no proof: the result counts as sent"),
        ("other", "", "asked again; after proof_hours the result counts as sent"),
    )
    answers = (
        ("0000, Bxxx", "N-ACTION", "a report is awaited"),
        ("other", "N-ACTION", "asked again at the next look"),
        ("FF00, FF01", "C-FIND", f"a match; more than {MOST_RESPONSES} are taken for no answer"),
        ("0000", "C-FIND", "the matches are complete"),
        ("A700", "C-FIND", "the archive is busy: left alone for a while"),
        ("other", "C-FIND", "no answer"),
    )
    return (
        Section(
            "7.3.2.4",
            "Storage Commitment",
            (
                Table(REPORTED, ("status", "when"), reports),
                Table("Failure Reason (0008,1197) in a report", ("reason", "meaning", "what follows"), failures),
            ),
        ),
        Section(
            "7.3.2.5",
            "Requests for Storage Commitment, and Queries",
            (Table("Other statuses that are received", ("status", "of", "what follows"), answers),),
        ),
    )
