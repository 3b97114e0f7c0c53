"""Questions that only TensorFlow can answer, asked in a process of its own: the command line never imports it."""

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

from hounsfield.daemon.cli.exits import CommandFailed

TIME_LIMIT_SECONDS = 180


def ask(question: str, *arguments: str, timeout: float = TIME_LIMIT_SECONDS) -> dict[str, Any]:
    """Run this module in a new interpreter and return its answer; raise :class:`CommandFailed` if there is none."""
    command = [sys.executable, "-m", __name__, question, *arguments]
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "3"}
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, env=environment, check=False)
    except subprocess.TimeoutExpired:
        raise CommandFailed(
            f"the model did not answer within {timeout:g} s", "look for a busy or hanging GPU"
        ) from None
    last = done.stdout.strip().splitlines()[-1:] or [""]
    try:
        answer: dict[str, Any] = json.loads(last[0])
    except json.JSONDecodeError:
        tail = (done.stderr.strip().splitlines() or ["no output"])[-1]
        raise CommandFailed(f"the model process ended with {done.returncode}: {tail}") from None
    if "error" in answer:
        raise CommandFailed(str(answer["error"]))
    return answer


def _answer(question: str, arguments: list[str]) -> dict[str, Any]:
    if question == "device":
        from hounsfield.model.runtime import choose_device

        return {"device": choose_device(arguments[0])}
    from hounsfield.model.bundle import open_bundle
    from hounsfield.model.selftest import selftest

    folder = Path(arguments[0])
    if question == "seal":
        from hounsfield.model.seal import seal

        sealed = seal(folder, new_golden="--new-golden" in arguments[1:])
        return asdict(selftest(sealed)) | {"label": sealed.label, "sha256": sealed.sha256}
    return asdict(selftest(open_bundle(folder)))


def main() -> None:
    """Answer one question as one JSON line on stdout."""
    from hounsfield.model.errors import ModelError

    try:
        answer = _answer(sys.argv[1], sys.argv[2:])
    except (ModelError, ImportError, OSError) as fault:
        answer = {"error": str(fault)}
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main()
