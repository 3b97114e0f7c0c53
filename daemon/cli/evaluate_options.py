"""The options of ``hounsfield evaluate``, in the three groups that its help shows."""

from pathlib import Path
from typing import Annotated

import typer

from hounsfield.daemon.cli.moments import WHEN, WHEN_HELP

_FIGURES = "Figures"
_STORED = "Instead: scores in the job database"

BundleOption = Annotated[
    str, typer.Option(metavar="BUNDLE", help="Folder or configured name; or scores.npz of an earlier evaluation.")
]
OutOption = Annotated[
    Path | None, typer.Option(metavar="FOLDER", help="Where report, plots, numbers and scores are written.")
]
DataOption = Annotated[
    Path | None, typer.Option(metavar="PREPARED", help="Prepared data set to measure on (`hounsfield data`).")
]
AgainstOption = Annotated[
    str | None, typer.Option(metavar="BUNDLE", help="Compare with this bundle (or its scores.npz), same cases.")
]
LabelOption = Annotated[
    list[str] | None,
    typer.Option(metavar="DATA=BUNDLE", help="A label that has another name in the bundle; may be repeated."),
]
DeviceOption = Annotated[str, typer.Option(help="auto, cpu, gpu or gpu:N.")]
CardOption = Annotated[
    bool, typer.Option("--write-card", help="Write the figures into the bundle's card and manifest (a new hash).")
]

ValidationOption = Annotated[
    Path | None,
    typer.Option(
        metavar="PREPARED",
        help="Choose thresholds on this validation set rather than use those of the bundle. It must hold no case of "
        "--data.",
        rich_help_panel=_FIGURES,
    ),
]
SensitivityOption = Annotated[
    float, typer.Option(help="That --choose-threshold looks for.", min=0.01, max=1.0, rich_help_panel=_FIGURES)
]
PrevalenceOption = Annotated[
    list[float] | None,
    typer.Option(
        help="Share of positive series for which PPV and NPV are stated; may be repeated.",
        min=0,
        max=1,
        rich_help_panel=_FIGURES,
    ),
]
RoundsOption = Annotated[
    int, typer.Option(help="Draws of the bootstrap.", min=100, max=100_000, rich_help_panel=_FIGURES)
]
SeedOption = Annotated[int, typer.Option(help="Of the bootstrap.", min=0, rich_help_panel=_FIGURES)]

ThresholdsOption = Annotated[
    bool,
    typer.Option(
        "--thresholds",
        help="Judge the scores in the job database by other thresholds; no model runs.",
        rich_help_panel=_STORED,
    ),
]
ShadowOption = Annotated[
    bool,
    typer.Option(
        "--shadow",
        help="Judge what a bundle scored in the shadow beside what was sent; no model runs.",
        rich_help_panel=_STORED,
    ),
]
TruthOption = Annotated[
    Path | None,
    typer.Option(
        metavar="CSV",
        help="A table with series_uid, study_uid or accession, and truth (0 or 1).",
        rich_help_panel=_STORED,
    ),
]
AtOption = Annotated[
    list[float] | None,
    typer.Option(help="With --thresholds: one to try; may be repeated.", min=0, max=1, rich_help_panel=_STORED),
]
VersionOption = Annotated[
    str | None,
    typer.Option(metavar="V", help="Version of the bundle; the one used last without.", rich_help_panel=_STORED),
]
SinceOption = Annotated[
    str | None,
    typer.Option(metavar=WHEN, help=f"Only analyses since then: {WHEN_HELP}", rich_help_panel=_STORED),
]
