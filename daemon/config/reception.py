"""The sections about reception: the port, TLS, and who may send."""

from typing import Literal

from hounsfield.daemon.config.fields import Section, setting
from hounsfield.daemon.config.values import AETitle, Fingerprint, Host, ListeningPort, PeerHosts, PemFile

Accept = Literal["ct", "ct+companions", "all-storage"]


class DicomSettings(Section):
    """How images are received."""

    ae_title: AETitle = setting("HOUNSFIELD", "Our AE title, which senders call.")
    host: Host = setting(
        "127.0.0.1",
        "Address to listen on. Another one than loopback needs a [[peer]] for each sender, or learning, or "
        "allow_any_peer.",
    )
    port: ListeningPort = setting(11112, "TCP port to listen on; 0 takes any free one, and the ready line names it.")
    receivers: int = setting(
        1,
        "Processes that share the port; more use more cores. Each counts its own associations.",
        unit="processes",
        ge=1,
        le=16,
    )
    accept: Accept = setting(
        "ct+companions",
        'What senders may store. "ct": CT images only. "ct+companions": also what scanners send along (dose reports, '
        'secondary captures, presentation states, key objects), kept and skipped. "all-storage": every storage class, '
        "for modalities that abort a whole study when one class is refused.",
    )
    check_called_ae: bool = setting(True, "Refuse associations that call another AE title than ours.")
    allow_any_peer: bool = setting(False, "Accept any sender from anywhere, whatever [[peer]] says.")
    learning: bool = setting(
        False,
        "Admit and list senders that no [[peer]] knows; for the first days of an installation. `hounsfield peers "
        "suggest` shows them as [[peer]] tables to copy. Limits, certificates and user identity stay as strict as "
        "ever.",
    )
    max_associations: int = setting(64, "Associations at the same time; more are refused as transient.", ge=1, le=1024)
    max_associations_per_peer: int = setting(
        16,
        "Associations at the same time from one sender (calling AE title and address); more are refused as transient. "
        "A [[peer]] may have its own max_associations.",
        ge=1,
        le=1024,
    )
    max_pdu_bytes: int = setting(
        131072, "Largest PDU that senders may send; larger is faster.", unit="bytes", ge=4096, le=1048576
    )
    short_path: bool = setting(
        True,
        "Read stored images ourselves rather than through the network library: several times faster. The other way "
        "is there in case of doubt; both obey the same limits.",
    )
    max_instance_bytes: int = setting(
        1073741824,
        "Largest data set; a larger one is answered A700 (out of resources).",
        unit="bytes",
        ge=1048576,
        le=4294967294,
    )
    min_free_bytes: int = setting(
        536870912,
        "Free space of the spool's file system below which images are answered A700 (out of resources).",
        unit="bytes",
        ge=0,
    )
    min_free_percent: float = setting(
        1.0,
        "The same, in percent of the file system; the larger of both counts.",
        unit="percent",
        ge=0,
        lt=100,
    )
    max_waiting_connections: int = setting(
        256,
        "Connections at the same time that have not yet asked for an association; one more, and of the address with "
        "the most of them the one that has waited longest is closed.",
        ge=1,
        le=65536,
    )
    acse_timeout_seconds: float = setting(
        10.0,
        "Wait for the whole request of an association, and a TLS handshake before it, on a new connection.",
        unit="seconds",
        gt=0,
        le=3600,
    )
    pdu_timeout_seconds: float = setting(
        20.0, "Longest silence inside a PDU or message that has begun.", unit="seconds", gt=0, le=3600
    )
    min_bytes_per_second: float = setting(
        10000.0,
        "A message that comes more slowly than this, on average, ends the association: nobody may hold a place for "
        "ever.",
        unit="bytes per second",
        gt=0,
    )
    slow_grace_seconds: float = setting(
        10.0, "How long a message may come more slowly than that.", unit="seconds", gt=0, le=3600
    )
    network_timeout_seconds: float = setting(
        60.0, "Silence after which an association is aborted.", unit="seconds", gt=0, le=86400
    )


class TlsSettings(Section):
    """Reception over TLS 1.2 or newer (PS3.15 B.12), beside plain DICOM. Replaced files count without a restart."""

    port: ListeningPort | None = setting(
        None,
        "TCP port to listen on for DICOM over TLS, usually 2762; 0 takes any free one.",
        allowed="a whole number from 0 to 65535, but not dicom.port",
        example=2762,
        default_text="no TLS",
    )
    host: Host | None = setting(
        None,
        "Address to listen on. Another one than loopback needs a [[peer]] for each sender, as dicom.host does.",
        example="127.0.0.1",
        default_text="dicom.host",
    )
    certificate: PemFile | None = setting(
        None,
        "Our certificate, and after it those that lead to its authority. `hounsfield tls init` makes some for tests.",
        example="/etc/hounsfield/tls/server.pem",
        default_text="none; needed with tls.port",
    )
    key: PemFile | None = setting(
        None,
        "The private key of our certificate, without a passphrase.",
        example="/etc/hounsfield/tls/server.key",
        default_text="none; needed with tls.port",
    )
    authority: PemFile | None = setting(
        None,
        "Who signs the certificates of our peers: one or more authorities, or self-signed certificates of peers.",
        example="/etc/hounsfield/tls/authority.pem",
        default_text="none; needed where peers show certificates",
    )
    require_peer_certificate: bool = setting(
        True,
        "Refuse connections without a certificate that tls.authority signed (mutual authentication). With false a "
        "peer may come without one, but a wrong one is refused all the same.",
    )


class Peer(Section):
    """A sender that may store images. One [[peer]] table each."""

    ae_title: AETitle = setting(..., "AE title the sender calls itself.", example="CT_SCANNER_1")
    host: PeerHosts = setting(
        ...,
        "Where it connects from: address, network or host name, or a list of them.",
        example="10.1.2.3",
    )
    certificate: Fingerprint | None = setting(
        None,
        "SHA-256 fingerprint of its certificate: it may come only over TLS and only with exactly this one.",
        example="00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
        default_text="none: with or without TLS, with any certificate that tls.authority signed",
    )
    max_associations: int | None = setting(
        None,
        "Associations at the same time from each of its addresses; more are refused as transient.",
        example=16,
        default_text="dicom.max_associations_per_peer",
        ge=1,
        le=1024,
    )
