"""A container without an engine: an overlay over this machine's own root, in which a Dockerfile's steps are run.

This machine stands for the base image, so it has to be a Debian with Python 3.11, and the user root. What an engine
adds beside namespaces of mounts and processes (a network, seccomp, control groups) is not there.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from support.images import environment, lineage, stages
from support.peers import require_binary
from support.waiting import wait_until

_MOUNTS = 'set -eu; mount -t overlay overlay -o "$OPTIONS" "$ROOT"; mount --rbind /dev "$ROOT/dev"; '
_PROCESSES = 'mount -t proc proc "$ROOT/proc"; '
_READ_ONLY = 'mount -o remount,ro "$ROOT"; mount -t tmpfs tmpfs "$ROOT/tmp"; '
_FROM = re.compile(r"--from=(\S+)")
_BIND = re.compile(r"--mount=type=bind,from=(\w+),source=(\S+),target=(\S+)")
_PATH = "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
_NO_RIGHTS = ("--clear-groups", "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all")
_NOT_INHERITED = ("PYTHON", "HOUNSFIELD", "VIRTUAL_ENV", "PYENV")


@dataclass(frozen=True, kw_only=True)
class Image:
    """What a Dockerfile makes of this machine; ``upper`` below ``folder`` holds what differs."""

    dockerfile: Path
    context: Path
    folder: Path

    def _place(self, name: str) -> Path:
        place = self.folder / name
        place.mkdir(parents=True, exist_ok=True)
        return place

    def upper(self, stage: str) -> Path:
        """Return the folder with what a stage and those that it is built on have written."""
        return self._place(f"{lineage(stages(self.dockerfile), stage)[0].name}/upper")

    def layers(self, stage: str) -> str:
        """Return what overlayfs is to lay over one another."""
        upper = self.upper(stage)
        return f"lowerdir=/,upperdir={upper},workdir={self._place(f'{upper.parent.name}/work')}"

    @property
    def root(self) -> Path:
        """Where it is mounted, in a namespace of mounts of each process."""
        return self._place("root")

    def variables(self, stage: str) -> dict[str, str]:
        """Return the environment of its processes."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith(_NOT_INHERITED)}
        set_here = environment(stages(self.dockerfile), stage)
        return inherited | {"PATH": _PATH} | {name: value.replace("$PATH", _PATH) for name, value in set_here.items()}

    def build(self, names: Sequence[str]) -> None:
        """Run the steps of these stages, in this order."""
        for name in names:
            stage = stages(self.dockerfile)[name]
            at = self.workdir(stage.base)
            if lineage(stages(self.dockerfile), name) == [stage]:
                self._begin(name)
            for keyword, rest in stage.instructions:
                if keyword == "WORKDIR":
                    at = rest
                    self._inside(name, at).mkdir(parents=True, exist_ok=True)
                elif keyword == "COPY":
                    self._copy(name, rest, at)
                elif keyword == "RUN":
                    self._run(name, rest, at)

    def _begin(self, name: str) -> None:
        """Put ``python`` where the base image has it, and let every user reach it."""
        python = Path(sys.executable).resolve()
        wrapper = self._inside(name, "usr/local/bin/python")  # not a link: an environment would look beside it
        wrapper.parent.mkdir(parents=True)
        wrapper.write_text(f'#!/bin/sh\nexec {python} "$@"\n')
        wrapper.chmod(0o755)
        self._run(name, "chmod o+x " + " ".join(str(folder) for folder in python.parents), "/")

    def _inside(self, stage: str, path: str) -> Path:
        return self.upper(stage) / path.lstrip("/")

    def workdir(self, stage: str) -> str:
        """Return where its processes begin."""
        line = lineage(stages(self.dockerfile), stage)
        return next((rest for one in reversed(line) for rest in reversed(one.all("WORKDIR"))), "/")

    def _copy(self, name: str, rest: str, at: str) -> None:
        words = [word for word in rest.split() if not word.startswith("--")]
        source = _FROM.search(rest)
        for word in words[:-1]:
            origin = self._inside(source[1], word) if source else self.context / word
            target = self._inside(name, os.path.normpath(os.path.join(at, words[-1])))  # noqa: PTH118
            if origin.is_dir():
                shutil.copytree(origin, target, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                if words[-1].endswith("/"):
                    target.mkdir(parents=True, exist_ok=True)
                shutil.copy(origin, target)

    def _run(self, name: str, rest: str, at: str) -> None:
        bound = _BIND.search(rest)
        extra = ""
        if bound:
            extra = f'mkdir -p "$ROOT{bound[3]}"; mount --bind "{self._inside(bound[1], bound[2])}" "$ROOT{bound[3]}"; '
        script = _MOUNTS + _PROCESSES + extra + 'exec chroot "$ROOT" env --chdir="$AT" sh -c "$DO"'
        places = {"OPTIONS": self.layers(name), "ROOT": str(self.root), "AT": at}
        command = [require_binary("unshare"), "--mount", "sh", "-c", script]
        variables = {**self.variables(name), **places, "DO": _BIND.sub("", rest).strip()}
        done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"{rest}: {done.stdout[-2000:]}{done.stderr[-2000:]}"


@dataclass(frozen=True, kw_only=True)
class Container:
    """An image that runs: its main process, and what else may be run beside it."""

    image: Image
    stage: str
    process: subprocess.Popen[str]
    settings: Mapping[str, str]

    @property
    def main(self) -> int:
        """The main process, as this machine numbers it; 1 inside."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return int(children[0]) if children else 0

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command inside, as ``docker exec`` does."""
        inside = [require_binary("nsenter"), "--target", str(self.main), "--mount", "--pid"]
        whole = [*inside, *_as_user(self.image, self.stage, self.settings), *command]
        return subprocess.run(whole, capture_output=True, text=True, timeout=60, check=False)


@contextmanager
def container(
    image: Image,
    stage: str,
    command: Sequence[str],
    *,
    volumes: Mapping[str, Path],
    settings: Mapping[str, str],
    log: Path,
) -> Iterator[Container]:
    """Run a command as the user of the image, without rights, on a root that cannot be written but for ``volumes``."""
    bound = "".join(f'mount --bind "{folder}" "$ROOT{place}"; ' for place, folder in volumes.items())
    script = _MOUNTS + _PROCESSES + _READ_ONLY + bound + 'exec "$@"'
    places = {"OPTIONS": image.layers(stage), "ROOT": str(image.root)}
    inside = [*_as_user(image, stage, settings), *command]
    namespaces = [require_binary("unshare"), "--mount", "--pid", "--fork", "--kill-child"]
    with log.open("w") as output:
        process = subprocess.Popen(
            [*namespaces, "sh", "-c", script, "sh", *inside],
            env={**os.environ, **places},
            stdout=output,
            stderr=output,
            text=True,
        )
        running = Container(image=image, stage=stage, process=process, settings=settings)
        try:
            wait_until(lambda: process.poll() is not None or running.main, 10)
            yield running
        finally:
            if process.poll() is None and running.main:
                os.kill(running.main, signal.SIGKILL)  # and with it all that it has started: it is their process 1
            process.kill()
            process.wait(20)


def _as_user(image: Image, stage: str, settings: Mapping[str, str]) -> list[str]:
    user, group = stages(image.dockerfile)[stage].all("USER")[-1].split(":")
    variables = environment(stages(image.dockerfile), stage)
    variables["PATH"] = image.variables(stage)["PATH"]
    home = {"HOME": image.workdir(stage)}
    return [
        *("chroot", str(image.root), "setpriv", f"--reuid={user}", f"--regid={group}", *_NO_RIGHTS),
        *("env", "--ignore-environment", f"--chdir={image.workdir(stage)}"),
        *(f"{name}={value}" for name, value in {**home, **variables, **settings}.items()),
    ]
