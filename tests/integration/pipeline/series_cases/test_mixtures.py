"""Whatever is mixed up on the way here, no result speaks of a wrong patient, series or slice.

`make torture TORTURE=series` plays ten thousand.
"""

import random
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.series_cases.mixtures import broken_promises, mixture, new_ward, play, quick, run

SEEDS = range(1_000_000, 1_000_120)


def test_no_result_of_a_mixture_speaks_of_a_wrong_patient_series_or_slice(tmp_path: Path) -> None:
    tally = run(SEEDS, tmp_path)
    assert tally.broken == []
    assert tally.mixtures == len(SEEDS)
    assert {"positive", "negative"} <= set(tally.outcomes)
    assert {"merged", "lost", "conflict", "enhanced", "forwarded again"} <= set(tally.ingredients)
    assert any(words.startswith("not_analysed") for words in tally.outcomes)
    assert any(words.startswith("HELD (two-patients)") for words in tally.outcomes)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(chosen=st.randoms(use_true_random=False))
def test_no_mixture_can_be_found_whose_result_is_wrong(chosen: random.Random) -> None:
    with quick(), tempfile.TemporaryDirectory() as folder:
        ward = new_ward(Path(folder) / "ward", chosen)
        try:
            mixed = mixture(chosen, "m")
            play(ward, mixed)
            assert list(broken_promises(ward, mixed)) == []
        finally:
            ward.close()
