"""A department that does not exist: readers, models and a year of reads, planned so that the truth is known."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

import numpy as np

from SegQCLib.readers.case_read import Purpose
from SegQCLib.readers.planted_errors import PlantedErrorKind
from SegQCLib.readers.simulated_reader import (
    SimulatedReader,
    SimulatedSegment,
    SimulatedStructure,
    SimulatedTarget,
    planted_error_is_found,
    simulated_segment,
    simulated_target,
)

YEAR_D = 365
START = datetime(2025, 1, 6, tzinfo=UTC)
# Of all reads in clinical work.
AI_FREE_SHARE = 0.2
SECOND_READER_SHARE = 0.12
ALL_READERS_SHARE = 0.015
REPEAT_SHARE = 0.04
TRAINING_EVERY_D = 14
# Of clinical cases; training cases have one.
REFERENCE_SHARE = 0.25

_ONE_CT_VOXEL_MM3 = 0.8 * 0.8 * 1.5


@dataclass(frozen=True)
class SimulatedVersion:
    """One version of a model, from a known day on; `error` is its typical 1 - Dice against the truth, by structure."""

    version: str
    from_day: int
    error: dict[str, float]


@dataclass(frozen=True)
class SimulatedModel:
    """A model that drafts the structures of one kind of case.

    Attributes
    ----------
    name : str
    protocol : str
        Id of a shipped protocol: what its cases are read under.
    share : float
        Of all cases.
    slices : int
        Typical number of slices of an image.
    structures, versions : tuple
    """

    name: str
    protocol: str
    share: float
    slices: int
    structures: tuple[SimulatedStructure, ...]
    versions: tuple[SimulatedVersion, ...]

    def version_on(self, day: float) -> SimulatedVersion:
        return [version for version in self.versions if version.from_day <= day][-1]


@dataclass(frozen=True)
class SimulatedCase:
    """One case; `has_reference`: the accuracy of what is drawn is known."""

    name: str
    model: SimulatedModel
    slices: int
    targets: tuple[SimulatedTarget, ...]
    has_reference: bool


@dataclass(frozen=True)
class SimulatedPlant:
    """One planted error of a training case and what became of it; `seconds` None: it was not found."""

    error: PlantedErrorKind
    structure: str
    seconds: float | None


@dataclass(frozen=True)
class SimulatedRead:
    """One read that a simulated reader does; `version` None: without a draft."""

    reader: SimulatedReader
    case: SimulatedCase
    purpose: Purpose
    started: datetime
    version: SimulatedVersion | None
    segments: tuple[SimulatedSegment, ...]
    planted: tuple[SimulatedPlant, ...] = ()


@dataclass(frozen=True)
class DepartmentTruth:
    """What was simulated: the truth that an analysis of the logs can be judged by."""

    schema: Literal["segqc-simulated-department"] = field(metadata={"doc": "Always segqc-simulated-department."})
    schema_version: Literal["1.0"] = field(metadata={"doc": "Version of this format."})
    simulated: bool = field(metadata={"doc": "Always true: nobody read anything, and no image exists."})
    seed: int = field(metadata={"doc": "The same seed and sizes make the same logs."})
    cases: int = field(metadata={"doc": "Number of clinical cases."})
    reads: int = field(metadata={"doc": "Number of reads, with training cases."})
    sessions: int = field(metadata={"doc": "Number of logs."})
    events: int = field(metadata={"doc": "Number of events in all logs."})
    first_day: str = field(metadata={"doc": "Day 0, ISO 8601."})
    days: int = field(metadata={"doc": "Days that the readers' courses extend over."})
    ai_free_share: float = field(metadata={"doc": "Share of clinical reads that were made without a draft."})
    readers: tuple[SimulatedReader, ...] = field(metadata={"doc": "What each reader does."})
    models: tuple[SimulatedModel, ...] = field(metadata={"doc": "Each model, its versions and how good they are."})


def _structure(name: str, ml: float, slices: int, by_hand_s: float, look_s: float, expert_error: float) -> SimulatedStructure:
    return SimulatedStructure(
        name, round(ml * 1000 / _ONE_CT_VOXEL_MM3), slices, _ONE_CT_VOXEL_MM3, by_hand_s, look_s, expert_error
    )


MODELS = (
    SimulatedModel(
        "Simulated abdomen model",
        "ct-abdomen-portal-venous",
        0.5,
        220,
        (
            _structure("liver", 1500, 110, 540, 50, 0.035),
            _structure("spleen", 220, 60, 240, 25, 0.04),
            _structure("kidney_left", 170, 70, 220, 25, 0.05),
            _structure("kidney_right", 165, 70, 220, 25, 0.05),
        ),
        (
            SimulatedVersion("1.0", 0, {"liver": 0.06, "spleen": 0.07, "kidney_left": 0.08, "kidney_right": 0.08}),
            # Better, but for one structure.
            SimulatedVersion("2.0", 150, {"liver": 0.04, "spleen": 0.05, "kidney_left": 0.16, "kidney_right": 0.05}),
        ),
    ),
    SimulatedModel(
        "Simulated chest model",
        "ct-lung-nodule",
        0.3,
        260,
        (
            _structure("lung_nodule", 3, 12, 90, 20, 0.15),
            _structure("lung_left", 2300, 180, 300, 30, 0.025),
            _structure("lung_right", 2700, 180, 300, 30, 0.025),
        ),
        (
            SimulatedVersion("3.1", 0, {"lung_nodule": 0.25, "lung_left": 0.04, "lung_right": 0.04}),
            SimulatedVersion("3.2", 210, {"lung_nodule": 0.18, "lung_left": 0.03, "lung_right": 0.03}),
        ),
    ),
    SimulatedModel(
        "Simulated brain model",
        "mr-brain-lesion",
        0.2,
        170,
        (
            _structure("brain_lesion", 12, 22, 200, 25, 0.12),
            _structure("oedema", 45, 35, 260, 30, 0.15),
            _structure("brain", 1350, 140, 420, 40, 0.02),
        ),
        (SimulatedVersion("0.9", 0, {"brain_lesion": 0.2, "oedema": 0.24, "brain": 0.03}),),
    ),
)

KINDS = (
    SimulatedReader("", "attentive", "Looks through every draft with care, all year.", attention=(0.92, 0.92)),
    SimulatedReader(
        "",
        "over-reliant",
        "Begins attentive, and looks at less and less of the drafts; draws without a draft as at the beginning.",
        attention=(0.92, 0.2),
    ),
    SimulatedReader(
        "",
        "rushed",
        "Is quick and looks at half of a draft, all year: poor reading, but no change.",
        pace=(0.7, 0.7),
        attention=(0.5, 0.5),
    ),
    SimulatedReader(
        "",
        "learning novice",
        "Slow and unsure at first; becomes faster and better at drawing with and without a draft, and stays attentive.",
        pace=(2.0, 1.1),
        attention=(0.85, 0.9),
        over_correction=(0.8, 0.15),
        own_error=(1.7, 1.1),
    ),
    SimulatedReader(
        "",
        "redraws much",
        "Slow and careful; changes drafts also where they were good enough.",
        pace=(1.3, 1.3),
        over_correction=(0.7, 0.7),
    ),
    SimulatedReader(
        "", "quick", "Reads quickly, and looks through every draft with care, all year.", pace=(0.8, 0.8), attention=(0.9, 0.9)
    ),
)


def simulated_readers(count: int) -> tuple[SimulatedReader, ...]:
    """Return readers 1 to `count`; more than six repeat the six kinds, so names stay apart by their number."""
    kinds = [KINDS[number % len(KINDS)] for number in range(count)]
    return tuple(replace(kind, name=f"Simulated reader {number} ({kind.kind})") for number, kind in enumerate(kinds, start=1))


def simulated_reads(
    rng: np.random.Generator, readers: tuple[SimulatedReader, ...], models: tuple[SimulatedModel, ...], cases: int
) -> tuple[SimulatedRead, ...]:
    """Return a year of reads in order of time: no reader does two at once.

    Parameters
    ----------
    rng : numpy Generator
    readers, models : tuple
        At least one of each.
    cases : int
        Clinical cases; training cases come on top, one per reader and fortnight.
    """
    plans: list[tuple[int, SimulatedReader, SimulatedCase, bool, Purpose]] = []
    shares = np.array([model.share for model in models])
    chosen = rng.choice(len(models), cases, p=shares / shares.sum())
    for number in range(1, cases + 1):
        case = _case(rng, f"Simulated case {number:04d}", models[chosen[number - 1]])
        day = _working_day(rng.uniform(0, YEAR_D))
        others = [reader for index, reader in enumerate(readers) if index != number % len(readers)]
        drawn = rng.random()
        if drawn < ALL_READERS_SHARE:
            again = others
        elif drawn < ALL_READERS_SHARE + SECOND_READER_SHARE and others:
            again = [others[rng.integers(len(others))]]
        else:
            again = []
        first = readers[number % len(readers)]
        # Most cases that several read are read without a draft by one of them at least.
        for reader in (first, *again):
            plans.append((day, reader, case, rng.random() < (0.5 if again else AI_FREE_SHARE), "clinical"))
            day = _working_day(min(YEAR_D - 1, day + rng.integers(0, 10)))
        if rng.random() < REPEAT_SHARE and day + 30 < YEAR_D:
            ai_free = plans[-1 - len(again)][3]
            plans.append((_working_day(day + rng.integers(30, 90)), first, case, ai_free, "clinical"))
    for number, day in enumerate(range(7, YEAR_D, TRAINING_EVERY_D)):
        case = _case(rng, f"Simulated training case {number + 1:02d}", models[number % len(models)])
        case = replace(case, has_reference=True)
        plans.extend((_working_day(day), reader, case, False, "training") for reader in readers)
    return _timetable(rng, sorted(plans, key=lambda plan: plan[0]))


def _case(rng: np.random.Generator, name: str, model: SimulatedModel) -> SimulatedCase:
    difficulty = float(rng.normal())
    targets = tuple(
        simulated_target(rng, structure, difficulty, {version.version: version.error[structure.name] for version in model.versions})
        for structure in model.structures
    )
    slices = max(round(model.slices * math.exp(rng.normal(0.1, 0.1))), *(round(target.slices * 1.2) for target in targets))
    has_reference = bool(rng.random() < REFERENCE_SHARE)
    return SimulatedCase(name, model, slices, targets, has_reference)


def _working_day(day: float) -> int:
    """Return a day that is no Saturday or Sunday; day 0 is a Monday."""
    whole = int(day)
    return whole if whole % 7 < 5 else whole + 7 - whole % 7


def _timetable(
    rng: np.random.Generator, plans: list[tuple[int, SimulatedReader, SimulatedCase, bool, Purpose]]
) -> tuple[SimulatedRead, ...]:
    free_from: dict[str, datetime] = {}
    reads = []
    for day, reader, case, ai_free, purpose in plans:
        begin = START + timedelta(days=day, hours=8, seconds=int(rng.integers(0, 3 * 3600)))
        started = max(begin, free_from.get(reader.name, begin))
        read = _read(rng, reader, case, purpose, started, ai_free)
        reads.append(read)
        # Pauses, waiting and a second session lie within it.
        free_from[reader.name] = started + timedelta(seconds=sum(segment.active_s for segment in read.segments) * 2 + 2400)
    return tuple(sorted(reads, key=lambda read: (read.started, read.reader.name)))


def _read(
    rng: np.random.Generator, reader: SimulatedReader, case: SimulatedCase, purpose: Purpose, started: datetime, ai_free: bool
) -> SimulatedRead:
    day = (started - START) / timedelta(days=1)
    share_of_year = min(1.0, day / YEAR_D)
    version = None if ai_free else case.model.version_on(day)
    name = None if version is None else version.version
    segments = tuple(simulated_segment(rng, reader, share_of_year, target, name) for target in case.targets)
    planted: tuple[SimulatedPlant, ...] = ()
    if purpose == "training":
        planted = tuple(_plant(rng, reader, share_of_year, segment) for segment in segments[: 1 + int(rng.integers(2))])
    return SimulatedRead(reader, case, purpose, started, version, segments, planted)


def _plant(rng: np.random.Generator, reader: SimulatedReader, share_of_year: float, segment: SimulatedSegment) -> SimulatedPlant:
    name = segment.structure.name
    kinds = [PlantedErrorKind.ISLAND, PlantedErrorKind.MISSING_SLICES]
    if name.endswith(("_left", "_right")):
        kinds.append(PlantedErrorKind.LEFT_RIGHT)
    if "lesion" in name or "nodule" in name:
        kinds.append(PlantedErrorKind.SHRUNKEN)
    found = planted_error_is_found(rng, reader, share_of_year)
    seconds = round(float(segment.active_s * rng.uniform(0.3, 0.95)), 1) if found else None
    return SimulatedPlant(kinds[rng.integers(len(kinds))], name, seconds)
