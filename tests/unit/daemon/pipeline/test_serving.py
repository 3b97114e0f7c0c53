"""A bundle that does not load or drifts is not served and says so: it takes neither the worker nor others with it.

One that lets no heatmaps be made is served without.
"""

import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from support.fakes import ManualClock

from hounsfield.daemon.config.worker import WorkerSettings
from hounsfield.daemon.pipeline import serving
from hounsfield.daemon.pipeline.attempts import Leaving
from hounsfield.daemon.pipeline.serving import LoadedModels, Loader, NotServed, usable_device
from hounsfield.daemon.pipeline.serving_notes import FILE, LOST_FOR, ServingNote, ServingNotes, ServingState
from hounsfield.model.bundle import Bundle, bundled, open_bundle
from hounsfield.model.engines import ways
from hounsfield.model.errors import BundleError, DeviceError, DeviceLost, ExplanationError, OutOfModelMemory
from hounsfield.model.selftest import SelfTest
from hounsfield.storage.states import Reason


class Loaded:
    device = "/device:CPU:0"

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def warm_up(self) -> float:
        return 0.0


def outcome_of_test(*, passed: bool) -> SelfTest:
    return SelfTest(passed=passed, largest_difference=0.25, tolerance=0.1, slices=1, device="", seconds=0.0)


@pytest.fixture(scope="module")
def demo() -> Bundle:
    return open_bundle(bundled())


def loader(monkeypatch: pytest.MonkeyPatch, predictor: Any = Loaded, *, passed: bool = True) -> Loader:
    monkeypatch.setattr(serving, "Predictor", predictor)
    monkeypatch.setattr(serving, "selftest", lambda *_: outcome_of_test(passed=passed))
    monkeypatch.setattr(serving, "explainer_for", lambda _: SimpleNamespace(method="none of note"))
    return Loader(WorkerSettings(), Path("tuning.json"))


def raising(trouble: Exception) -> Callable[..., None]:
    def broken(*_: Any, **__: Any) -> None:
        raise trouble

    return broken


def test_a_bundle_that_does_not_load_is_not_served(demo: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotServed, match="changed") as refused:
        loader(monkeypatch, raising(BundleError("changed")))(demo, 16)
    assert refused.value.reason is Reason.MODEL_FAILED


def test_a_bundle_that_drifts_is_not_served_and_says_by_how_much(demo: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotServed, match=r"ich-demo .*differ by 0\.25 \(allowed 0\.1\)") as refused:
        loader(monkeypatch, passed=False)(demo, 16)
    assert refused.value.reason is Reason.BUNDLE_DRIFTED


