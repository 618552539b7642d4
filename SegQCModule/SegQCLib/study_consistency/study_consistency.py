"""Consistency of a study: all its series, what they share, other platforms over time, and lesions over comparable series."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Literal

from SegQCLib.dataclass_json import json_schema, to_json
from SegQCLib.evaluate import software_versions
from SegQCLib.progress import Progress, counted, unwatched
from SegQCLib.protocol import LoadedProtocol, QCProtocol
from SegQCLib.record import Deidentification, ProtocolIdentity
from SegQCLib.report_acquisition import fact_groups
from SegQCLib.study_consistency import image_kinds, longest_diameter
from SegQCLib.study_consistency.compare_series import Difference, compare_series
from SegQCLib.study_consistency.fact_rules import CONSENSUS, FactRule, fact_rules, fact_title, fact_values
from SegQCLib.study_consistency.follow_lesions import follow_lesions
from SegQCLib.study_consistency.lesion_course import DiameterSum, LesionCourse
from SegQCLib.study_consistency.study_series import ReadStudy, StudySeries
from SegQCLib.study_consistency.timepoint import in_order
from SegQCLib.study_consistency.uniformity import FactUniformity, fact_uniformity
from SegQCLib.words import few

STUDY_SCHEMA_ID = "https://segqc.invalid/schemas/study_consistency.schema.json"

# What the headers say of how an image was reconstructed and changed after that.
_POST_RECONSTRUCTION = (
    "image_type", "convolution_kernel", "filter_type", "reconstruction_method", "corrected_image", "derivation_description",
    "derivation_codes", "lossy_compression", "lossy_compression_ratios",
)  # fmt: skip

RULES = (
    image_kinds.HOW,
    (
        "The study's value of a fact is the most frequent one among all series of a kind; series with a rarer value break"
        " uniformity. Where several values are equally frequent there is no such value. What a header does not say is not counted"
        " as a difference."
    ),
    (
        "A follow-up was made on another platform where manufacturer, model, field strength or software versions are not those of"
        " the patient's first series of this kind."
    ),
    (
        "Changes are given between series that share every fact that the rules ask for; a header that does not say a needed fact"
        " cannot show that. A different window alone is told as a caveat: voxels do not change with it."
    ),
    (
        "Lesions are matched by Tracking UID (0062,0021) where one comes back at another time point, else by segment name: many"
        " programs, SegQC too, give every new segmentation UIDs of its own."
    ),
    (
        f"{longest_diameter.DEFINITION}. RECIST 1.1 (Eisenhauer et al., Eur J Cancer 2009;45:228-247,"
        " doi 10.1016/j.ejca.2008.10.026) needs a trained reader and axial slices, measures lymph nodes by their short"
        " axis, and sums at most five target lesions, two in an organ."
    ),
    (
        "Changes are against the first and the previous time point. RECIST 1.1 judges shrinkage against the baseline, but growth"
        " against the smallest sum of diameters so far, together with new lesions and with lesions that are not measured."
    ),
    (
        "No class of response is given. How much a change is beyond the error of measurement is not known: it takes repeated"
        " segmentations by the same readers (segqc agreement)."
    ),
    "Only headers of images are read: whether pixels are complete is not looked at.",
)  # fmt: skip


@dataclass(frozen=True)
class ShownFact:
    """A fact as a header says it."""

    fact: str = field(metadata={"doc": "Name of the fact, as in record.json."})
    title: str = field(metadata={"doc": "Its DICOM attribute, with tag."})
    text: str = field(metadata={"doc": "What the header says, with unit."})


@dataclass(frozen=True)
class SeriesFacts:
    """One series."""

    case: str = field(metadata={"doc": "Case."})
    patient: str = field(metadata={"doc": "Patient as given, or the pseudonym."})
    timepoint: str = field(metadata={"doc": "Time point as given, or Study Date (0008,0020); empty: none."})
    kind: str | None = field(metadata={"doc": "Kind of image within which it is compared; null: it could not be read."})
    modality: str | None = field(metadata={"doc": "Modality (0008,0060)."})
    series_description: str | None = field(metadata={"doc": "Series Description (0008,103E)."})
    series_instance_uid: str | None = field(metadata={"doc": "Series Instance UID (0020,000E)."})
    slices: int | None = field(metadata={"doc": "Slices of the volume."})
    slice_spacing_mm: float | None = field(metadata={"doc": "Distance between slices, measured on their positions, mm."})
    pixel_spacing_mm: tuple[float, ...] = field(metadata={"doc": "Between rows and between columns, mm."})
    facts: tuple[ShownFact, ...] = field(metadata={"doc": "What the header says of the facts that must not change."})
    post_reconstruction: tuple[ShownFact, ...] = field(
        metadata={"doc": "Reconstruction and post-reconstruction algorithms as far as the header has them."}
    )
    breaks: tuple[str, ...] = field(metadata={"doc": "Facts in which it breaks the study's uniformity."})
    not_told: tuple[str, ...] = field(metadata={"doc": "Facts that must not change and that its header does not say."})
    segmentations: int = field(metadata={"doc": "Segmentations of it that were read."})
    error: str | None = field(metadata={"doc": "Why it could not be read; it is then in no comparison."})
    remarks: tuple[str, ...] = field(metadata={"doc": "What else was noticed."})


@dataclass(frozen=True)
class KindOfImage:
    """All series that are compared with each other."""

    kind: str = field(metadata={"doc": "What they are."})
    series: int = field(metadata={"doc": "Series in it."})
    patients: int = field(metadata={"doc": "Patients in it."})
    facts: tuple[FactUniformity, ...] = field(
        metadata={"doc": "Fact by fact; of a single series those that are not the same in all its slices."}
    )
    breaking: tuple[str, ...] = field(metadata={"doc": "Cases that break uniformity in at least one fact that hinders comparison."})


@dataclass(frozen=True)
class FollowUp:
    """A later series of a patient against the first of its kind."""

    patient: str = field(metadata={"doc": "Patient."})
    kind: str = field(metadata={"doc": "Kind of image."})
    first_case: str = field(metadata={"doc": "The first series."})
    first_timepoint: str = field(metadata={"doc": "Its time point."})
    case: str = field(metadata={"doc": "The later series."})
    timepoint: str = field(metadata={"doc": "Its time point."})
    other_platform: bool | None = field(
        metadata={"doc": "Whether hardware or software differ; null: at least one header does not say, and nothing differs."}
    )
    comparable: bool = field(metadata={"doc": "Whether both share every fact that the rules ask for."})
    differences: tuple[Difference, ...] = field(metadata={"doc": "What differs."})
    not_told: tuple[str, ...] = field(metadata={"doc": "Attributes that a header does not say."})
    caveats: tuple[str, ...] = field(metadata={"doc": "What hinders no comparison and should be known."})


@dataclass(frozen=True)
class StudyConsistency:
    """What a study's series share over time and over the study, and how lesions change between comparable series."""

    schema: Literal["segqc-study-consistency"] = field(metadata={"doc": "Always segqc-study-consistency."})
    schema_version: Literal["1.0"] = field(metadata={"doc": "Version of this format."})
    created: str = field(metadata={"doc": "When, ISO 8601."})
    software: dict[str, str] = field(metadata={"doc": "Versions of what computed this."})
    origin: str = field(metadata={"doc": "What was read: worklist, DICOM folder or finished evaluations."})
    protocol: ProtocolIdentity | None = field(metadata={"doc": "The study's protocol; null: none was given."})
    rule_sources: tuple[str, ...] = field(metadata={"doc": "Who asks that facts do not change."})
    series: tuple[SeriesFacts, ...] = field(metadata={"doc": "Every series found, also those that could not be read."})
    kinds: tuple[KindOfImage, ...] = field(metadata={"doc": "The kinds of images."})
    follow_ups: tuple[FollowUp, ...] = field(metadata={"doc": "Each later series of a patient against the first of its kind."})
    lesions: tuple[LesionCourse, ...] = field(metadata={"doc": "Every lesion over time."})
    sums: tuple[DiameterSum, ...] = field(metadata={"doc": "Sums of RECIST-like longest diameters."})
    notes: tuple[str, ...] = field(metadata={"doc": "What was noticed at reading."})
    rules: tuple[str, ...] = field(metadata={"doc": "How it was computed, in sentences."})
    simulated: bool = field(metadata={"doc": "Whether an input says that its data are simulated."})
    deidentification: Deidentification | None = field(default=None, metadata={"doc": "How it was de-identified; null: it was not."})

    @property
    def unread(self) -> tuple[SeriesFacts, ...]:
        """The series that could not be read."""
        return tuple(one for one in self.series if one.error is not None)

    @property
    def on_other_platform(self) -> tuple[FollowUp, ...]:
        """The follow-ups made on other hardware or software than the patient's first series."""
        return tuple(one for one in self.follow_ups if one.other_platform)

    def to_json(self) -> str:
        return to_json(self)


