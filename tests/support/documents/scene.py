"""A site on which the commands of the documents can be done: a demonstration has filled it, and peers listen.

It is made once; each command works on a copy, so that none finds what another one changed.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from support.command_line import PLACEHOLDERS
from support.documents.pages import ROOT
from support.webhook_server import webhook_server

from hounsfield.daemon.bundles.installing import install
from hounsfield.daemon.bundles.shelf import InstalledBundles
from hounsfield.daemon.demo.store_listener import FolderStore
from hounsfield.storage.bundle_choice import BundleChoice, ChoiceKind
from hounsfield.storage.engine import open_database
from hounsfield.storage.states import Reason, SeriesState

PROGRAM = (sys.executable, "-m", "hounsfield.daemon.cli.main")
HOME = Path("demo-output", "home")
_ADDRESS = re.compile(r"\d+\.\d+\.\d+\.\d+:\d+")
_ELSEWHERE = re.compile(r"^/(?:etc/hounsfield|backup|tmp|var/lib/hounsfield)/")
_OUTPUT = "--out"
_LINKED = frozenset({"spool", "bundles", "input", "head", "trial", "labelled"})


@dataclass(frozen=True)
class Scene:
    """The site as it is copied, and the values that placeholders take there."""

    folder: Path
    port: int
    """Of a Storage SCP that takes everything."""
    values: Mapping[str, str]

    @contextmanager
    def copied(self, folder: Path) -> Iterator[Path]:
        """Give a copy in ``folder``, which goes with the block."""
        shutil.copytree(self.folder, folder, copy_function=_copied, symlinks=True)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def words(self, words: Sequence[str], fills: Mapping[str, str], folder: Path) -> list[str]:
        """Return the words as they are done here: placeholders filled, addresses and folders those of this site."""
        return [self._word(word, fills, folder) for word in words]

    def _word(self, word: str, fills: Mapping[str, str], folder: Path) -> str:
        if word in fills:
            return self.values.get(fills[word], fills[word])
        if word in self.values or word in PLACEHOLDERS:
            return self.values.get(word) or PLACEHOLDERS[word]
        if _ADDRESS.fullmatch(word):
            return f"127.0.0.1:{self.port}"
        return str(folder / _ELSEWHERE.sub("", word)) if _ELSEWHERE.match(word) else word


def _copied(source: str, target: str) -> None:
    """Copy a file; large ones that nobody changes in place get a second name only."""
    if any(part in _LINKED for part in Path(source).parts):
        os.link(source, target)
    else:
        shutil.copy2(source, target)


def environment(folder: Path) -> dict[str, str]:
    """Return the variables of a shell in which the site's operator types."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("HOUNSFIELD_")}
    return clean | {
        "HOUNSFIELD_STORAGE__HOME": str(folder / HOME),
        "HOUNSFIELD_CONFIG": str(folder / "hounsfield.toml"),
        "COLUMNS": "200",
        "NO_COLOR": "1",
    }


def without_output(words: Sequence[str], makes: int | None, folder: Path) -> None:
    """Remove what a command is to make anew: what ``--out`` names, and its word number ``makes``."""
    places = [words.index(_OUTPUT) + 1] if _OUTPUT in words else []
    for place in (*places, *(() if makes is None else (makes,))):
        made = folder / words[place]
        shutil.rmtree(made, ignore_errors=True) if made.is_dir() else made.unlink(missing_ok=True)


@contextmanager
def scene(folder: Path) -> Iterator[Scene]:
    """Make the site in ``folder``, with a PACS and a webhook that listen while the block runs."""
    folder.mkdir()
    with FolderStore(folder / "kept", ae_title="PACS") as pacs, webhook_server() as webhook:
        _do(folder, "demo", "--time-limit", "600")
        _configure(folder, pacs.port, webhook.url)
        _do(folder, "phantom", "head", "--lesion", "subdural")
        shutil.copytree(folder / "head", folder / "trial")
        _label(folder)
        for name in ("my-ich", "my-model", "my-sequence"):
            _bundle(folder / name, name, "1.2.0")
        shutil.copytree(folder / "my-ich", folder / "my-sequence" / "bundle")
        values = _fill(folder)
        _do(folder, "db", "backup", "backup.db")
        (folder / "backup").mkdir()
        shutil.copy2(folder / "backup.db", folder / "backup" / "hounsfield.db")
        yield Scene(folder, pacs.port, values)


