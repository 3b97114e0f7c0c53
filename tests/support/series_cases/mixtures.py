"""Random mixtures of what scanners, PACS and networks do to series, and the one thing that has to hold for all.

Every image has a number drawn into its pixels, and the model reads it back as its score: so it is seen whether a
report speaks of the slice it names. :func:`play` sends a mixture; :func:`broken_promises` says what is not true.
"""

import itertools
import random
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pydicom.config
from pydicom import Dataset
from support.bench import LOOPBACK_PACS
from support.ct_factory import uid
from support.series_cases.heads import changed, enhanced, head_slice, localizer, lying
from support.series_cases.said import Key, Said, contradictions
from support.series_cases.ward import Ward

from hounsfield.daemon.assembly.identities import IsolatedIdentityReader
from hounsfield.model.identity import InstanceIdentity, instance_identity
from hounsfield.storage.records import JobRecord, SeriesRecord
from hounsfield.storage.states import AssociationEnding, InstanceRole, Outcome, SeriesState

_DIGITS = 6
_AIR = -1000
_SYNTAXES = ("1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.5")
_RULES: tuple[dict[str, Any], ...] = (
    {},
    {"rule": [{"name": "all", "bundle": "tiny", "per_study": "all"}]},
    {"rule": [{"name": "best", "bundle": "tiny", "wait_seconds": 20.0}]},
)


class NumberReader:
    """Answers each slice with the number in its first pixels, as a fraction of a million."""

    device = "/device:FAKE:0"

    def score(self, hu_slices: Sequence[np.ndarray], spacing_mm: Sequence[tuple[float, float]]) -> np.ndarray:
        scores = [_number(hu) / 10**_DIGITS for hu, _ in zip(hu_slices, spacing_mm, strict=True)]
        return np.array(scores, np.float32).reshape(-1, 1)


def _number(hu: np.ndarray) -> int:
    return int("".join(str(int(digit)) for digit in np.clip(np.rint(hu[0, :_DIGITS] - _AIR), 0, 9)))


def _drawn(image: Dataset, numbers: Sequence[int]) -> Dataset:
    """Draw one number into each frame."""
    frames = np.frombuffer(image.PixelData, "<i2").reshape(len(numbers), image.Rows, image.Columns).copy()
    for frame, number in zip(frames, numbers, strict=True):
        frame[0, :_DIGITS] = [int(digit) + _AIR + 1024 for digit in f"{number:0{_DIGITS}}"]
    image.PixelData = frames.tobytes()
    image["PixelData"].VR = "OW"
    image.scores = tuple(number / 10**_DIGITS for number in numbers)
    return image


@dataclass
class Mixture:
    """What will be sent, and what it was before it was mixed up."""

    random: random.Random
    name: str
    images: list[Dataset] = field(default_factory=list)
    origin: dict[str, str] = field(default_factory=dict)
    """Reconstruction each SOP instance was made as; those that no header tells apart have one name."""
    height: dict[Key, float] = field(default_factory=dict)
    ingredients: set[str] = field(default_factory=set)

    def chance(self, of: float) -> bool:
        return self.random.random() < of


def mixture(chosen: random.Random, name: str) -> Mixture:
    """Make one."""
    mixed = Mixture(chosen, name)
    patients = chosen.choice((1, 1, 2))
    for patient in range(patients):
        for study in range(chosen.choice((1, 1, 1, 2))):
            for series in range(chosen.choice((1, 2, 2))):
                mixed.images += _reconstruction(mixed, f"{name} {patient}", f"{study}", f"{series}")
    _merge(mixed)
    _lose(mixed)
    _double(mixed)
    return mixed


_numbers = itertools.count(1)


def _fresh(mixed: Mixture) -> int:
    """A number no other image has; one in ten is over the threshold."""
    number = next(_numbers) * 7 % 450_000
    return number + 500_000 if mixed.chance(0.1) else number


def _reconstruction(mixed: Mixture, patient: str, study: str, series: str) -> list[Dataset]:
    chosen = mixed.random
    kernel = chosen.choice(("H30s", "H60s", "STANDARD"))
    about: dict[str, Any] = {
        "PatientID": f"P {patient}"[:64],
        "PatientName": f"Name^{patient}",
        "StudyInstanceUID": uid(f"{patient} {study}"),
        "SeriesInstanceUID": uid(f"{patient} {study} {series}"),
        "FrameOfReferenceUID": uid(f"{patient} {study} frame"),
        "ConvolutionKernel": kernel,
    }
    origin = f"{patient} {study} {series}"
    count = chosen.randint(4, 6)
    if mixed.chance(0.08):
        mixed.ingredients.add("enhanced")
        image = _drawn(enhanced(count, **about), [_fresh(mixed) for _ in range(count)])
        image.SOPInstanceUID = uid(origin)
        _note(mixed, image, origin)
        return [image]
    images = [head_slice(5.0 * place, **about) for place in range(count)]
    for place, image in enumerate(images):
        image.SOPInstanceUID = uid(f"{origin} {place}")
        _drawn(image, [_fresh(mixed)])
    if mixed.chance(0.1):
        mixed.ingredients.add("flipped")
        lying(images, (-1.0, 0.0, 0.0), (0.0, 1.0, 0.0))
    if mixed.chance(0.15):
        mixed.ingredients.add("localizer")
        scout = _drawn(localizer(**about), [_fresh(mixed)])
        scout.SOPInstanceUID = uid(f"{origin} scout")
        images.append(scout)
    for image in images:
        _note(mixed, image, origin)
    return images


