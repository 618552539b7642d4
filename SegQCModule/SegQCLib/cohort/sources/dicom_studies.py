"""Cases from a folder of DICOM studies: what belongs together follows from the headers, what it is called from the folders."""

from __future__ import annotations

import fnmatch
import hashlib
import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path

from SegQCLib.cohort.cohort_case import CaseFault, CohortCase
from SegQCLib.cohort.sources.case_names import DIGITS, shown
from SegQCLib.cohort.sources.dicom_object_facts import (
    DicomObjectFacts,
    SegmentationFacts,
    dicom_object_facts,
    institution,
    segmentation_facts,
)
from SegQCLib.cohort.sources.found_cases import FoundCases
from SegQCLib.cohort.sources.source_options import SourceOptions
from SegQCLib.cohort.sources.walk import walk
from SegQCLib.errors import BadDataError
from SegQCLib.words import few
from SegQCLib.worklist import by_number

# While one file is waited for, another is parsed; more threads only queue for Python.
_THREADS = 2
_DAMAGED_SHOWN = 5


@dataclass
class _Series:
    """Images that are one series, in one folder or in several that hold different images of it."""

    uid: str
    files: list[DicomObjectFacts] = field(default_factory=list)
    is_copy: bool = False

    @property
    def folders(self) -> list[Path]:
        return list(dict.fromkeys(file.path.parent for file in self.files))

    @property
    def folder(self) -> Path:
        return Path(os.path.commonpath([file.path.parent for file in self.files]))

    @property
    def is_one_image(self) -> bool:
        return sum(file.frames for file in self.files) == 1

    @property
    def is_localizer(self) -> bool:
        return all(file.is_localizer for file in self.files)

    @property
    def study(self) -> tuple[str, Path | None]:
        """Which study it is of; copies, and series without a study's UID, are told apart by where they lie."""
        first = self.files[0]
        return first.study, self.folder if self.is_copy or not first.study else None


@dataclass(frozen=True)
class _Segmentation:
    file: DicomObjectFacts
    facts: SegmentationFacts

    @property
    def path(self) -> Path:
        return self.file.path


@dataclass
class _Source:
    """What was found below the root."""

    root: Path
    series: list[_Series]
    segmentations: list[_Segmentation]
    # How many files of DICOM each folder holds with all below it: whether a folder can stand for one series.
    files_below: Counter[Path]
    notes: list[str]


def read(root: Path, options: SourceOptions) -> FoundCases:
    """Return a case for each segmentation of an image series, at any depth and whatever the files are called.

    A SEG or RT Structure Set belongs to the series that it refers to; where it names SOP instances alone, to the series of the
    first that is here. Where the same series lies in several folders, it belongs to the one nearest to it. Cases are called
    like the folder of their images, with the series number where a folder holds several series, and with that of the
    segmentation where an image has several; nothing of a patient's name or ID is used.

    With `reference_series`, one candidate is wanted for each image: several are a fault, as is a reference alone.

    Raises
    ------
    BadDataError
        If there is no DICOM file.
    """
    source = _source(root)
    owned, orphans = _owned(source)
    site = {id(series): institution(series.files[0].path) for series in source.series if id(series) in owned}
    names = _names(source)
    cases: list[CohortCase] = []
    for series in source.series:
        own = owned.get(id(series))
        if own:
            cases += _cases(names[id(series)], series, own, source, options, site[id(series)])
    cases += _without_segmentation(source, owned, names)
    cases += [_orphan(root, one) for one in orphans]
    return FoundCases("dicom", tuple(sorted(cases, key=lambda case: (by_number(case.case), case.case))), tuple(source.notes))


def _source(root: Path) -> _Source:
    notes: list[str] = []
    paths = [file for _, files in walk(root, notes) for file in files if file.name.upper() != "DICOMDIR"]
    with ThreadPoolExecutor(_THREADS) as pool:
        looked_at = list(pool.map(_look_at, paths))
    damaged = [found for found in looked_at if isinstance(found, BadDataError)]
    objects = [found for found in looked_at if isinstance(found, DicomObjectFacts)]
    if not objects and not damaged:
        held = f"no DICOM file ({len(paths)} other files)" if paths else "no files"
        notes.append(f"{shown(root)}: {held}.")
    segmentations = []
    for one in objects:
        if one.is_segmentation:
            try:
                segmentations.append(_Segmentation(one, segmentation_facts(one.path)))
            except BadDataError as error:
                damaged.append(error)
    notes += [f"{shown(str(error))}" for error in damaged[:_DAMAGED_SHOWN]]
    if len(damaged) > _DAMAGED_SHOWN:
        notes.append(f"{len(damaged) - _DAMAGED_SHOWN} more files cannot be read.")
    others = Counter(one.modality or "no modality" for one in objects if not one.is_image and not one.is_segmentation)
    if others:
        listed = ", ".join(f"{count} x {modality}" for modality, count in sorted(others.items()))
        notes.append(f"DICOM objects that are neither images nor segmentations were passed over: {listed}.")
    files_below: Counter[Path] = Counter()
    for one in objects:
        folder = one.path.parent
        while True:
            files_below[folder] += 1
            if folder == root or folder == folder.parent:
                break
            folder = folder.parent
    return _Source(root, list(_series(objects)), segmentations, files_below, notes)


