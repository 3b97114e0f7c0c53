"""``hounsfield bundle example`` and ``seal``: for those who bring a model."""

from pathlib import Path
from typing import Annotated

import typer

from hounsfield.daemon.cli.context import JsonOption
from hounsfield.daemon.cli.exits import CommandFailed
from hounsfield.daemon.cli.output import json_line

NewGolden = Annotated[
    bool, typer.Option("--new-golden", help="Draw golden slices and score them anew: the model was changed on purpose.")
]


def example() -> None:
    """Print a manifest to start from, with every line explained."""
    from hounsfield.model.bundle import manifest_example

    typer.echo(manifest_example(), nl=False)


def seal(
    folder: Annotated[Path, typer.Argument(help="Folder with manifest.toml and the model.", file_okay=False)],
    new_golden: NewGolden = False,
    as_json: JsonOption = False,
) -> None:
    """Finish a bundle: draw golden slices, score them, and write the hash of every file into its manifest.

    The rest of the manifest stays as you wrote it. Run it again after every change.
    """
    from hounsfield.daemon.cli.model_probe import ask

    answer = ask("seal", str(folder), *(["--new-golden"] if new_golden else []))
    if as_json:
        json_line(answer)
    else:
        typer.echo(f"{folder}: {answer['label']}, sha256 {answer['sha256']}")
    if not answer["passed"]:
        raise CommandFailed(
            f"the model answers its golden slices with other scores (difference {answer['largest_difference']:.2g})",
            "if it was changed on purpose, run it again with --new-golden, and give it a new version",
        )