def _note(mixed: Mixture, image: Dataset, origin: str) -> None:
    sop = str(image.SOPInstanceUID)
    mixed.origin[sop] = origin
    if "NumberOfFrames" in image:
        for number, frame in enumerate(image.PerFrameFunctionalGroupsSequence, start=1):
            mixed.height[sop, number] = float(frame.PlanePositionSequence[0].ImagePositionPatient[2])
    else:
        mixed.height[sop, None] = float(image.ImagePositionPatient[2])


def _merge(mixed: Mixture) -> None:
    """Put images under the Series Instance UID of others."""
    if not mixed.chance(0.5):
        return
    uids = sorted({str(image.SeriesInstanceUID) for image in mixed.images})
    target, victim = mixed.random.choice(uids), mixed.random.choice(uids)
    if target == victim:
        return
    mixed.ingredients.add("merged")
    model = next(image for image in mixed.images if image.SeriesInstanceUID == target)
    moved = [image for image in mixed.images if image.SeriesInstanceUID == victim]
    if mixed.chance(0.2):  # two patients, or what were two studies, under one Study Instance UID
        changed(moved, StudyInstanceUID=model.StudyInstanceUID)
        return
    if mixed.chance(0.5):
        moved = mixed.random.sample(moved, mixed.random.randint(1, len(moved)))
    same_study = mixed.chance(0.5)
    for image in moved:
        image.SeriesInstanceUID = target
        if same_study:
            image.StudyInstanceUID = model.StudyInstanceUID
        if image.ConvolutionKernel == model.ConvolutionKernel:
            mixed.origin[str(image.SOPInstanceUID)] = mixed.origin[str(model.SOPInstanceUID)]


def _lose(mixed: Mixture) -> None:
    if mixed.chance(0.2) and len(mixed.images) > 3:
        mixed.ingredients.add("lost")
        for _ in range(mixed.random.randint(1, 2)):
            mixed.images.pop(mixed.random.randrange(len(mixed.images)))


def _double(mixed: Mixture) -> None:
    """Add copies: other header, other pixels under one UID, a twin under another UID."""
    for kind, odds in (("variant", 0.15), ("conflict", 0.08), ("twin", 0.1), ("other twin", 0.08)):
        if not mixed.chance(odds):
            continue
        mixed.ingredients.add(kind)
        first = mixed.random.choice(mixed.images)
        copy = deepcopy(first)
        if kind == "variant":
            copy.StudyDescription = "COERCED head"
        if kind in ("conflict", "other twin"):
            _drawn(copy, [_fresh(mixed) for _ in first.scores])
        if kind in ("twin", "other twin"):
            copy.SOPInstanceUID = uid(f"{mixed.name} {kind} {first.SOPInstanceUID}")
            _note(mixed, copy, mixed.origin[str(first.SOPInstanceUID)])
        mixed.images.append(copy)


def play(ward: Ward, mixed: Mixture) -> None:
    """Send the mixture over associations as they come, with decisions, work and restarts in between."""
    chosen = mixed.random
    images = list(mixed.images)
    if mixed.chance(0.7):
        chosen.shuffle(images)
    cuts = sorted(chosen.randint(0, len(images)) for _ in range(chosen.choice((0, 1, 2, 3))))
    for begin, end in itertools.pairwise([0, *cuts, len(images)]):
        _send(ward, mixed, images[begin:end])
        _meanwhile(ward, mixed)
    _finish(ward)
    if mixed.chance(0.15):
        mixed.ingredients.add("forwarded again")
        ward.send(changed(images, StudyDescription="COERCED head"), syntax=_syntax(mixed), calling_ae="PACS")
        _finish(ward)
    if mixed.chance(0.1):
        mixed.ingredients.add("own results back")
        association = ward.call("PACS")
        for job in ward.jobs()[-3:]:
            for path in ward.files_of(job):
                ward.store_file(path, association, calling_ae="PACS")
        ward.end(association)
        _finish(ward)
    if mixed.chance(0.3):
        _release(ward, mixed)
        _finish(ward)


