"""The reason that a person gives for what they do."""

from collections.abc import Mapping

from hounsfield.daemon.console.problems import BadRequest

LEAST, MOST = 8, 200
"""Characters."""


def reason_given(form: Mapping[str, str]) -> str:
    """Return the field ``why``, on one line. Raises BadRequest where it says too little or too much."""
    why = " ".join("".join(letter if letter.isprintable() else " " for letter in form.get("why", "")).split())
    if not LEAST <= len(why) <= MOST:
        raise BadRequest("a reason is needed", f"{LEAST} to {MOST} characters, without data of patients")
    return why
