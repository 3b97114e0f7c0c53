"""A PACS that forwards the study again after each of our results: one result set, and no loop."""

from pathlib import Path
from typing import Any

from pydicom import dcmread
from support.daemon import Daemon
from support.reforwarding_pacs import reforwarding_pacs
from support.sending import dcmsend
from support.waiting import wait_until

from hounsfield.model.phantom.series import PhantomSpec, write_series


def test_a_study_that_comes_back_after_each_result_gets_one_result_set_and_no_loop(tmp_path: Path) -> None:
    files = write_series(tmp_path / "series", PhantomSpec(seed=31, slices=10))
    uid = str(dcmread(files[0], stop_before_pixels=True).SeriesInstanceUID)
    with reforwarding_pacs(tmp_path / "pacs", files) as pacs, Daemon(tmp_path / "home", [pacs.destination]) as daemon:
        pacs.target_port = daemon.port
        dcmsend(daemon.port, files)

        wait_until(lambda: pacs.is_done and len(pacs.results) >= 2, 40, 0.1)
        assert pacs.failure is None

        def settled() -> dict[str, Any] | None:
            """Return the series once all of both rounds is counted and decided on: a loop would have its next job."""
            (shown,) = daemon.hounsfield("series", "show", uid)
            states = {one["state"] for one in daemon.hounsfield("series", "list")}
            return shown if shown["variants"] == 2 * len(files) and "RECEIVING" not in states else None

        series = wait_until(settled, 20, 0.3)
        assert len(pacs.results) == pacs.rounds == 2
        assert (series["state"], series["revision"], series["completeness"]) == ("CLOSED", 1, "COMPLETE")
        assert series["instances"] == len(files)
        assert [(job["kind"], job["state"]) for job in series["jobs"]] == [
            ("INFER", "COMPLETED"),
            ("DELIVER", "COMPLETED"),
        ]
        assert len(daemon.hounsfield("jobs", "list")) == 2
        own = [one for one in daemon.hounsfield("series", "list") if one["series_uid"] != uid]
        assert {(one["state"], one["reason"]) for one in own} == {("SKIPPED", "own-result")}
        assert len(own) == 2
        assert len(list((daemon.home / "results").glob("*.dcm"))) == 2
        assert daemon.stop() == 0
