"""The section of the configuration about drift."""

from pydantic import model_validator

from hounsfield.daemon.config.fields import Section, fault, setting


class DriftSettings(Section):
    """When a bundle on a scanner no longer sees, or answers, what it used to."""

    baseline_series: int = setting(
        200,
        "How many of the first analyses of a bundle on a scanner are what it is compared with. "
        "`hounsfield drift baseline` chooses others.",
        unit="series",
        ge=50,
        le=5000,
    )
    window_series: int = setting(
        100, "How many of the last analyses are compared with them.", unit="series", ge=30, le=5000
    )
    watch_psi: float = setting(0.1, "Population stability index from which a scanner is worth a look.", gt=0, le=10)
    alarm_psi: float = setting(0.25, "Population stability index that raises an alarm.", gt=0, le=10)
    recent_days: float = setting(
        30.0,
        "A bundle on a scanner that has analysed nothing for so long is no longer judged.",
        unit="days",
        gt=0,
        le=3650,
    )

    @model_validator(mode="after")
    def _in_order(self) -> "DriftSettings":
        if self.alarm_psi < self.watch_psi:
            allowed = f"at least {self.watch_psi:g}, or a smaller drift.watch_psi"
            raise fault("an alarm below drift.watch_psi could not be told from a look", allowed, at="drift.alarm_psi")
        return self
