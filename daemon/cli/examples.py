"""How help ends: with examples of every command. A test parses each of them, so that none rots."""

import inspect
from collections.abc import Mapping, Sequence

import typer

EXAMPLES: Mapping[str, Sequence[str]] = {
    "run": ("run --config /etc/hounsfield.toml", "run --role courier"),
    "demo": ("demo", "demo --input ~/ct --output demo-output"),
    "send": ("send ~/ct --to 10.1.2.3:11112 --called HOUNSFIELD",),
    "echo": ("echo pacs", "echo 10.1.2.4:104 --called PACS"),
    "pause": ("pause", 'pause delivery --note "PACS is moved"'),
    "resume": ("resume delivery",),
    "top": ("top", "top --once", "top --json"),
    "destinations": ("destinations", "destinations --json"),
    "phantom": ("phantom ~/head --lesion subdural --seed 7",),
    "train": ("train --config train.toml --out runs/1", "train --example > train.toml"),
    "tune": ("tune --config train.toml --rates 0.001,0.0003",),
    "evaluate": (
        "evaluate --bundle ich-demo --data prepared --out report",
        "evaluate --bundle ich-demo --thresholds --truth truth.csv --since 4w",
    ),
    "doctor": ("doctor", "doctor --json"),
    "health": ("health",),
    "jobs": ("jobs tail -f", "jobs list --state DISCARDED", "jobs stats --since 7d"),
    "jobs list": (
        "jobs list --kind INFER --outcome not_analysed --since 3d",
        "jobs list --scanner CT1 --before 4711",
        "jobs list --json --limit 1000",
    ),
    "jobs show": ("jobs show 4711", 'jobs show 4711 --reveal "asked by the ward"', "jobs show 4711 --json"),
    "jobs tail": (
        "jobs tail -f",
        "jobs tail -f --scanner CT1 --stage infer",
        "jobs tail --state DISCARDED --since 12h",
        "jobs tail -f --json",
    ),
    "jobs stats": ("jobs stats", "jobs stats --since 7d --by scanner", "jobs stats --since 2026-11-01 --json"),
    "jobs archive": ("jobs archive --before 2026-01-01 jobs-2025.csv.gz",),
    "jobs retry": ("jobs retry 4711 4712", "jobs retry 4711 --by anna"),
    "jobs cancel": ("jobs cancel 4711 --by anna",),
    "series": ("series list --state HELD", "series release h:0123456789ab"),
    "series list": ("series list --state HELD", "series list --reason gap --limit 20", "series list --json"),
    "series show": ("series show h:0123456789ab", "series show 1.2.840.113619.2.55 --json"),
    "series release": ("series release h:0123456789ab --by anna",),
    "series discard": ("series discard h:0123456789ab --by anna",),
    "series replay": ("series replay h:0123456789ab", "series replay --reason no-rule --since 2026-11-25"),
    "series reissue": ("series reissue h:0123456789ab --destination pacs",),
    "series reasons": ("series reasons",),
    "results": ("results list --limit 20", "results retract 4711"),
    "results list": ("results list --since 24h", "results list --limit 20"),
    "results show": ("results show 12",),
    "results retract": ("results retract 4711 --dry-run",),
    "rules": ("rules list", "rules test ~/ct"),
    "rules list": ("rules list", "rules list --json"),
    "rules test": ("rules test ~/ct",),
    "rules explain": ("rules explain h:0123456789ab",),
    "peers": ("peers list", "peers suggest"),
    "peers list": ("peers list", "peers list --json"),
    "peers suggest": ("peers suggest >> hounsfield.toml",),
    "peers forget": ("peers forget",),
    "notify": ("notify test ris",),
    "notify test": ("notify test ris",),
    "feedback": ("feedback report", "feedback list --limit 20"),
    "feedback report": ("feedback report --since 4w", "feedback report --since 2026-11-01"),
    "feedback list": ("feedback list --limit 20",),
    "bundle": ("bundle list", "bundle install mine.zip --activate"),
    "bundle install": ("bundle install mine.zip", "bundle install ./mine --activate"),
    "bundle list": ("bundle list", "bundle list --json"),
    "bundle show": ("bundle show ich-demo",),
    "bundle lint": ("bundle lint ./mine",),
    "bundle selftest": ("bundle selftest ich-demo",),
    "bundle activate": ("bundle activate mine 1.2.0 --by anna",),
    "bundle rollback": ("bundle rollback mine",),
    "bundle deactivate": ("bundle deactivate mine",),
    "bundle remove": ("bundle remove mine 1.1.0",),
    "bundle example": ("bundle example > mine/manifest.toml",),
    "bundle seal": ("bundle seal ./mine --new-golden",),
    "data": ("data check data.toml", "data prepare data.toml --out prepared"),
    "data check": ("data check data.toml",),
    "data prepare": ("data prepare data.toml --out prepared --size 128",),
    "drift": ("drift report",),
    "drift report": ("drift report --bundle ich-demo",),
    "drift baseline": ("drift baseline ich-demo --first",),
    "alarms": ("alarms", "alarms --all --json"),
    "alarms acknowledge": ("alarms acknowledge --by anna",),
    "purge": ("purge --dry-run", "purge --yes --by anna"),
    "console": ("console account add anna",),
    "console account": ("console account add anna", "console account list"),
    "console account add": ("console account add anna --password-file password.txt",),
    "console account list": ("console account list --json",),
    "console account remove": ("console account remove anna",),
    "conformance": ("conformance --out conformance.md", "conformance --format html --out conformance.html"),
    "config": ("config init hounsfield.toml", "config check"),
    "config init": ("config init hounsfield.toml",),
    "config show": ("config show --config hounsfield.toml",),
    "config migrate": ("config migrate hounsfield.toml",),
    "config check": ("config check --config hounsfield.toml",),
    "db": ("db check", "db backup"),
    "db upgrade": ("db upgrade",),
    "db downgrade": ("db downgrade --to 0006 --by anna",),
    "db check": ("db check --json",),
    "db backup": ("db backup /backup/hounsfield.db",),
    "db spool": ("db spool", "db spool --accept --by anna"),
    "db vacuum": ("db vacuum",),
    "db copy": ("db copy --to postgresql://hounsfield@db1/hounsfield",),
    "db restore": ("db restore /backup/hounsfield.db",),
    "tls": ("tls show",),
    "tls init": ("tls init /etc/hounsfield/tls --peer CT1",),
    "tls show": ("tls show",),
}
"""By the words of the command: what stands behind ``hounsfield``."""


def finish_help(app: typer.Typer, path: str = "") -> None:
    """Let the help of each command below ``app`` flow as wide as the terminal is, and end with its examples."""
    for command in app.registered_commands:
        name = command.name or getattr(command.callback, "__name__", "")
        command.help = _flowing(command.help or inspect.getdoc(command.callback) or "")
        command.epilog = _epilog(f"{path} {name}".strip())
    for group in app.registered_groups:
        sub = group.typer_instance
        if sub is not None:
            name = f"{path} {sub.info.name}".strip()
            sub.info.epilog = _epilog(name)
            finish_help(sub, name)


def _flowing(text: str) -> str:
    """Return paragraphs of one line each: typer keeps the line ends of a docstring."""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))


def _epilog(path: str) -> str | None:
    """Return the text behind the help; an empty line ends a line there."""
    lines = EXAMPLES.get(path)
    return None if lines is None else "\n\n".join(["Examples:", *(f"hounsfield {line}" for line in lines)])
