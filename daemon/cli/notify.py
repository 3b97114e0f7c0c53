"""``hounsfield notify``: those who are told of outcomes."""

from typing import Annotated

import typer

from hounsfield.daemon.cli.context import ConfigOption, read_settings
from hounsfield.daemon.cli.exits import CommandFailed, NotFound

app = typer.Typer(name="notify", help="Who is told of outcomes: HL7 listeners and webhooks.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Who is told of outcomes: HL7 listeners and webhooks."""


@app.command("test")
def send_test(
    name: Annotated[str, typer.Argument(metavar="NAME", help=r"The name of a [\[notify]].")],
    config: ConfigOption = None,
) -> None:
    """Send a message that is marked as a test and about nobody; exit 1 if it is not accepted."""
    from hounsfield.daemon.clock import SystemClock
    from hounsfield.daemon.notifications.answers import Accepted, Refused
    from hounsfield.daemon.notifications.senders import sender_of
    from hounsfield.daemon.notifications.trial import trial_facts

    settings = read_settings(config)
    notifier = next((one for one in settings.notify if one.name == name), None)
    if notifier is None:
        names = ", ".join(one.name for one in settings.notify) or "none is configured"
        raise NotFound(f"there is no [[notify]] '{name}'", f"there are: {names}")
    clock = SystemClock()
    match sender_of(notifier, settings.site.name, clock).send(trial_facts(clock.now())):
        case Accepted():
            typer.echo(f"{name} accepted the test message")
        case Refused(answer=code):
            raise CommandFailed(f"{name} refuses the test message: {code}", "its log says why")
        case answer:
            raise CommandFailed(f"{name}: {answer.problem}", "check its address, its secret_file and the firewall")