def study_schema() -> dict:
    """Return the JSON Schema of what `segqc study --json` writes."""
    return json_schema(StudyConsistency, title="SegQC consistency of a study", identifier=STUDY_SCHEMA_ID)


def study_consistency(study: ReadStudy, protocol: LoadedProtocol | None, progress: Progress = unwatched) -> StudyConsistency:
    """Return what the series of a study share, fact by fact, over time, and how lesions changed.

    Parameters
    ----------
    study : ReadStudy
        Each series once: see `with_same_images_together`.
    protocol : LoadedProtocol or None
        Whose `uniform_in_study` names facts that must not change; guidelines name them where it is silent.
    """
    rules_of, document = {}, protocol.protocol if protocol else None
    study = replace(study, series=_by_patient_and_time(study.series))
    kinds = image_kinds.image_kinds(study.series)
    by_kind: dict[str, list[StudySeries]] = {}
    not_followed: dict[str, None] = {}
    for one, kind in zip(study.series, kinds, strict=True):
        if one.error is None:
            by_kind.setdefault(kind, []).append(one)
    found_kinds, follow_ups, lesions, sums, notes = [], [], [], [], list(study.notes)
    for kind in counted(progress, "Comparing", list(by_kind)):
        members = by_kind[kind]
        # A name of its own for a kind may hold two modalities: facts of one of them are asked of nobody then.
        modalities = {one.acquisition.modality for one in members}
        rules = rules_of[kind] = fact_rules(modalities.pop() if len(modalities) == 1 else None, document)
        found_kinds.append(_kind(kind, members, rules, document))
        patients = dict.fromkeys(one.patient for one in members)
        for patient in patients:
            own = [one for one in members if one.patient == patient]
            follow_ups += _follow_ups(patient, kind, own, rules, document)
            followed = follow_lesions(patient, kind, own, rules, document)
            lesions += followed.courses
            sums += followed.sums
            notes += followed.notes
            not_followed |= dict.fromkeys(followed.not_followed)
    if not_followed:
        notes.append(f"Segments that are no lesions are not followed: {few(list(not_followed))}.")
    breaking = {(kind.kind, fact.fact): set(fact.breaking) for kind in found_kinds for fact in kind.facts}
    return StudyConsistency(
        schema="segqc-study-consistency",
        schema_version="1.0",
        created=datetime.now(UTC).astimezone().isoformat(timespec="seconds"),
        software=software_versions("matplotlib"),
        origin=study.origin,
        protocol=ProtocolIdentity(document.id, document.version, document.title, protocol.sha256) if protocol else None,
        rule_sources=tuple(dict.fromkeys(rule.source for rules in rules_of.values() for rule in rules)) or (CONSENSUS,),
        series=tuple(
            _series_facts(one, kind if one.error is None else None, rules_of.get(kind, ()), breaking, document)
            for one, kind in zip(study.series, kinds, strict=True)
        ),
        kinds=tuple(found_kinds),
        follow_ups=tuple(follow_ups),
        lesions=tuple(lesions),
        sums=tuple(sums),
        notes=tuple(notes),
        rules=RULES,
        simulated=any(one.simulated for one in study.series),
    )


