"""Configuration (PS3.2 N.6): the settings that matter to who connects, with the values in force."""

from pydantic import BaseModel

from hounsfield.daemon.config.annotated import toml_value
from hounsfield.daemon.config.destinations import Destination
from hounsfield.daemon.config.fields import allowed_text, extra_of
from hounsfield.daemon.config.reception import Peer
from hounsfield.daemon.config.settings import Settings
from hounsfield.daemon.conformance.document import Paragraph, Section, Table

_PATHS = frozenset({"certificate", "key", "authority"})
"""Of [tls]: where files lie is no business of who connects."""
_NONE = (Paragraph("None."),)
_COLUMNS = ("setting", "in force", "unit", "allowed", "meaning")


def configuration(settings: Settings) -> Section:
    """Section 6."""
    return Section(
        "6",
        "Configuration",
        (
            Paragraph(
                "All of it stands in one TOML file, which the service reads when it starts; environment variables "
                "HOUNSFIELD_SECTION__KEY win over it."
            ),
        ),
        (
            Section("6.1", "General Configuration Parameters", (_keys("dicom", settings.dicom, "Reception"),)),
            Section(
                "6.2",
                "Configuration of DIMSE Services",
                (),
                (
                    Section("6.2.1", "Senders", (_peers(settings.peer),)),
                    Section("6.2.2", "Destinations", (_destinations(settings), _timing(settings.destination))),
                    Section("6.2.3", "Query", (_keys("query", settings.query, "Query"),)),
                ),
            ),
            Section("6.3", "Configuration of DICOM Web Services", _NONE),
            Section("6.4", "Configuration of Media Storage", _NONE),
            Section("6.5", "Configuration of Real-Time Video", _NONE),
            Section("6.6", "Configuration of Audit Trail", (Paragraph("None: no Syslog of PS3.15 A.5 is sent."),)),
            Section("6.7", "Configuration of TLS", (_keys("tls", settings.tls, "TLS"),)),
        ),
    )


def _keys(name: str, section: BaseModel, caption: str) -> Table:
    rows = []
    for key, field in type(section).model_fields.items():
        extra = extra_of(field)
        value = getattr(section, key)
        shown = f"({extra['default_text']})" if value is None else toml_value(value)
        if key in _PATHS and value is not None:
            shown = "set"
        rows.append((f"{name}.{key}", shown, str(extra["unit"]), allowed_text(field), _unquoted(field.description)))
    return Table(f"{caption} settings", _COLUMNS, tuple(rows))


def _unquoted(text: str | None) -> str:
    """Return a text without the quotes of Markdown: the document knows no markup."""
    return (text or "").replace("`", "")


def _peers(peers: tuple[Peer, ...]) -> Table:
    rows = tuple(
        (
            peer.ae_title,
            ", ".join(peer.host),
            "over TLS with its own certificate only" if peer.certificate else "with or without TLS",
            "as for all" if peer.max_associations is None else str(peer.max_associations),
        )
        for peer in peers
    )
    return Table("Senders that are known ([[peer]])", ("AE title", "from", "how", "associations"), rows)


def _destinations(settings: Settings) -> Table:
    rows = tuple(
        (
            one.name,
            _kind(one),
            one.ae_title or "",
            "" if one.port is None else f"{one.host or 'the sender'}:{one.port}",
            "" if one.kind == "folder" else one.calling_ae or settings.dicom.ae_title,
            ", ".join(one.results),
            one.proof,
            "yes" if one.check_patient else "no",
        )
        for one in settings.destination
    )
    columns = ("name", "kind", "AE title", "at", "calling AE title", "results", "proof", "patient checked")
    return Table("Destinations ([[destination]])", columns, rows)


def _kind(destination: Destination) -> str:
    return {"dicom": "Storage SCP", "sender": "Storage SCP of the sender", "folder": "folder, no DICOM service"}[
        destination.kind
    ]


def _timing(destinations: tuple[Destination, ...]) -> Table:
    rows = tuple(
        (
            one.name,
            f"{one.connect_timeout_seconds:g} s",
            f"{one.acse_timeout_seconds:g} s",
            f"{one.dimse_timeout_seconds:g} s",
            f"{one.probe_seconds:g} s",
            f"{one.give_up_days:g} days",
            f"{one.proof_hours:g} hours",
        )
        for one in destinations
        if one.kind != "folder"
    )
    columns = ("name", "TCP", "association", "response", "C-ECHO while out of reach", "given up after", "proof awaited")
    return Table("Times of destinations", columns, rows)
