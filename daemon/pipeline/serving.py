"""Loads bundles for the worker: self-tested and warm, or not served and said so."""

from collections.abc import Mapping, Sequence

import structlog

from hounsfield.daemon.config.sections import WorkerSettings
from hounsfield.daemon.pipeline.infer_stage import Served
from hounsfield.model.bundle import Bundle
from hounsfield.model.errors import ExplanationError, ModelError
from hounsfield.model.explain import Explainer, explainer_for
from hounsfield.model.predictor import Predictor
from hounsfield.model.selftest import selftest

log = structlog.get_logger("hounsfield.worker")


def serve(bundles: Sequence[Bundle], settings: WorkerSettings) -> dict[str, Served]:
    """Return bundle digest -> served bundle. A bundle that drifts is left out: its jobs end as not analysed."""
    served: dict[str, Served] = {}
    for bundle in bundles:
        facts = {"bundle": bundle.manifest.name, "version": bundle.manifest.version}
        try:
            predictor = Predictor(bundle, device=settings.device, batch=settings.batch)
            predictor.warm_up()
            test = selftest(bundle, predictor)
        except ModelError as error:
            log.error("bundle not served", **facts, error=str(error))
            continue
        except Exception as error:
            # Whatever a model makes its libraries raise: silence about its series would be worse than "not analysed".
            log.exception("bundle not served", **facts, error=type(error).__name__)
            continue
        if not test.passed:
            log.error("bundle not served: self-test differs", **facts, difference=test.largest_difference)
            continue
        explainer = _explainer(predictor, facts)
        heatmaps = explainer.method if explainer else "none"
        seconds = round(test.seconds, 3)
        log.info("bundle served", **facts, device=predictor.device, selftest_seconds=seconds, heatmaps=heatmaps)
        served[bundle.sha256] = Served(bundle, predictor, explainer)
    return served


def _explainer(predictor: Predictor, facts: Mapping[str, str]) -> Explainer | None:
    """Return what makes heatmaps, warm; without it pages say that there is none, and results are what they are."""
    try:
        return explainer_for(predictor)
    except ExplanationError as error:
        log.warning("no heatmaps for this bundle", **facts, error=str(error))
        return None
