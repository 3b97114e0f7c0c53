"""Errors of the daemon. Each carries what went wrong and what the operator can do about it.

::

    DaemonError
    ├── ConfigurationError      a wrong key or value: exit code 3 (daemon/config)
    ├── ReceptionError          the receiver cannot start or go on (daemon/reception)
    │   ├── PortUnavailable     another program has the port, or the address is not ours
    │   └── TlsUnusable         a file that [tls] names cannot be used
    ├── ResultError             a result object cannot be built (daemon/results)
    ├── DeliveryError           a destination cannot be used (daemon/delivery)
    ├── IdentityUnavailable     copies of an image cannot be compared (daemon/assembly)
    ├── PeerFailed              a peer that a person asks does not answer as it should (daemon/scu)
    ├── Misaddressed            what a person gave is no address, AE title or path: exit code 2 (daemon/scu)
    └── ServiceError            the server of the web pages does not run (daemon/console)

What one package alone raises stands there: CommandFailed with the exit codes of commands (daemon/cli/exits.py),
ConsoleError with the statuses of pages (daemon/console/problems.py), and those of archives, bundles and demonstrations.

No message holds patient data: no names, identifiers or UIDs, and no text taken from a DICOM object.
"""

from dataclasses import dataclass


class DaemonError(Exception):
    """Base of all errors of this package; ``str`` gives the problem and, after it, the remedy."""

    remedy = "see the log of the service for the circumstances"

    def __init__(self, problem: str, remedy: str | None = None) -> None:
        self.problem = problem
        if remedy is not None:
            self.remedy = remedy
        super().__init__(problem)

    def __str__(self) -> str:
        return f"{self.problem} ({self.remedy})" if self.remedy else self.problem


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigurationProblem:
    """One wrong key or value."""

    source: str
    """The file, or ``environment variable NAME``."""
    key: str
    """Dotted: ``dicom.port``, ``destination[0].host``; empty where the whole source is unreadable."""
    wrong: str
    """What was given and why it cannot be used; never a secret."""
    allowed: str
    """What is allowed instead, or what to do."""

    def __str__(self) -> str:
        where = f"{self.source}: {self.key}" if self.key else self.source
        return f"{where}: {self.wrong}; {self.allowed}" if self.allowed else f"{where}: {self.wrong}"


class ConfigurationError(DaemonError):
    """The configuration cannot be used; all its problems are named at once, one per line."""

    remedy = "correct them; `hounsfield config check` looks again, `hounsfield config init` writes every key commented"

    def __init__(self, problems: tuple[ConfigurationProblem, ...]) -> None:
        self.problems = problems
        super().__init__("\n".join(str(problem) for problem in problems))

    def __str__(self) -> str:
        return self.problem


class ReceptionError(DaemonError):
    """The receiver cannot start or cannot go on."""


class PortUnavailable(ReceptionError):
    """The configured address and port cannot be listened on."""

    remedy = "stop the program that has the port, or set another dicom.host or dicom.port"


class TlsUnusable(ReceptionError):
    """A file that ``[tls]`` names cannot be used; without it there is no TLS, and plain DICOM goes on."""

    remedy = "mend or replace it: that counts without a restart, and `hounsfield tls show` looks again"

    def __init__(self, setting: str, problem: str, remedy: str | None = None) -> None:
        self.setting = setting
        super().__init__(f"{setting}: {problem}", remedy)


class ResultError(DaemonError):
    """A result object cannot be built."""


class DeliveryError(DaemonError):
    """A destination cannot be used."""

    remedy = "check the [[destination]] in the configuration and the peer it names; `hounsfield doctor` tests both"


class PeerFailed(DaemonError):
    """A peer that a person asks does not answer as it should; the message says why and what to look at."""

    remedy = "`hounsfield doctor` tests every peer that is configured"


class Misaddressed(DaemonError):
    """What a person gave is no address, no AE title or no path."""

    remedy = "the command's --help shows the form"


class ServiceError(DaemonError):
    """A role cannot start or cannot go on."""


class IdentityUnavailable(DaemonError):
    """Copies of an image cannot be compared; their series is held until a person looks."""

    remedy = "look at the series with `hounsfield series show` and release or discard it"
