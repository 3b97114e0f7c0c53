"""Puts together what tables claim and what was seen, and finds what only the whole data set shows.

For each image the first problem counts: what its own look found, then its series, its labels, and its copies.
"""

import math
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from hounsfield.model.data.examine import Seen, SeriesSeen
from hounsfield.model.data.glance import Glance, key_of
from hounsfield.model.data.listing import Claim, Listed, Listing
from hounsfield.model.data.problems import Kind, Problem
from hounsfield.model.data.rows import Row, pixels_key
from hounsfield.model.data.tables import NAN, Truth, contradicts_any, highest, knows, merged, same

FEWEST_FOR_OUTLIERS = 8
"""Series, from which on one can be unlike the rest."""
_RARE_SHARE = 0.05
_FAR = 6.0
"""Robust standard deviations."""
_FAR_SHARE = 0.5
"""And so much of the median."""
_SPREAD = 1.4826
"""From the median absolute deviation to the standard deviation of a normal distribution."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """All that the looks have found."""

    labels: tuple[str, ...]
    salt: str
    listing: Listing
    listed: Mapping[str, Listed]
    glances: Mapping[str, Glance]


@dataclass(slots=True)
class Judged:
    """The rows of a data set, and all problems."""

    rows: list[Row]
    problems: list[Problem]


def judge(evidence: Evidence, seen: Sequence[SeriesSeen], accept: Iterable[Kind]) -> Judged:
    """Make a row of every image that was seen, and say what is wrong with which."""
    used: set[int] = set()
    seen = _best_of_studies(evidence, seen)
    rows = [row for series in seen for row in _of_series(evidence, series, used)]
    rows = _without_copies(_alike_in_labels(rows))
    problems = [Problem(row.why, row.name, row.words) for row in rows if row.why is not None]
    problems += _unused(evidence.listing, used)
    problems += [Problem(Kind.GAP, series.slices[0].file, series.gaps) for series in seen if series.gaps]
    problems += _outliers([series for series in seen if series.problem is None])
    accepted = set(accept)
    rows = [replace(row, why=None, words="") if row.why in accepted else row for row in rows]
    problems += [
        Problem(Kind.NO_PATIENT, row.name, "") for row in rows if row.why is None and row.patient == row.series
    ]
    return Judged(rows, problems + _one_class(evidence.labels, rows))


def _best_of_studies(evidence: Evidence, seen: Sequence[SeriesSeen]) -> list[SeriesSeen]:
    """Of each study of which one series is taken, leave the others out."""
    best: dict[str, SeriesSeen] = {}
    for one in seen:
        study = _study(evidence, one)
        if study and one.rank is not None:
            other = best.get(study)
            if other is None or other.rank is None or one.rank < other.rank:
                best[study] = one
    out = []
    for one in seen:
        study = _study(evidence, one)
        if study and one.rank is not None and best[study] is not one:
            words = "Another series of the study is taken."
            slices = (replace(s, problem=s.problem or Kind.OTHER_SERIES, words=s.words or words) for s in one.slices)
            one = replace(one, slices=tuple(slices), problem=None, gaps="")
        out.append(one)
    return out


def _study(evidence: Evidence, series: SeriesSeen) -> str:
    return evidence.listed[series.slices[0].file].study if series.slices else ""


def _of_series(evidence: Evidence, series: SeriesSeen, used: set[int]) -> list[Row]:
    claims = [_slice_claim(evidence, one) for one in series.slices]
    about = _series_claim(evidence, series)
    used.update(id(claim) for claim in (*claims, about) if claim is not None)
    unknown = (NAN,) * len(evidence.labels)
    truths = [claim.truth if claim is not None else unknown for claim in claims]
    whole = _series_truth(about.truth if about else unknown, truths, [one.problem for one in series.slices])
    patients = [_patient(evidence, one.file, series.key, about) for one in series.slices]
    troubled = series.problem or _mixed(evidence, series, patients) or _series_conflict(about, whole, truths)
    rows = []
    for one, claim, truth, patient in zip(series.slices, claims, truths, patients, strict=True):
        why: tuple[Kind, str] | None = None if one.problem is None else (one.problem, one.words)
        why = why or troubled or _label_problem(evidence, claim, about, truth, whole)
        rows.append(
            Row(
                file=evidence.listed[one.file].file,
                frame=one.frame,
                series=series.key,
                patient=patient,
                scanner=series.scanner,
                position_mm=one.position_mm,
                spacing_mm=one.spacing_mm,
                digest=pixels_key(one.shape, one.digest) if one.digest else "",
                truth=truth,
                series_truth=whole,
                why=why[0] if why else None,
                words=why[1] if why else "",
            )
        )
    return rows


def _slice_claim(evidence: Evidence, one: Seen) -> Claim | None:
    listing = evidence.listing
    if one.frame is not None:
        return listing.by_file.get(f"{one.file}#{one.frame}")
    claim = listing.by_file.get(one.file)
    return claim or listing.by_instance.get(evidence.glances[one.file].instance_uid)


def _series_claim(evidence: Evidence, series: SeriesSeen) -> Claim | None:
    """The claim about the UID of a series, or about the nearest folder above all its files; of a multi-frame instance
    also that about its file."""
    listing, files = evidence.listing, [one.file for one in series.slices]
    glance = evidence.glances[files[0]]
    if claim := listing.by_series.get(glance.series_uid):
        return claim
    if series.slices[0].frame is not None and len(set(files)) == 1:
        about_file = listing.by_file.get(files[0]) or listing.by_instance.get(glance.instance_uid)
        if about_file is not None:
            return about_file
    if not listing.by_folder:
        return None
    common = [set(_folders(file)) for file in files]
    return next(
        (listing.by_folder[f] for f in _folders(files[0]) if f in listing.by_folder and all(f in c for c in common)),
        None,
    )


def _folders(file: str) -> list[str]:
    """The folders above a file, the nearest first."""
    parts = file.split("/")[:-1]
    return ["/".join(parts[:depth]) for depth in range(len(parts), 0, -1)] + ["."]


def _series_truth(claimed: Truth, truths: Sequence[Truth], problems: Sequence[Kind | None]) -> Truth:
    """What is claimed of the series; where that is nothing, the highest of its slices."""
    usable = [truth for truth, problem in zip(truths, problems, strict=True) if problem is None] or list(truths)
    derived = tuple(highest([truth[k] for truth in usable]) for k in range(len(claimed)))
    return merged(claimed, derived)


def _series_conflict(about: Claim | None, whole: Truth, truths: Sequence[Truth]) -> tuple[Kind, str] | None:
    if about is None or not any(knows(truth) for truth in truths):
        return None
    for value, claimed, own in zip(whole, about.truth, zip(*truths, strict=True), strict=True):
        if math.isnan(claimed):
            continue
        if value == 0.0 and 1.0 in own:
            return Kind.LABEL_CONFLICT, f"{about.place} says 0 of the series, and one of its slices has 1."
        if value == 1.0 and highest(own) == 0.0:
            return Kind.LABEL_CONFLICT, f"{about.place} says 1 of the series, and all of its slices have 0."
    return None


def _label_problem(
    evidence: Evidence, claim: Claim | None, about: Claim | None, truth: Truth, whole: Truth
) -> tuple[Kind, str] | None:
    for one in (claim, about):
        if one is not None and one.problem is not None:
            contradicted = one.problem is Kind.LABEL_CONFLICT
            return one.problem, f"{one.place} is contradicted by another row." if contradicted else one.place
    if not knows(truth) and not knows(whole):
        return Kind.FILE_WITHOUT_LABEL, ""
    if contradicts_any(evidence.labels, truth) or contradicts_any(evidence.labels, whole):
        return Kind.LABEL_CONFLICT, "any is 0 where another label is 1."
    return None


def _patient(evidence: Evidence, file: str, series: str, about: Claim | None) -> str:
    """By a table, by the header, or nothing but the series itself."""
    told = evidence.listed[file].patient or (about.patient if about else "")
    if told:
        return key_of(evidence.salt, "patient by table", told)
    return evidence.glances[file].patient or series


def _mixed(evidence: Evidence, series: SeriesSeen, patients: Sequence[str]) -> tuple[Kind, str] | None:
    headers = {evidence.glances[one.file].patient for one in series.slices} - {""}
    count = max(len(headers), len(set(patients)))
    return (Kind.MIXED_PATIENTS, f"Its images are of {count} patients.") if count > 1 else None


def _groups(rows: Sequence[Row]) -> list[list[int]]:
    """Places of images with the same pixels, those alone left out, in the order of names."""
    places: dict[str, list[int]] = defaultdict(list)
    for place, row in enumerate(rows):
        if row.digest and row.why is None:
            places[row.digest].append(place)
    return [sorted(group, key=lambda k: rows[k].name) for group in places.values() if len(group) > 1]


def _alike_in_labels(rows: list[Row]) -> list[Row]:
    """The same pixels with different labels: nobody knows which are right."""
    for group in _groups(rows):
        first = rows[group[0]]
        if all(same(first.truth, rows[k].truth) for k in group):
            continue
        for k in group:
            other = rows[group[1] if k == group[0] else group[0]]
            words = f"Has the same pixels as {other.name}, and other labels."
            rows[k] = replace(rows[k], why=Kind.LABEL_CONFLICT, words=words)
    return rows


def _without_copies(rows: list[Row]) -> list[Row]:
    for group in _groups(rows):
        first = rows[group[0]]
        for k in group[1:]:
            same_patient = rows[k].patient == first.patient
            kind = Kind.DUPLICATE if same_patient else Kind.DUPLICATE_ACROSS_PATIENTS
            rows[k] = replace(rows[k], why=kind, words=f"Has the same pixels as {first.name}.")
    return rows


def _unused(listing: Listing, used: set[int]) -> list[Problem]:
    claims = (listing.by_file, listing.by_instance, listing.by_series, listing.by_folder)
    return [
        Problem(Kind.LABEL_WITHOUT_FILE, claim.place, "There is no image of it.")
        for about in claims
        for claim in about.values()
        if id(claim) not in used
    ]


def _outliers(seen: Sequence[SeriesSeen]) -> list[Problem]:
    """Series whose matrix is rare, or whose number of slices or pixel spacing is far from the median."""
    usable = [(one, [s for s in one.slices if s.problem is None]) for one in seen]
    usable = [(one, slices) for one, slices in usable if slices]
    if len(usable) < FEWEST_FOR_OUTLIERS:
        return []
    matrices = Counter(slices[0].shape for _, slices in usable)
    rare = {shape for shape, count in matrices.items() if count < _RARE_SHARE * len(usable) or count == 1}
    common = matrices.most_common(1)[0][1] >= 0.5 * len(usable)
    far_counts = _far([float(len(slices)) for _, slices in usable])
    far_spacings = _far([slices[0].spacing_mm[0] if slices[0].spacing_mm else NAN for _, slices in usable])
    problems = []
    for k, (_, slices) in enumerate(usable):
        shape = slices[0].shape
        words = [f"a matrix of {shape[0]} x {shape[1]}"] if common and shape in rare else []
        words += [f"{len(slices)} slices"] if k in far_counts else []
        words += [f"a pixel spacing of {(slices[0].spacing_mm or (0.0,))[0]:.3g} mm"] if k in far_spacings else []
        if words:
            problems.append(Problem(Kind.SIZE_OUTLIER, slices[0].file, f"Its series has {' and '.join(words)}."))
    return problems


def _far(values: Sequence[float]) -> set[int]:
    known = [value for value in values if not math.isnan(value)]
    if len(known) < FEWEST_FOR_OUTLIERS:
        return set()
    middle = statistics.median(known)
    spread = _SPREAD * statistics.median(abs(value - middle) for value in known)
    limit = max(_FAR * spread, _FAR_SHARE * middle)
    return {k for k, value in enumerate(values) if abs(value - middle) > limit}


def _one_class(labels: Sequence[str], rows: Sequence[Row]) -> list[Problem]:
    problems = []
    kept = [row for row in rows if row.why is None]
    for k, label in enumerate(labels):
        values = {row.truth[k] for row in kept} | {row.series_truth[k] for row in kept}
        for value in (1.0, 0.0):
            if kept and value not in values:
                problems.append(Problem(Kind.ONE_CLASS, "", f"No image that stays has {value:.0f} for {label}."))
    return problems
