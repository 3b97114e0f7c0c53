"""What a command says when the libraries of the extra ``train`` are not installed."""

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from hounsfield.model.errors import ModelError

_P = ParamSpec("_P")
_R = TypeVar("_R")

TRAIN_LIBRARIES = ("sklearn", "scipy", "matplotlib", "jinja2")


class MissingExtra(ModelError):
    """A library of an optional extra is not installed; the text says which extra to install."""


def needs_train(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Turn a missing library of the extra ``train`` into :class:`MissingExtra`."""

    @functools.wraps(function)
    def checked(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        try:
            return function(*args, **kwargs)
        except ModuleNotFoundError as error:
            if (error.name or "").split(".")[0] not in TRAIN_LIBRARIES:
                raise
            words = f"this needs {error.name}, which is not installed: install the extra `train` (docs/supply-chain.md)"
            raise MissingExtra(words) from error

    return checked
