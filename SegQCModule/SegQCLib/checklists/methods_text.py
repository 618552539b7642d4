"""The methods paragraph: what is known in the words of a paper, and placeholders for the rest; no number is ever made up."""

from __future__ import annotations

from collections.abc import Iterator

from SegQCLib.checklists.filled_checklist import FilledChecklist, MethodsPart
from SegQCLib.checklists.fillers.segmented_structures import structures_of
from SegQCLib.checklists.over_cases import counted_texts, median_with_quartiles, numbers, plural
from SegQCLib.checklists.study_facts import StudyFacts
from SegQCLib.measure import DRAFT_ROLE
from SegQCLib.metric_texts import metric_text
from SegQCLib.protocol import QCProtocol

_SIMULATED = "[SIMULATED DATA: not the methods of a real study] "
_END = "\n\n"


def methods_parts(facts: StudyFacts) -> tuple[MethodsPart, ...]:
    """Return the methods paragraph piece by piece: images, protocol, readers, agreement, evaluation."""
    pieces = (_images(facts), _protocol(facts), _readers(facts), _agreement(facts), _evaluation(facts))
    start = (_known(_SIMULATED),) if facts.simulated else ()
    return (*start, *(part for piece in pieces for part in piece))


def methods_text(filled: FilledChecklist) -> str:
    """Return the methods paragraph as text; what nobody knows yet reads [to be completed: ...]."""
    return "".join(map(_shown, filled.methods)).rstrip() + "\n"


def _shown(part: MethodsPart) -> str:
    return part.text if part.text or not part.to_complete else f"[to be completed: {part.to_complete}]"


def _known(text: str) -> MethodsPart:
    return MethodsPart(text)


def _ask(to_complete: str, question: str | None = None) -> MethodsPart:
    return MethodsPart("", to_complete, question)


def _images(facts: StudyFacts) -> Iterator[MethodsPart]:
    yield _known("Images. This ")
    yield _ask("prospective or retrospective", "study_design")
    yield _known(" study used images from ")
    yield _ask("institutions or public data sets, with dates", "data_sources")
    yield _known(". ")
    if not facts.records:
        yield _ask("number of images, modality, scanner and acquisition parameters")
        yield _known("." + _END)
        return
    acquisitions = [record.case.acquisition for record in facts.records]
    modalities = counted_texts(one.modality or "modality not stated" for one in acquisitions)
    yield _known(f"Images segmented and evaluated: {facts.images or len(facts.records)} (by modality: {modalities}). Scanners: ")
    scanners = [f"{one.manufacturer} {one.model}" for one in acquisitions if one.manufacturer and one.model]
    yield _known(counted_texts(scanners)) if len(scanners) == len(acquisitions) else _ask("manufacturers and models")
    thicknesses = [value for one in acquisitions for value in one.slice_thicknesses_mm]
    yield _known("; slice thickness ")
    yield _known(numbers(thicknesses, "mm")) if all(one.slice_thicknesses_mm for one in acquisitions) else _ask("in mm")
    in_plane = [edge for record in facts.records for edge in record.case.geometry.spacing_mm[1:]]
    yield _known(f"; voxel edge in plane {numbers(in_plane, 'mm')}. Inclusion and exclusion: ")
    yield _ask("criteria, and how many cases were screened", "eligibility")
    yield _known("." + _END)


def _protocol(facts: StudyFacts) -> Iterator[MethodsPart]:
    yield _known("Segmentation protocol. ")
    if facts.protocol is None:
        yield _ask("which structures were segmented, by which written rules")
        yield _known("." + _END)
        return
    rules = facts.protocol.protocol
    covered = ""
    if facts.records and facts.under_protocol < len(facts.records):
        covered = f" ({facts.under_protocol} of {len(facts.records)} cases; the others under other protocols)"
    yield _known(f"Segmentation followed a written protocol ({rules.title}, version {rules.version}){covered}. ")
    yield _known("Structures (number of cases): ")
    present, _ = structures_of(facts)
    said = ", ".join(f"{name.replace('_', ' ')} ({count})" for name, count in present.most_common())
    yield _known(said) if said else _ask("which of the protocol's structures were segmented")
    yield _known(f". {_windows(rules)}")
    yield _known("Rules of what belongs to a structure: ")
    yield _ask("where borders were drawn, what was included and excluded", "segmentation_rules")
    yield _known("." + _END)


