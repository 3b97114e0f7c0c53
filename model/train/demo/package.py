"""Turns a trained model and its figures into the demonstration bundle: manifest, model, card, golden slices."""

from dataclasses import dataclass
from datetime import date
from importlib import resources
from pathlib import Path
from typing import Any

from hounsfield.model.bundle import Bundle, write_bundle
from hounsfield.model.data.phantoms import SOURCE
from hounsfield.model.headers import ENHANCED_CT
from hounsfield.model.manifest import BY_MODEL, CT_IMAGE_STORAGE
from hounsfield.model.phantom import PhantomSpec, Subtype, render
from hounsfield.model.selftest import write_bundle_with_golden
from hounsfield.model.train.demo.card import model_card
from hounsfield.model.train.demo.figures import Figures
from hounsfield.model.train.demo.recipe import GOLDEN_TOLERANCE, STEP_MM, Recipe
from hounsfield.model.train.demo.summary import Point
from hounsfield.model.train.keras_file import keras_bytes

VERSION = "2.0.0"
BANNER = "synthetic-trained demonstration, not for clinical use"
INTENDED_USE = (
    "To show and test the way from a CT series to a structured report. It is not a medical device and must not "
    "be used for care, triage or any decision about a patient."
)
LIMITS = (
    "Trained on computer-drawn heads only and never validated on patients: its answer on a real head CT means "
    "nothing. Its scores are calibrated on such heads, half of which bleed; on patients they are no probabilities."
)
GOLDEN = PhantomSpec(seed=90_001, lesion=Subtype.INTRAPARENCHYMAL, slices=20, step_mm=6.0, matrix=128)
NAME = "ich-demo"


@dataclass(frozen=True, slots=True)
class Trained:
    """All that the bundle is made of."""

    encoder: Any
    sequence: Any
    """Both ``keras.Model``."""
    recipe: Recipe
    points: tuple[Point, ...]
    """Of each label."""
    figures: Figures
    created: date


def write_demonstration(folder: Path, trained: Trained) -> Bundle:
    """Write the bundle, verify it, and return it."""
    golden = render(GOLDEN)
    files: dict[str, bytes | Path] = {
        "model.keras": keras_bytes(trained.encoder),
        "sequence.keras": keras_bytes(trained.sequence),
        "MODEL_CARD.md": model_card(trained.recipe, trained.points, trained.figures, BANNER).encode(),
        "LICENSE": (resources.files("hounsfield.model") / "bundled" / "LICENSE").read_bytes(),
    }
    positions = [number * GOLDEN.step_mm for number in range(GOLDEN.slices)]
    spacing = golden.spacing_mm[1:]
    return write_bundle_with_golden(folder, manifest_fields(trained), golden.hu, spacing, files, positions)


def with_figures(folder: Path, bundle: Bundle, recipe: Recipe, figures: Figures) -> Bundle:
    """Write the networks and the golden series of ``bundle`` into ``folder`` again, with other figures."""
    points = tuple(Point(label.threshold, label.slice_threshold) for label in bundle.manifest.output.labels)
    trained = Trained(None, None, recipe, points, figures, bundle.manifest.created)
    kept = ("model.keras", "sequence.keras", "LICENSE", bundle.manifest.golden.file)
    files: dict[str, bytes | Path] = {name: (bundle.folder / name).read_bytes() for name in kept}
    files["MODEL_CARD.md"] = model_card(recipe, points, figures, BANNER).encode()
    return write_bundle(folder, manifest_fields(trained), files)


def manifest_fields(trained: Trained) -> dict[str, Any]:
    """Return the manifest without the hashes of the files."""
    recipe = trained.recipe
    return {
        "schema": 1,
        "name": NAME,
        "version": VERSION,
        "title": "Synthetic-trained haemorrhage demonstration",
        "intended_use": INTENDED_USE,
        "limits": LIMITS,
        "clinical": False,
        "calibrated": False,
        "banner": BANNER,
        "created": trained.created,
        "scope": SCOPE,
        "preference": PREFERENCE,
        "preprocessing": recipe.preprocessing.model_dump(mode="json"),
        "input": {"shape": list(recipe.network.shape), "dtype": "float32", "context": "series"},
        "sequence": {"step_mm": list(STEP_MM)},
        "output": {"aggregation": BY_MODEL, "labels": labels(trained.points)},
        "provenance": {
            "training_data": SOURCE,
            "script": "make demo-model",
            "seed": recipe.seed,
            "metrics": trained.figures.of_the_manifest(),
        },
        "golden": {"file": "golden/slices.npz", "tolerance": GOLDEN_TOLERANCE},
    }


SCOPE = {
    "modality": ["CT"],
    "sop_classes": [CT_IMAGE_STORAGE, *sorted(ENHANCED_CT)],
    "body_part": "(?i)^(head|brain|skull)",
    "description": "(?i)head|brain|skull|schaedel|schädel|kopf|crane|crâne|cranio",
    "exclude_description": "(?i)angio|cta|perfusion|bone|sinus|orbit|neck",
    "thickness_mm": [0.5, 10.0],
    "slices": [8, 600],
    "max_step_mm": 10.0,
    "derived": False,
    "tilt": "per-slice",
    "max_tilt_degrees": 35.0,
    "contrast": False,
    "lossy": False,
    "irregular_spacing": "per-slice",
    "allow_sparse": False,
}
PREFERENCE = {
    # For soft tissue of the head as Siemens, GE, Philips and Canon name them, then for the body; bone comes last.
    "kernel": [
        r"(?i)^(h|hr|hc|j|qr)[23]\d|^soft|^u[abc]$|^fc(2\d|6[2-8])",
        r"(?i)^(h|hr|hc|j|qr|b|br|i)[234]\d|^sta?n?d|^[abc]$|^fc(0\d|1[0-3])",
    ],
    "thickness_mm": 5.0,
    "coverage": "most",
}
"""Thick and soft: noise of thin slices and edges of sharp kernels look like blood to a model that never saw them."""


BRAIN = ("12738006", "Brain")
CONCEPTS = {
    "haemorrhage": (("1386000", "Intracranial hemorrhage"), BRAIN, "ICH"),
    Subtype.EPIDURAL: (("82999001", "Epidural intracranial hemorrhage"), BRAIN, "EDH"),
    Subtype.INTRAPARENCHYMAL: (("274100004", "Cerebral hemorrhage"), BRAIN, "IPH"),
    # Public tables disagree about a code of its own: a haemorrhage, and where.
    Subtype.INTRAVENTRICULAR: (("50960005", "Hemorrhage"), ("35764002", "Brain ventricle"), "IVH"),
    Subtype.SUBARACHNOID: (("21454007", "Subarachnoid hemorrhage"), BRAIN, "SAH"),
    Subtype.SUBDURAL: (("35486000", "Subdural hemorrhage"), BRAIN, "SDH"),
}
"""Name: concept and site in SNOMED CT, and what stands in the Series Description; in the order of the outputs."""


def labels(points: tuple[Point, ...]) -> list[dict[str, Any]]:
    """Return ``output.labels``: the first one decides, the kinds say more about it."""
    return [
        {
            "name": str(name),
            "index": index,
            "threshold": point.series,
            "slice_threshold": point.slice,
            "concept": _code(concept),
            "site": _code(site),
            "short": short,
            "decides": index == 0,
        }
        for index, ((name, (concept, site, short)), point) in enumerate(zip(CONCEPTS.items(), points, strict=True))
    ]


def _code(pair: tuple[str, str]) -> dict[str, str]:
    return {"value": pair[0], "scheme": "SCT", "meaning": pair[1]}
