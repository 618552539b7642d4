"""The table cases: one row per case, whatever became of it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from SegQCLib.cohort.tables.column import CASE, Column
from SegQCLib.cohort.tables.table import CaseResult, Table

COLUMNS = (
    CASE,
    Column("outcome", "text", "evaluated; refused: its files cannot be evaluated; failed: circumstances, tried again next time."),
    Column("verdict", "text", "ACCEPT, REVIEW or REJECT; null: not evaluated."),
    Column("error_where", "text", "Of a refused or failed case: the file, folder or tag that the error is about."),
    Column("error_found", "text", "Of a refused or failed case: what was found there."),
    Column("error_remedy", "text", "Of a refused or failed case: what to do about it."),
    Column("image_path", "text", "Image, as the cohort names it."),
    Column("candidate_path", "text", "Segmentation under test, as the cohort names it."),
    Column("candidate_is_draft", "bool", "True: an AI draft that nobody had read yet was evaluated."),
    Column("references", "int", "References that the candidate was compared with.", "{count}"),
    Column("reference_paths", "texts", "These references, as the cohort names them."),
    Column("draft_path", "text", "AI draft that the candidate started from, as the cohort names it; null: none."),
    Column("labels", "text", "What label values mean, as the cohort or the case names it; null: neither does."),
    Column("protocol", "text", "Protocol, as the cohort or the case names it: an id or a path; null: a fault came first."),
    Column("patient", "text", "Patient, as the source says; null: it does not."),
    Column("site", "text", "Site, as the source says; null: it does not."),
    Column("reader", "text", "Who drew the candidate, as the source says; null: it does not."),
    Column("protocol_id", "text", "Id of the protocol that the case was judged by; null: not evaluated."),
    Column("protocol_version", "text", "Version of that protocol."),
    Column("protocol_sha256", "text", "SHA-256 of that protocol's file."),
    Column("key", "text", "SHA-256 of inputs, protocol, sign-off, difficulty model and versions; null: failed."),
    Column("image_sha256", "text", "SHA-256 of the image; of a folder: of its sorted lines 'file sha256'."),
    Column("candidate_sha256", "text", "SHA-256 of the segmentation under test."),
    Column("modality", "text", "Modality (0008,0060); null here and below: the header does not say."),
    Column("manufacturer", "text", "Manufacturer (0008,0070)."),
    Column("model", "text", "Manufacturer's Model Name (0008,1090)."),
    Column("software_versions", "texts", "Software Versions (0018,1020) of the scanner."),
    Column("convolution_kernel", "texts", "Convolution Kernel (0018,1210)."),
    Column("slice_thickness_mm", "float", "Slice Thickness (0018,0050); null too where slices differ in it.", "mm"),
    Column("spacing_k_mm", "float", "Distance between the centres of neighbouring slices.", "mm"),
    Column("spacing_j_mm", "float", "Distance between the centres of neighbouring rows.", "mm"),
    Column("spacing_i_mm", "float", "Distance between the centres of neighbouring columns.", "mm"),
    Column("size_k", "int", "Slices.", "{voxels}"),
    Column("size_j", "int", "Rows.", "{voxels}"),
    Column("size_i", "int", "Columns.", "{voxels}"),
    Column("simulated", "bool", "True: its name, a path, a finding or a difficulty model says that its data are simulated."),
    Column("failed_findings", "int", "Findings with status FAIL.", "{count}"),
    Column("warnings", "int", "Findings with status WARN.", "{count}"),
    Column("hardest_segment", "text", "Segment with the lowest expected expert agreement; null: none was predicted."),
    Column("hardest_expected_dice", "float", "Its predicted mean Dice over all pairs of experts, 0 to 1.", "1"),
)


def _rows(result: CaseResult) -> Iterator[tuple[Any, ...]]:
    case, outcome, record = result.case, result.outcome, result.record
    fault = outcome.fault
    said = (
        case.case,
        str(outcome.outcome),
        None if outcome.verdict is None else str(outcome.verdict),
        *((None,) * 3 if fault is None else (fault.where, fault.found, fault.remedy)),
        _path(case.image),
        _path(case.candidate),
        case.candidate_is_draft,
        len(case.references),
        [_path(path) for path in case.references],
        _path(case.draft),
        case.labels,
        case.protocol,
        case.patient,
        case.site,
        case.reader,
    )
    # A record names segmentations and not the image; better one case too many than one too few.
    named = any("simulated" in (text or "").casefold() for text in (case.case, _path(case.image), _path(case.candidate)))
    if record is None:
        missing = len(COLUMNS) - len(said)
        row: list[Any] = [*said, *(None,) * missing]
        row[_KEY], row[_SIMULATED] = outcome.key, named or None
        yield tuple(row)
        return
    acquisition, grid = record["case"]["acquisition"], record["case"]["geometry"]
    thicknesses = acquisition.get("slice_thicknesses_mm", [])
    statuses = [finding["status"] for finding in record["findings"]]
    predicted = [one for one in record["expected_agreement"] if one["dice"] is not None]
    hardest = min(predicted, key=lambda one: one["dice"], default=None)
    yield (
        *said,
        *(record["protocol"][name] for name in ("id", "version", "sha256")),
        outcome.key,
        _sha256(record, "image"),
        _sha256(record, "candidate"),
        *(acquisition.get(name) for name in ("modality", "manufacturer", "model")),
        acquisition.get("software_versions", []),
        acquisition.get("convolution_kernel", []),
        thicknesses[0] if len(thicknesses) == 1 else None,
        *grid["spacing_mm"],
        *grid["size"],
        named or _says_simulated(record),
        statuses.count("FAIL"),
        statuses.count("WARN"),
        *((None, None) if hardest is None else (hardest["segment"], hardest["dice"])),
    )


_KEY, _SIMULATED = ([column.name for column in COLUMNS].index(name) for name in ("key", "simulated"))


def _path(path: Path | None) -> str | None:
    return None if path is None else str(path)


def _sha256(record: dict[str, Any], role: str) -> str | None:
    return next((item["sha256"] for item in record["inputs"] if item["role"] == role), None)


def _says_simulated(record: dict[str, Any]) -> bool:
    """Return what `QCRecord.says_simulated` does."""
    texts = [item["name"] for item in record["inputs"]] + [finding["message"] for finding in record["findings"]]
    models = record.get("difficulty_models", [])
    return any("simulated" in text.casefold() for text in texts) or any(model["simulated"] for model in models)


CASES = Table("cases", "One row per case, whatever became of it.", COLUMNS, _rows)