def _by_patient_and_time(series: Sequence[StudySeries]) -> tuple[StudySeries, ...]:
    ordered: list[StudySeries] = []
    for patient in dict.fromkeys(one.patient for one in series):
        own = [one for one in series if one.patient == patient]
        moments, _ = in_order([one.timepoint for one in own], [one.acquisition.acquisition_date for one in own])
        ordered += [own[place] for places in moments for place in places]
    return tuple(ordered)


def _kind(kind: str, members: Sequence[StudySeries], rules: Sequence[FactRule], protocol: QCProtocol | None) -> KindOfImage:
    counted_once = [one for one in members if one.same_images_as is None]
    facts = fact_uniformity(counted_once, rules, protocol)
    if len(counted_once) == 1:
        # Alone it differs from no other series, but it can differ within itself.
        facts = tuple(fact for fact in facts if fact.mixed)
    breaking = dict.fromkeys(case for fact in facts if fact.hinders_comparison for case in fact.breaking)
    return KindOfImage(kind, len(counted_once), len({one.patient for one in members}), facts, tuple(breaking))


def _follow_ups(
    patient: str, kind: str, own: Sequence[StudySeries], rules: Sequence[FactRule], protocol: QCProtocol | None
) -> list[FollowUp]:
    own = [one for one in own if one.same_images_as is None]
    if len(own) < 2:
        return []
    moments, _ = in_order([one.timepoint for one in own], [one.acquisition.acquisition_date for one in own])
    first, found = own[moments[0][0]], []
    for place in (place for places in moments[1:] for place in places):
        later = own[place]
        compared = compare_series(first, later, rules, protocol)
        platforms = [one.platform for one in compared.differences]
        silent = any(rule.platform != "acquisition" for rule in compared.not_told)
        other = True if {"hardware", "software"} & set(platforms) else None if silent else False
        found.append(
            FollowUp(
                patient=patient,
                kind=kind,
                first_case=first.case,
                first_timepoint=first.timepoint.text,
                case=later.case,
                timepoint=later.timepoint.text,
                other_platform=other,
                comparable=compared.comparable,
                differences=compared.differences,
                not_told=tuple(rule.title for rule in compared.not_told),
                caveats=compared.caveats,
            )
        )
    return found


