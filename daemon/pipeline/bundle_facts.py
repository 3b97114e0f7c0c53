"""Translates a bundle's manifest into what a report says about it."""

from hounsfield.daemon.results.request import BundleFacts
from hounsfield.model.bundle import Bundle


def bundle_facts(bundle: Bundle) -> BundleFacts:
    """Return the facts of the first label; reports of several labels follow with their bundles."""
    manifest = bundle.manifest
    label = manifest.output.labels[0]
    return BundleFacts(
        name=manifest.name,
        version=manifest.version,
        title=manifest.title,
        sha256=bundle.sha256,
        short=label.short,
        banner=manifest.banner,
        clinical=manifest.clinical,
        calibrated=manifest.calibrated,
        concept=label.concept.concept,
        site=label.site.concept,
        threshold=label.threshold,
        label=label.name,
        parameters=(
            f"threshold {label.threshold:g}; model sha256 {bundle.sha256}; "
            f"aggregation {manifest.output.aggregation}; preprocessing {manifest.preprocessing.name}."
        ),
    )
