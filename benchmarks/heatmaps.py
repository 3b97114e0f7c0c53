"""What the heatmaps of one analysis cost, and how well each way of making them points at drawn blood.

    python benchmarks/heatmaps.py [--runs 5] [--heads 10]

Milliseconds a slice (preprocessing, attribution, the way back into the slice), the share of decoding-free analysis of
40 slices, and the time of drawing the pages; then, for generated heads with a haemorrhage, how often the hottest pixel
lies in it or within 6 pixels of it, and how much of the heat does.
"""

import argparse
import time
from collections.abc import Callable
from statistics import median

import cv2
import numpy as np
from common.record import Report, Sheet, add_json_option
from common.spread import shown
from rich.console import Console

from hounsfield.model.bundle import bundled, open_bundle
from hounsfield.model.errors import ExplanationError
from hounsfield.model.explain import Beside, SliceExplainer, explainer_for, hottest
from hounsfield.model.explain.gradient import InputGradient
from hounsfield.model.explain.hires_cam import HiResCam
from hounsfield.model.explain.occlusion import Occlusion
from hounsfield.model.page import PageContent, PageSlice, render_pages
from hounsfield.model.page.choice import SHOWN, top_slices
from hounsfield.model.phantom import PhantomSpec, Subtype, render
from hounsfield.model.predictor import Predictor

SERIES = 40
NEAR = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (13, 13))


def milliseconds(call: Callable[[], object], runs: int) -> float:
    """Return the median of several calls, after one that is not counted."""
    call()
    found = []
    for _ in range(runs):
        started = time.perf_counter()
        call()
        found.append(1000 * (time.perf_counter() - started))
    return median(found)


def costs(predictor: Predictor, runs: int) -> Sheet:
    """Measure what one analysis of 40 slices of 512 x 512 pays for its pictures."""
    sheet = Sheet("cost", f"Pictures of an analysis of {SERIES} slices", ("what", "ms", "of scoring"))
    drawn = render(PhantomSpec(seed=3, lesion="intraparenchymal", slices=SERIES, matrix=512, step_mm=3.5))
    spacing = (float(drawn.spacing_mm[1]), float(drawn.spacing_mm[2]))
    steps = [float(drawn.spacing_mm[0])] * (SERIES - 1)
    answer = predictor.analyse(drawn.hu, [spacing] * SERIES, steps)
    scores = answer.slices[:, 0]
    chosen = top_slices(list(scores))
    beside = [Beside(among=answer.in_sequence(k)) for k in range(SERIES)]
    scoring = milliseconds(lambda: predictor.analyse(drawn.hu, [spacing] * SERIES, steps), runs)
    sheet.add(f"scoring {SERIES} slices", shown(scoring), "1.00")
    for way in (HiResCam.of, InputGradient.of, Occlusion.of):
        explainer = SliceExplainer(tuple(predictor.bundle.manifest.preprocessing.steps), way(predictor))

        def explain(way: SliceExplainer = explainer) -> None:
            for k in chosen:
                way.explain(drawn.hu[k], spacing, beside=beside[k])

        cost = milliseconds(explain, runs)
        sheet.add(f"{explainer.method}, {SHOWN} slices", shown(cost), shown(cost / scoring))
    explainer = explainer_for(predictor)
    content = PageContent(
        verdict="FLAGGED",
        words="",
        short="ICH",
        score=float(scores.max()),
        score_word="Score",
        threshold=0.5,
        slice_threshold=0.5,
        slice_scores=tuple(scores.tolist()),
        slices=tuple(
            PageSlice(
                number=k + 1,
                hu=drawn.hu[k].astype(np.float32),
                score=float(scores[k]),
                pixel_spacing=spacing,
                orientation=(1.0, 0.0, 0.0, 0.0, 1.0, 0.0),
                heatmap=explainer.explain(drawn.hu[k], spacing, beside=beside[k]),
            )
            for k in chosen
        ),
        bundle="benchmark",
        completeness="COMPLETE",
        remarks=(),
        banner="",
    )
    alone = milliseconds(lambda: render_pages(content, most_flagged=0), runs)
    every = milliseconds(lambda: render_pages(content), runs)
    sheet.add("drawing the summary", shown(alone), shown(alone / scoring))
    sheet.add("the same with three pages of flagged slices", shown(every), shown(every / scoring))
    return sheet


def pointing(predictor: Predictor, heads: int) -> Sheet:
    """Measure how well the ways agree with what was drawn, on flagged slices with at least 60 mm2 of blood."""
    cases = []
    for seed in range(heads):
        drawn = render(PhantomSpec(seed=1000 + seed, lesion=list(Subtype)[seed % len(Subtype)], slices=20))
        spacing = (float(drawn.spacing_mm[1]), float(drawn.spacing_mm[2]))
        areas = (drawn.label > 0).sum((1, 2)) * spacing[0] * spacing[1]
        steps = [float(drawn.spacing_mm[0])] * (len(drawn.hu) - 1)
        answer = predictor.analyse(drawn.hu, [spacing] * len(drawn.hu), steps)
        scores = answer.slices[:, 0]
        limit = predictor.bundle.manifest.output.labels[0].slice_threshold
        cases += [
            (
                drawn.hu[k],
                spacing,
                cv2.dilate((drawn.label[k] > 0).astype(np.uint8), NEAR) > 0,
                Beside(among=answer.in_sequence(int(k))),
            )
            for k in np.flatnonzero((areas >= 60) & (scores >= limit))
        ]
    share = np.mean([blood.mean() for _, _, blood, _ in cases])
    title = f"Pointing at blood, on {len(cases)} slices of which blood and its surroundings are {share:.1%}"
    sheet = Sheet("pointing", title, ("way", "hottest pixel in it", "share of the heat"))
    for way in (HiResCam.of, InputGradient.of, Occlusion.of):
        explainer = SliceExplainer(tuple(predictor.bundle.manifest.preprocessing.steps), way(predictor))
        hits, shares = [], []
        for hu, spacing, blood, beside in cases:
            try:
                heatmap = explainer.explain(hu, spacing, beside=beside)
            except ExplanationError:
                hits.append(False)
                continue
            hits.append(bool(blood[hottest(heatmap)]))
            shares.append(float(heatmap[blood].sum() / heatmap.sum()))
        sheet.add(explainer.method, f"{np.mean(hits):.0%}", f"{np.mean(shares):.0%}")
    return sheet


def main() -> None:
    """Measure and print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--heads", type=int, default=10)
    add_json_option(parser)
    options = parser.parse_args()
    predictor = Predictor(open_bundle(bundled()), "cpu")
    sheets = [costs(predictor, options.runs), pointing(predictor, options.heads)]
    Report(sheets).end(Console(width=120), options.json)


if __name__ == "__main__":
    main()