def _do(folder: Path, *words: str) -> None:
    line = [*PROGRAM, *words]
    done = subprocess.run(line, cwd=folder, env=environment(folder), capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{words}: {done.stdout}{done.stderr}"


def _configure(folder: Path, port: int, url: str) -> None:
    _do_without_configuration(folder, "tls", "init", "tls", "--peer", "CT1")
    secret = folder / "secret"
    secret.write_text("a secret of a webhook")
    secret.chmod(0o600)
    destination = f'ae_title = "PACS"\nhost = "127.0.0.1"\nport = {port}\nallow_demonstration = true\n'
    (folder / "hounsfield.toml").write_text(
        "[dicom]\nport = 0\n[console]\nport = 0\n"
        f'[tls]\nport = 0\ncertificate = "{folder}/tls/server.pem"\nkey = "{folder}/tls/server.key"\n'
        f'authority = "{folder}/tls/authority.pem"\n'
        '[[peer]]\nae_title = "CT1"\nhost = "127.0.0.1"\n'
        f'[[destination]]\nname = "pacs"\n{destination}[[destination]]\nname = "demo-pacs"\n{destination}'
        f'[[notify]]\nname = "ris"\nkind = "webhook"\nurl = "{url}"\nsecret_file = "{secret}"\n'
    )


def _label(folder: Path) -> None:
    """Make a data set of the generated head."""
    shutil.copytree(folder / "head", folder / "labelled" / "head")
    (folder / "labelled" / "series.csv").write_text("folder,haemorrhage\nhead,1\n")
    layout = 'layout = "series"\nroot = "labelled"\nlabels = ["haemorrhage"]\n'
    (folder / "data.toml").write_text(f'[data]\n{layout}series_table = {{ file = "series.csv" }}\n')


def _do_without_configuration(folder: Path, *words: str) -> None:
    (folder / "hounsfield.toml").write_text("")
    _do(folder, *words)


def _bundle(folder: Path, name: str, version: str) -> Path:
    """Write the demonstration's bundle under another name and version."""
    shutil.copytree(ROOT / "model" / "bundled" / "ich-demo", folder)
    manifest = folder / "manifest.toml"
    text = re.sub(r'^name = ".*"', f'name = "{name}"', manifest.read_text(), count=1, flags=re.MULTILINE)
    manifest.write_text(re.sub(r'^version = ".*"', f'version = "{version}"', text, count=1, flags=re.MULTILINE))
    return folder


def _fill(folder: Path) -> dict[str, str]:
    """Bring series and jobs into the states that commands are about; return the values of placeholders."""
    home = folder / HOME
    now = datetime.now(UTC)
    with closing(open_database(None, home)) as database:
        first, second, third = database.series.page(state=SeriesState.CLOSED)
        assert database.series.hold(second, Reason.CONFLICT, now)
        assert database.series.hold(third, Reason.CONFLICT, now)
        assert database.series.discard(third.id, Reason.OPERATOR, now)
        installed = InstalledBundles(home / "bundles")
        for name, version in (("ich-demo", "1.9.0"), ("ich-demo", "1.9.1"), ("my-ich", "1.0.0"), ("my-ich", "1.1.0")):
            source = _bundle(folder / "sources" / f"{name}-{version}", name, version)
            sha256 = install(source, installed, lambda _: None).sha256
            kind = ChoiceKind.ACTIVATED
            choice = BundleChoice(name=name, version=version, sha256=sha256, kind=kind, at=now, person="anna")
            database.bundle_choices.choose(choice)
    shutil.rmtree(folder / "sources")
    result = sorted((folder / HOME / "results").glob("*.dcm"))[0]
    return {
        "results/UID.dcm": str(HOME / "results" / result.name),
        "ID": "1",
        "JOB": "1",
        "UID": first.series_uid,
        "DATE": "2026-01-01",
        "held series": second.series_uid,
        "skipped series": third.series_uid,
    }
