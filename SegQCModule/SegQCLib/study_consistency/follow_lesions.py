"""Lesions over time: which segment is which lesion, and what changed between comparable series."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from SegQCLib.checks.plane import nearest_plane
from SegQCLib.protocol import QCProtocol, plain_name
from SegQCLib.study_consistency.compare_series import SeriesComparison, compare_series
from SegQCLib.study_consistency.fact_rules import FactRule
from SegQCLib.study_consistency.lesion_course import Change, DiameterSum, LesionCourse, LesionPoint, SumPoint
from SegQCLib.study_consistency.study_series import SeenLesion, SeriesRead, StudySeries
from SegQCLib.study_consistency.timepoint import in_order

RECIST = "RECIST 1.1 (Eisenhauer et al., Eur J Cancer 2009;45:228-247)"
# RECIST 1.1: a measurable lesion has at least 10 mm, with slices above 5 mm at least twice their thickness.
LEAST_DIAMETER_MM = 10.0
THICK_SLICES_MM = 5.0
ONCE = "Segmented at one time point only: new, gone, or not segmented at the others. SegQC cannot tell which."
_AMBIGUOUS = "several segmentations of this lesion belong to one time point: name the one that counts in a worklist"


@dataclass(frozen=True)
class _Seen:
    """A lesion in a read of a series at a moment."""

    moment: int
    series: StudySeries
    read: SeriesRead
    lesion: SeenLesion

    @property
    def when(self) -> str:
        return self.series.timepoint.text or self.series.case


@dataclass
class _Track:
    """One lesion while its segments are collected."""

    name: str
    uids: set[str]
    seen: list[_Seen]
    by_uid: bool = True
    ambiguous: bool = False


@dataclass(frozen=True)
class FollowedLesions:
    """The courses of one patient's lesions in one kind of image.

    Attributes
    ----------
    courses : tuple of LesionCourse
    sums : tuple of DiameterSum
    not_followed : tuple of str
        Names of segments that are no lesions.
    notes : tuple of str
    """

    courses: tuple[LesionCourse, ...]
    sums: tuple[DiameterSum, ...]
    not_followed: tuple[str, ...]
    notes: tuple[str, ...]


def follow_lesions(
    patient: str, kind: str, series: Sequence[StudySeries], rules: Sequence[FactRule], protocol: QCProtocol | None
) -> FollowedLesions:
    """Return how the lesions of one patient changed over series of one kind.

    Lesions are matched by Tracking UID (0062,0021) where any of them comes back at another time point, else by segment name. If
    nothing in a patient's segmentations says what is a lesion (no protocol, no code), every segment is followed.
    """
    usable = [one for one in series if one.error is None and any(read.error is None for read in one.reads)]
    if not usable:
        return FollowedLesions((), (), (), ())
    moments, note = in_order([one.timepoint for one in usable], [one.acquisition.acquisition_date for one in usable])
    comparing = _Comparing(rules, protocol)
    notes = [] if note is None else [f"{patient}: time points are {note}."]
    every = [lesion for one in usable for read in one.reads for lesion in read.lesions]
    chosen = any(lesion.is_lesion for lesion in every)
    others = tuple(dict.fromkeys(lesion.name for lesion in every if not lesion.is_lesion)) if chosen else ()
    reads = [(n, usable[place], read) for n, places in enumerate(moments) for place in places for read in usable[place].reads]
    reads = [(n, one, read) for n, one, read in reads if read.error is None]
    courses, sums = [], []
    for reader in _readers_apart(reads):
        own = [entry for entry in reads if reader is None or entry[2].reader == reader]
        tracks = _tracks(own, chosen)
        found = [(track, _course(patient, kind, reader, track, own, comparing)) for track in tracks]
        courses += [course for _, course in found]
        total = _sum(patient, kind, reader, tracks, own, comparing)
        sums += [] if total is None else [total]
    return FollowedLesions(tuple(courses), tuple(sums), others, tuple(notes))


def _readers_apart(reads: Sequence[tuple[int, StudySeries, SeriesRead]]) -> list[str | None]:
    """Return the readers, where several of them read one series; else None alone: one course of all reads."""
    per_series = Counter(id(one) for _, one, _ in reads)
    readers = list(dict.fromkeys(read.reader for _, _, read in reads))
    if max(per_series.values()) > 1 and len(readers) > 1 and None not in readers:
        return readers
    return [None]


def _tracks(reads: Sequence[tuple[int, StudySeries, SeriesRead]], lesions_only: bool) -> list[_Track]:
    reads = [(moment, series, read, _followed(read, lesions_only)) for moment, series, read in reads]
    moments_of: dict[str, set[int]] = {}
    for moment, _, _, lesions in reads:
        for lesion in lesions:
            if lesion.tracking_uid is not None:
                moments_of.setdefault(lesion.tracking_uid, set()).add(moment)
    # Many programs make a new UID for every object they write: only UIDs that come back follow lesions.
    uids_tell = any(len(moments) > 1 for moments in moments_of.values())
    tracks: list[_Track] = []
    for moment, series, read, lesions in reads:
        keys = [(plain_name(lesion.name), lesion.tracking_uid if uids_tell else None) for lesion in lesions]
        for lesion, (name, uid) in zip(lesions, keys, strict=True):
            twice = uid is None and keys.count((name, uid)) > 1
            track = None if twice else _track_of(tracks, name, uid)
            if track is None:
                track = _Track(lesion.name, set(), [], ambiguous=twice)
                tracks.append(track)
            elif uid is None or uid not in track.uids:
                track.by_uid = False
            track.seen.append(_Seen(moment, series, read, lesion))
            track.uids |= set() if uid is None else {uid}
    return tracks


def _followed(read: SeriesRead, lesions_only: bool) -> list[SeenLesion]:
    return [lesion for lesion in read.lesions if lesion.is_lesion or not lesions_only]


def _track_of(tracks: Sequence[_Track], name: str, uid: str | None) -> _Track | None:
    known = [track for track in tracks if uid is not None and uid in track.uids]
    # By name only where one of the two has no UID: two UIDs say that they are two lesions.
    named = [t for t in tracks if not t.ambiguous and plain_name(t.name) == name and (uid is None or not t.uids)]
    return next(iter(known or named), None)


def _course(
    patient: str,
    kind: str,
    reader: str | None,
    track: _Track,
    reads: Sequence[tuple[int, StudySeries, SeriesRead]],
    comparing: _Comparing,
) -> LesionCourse:
    first_moment = min(moment for moment, _, _ in reads)
    at = {moment: [seen for seen in track.seen if seen.moment == moment] for moment in sorted({s.moment for s in track.seen})}
    absent = [one.timepoint.text or one.case for moment, one, _ in reads if moment not in at]
    points, before, first = [], None, None
    for moment, seen in at.items():
        alone = len(seen) == 1
        if moment == first_moment or first is None:
            first = seen
        for one in seen:
            point = _point(one)
            if moment != min(at):
                since_first = comparing.change(first, seen, one)
                since_previous = None if before is first or before is None else comparing.change(before, seen, one)
                point = replace(point, since_first=since_first, since_previous=since_previous)
            points.append(point if alone else replace(point, caveats=(*point.caveats, f"At this time point {_AMBIGUOUS}.")))
        before = seen
    notes = []
    if len(at) > 1 and not track.uids and len({one.lesion.tracking_uid for one in track.seen} - {None}) > 1:
        notes.append("Matched by name: every segmentation has tracking UIDs of its own.")
    if track.ambiguous:
        notes.append(
            "Several segments of one segmentation have this name, and no tracking UID tells them apart: they cannot be followed."
        )
    elif len(at) == 1 and len({moment for moment, _, _ in reads}) > 1:
        notes.append(ONCE)
    elif absent:
        notes.append(f"No such segment at {', '.join(dict.fromkeys(absent))}: absent or not segmented. SegQC cannot tell which.")
    matched = "nothing" if len(track.seen) == 1 else "tracking UID" if track.by_uid and track.uids else "segment name"
    return LesionCourse(
        patient,
        kind,
        track.name,
        track.seen[0].lesion.structure,
        matched,
        reader,
        tuple(points),
        tuple(dict.fromkeys(absent)),
        tuple(notes),
    )


def _point(seen: _Seen) -> LesionPoint:
    lesion = seen.lesion
    return LesionPoint(
        case=seen.series.case,
        timepoint=seen.series.timepoint.text,
        order=seen.series.timepoint.order,
        reader=seen.read.reader,
        assisted=lesion.assisted,
        voxels=lesion.voxels,
        slices=lesion.slices,
        volume_ml=lesion.volume_mm3 / 1000,
        longest_diameter_mm=lesion.longest_diameter_mm,
        why_no_diameter=lesion.why_no_diameter,
        caveats=tuple(_own_caveats(lesion, seen.series)),
        since_first=None,
        since_previous=None,
    )


def _own_caveats(lesion: SeenLesion, series: StudySeries) -> Iterator[str]:
    diameter_mm, thick = lesion.longest_diameter_mm, max(series.acquisition.slice_thicknesses_mm, default=None)
    if lesion.voxels == 0:
        yield "The segment is empty: assessed, absent."
        return
    if diameter_mm is not None and diameter_mm < LEAST_DIAMETER_MM:
        yield f"Small: {diameter_mm:.1f} mm; {RECIST} measures lesions of at least {LEAST_DIAMETER_MM:g} mm."
    elif diameter_mm is not None and thick is not None and diameter_mm < 2 * thick:
        yield f"Small: {diameter_mm:.1f} mm is less than twice the slice thickness, {thick:g} mm ({RECIST})."
    if thick is not None and thick > THICK_SLICES_MM:
        yield f"Slices of {thick:g} mm; {RECIST} asks for at most {THICK_SLICES_MM:g} mm."
    plane = nearest_plane(series.geometry)[0] if series.geometry else "axial"
    if diameter_mm is not None and plane != "axial":
        yield f"The diameter is measured in {plane} slices; RECIST 1.1 takes axial ones."
    if lesion.at_edge:
        yield "It touches the edge of the image: part of it may be outside."
    across_mm = lesion.across_pieces_mm
    if diameter_mm is not None and across_mm is not None and across_mm > diameter_mm:
        yield f"It lies in separate pieces on one slice, {across_mm:.1f} mm from end to end; the diameter is that of one piece."
    elif lesion.pieces is not None and lesion.pieces > 1:
        yield f"It has {lesion.pieces} separate pieces; the diameter is that of the longest one."


class _Comparing:
    """Changes between moments; two series are compared once."""

    def __init__(self, rules: Sequence[FactRule], protocol: QCProtocol | None) -> None:
        self._rules, self._protocol = rules, protocol
        self._known: dict[tuple[int, int], SeriesComparison] = {}

    def series(self, first: StudySeries, second: StudySeries) -> SeriesComparison:
        key = (id(first), id(second))
        if key not in self._known:
            self._known[key] = compare_series(first, second, self._rules, self._protocol)
        return self._known[key]

    def change(self, earlier: Sequence[_Seen], later: Sequence[_Seen], this: _Seen) -> Change:
        since = earlier[0].when
        if len(earlier) > 1 or len(later) > 1:
            which = earlier[0].when if len(earlier) > 1 else this.when
            return _no_change(since, f"At {which} {_AMBIGUOUS}.")
        before = earlier[0]
        if same := _same_images(before.series, this.series):
            return _no_change(since, same)
        compared = self.series(before.series, this.series)
        caveats = (*compared.caveats, *_read_caveats(before, this))
        if not compared.comparable:
            return replace(_no_change(since, *compared.reasons), caveats=caveats)
        a, b = before.lesion, this.lesion
        reasons = tuple(reason for one in (a, b) if (reason := one.why_no_diameter))
        if a.volume_mm3 == 0:
            reasons = (*reasons, "No change in percent: the lesion was absent at the earlier time point.")
        return Change(
            since,
            True,
            reasons,
            caveats,
            (b.volume_mm3 - a.volume_mm3) / 1000,
            percent(a.volume_mm3, b.volume_mm3),
            difference(a.longest_diameter_mm, b.longest_diameter_mm),
            percent(a.longest_diameter_mm, b.longest_diameter_mm),
        )


def difference(earlier: float | None, later: float | None) -> float | None:
    """Return later minus earlier; None where one is not known."""
    return None if earlier is None or later is None else later - earlier


def percent(earlier: float | None, later: float | None) -> float | None:
    """Return the change in percent of the earlier value; None where one is not known or the earlier one is 0."""
    return None if later is None or not earlier else 100 * (later - earlier) / earlier


def _no_change(since: str, *reasons: str) -> Change:
    return Change(since, False, reasons, (), None, None, None, None)


def _same_images(a: StudySeries, b: StudySeries) -> str | None:
    uids = [one.acquisition.series_instance_uid for one in (a, b)]
    if a is b or (uids[0] is not None and uids[0] == uids[1]) or a.case == b.same_images_as or b.case == a.same_images_as:
        return "Both time points have the same images (Series Instance UID (0020,000E)): there is nothing to compare."
    return None


def _read_caveats(a: _Seen, b: _Seen) -> Iterator[str]:
    readers = [one.read.reader for one in (a, b)]
    if None in readers:
        yield "Who segmented is not known for both: another reader draws another outline."
    elif readers[0] != readers[1]:
        yield f"Other reader: {readers[0]} and {readers[1]}."
    helped = [one.lesion.assisted for one in (a, b)]
    words = {True: "with the help of an AI draft or another algorithm", False: "by hand"}
    if None not in helped and helped[0] != helped[1]:
        yield f"Drawn {words[helped[0]]} at {a.when}, {words[helped[1]]} at {b.when}."
    elif None in helped and True in helped:
        yield "An algorithm took part in one of the two; for the other it is not known."
    small = [one for one in (a, b) for caveat in _own_caveats(one.lesion, one.series) if caveat.startswith("Small")]
    if small:
        yield f"Small lesion at {' and '.join(one.when for one in small)}: a change of one pixel is a large part of it."
    edge = [one.when for one in (a, b) if one.lesion.at_edge]
    if edge:
        yield f"It touches the edge of the image at {' and '.join(edge)}: part of it may be outside."


def _sum(
    patient: str,
    kind: str,
    reader: str | None,
    tracks: Sequence[_Track],
    reads: Sequence[tuple[int, StudySeries, SeriesRead]],
    comparing: _Comparing,
) -> DiameterSum | None:
    """Return the sum over the lesions of the first moment; None if there are fewer than two, or one moment only."""
    moments = sorted({moment for moment, _, _ in reads})
    targets = [track for track in tracks if any(seen.moment == moments[0] for seen in track.seen)]
    if len(moments) < 2 or len(targets) < 2:
        return None
    points: list[SumPoint] = []
    first: tuple[list[_Seen], float | None] | None = None
    for moment in moments:
        seen = [[one for one in track.seen if one.moment == moment] for track in targets]
        when = next(one.timepoint.text or one.case for n, one, _ in reads if n == moment)
        total, reason = _total(targets, seen)
        alone = [] if reason else [entries[0] for entries in seen]
        change = None
        if first is None:
            first = (alone, total)
        elif total is None or first[1] is None:
            change = _no_change(points[0].timepoint, reason or f"There is no sum at {points[0].timepoint}.")
        else:
            change = _sum_change(points[0].timepoint, first[0], alone, first[1], total, comparing)
        points.append(SumPoint(when, total, reason, change))
    return DiameterSum(patient, kind, reader, tuple(track.name for track in targets), tuple(points))


def _total(targets: Sequence[_Track], seen: Sequence[Sequence[_Seen]]) -> tuple[float | None, str | None]:
    missing = [track.name for track, entries in zip(targets, seen, strict=True) if not entries]
    several = [track.name for track, entries in zip(targets, seen, strict=True) if len(entries) > 1 or track.ambiguous]
    if several:
        return None, f"Several segmentations of {', '.join(several)} belong to this time point."
    if missing:
        return None, f"No segment for {', '.join(missing)}: absent or not segmented, SegQC cannot tell which."
    values = [entries[0].lesion.longest_diameter_mm for entries in seen]
    if None in values:
        return None, next(entries[0].lesion.why_no_diameter for entries in seen if entries[0].lesion.longest_diameter_mm is None)
    return sum(values), None


def _sum_change(
    since: str, first: Sequence[_Seen], later: Sequence[_Seen], before_mm: float, now_mm: float, comparing: _Comparing
) -> Change:
    changes = [comparing.change([a], [b], b) for a, b in zip(first, later, strict=True)]
    caveats = tuple(dict.fromkeys(caveat for change in changes for caveat in change.caveats))
    if not all(change.comparable for change in changes):
        reasons = tuple(dict.fromkeys(reason for change in changes if not change.comparable for reason in change.reasons))
        return replace(_no_change(since, *reasons), caveats=caveats)
    return Change(since, True, (), caveats, None, None, now_mm - before_mm, percent(before_mm, now_mm))
