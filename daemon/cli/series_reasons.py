"""``hounsfield series reasons``: what the coded reasons mean."""

from typing import Annotated

import typer

from hounsfield.daemon.cli.context import JsonOption
from hounsfield.daemon.cli.exits import UsageFault
from hounsfield.daemon.cli.output import json_line, show_table
from hounsfield.storage.states import Reason


def reasons(
    reason: Annotated[Reason | None, typer.Argument(metavar="[CODE]", help="Only this one.")] = None,
    as_json: JsonOption = False,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="The list as docs/reasons.md.")] = False,
) -> None:
    """Explain every coded reason: where it occurs, what the report says, what to do."""
    from hounsfield.daemon.reason_texts import KIND_TITLES, REASON_TEXTS, by_kind, markdown, report_line

    if as_markdown:
        if reason is not None or as_json:
            raise UsageFault("--markdown goes alone", "it writes the whole list")
        typer.echo(markdown(), nl=False)
    elif as_json:
        for one in Reason if reason is None else [reason]:
            text = REASON_TEXTS[one]
            kinds = [kind.value for kind in text.kinds]
            report = report_line(one) or None
            json_line(
                {"code": one.value, "kinds": kinds, "report": report, "meaning": text.meaning, "advice": text.advice}
            )
    else:
        for kind, codes in by_kind():
            shown = [one for one in codes if reason in (None, one)]
            if shown:
                rows = [(one.value, REASON_TEXTS[one].meaning, REASON_TEXTS[one].advice) for one in shown]
                show_table(("code", "means", "what to do"), rows, title=KIND_TITLES[kind])
                typer.echo()
