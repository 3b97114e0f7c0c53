"""Whatever is mixed up on the way here, no result speaks of a wrong patient, series or slice.

`make torture TORTURE=series` plays ten thousand.
"""

import random
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.series_cases.mixtures import NumberReader, mixture
from support.series_cases.playing import new_ward, play, quick, run
from support.series_cases.promises import broken_promises

from hounsfield.daemon.assembly.images import SeriesImages

SEEDS = range(1_000_000, 1_000_060)


class Backwards(NumberReader):
    """Answers for the first slice what it sees in the last."""

    def score(self, hu_slices: Sequence[np.ndarray], spacing_mm: Sequence[tuple[float, float]]) -> np.ndarray:
        return super().score(hu_slices, spacing_mm)[::-1]


def test_no_result_of_a_mixture_speaks_of_a_wrong_patient_series_or_slice(tmp_path: Path) -> None:
    tally = run(SEEDS, tmp_path)
    assert tally.broken == []
    assert tally.mixtures == len(SEEDS)
    assert {"positive", "negative"} <= set(tally.outcomes)
    assert {"merged", "lost", "conflict", "enhanced", "forwarded again"} <= set(tally.ingredients)
    assert any(words.startswith("not_analysed") for words in tally.outcomes)
    assert any(words.startswith("HELD (two-patients)") for words in tally.outcomes)


def test_scores_in_a_wrong_order_would_be_seen(tmp_path: Path) -> None:
    assert any("drawn into it is" in words for words in run(SEEDS[:3], tmp_path, Backwards()).broken)


def test_a_result_about_two_patients_would_be_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seed = next(seed for seed in SEEDS if _has_two_patients(seed))
    monkeypatch.setattr(SeriesImages, "mixed", (False, False))
    assert any("a mixed series has a result" in words for words in run([seed], tmp_path).broken)


def _has_two_patients(seed: int) -> bool:
    people: dict[str, set[str]] = {}
    for image in mixture(random.Random(seed), "m").images:
        people.setdefault(str(image.SeriesInstanceUID), set()).add(str(image.PatientID))
    return any(len(found) > 1 for found in people.values())


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
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
