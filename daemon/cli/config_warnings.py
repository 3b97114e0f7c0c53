"""What can be used and will surprise: told by ``config check`` and ``doctor``."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hounsfield.daemon.config.settings import Settings
    from hounsfield.model.manifest import Manifest


def warnings_of(settings: "Settings", manifests: "Sequence[Manifest]") -> list[str]:
    """Return sentences that say what happens and what to do; ``manifests`` are those of the bundles in use."""
    return [
        *map(str, settings.origin.renamed),
        *_of_destinations(settings, manifests),
        *_of_reception(settings),
        *_of_rules(settings),
        *_of_silence(settings),
        *_of_proofs(settings),
        *_of_profiles(settings),
        *_of_notifiers(settings, manifests),
    ]


def _of_destinations(settings: "Settings", manifests: "Sequence[Manifest]") -> Iterator[str]:
    from hounsfield.daemon.pipeline.destinations import may_receive

    for destination in settings.destination:
        for manifest in manifests:
            if not may_receive(destination, manifest):
                yield (
                    f"destination '{destination.name}' ({destination.host or destination.kind}) gets nothing from "
                    f"bundle '{manifest.name}': the bundle says clinical = false and delivers only to this machine. "
                    "Set allow_demonstration = true at the destination for a trial, or configure a bundle that is "
                    "made for clinical use"
                )
    if not settings.destination:
        yield "there is no [[destination]]: results stay in storage.home and are sent nowhere"


def _of_reception(settings: "Settings") -> Iterator[str]:
    if settings.dicom.allow_any_peer:
        yield "dicom.allow_any_peer = true: whoever reaches the port may store images"
    if settings.dicom.learning:
        yield (
            "dicom.learning = true: whoever reaches the port may store images. `hounsfield peers suggest` shows who "
            "did, as [[peer]] tables to copy; set it back to false after the first days"
        )


def _of_rules(settings: "Settings") -> Iterator[str]:
    from hounsfield.daemon.config.rules import unreachable_rules

    for name, before in unreachable_rules(settings.rule):
        yield f"rule '{name}' can never be met: rule '{before}' before it takes every series"


def _of_silence(settings: "Settings") -> Iterator[str]:
    """What is never told, or never heard."""
    for destination in settings.destination:
        if not destination.send_not_analysed:
            yield (
                f"destination '{destination.name}' has send_not_analysed = false: nobody learns there that a series "
                "was not analysed, and silence may be taken for a result"
            )
    if settings.feedback.agree and settings.dicom.accept == "ct":
        yield (
            'feedback.agree names document titles, but dicom.accept = "ct" refuses documents: no feedback will come. '
            'Set it to "ct+companions"'
        )


def _of_proofs(settings: "Settings") -> list[str]:
    """Most archives report storage commitment on an association of their own, which only a [[peer]] may open."""
    known = {peer.ae_title for peer in settings.peer}
    if settings.dicom.allow_any_peer or not known:
        return []
    return [
        f"destination '{destination.name}' is asked for storage commitment, but no [[peer]] is called "
        f"{destination.ae_title}: where it reports on an association of its own it is refused, and there is no proof"
        for destination in settings.destination
        if destination.kind == "dicom" and destination.proof == "commitment" and destination.ae_title not in known
    ]


def _of_profiles(settings: "Settings") -> list[str]:
    from hounsfield.daemon.results.profile import profile_of

    archives = [destination for destination in settings.destination if destination.kind != "folder"]
    if len({profile_of(destination) for destination in archives}) < 2:
        return []
    names = ", ".join(f"'{destination.name}'" for destination in archives)
    return [
        f"destinations {names} get objects that differ (results, titles, language, ...), each of its own: where they "
        "replicate to each other, readers see a result more than once. Give those that do the same settings"
    ]


def _of_notifiers(settings: "Settings", manifests: "Sequence[Manifest]") -> Iterator[str]:
    from hounsfield.daemon.notifications.senders import secret_problem
    from hounsfield.daemon.pipeline.destinations import is_local, may_be_told

    for notifier in settings.notify:
        for manifest in manifests:
            if not may_be_told(notifier, manifest):
                yield (
                    f"notify '{notifier.name}' is told nothing of bundle '{manifest.name}': the bundle says "
                    "clinical = false. Set allow_demonstration = true there for a trial"
                )
    for notifier in settings.notify:
        if problem := secret_problem(notifier):
            yield f"notify '{notifier.name}': secret_file {problem}"
    for notifier in settings.notify:
        if notifier.include_patient and (notifier.url or "").startswith("http://") and not is_local(notifier):
            yield f"notify '{notifier.name}' names patients over http, which anybody on the way can read: use https"
