"""Writes what TensorBoard shows: loss, learning rate and validation of each stage."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from hounsfield.model.train.loop import Hooks, Progress


@contextmanager
def board(folder: Path, hooks: Hooks) -> Iterator[Hooks]:
    """Give hooks that also write to ``folder``. A training that goes on adds another file there."""
    import tensorflow as tf

    with tf.summary.create_file_writer(str(folder)).as_default():

        def report(progress: Progress) -> None:
            step = (progress.epoch - 1) * progress.steps + progress.step
            tf.summary.scalar(f"{progress.stage}/loss", progress.loss, step)
            tf.summary.scalar(f"{progress.stage}/rate", progress.rate, step)
            if progress.figures is not None:
                tf.summary.scalar(f"{progress.stage}/validation loss", progress.figures.loss, step)
                for name, value in progress.figures.aucs.items():
                    tf.summary.scalar(f"{progress.stage}/validation AUC {name}", value, step)
            hooks.report(progress)

        yield replace(hooks, report=report)