def _series_facts(
    one: StudySeries,
    kind: str | None,
    rules: Sequence[FactRule],
    breaking: dict[tuple[str, str], set[str]],
    protocol: QCProtocol | None,
) -> SeriesFacts:
    values = fact_values(one.acquisition, one.geometry, protocol)
    grid = one.geometry
    remarks = [f"{read.name}: {read.error}" for read in one.reads if read.error is not None]
    if one.same_images_as is not None:
        remarks.append(
            f"The same images as {one.same_images_as} (Series Instance UID (0020,000E)), given for another patient or time point:"
            " counted once, and not compared with each other."
        )
    return SeriesFacts(
        case=one.case,
        patient=one.patient,
        timepoint=one.timepoint.text,
        kind=kind,
        modality=one.acquisition.modality,
        series_description=one.acquisition.series_description,
        series_instance_uid=one.acquisition.series_instance_uid,
        slices=grid.size[0] if grid else None,
        slice_spacing_mm=grid.spacing_mm[0] if grid else None,
        pixel_spacing_mm=grid.spacing_mm[1:] if grid else (),
        facts=tuple(ShownFact(rule.fact, rule.title, values[rule.fact].text) for rule in rules if rule.fact in values),
        post_reconstruction=tuple(_post_reconstruction(one)),
        breaks=tuple(rule.fact for rule in rules if kind and one.case in breaking.get((kind, rule.fact), ())),
        not_told=tuple(rule.fact for rule in rules if kind and rule.missing == "hinders" and rule.fact not in values),
        segmentations=sum(read.error is None for read in one.reads),
        error=one.error,
        remarks=tuple(remarks),
    )


def _post_reconstruction(one: StudySeries) -> list[ShownFact]:
    if one.geometry is None:
        return []
    texts = {row.attribute: row.text for group in fact_groups(one.acquisition, one.geometry) for row in group.rows}
    titles = {fact: fact_title(fact) for fact in _POST_RECONSTRUCTION}
    return [ShownFact(fact, title, texts[title]) for fact, title in titles.items() if title in texts]
