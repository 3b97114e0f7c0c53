"""The sentences of a result, once per language. Plain ASCII, without patient data.

Code meanings stay English, as PS3.16 has them; so do remarks about the input and what a bundle says about itself.
Names in braces are filled in with ``str.format``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from hounsfield.daemon.config.destinations import Language
from hounsfield.daemon.results import codes
from hounsfield.model.findings import CodedConcept
from hounsfield.model.page import labels
from hounsfield.model.page.labels import PageLabels
from hounsfield.storage.states import REASON_WORDS, Reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Words:
    """What results say in one language."""

    language: CodedConcept
    """Value of (121049,DCM,"Language of Content Item and Descendants"), PS3.16 TID 1204."""
    labels: PageLabels
    """The words of the pictures; those of the verdict are the same everywhere."""
    score: str
    probability: str
    """For a calibrated bundle."""
    short_probability: str
    """The same where 64 characters must do."""
    not_for_diagnosis: str
    excludes_nothing: str
    """``{finding}``: what follows the verdict of a series that is not flagged."""
    threshold: str
    """``{value}``."""
    excludes_nothing_sentence: str
    """``{finding}``."""
    kinds: str
    """``{kinds}``: labels at or above their thresholds that say more about what is flagged. They deny no other."""
    not_analysed_sentence: str
    """``{finding}``."""
    completeness: str
    disclaimer: str
    model: str
    """``{banner}``."""
    not_clinical: str
    summary_page: str
    flagged_page: str
    key_images: str
    """What a key object selection holds."""
    marks: str
    """What a circle of a presentation state stands for."""
    names_finding_by_label: bool
    """Whether the bundle's label of the finding is a word of this language; its abbreviation is used otherwise."""
    reasons: Mapping[Reason, str] = field(hash=False)

    def reason(self, reason: Reason | None) -> str:
        """Return why a series was not analysed; empty for None."""
        return "" if reason is None else self.reasons.get(reason, str(reason))


_ENGLISH = Words(
    language=codes.ENGLISH,
    labels=labels.ENGLISH,
    score="score",
    probability="probability",
    short_probability="probability",
    not_for_diagnosis="not for diagnosis",
    excludes_nothing="does not exclude {finding}",
    threshold="threshold {value}",
    excludes_nothing_sentence="This does not exclude {finding}.",
    kinds="Pattern like: {kinds}; this excludes no other kind.",
    not_analysed_sentence="The images were not analysed for {finding}.",
    completeness="Series completeness",
    disclaimer=(
        "Preliminary automatic result, not for diagnosis; it does not replace the reading of the images by a physician."
    ),
    model="Model: {banner}",
    not_clinical="not for clinical use",
    summary_page="Summary page of an automatic analysis",
    flagged_page="Flagged slice of an automatic analysis",
    key_images="The images with the highest scores are listed.",
    marks="A circle shows what the score of the slice rests on; it is no outline of a finding.",
    names_finding_by_label=True,
    reasons=MappingProxyType(REASON_WORDS),
)

_GERMAN = Words(
    language=codes.GERMAN,
    labels=labels.GERMAN,
    score="Score",
    probability="Wahrscheinlichkeit",
    short_probability="Wahrsch.",
    not_for_diagnosis="nicht zur Diagnose",
    excludes_nothing="schliesst {finding} nicht aus",
    threshold="Schwelle {value}",
    excludes_nothing_sentence="Dies schliesst {finding} nicht aus.",
    kinds="Muster wie: {kinds}; dies schliesst keine andere Art aus.",
    not_analysed_sentence="Die Bilder wurden nicht auf {finding} analysiert.",
    completeness="Vollstaendigkeit der Serie",
    disclaimer=(
        "Vorlaeufiges automatisches Ergebnis, nicht zur Diagnose; "
        "es ersetzt nicht die Befundung der Bilder durch einen Arzt."
    ),
    model="Modell: {banner}",
    not_clinical="nicht fuer den klinischen Einsatz",
    summary_page="Uebersicht einer automatischen Analyse",
    flagged_page="Markierte Schicht einer automatischen Analyse",
    key_images="Genannt sind die Bilder mit den hoechsten Werten.",
    marks="Ein Kreis zeigt, worauf der Wert der Schicht beruht; er ist kein Umriss eines Befundes.",
    names_finding_by_label=False,
    reasons=MappingProxyType(
        {
            Reason.INCOMPLETE: "Schichten fehlen",
            Reason.SCOPE: "ausserhalb der Zweckbestimmung",
            Reason.TOO_LARGE: "zu viele Schichten",
            Reason.TILT: "Gantry gekippt",
            Reason.NO_RESCALE: "Umrechnung in HU fehlt",
            Reason.NOT_HU: "Pixelwerte sind keine HU",
            Reason.LOSSY: "verlustbehaftet komprimiert",
            Reason.IMPLAUSIBLE_HU: "unplausible HU-Werte",
            Reason.NO_GEOMETRY: "Geometrie fehlt oder ist falsch",
            Reason.COVERAGE: "zu wenig vom Kopf abgebildet",
            Reason.IRREGULAR_SPACING: "ungleiche Schichtabstaende",
            Reason.BURNED_IN: "Text in den Bildern",
            Reason.MULTI_FRAME: "Multiframe-Bilder nicht erlaubt",
            Reason.BODY_PART: "andere Koerperregion",
            Reason.UNREADABLE_PIXELS: "Pixeldaten nicht lesbar",
            Reason.UNREADABLE: "ein Bild ist nicht lesbar",
            Reason.MODEL_FAILED: "die Analyse schlug fehl",
            Reason.MODEL_CRASHED: "Analyse abgestuerzt",
            Reason.MODEL_HUNG: "Analyse endete nicht",
            Reason.OUT_OF_MEMORY: "zu wenig Speicher",
            Reason.BUNDLE_GONE: "Modell nicht mehr installiert",
            Reason.BUNDLE_DRIFTED: "Selbsttest nicht bestanden",
            Reason.TOO_FEW_SLICES: "zu wenige Schichten",
            Reason.RETRACTED: "Ergebnis zurueckgezogen",
            Reason.AMBIGUOUS_GEOMETRY: "mehrere Schichten an einem Ort",
        }
    ),
)

WORDS: Mapping[Language, Words] = {"en": _ENGLISH, "de": _GERMAN}
