"""``hounsfield bundle``: the models that are there, checked before they are trusted."""

from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hounsfield.daemon.bundles_in_use import InUse, all_here, chosen, in_use, manifests_of
from hounsfield.daemon.cli import bundle_author, bundle_changes, completion
from hounsfield.daemon.cli.context import ConfigOption, JsonOption, read_settings
from hounsfield.daemon.cli.exits import CommandFailed, NotFound
from hounsfield.daemon.cli.output import json_line, local, show_lines, show_table

if TYPE_CHECKING:
    from hounsfield.daemon.pipeline.serving_notes import ServingNote
    from hounsfield.model.bundle import Bundle

app = typer.Typer(
    name="bundle",
    help="Model bundles: what is there, which version is used, and whether it can be trusted.",
    no_args_is_help=True,
)

Which = Annotated[
    str | None,
    typer.Argument(
        metavar="[NAME|FOLDER]",
        help="Name of a bundle, or a folder; all that are in use without.",
        autocompletion=completion.bundles,
    ),
]


@app.command("list")
def list_bundles(as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """List the bundles in use and the installed ones; exit 1 if one that is in use cannot be used."""
    from hounsfield.daemon.pipeline.serving_notes import ServingNotes
    from hounsfield.model.bundle import open_bundle
    from hounsfield.model.errors import BundleError

    settings = read_settings(config)
    notes = ServingNotes(settings.storage.home)
    rows, broken = [], []
    for one in all_here(settings, chosen(settings)):
        try:
            bundle = open_bundle(one.folder)
        except BundleError as fault:
            broken.append(str(fault))
        else:
            rows.append(bundle_json(bundle) | _use_json(one, notes.of(bundle.sha256)))
    if as_json:
        for row in rows:
            json_line(row)
    else:
        columns = ("name", "version", "use", "since", "by", "worker", "clinical", "title", "folder")
        show_table(columns, [[_cell(column, row[column]) for column in columns] for row in rows])
    if broken:
        raise CommandFailed("; ".join(broken), "`hounsfield bundle lint` says more")


def _use_json(one: InUse, worker: "ServingNote | None") -> dict[str, object]:
    """Return whether a bundle is used, since when and by whom, and what the worker says about it."""
    return {
        "use": one.use,
        "since": None if one.choice is None else one.choice.at,
        "by": "" if one.choice is None else one.choice.person,
        "worker": "" if worker is None else str(worker.state),
        "worker_says": "" if worker is None else worker.words,
    }


def bundle_json(bundle: "Bundle") -> dict[str, object]:
    """Return what ``bundle list`` says about a bundle."""
    manifest = bundle.manifest
    return {
        "name": manifest.name,
        "version": manifest.version,
        "title": manifest.title,
        "clinical": manifest.clinical,
        "calibrated": manifest.calibrated,
        "sha256": bundle.sha256,
        "folder": str(bundle.folder),
    }


def _cell(column: str, value: object) -> str:
    if column == "clinical":
        return "yes" if value else "no: demonstration"
    return local(value) if isinstance(value, datetime) else str(value or "")


@app.command()
def show(which: Which = None, as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """Show what a bundle says about itself: intended use, limits, scope, labels, origin."""
    from hounsfield.model.bundle import open_bundle

    for folder in folders_of(which, config):
        bundle = open_bundle(folder)
        if as_json:
            manifest = bundle.manifest.model_dump(mode="json", by_alias=True)
            json_line(bundle_json(bundle) | {"manifest": manifest})
        else:
            _print_bundle(bundle)


def _print_bundle(bundle: "Bundle") -> None:
    from hounsfield.daemon.console.pages.figures import figures

    manifest = bundle.manifest
    scope = manifest.scope
    labels = "; ".join(
        f"{label.name}: {label.concept.meaning} ({label.concept.scheme} {label.concept.value}), "
        f"flagged from {label.threshold:g}"
        for label in manifest.output.labels
    )
    lines = {
        "bundle": f"{bundle.label}  {manifest.title}",
        "banner": manifest.banner,
        "clinical": "yes"
        if manifest.clinical
        else "no: delivers only to this machine unless allow_demonstration = true",
        "intended use": manifest.intended_use,
        "limits": manifest.limits,
        "labels": labels,
        "scope": f"{', '.join(scope.modality)}, slices {scope.slices[0]} to {scope.slices[1]}, "
        f"thickness {scope.thickness_mm[0]:g} to {scope.thickness_mm[1]:g} mm, tilt {scope.tilt}",
        "input": f"{' x '.join(str(side) for side in manifest.input.shape)} {manifest.input.dtype}",
        "training": manifest.provenance.training_data,
        "sha256": bundle.sha256,
        "folder": str(bundle.folder),
    }
    show_lines(((label, " ".join(value.split())) for label, value in lines.items()), 14)
    found = figures(manifest.provenance.metrics)
    if found.rows:
        show_table(("figure", *found.sets), [(name, *cells) for name, cells in found.rows], folding=found.sets)


@app.command()
def lint(which: Which = None, as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """Check manifest, hashes and contents; exit 1 if a bundle has a problem."""
    from hounsfield.model.lint import Severity
    from hounsfield.model.lint import lint as find_problems

    errors = 0
    for folder in folders_of(which, config):
        problems = find_problems(folder)
        errors += sum(problem.severity is Severity.ERROR for problem in problems)
        for problem in problems:
            if as_json:
                json_line({"folder": str(folder), **asdict(problem)})
            else:
                parts = (str(folder), str(problem.severity), problem.file, problem.key, problem.message)
                typer.echo(": ".join(part for part in parts if part))
        if not problems and not as_json:
            typer.echo(f"{folder}: no problems")
    if errors:
        raise CommandFailed(f"{errors} errors in the bundle", "it is not served until they are mended")


@app.command()
def selftest(which: Which = None, as_json: JsonOption = False, config: ConfigOption = None) -> None:
    """Run the model on its golden slices, in a process of its own; exit 1 if the scores differ."""
    from hounsfield.daemon.cli.model_probe import ask

    failed = []
    for folder in folders_of(which, config):
        answer = ask("selftest", str(folder))
        passed = bool(answer["passed"])
        if as_json:
            json_line({"folder": str(folder), **answer})
        else:
            typer.echo(
                f"{folder}: {'passed' if passed else 'FAILED'} on {answer['device']}, {answer['slices']} slices, "
                f"largest difference {answer['largest_difference']:.2g} (allowed {answer['tolerance']:g})"
            )
        if not passed:
            failed.append(folder.name)
    if failed:
        raise CommandFailed(
            f"self-test failed: {', '.join(failed)}",
            "the scores differ from those the bundle was made with; do not serve it on this machine",
        )


app.command("install")(bundle_changes.install)
app.command("activate")(bundle_changes.activate)
app.command("rollback")(bundle_changes.rollback)
app.command("deactivate")(bundle_changes.deactivate)
app.command("remove")(bundle_changes.remove)
app.command("example")(bundle_author.example)
app.command("seal")(bundle_author.seal)


def folders_of(which: str | None, config: Path | None) -> list[Path]:
    """Return the folder meant by a name or a path, or all in use; raise :class:`NotFound`.

    Of a name that is not in use, all installed versions.
    """
    from hounsfield.daemon.bundles.shelf import installed_in

    if which is not None and Path(which).is_dir():
        return [Path(which)]
    settings = read_settings(config)
    used = in_use(settings, chosen(settings))
    if which is None:
        return [one.folder for one in used]
    found = [one.folder for one in used if [manifest.name for manifest in manifests_of([one])] == [which]]
    found = found or [place.folder for place in installed_in(settings).places() if place.name == which]
    if not found:
        raise NotFound(f"there is no bundle '{which}'", "`hounsfield bundle list` shows those that are there")
    return found