def _send(ward: Ward, mixed: Mixture, images: Sequence[Dataset]) -> None:
    """Over one association, or over two at once."""
    ending = AssociationEnding.ABORTED if mixed.chance(0.1) else AssociationEnding.RELEASED
    if mixed.chance(0.8):
        ward.send(images, ending=ending, syntax=_syntax(mixed))
        return
    mixed.ingredients.add("in parallel")
    lines = ward.call(), ward.call()
    for image in images:
        ward.store(image, mixed.random.choice(lines))
    for line in lines:
        ward.end(line, ending)


def _release(ward: Ward, mixed: Mixture) -> None:
    """A person releases whatever is held."""
    store = ward.bench.app.database.series
    names = {str(image.SeriesInstanceUID) for image in mixed.images}
    for series in ward.series():
        if series.series_uid in names and series.state is SeriesState.HELD:
            mixed.ingredients.add("released")
            store.release(series.id, ward.bench.clock.now(), "anna")


def _syntax(mixed: Mixture) -> str:
    if mixed.chance(0.06):
        mixed.ingredients.add("compressed")
        return mixed.random.choice(_SYNTAXES)
    return "1.2.840.10008.1.2.1"


def _meanwhile(ward: Ward, mixed: Mixture) -> None:
    ward.bench.clock.advance(mixed.random.choice((0.0, 1.0, 6.0, 12.0, 120.0)))
    if mixed.chance(0.6):
        ward.bench.assembler.tick()
    if mixed.chance(0.4):
        ward.worker.work_one()
    if mixed.chance(0.05):
        mixed.ingredients.add("restarted")
        ward.reconfigure()


def _finish(ward: Ward) -> None:
    for _ in range(3):
        ward.settle()
        ward.work()


def broken_promises(ward: Ward, mixed: Mixture, *, after: int = 0) -> Iterator[str]:
    """Yield what does not hold: of the series of this mixture, and of the jobs behind ``after``."""
    names = {str(image.SeriesInstanceUID) for image in mixed.images}
    for series in ward.series():
        if series.series_uid in names:
            yield from _of_series(ward, series)
    results: set[tuple[object, ...]] = set()
    for job in ward.jobs():
        if job.id <= after:
            continue
        said = ward.report_of(job)
        yield from _of_job(ward, mixed, job, said)
        result = ward.bench.app.database.jobs.result_set(job.result_set_id or 0)
        if result is not None:
            verdict = job.verdict and (job.verdict.completeness, job.verdict.reasons)
            key = (job.subject, job.series_uid, result.identity, verdict)
            if key in results:
                yield "two result sets say the same about the same images"
            results.add(key)


def _of_series(ward: Ward, series: SeriesRecord) -> Iterator[str]:
    store = ward.bench.app.database.series
    images = [one for one in store.instances(series.id) if one.role is InstanceRole.SOURCE and one.is_primary]
    if series.state is SeriesState.RECEIVING:
        yield "a series is left without a decision"
    people = {shown.patient_id for one in images for shown in _shown(ward, one.sop_instance_uid, series.series_uid)}
    studies = {one.study_uid for one in images}
    if (len(people) > 1 or len(studies) > 1) and series.state is not SeriesState.HELD:
        yield f"a series of {len(people)} patients and {len(studies)} studies is {series.state}"


def _shown(ward: Ward, sop: str, series: str) -> list[Any]:
    return [one for key, shown in ward.sent.items() if key[0] == sop for one in shown if one.series_uid == series][:1]


def _of_job(ward: Ward, mixed: Mixture, job: JobRecord, said: Said | None) -> Iterator[str]:
    if said is None:
        if job.outcome is not None:
            yield "an outcome without a report"
        return
    yield from contradictions(said, ward.sent)
    word = {Outcome.POSITIVE: ": FLAGGED", Outcome.NEGATIVE: ": NOT FLAGGED", Outcome.NOT_ANALYSED: ": NOT ANALYSED"}
    if job.outcome is None or word[job.outcome] not in said.description:
        yield f"{job.outcome} is reported as '{said.description}'"
    instances = ward.bench.app.database.series.instances(job.series_id, job.revision)
    people = {s.patient_id for one in instances for s in _shown(ward, one.sop_instance_uid, job.series_uid)}
    if len(people) > 1 or len({one.study_uid for one in instances}) > 1:
        yield "a mixed series has a result"
    if said.is_analysed:
        yield from _of_analysis(ward, mixed, job, said)