@pytest.mark.parametrize("trouble", [DeviceError("none"), DeviceLost("gone"), OutOfModelMemory("full"), MemoryError()])
def test_trouble_of_the_machine_is_not_the_fault_of_a_bundle(
    demo: Bundle, trouble: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(type(trouble)):
        loader(monkeypatch, raising(trouble))(demo, 16)


def test_a_bundle_without_heatmaps_is_served_all_the_same(demo: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    load = loader(monkeypatch)
    monkeypatch.setattr(serving, "explainer_for", raising(ExplanationError("no way")))
    assert load(demo, 16).explainer is None


class Recorded(Loaded):
    """Remembers how it was asked for."""

    asked: dict[str, Any]

    def __init__(self, *_: Any, **how: Any) -> None:
        type(self).asked = how


def test_a_model_is_loaded_as_the_configuration_says(demo: Bundle, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = WorkerSettings(device="cpu", precision="mixed", xla="on", gpu_memory_bytes=5)
    replace(loader(monkeypatch, Recorded), settings=settings)(demo, 16)
    assert Recorded.asked == {
        "device": "cpu",
        "batch": 16,
        "ways": ways("mixed", "on"),
        "choices": Path("tuning.json"),
        "gpu_memory_bytes": 5,
    }


def test_nothing_is_measured_for_a_smaller_batch_that_follows_on_a_failure(
    demo: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    loader(monkeypatch, Recorded)(demo, 8)
    assert (Recorded.asked["batch"], Recorded.asked["choices"], Recorded.asked["gpu_memory_bytes"]) == (8, None, None)


class Shelf:
    """Bundles by digest, as far as models look at them."""

    def __init__(self, *names: str) -> None:
        self.bundles = tuple(self._bundle(name) for name in names)
        self.is_news = False

    @staticmethod
    def _bundle(name: str) -> Any:
        return SimpleNamespace(sha256=name, label=name)

    def verified(self, sha256: str) -> Any:
        return None if sha256 == "gone" else self._bundle(sha256)

    def refresh(self) -> bool:
        news, self.is_news = self.is_news, False
        return news


class Case:
    """Models over a shelf; ``loads`` says which were loaded for how many slices, ``trouble`` what a load raises."""

    def __init__(self, home: Path, *names: str, most: int = 2, patience_seconds: float = 600.0) -> None:
        self.clock = ManualClock()
        self.shelf = Shelf(*names)
        self.notes = ServingNotes(home)
        self.loads: list[tuple[str, int]] = []
        self.trouble: dict[str, BaseException] = {}
        self.waits_for_the_end = False
        self.left: list[int] = []
        self._ended = threading.Event()
        self.models = LoadedModels(
            shelf=self.shelf,  # type: ignore[arg-type]
            load=self._load,
            notes=self.notes,
            batch=16,
            most=most,
            clock=self.clock,
            patience_seconds=patience_seconds,
            leave=self._leave,
        )

    def _leave(self, status: int) -> None:
        self.left.append(status)
        self._ended.set()

    def _load(self, bundle: Bundle, batch: int) -> Any:
        self.loads.append((bundle.sha256, batch))
        if self.waits_for_the_end:
            assert self._ended.wait(10)
        if bundle.sha256 in self.trouble:
            raise self.trouble[bundle.sha256]
        return SimpleNamespace(predictor=Loaded())

    def state(self, sha256: str) -> ServingState | None:
        note = self.notes.of(sha256)
        return None if note is None else note.state


def test_what_new_jobs_name_is_loaded_before_the_first_of_them(tmp_path: Path) -> None:
    case = Case(tmp_path, "a")
    case.models.prepare()
    case.models.get("a", 1)
    assert case.loads == [("a", 16)]
    assert case.state("a") is ServingState.SERVED


def test_the_models_used_last_stay_and_others_are_loaded_again(tmp_path: Path) -> None:
    case = Case(tmp_path)
    for name in ("a", "b", "a", "c", "a", "b"):
        case.models.get(name, 1)
    assert [name for name, _ in case.loads] == ["a", "b", "c", "b"]


def test_a_further_attempt_gets_the_model_for_fewer_slices(tmp_path: Path) -> None:
    case = Case(tmp_path)
    case.models.get("a", 1)
    case.models.get("a", 3)
    assert case.loads == [("a", 16), ("a", 4)]


def test_a_bundle_that_is_gone_is_looked_for_each_time(tmp_path: Path) -> None:
    case = Case(tmp_path)
    for _ in range(2):
        with pytest.raises(NotServed) as refused:
            case.models.get("gone", 1)
        assert refused.value.reason is Reason.BUNDLE_GONE
    assert case.loads == []


def test_a_drifting_bundle_is_tried_once_noted_and_takes_no_other_with_it(tmp_path: Path) -> None:
    case = Case(tmp_path, "bad", "good")
    case.trouble["bad"] = NotServed(Reason.BUNDLE_DRIFTED, "bad: its golden scores differ")
    case.models.prepare()
    for _ in range(2):
        with pytest.raises(NotServed):
            case.models.get("bad", 1)
    assert case.loads == [("bad", 16), ("good", 16)]
    note = case.notes.of("bad")
    assert note == ServingNote(state=ServingState.DRIFTED, at=case.clock.now(), words="bad: its golden scores differ")
    assert case.state("good") is ServingState.SERVED


def test_a_new_choice_is_loaded_while_nothing_else_is_to_do(tmp_path: Path) -> None:
    case = Case(tmp_path, "a")
    case.models.refresh()
    assert case.loads == []
    case.shelf.is_news = True
    case.models.refresh()
    assert case.loads == [("a", 16)]


@pytest.mark.parametrize("trouble", [RuntimeError("nobody thought of this"), MemoryError(), OutOfModelMemory("full")])
def test_a_start_survives_whatever_a_model_raises_and_a_job_meets_it_anew(tmp_path: Path, trouble: Exception) -> None:
    case = Case(tmp_path, "a")
    case.trouble["a"] = trouble
    case.models.prepare()
    with pytest.raises(type(trouble)):
        case.models.get("a", 1)
    assert case.state("a") is ServingState.REFUSED


def test_a_device_that_is_not_there_concerns_every_bundle(tmp_path: Path) -> None:
    case = Case(tmp_path, "a")
    case.trouble["a"] = DeviceError("no GPU")
    with pytest.raises(DeviceError):
        case.models.prepare()


class Killed(BaseException):
    """What the kernel does to a process, as far as Python sees it."""


def test_a_bundle_over_which_a_worker_died_is_left_to_a_job_whose_attempts_are_counted(tmp_path: Path) -> None:
    before = Case(tmp_path, "a")
    before.trouble["a"] = Killed()
    with pytest.raises(Killed):
        before.models.prepare()
    assert before.state("a") is ServingState.LOADING
    case = Case(tmp_path, "a", "b")
    case.models.prepare()
    assert [name for name, _ in case.loads] == ["b"]
    case.models.get("a", 2)
    assert case.state("a") is ServingState.SERVED


def test_a_start_that_never_ends_is_ended_and_the_bundle_left_to_a_job(tmp_path: Path) -> None:
    case = Case(tmp_path, "a", patience_seconds=0.01)
    case.waits_for_the_end = True
    case.models.prepare()
    assert case.left == [Leaving.HUNG]


def test_a_lost_device_is_remembered_for_an_hour_across_processes(tmp_path: Path) -> None:
    now = ManualClock().now()
    assert not ServingNotes(tmp_path).is_device_lost(now)
    ServingNotes(tmp_path).put("a", ServingNote(state=ServingState.SERVED, at=now))
    ServingNotes(tmp_path).device_lost(now)
    assert ServingNotes(tmp_path).is_device_lost(now + LOST_FOR - timedelta(seconds=1))
    assert not ServingNotes(tmp_path).is_device_lost(now + LOST_FOR)
    assert ServingNotes(tmp_path).of("a") is not None


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"\xff", b'{"bundles": 7, "device_lost": {}}', b'{"bundles": {"a": {"state": "odd", "at": "x"}}}'],
)
def test_damaged_notes_are_no_notes(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILE).write_bytes(content)
    notes = ServingNotes(tmp_path)
    assert notes.of("a") is None
    assert not notes.is_device_lost(ManualClock().now())
    notes.put("a", ServingNote(state=ServingState.SERVED, at=ManualClock().now()))
    assert notes.of("a") is not None


def test_a_full_disk_keeps_no_bundle_from_being_served(tmp_path: Path) -> None:
    case = Case(tmp_path / "not there")
    case.models.get("a", 1)
    assert case.loads == [("a", 16)]


def test_other_threads_are_told_how_each_bundle_fared(tmp_path: Path) -> None:
    case = Case(tmp_path, "bad", "good")
    case.trouble["bad"] = NotServed(Reason.BUNDLE_DRIFTED, "bad: its golden scores differ")
    assert case.models.facts() == {"loads": 0, "held": 0, "bundles": {}}
    case.models.prepare()
    assert case.models.facts() == {
        "loads": 2,
        "held": 1,
        "bundles": {
            "bad": {"state": "drifted", "device": None},
            "good": {"state": "served", "device": str(Loaded.device)},
        },
    }


@pytest.mark.parametrize(
    ("wanted", "is_lost", "used"),
    [("auto", False, "auto"), ("auto", True, "cpu"), ("AUTO", True, "cpu"), ("gpu", True, "gpu"), ("cpu", True, "cpu")],
)
def test_after_a_loss_auto_means_the_cpu_and_the_configuration_may_insist(
    wanted: str, is_lost: bool, used: str
) -> None:
    assert usable_device(wanted, is_lost=is_lost) == used
