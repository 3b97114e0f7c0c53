"""Network communication (PS3.2 N.7.1 and N.7.2): how associations are made and accepted."""

from collections.abc import Iterable

from pydicom.uid import UID

from hounsfield.daemon.association.link import LONGEST_PDU, MOST_BYTES
from hounsfield.daemon.config.settings import Settings
from hounsfield.daemon.conformance.contexts import (
    Context,
    accepted_contexts,
    commitment_context,
    echo_context,
    find_context,
    name_of,
    network_destinations,
    result_contexts,
    roles_sent,
)
from hounsfield.daemon.conformance.document import Block, Bullets, Paragraph, Section, Table
from hounsfield.daemon.conformance.implementation import DELIVERY, QUERY, RECEPTION
from hounsfield.daemon.query.series_counts import PAUSE_SECONDS, THREADS
from hounsfield.daemon.reception.lobby import LONGEST_REQUEST
from hounsfield.storage.spool_format import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME

_APPLICATION_CONTEXT = "1.2.840.10008.3.1.1.1"
_LOSSY = frozenset(f"1.2.840.10008.1.2.4.{number}" for number in (50, 51, 81, 91, 203))
"""Syntaxes of PS3.5 A.4 in which the compression may have lost something."""
ACCEPTED = "Presentation contexts that are accepted"
CHOICES = "Transfer syntaxes, in the order in which they are chosen"
SENT = "Presentation contexts that are proposed to send results"
PROBED = "Presentation contexts that are proposed to ask for an answer"
COMMITTED = "Presentation contexts that are proposed to request storage commitment"
LOOKED_UP = "Presentation contexts that are proposed to query a destination"
COUNTED = "Presentation contexts that are proposed to query an archive"
_PROPOSED_COLUMNS = ("abstract syntax", "UID", "transfer syntaxes", "their UIDs", "role", "extended negotiation")


def general(settings: Settings) -> Section:
    """Section 7.1."""
    dicom = settings.dicom
    rows = (
        ("Application Context Name", _APPLICATION_CONTEXT),
        ("Implementation Class UID", IMPLEMENTATION_CLASS_UID),
        ("Implementation Version Name", IMPLEMENTATION_VERSION_NAME),
        ("Largest PDU that is received, as acceptor", f"{dicom.max_pdu_bytes} bytes (dicom.max_pdu_bytes)"),
        ("Largest PDU that is received, as requestor", f"{LONGEST_PDU} bytes"),
        ("Largest PDU that is sent", "as the other side says"),
        ("Largest A-ASSOCIATE-RQ that is read", f"{LONGEST_REQUEST} bytes"),
        ("Asynchronous operations", "not negotiated; one operation at a time"),
        ("Network", "TCP over IPv4 and IPv6; names of hosts are looked up in DNS"),
    )
    associations = Section("7.1.1", "General Association Parameters", (Table("Associations", ("what", "value"), rows),))
    return Section("7.1", "General", (), (associations,))


def specifications(settings: Settings) -> Section:
    """Section 7.2."""
    return Section("7.2", "Specifications", (), (_reception(settings), _delivery(settings), _query(settings)))


def _reception(settings: Settings) -> Section:
    dicom = settings.dicom
    rows = (
        ("AE title", dicom.ae_title, "dicom.ae_title"),
        ("Processes that share the port", str(dicom.receivers), "dicom.receivers"),
        ("Associations at the same time, for each process", str(dicom.max_associations), "dicom.max_associations"),
        (
            "Associations of one sender at the same time",
            str(dicom.max_associations_per_peer),
            "dicom.max_associations_per_peer, [[peer]] max_associations",
        ),
        ("Wait for an association request", f"{dicom.acse_timeout_seconds:g} s", "dicom.acse_timeout_seconds"),
        ("Silence inside a PDU or message", f"{dicom.pdu_timeout_seconds:g} s", "dicom.pdu_timeout_seconds"),
        ("Silence between messages", f"{dicom.network_timeout_seconds:g} s", "dicom.network_timeout_seconds"),
        (
            "Slowest message",
            f"{dicom.min_bytes_per_second:g} bytes/s after {dicom.slow_grace_seconds:g} s",
            "dicom.min_bytes_per_second, dicom.slow_grace_seconds",
        ),
        ("Largest data set", f"{dicom.max_instance_bytes} bytes", "dicom.max_instance_bytes"),
    )
    return Section(
        "7.2.1",
        f"{RECEPTION} Application Entity",
        (),
        (
            Section("7.2.1.1", "Sequencing of Real-World Activities", (Paragraph("None is required; see 4.2."),)),
            Section("7.2.1.2", "Association Parameters", (Table("Reception", ("what", "value", "setting"), rows),)),
            Section("7.2.1.3", "Association Initiation", (Paragraph("It requests no associations."),)),
            Section("7.2.1.4", "Association Acceptance", _acceptance(settings)),
        ),
    )


