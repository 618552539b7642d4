"""Cases from a BIDS tree: raw images below sub-*, segmentations below derivatives/<pipeline>/sub-*.

References
----------
Brain Imaging Data Structure specification 1.10: derivatives, imaging data types (masks, segmentations, look-up tables), and common
principles (inheritance). Gorgolewski et al., Sci Data 3:160044, 2016, doi:10.1038/sdata.2016.44.
"""

from __future__ import annotations

import json
import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from SegQCLib.cohort.cohort_case import CaseFault, CohortCase
from SegQCLib.cohort.sources.bids_name import BidsName, bids_name
from SegQCLib.cohort.sources.case_names import shown
from SegQCLib.cohort.sources.found_cases import FoundCases
from SegQCLib.cohort.sources.source_options import SourceOptions
from SegQCLib.cohort.sources.walk import entries
from SegQCLib.csv_rows import read_csv_rows
from SegQCLib.errors import BadDataError
from SegQCLib.words import few
from SegQCLib.worklist import by_number

_DERIVATIVES = "derivatives"
_SEGMENTATIONS = ("dseg", "mask")
# Not images of a patient: field maps, probabilities, transforms.
_NOT_SEGMENTED = ("probseg", "phasediff", "phase1", "phase2", "magnitude", "magnitude1", "magnitude2", "fieldmap", "defacemask")
_SITES = ("site", "site_id")


@dataclass(frozen=True)
class _Session:
    """One sub-*/[ses-*/] of the raw data or of a pipeline."""

    patient: str
    name: str
    images: tuple[BidsName, ...]


@dataclass(frozen=True)
class _Drawn:
    """A segmentation and the images that it may be of: one where that is clear."""

    name: BidsName
    session: str
    images: tuple[BidsName, ...]
    unclear: str

    @property
    def image(self) -> BidsName | None:
        return self.images[0] if len(self.images) == 1 else None

    @property
    def kind(self) -> tuple[object, ...]:
        """What it shows, whoever drew it: desc tells readers and versions apart."""
        return (self.name.suffix, *(self.name.value(key) for key in ("label", "seg", "atlas", "scale", "hemi")))


@dataclass(frozen=True)
class _Beside:
    """What stands beside the candidates: the segmentations of other pipelines by session (None: not asked for), and tables."""

    root: Path
    pipeline: Path
    is_draft: bool
    sites: dict[str, str]
    references: dict[str, list[_Drawn]] | None
    drafts: dict[str, list[_Drawn]] | None
    # By folder: ten thousand subjects share those at the root.
    tables: dict[Path, list[BidsName]] = field(default_factory=dict)


def recognises(folder: Path) -> bool:
    """Return whether a folder is laid out as a BIDS tree with derivatives."""
    subjects = any(item.name.startswith("sub-") for item in entries(folder, [])[0])
    return subjects and ((folder / _DERIVATIVES).is_dir() or (folder / "dataset_description.json").is_file())