def _look_at(path: Path) -> DicomObjectFacts | BadDataError | None:
    try:
        return dicom_object_facts(path)
    except BadDataError as error:
        return error


def _series(objects: Iterable[DicomObjectFacts]) -> Iterator[_Series]:
    by_uid: dict[str, dict[tuple, _Series]] = defaultdict(dict)
    for one in objects:
        if one.is_image:
            # Without a UID, series of different patients may share a number: their folders tell them apart.
            key = (one.path.parent,) if one.series else (one.path.parent, one.series_number)
            by_uid[one.series].setdefault(key, _Series(one.series)).files.append(one)
    for uid, parts in by_uid.items():
        here = list(parts.values())
        if uid == "" or len(here) == 1:
            yield from here
        elif _share_instances(here):
            for one in here:
                one.is_copy = True
                yield one
        else:
            yield _Series(uid, [file for one in here for file in one.files])


def _share_instances(parts: Sequence[_Series]) -> bool:
    """Return whether folders hold the same images again, rather than each a part of a series."""
    instances = [{file.instance for file in part.files if file.instance} for part in parts]
    return sum(map(len, instances)) > len(set().union(*instances)) or not all(instances)


def _owned(source: _Source) -> tuple[dict[int, list[_Segmentation]], list[_Segmentation]]:
    """Return the segmentations of each series, by the identity of the series, and those whose images are not here."""
    by_uid: dict[str, list[_Series]] = defaultdict(list)
    by_instance: dict[str, list[_Series]] = defaultdict(list)
    wanted = {uid for one in source.segmentations if not one.facts.series for uid in one.facts.instances}
    for series in source.series:
        if series.uid:
            by_uid[series.uid].append(series)
        for file in series.files if wanted else ():
            if file.instance in wanted:
                by_instance[file.instance].append(series)
    owned, orphans = defaultdict(list), []
    elsewhere: list[Path] = []
    for one in source.segmentations:
        found = [by_uid[uid] for uid in one.facts.series if uid in by_uid]
        if not one.facts.series:
            found = [by_instance[uid] for uid in one.facts.instances if uid in by_instance]
        if found:
            series = _nearest(one.path, found[0])
            owned[id(series)].append(one)
            if one.file.study and series.files[0].study and one.file.study != series.files[0].study:
                elsewhere.append(one.path)
        else:
            orphans.append(one)
    if elsewhere:
        source.notes.append(
            f"{len(elsewhere)} segmentations are of another study than the images that they refer to; make sure that they are of"
            f" the same patient: {few([shown(path) for path in elsewhere])}."
        )
    return owned, orphans


def _nearest(path: Path, series: Sequence[_Series]) -> _Series:
    """Return the series whose folder shares most of a file's path."""
    own = path.parent.parts

    def shared(one: _Series) -> int:
        return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(own, one.folder.parts, strict=False)))

    # Of two at the same distance, the one that is less deep below the common folder, then the first by name.
    return min(series, key=lambda one: (-shared(one), len(one.folder.parts), str(one.folder)))


def _names(source: _Source) -> dict[int, str]:
    """Return a name for each series: its folder, with the series number or digits of the UID's hash where there are several."""
    by_folder: dict[Path, list[_Series]] = defaultdict(list)
    for series in source.series:
        by_folder[series.folder].append(series)
    names = {}
    for folder, here in by_folder.items():
        name = _folder_name(source.root, folder)
        numbers = Counter(series.files[0].series_number for series in here)
        for series in here:
            number = series.files[0].series_number
            if len(here) == 1:
                names[id(series)] = name
            elif number and numbers[number] == 1:
                names[id(series)] = f"{name} series {number}"
            else:
                # Not their place among them: a series that is added must not rename the others.
                digits = hashlib.sha256(series.uid.encode()).hexdigest()[:DIGITS]
                names[id(series)] = f"{name} series {number} {digits}" if number else f"{name} series {digits}"
    return names


def _folder_name(root: Path, folder: Path) -> str:
    inside = shown(folder.relative_to(root).as_posix())
    return shown(root.resolve().name) or "cohort" if inside == "." else inside


