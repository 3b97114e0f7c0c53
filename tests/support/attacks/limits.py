"""The figures that a receiver under attack must keep, and settings whose deadlines a test can wait for."""

from dataclasses import dataclass

from support.attacks.watch import Observed

CPU_PERCENT = 30.0
"""Of one core, while an attack stands."""
PEER_LIMIT = 16
WAITING_LIMIT = 80
DEADLINE_SECONDS = 1.5
"""For a connection to ask for its association."""
STALL_SECONDS, GRACE_SECONDS = 1.0, 1.0
SLACK_SECONDS = 2.5
"""A deadline is noticed at the next tick, on a machine that has other things to do."""

SHORT_DEADLINES = {
    "DICOM__ACSE_TIMEOUT_SECONDS": str(DEADLINE_SECONDS),
    "DICOM__PDU_TIMEOUT_SECONDS": str(STALL_SECONDS),
    "DICOM__MIN_BYTES_PER_SECOND": "10000",
    "DICOM__SLOW_GRACE_SECONDS": str(GRACE_SECONDS),
    "DICOM__NETWORK_TIMEOUT_SECONDS": "30",
    "DICOM__MAX_ASSOCIATIONS": "64",
    "DICOM__MAX_ASSOCIATIONS_PER_PEER": str(PEER_LIMIT),
    "DICOM__MAX_WAITING_CONNECTIONS": str(WAITING_LIMIT),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much memory an attack may take, in megabytes, and how much of it may stay."""

    rss_peak_mb: float = 50.0
    rss_left_mb: float = 16.0
    cpu_percent: float = CPU_PERCENT


ORDINARY = Limits()


def shortcomings(seen: Observed, limits: Limits = ORDINARY) -> list[str]:
    """Return in words what was not kept; nothing if all was."""
    checks = [
        (seen.is_alive, "the server has ended"),
        (
            seen.is_served,
            f"the honest sender waited {seen.slowest:.1f} s, failed {seen.failed} times",
        ),
        (seen.cpu_percent <= limits.cpu_percent, f"{seen.cpu_percent:.0f} % of a core"),
        (seen.rss_peak_mb <= limits.rss_peak_mb, f"memory grew by {seen.rss_peak_mb:.0f} MB"),
        (seen.rss_left_mb <= limits.rss_left_mb, f"{seen.rss_left_mb:.0f} MB were not given back"),
        (seen.threads_left <= 0, f"{seen.threads_left} threads are left"),
        (seen.descriptors_left <= 0, f"{seen.descriptors_left} descriptors are left"),
    ]
    return [words for is_kept, words in checks if not is_kept]