def _of_analysis(ward: Ward, mixed: Mixture, job: JobRecord, said: Said) -> Iterator[str]:
    if _overlap(mixed, said):
        yield "one result speaks of two reconstructions"
    evidence = {sop for _, _, sop in said.evidence}
    keys = sorted((key for key in mixed.height if key[0] in evidence), key=lambda key: mixed.height[key])
    result = ward.bench.app.database.jobs.result_set(job.result_set_id or 0)
    scores = [] if result is None else list(result.detail["slice_scores"])  # type: ignore[call-overload]
    if len(scores) != len(keys):
        yield f"{len(scores)} scores for {len(keys)} slices"
        return
    for key, score in zip(keys, scores, strict=True):
        drawn = [one.score for one in ward.sent[key]]
        if not any(value is not None and abs(value - score) < 2e-6 for value in drawn):
            yield f"a slice has the score {score}, drawn into it is {drawn}"
    flagged = {key for key, score in zip(keys, scores, strict=True) if score >= 0.5}
    if max(scores) >= 0.5 and len(flagged) <= 10 and set(said.flagged) != flagged:
        yield "the flagged slices are not those with the high scores"


def _overlap(mixed: Mixture, said: Said) -> bool:
    """Whether the images are of reconstructions that lie in each other; blocks above each other are one scan."""
    evidence = {sop for _, _, sop in said.evidence}
    heights: dict[str, list[float]] = {}
    for key, z in mixed.height.items():
        if key[0] in evidence:
            heights.setdefault(mixed.origin[key[0]], []).append(z)
    ranges = sorted((min(found), max(found)) for found in heights.values())
    return any(upper[0] <= lower[1] for lower, upper in itertools.pairwise(ranges))


def _identities(_: IsolatedIdentityReader, paths: Sequence[Path]) -> dict[Path, InstanceIdentity]:
    return {path: instance_identity(path) for path in paths}


@contextmanager
def quick() -> Iterator[None]:
    """Leave out what is tested elsewhere and takes long: pages, waiting for the disk, a process for each comparison."""
    reporting = "hounsfield.daemon.pipeline.reporting"
    with ExitStack() as stack:
        stack.enter_context(patch(f"{reporting}.render_page", lambda _: np.zeros((1, 1, 3), np.uint8)))
        stack.enter_context(patch(f"{reporting}.write_png", lambda *_: None))
        stack.enter_context(patch.object(IsolatedIdentityReader, "read", _identities))
        stack.enter_context(patch.object(pydicom.config.settings, "_reading_validation_mode", pydicom.config.IGNORE))
        stack.enter_context(patch.object(pydicom.config.settings, "_writing_validation_mode", pydicom.config.IGNORE))
        stack.enter_context(patch("os.fsync", lambda _: None))
        stack.enter_context(patch("os.fdatasync", lambda _: None))
        yield


def new_ward(folder: Path, chosen: random.Random) -> Ward:
    """Return a ward for a number of mixtures."""
    folder.mkdir(parents=True)
    scope = {"slices": [4, 40], "preference": {"kernel": ["H30", "STANDARD"], "thickness_mm": 5.0}}
    if chosen.random() < 0.8:
        scope["sop_classes"] = ["1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.2.1"]
    return Ward(folder, scope, chosen.choice(_RULES), ({**LOOPBACK_PACS, "results": ["sr"]},), NumberReader())


@dataclass
class Tally:
    """What a run of mixtures came to."""

    mixtures: int = 0
    results: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    """Of results, by outcome and reason; of series without one, by state and reason."""
    ingredients: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    """Promises that were not kept, with the seed that shows it."""


PER_WARD = 20
"""Mixtures that share a home: series of other mixtures lie beside each one's."""


def run(seeds: Sequence[int], folder: Path) -> Tally:
    """Play the mixtures of these seeds."""
    tally = Tally()
    with quick():
        for first in range(0, len(seeds), PER_WARD):
            _run_batch(seeds[first : first + PER_WARD], folder, tally)
    return tally


def _run_batch(seeds: Sequence[int], folder: Path, tally: Tally) -> None:
    home = folder / f"ward-{seeds[0]}"
    ward = new_ward(home, random.Random(seeds[0]))
    try:
        last = 0
        for seed in seeds:
            mixed = mixture(random.Random(seed), f"m{seed}")
            play(ward, mixed)
            tally.broken += [f"seed {seed}: {words}" for words in broken_promises(ward, mixed, after=last)]
            last = max([last, *(job.id for job in ward.jobs())])
            tally.mixtures += 1
            tally.ingredients.update(mixed.ingredients)
        tally.outcomes.update(_outcomes(ward))
        tally.results += len(ward.jobs())
    finally:
        ward.close()
        shutil.rmtree(home)


def _outcomes(ward: Ward) -> Iterator[str]:
    for job in ward.jobs():
        yield f"{job.outcome or job.state}{f' ({job.reason})' if job.reason else ''}"
    for series in ward.series():
        if series.state is not SeriesState.CLOSED:
            yield f"{series.state} ({series.reason})"