def _cases(
    name: str, series: _Series, own: Sequence[_Segmentation], source: _Source, options: SourceOptions, site: str | None
) -> Iterator[CohortCase]:
    own = sorted(own, key=lambda one: str(one.path))
    references = [one for one in own if options.reference_series is not None and _matches(one, options.reference_series)]
    candidates = [one for one in own if one not in references]
    if options.candidate_series is not None:
        left_out = [one for one in candidates if not _matches(one, options.candidate_series)]
        candidates = [one for one in candidates if one not in left_out]
        source.notes += [
            f"{shown(one.path)}: passed over, because its series description {one.facts.description!r} is neither the candidate's"
            " nor the reference's."
            for one in left_out
        ]
    image, fault = _image(source, series, own)
    shared = {
        "image": image,
        "references": tuple(one.path for one in references),
        "site": site,
    }
    if fault is None and not candidates:
        fault = CaseFault(
            name,
            f"has {len(references)} reference segmentation{'s' if len(references) != 1 else ''} and no candidate"
            f" (its segmentations are {_described(own)}).",
            "Add the segmentation under test, or say which it is by its series description (candidate series).",
        )
    if fault is None and options.reference_series is not None and len(candidates) > 1:
        fault = CaseFault(
            name,
            f"has {len(candidates)} segmentations where one candidate is wanted: {_described(candidates)}.",
            "Say by its series description which one is the candidate (candidate series), or take the others out of the folder.",
        )
        candidates = []
    if not candidates:
        yield CohortCase(name, candidate=None, fault=fault, **shared)
    for one, suffix in zip(candidates, _suffixes(candidates), strict=True):
        yield CohortCase(f"{name}{suffix}", candidate=one.path, reader=one.facts.reader, fault=fault, **shared)


def _matches(one: _Segmentation, pattern: str) -> bool:
    # Brackets and question marks are letters in a description, not a choice of them.
    escaped = re.sub(r"[\[?]", r"[\g<0>]", pattern.strip())
    return fnmatch.fnmatchcase(one.facts.description.casefold(), escaped.casefold())


def _described(segmentations: Sequence[_Segmentation]) -> str:
    return few([f"{shown(one.path.name)} ({one.facts.description or 'no series description'})" for one in segmentations])


def _suffixes(candidates: Sequence[_Segmentation]) -> list[str]:
    if len(candidates) == 1:
        return [""]
    numbers = [one.file.series_number for one in candidates]
    if all(numbers) and len(set(numbers)) == len(numbers):
        return [f" segmentation {number}" for number in numbers]
    return [f" segmentation {shown(one.path.name)}" for one in candidates]


def _image(source: _Source, series: _Series, own: Sequence[_Segmentation]) -> tuple[Path | None, CaseFault | None]:
    """Return the folder of a series that holds nothing else, else one of its files, by which reading knows the series."""
    if source.files_below[series.folder] == len(series.files):
        return series.folder, None
    if len(series.folders) == 1:
        referred = {uid for one in own for uid in one.facts.instances}
        files = [file for file in series.files if not file.is_localizer] or series.files
        return min(files, key=lambda file: (file.instance not in referred, str(file.path))).path, None
    return None, CaseFault(
        shown(series.folder),
        f"holds one series in {len(series.folders)} folders, together with other DICOM files.",
        "Put all images of a series into one folder.",
    )


def _without_segmentation(source: _Source, owned: dict[int, list[_Segmentation]], names: dict[int, str]) -> Iterator[CohortCase]:
    """Yield a case with its fault for each study without a segmentation; tell of other series what was passed over."""
    by_study: dict[tuple, list[_Series]] = defaultdict(list)
    for series in source.series:
        by_study[series.study].append(series)
    single, extra = 0, 0
    for here in by_study.values():
        # A localizer, and one image alone, is nothing to segment.
        volumes = [series for series in here if not (series.is_localizer or series.is_one_image)]
        unsegmented = [series for series in volumes if id(series) not in owned]
        single += sum(1 for series in here if series not in volumes and id(series) not in owned)
        if any(id(series) in owned for series in here):
            extra += len(unsegmented)
        elif volumes:
            place = Path(os.path.commonpath([series.folder for series in volumes]))
            name = names[id(volumes[0])] if len(volumes) == 1 else _folder_name(source.root, place)
            yield CohortCase(
                name,
                image=_image(source, volumes[0], ())[0] if len(volumes) == 1 else None,
                candidate=None,
                fault=CaseFault(
                    shown(place),
                    f"has {len(volumes)} image series and no segmentation." if len(volumes) > 1 else "has no segmentation.",
                    "Add the SEG or RTSTRUCT that was drawn on it, or take the study out of the folder.",
                ),
            )
    if single:
        source.notes.append(f"{single} series of localizers or of a single image were passed over.")
    if extra:
        source.notes.append(f"{extra} image series without a segmentation, of studies that have one, were passed over.")


def _orphan(root: Path, one: _Segmentation) -> CohortCase:
    said = f"series {few(one.facts.series)}" if one.facts.series else f"{len(one.facts.instances)} images"
    if not one.facts.series and not one.facts.instances:
        fault = CaseFault(
            shown(one.path),
            "is a segmentation that does not say on which images it was drawn.",
            "Export it again with references to its images, or name image and segmentation in a CSV file.",
        )
    else:
        fault = CaseFault(
            shown(one.path),
            f"is a segmentation of {said}, which {'are' if said.endswith('images') else 'is'} not in this folder.",
            "Copy the images into the folder, or take the segmentation out.",
        )
    return CohortCase(shown(one.path.relative_to(root).as_posix()), None, candidate=one.path, reader=one.facts.reader, fault=fault)
