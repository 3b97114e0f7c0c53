"""What users may rely on (docs/upgrading.md) is still there: commands, settings, fields, metrics, exit codes."""

from pathlib import Path

from support.promises import kept, promised


def test_nothing_that_was_promised_has_gone(tmp_path: Path) -> None:
    assert sorted(promised() - kept(tmp_path)) == []


def test_the_list_holds_something_of_every_kind() -> None:
    assert {
        "command jobs list --json",
        "setting dicom.max_pdu_bytes in bytes",
        "json jobs list: series_uid",
        "metric hounsfield_queue_jobs kind state",
        "manifest output.labels.threshold",
        "exit 4 NOT_FOUND",
    } <= promised()
