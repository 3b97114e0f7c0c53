"""Figures as tables, for whoever prints them: the terminal, a model card, a report."""

from collections.abc import Iterator
from dataclasses import dataclass

from hounsfield.model.evaluate.cases import Level
from hounsfield.model.evaluate.compare import Comparison, LabelComparison, McNemar
from hounsfield.model.evaluate.figures import FEWEST_OF_A_CLASS, Evaluation, GroupFigures, LabelFigures
from hounsfield.model.evaluate.reliability import BINS
from hounsfield.model.evaluate.words import threshold_words, words

LEVELS = {Level.SERIES: "series", Level.SLICE: "slices"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """Text in rows under column names."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""

    def markdown(self) -> str:
        """Return it as Markdown; what stands in a cell cannot end it."""
        lines = [self.columns, tuple("---" for _ in self.columns), *self.rows]
        return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("\\", "\\\\").replace("|", "\\|").replace("\r", " ").replace("\n", " ").replace("<", "&lt;")


def all_tables(evaluation: Evaluation) -> tuple[Table, ...]:
    """Return every table of an evaluation that has a row."""
    more = (fixed_table(evaluation), confusion_table(evaluation))
    return (*card_tables(evaluation), *(table for table in more if table.rows))


def card_tables(evaluation: Evaluation) -> tuple[Table, ...]:
    """Return the tables that a model card shows."""
    tables = (
        *(main_table(evaluation, level) for level in LEVELS),
        _groups("By subtype", "subtype", evaluation.subtypes, evaluation),
        _groups("By scanner", "scanner", evaluation.scanners, evaluation),
        calibration_table(evaluation),
        predictive_table(evaluation),
    )
    return tuple(table for table in tables if table.rows)


def main_table(evaluation: Evaluation, level: Level) -> Table:
    """Return what most readers look for, label by label."""
    columns = ("label", "cases", "positive", "AUROC", "AUPRC", "threshold", "sensitivity", "specificity")
    loss = evaluation.series_log_loss if level is Level.SERIES else evaluation.slice_log_loss
    double = f", {evaluation.labels[0].label} counting double" if len(evaluation.of(level)) > 1 else ""
    return Table(
        title=LEVELS[level].capitalize(),
        columns=columns,
        rows=tuple(_main_row(one) for one in evaluation.of(level) if one.cases),
        note=f"Thresholds {evaluation.threshold_origin}. Log loss over all labels{double}: {words(loss)}.",
    )


def _main_row(one: LabelFigures) -> tuple[str, ...]:
    at = one.operating
    return (
        one.label,
        str(one.cases),
        str(one.positives),
        words(one.auroc),
        words(one.auprc),
        threshold_words(at.threshold if at else None),
        words(at.sensitivity if at else None),
        words(at.specificity if at else None),
    )


def fixed_table(evaluation: Evaluation) -> Table:
    """Return the specificity that is left at given sensitivities."""
    rows = tuple(
        (LEVELS[one.level], one.label, f"{at.sensitivity:.2f}", words(at.specificity), threshold_words(at.threshold))
        for one in evaluation.labels
        for at in one.fixed
    )
    note = "Read off the curve of these cases: it describes the curve. No threshold was chosen here."
    columns = ("level", "label", "at sensitivity", "specificity", "score there")
    return Table(title="At fixed sensitivities", columns=columns, rows=rows, note=note)


def predictive_table(evaluation: Evaluation) -> Table:
    """Return predictive values of series at the stated shares of positive ones."""
    rows = tuple(
        (one.label, f"{100 * at.prevalence:g} %", words(at.ppv), words(at.npv))
        for one in evaluation.of(Level.SERIES)
        if one.operating
        for at in one.operating.predictive
        if at.ppv or at.npv
    )
    note = "By Bayes from sensitivity and specificity at the threshold; the share is an assumption, not measured here."
    columns = ("label", "if so many series are positive", "PPV", "NPV")
    return Table(title="Predictive values of series", columns=columns, rows=rows, note=note)


def calibration_table(evaluation: Evaluation) -> Table:
    """Return how far scores are from frequencies."""
    rows = tuple(
        (LEVELS[one.level], one.label, words(known.brier), words(known.ece), words(known.adaptive_ece))
        for one in evaluation.labels
        if (known := one.reliability)
    )
    return Table(
        title="Calibration",
        columns=("level", "label", "Brier score", "ECE", "ECE, adaptive bins"),
        rows=rows,
        note=f"ECE over {BINS} bins of equal width; adaptive: over {BINS} bins of about equally many cases.",
    )


def confusion_table(evaluation: Evaluation) -> Table:
    """Return the four counts."""
    rows = tuple(
        (LEVELS[one.level], one.label, *(str(count) for count in (at.tp, at.fn, at.fp, at.tn)))
        for one in evaluation.labels
        if one.operating and (at := one.operating.confusion)
    )
    columns = ("level", "label", "true positive", "missed", "false alarm", "true negative")
    return Table(title="Counts at the threshold", columns=columns, rows=rows)


def _groups(title: str, name: str, groups: tuple[GroupFigures, ...], evaluation: Evaluation) -> Table:
    rows = tuple(
        (
            LEVELS[one.level],
            one.group,
            str(one.cases),
            str(one.positives),
            words(one.auroc) if one.auroc else "too few",
            words(one.sensitivity),
            words(one.specificity),
        )
        for one in groups
        if one.cases
    )
    note = (
        f"All of the label {evaluation.labels[0].label}. Too few: fewer than {FEWEST_OF_A_CLASS} positive or "
        f"{FEWEST_OF_A_CLASS} other cases."
    )
    columns = ("level", name, "cases", "positive", "AUROC", "sensitivity", "specificity")
    return Table(title=title, columns=columns, rows=rows, note=note)


def comparison_table(comparison: Comparison) -> Table:
    """Return two bundles beside each other."""
    return Table(
        title=f"{comparison.second} against {comparison.first}",
        columns=("level", "label", "figure", comparison.first, comparison.second, "difference", "p"),
        rows=tuple(row for one in comparison.labels if one.cases for row in _comparison_rows(one)),
        note=(
            "Differences are second minus first with the interval of a paired bootstrap over patients. p of the AUROC: "
            "DeLong; of right answers at the threshold: McNemar, exact. Both take cases as independent and are left "
            "out where patients have several."
        ),
    )


def _comparison_rows(one: LabelComparison) -> Iterator[tuple[str, ...]]:
    where = (LEVELS[one.level], one.label)
    for change in one.changes:
        p = _p(one.delong.p) if one.delong and change.figure == "AUROC" else ""
        numbers = (words(change.first), words(change.second), words(change.difference, signed=True))
        yield (*where, change.figure, *numbers, p)
    for what, test in (("positive", one.positives_at_threshold), ("other", one.negatives_at_threshold)):
        if test:
            yield (*where, f"{what} cases only one gets right", *_disagreements(test))


def _disagreements(test: McNemar) -> tuple[str, str, str, str]:
    change = test.only_second_right - test.only_first_right
    return str(test.only_first_right), str(test.only_second_right), f"{change:+d}", "" if test.p is None else _p(test.p)


def _p(value: float) -> str:
    return "< 0.001" if value < 0.001 else f"{value:.3f}"
