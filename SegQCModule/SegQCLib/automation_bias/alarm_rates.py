"""How often the alert comes for simulated readers whose behaviour is known: what it finds, and whom it troubles wrongly."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np

from SegQCLib.automation_bias.alert import bias_alerts
from SegQCLib.automation_bias.proportion import Proportion, proportion
from SegQCLib.automation_bias.rule import RULE, Level, Rule
from SegQCLib.readers.case_read import CaseRead
from SegQCLib.readers.planted_errors import PlantedErrorKind
from SegQCLib.readers.simulated_case_read import simulated_case_read
from SegQCLib.readers.simulated_department import (
    KINDS,
    MODELS,
    START,
    SimulatedCase,
    SimulatedModel,
    SimulatedPlant,
    SimulatedRead,
    SimulatedVersion,
)
from SegQCLib.readers.simulated_reader import SimulatedReader, planted_error_is_found, simulated_segment, simulated_target

OTHERS = 3
_READERS_BESIDE_THE_SAME = 10
_BY_KIND = {kind.kind: kind for kind in KINDS}
_ATTENTIVE = _BY_KIND["attentive"]
_BETTER = "better"


@dataclass(frozen=True)
class Scenario:
    """One kind of reader in one kind of department.

    Attributes
    ----------
    name : str
    reader : SimulatedReader
        Its courses go from the first to the last day of the period.
    relies : bool
        Whether an alert is right.
    difficulty : (float, float)
        Of cases at the first and last day, for all readers.
    better_from : float or None
        Share of the period from which on drafts have half the error, for all readers.
    new_version : bool
        Whether the better drafts come with a new version number.
    """

    name: str
    reader: SimulatedReader
    relies: bool
    difficulty: tuple[float, float] = (0.0, 0.0)
    better_from: float | None = None
    new_version: bool = False


@dataclass(frozen=True)
class Period:
    """How much there is to judge by.

    Attributes
    ----------
    days : int
        Length of the period.
    anchored, ai_free, planted : int
        Each reader's reads with drafts and without them, and planted errors.
    looks : int
        How often the reader asks, evenly over the period and at its end. Who asks often is alarmed once more easily.
    """

    days: int = 180
    anchored: int = 100
    ai_free: int = 25
    planted: int = 24
    looks: int = 1


@dataclass(frozen=True)
class AlarmRate:
    """How often a scenario's readers got an alert, and an alert or a watch."""

    scenario: str
    relies: bool
    alert: Proportion
    at_least_watch: Proportion


def _drifting(to: float) -> SimulatedReader:
    return replace(_ATTENTIVE, kind="over-reliant", attention=(0.92, to))


SCENARIOS = (
    Scenario("attentive", _ATTENTIVE, relies=False),
    Scenario("rushed all year", _BY_KIND["rushed"], relies=False),
    Scenario("redraws much", _BY_KIND["redraws much"], relies=False),
    Scenario("learning novice", _BY_KIND["learning novice"], relies=False),
    Scenario(
        "has learnt where the model errs",
        replace(_ATTENTIVE, draft_look=(1.0, 0.5), over_correction=(0.6, 0.05)),
        relies=False,
    ),
    Scenario("attentive, new and better version", _ATTENTIVE, relies=False, better_from=0.5, new_version=True),
    Scenario("attentive, better model under the same version", _ATTENTIVE, relies=False, better_from=0.5),
    Scenario("attentive, cases become easier", _ATTENTIVE, relies=False, difficulty=(0.7, -0.7)),
    Scenario("over-reliant, attention 0.92 to 0.7", _drifting(0.7), relies=True),
    Scenario("over-reliant, attention 0.92 to 0.5", _drifting(0.5), relies=True),
    Scenario("over-reliant, attention 0.92 to 0.2", _drifting(0.2), relies=True),
    Scenario("over-reliant to 0.2, and cases become easier", _drifting(0.2), relies=True, difficulty=(0.7, -0.7)),
)


def alarm_rate(scenario: Scenario, period: Period, readers: int, seed: int, rule: Rule = RULE) -> AlarmRate:
    """Return how often the rule raises an alert for readers of one scenario.

    Each is one simulated reader who asks at the end of the period, beside three attentive ones who read as many
    cases of the same kind; every ten readers get another three. An alert about any version counts.

    Parameters
    ----------
    scenario : Scenario
    period : Period
    readers : int
        1 or more.
    seed : int
    rule : Rule
    """
    rng = np.random.default_rng(seed)
    beside: list[CaseRead] = []
    levels = []
    for number in range(readers):
        if number % _READERS_BESIDE_THE_SAME == 0:
            others = [replace(_ATTENTIVE, name=f"Other {other}") for other in range(OTHERS)]
            beside = [read for other in others for read in _reads(rng, scenario, other, period)]
        reader = replace(scenario.reader, name=f"Simulated {number}")
        reads = [*beside, *_reads(rng, scenario, reader, period)]
        moments = [START + timedelta(days=period.days * look / period.looks) for look in range(1, period.looks + 1)]
        levels.append({alert.level for until in moments for alert in bias_alerts(reads, reader.name, rule=rule, until=until)})
    return AlarmRate(
        scenario.name,
        scenario.relies,
        proportion([Level.ALERT in found for found in levels]),
        proportion([bool(found & {Level.ALERT, Level.WATCH}) for found in levels]),
    )


def _model(scenario: Scenario, period: Period) -> SimulatedModel:
    model = MODELS[0]
    first = model.versions[0]
    versions = [first]
    if scenario.better_from is not None:
        better = {name: error / 2 for name, error in first.error.items()}
        versions.append(SimulatedVersion(_BETTER, round(scenario.better_from * period.days), better))
    return replace(model, versions=tuple(versions))


def _reads(rng: np.random.Generator, scenario: Scenario, reader: SimulatedReader, period: Period) -> list[CaseRead]:
    model = _model(scenario, period)
    kinds = rng.permutation(["anchored"] * period.anchored + ["ai_free"] * period.ai_free + ["planted"] * period.planted)
    days = np.sort(rng.uniform(0, period.days, len(kinds)))
    days[0], days[-1] = 0.0, period.days
    reads = []
    for number, (day, kind) in enumerate(zip(days, kinds, strict=True)):
        share = day / period.days
        # A planted error needs no whole case here: one structure carries it.
        structures = model.structures[:1] if kind == "planted" else model.structures
        difficulty = scenario.difficulty[0] + (scenario.difficulty[1] - scenario.difficulty[0]) * share + rng.normal()
        targets = tuple(
            simulated_target(rng, structure, difficulty, {item.version: item.error[structure.name] for item in model.versions})
            for structure in structures
        )
        version = None if kind == "ai_free" else model.version_on(day)
        name = None if version is None else version.version
        segments = tuple(simulated_segment(rng, reader, share, target, name) for target in targets)
        planted = ()
        if kind == "planted":
            found = planted_error_is_found(rng, reader, share)
            planted = (SimulatedPlant(PlantedErrorKind.ISLAND, structures[0].name, 10.0 if found else None),)
        case = SimulatedCase(f"case {number}", model, model.slices, targets, has_reference=False)
        purpose = "training" if kind == "planted" else "clinical"
        if version is not None and not scenario.new_version:
            version = replace(version, version=model.versions[0].version)
        started = START + timedelta(days=float(day))
        reads.append(simulated_case_read(SimulatedRead(reader, case, purpose, started, version, segments, planted)))
    return reads