def read(root: Path, options: SourceOptions) -> FoundCases:
    """Return a case for each segmentation (`*_dseg`, `*_mask`) of the candidate's pipeline.

    The image of a segmentation is the one that its JSON file names (Sources, RawSources), else the one whose entities it has;
    several of them are told apart by `space-` or `image_suffix`. A segmentation in another space needs an image in that space
    beside it. Several segmentations of one image are a case each. The labels are those of the `dseg.tsv` that applies.

    Raises
    ------
    BadDataError
        If there is no segmentation, or it is not clear which pipeline is the candidate's.
    """
    notes: list[str] = []
    pipelines = _pipelines(root, notes)
    candidate, is_draft = _candidate_pipeline(root, pipelines, options)
    raw = {session.name: session for session in _sessions(root, notes)}
    drawn = {
        name: _drawn(root, pipelines[name], raw, options, notes)
        for name in dict.fromkeys((candidate, options.reference_pipeline, options.draft_pipeline))
        if name is not None
    }
    sites = _sites(root, notes)
    beside = _Beside(
        root,
        pipelines[candidate],
        is_draft,
        sites,
        None if options.reference_pipeline is None else _by_session(drawn[options.reference_pipeline]),
        None if options.draft_pipeline is None or is_draft else _by_session(drawn[options.draft_pipeline]),
    )
    cases = [_case(one, beside) for one in _named(drawn[candidate])]
    seen = {one.session for one in drawn[candidate]}
    for session in raw.values():
        if session.name not in seen and session.images:
            fault = CaseFault(
                shown(session.name),
                f"has no segmentation in {shown(candidate)} (images here: {len(session.images)}).",
                "Run the pipeline on this subject too, or take the subject out of the tree.",
            )
            image = session.images[0].path if len(session.images) == 1 else None
            name = shown(session.name.replace("/", "_"))
            cases.append(
                CohortCase(name, image, None, patient=shown(session.patient), site=sites.get(session.patient), fault=fault)
            )
    several = Counter(one.image.path for one in drawn[candidate] if one.image)
    if any(count > 1 for count in several.values()):
        notes.append(
            f"{shown(candidate)} has several segmentations of {sum(count > 1 for count in several.values())} images: each is a case"
            " of its own. Masks of one structure each can be evaluated together when they are one label map (*_dseg.nii.gz)."
        )
    if any(one.name.suffix == "mask" for one in drawn[candidate]):
        notes.append(
            'Masks do not say what their value 1 is called: give a label table with --labels (a JSON such as {"tumor": 1}).'
        )
    return FoundCases("bids", tuple(sorted(cases, key=lambda case: (by_number(case.case), case.case))), tuple(notes))


def _pipelines(root: Path, notes: list[str]) -> dict[str, Path]:
    """Return the folders below derivatives that hold subjects, by name; derivatives itself where the subjects are in it."""
    here = root / _DERIVATIVES
    if not here.is_dir():
        return {}
    folders = entries(here, notes)[0]
    if any(folder.name.startswith("sub-") for folder in folders):
        return {_DERIVATIVES: here}
    return {folder.name: folder for folder in folders if any(one.name.startswith("sub-") for one in entries(folder, notes)[0])}


def _candidate_pipeline(root: Path, pipelines: dict[str, Path], options: SourceOptions) -> tuple[str, bool]:
    """Return the candidate's pipeline, and whether it is the drafts', because there is no other."""
    asked = (options.candidate_pipeline, options.reference_pipeline, options.draft_pipeline)
    unknown = [name for name in asked if name is not None and name not in pipelines]
    listed = few([shown(name) for name in pipelines]) or "none"
    if unknown:
        raise BadDataError(
            shown(root / _DERIVATIVES),
            f"has no pipeline {few(unknown)} with subjects (it has {listed}).",
            "Give the name of a folder below derivatives.",
        )
    if options.candidate_pipeline is not None:
        return options.candidate_pipeline, False
    left = [name for name in pipelines if name not in asked]
    if not left and options.draft_pipeline is not None:
        return options.draft_pipeline, True
    if len(left) != 1:
        raise BadDataError(
            shown(root / _DERIVATIVES),
            f"has {len(left)} pipelines that may be the candidate's ({few([shown(name) for name in left]) or 'none'}).",
            "Say which is the candidate's, the reference's and the draft's: --candidate-pipeline, --reference-pipeline,"
            " --draft-pipeline.",
        )
    return left[0], False


def _sessions(root: Path, notes: list[str]) -> Iterator[_Session]:
    for subject in entries(root, notes)[0]:
        if not subject.name.startswith("sub-"):
            continue
        folders = entries(subject, notes)[0]
        sessions = [folder for folder in folders if folder.name.startswith("ses-")]
        for place in sessions or [subject]:
            datatypes = [folder for folder in entries(place, notes)[0] if not folder.name.startswith("ses-")]
            files = [file for folder in datatypes for file in entries(folder, notes)[1]]
            images = tuple(name for file in files if (name := bids_name(file)) is not None and name.suffix not in _NOT_SEGMENTED)
            yield _Session(subject.name, place.relative_to(root).as_posix(), images)


