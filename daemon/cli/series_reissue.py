"""``hounsfield series reissue``: results go on for the patient whom the destination has for the study now."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from hounsfield.daemon.cli import completion
from hounsfield.daemon.cli.asking import YesOption
from hounsfield.daemon.cli.context import ConfigOption, JsonOption, open_application
from hounsfield.daemon.cli.exits import CommandFailed, NotFound, UsageFault
from hounsfield.daemon.cli.output import json_line, note
from hounsfield.daemon.cli.person import ByOption, person
from hounsfield.daemon.cli.which_series import SeriesArgument, find

if TYPE_CHECKING:
    from hounsfield.daemon.pipeline.reissue import PatientChange, Reissuer
    from hounsfield.storage.records import JobRecord

SHOWN = ("PatientID", "PatientName", "PatientBirthDate", "PatientSex")


def reissue(
    uid: SeriesArgument,
    destination: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Only what waits for it.", autocompletion=completion.destinations),
    ] = None,
    reveal: Annotated[
        bool, typer.Option("--reveal", help="Show old and new patient before asking; on a terminal only.")
    ] = False,
    yes: YesOption = False,
    by: ByOption = None,
    as_json: JsonOption = False,
    config: ConfigOption = None,
) -> None:
    """Write the results of deliveries that are HELD (patient-changed) anew, for the patient the destination names.

    They are new instances with new UIDs; what went to other destinations stays as it is.
    """
    from hounsfield.daemon.errors import DaemonError

    if reveal and not sys.stdout.isatty():
        raise UsageFault("--reveal shows patient data and needs a terminal", "leave it out, or do not redirect")
    who = person(by)
    with open_application(config) as application:
        reissuer = application.reissuer()
        series = find(application.database, application.settings.storage.shared_folder, uid)
        waiting = reissuer.held(series.id, destination)
        if not waiting:
            raise NotFound("no delivery of this series is held for its patient", "`hounsfield series show` tells more")
        failed = []
        for job in waiting:
            try:
                _one(reissuer, job, who, reveal=reveal, yes=yes, as_json=as_json)
            except DaemonError as error:
                failed.append(f"delivery {job.id} to {job.destination}: {error}")
        if failed:
            raise CommandFailed("\n".join(failed))


def _one(reissuer: "Reissuer", job: "JobRecord", who: str, *, reveal: bool, yes: bool, as_json: bool) -> None:
    change = reissuer.look(job)
    where = f"delivery {job.id} to {job.destination}"
    if change.is_none:
        raise CommandFailed(
            "the destination names the patient of the images again",
            f"`hounsfield jobs retry {job.id}` sends it as it is",
        )
    if reveal:
        _reveal(change)
    if not yes and not typer.confirm(f"Write {where} anew for the patient it has there?", err=True):
        note(f"{where} stays held")
        return
    result = reissuer.reissue(job, change, who)
    if as_json:
        json_line({"job": job.id, "destination": job.destination, "result": result})
    else:
        typer.echo(f"{where}: written anew as result {result}, and queued")


def _reveal(change: "PatientChange") -> None:
    from hounsfield.daemon.logs import escape_controls

    for label, patient in (("of the images", change.old), ("at the destination", change.new)):
        told = "  ".join(str(patient.get(keyword, "")) for keyword in SHOWN)
        typer.echo(f"patient {label}: {escape_controls(told)}")
