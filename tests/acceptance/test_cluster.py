"""Four hosts whose processes are killed and whose links are cut: nothing acknowledged is lost, each series is answered.

Their clocks are minutes apart. The long form is ``make torture-cluster``.
"""

import random
from pathlib import Path

import pytest
from support.cluster.namespaces import NoNamespaces, network
from support.cluster.site import SKEWS, cluster
from support.cluster.trial import Trial, short_faults

SERIES, PAUSE_SECONDS, FAULT_SECONDS = 10, 2.5, 27.0


@pytest.mark.timeout(300)
def test_four_hosts_that_are_killed_and_cut_off_lose_nothing_and_answer_each_series_once(tmp_path: Path) -> None:
    said: list[str] = []
    try:
        with cluster(tmp_path, skews=SKEWS) as site:
            site.start()
            trial = Trial(site, random.Random(20261126), said.append, SERIES, PAUSE_SECONDS)
            report = trial.run(short_faults(), FAULT_SECONDS)
    except NoNamespaces as error:
        pytest.fail(str(error), pytrace=False)
    assert report.failures == [], "\n".join([*said, site.said()])
    assert report.found.series == SERIES
    assert report.found.images == len(report.ledger.sha256) > 0
    assert len(report.recoveries) >= len(said) - 2, "what was hit went on"


def test_whoever_is_not_root_is_told_why_there_are_no_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(NoNamespaces, match="run as root"), network():
        pass