def _drawn(root: Path, pipeline: Path, raw: dict[str, _Session], options: SourceOptions, notes: list[str]) -> list[_Drawn]:
    found = []
    for session in _sessions(pipeline, notes):
        raw_images = raw[session.name].images if session.name in raw else ()
        for name in session.images:
            if name.suffix in _SEGMENTATIONS:
                images, unclear = _images_of(root, name, raw_images, session.images, options)
                found.append(_Drawn(name, session.name, tuple(images), unclear))
    return found


def _images_of(
    root: Path, drawn: BidsName, raw: Sequence[BidsName], beside: Sequence[BidsName], options: SourceOptions
) -> tuple[list[BidsName], str]:
    """Return the images that a segmentation may be of, and what speaks against one where they are not one."""
    named = _sources(root, drawn)
    from_sidecar = [image for image in raw if _real(image.path) in named]
    if len(from_sidecar) == 1:
        return from_sidecar, ""
    space = drawn.value("space")
    suffixes = {image.suffix for image in raw}
    if space in (None, "orig") or space in suffixes:
        # Images of another kind lie in another folder: anat, ct, pet.
        here = [image for image in raw if image.path.parent.name == drawn.path.parent.name] or list(raw)
        fitting = [image for image in here if image.source == drawn.source]
        fitting = fitting or [image for image in here if drawn.source <= image.source]
        unclear = "no image has its entities"
    else:
        fitting = [
            image
            for image in beside
            if image.suffix not in _SEGMENTATIONS and image.value("space") == space and image.source == drawn.source
        ]
        unclear = f"it is in space {space}, and no image in that space lies beside it"
    wanted = space if space in suffixes else options.image_suffix
    if wanted is not None:
        fitting = [image for image in fitting if image.suffix == wanted]
        unclear = f"no image {wanted} has its entities"
    if len(fitting) > 1:
        unclear = f"it may be of {few([shown(image.path.name) for image in fitting])}"
    return fitting, "" if len(fitting) == 1 else unclear


def _sources(root: Path, drawn: BidsName) -> set[str]:
    """Return the files that a segmentation's JSON file says it was made from."""
    sidecar = drawn.path.with_name(drawn.path.name.removesuffix(".gz").removesuffix(".nii") + ".json")
    try:
        # Reading a pipe may never end.
        content = json.loads(sidecar.read_text(encoding="utf-8-sig")) if sidecar.is_file() else None
    except (OSError, ValueError, RecursionError):
        return set()
    if not isinstance(content, dict):
        return set()
    found = set()
    for key in ("Sources", "RawSources"):
        listed = content.get(key)
        for text in [listed] if isinstance(listed, str) else listed if isinstance(listed, list) else []:
            if isinstance(text, str):
                # bids:raw:sub-01/anat/..., or the older form without the data set's name.
                inside = text.rpartition(":")[2] if text.startswith("bids:") else text
                found.add(_real(root / inside))
    return found - {""}


def _real(path: Path) -> str:
    """Return where a path leads, whatever is in the way; "" for one that no file can have."""
    try:
        return os.path.realpath(path)
    except ValueError:
        # A NUL byte.
        return ""


def _named(drawn: Sequence[_Drawn]) -> Iterator[tuple[str, _Drawn]]:
    """Yield each segmentation with a name for its case: that of its image, with what tells it apart where there are several."""
    count = Counter(one.image.path for one in drawn if one.image)
    for one in drawn:
        if one.image is None:
            yield shown(_stem(one.name.path)), one
            continue
        own = [f"{key}-{value}" for key, value in one.name.entities if (key, value) not in one.image.entities]
        suffix = f" {'_'.join([*own, one.name.suffix])}" if count[one.image.path] > 1 else ""
        yield shown(_stem(one.image.path) + suffix), one


def _stem(path: Path) -> str:
    return path.name.removesuffix(".gz").removesuffix(".nii")