def _windows(rules: QCProtocol) -> str:
    if not rules.windows:
        return ""
    said = "; ".join(f"{one.name} {one.window} / {one.level}" for one in rules.windows)
    return f"Grey-scale windows (width / level): {said}. "


def _readers(facts: StudyFacts) -> Iterator[MethodsPart]:
    yield _known("Readers. ")
    reads = () if facts.reads is None else facts.reads.reads
    if not reads:
        yield _ask("number of readers, and how many cases each read")
        yield _known(" (")
    else:
        yield _known(f"{plural(len(facts.reads.readers), 'reader')} (")
    yield _ask("qualifications and years of experience of each reader", "reader_qualifications")
    yield _known(") segmented ")
    if reads:
        yield _known(f"{plural(len(facts.reads.cases), 'case')} in {plural(len(reads), 'read')} ")
    yield _known("with ")
    program = sorted({one["3D Slicer"] for one in (() if facts.reads is None else facts.reads.software) if "3D Slicer" in one})
    yield _known(f"3D Slicer {', '.join(program)}") if program else _ask("program and version", "annotation_program")
    yield _known(". ")
    training = None if facts.protocol is None else facts.protocol.protocol.reader_training
    if training is not None:
        yield _known(f"The protocol asks readers to have passed the course “{training.course}”. ")
    yield _known("Instructions and training given to readers: ")
    yield _ask("in words, or as a supplement")
    yield _known(".")
    if reads:
        anchored = sum(any(segment.ai_anchored for segment in read.segments) for read in reads)
        minutes = median_with_quartiles([read.seconds.active / 60 for read in reads], 1, "min")
        yield _known(f" An AI draft was in sight in {anchored} of {plural(len(reads), 'read')}. Active time of a read: {minutes}.")
    yield _known(_END)


def _agreement(facts: StudyFacts) -> Iterator[MethodsPart]:
    yield _known("Variability of readers. ")
    study = facts.agreement
    if study is None:
        yield _ask("how often readers read a case twice or together, and how well they agree")
    else:
        methods = dict.fromkeys(one.all_pairs.median.method for group in study.structures for one in group.measures)
        measures = dict.fromkeys(one.title for group in study.structures for one in group.measures)
        yield _known(
            f"Agreement was computed over {plural(study.cases, 'case')} of {plural(study.patients, 'patient')} and"
            f" {plural(len(study.readers), 'reader')}"
        )
        if measures:
            yield _known(f" ({', '.join(measures)}; 95 % intervals: {'; '.join(methods)})")
    yield _known(". Disagreements were resolved by ")
    yield _ask("consensus, majority, adjudication, or not at all", "discrepancies")
    yield _known("." + _END)


def _evaluation(facts: StudyFacts) -> Iterator[MethodsPart]:
    yield _known("Quality control. ")
    if not facts.records:
        yield _ask("how segmentations were checked")
        yield _known(".\n")
        return
    versions = ", ".join(sorted({record.software.get("SegQC", "version not stated") for record in facts.records}))
    verdicts = counted_texts(str(record.verdict) for record in facts.records)
    text = f"Every segmentation was checked with SegQC {versions} (cases by verdict: {verdicts})."
    measures = dict.fromkeys(
        metric_text(one.metric).long_name
        for record in facts.records
        for one in record.measurements
        if one.metric in ("dice", "surface_dice_protocol", "hausdorff_95_mm") and one.reference_role not in (None, DRAFT_ROLE)
    )
    if measures:
        text += f" Candidates were compared with reference segmentations by {', '.join(measures)}."
    yield _known(text + "\n")
