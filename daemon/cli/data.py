"""``hounsfield data``: data sets for training and evaluation, checked and prepared."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hounsfield.daemon.cli.context import JsonOption
from hounsfield.daemon.cli.exits import CommandFailed, UsageFault
from hounsfield.daemon.cli.output import json_line, note, show_table
from hounsfield.daemon.cli.progress import steps

if TYPE_CHECKING:
    from hounsfield.model.data.check import Checked
    from hounsfield.model.data.config import DataSet
    from hounsfield.model.preprocess import PreprocessingSpec

app = typer.Typer(
    name="data", help="Data sets to train and evaluate with: check and prepare them.", no_args_is_help=True
)

Config = Annotated[Path, typer.Argument(metavar="CONFIG", help="TOML file with a table \\[data]: docs/data.md.")]
Processes = Annotated[int, typer.Option(min=0, max=256, help="Processes that read images; 0 reads in this one.")]


@app.command("check")
def check_data(
    config: Config,
    out: Annotated[
        Path | None, typer.Option(help="Folder for report.html, clean.csv, excluded.csv and summary.json.")
    ] = None,
    processes: Processes = 2,
    as_json: JsonOption = False,
) -> None:
    """Look at every image and label: what is unreadable, doubled, mixed up, implausible; exit 1 if it is not clean."""
    from hounsfield.model.data.balance import summary
    from hounsfield.model.data.check import check
    from hounsfield.model.data.config import read_data_config
    from hounsfield.model.data.report import REPORT, write_report

    data = read_data_config(config)
    with steps() as progress:
        checked = check(data, processes=processes, progress=progress)
    if out is not None:
        write_report(out, checked, title=f"Data set {config.stem}")
    if as_json:
        json_line(summary(checked))
    else:
        _show(checked)
    if out is not None:
        note(f"the report is {out / REPORT}")
    if not checked.clean:
        raise CommandFailed("the data set is not clean", "`hounsfield data prepare` leaves out what is not, if told")


def _show(checked: "Checked") -> None:
    from hounsfield.model.data.balance import SHOWN, balance
    from hounsfield.model.data.problems import consequence

    counts = checked.counts()
    if counts:
        rows = [
            [
                kind.value,
                str(count),
                "accepted" if kind in checked.accepted else consequence(kind).value,
                ", ".join([one.file or one.words for one in checked.problems if one.kind is kind][:SHOWN]),
            ]
            for kind, count in counts.items()
        ]
        show_table(("problem", "found", "so it is", "file"), rows)
    kept = checked.kept
    shares = [
        [
            one.label,
            *(f"{of.positive} / {of.negative} / {of.unknown}" for of in (one.slices, one.series, one.patients)),
        ]
        for one in balance(checked.labels, kept)
    ]
    show_table(("label", "slices 1 / 0 / unknown", "series", "patients"), shares)
    typer.echo(f"{len(kept)} of {len(checked.rows)} images stay, in {len({row.series for row in kept})} series")


@app.command()
def prepare(
    config: Config,
    out: Annotated[Path, typer.Option(help="New folder for the prepared data set.")],
    preprocessing: Annotated[
        Path | None, typer.Option(metavar="FILE", help="TOML file with a table \\[preprocessing], as in a manifest.")
    ] = None,
    bundle: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Preprocess as this bundle does.")] = None,
    size: Annotated[int | None, typer.Option(help="Without these two: images become SIZE x SIZE pixels (128).")] = None,
    windows: Annotated[
        str | None,
        typer.Option(metavar="CENTRE/WIDTH,...", help="And each of these windows (HU) a channel (40/80)."),
    ] = None,
    checked: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Take clean.csv of this earlier check, and check no more.")
    ] = None,
    leave_out: Annotated[bool, typer.Option("--leave-out", help="Leave out what is not clean.")] = False,
    allow_unclean: Annotated[
        bool, typer.Option("--allow-unclean", help="Take what is not clean; training asks for the same word.")
    ] = False,
    processes: Processes = 2,
    as_json: JsonOption = False,
) -> None:
    """Decode and preprocess a data set, as the daemon does, into one folder that training reads without decoding."""
    from hounsfield.model.data.config import read_data_config
    from hounsfield.model.data.prepare import Unclean
    from hounsfield.model.data.prepare import prepare as prepare_data

    if sum((leave_out, allow_unclean, checked is not None)) > 1:
        raise UsageFault("--checked, --leave-out and --allow-unclean exclude one another")
    data = read_data_config(config)
    spec = _preprocessing(data, preprocessing, bundle, size, windows)
    unclean = Unclean.LEAVE_OUT if leave_out else Unclean.TAKE if allow_unclean else Unclean.REFUSE
    with steps() as progress:
        made = prepare_data(data, out, spec, unclean=unclean, checked=checked, processes=processes, progress=progress)
    about = made.about
    if as_json:
        facts = about.model_dump(mode="json", include={"labels", "shape", "slices", "series", "clean"})
        json_line({"folder": str(out), **facts})
    else:
        rows, columns, channels = about.shape
        words = "" if about.clean else "; it is not clean"
        typer.echo(
            f"{about.slices} slices of {about.series} series, {rows} x {columns} x {channels}, written to {out}{words}"
        )


def _preprocessing(
    data: "DataSet", file: Path | None, bundle: Path | None, size: int | None, windows: str | None
) -> "PreprocessingSpec":
    from hounsfield.model.data.preprocessing import default_windows, preprocessing_of, read_preprocessing, windowed

    given = (file is not None, bundle is not None, size is not None or windows is not None)
    if sum(given) > 1:
        raise UsageFault("give --preprocessing or --bundle or --size and --windows")
    if file is not None:
        return read_preprocessing(file)
    if bundle is not None:
        return preprocessing_of(bundle)
    return windowed(128 if size is None else size, default_windows(data) if windows is None else _windows(windows))


def _windows(text: str) -> tuple[tuple[float, float], ...]:
    try:
        pairs = [tuple(float(number) for number in one.split("/")) for one in text.split(",")]
        return tuple((centre, width) for centre, width in pairs)
    except ValueError as error:
        raise UsageFault("--windows must be CENTRE/WIDTH,CENTRE/WIDTH ... in HU, as 40/80,80/200") from error
