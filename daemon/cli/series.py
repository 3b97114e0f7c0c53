"""``hounsfield series``: what was received and what became of it."""

import typer

from hounsfield.daemon.cli import series_actions, series_list, series_reasons, series_reissue
from hounsfield.daemon.cli.context import ConfigOption, JsonOption, open_stores
from hounsfield.daemon.cli.output import json_line
from hounsfield.daemon.cli.patients import RevealOption, patient_json, revealed
from hounsfield.daemon.cli.pause_notes import tell_pauses
from hounsfield.daemon.cli.which_series import SeriesArgument, find

app = typer.Typer(name="series", help="Series received, and those that wait for a person.", no_args_is_help=True)


app.command("list")(series_list.list_series)


@app.command()
def show(
    uid: SeriesArgument,
    reveal: RevealOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Show one series: verdict and evidence, counts, who sent it, who decided on it, and its jobs."""
    from hounsfield.daemon.cli.series_views import describe, print_detail
    from hounsfield.daemon.logs import UidHasher

    with open_stores(config) as (settings, database):
        tell_pauses(database.control)
        series = find(database, settings.storage.shared_folder, uid)
        hash_of = UidHasher.of_home(settings.storage.shared_folder)
        shown = revealed(database, settings, reveal, "series show", series.id, series=hash_of(series.series_uid))
        detail = describe(series, database)
    if as_json:
        json_line(detail.as_json() | patient_json(shown))
    else:
        print_detail(detail, hash_of, shown)


app.command("release")(series_actions.release)
app.command("discard")(series_actions.discard)
app.command("replay")(series_actions.replay)
app.command("reissue")(series_reissue.reissue)
app.command("reasons")(series_reasons.reasons)
