"""What a demonstration training consists of, in full and as a smoke test."""

from dataclasses import dataclass

from hounsfield.model.data.phantoms import LABELS
from hounsfield.model.networks import NetworkSpec
from hounsfield.model.preprocess import PreprocessingSpec

INPUT_PIXELS = 96

STRIP = PreprocessingSpec.model_validate(
    {
        "name": "strip-1",
        "steps": [
            {"name": "padding"},
            {"name": "field-of-view"},
            {"name": "strip"},
            {"name": "resize", "pixels": INPUT_PIXELS},
        ],
    }
)

COMPACT = NetworkSpec(shape=(INPUT_PIXELS, INPUT_PIXELS, 2), labels=len(LABELS), maps=len(LABELS))


SPECIFICITY = 0.95
"""On the validation set, which decides all thresholds."""
REQUIRED_AUC = 0.85
"""Of held-out slices; a model below it is not shippable."""
REQUIRED_GAIN = 0.05
"""Of that AUC over the best brightness rule on the same slices."""
GOLDEN_TOLERANCE = 1e-3
STEP_MM = (2.5, 7.5)
"""Distances of slices that the heads were drawn with, and that the model knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Sizes of the sets (heads) and of the training."""

    seed: int = 2
    """No choice was made on its held-out heads."""
    training_heads: int = 800
    sequence_heads: int = 300
    """That the first network never sees; the sequence network learns from them and from the others."""
    validation_heads: int = 400
    test_heads: int = 400
    hard_heads: int = 150
    steps: int = 3500
    batch: int = 64
    learning_rate: float = 2e-3
    weight_decay: float = 0.01
    mask_weight: float = 1.0
    """Of the loss of the lesion maps against that of the scores."""
    lesion_weight: float = 4.0
    """Of a lesion pixel against another in the loss of the maps."""
    sequence_steps: int = 2500
    sequence_batch: int = 24
    sequence_rate: float = 3e-3
    views: int = 4
    """How often each head is turned into vectors for the sequence network, each time augmented in another way."""
    units: int = 24
    """Of the sequence network's cell, in each direction."""
    sequence_dropout: float = 0.3
    processes: int = 2
    """That draw phantoms."""
    preprocessing: PreprocessingSpec = STRIP
    network: NetworkSpec = COMPACT


def smoke(seed: int) -> Recipe:
    """Return a recipe of half a minute; its model is good for nothing."""
    return Recipe(
        seed=seed,
        training_heads=10,
        sequence_heads=6,
        validation_heads=6,
        test_heads=6,
        hard_heads=4,
        steps=40,
        batch=32,
        sequence_steps=20,
        views=1,
    )
