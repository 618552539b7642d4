"""Consistency of a study as the terminal shows it: one table, and what stands out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from SegQCLib.number_texts import grouped, signed
from SegQCLib.study_consistency.lesion_course import Change, LesionCourse, LesionPoint
from SegQCLib.study_consistency.study_consistency import KindOfImage, SeriesFacts, StudyConsistency
from SegQCLib.words import few

# More rows than anybody reads in a terminal: of a large study only what stands out is shown.
_MOST_SERIES = 40
_LONGEST_CELL = 28
_BREAKS, _SILENT = "≠ ", "–"


def consistency_text(study: StudyConsistency) -> str:
    """Return the study in words: kinds with what differs, a table of series, follow-ups on another platform, lesions."""
    lines = [f"{'SIMULATED: ' if study.simulated else ''}{headline(study)}"]
    for kind in study.kinds:
        lines += ["", *_kind(kind, study)] if kind.facts else []
    alone = [f"{one.case} ({one.kind})" for kind in study.kinds if not kind.facts for one in study.series if one.kind == kind.kind]
    if alone:
        lines += ["", f"Alone of their kind, nothing to compare with: {few(alone)}."]
    if study.unread:
        lines += ["", "Not read:"]
        lines += [f"  {one.case}: {one.error}" for one in study.unread]
    if study.lesions:
        lines += ["", *_lesions(study.lesions)]
    lines += ["", *study.notes] if study.notes else []
    return "\n".join(lines)


def headline(study: StudyConsistency) -> str:
    """Return the study in one sentence."""
    patients = {one.patient for one in study.series if one.error is None}
    read = len(study.series) - len(study.unread)
    breaking = sum(len(kind.breaking) for kind in study.kinds)
    parts = [f"{_number(read, 'series', 'series')} of {_number(len(patients), 'patient')}"]
    parts.append(f"{breaking} break uniformity" if breaking != 1 else "1 breaks uniformity")
    other = len(study.on_other_platform)
    if study.follow_ups:
        parts.append(f"{other} of {_number(len(study.follow_ups), 'follow-up')} on another platform")
    if study.unread:
        parts.append(f"{len(study.unread)} not read")
    return ", ".join(parts)


def _number(count: int, what: str, several: str | None = None) -> str:
    return f"{count} {what if count == 1 else several or what + 's'}"


def _kind(kind: KindOfImage, study: StudyConsistency) -> Iterator[str]:
    yield f"{kind.kind}: {_number(kind.series, 'series', 'series')} of {_number(kind.patients, 'patient')}"
    for fact in kind.facts:
        if fact.status == "tie":
            values = ", ".join(f"{value.value} ({len(value.cases)})" for value in fact.values)
            yield f"  {fact.title}: a tie, {values}; none of them is the study's value."
        elif fact.status == "differs":
            rare = ", ".join(f"{value.value} ({len(value.cases)})" for value in fact.values[1:])
            mixed = f"{', ' if rare else ''}not the same in all slices ({len(fact.mixed)})" if fact.mixed else ""
            caveat = "" if fact.hinders_comparison else " A caveat only."
            study_value = "" if fact.most_frequent is None else f"{fact.most_frequent} ({len(fact.values[0].cases)}); others: "
            yield f"  {fact.title}: {study_value}{rare}{mixed}.{caveat}"
        if fact.not_told and fact.status != "not told":
            yield f"  {fact.title}: not in the header of {len(fact.not_told)}."
    same = [fact.title for fact in kind.facts if fact.status == "uniform"]
    if same:
        yield f"  The same in all that say it: {'; '.join(same)}."
    silent = [fact.title for fact in kind.facts if fact.status == "not told"]
    if silent:
        yield f"  In no header: {'; '.join(silent)}."
    members = [one for one in study.series if one.kind == kind.kind]
    yield from _table(kind, members, study)


def _table(kind: KindOfImage, members: Sequence[SeriesFacts], study: StudyConsistency) -> Iterator[str]:
    platform = {(one.case, one.kind): one for one in study.follow_ups}
    shown = [fact for fact in kind.facts if fact.status in ("differs", "tie")]
    rows = [("patient", "time point", "case", *(_short_title(fact.title) for fact in shown), "platform")]
    left_out = 0
    for one in members:
        follow_up = platform.get((one.case, one.kind))
        other = follow_up is not None and follow_up.other_platform
        if len(members) > _MOST_SERIES and not one.breaks and not other:
            left_out += 1
            continue
        texts = {fact.fact: fact.text for fact in one.facts}
        cells = [f"{_BREAKS if fact.fact in one.breaks else ''}{texts.get(fact.fact, _SILENT)}" for fact in shown]
        word = "other" if other else "" if follow_up is None else "not told" if follow_up.other_platform is None else "same"
        rows.append((one.patient, one.timepoint, one.case, *cells, word))
    yield from _aligned(rows)
    if left_out:
        yield f"  {left_out} more series break nothing; --csv, --json and --html have them all."


def _short_title(title: str) -> str:
    return title.partition(" (")[0]


def _aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    texts = [[_cut(cell) for cell in row] for row in rows]
    widths = [max(len(row[n]) for row in texts) for n in range(len(texts[0]))]
    for row in texts:
        yield "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST_CELL else f"{text[: _LONGEST_CELL - 1]}…"


def _lesions(courses: Sequence[LesionCourse]) -> Iterator[str]:
    yield "Lesions over time (change since the first time point; no class of response is given):"
    rows = [("patient", "lesion", "time point", "voxels", "volume", "change", "longest diameter", "change", "")]
    for course in courses:
        name = course.lesion if course.reader is None else f"{course.lesion} ({course.reader})"
        for point in course.points:
            rows.append((course.patient, name, point.timepoint or point.case, *_point(point)))
    yield from _aligned(rows)
    yield "  Longest diameter: RECIST-like, on the outline in one slice. A diameter by a trained reader can be another."
    caveats = dict.fromkeys(
        caveat
        for course in courses
        for point in course.points
        for caveat in (*point.caveats, *(point.since_first.caveats if point.since_first else ()))
    )
    if caveats:
        told = _number(len(caveats), "caveat")
        yield f"  {told} (small lesions, other readers and the like): --html, --csv and --json have them."
    reasons = dict.fromkeys(
        f"  {course.patient}, {point.timepoint or point.case} against {point.since_first.since}: not compared. {reason}"
        for course in courses
        for point in course.points
        if point.since_first is not None and not point.since_first.comparable
        for reason in (" ".join(point.since_first.reasons),)
    )
    yield from reasons
    yield from dict.fromkeys(f"  {course.patient}, {course.lesion}: {note}" for course in courses for note in course.notes)


def _point(point: LesionPoint) -> tuple[str, ...]:
    diameter = mm(point.longest_diameter_mm)
    change = point.since_first
    told = ("", "") if change is None else (change_text(change.volume_ml, change.volume_percent, "mL"), diameter_change(change))
    why = "" if change is None or change.comparable else "not comparable"
    return (grouped(point.voxels, 0), ml(point.volume_ml), told[0], diameter, told[1], why)


def ml(volume_ml: float) -> str:
    """Return a volume in mL with its unit and three digits where there are as many."""
    return "0 mL" if volume_ml == 0 else f"{grouped(volume_ml, decimals_of(volume_ml))} mL"


def mm(value: float | None) -> str:
    """Return a length with its unit; a dash where it is not known."""
    return "–" if value is None else "0 mm" if value == 0 else f"{grouped(value, 1)} mm"


def decimals_of(value: float) -> int:
    """Return how many decimals a volume in mL is shown with."""
    return 1 if abs(value) >= 10 else 2 if abs(value) >= 1 else 3


def change_text(change: float | None, percent: float | None, unit: str) -> str:
    """Return a change with sign and unit, and in percent; "" where there is none."""
    if change is None:
        return ""
    decimals = decimals_of(change) if unit == "mL" else 1
    share = "" if percent is None else f" ({signed(percent, 0) if abs(percent) >= 10 else signed(percent, 1)} %)"
    return f"{signed(change, decimals)} {unit}{share}"


def diameter_change(change: Change) -> str:
    """Return the change of the diameter; "" where there is none."""
    return change_text(change.diameter_mm, change.diameter_percent, "mm")
