"""Translates a bundle's manifest into what a report says about it."""

from collections.abc import Sequence

from hounsfield.daemon.results.request import BundleFacts, LabelFacts
from hounsfield.model.bundle import Bundle
from hounsfield.model.manifest import Label


def bundle_facts(bundle: Bundle) -> BundleFacts:
    """Return the facts of a bundle and of all its labels."""
    manifest = bundle.manifest
    output = manifest.output
    return BundleFacts(
        name=manifest.name,
        version=manifest.version,
        title=manifest.title,
        sha256=bundle.sha256,
        banner=manifest.banner,
        clinical=manifest.clinical,
        calibrated=manifest.calibrated,
        labels=tuple(_label(label) for label in output.labels),
        parameters=(
            f"{_thresholds(output.labels)}; model sha256 {bundle.sha256}; "
            f"aggregation {output.aggregation}; preprocessing {manifest.preprocessing.name}."
        ),
    )


def _label(label: Label) -> LabelFacts:
    return LabelFacts(
        name=label.name,
        short=label.short,
        concept=label.concept.concept,
        site=label.site.concept,
        decides=label.decides,
    )


def _thresholds(labels: Sequence[Label]) -> str:
    if len(labels) == 1:
        return f"threshold {labels[0].threshold:g}"
    return f"thresholds {', '.join(f'{label.name} {label.threshold:g}' for label in labels)}"
