"""Every fixed text on a page, once per language. Plain ASCII; never reassuring words.

Names in braces are filled in with ``str.format``. What a bundle says about itself and the remarks about the input
are English in every language: they are not ours to translate.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PageLabels:
    """The words of one language."""

    assistant: str
    """What has spoken, before the name of the finding."""
    flagged: str
    not_flagged: str
    not_analysed: str
    flagged_means: str
    not_flagged_means: str
    not_for_diagnosis: str
    not_for_diagnosis_tag: str
    """The same in capitals."""
    score: str
    probability: str
    """For a calibrated model."""
    operating_point: str
    """``{value}``."""
    top_slices: str
    unscored_slices: str
    window: str
    """``{width}``, ``{level}`` HU."""
    slice_number: str
    """``{number}``."""
    overlay: str
    """On the slice with its heatmap."""
    no_heatmap: str
    heatmap_means: str
    legend_low: str
    legend_high: str
    score_of_every_slice: str
    """``{score_word}``."""
    slices_at_or_above: str
    """``{flagged}``, ``{count}``, ``{limit}``."""
    first_slice: str
    last_slice: str
    """``{count}``."""
    strip_legend: str
    further_scores: str
    """Heading over the scores of other labels."""
    further_excludes_nothing: str
    """Beside it: what a score below its threshold, which is a tick, does not mean."""
    more_scores: str
    about_input: str
    series_completeness: str
    """``{completeness}``, a coded word of the job log."""
    no_remarks: str
    more_remarks: str
    output_of_program: str
    flagged_slice_page: str
    """Heading of a page with a single flagged slice: ``{number}``, ``{count}``."""
    page_of: str
    """``{page}``, ``{pages}``."""

    def verdict(self, key: str) -> str:
        """Return the words of ``PageContent.verdict``; whatever is neither FLAGGED nor NOT FLAGGED was not analysed."""
        return {"FLAGGED": self.flagged, "NOT FLAGGED": self.not_flagged}.get(key, self.not_analysed)


ENGLISH = PageLabels(
    assistant="AI",
    flagged="FLAGGED",
    not_flagged="NOT FLAGGED",
    not_analysed="NOT ANALYSED",
    flagged_means="At or above the operating point of this model",
    not_flagged_means="Below the operating point; does not exclude the finding",
    not_for_diagnosis="Not for diagnosis",
    not_for_diagnosis_tag="NOT FOR DIAGNOSIS",
    score="Score",
    probability="Probability",
    operating_point="operating point {value}",
    top_slices="Slices with the highest scores",
    unscored_slices="Slices from the series, not analysed",
    window="window {width}, level {level} HU",
    slice_number="slice {number}",
    overlay="heatmap",
    no_heatmap="no heatmap",
    heatmap_means="Colour: what the score of the slice rests on; it is no outline of a finding",
    legend_low="little",
    legend_high="much",
    score_of_every_slice="{score_word} of every slice",
    slices_at_or_above="{flagged} of {count} slices at or above {limit}",
    first_slice="1, feet",
    last_slice="head, {count}",
    strip_legend="dots: slices shown above, dashes: slice threshold",
    further_scores="Further scores",
    further_excludes_nothing="below a tick excludes nothing",
    more_scores="More scores stand in the structured report.",
    about_input="About the input",
    series_completeness="Series {completeness}",
    no_remarks="No remarks.",
    more_remarks="More remarks stand in the structured report.",
    output_of_program="Output of a computer program",
    flagged_slice_page="Flagged slice {number} of {count}",
    page_of="page {page} of {pages}",
)

GERMAN = PageLabels(
    assistant="KI",
    flagged="MARKIERT",
    not_flagged="NICHT MARKIERT",
    not_analysed="NICHT ANALYSIERT",
    flagged_means="Am oder ueber dem Arbeitspunkt dieses Modells",
    not_flagged_means="Unter dem Arbeitspunkt; schliesst den Befund nicht aus",
    not_for_diagnosis="Nicht zur Diagnose",
    not_for_diagnosis_tag="NICHT ZUR DIAGNOSE",
    score="Score",
    probability="Wahrscheinlichkeit",
    operating_point="Arbeitspunkt {value}",
    top_slices="Schichten mit den hoechsten Werten",
    unscored_slices="Schichten der Serie, nicht analysiert",
    window="Fenster {width}, Lage {level} HU",
    slice_number="Schicht {number}",
    overlay="Heatmap",
    no_heatmap="keine Heatmap",
    heatmap_means="Farbe: worauf der Wert der Schicht beruht; kein Umriss eines Befundes",
    legend_low="wenig",
    legend_high="viel",
    score_of_every_slice="{score_word} jeder Schicht",
    slices_at_or_above="{flagged} von {count} Schichten ab {limit}",
    first_slice="1, Fuesse",
    last_slice="Kopf, {count}",
    strip_legend="Punkte: oben gezeigte Schichten, Striche: Schwelle der Schichten",
    further_scores="Weitere Werte",
    further_excludes_nothing="unter dem Strich schliesst nichts aus",
    more_scores="Weitere Werte stehen im strukturierten Bericht.",
    about_input="Zur Eingabe",
    series_completeness="Serie {completeness}",
    no_remarks="Keine Bemerkungen.",
    more_remarks="Weitere Bemerkungen stehen im strukturierten Bericht.",
    output_of_program="Ausgabe eines Computerprogramms",
    flagged_slice_page="Markierte Schicht {number} von {count}",
    page_of="Seite {page} von {pages}",
)
