"""The sections of the configuration: every key with its default, unit and meaning."""

from pathlib import Path
from typing import Literal

from pydantic import model_validator
from pydantic_core import PydanticCustomError

from hounsfield.daemon.config.fields import Section, setting
from hounsfield.daemon.config.values import (
    AE_TITLE_ALLOWED,
    DEVICE_ALLOWED,
    FINGERPRINT_ALLOWED,
    HOST_ALLOWED,
    PEER_HOST_ALLOWED,
    TIMEZONE_ALLOWED,
    AbsolutePath,
    AETitle,
    Device,
    Fingerprint,
    Host,
    PeerHosts,
    Timezone,
)

Accept = Literal["ct", "ct+companions", "all-storage"]


class DicomSettings(Section):
    """How images are received."""

    ae_title: AETitle = setting("HOUNSFIELD", "Our AE title, which senders call.", allowed=AE_TITLE_ALLOWED)
    host: Host = setting(
        "127.0.0.1",
        "Address to listen on. Another one than loopback needs a [[peer]] for each sender, or learning, or "
        "allow_any_peer.",
        allowed=HOST_ALLOWED,
    )
    port: int = setting(
        11112, "TCP port to listen on; 0 takes any free one, and the ready line names it.", ge=0, le=65535
    )
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

    port: int | None = setting(
        None,
        "TCP port to listen on for DICOM over TLS, usually 2762; 0 takes any free one.",
        allowed="a whole number from 0 to 65535, but not dicom.port",
        example=2762,
        default_text="no TLS",
        ge=0,
        le=65535,
    )
    host: Host | None = setting(
        None,
        "Address to listen on. Another one than loopback needs a [[peer]] for each sender, as dicom.host does.",
        allowed=HOST_ALLOWED,
        example="127.0.0.1",
        default_text="dicom.host",
    )
    certificate: AbsolutePath | None = setting(
        None,
        "Our certificate, and after it those that lead to its authority. `hounsfield tls init` makes some for tests.",
        allowed="a path of a PEM file",
        example="/etc/hounsfield/tls/server.pem",
        default_text="none; needed with tls.port",
    )
    key: AbsolutePath | None = setting(
        None,
        "The private key of our certificate, without a passphrase.",
        allowed="a path of a PEM file",
        example="/etc/hounsfield/tls/server.key",
        default_text="none; needed with tls.port",
    )
    authority: AbsolutePath | None = setting(
        None,
        "Who signs the certificates of our peers: one or more authorities, or self-signed certificates of peers.",
        allowed="a path of a PEM file",
        example="/etc/hounsfield/tls/authority.pem",
        default_text="none; needed where peers show certificates",
    )
    require_peer_certificate: bool = setting(
        True,
        "Refuse connections without a certificate that tls.authority signed (mutual authentication). With false a "
        "peer may come without one, but a wrong one is refused all the same.",
    )


