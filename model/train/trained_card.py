"""The model card of a bundle that `hounsfield train` made."""

from hounsfield.model.evaluate.card import CardFacts, model_card
from hounsfield.model.evaluate.figures import Evaluation
from hounsfield.model.train.export import Exported
from hounsfield.model.train.slice_stage import Material
from hounsfield.model.train.split import Part


def trained_card(material: Material, model: Exported, evaluation: Evaluation, part: Part) -> str:
    """Return the Markdown; ``evaluation`` is that of ``part``. Raises ValueError without ``[bundle]``."""
    config, view = material.config, material.view
    bundle = config.bundle
    if bundle is None:
        raise ValueError("a card needs [bundle]")
    encoder = f" on {config.network.encoder}" if config.two_stages else ""
    shape = " x ".join(str(side) for side in view.shape)
    facts = CardFacts(
        title=bundle.title,
        banner=bundle.banner,
        intended_use=bundle.intended_use,
        limits=bundle.limits,
        training_data=bundle.training_data or view.prepared.about.source or "Not described.",
        made_by=f"`hounsfield train`, seed {config.training.seed}",
        network=f"{config.network.name}{encoder}, {model.parameters} weights, input {shape}, "
        f"preprocessing {view.preprocessing.name}",
        details=(
            ("optimiser", f"{config.optimiser.name} at {config.optimiser.rate:g}, {config.schedule.name} schedule"),
            *((f"{one} part", _counts(material, one)) for one in Part),
            ("thresholds", evaluation.threshold_origin),
        ),
    )
    flatters = ", which also chose the epoch and the thresholds: these figures flatter"
    source = f"the {part} part of the data set{flatters if part is Part.VALIDATION else ''}"
    return model_card(facts, evaluation, source)


def _counts(material: Material, part: Part) -> str:
    series = material.split.series(part)
    patients = len(set(material.view.prepared.index.patient[series].tolist()))
    return f"{len(series)} series of {patients} patients; no patient is in two parts"
