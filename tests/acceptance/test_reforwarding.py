"""A PACS that forwards the study, and our results under new identifiers, after each result: one set, no loop."""

from pathlib import Path

from pydicom import dcmread
from support.daemon import Daemon
from support.reforwarding_pacs import CLASS_OF_ROLE, reforwarding_pacs
from support.sending import dcmsend
from support.waiting import wait_until

from hounsfield.daemon.results.registry import WRITERS
from hounsfield.model.phantom.series import PhantomSpec, write_series
from hounsfield.storage.engine import open_database
from hounsfield.storage.states import SeriesState


def test_a_study_that_comes_back_after_each_result_gets_one_result_set_and_no_loop(tmp_path: Path) -> None:
    files = write_series(tmp_path / "series", PhantomSpec(seed=1001, lesion="epidural", slices=10))
    uid = str(dcmread(files[0], stop_before_pixels=True).SeriesInstanceUID)
    with reforwarding_pacs(tmp_path / "pacs", files) as pacs, Daemon(tmp_path / "home", [pacs.destination]) as daemon:
        pacs.target_port = daemon.port
        dcmsend(daemon.port, files)
        wait_until(lambda: pacs.is_done and len(pacs.results) >= len(WRITERS), 60, 0.1)
        assert pacs.failure is None
        assert {str(dcmread(path).SOPClassUID) for path in pacs.results} == {CLASS_OF_ROLE[role] for role in WRITERS}
        database = open_database(None, daemon.home)

        def settled() -> bool:
            """Whether all of both rounds is counted and decided on: a loop would have its next job by then."""
            row = database.series.find(uid)
            counted = row is not None and row.variants == pacs.rounds * len(files)
            return counted and not database.series.page(state=SeriesState.RECEIVING)

        wait_until(settled, 30, 0.1)
        database.close()
        (series,) = daemon.hounsfield("series", "show", uid)
        assert (series["state"], series["revision"], series["completeness"]) == ("CLOSED", 1, "COMPLETE")
        assert (series["instances"], series["variants"]) == (len(files), pacs.rounds * len(files))
        assert [(job["kind"], job["state"]) for job in series["jobs"]] == [
            ("INFER", "COMPLETED"),
            ("DELIVER", "COMPLETED"),
        ]
        own = [one for one in daemon.hounsfield("series", "list") if one["series_uid"] != uid]
        assert {(one["state"], one["reason"]) for one in own} == {("SKIPPED", "own-result")}
        assert len(own) == 2 * len({str(dcmread(path).SeriesInstanceUID) for path in pacs.results})
        assert len(pacs.results) == pacs.rounds == len(list((daemon.home / "results").glob("*.dcm")))
        assert daemon.hounsfield("feedback", "list") == []
        assert daemon.stop() == 0
