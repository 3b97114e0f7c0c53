"""The sections about running the service: console, alarms, how long things are kept, work of several hosts, log."""

from typing import Literal

from pydantic import model_validator

from hounsfield.daemon.config.fields import Section, fault, setting
from hounsfield.daemon.config.values import AbsolutePath, Host, ListeningPort, PeerHosts


class ConsoleSettings(Section):
    """Web pages for admins, and on the same port /metrics for Prometheus, /livez and /readyz."""

    host: Host = setting(
        "127.0.0.1",
        "Address to listen on. Behind a reverse proxy with TLS leave it at loopback.",
    )
    port: ListeningPort = setting(8050, "TCP port to listen on; 0 takes any free one, and the log names it.")
    sign_in: Literal["password", "proxy", "off"] = setting(
        "password",
        'How admins prove who they are. "password": accounts of `hounsfield console account`. "proxy": a reverse proxy '
        'has done it and says so in a header. "off": pages are read-only for everybody.',
    )
    proxy_header: str = setting(
        "X-Forwarded-User",
        'With sign_in = "proxy": the header that names the person.',
        allowed="the name of an HTTP header",
        pattern=r"^[A-Za-z0-9-]{1,64}$",
    )
    proxy_hosts: PeerHosts = setting(
        ("127.0.0.1", "::1"),
        "Where a reverse proxy connects from. Its header that names the person, and X-Forwarded-For, count from "
        "nowhere else; it has to remove what browsers send under these names.",
        allowed='an address or a network such as "10.1.0.0/16", or a list of them',
    )
    hosts: tuple[Host, ...] = setting(
        (),
        "Names by which browsers and proxies reach the console, beside its address, localhost and this machine's own "
        "name. Requests for other names are refused: somebody may have pointed a name here (DNS rebinding).",
        allowed='a list of host names such as ["ai-console.example.org"]',
    )
    secure_cookies: bool = setting(
        False, "Browsers send the sign-in over HTTPS only. Set it where a proxy with TLS stands before the console."
    )
    session_hours: float = setting(12.0, "A sign-in that was not used for so long ends.", unit="hours", gt=0, le=720)
    tries_per_minute: int = setting(
        5, "Attempts to sign in from one address; more have to wait.", unit="attempts", ge=1, le=1000
    )


class AlarmSettings(Section):
    """When something counts as wrong. Each alarm has one beginning and one end, in log, metrics and webhook."""

    queue_seconds: float = setting(
        600.0, "A job that is due and waits for longer raises an alarm.", unit="seconds", gt=0, le=604800
    )
    disk_percent: float = setting(
        10.0, "Free space of spool or home below which there is an alarm.", unit="percent", ge=0, lt=100
    )
    certificate_days: float = setting(
        30.0, "A certificate that runs out sooner raises an alarm.", unit="days", gt=0, le=3650
    )
    component_seconds: float = setting(
        30.0,
        "A process of the service that is not heard of for longer raises an alarm.",
        unit="seconds",
        ge=10,
        le=3600,
    )
    webhook: str | None = setting(
        None,
        "Where beginnings and ends of alarms are posted as JSON.",
        allowed="an http or https URL",
        example="https://alarms.example.org/hounsfield",
        default_text="nowhere",
        pattern=r"^https?://[^\s]+$",
    )
    webhook_secret_file: AbsolutePath | None = setting(
        None,
        "File with the secret that signs them (HMAC-SHA256), as [[notify]] does.",
        example="/etc/hounsfield/alarm.secret",
        default_text="they are not signed",
    )


class RetentionSettings(Section):
    """How long images and results are kept. What is unfinished, undelivered or unproven is never removed."""

    enabled: bool = setting(
        False, "Remove by themselves what is old enough. `hounsfield purge --dry-run` shows what that would be."
    )
    images_days: float = setting(
        30.0,
        "Images of a series that is finished are kept so long after their last result.",
        unit="days",
        gt=0,
        le=36500,
    )
    results_days: float = setting(365.0, "Our result objects and their previews.", unit="days", gt=0, le=36500)
    jobs_days: float = setting(
        1825.0, "Rows of the job log; older ones go to a CSV file in storage.home before.", unit="days", gt=0, le=36500
    )
    free_percent: float = setting(
        15.0,
        "Below so much free space in the spool's file system, images of finished series go before their time, the "
        "oldest first.",
        unit="percent",
        ge=0,
        lt=100,
    )

    @model_validator(mode="after")
    def _in_order(self) -> "RetentionSettings":
        if self.jobs_days < max(self.images_days, self.results_days):
            allowed = "at least retention.images_days and retention.results_days"
            raise fault("rows would go before the files that they speak of", allowed, at="retention.jobs_days")
        return self


class QueueSettings(Section):
    """How processes learn that there is work, and which is first. The job log decides who does it."""

    engine: Literal["embedded", "procrastinate"] = setting(
        "embedded",
        'How work is taken up. "embedded": every process looks into the database, which suits one machine. '
        '"procrastinate": PostgreSQL wakes the processes of all hosts that share it, and `hounsfield db upgrade` makes '
        "the tables for it.",
    )
    patience_minutes: float = setting(
        30.0,
        "A routine job that has waited so long is no longer passed over without end: see patient_share.",
        unit="minutes",
        ge=0,
        le=1440,
    )
    patient_share: int = setting(
        4,
        "STAT jobs go first; but of so many jobs one is a routine job that has waited for patience_minutes.",
        ge=2,
        le=100,
    )

    @property
    def wakes(self) -> bool:
        """Whether a job that becomes due is told to the queue in the database."""
        return self.engine == "procrastinate"


class LoggingSettings(Section):
    """The service's own log, on standard error."""

    level: Literal["debug", "info", "warning", "error"] = setting("info", "Least important lines that are written.")
    format: Literal["console", "json"] = setting("console", "For a person to read, or one JSON object per line.")