def _case(
    named: tuple[str, _Drawn],
    beside: _Beside,
) -> CohortCase:
    name, one = named
    references, fault = (), None
    draft: Path | None = None
    if one.image is None:
        fault = CaseFault(
            shown(one.name.path),
            f"belongs to no image for certain: {one.unclear}.",
            "Name its image in its JSON file (Sources), or choose the kind of image (--image-suffix), such as T1w or ct.",
        )
    if fault is None and beside.references is not None:
        references, fault = _fitting(one, beside.references.get(one.session, ()), "reference")
    if fault is None and beside.drafts is not None:
        drafts, fault = _fitting(one, beside.drafts.get(one.session, ()), "draft")
        if len(drafts) > 1:
            fault = CaseFault(
                shown(one.name.path), f"has {len(drafts)} drafts: {few([path.name for path in drafts])}.", "Keep one draft."
            )
        draft = drafts[0] if len(drafts) == 1 else None
    patient = one.session.partition("/")[0]
    return CohortCase(
        case=name,
        image=None if one.image is None else one.image.path,
        candidate=one.name.path,
        references=references,
        draft=draft,
        labels=_labels(one.name, beside),
        candidate_is_draft=beside.is_draft,
        patient=shown(patient),
        site=beside.sites.get(patient),
        fault=fault,
    )


def _by_session(drawn: Sequence[_Drawn]) -> dict[str, list[_Drawn]]:
    sessions: dict[str, list[_Drawn]] = defaultdict(list)
    for one in drawn:
        sessions[one.session].append(one)
    return sessions


def _fitting(one: _Drawn, others: Sequence[_Drawn], role: str) -> tuple[tuple[Path, ...], CaseFault | None]:
    """Return another pipeline's segmentations of the same image and the same structures; none is no fault."""
    here = [other for other in others if other.image == one.image and other.name.path != one.name.path]
    alike = [other for other in here if other.kind == one.kind]
    if alike or not here:
        return tuple(other.name.path for other in alike), None
    if len(here) == 1:
        return (here[0].name.path,), None
    fault = CaseFault(
        shown(one.name.path),
        f"has {len(here)} segmentations that may be its {role}: {few([shown(other.name.path.name) for other in here])}.",
        "Give candidate and " + role + " the same label- and seg- entities.",
    )
    return (), fault


def _labels(drawn: BidsName, beside: _Beside) -> str | None:
    """Return the look-up table that applies: the nearest one above the file whose entities the file has."""
    place = drawn.path.parent
    while True:
        if place not in beside.tables:
            names = [bids_name(file, (".tsv",)) for file in sorted(place.glob("*.tsv")) if _is_file(file)]
            beside.tables[place] = [name for name in names if name is not None]
        fitting = [
            name for name in beside.tables[place] if name.suffix == drawn.suffix and set(name.entities) <= set(drawn.entities)
        ]
        if fitting:
            return str(max(fitting, key=lambda name: (len(name.entities), name.path.name)).path)
        if place in (beside.root, place.parent):
            return None
        place = beside.root if place == beside.pipeline else place.parent


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return False


def _sites(root: Path, notes: list[str]) -> dict[str, str]:
    table = root / "participants.tsv"
    if not _is_file(table):
        return {}
    try:
        rows = read_csv_rows(table)
    except BadDataError as error:
        notes.append(f"Sites are not known: {error}")
        return {}
    column = next((name for name in rows.header if name.casefold() in _SITES), None)
    if column is None or "participant_id" not in rows.header:
        return {}
    sites: dict[str, set[str]] = defaultdict(set)
    for _, row in rows.rows:
        # n/a is BIDS's word for a value that is missing.
        if row[column] not in ("", "n/a"):
            sites[row["participant_id"]].add(row[column])
    several = [patient for patient, named in sites.items() if len(named) > 1]
    if several:
        notes.append(f"{shown(table)}: names several sites of {few([shown(one) for one in several])}, so none is taken.")
    return {patient: named.pop() for patient, named in sites.items() if len(named) == 1}
