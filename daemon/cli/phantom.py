"""``hounsfield phantom``: generated head CT series to try things with."""

from pathlib import Path
from typing import Annotated

import typer

from hounsfield.daemon.cli.exits import CommandFailed, UsageFault


def phantom(
    out: Annotated[Path, typer.Argument(metavar="OUT", help="New or empty folder for the DICOM files.")],
    lesion: Annotated[
        str | None,
        typer.Option(
            metavar="KIND",
            help="Paint a haemorrhage: epidural, intraparenchymal, intraventricular, subarachnoid or subdural.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="The same seed paints the same head.", min=0)] = 1,
    slices: Annotated[int, typer.Option(help="Number of slices.", min=1, max=600)] = 24,
    drop: Annotated[
        list[int] | None, typer.Option(metavar="INDEX", help="Leave this slice out, from 0 upwards; may be repeated.")
    ] = None,
    tilt: Annotated[float, typer.Option(metavar="DEGREES", help="Gantry tilt.", min=-30, max=30)] = 0.0,
) -> None:
    """Write a generated head CT series: no patient, synthetic anatomy, for trying routes and bundles."""
    from hounsfield.model.phantom.series import PhantomSpec, write_series

    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise CommandFailed(f"{out} is there and not empty", "give a new folder: files of two series must not mix")
    try:
        spec = PhantomSpec(seed=seed, lesion=lesion, slices=slices, drop=tuple(drop or ()), tilt_degrees=tilt)
        written = write_series(out, spec)
    except ValueError as fault:
        raise UsageFault(str(fault)) from fault
    typer.echo(f"{len(written)} slices written to {out}")
