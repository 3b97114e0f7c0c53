"""Security (PS3.2 N.8): TLS, certificates, and what is not protected."""

from hounsfield.daemon.config.settings import Settings
from hounsfield.daemon.conformance.document import Block, Bullets, Paragraph, Section, Table
from hounsfield.daemon.reception.tls import TLS_1_2_SUITES

VERSIONS = "TLS versions that are spoken"
SUITES = "TLS cipher suites"
TLS_1_3_SUITES = ("TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_128_GCM_SHA256")
"""Those of RFC 8446 that OpenSSL has switched on."""
_REGISTERED = {
    "ECDHE-ECDSA-AES256-GCM-SHA384": "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384": "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "ECDHE-ECDSA-AES128-GCM-SHA256": "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256": "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
}
"""Names of RFC 5289 for those of OpenSSL."""
_NONE = (Paragraph("Not supported."),)


def security(settings: Settings) -> Section:
    """Section 8."""
    return Section(
        "8",
        "Security",
        (),
        (
            Section("8.1", "Introduction", (Paragraph(_introduction(settings)),)),
            Section(
                "8.2",
                "External Network Requirements",
                (
                    Paragraph(
                        "None but the addresses of 6.2. Names of hosts need DNS; certificates and time-outs of "
                        "deliveries need the right time. Neither DHCP, LDAP, NTP nor Syslog of PS3.15 is used by this "
                        "product itself. It needs no internet."
                    ),
                ),
            ),
            Section("8.3", "TCP Port Configuration", (_ports(settings),)),
            _profiles(settings),
            Section(
                "8.5",
                "User Identity Negotiation Support",
                (Paragraph("None. It is not sent; a request that has it is rejected (1/1/1)."),),
            ),
            Section("8.6", "Security Features of Web Services", (Paragraph("There are no DICOM web services."),)),
            Section("8.7", "Other Security Features", _others()),
        ),
    )


def _introduction(settings: Settings) -> str:
    if settings.tls.port is None:
        return "TLS is off in this configuration (tls.port is not set): images come in the clear. See 8.4.2 for it."
    return "Images may come over TLS, on a port of its own beside that for plain DICOM."


def _ports(settings: Settings) -> Table:
    tls = settings.tls
    rows = [("DICOM", settings.dicom.host, str(settings.dicom.port), "dicom.host, dicom.port")]
    if tls.port is not None:
        rows.append(("DICOM over TLS", settings.tls_host, str(tls.port), "tls.host, tls.port"))
    return Table("Ports that are listened on", ("what", "address", "port", "setting"), tuple(rows))


def _profiles(settings: Settings) -> Section:
    return Section(
        "8.4",
        "DICOM Security Profiles Support",
        (),
        (
            Section("8.4.1", "Secure Use and User Identity Profiles", _NONE),
            Section("8.4.2", "Secure Transport Connection Profiles", _transport(settings)),
            Section("8.4.3", "Media Storage Security Profiles", _NONE),
            Section("8.4.4", "Attribute Confidentiality Profiles", _NONE),
            Section("8.4.5", "Digital Signature Profiles", _NONE),
            Section("8.4.6", "Additional Security Profiles", _NONE),
        ),
    )


def _transport(settings: Settings) -> tuple[Block, ...]:
    shown = "must show" if settings.tls.require_peer_certificate else "may show"
    suites = [("TLS 1.2", _REGISTERED[name]) for name in TLS_1_2_SUITES]
    suites += [("TLS 1.3", name) for name in TLS_1_3_SUITES]
    return (
        Paragraph(
            "As acceptor: the BCP 195 RFC 8996, 9325 TLS Secure Transport Connection Profile (PS3.15 B.12). "
            "As requestor: none."
        ),
        Table(VERSIONS, ("version",), (("TLS 1.2",), ("TLS 1.3",))),
        Table(SUITES, ("version", "suite"), tuple(suites)),
        Bullets(
            (
                f"A sender {shown} a certificate (tls.require_peer_certificate) that leads to tls.authority. One that "
                "does not is refused in any case. A [[peer]] can be bound to one certificate by its fingerprint.",
                "Host names in certificates of senders are not looked at: they are known by AE title, address and "
                "fingerprint. No revocation list is asked for.",
                "RSA keys below 2048 bits and SHA-1 signatures are refused. No compression, no renegotiation, no "
                "session tickets.",
                "Certificates that are replaced on disk count within a second, without a restart.",
                "No older profile is claimed. A peer of one of them is understood where it speaks TLS 1.2 with one of "
                "these suites.",
            )
        ),
    )


def _others() -> tuple[Block, ...]:
    return (
        Bullets(
            (
                "Not encrypted: results, queries and requests for storage commitment that this product sends. Where "
                "the way to a destination is not trusted, it needs a tunnel.",
                "Not encrypted: images and results on disk. That is the business of the file system; storage.home is "
                "made for the user of the service only.",
                "Names, identifiers and UIDs of patients do not stand in logs; UIDs appear as keyed hashes.",
                "Reception is bounded in time, memory and number of connections; PDUs longer than agreed and Deflated "
                "are not read.",
            )
        ),
    )
