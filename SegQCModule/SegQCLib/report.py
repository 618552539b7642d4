"""The report: one self-contained HTML page of a record, for the screen and for A4.

It formats and orders what the record says and computes nothing. It opens without a network.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field, replace

from SegQCLib.difficulty.in_case import model_fault
from SegQCLib.difficulty.in_words import described_words, percent, sets_limit
from SegQCLib.findings import Finding, Status
from SegQCLib.measure import DRAFT_ROLE
from SegQCLib.metric_texts import MetricText, metric_order, metric_text
from SegQCLib.number_texts import beside, grouped, ratio, signed, volume
from SegQCLib.pictures import Picture, place_text
from SegQCLib.protocol import QCProtocol
from SegQCLib.protocols.sign_off_state import SIGN_OFF_WORDS
from SegQCLib.quality.quality_texts import number_name
from SegQCLib.readers.ratings import RatingGiven, answers, scale_text
from SegQCLib.record import Input, Measurement, QCRecord, SegmentExpectedAgreement, SegmentVerdict, Verdict
from SegQCLib.report_acquisition import fact_groups, missing_facts
from SegQCLib.report_quality import quality_section
from SegQCLib.templates import page_templates
from SegQCLib.verdict import is_excused
from SegQCLib.words import STATUS_WORDS, UNIT_WORDS, worst_first

_SHORT_HASH = 12
_MANY_FINDINGS = 30

_STATUS_SYMBOLS = {Status.FAIL: "✗", Status.WARN: "!", Status.NOT_EVALUATED: "–", Status.PASS: "✓"}
_VERDICT_WORDS = {
    Verdict.ACCEPT: ("✓", "Under this protocol the segmentation can be used."),
    Verdict.REVIEW: ("?", "A person has to look at this case and decide."),
    Verdict.REJECT: ("✗", "Under this protocol the segmentation is not usable as it is."),
}
_VERDICT_ORDER = (Verdict.REJECT, Verdict.REVIEW, Verdict.ACCEPT)
_GROUPS = {
    "overlap": "Overlap and surface agreement",
    "distance": "Distances between the surfaces",
    "size": "Volume, extent and shape",
    "other": "Other measures",
}


@dataclass(frozen=True)
class _Cell:
    """What a table shows for one measure of one segment.

    `note` numbers the footnote of an undefined value; `definition` is given where it is not the column's.
    `is_empty` means undefined, not measured, or a volume or count of 0.
    """

    text: str
    reason: str | None = None
    note: int | None = None
    definition: str | None = None
    is_empty: bool = False


_NOT_MEASURED = _Cell("–", "Not measured.", is_empty=True)


@dataclass(frozen=True)
class _Column:
    """One measure, under one definition where a segment has it under several.

    `definition` is None where it differs from segment to segment, as a tolerance does: then the cells have it.
    """

    text: MetricText
    unit: str
    definition: str | None


@dataclass(frozen=True)
class _Row:
    """What a table shows for one segment, or for several that are empty alike."""

    segments: tuple[str, ...]
    structure: str | None
    verdict: Verdict | None
    cells: tuple[_Cell, ...]


@dataclass(frozen=True)
class _Table:
    title: str
    columns: tuple[_Column, ...]
    rows: tuple[_Row, ...]

    @property
    def segment_count(self) -> int:
        return sum(len(row.segments) for row in self.rows)


@dataclass(frozen=True)
class _Block:
    """All measures against one reference, or of one segmentation by itself.

    Each pair of tables has the protocol's structures first and all other segments second.
    """

    title: str
    warning: str | None
    tables: tuple[tuple[_Table, _Table], ...]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class _Expected:
    """What the section on the experts' agreement shows of one segment.

    `measured` is the Dice that decides, the mean over the references; None where there is none.
    Its text and the threshold's have as many digits as it takes to tell them apart.
    """

    prediction: SegmentExpectedAgreement
    verdict: Verdict | None
    measured: float | None
    measured_text: str
    measured_note: str
    threshold_text: str
    sets_limit: bool
    described: str


@dataclass
class _Notes:
    """Footnotes of a block, each reason once."""

    reasons: list[str] = field(default_factory=list)

    def number(self, reason: str) -> int:
        if reason not in self.reasons:
            self.reasons.append(reason)
        return self.reasons.index(reason) + 1


def render_report(record: QCRecord, protocol: QCProtocol, pictures: tuple[Picture, ...]) -> str:
    """Return the report as one HTML page that needs no other file and loads nothing.

    Parameters
    ----------
    record : QCRecord
    protocol : QCProtocol
        The protocol that the record names.
    pictures : tuple of Picture
        From `slice_pictures`; empty is allowed and said on the page.

    Raises
    ------
    ValueError
        If the record was made under another protocol or another version of it.
    BadDataError
        If jinja2 is not installed.
    """
    if (record.protocol.id, record.protocol.version) != (protocol.id, protocol.version):
        raise ValueError(
            f"The record was made under {record.protocol.id} {record.protocol.version}, the protocol given is"
            f" {protocol.id} {protocol.version}. Give the protocol that the record names."
        )
    templates = page_templates("The report")
    templates.filters["sentence"] = _sentence
    templates.filters["ratio"] = ratio
    templates.filters["place"] = place_text
    templates.filters["moment"] = _created
    templates.filters["percent"] = percent
    templates.globals.update(
        status_words={status: (_STATUS_SYMBOLS[status], word) for status, word in STATUS_WORDS.items()},
        verdict_words=_VERDICT_WORDS,
        verdict_order=_VERDICT_ORDER,
        names=_names,
        sign_off_words=SIGN_OFF_WORDS,
    )
    attention, kept, others = _ordered_findings(record, protocol)
    counted = Counter(finding.status for finding in (*attention, *others))
    return templates.get_template("report.html").render(
        record=record,
        protocol=protocol,
        pictures=pictures,
        subject=_subject(record),
        created=_created(record.created),
        grid=_grid(record),
        facts=fact_groups(record.case.acquisition, record.case.geometry),
        missing_facts=missing_facts(record.case.acquisition, protocol),
        attention=attention,
        kept=kept,
        others=others,
        ratings=_rating_rows(record, protocol),
        others_open=len(others) <= _MANY_FINDINGS,
        finding_counts=[(status, counted[status]) for status in STATUS_WORDS],
        segment_verdicts=_alike(record.verdicts),
        verdict_counts=Counter(verdict.verdict for verdict in record.verdicts),
        blocks=_blocks(record, protocol),
        limits=[(metric_text(decision.metric), decision) for decision in protocol.decisions],
        tolerances=_tolerances(protocol),
        metrics=_metrics_used(record),
        quality=quality_section(record, protocol),
        simulated=record.says_simulated,
        expected=_expected(record),
        model_fault=model_fault(record.findings),
        methods=_methods(record, protocol),
    )


def _subject(record: QCRecord) -> str:
    """Return what was judged: the candidate's name and the image's."""
    shown = [entry.name for role in ("candidate", "image") for entry in record.inputs if entry.role == role]
    return " on ".join(shown) or record.protocol.title


def _created(text: str) -> str:
    """Return an ISO 8601 time as 2026-11-21 18:59 +00:00; any other text as it is."""
    found = re.fullmatch(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d)(?::\d\d(?:\.\d+)?)?(Z|[+-]\d\d:?\d\d)", text)
    return text if found is None else f"{found[1]} {found[2]} {'UTC' if found[3] in ('Z', '+00:00', '+0000') else 'UTC' + found[3]}"


def _ordered_findings(record: QCRecord, protocol: QCProtocol) -> tuple[list[Finding], list[Finding], list[Finding]]:
    """Return what asks for attention, what no longer does because a reader keeps it, and all other findings."""
    ordered = worst_first(record.findings)
    urgent = [finding for finding in ordered if finding.status in (Status.FAIL, Status.WARN)]
    attention = [finding for finding in urgent if not is_excused(finding, protocol)]
    return attention, [finding for finding in urgent if is_excused(finding, protocol)], ordered[len(urgent) :]


def _rating_rows(record: QCRecord, protocol: QCProtocol) -> list[tuple[str, str, list[RatingGiven]]]:
    """Return title, scale and answers of each rating: those of the protocol in its order, answered or not, then others."""
    rows = [
        (rating.title, scale_text(rating), [answer for answer in record.ratings if answers(rating, answer)])
        for rating in protocol.ratings
    ]
    shown = [answer for _, _, given in rows for answer in given]
    return rows + [(answer.title, answer.scale, [answer]) for answer in record.ratings if answer not in shown]


def _alike(verdicts: tuple[SegmentVerdict, ...]) -> list[tuple[Verdict, tuple[str, ...], list[SegmentVerdict]]]:
    """Return segments of one verdict for the same reasons together, the worst first."""
    together: dict[tuple[Verdict, tuple[str, ...]], list[SegmentVerdict]] = {}
    for verdict in sorted(verdicts, key=lambda verdict: _VERDICT_ORDER.index(verdict.verdict)):
        together.setdefault((verdict.verdict, verdict.reasons), []).append(verdict)
    return [(verdict, reasons, segments) for (verdict, reasons), segments in together.items()]


def _tolerances(protocol: QCProtocol) -> dict[str, list[str]]:
    """Return the surface Dice tolerances by their source: many structures share one."""
    by_source: dict[str, list[str]] = {}
    for structure in protocol.structures:
        tolerance = structure.surface_tolerance_mm
        if tolerance is not None:
            by_source.setdefault(tolerance.source, []).append(f"{structure.name} {tolerance}")
    return by_source


def _names(structures: tuple[str, ...]) -> str:
    return "all structures" if "*" in structures else ", ".join(structures)


def _sentence(text: str) -> str:
    """Return a text with a full stop, so that sentences in a row stay sentences."""
    return text if text.rstrip().endswith((".", "!", "?")) else f"{text.rstrip()}."


def _value(value: float, m: Measurement) -> str:
    """Return a defined value as a table shows it, for a column whose heading has the unit."""
    shown_as = metric_text(m.metric).shown_as
    if m.unit == "mm3":
        return volume(value)
    if m.unit == "mm":
        return grouped(value, 1 if value >= 100 else 2)
    if m.unit.startswith("{") or shown_as == "count":
        return grouped(value, 0 if value == int(value) else 2)
    if m.unit == "1":
        return signed(value) if shown_as == "signed" else ratio(value)
    return f"{value:.4g}".replace("-", "−")


def _unit(m: Measurement) -> str:
    text = metric_text(m.metric)
    if m.unit != "1":
        return "mL and mm³" if m.unit == "mm3" else UNIT_WORDS.get(m.unit, m.unit)
    if text.group == "other":
        return "no unit"
    return {"ratio": "0 to 1", "signed": "share of reference", "count": "count"}[text.shown_as]


def _blocks(record: QCRecord, protocol: QCProtocol) -> list[_Block]:
    named = {entry.role: entry.name for entry in record.inputs}
    pairs = dict.fromkeys((m.candidate_role, m.reference_role) for m in record.measurements)
    # Comparisons first: what one segmentation measures by itself is context.
    ordered = sorted(pairs, key=lambda pair: pair[1] is None)
    blocks = []
    for candidate_role, reference_role in ordered:
        own = [m for m in record.measurements if (m.candidate_role, m.reference_role) == (candidate_role, reference_role)]
        title = _role(candidate_role, named)
        title += " by itself" if reference_role is None else f" compared with {_role(reference_role, named)}"
        notes = _Notes()
        tables = tuple(
            _tables(heading, [m for m in own if metric_text(m.metric).group == group], record, protocol, notes)
            for group, heading in _GROUPS.items()
            if any(metric_text(m.metric).group == group for m in own)
        )
        # Agreement with the draft is high where a reader changed little: it must not be read as quality.
        warning = (
            "These numbers say how much of the draft was changed, not how good the outlines are."
            if reference_role == "draft"
            else None
        )
        blocks.append(_Block(title[0].upper() + title[1:], warning, tables, tuple(notes.reasons)))
    return blocks


def _role(role: str, named: dict[str, str]) -> str:
    return f"{role} ({named[role]})" if role in named else role


def _tables(
    title: str, measurements: list[Measurement], record: QCRecord, protocol: QCProtocol, notes: _Notes
) -> tuple[_Table, _Table]:
    several = _defined_in_several_ways(measurements)

    def column_of(m: Measurement) -> _Column:
        return _Column(metric_text(m.metric), _unit(m), None if m.metric in several else m.definition)

    columns = sorted(dict.fromkeys(map(column_of, measurements)), key=lambda column: metric_order(column.text.id))
    verdicts = {verdict.segment: verdict.verdict for verdict in record.verdicts}
    cells: dict[tuple[str, str | None, int], dict[_Column, _Cell]] = {}
    seen: Counter[tuple[str, str | None, _Column]] = Counter()
    for m in measurements:
        column = column_of(m)
        # DICOM Segment Labels need not be unique: a second segment of a name gets a row of its own.
        occurrence = seen[m.segment, m.structure, column]
        seen[m.segment, m.structure, column] += 1
        cells.setdefault((m.segment, m.structure, occurrence), {})[column] = _cell(m, column, notes)
    structures = [structure.name for structure in protocol.structures]
    rows = [
        _Row((segment,), structure, verdicts.get(segment), tuple(by_column.get(column, _NOT_MEASURED) for column in columns))
        for (segment, structure, _), by_column in cells.items()
    ]
    main = sorted(
        (row for row in rows if row.structure is not None),
        key=lambda row: structures.index(row.structure) if row.structure in structures else len(structures),
    )
    others = _empty_together([row for row in rows if row.structure is None])
    return _without_unused_columns(title, columns, main), _without_unused_columns(title, columns, others)


def _empty_together(rows: list[_Row]) -> list[_Row]:
    """Return the rows with those of empty segments last and, where alike, as one.

    Of 117 segments most are empty in a short scan.
    """
    together: dict[tuple[_Cell, ...], list[str]] = {}
    for row in rows:
        if all(cell.is_empty for cell in row.cells):
            together.setdefault(row.cells, []).extend(row.segments)
    filled = [row for row in rows if not all(cell.is_empty for cell in row.cells)]
    return filled + [_Row(tuple(segments), None, None, cells) for cells, segments in together.items()]


def _without_unused_columns(title: str, columns: list[_Column], rows: list[_Row]) -> _Table:
    used = [n for n in range(len(columns)) if any(row.cells[n] != _NOT_MEASURED for row in rows)]
    return _Table(
        title,
        tuple(columns[n] for n in used),
        tuple(replace(row, cells=tuple(row.cells[n] for n in used)) for row in rows),
    )


def _defined_in_several_ways(measurements: list[Measurement]) -> set[str]:
    """Return the metrics whose definition differs between segments but is one for each segment."""
    per_metric: dict[str, dict[tuple[str, str | None], set[str]]] = {}
    for m in measurements:
        per_metric.setdefault(m.metric, {}).setdefault((m.segment, m.structure), set()).add(m.definition)
    return {
        metric
        for metric, by_segment in per_metric.items()
        if all(len(own) == 1 for own in by_segment.values()) and len(set.union(*by_segment.values())) > 1
    }


def _cell(m: Measurement, column: _Column, notes: _Notes) -> _Cell:
    definition = m.definition if column.definition is None else None
    if m.value is not None:
        # A Dice of 0 is no empty segment: it is there in one segmentation and missed in the other.
        is_empty = m.value == 0 and column.text.group == "size"
        return _Cell(_value(m.value, m), definition=definition, is_empty=is_empty)
    reason = m.reason or "The record gives no reason."
    return _Cell("undefined", reason, notes.number(reason), definition, is_empty=True)


def _expected(record: QCRecord) -> list[_Expected]:
    verdicts = {verdict.segment: verdict.verdict for verdict in record.verdicts}
    rows = []
    for prediction in record.expected_agreement:
        against = [
            m.value
            for m in record.measurements
            if (m.segment, m.metric) == (prediction.segment, "dice") and m.reference_role not in (None, DRAFT_ROLE)
        ]
        measured = None if not against or None in against else sum(against) / len(against)
        if measured is None or prediction.threshold is None:
            shown, threshold = ("none" if value is None else ratio(value) for value in (measured, prediction.threshold))
        else:
            shown, threshold = beside(measured, prediction.threshold)
        note = f"mean over {len(against)} references" if len(against) > 1 else "against the reference"
        rows.append(
            _Expected(
                prediction,
                verdicts.get(prediction.segment),
                measured,
                shown,
                note,
                threshold,
                sets_limit(prediction),
                described_words(prediction),
            )
        )
    return rows


def _metrics_used(record: QCRecord) -> list[tuple[MetricText, list[str]]]:
    """Return the words of each metric in the record with the names of the definitions it was computed by."""
    definitions: dict[str, dict[str, None]] = {}
    for m in record.measurements:
        definitions.setdefault(m.metric, {})[m.definition] = None
    return [(metric_text(metric), list(definitions[metric])) for metric in sorted(definitions, key=metric_order)]


def _methods(record: QCRecord, protocol: QCProtocol) -> str:
    """Return a methods paragraph: only what the record states, in full sentences."""
    facts, identity = record.case, record.protocol
    software = dict(record.software)
    own = next((name for name in software if name.casefold() == "segqc"), None)
    by = f"SegQC {software.pop(own)}" if own else "SegQC (version not recorded)"
    if software:
        by += f" (with {', '.join(f'{name} {version}' for name, version in software.items())})"
    file_hash = f"SHA-256 of its file begins {identity.sha256[:_SHORT_HASH]}"
    title = f"“{identity.title}” ({identity.id}, version {identity.version}; {file_hash})"
    sentences = [f"Segmentation quality was assessed with {by} under the protocol {title}."]
    sentences.append(f"All measurements were made on the grid of the {_modality(record)}image, {_grid(record)}.")
    thicknesses = facts.acquisition.slice_thicknesses_mm
    if thicknesses:
        sentences.append(f"The slice thickness stated in the header was {' and '.join(f'{mm:g}' for mm in thicknesses)} mm.")
    references = [entry for entry in record.inputs if _is_reference(entry)]
    structures = ", ".join(structure.name.replace("_", " ") for structure in protocol.structures)
    sentences.append(f"The protocol names the following structures: {structures}.")
    if len(references) == 1:
        sentences.append("The candidate segmentation was compared with one reference segmentation.")
    elif references:
        sentences.append(f"The candidate segmentation was compared with {len(references)} reference segmentations, one by one.")
    else:
        sentences.append("There was no reference segmentation, so no agreement with a reference was measured.")
    used = [f"{text.long_name} ({'; '.join(definitions)})" for text, definitions in _metrics_used(record)]
    if used:
        sentences.append(f"These measures were computed, each by the definition named in brackets: {'; '.join(used)}.")
    if any(m.value is None for m in record.measurements):
        sentences.append("Measures that are undefined, for example because a segment is empty, were reported as undefined.")
    quality = dict.fromkeys(number_name(m.measure, m.method) for m in record.image_quality if m.value is not None)
    if quality:
        sentences.append(f"Image quality was measured in and around the segments: {', '.join(quality)}.")
    models = list(dict.fromkeys(entry.model for entry in record.expected_agreement))
    if models:
        sentences.append(f"Expected expert agreement was predicted with {', '.join(models)}.")
    return " ".join(sentences)


def _grid(record: QCRecord) -> str:
    geometry = record.case.geometry
    size = " × ".join(str(n) for n in geometry.size)
    spacing = " × ".join(f"{mm:.4g}" for mm in geometry.spacing_mm)
    return f"{size} voxels (slices, rows, columns) spaced {spacing} mm apart"


def _modality(record: QCRecord) -> str:
    modality = record.case.acquisition.modality
    return f"{modality} " if modality else ""


def _is_reference(entry: Input) -> bool:
    return entry.role.split(" ")[0] == "reference"