def _acceptance(settings: Settings) -> tuple[Block, ...]:
    contexts = accepted_contexts(settings)
    choices = list(dict.fromkeys(context.transfer_syntaxes for context in contexts))
    names = {syntaxes: f"T{number}" for number, syntaxes in enumerate(choices, start=1)}
    accepted = tuple(
        (name_of(one.abstract_syntax), one.abstract_syntax, names[one.transfer_syntaxes], one.role) for one in contexts
    )
    syntaxes = tuple(
        (names[choice], str(place), name_of(uid), uid, _compression(uid))
        for choice in choices
        for place, uid in enumerate(choice, start=1)
    )
    return (
        Paragraph(_who(settings)),
        Table(ACCEPTED, ("abstract syntax", "UID", "transfer syntaxes", "role"), accepted),
        Table(CHOICES, ("set", "place", "name", "UID", "pixel data"), syntaxes),
        Bullets(
            (
                "Of the transfer syntaxes that are proposed for one context, the first of this list is accepted. "
                "All others are rejected, Deflated and MPEG among them.",
                _commitment_note(settings),
                "SCP/SCU Role Selection is answered for Storage Commitment only; elsewhere the default roles hold. "
                "Asynchronous Operations Window, SOP Class Extended and SOP Class Common Extended Negotiation are not "
                "answered. A request with User Identity is rejected.",
            )
        ),
    )


def _who(settings: Settings) -> str:
    dicom = settings.dicom
    if dicom.learning:
        return "Any sender is accepted while dicom.learning is on, whatever AE title it calls."
    called = f"They must call {dicom.ae_title}." if dicom.check_called_ae else "They may call any AE title."
    if dicom.allow_any_peer:
        return f"Senders are accepted from anywhere, whatever they call themselves (dicom.allow_any_peer). {called}"
    if settings.peer:
        return f"The senders of 6.2.1 are accepted, each by its AE title and address. {called}"
    return f"No [[peer]] is configured: senders on this machine are accepted, whatever they call themselves. {called}"


def _commitment_note(settings: Settings) -> str:
    if settings.awaits_commitment:
        return (
            "Storage Commitment is accepted from known senders that propose to be its SCP, for N-EVENT-REPORT; "
            "N-ACTION is not served."
        )
    return 'Storage Commitment is not accepted: no destination has proof = "commitment".'


def _compression(uid: str) -> str:
    syntax = UID(uid)
    if not syntax.is_encapsulated:
        return "native"
    return "compressed, may have lost something" if uid in _LOSSY else "compressed without loss"


def _delivery(settings: Settings) -> Section:
    is_used = bool(network_destinations(settings))
    note = "" if is_used else " No destination is configured that gets results by DICOM: this is what would be done."
    return Section(
        "7.2.2",
        f"{DELIVERY} Application Entity",
        (),
        (
            Section("7.2.2.1", "Sequencing of Real-World Activities", (Paragraph(f"See 4.2 and 5.2.6.{note}"),)),
            Section(
                "7.2.2.2",
                "Association Parameters",
                (
                    Paragraph(
                        "One association at a time for each destination. Times are those of 6.2.2. At most "
                        f"{MOST_BYTES} bytes of what a destination says are read on one association."
                    ),
                ),
            ),
            Section("7.2.2.3", "Association Initiation", (), _activities(settings)),
            Section(
                "7.2.2.4",
                "Association Acceptance",
                (Paragraph("None of its own: reports of storage commitment that come later go to the Reception AE."),),
            ),
        ),
    )


def _activities(settings: Settings) -> tuple[Section, ...]:
    return (
        _activity(
            "7.2.2.3.1",
            "Send a Result",
            SENT,
            result_contexts(roles_sent(settings)),
            "One association for each result and destination, on which only the classes of its objects are proposed: "
            "one context for each. A result with Comprehensive 3D SR also proposes the poorer SR classes.",
        ),
        _activity(
            "7.2.2.3.2",
            "Ask whether a Destination Answers",
            PROBED,
            [echo_context()],
            "While a destination is out of reach, and when a person asks for it. Any status is an answer.",
        ),
        _activity(
            "7.2.2.3.3",
            "Request Storage Commitment",
            COMMITTED,
            [commitment_context()],
            'For destinations with proof = "commitment".',
        ),
        _activity(
            "7.2.2.3.4",
            "Query a Destination",
            LOOKED_UP,
            [find_context()],
            'For destinations with proof = "find" or check_patient.',
        ),
    )


def _activity(number: str, title: str, caption: str, contexts: Iterable[Context], words: str) -> Section:
    rows = tuple(
        (
            name_of(one.abstract_syntax),
            one.abstract_syntax,
            ", ".join(name_of(uid) for uid in one.transfer_syntaxes),
            ", ".join(one.transfer_syntaxes),
            one.role,
            "none",
        )
        for one in contexts
    )
    return Section(number, title, (Paragraph(words), Table(caption, _PROPOSED_COLUMNS, rows)))


def _query(settings: Settings) -> Section:
    note = "" if settings.query.host is not None else " Not in use: query.host is not set."
    return Section(
        "7.2.3",
        f"{QUERY} Application Entity",
        (),
        (
            Section("7.2.3.1", "Sequencing of Real-World Activities", (Paragraph(f"See 5.2.7.{note}"),)),
            Section(
                "7.2.3.2",
                "Association Parameters",
                (
                    Paragraph(
                        f"At most {THREADS} associations at a time, each for one question and at most "
                        f"{settings.query.timeout_seconds:g} s (query.timeout_seconds). An archive that does not "
                        f"answer is left alone for {PAUSE_SECONDS:g} s."
                    ),
                ),
            ),
            Section(
                "7.2.3.3",
                "Association Initiation",
                (),
                (
                    _activity(
                        "7.2.3.3.1",
                        "Ask how many Images a Series has",
                        COUNTED,
                        [find_context()],
                        "When a series seems whole and there is no other evidence of it.",
                    ),
                ),
            ),
            Section("7.2.3.4", "Association Acceptance", (Paragraph("None."),)),
        ),
    )
