"""The pure parts that decide, and the tests that are to notice when a decision changes."""

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Target:
    """A module, and the tests that speak of it: files and folders below ``tests/unit``."""

    module: str
    tests: tuple[str, ...]

    @property
    def file(self) -> Path:
        """Its source."""
        return ROOT.joinpath(*self.module.split(".")).with_suffix(".py")

    @property
    def name(self) -> str:
        """What it is imported as."""
        return f"hounsfield.{self.module}"

    @property
    def test_paths(self) -> tuple[str, ...]:
        """The arguments for pytest."""
        return tuple(str(ROOT / "tests" / "unit" / test) for test in self.tests)


TARGETS = (
    # transitions, and whose turn it is
    Target("storage.states", ("storage/test_states.py", "storage/test_stored_words.py")),
    Target("storage.claim_order", ("storage/test_claim_order.py",)),
    # retry
    Target("daemon.delivery.retry", ("daemon/delivery/test_retry.py",)),
    Target("daemon.delivery.proof.decision", ("daemon/delivery/test_proof_decision.py",)),
    Target("daemon.pipeline.attempts", ("daemon/pipeline/test_attempts.py",)),
    # completeness
    Target("daemon.assembly.completeness", ("daemon/assembly/test_completeness.py",)),
    Target("daemon.assembly.timing", ("daemon/assembly/test_timing.py",)),
    Target("daemon.assembly.quiet", ("daemon/assembly/test_quiet.py",)),
    Target("daemon.assembly.selection", ("daemon/assembly/test_selection.py",)),
    # status
    Target("daemon.reception.status", ("daemon/reception/test_status.py",)),
    Target("daemon.reception.dataset_check", ("daemon/reception/test_dataset_check.py",)),
    Target("daemon.reception.admission", ("daemon/reception/test_admission.py",)),
    # what may be removed
    Target("daemon.retention.policy", ("daemon/retention/test_policy.py",)),
)