class StorageSettings(Section):
    """Where everything is kept."""

    home: AbsolutePath = setting(
        Path("hounsfield-home"),
        "Folder of the database, and of all that storage.shared and storage.spool do not place elsewhere; relative to "
        "the working directory. With several hosts each has its own, on a disk of its own.",
        allowed="a path",
    )
    shared: AbsolutePath | None = setting(
        None,
        "Folder of spool, results, previews, bundles, archive and of the key of the log's hashes. Several hosts that "
        "work on one database need the same one, on NFS or another shared file system.",
        allowed="a path",
        example="/srv/hounsfield",
        default_text="storage.home",
    )
    database_url: str | None = setting(
        None,
        "Database. PostgreSQL needs the extra `postgres`; leave its password out here and use PGPASSFILE.",
        allowed='a URL: "sqlite:///PATH" or "postgresql://USER@HOST/DATABASE"',
        example="sqlite:////var/lib/hounsfield/hounsfield.db",
        default_text="hounsfield.db in storage.home",
        pattern=r"^(sqlite|postgresql)(\+[a-z0-9_]+)?://",
        secret=True,
    )
    spool: AbsolutePath | None = setting(
        None,
        "Folder of received images, on a local or shared file system that keeps what was fsynced.",
        allowed="a path",
        example="/var/lib/hounsfield/spool",
        default_text="spool in storage.shared",
    )
    cache: AbsolutePath | None = setting(
        None,
        "Folder on a disk of this host for copies of received images, which workers read more than once; for spools on "
        "a network. Everything in it may be deleted at any time.",
        allowed="a path",
        example="/var/cache/hounsfield",
        default_text="no copies",
    )
    cache_bytes: int = setting(
        20 * 2**30, "Room for these copies; those not used for longest go.", unit="bytes", ge=2**20, le=2**50
    )

    @property
    def shared_folder(self) -> Path:
        """Folder of what all hosts need: results, previews, bundles, archive, key of the log's hashes."""
        return self.shared or self.home

    @property
    def spool_folder(self) -> Path:
        """Folder of received images."""
        return self.spool or self.shared_folder / "spool"

    @property
    def spool_key(self) -> str:
        """The key that places the spool."""
        return "storage.spool" if self.spool else self.shared_key

    @property
    def shared_key(self) -> str:
        """The key that places results."""
        return "storage.shared" if self.shared else "storage.home"

    @property
    def database_file(self) -> Path | None:
        """File of the embedded database; None for a database server."""
        url = self.resolved_database_url
        return Path(url.partition("///")[2]) if url.startswith("sqlite") else None

    @property
    def resolved_database_url(self) -> str:
        """URL of the database, with the default filled in."""
        return self.database_url or f"sqlite:///{self.home / 'hounsfield.db'}"


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

    host: Host | None = setting(
        None, "Address of the archive.", allowed=HOST_ALLOWED, example="127.0.0.1", default_text="nobody is asked"
    )
    port: int | None = setting(
        None,
        "TCP port of the archive.",
        allowed="a whole number from 1 to 65535",
        example=104,
        default_text="none; needed with query.host",
        ge=1,
        le=65535,
    )
    ae_title: AETitle | None = setting(
        None,
        "AE title of the archive.",
        allowed=AE_TITLE_ALLOWED,
        example="PACS",
        default_text="none; needed with query.host",
    )
    calling_ae: AETitle | None = setting(
        None,
        "AE title we call ourselves there.",
        allowed=AE_TITLE_ALLOWED,
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
                context = {
                    "text": "is missing: query.host alone does not say how to reach the archive",
                    "key": f"query.{key}",
                    "allowed": "give query.host, query.port and query.ae_title, or none of them",
                }
                raise PydanticCustomError("setting", "{text}", context)
        return self


class Peer(Section):
    """A sender that may store images. One [[peer]] table each."""

    ae_title: AETitle = setting(
        ..., "AE title the sender calls itself.", allowed=AE_TITLE_ALLOWED, example="CT_SCANNER_1"
    )
    host: PeerHosts = setting(
        ...,
        "Where it connects from: address, network or host name, or a list of them.",
        allowed=PEER_HOST_ALLOWED,
        example="10.1.2.3",
    )
    certificate: Fingerprint | None = setting(
        None,
        "SHA-256 fingerprint of its certificate: it may come only over TLS and only with exactly this one.",
        allowed=FINGERPRINT_ALLOWED,
        example="00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
        default_text="none: with or without TLS, with any certificate that tls.authority signed",
    )
    max_associations: int | None = setting(
        None,
        "Associations at the same time from each of its addresses; more are refused as transient.",
        allowed="a whole number from 1 to 1024",
        example=16,
        default_text="dicom.max_associations_per_peer",
        ge=1,
        le=1024,
    )


class WorkerSettings(Section):
    """The process that runs the models."""

    device: Device = setting("auto", 'Where models run: "auto" takes a GPU if there is one.', allowed=DEVICE_ALLOWED)
    batch: int = setting(
        16,
        "Slices per prediction; a further attempt at a job takes half as many.",
        unit="slices",
        ge=1,
        le=1024,
    )
    bundles_loaded: int = setting(
        2, "Models kept in memory, those used last; others are loaded when a job names them.", ge=1, le=64
    )
    gpu_memory_bytes: int = setting(
        0, "GPU memory that models may take; 0 takes more as it is needed.", unit="bytes", ge=0
    )
    precision: Literal["auto", "float32", "mixed"] = setting(
        "auto",
        'Numbers that a GPU computes with. "mixed": float16 where that is safe. "auto" (with xla = "auto"): what is '
        "fastest here of what passes the bundle's self-test, measured once.",
    )
    xla: Literal["auto", "on", "off"] = setting(
        "auto",
        'Compile models with XLA. "auto" (with precision = "auto") measures once whether that is faster here.',
    )
    lease_seconds: float = setting(
        60.0, "A worker not heard of for so long has lost its job to the next one.", unit="seconds", ge=1, le=3600
    )
    job_timeout_seconds: float = setting(
        600.0, "A job that takes longer is stopped and counts as a failed attempt.", unit="seconds", gt=0, le=86400
    )
    max_attempts: int = setting(
        3, "Attempts before a series is reported as not analysed because of the model.", ge=1, le=20
    )
    decode_timeout_seconds: float = setting(
        120.0,
        "Longest decoding of the compressed images of one series, up to 600; more of them get as much longer.",
        unit="seconds",
        gt=0,
        le=3600,
    )
    decode_memory_bytes: int = setting(
        4294967296, "Memory of the process that decodes compressed images.", unit="bytes", ge=536870912
    )
    scratch_bytes: int = setting(
        8589934592,
        "Largest file of one series' pixels while it is analysed, in storage.home; 3,000 slices of 512 x 512 take "
        "1.6 GB. A larger series is not analysed.",
        unit="bytes",
        ge=16777216,
    )


class BundleEntry(Section):
    """A model bundle to run. One [[bundle]] table each; without any, the bundle that comes along."""

    path: AbsolutePath = setting(
        ..., "Folder with the bundle's manifest.toml.", allowed="a path", example="/var/lib/hounsfield/bundles/my-model"
    )


class LoggingSettings(Section):
    """The service's own log, on standard error."""

    level: Literal["debug", "info", "warning", "error"] = setting("info", "Least important lines that are written.")
    format: Literal["console", "json"] = setting("console", "For a person to read, or one JSON object per line.")


class SiteSettings(Section):
    """Who we are, for the results."""

    name: str = setting(
        "",
        "Institution name written into results; empty leaves it out.",
        allowed="at most 64 characters",
        max_length=64,
    )
    timezone: Timezone = setting("UTC", "Time zone of the times in results.", allowed=TIMEZONE_ALLOWED)
