"""/models: which bundles are used and installed, what they say of themselves, and whether they drift."""

from collections.abc import Sequence
from hashlib import sha256
from itertools import islice

from fastapi import APIRouter, Request
from fastapi.responses import Response

from hounsfield.daemon.bundles_in_use import InUse, all_here
from hounsfield.daemon.console.pages.card import FILE, pieces, read_card
from hounsfield.daemon.console.pages.models_view import (
    Broken,
    BundleBox,
    History,
    ModelsPage,
    bundle_box,
    drift_line,
    history_line,
)
from hounsfield.daemon.console.pages.remembered import Remembered
from hounsfield.daemon.console.parts import ConsoleParts
from hounsfield.daemon.console.site import Site
from hounsfield.daemon.drift.comparison import Drift
from hounsfield.daemon.drift.current import current_drift
from hounsfield.daemon.pipeline.serving_notes import ServingNotes
from hounsfield.model.errors import BundleError
from hounsfield.model.manifest import MANIFEST_NAME, Manifest, read_manifest_bytes

DRIFT_SECONDS = 60.0
"""How old the comparison may be: it reads thousands of analyses."""
_MOST_CHOICES = 20


def router(site: Site) -> APIRouter:
    """Return the routes."""
    routes = APIRouter()
    parts = site.parts
    drifts = Remembered(
        lambda: current_drift(parts.database, parts.settings, parts.clock.now()), DRIFT_SECONDS, parts.clock
    )

    @routes.get("/models")
    def models(request: Request) -> Response:
        return site.render(request, "models.html", page=_page(parts, drifts.now()))

    return routes


def _page(parts: ConsoleParts, drifts: Sequence[Drift]) -> ModelsPage:
    choices = parts.database.bundle_choices.current()
    notes = ServingNotes(parts.home)
    boxes: list[BundleBox] = []
    broken: list[Broken] = []
    for one in all_here(parts.settings, choices):
        try:
            boxes.append(_box(one, notes))
        except BundleError as fault:
            broken.append(Broken(use=one.use, problem=str(fault)))
    return ModelsPage(
        bundles=tuple(boxes),
        broken=tuple(broken),
        drifts=tuple(drift_line(drift) for drift in drifts),
        history=_history(parts, [box.name for box in boxes]),
    )


def _box(one: InUse, notes: ServingNotes) -> BundleBox:
    """The manifest is read, and the card checked against it; the model itself is the worker's to verify."""
    content = read_manifest_bytes(one.folder)
    manifest = Manifest.parse(content, str(one.folder / MANIFEST_NAME))
    digest = sha256(content).hexdigest()
    card = pieces(read_card(one.folder, manifest.files.get(FILE)))
    return bundle_box(one, manifest, digest, notes.of(digest), card)


def _history(parts: ConsoleParts, names: Sequence[str]) -> tuple[History, ...]:
    choices = [choice for name in dict.fromkeys(names) for choice in parts.database.bundle_choices.history(name)]
    newest = sorted(choices, key=lambda choice: choice.at, reverse=True)
    return tuple(history_line(choice) for choice in islice(newest, _MOST_CHOICES))
