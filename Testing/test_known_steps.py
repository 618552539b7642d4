"""A record from known steps is the record from scratch, and only what a changed protocol touches is computed."""

import functools
import gzip
import hashlib
import json
import random
import shutil
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phantoms import a_geometry, a_segmentation
from SegQCLib.acquisition import Acquisition, WindowLevel
from SegQCLib.case import Case, Volume
from SegQCLib.cohort.cohort_folder import CohortFolder
from SegQCLib.cohort.known_steps import (
    KnownSteps,
    evaluate_known,
    known_steps_path,
    packed_known_steps,
    read_known_steps,
)
from SegQCLib.dataclass_json import from_json, to_json, to_plain
from SegQCLib.errors import BadDataError
from SegQCLib.evaluate import evaluate
from SegQCLib.images import read_image
from SegQCLib.importers import read_segmentation
from SegQCLib.protocol import (
    AITool,
    AllowedPlanes,
    AllowedTexts,
    Contrast,
    Decision,
    ExpectedAgreementRule,
    Grade,
    ImageQualityLimit,
    LoadedProtocol,
    QCProtocol,
    Range,
    Rating,
    ReaderTraining,
    Structure,
    TechnicalLimit,
    WindowRule,
    load_protocol,
)
from SegQCLib.protocols.sign_off import sign_protocol
from SegQCLib.quality.study_norms import QualityNorms
from SegQCLib.readers.kept_findings import keep
from SegQCLib.readers.ratings import give_grade
from SegQCLib.record import QCRecord, Verdict
from SegQCLib.resources import resource

NOON = "2026-11-21T12:00:00+01:00"
KEY = "0123456789abcdef" * 4
SOURCE = "study decision for this test"
HU = "[hnsf'U]"
SIZE = (12, 40, 44)


def a_range(minimum=None, maximum=None, unit="mm") -> Range:
    return Range(unit, SOURCE, minimum, maximum)


def texts(*values) -> AllowedTexts:
    return AllowedTexts(values, SOURCE)


LUNG_NODULE = load_protocol("ct-lung-nodule").protocol
NODULE, LUNG = (next(s for s in LUNG_NODULE.structures if s.name == name) for name in ("lung_nodule", "lung_left"))
MOTION = Rating("motion", "Motion", (Grade(1, "Severe"), Grade(2, "None")), "highest", SOURCE, unusable=(1,))
NOISE = Rating("noise", "Noise", (Grade(1, "Severe"), Grade(2, "None")), "highest", SOURCE)
WINDOW = WindowRule("Lung", ("*",), a_range(1400, 1500, HU), a_range(-600, -500, HU), 1500, -600)
QUIET = ImageQualityLimit("noise", "lung_left", a_range(1, 15, HU))
SMALL = TechnicalLimit("volume_ml", a_range(maximum=0.001, unit="ml"), ("lung_nodule",))

# A limit of every kind, so that every field has something to change.
PROTOCOL = QCProtocol(
    schema="segqc-protocol",
    schema_version="1.0",
    id="test",
    version="1.0.0",
    title="Test",
    purpose="Testing.",
    modality=texts("CT"),
    structures=(NODULE, LUNG),
    plane=AllowedPlanes(("axial",), 5, SOURCE),
    slice_thickness_mm=a_range(maximum=1.5),
    slice_spacing_mm=a_range(maximum=1.5),
    slice_gap_mm=a_range(maximum=0.01),
    pixel_spacing_mm=a_range(0.5, 0.9),
    in_plane_size=a_range(minimum=30, unit="1"),
    spacing_variation_mm=a_range(maximum=0.03),
    gantry_tilt_deg=a_range(maximum=0.1, unit="deg"),
    irregular_geometry="stop",
    uniform_in_study=texts("convolution_kernel"),
    convolution_kernel=texts("B30*"),
    kvp=a_range(100, 140, "kV"),
    mr_sequence=texts("t1*"),
    magnetic_field_strength_t=a_range(1.5, 3, "T"),
    echo_time_ms=a_range(1, 5, "ms"),
    repetition_time_ms=a_range(1, 5, "ms"),
    inversion_time_ms=a_range(1, 5, "ms"),
    uptake_time_min=a_range(50, 70, "min"),
    image_type=texts("ORIGINAL*"),
    lossy_compression_ratio=a_range(maximum=1, unit="1"),
    contrast=Contrast("none", False, SOURCE),
    windows=(WINDOW,),
    lesion_voxels=a_range(minimum=27, unit="1"),
    lesion_slices=a_range(minimum=3, unit="1"),
    decisions=(Decision("dice", ("*",), a_range(0.9, unit="1"), a_range(maximum=0.1, unit="1")),),
    rejecting_checks=(),
    expected_agreement=ExpectedAgreementRule(model="lung-nodule-ct"),
    technical_limits=(SMALL,),
    skipped_checks=("flat_faces",),
    image_quality=(QUIET,),
    ratings=(MOTION, NOISE),
    reader_training=ReaderTraining("course", a_range(maximum=365, unit="d")),
    ai_tools=(AITool("TotalSegmentator", ("2.*",), SOURCE),),
    uncertainty_maps="on_request",
)

# For every field values that differ from PROTOCOL's.
CHANGES = {
    "schema": ["another"],
    "schema_version": ["2.0"],
    "id": ["other"],
    "version": ["1.1.0"],
    "title": ["Other"],
    "purpose": ["Another."],
    "modality": [texts("MR")],
    "structures": [
        (NODULE,), (LUNG,), (replace(NODULE, is_lesion=False, many=False, surface_tolerance_mm=None), LUNG),
        (NODULE, LUNG, Structure("spleen", replace(LUNG.terminology, modifier=None), required=True)),
        (replace(NODULE, aliases=()), replace(LUNG, required=True)),
    ],
    "plane": [AllowedPlanes(("coronal",), 5, SOURCE)],
    "slice_thickness_mm": [a_range(maximum=0.5)],
    "slice_spacing_mm": [a_range(maximum=0.5)],
    "slice_gap_mm": [a_range(maximum=3)],
    "pixel_spacing_mm": [a_range(2, 3)],
    "in_plane_size": [a_range(minimum=512, unit="1")],
    "spacing_variation_mm": [a_range(maximum=0.001)],
    "gantry_tilt_deg": [a_range(maximum=30, unit="deg")],
    "irregular_geometry": ["resample"],
    "uniform_in_study": [texts("kvp")],
    "convolution_kernel": [texts("B70*")],
    "kvp": [a_range(60, 80, "kV")],
    "mr_sequence": [texts("chest*")],
    "magnetic_field_strength_t": [a_range(7, 7, "T")],
    "echo_time_ms": [a_range(90, 100, "ms")],
    "repetition_time_ms": [a_range(90, 100, "ms")],
    "inversion_time_ms": [a_range(90, 100, "ms")],
    "uptake_time_min": [a_range(90, 100, "min")],
    "image_type": [texts("DERIVED*")],
    "lossy_compression_ratio": [a_range(maximum=10, unit="1")],
    "contrast": [Contrast("portal venous", True, SOURCE)],
    "windows": [(), (replace(WINDOW, level=a_range(40, 60, HU), apply_level=50),)],
    "lesion_voxels": [a_range(minimum=10_000, unit="1")],
    "lesion_slices": [a_range(minimum=30, unit="1")],
    "decisions": [(), (Decision("dice", ("*",), a_range(0.1, unit="1")),), (Decision("assd_mm", ("*",), a_range(maximum=0.5)),)],
    "rejecting_checks": [("ratings",)],
    "expected_agreement": [
        ExpectedAgreementRule(), ExpectedAgreementRule("mean", model="lung-nodule-ct"), ExpectedAgreementRule(model="nobody"),
        ExpectedAgreementRule("lower", 0.5, "lung-nodule-ct"), ExpectedAgreementRule(model="lung-nodule-ct-slice"),
    ],
    "technical_limits": [(), (replace(SMALL, limit=a_range(maximum=100, unit="ml")),)],
    "skipped_checks": [(), ("image_quality",), ("volume_range", "islands", "slice_thickness", "expected_agreement")],
    "image_quality": [(), (replace(QUIET, limit=a_range(maximum=1, unit=HU)),), (QUIET, replace(QUIET, region="lung_nodule"))],
    "ratings": [(), (replace(MOTION, unusable=()),)],
    "reader_training": [ReaderTraining("another course", a_range(maximum=30, unit="d"))],
    "ai_tools": [(AITool("nnU-Net", ("*",), SOURCE),)],
    "uncertainty_maps": ["after_first_read"],
}  # fmt: skip
# A record of a regular series shows nothing of them but, of the title, the protocol's identity.
UNRECORDED = {"schema", "schema_version", "purpose", "title", "uncertainty_maps", "irregular_geometry"}
ONE_CHANGE = [(name, value) for name, values in CHANGES.items() for value in values]

FACTS = Acquisition(
    source="DICOM headers", modality="CT", image_type=("ORIGINAL", "PRIMARY", "AXIAL"), series_description="Chest",
    manufacturer="Maker", model="Scanner", slice_thicknesses_mm=(1.25,), convolution_kernel=("B30f",), kvp=120.0,
    slice_positions_mm=tuple(1.25 * k for k in range(SIZE[0])), slice_displacement_mm=0.0, stack_tilt_deg=0.0,
    window_levels=(WindowLevel(1500.0, -600.0),), contrast_agent=None,
)  # fmt: skip


def ball(center, radius_mm, geometry):
    places = np.stack(np.meshgrid(*map(np.arange, geometry.size), indexing="ij"), -1)
    return np.linalg.norm((places - np.array(center)) * np.array(geometry.spacing_mm), axis=-1) <= radius_mm


def a_case(acquisition=FACTS) -> Case:
    """Return a noisy chest with a nodule in a lung: two references, a draft, a rating and a finding that is kept."""
    geometry = a_geometry(SIZE, (1.25, 0.7, 0.7))
    lung, nodule = ball((6, 20, 22), 12, geometry), ball((6, 22, 20), 4.2, geometry)
    array = np.where(nodule, 20, np.where(lung, -850, 40)) + np.random.default_rng(0).normal(0, 12, SIZE)
    frame = a_segmentation(geometry, "reader", nodule=None, lung_left=None, oddity=((0, 1), (0, 2), (0, 2)))

    def drawn(name, radius_mm, algorithm="MANUAL"):
        layers = (ball((6, 22, 20), radius_mm, geometry).astype(np.uint8), lung.astype(np.uint8), frame.layers[2])
        kind = {"algorithm_type": algorithm, "algorithm_name": "TotalSegmentator" if algorithm != "MANUAL" else None}
        return replace(
            frame,
            name=name,
            layers=layers,
            segments=tuple(replace(s, label_value=1, color=(0.1, 0.2, 0.3), **kind) for s in frame.segments),
        )

    candidate = drawn("reader", 4.5, "SEMIAUTOMATIC")
    candidate.layers[1][1:4, 1:6, 1:6] = 1  # an island of the lung
    case = Case(
        Volume(array.astype(np.int16), geometry, acquisition),
        candidate,
        (drawn("first", 4.2), drawn("second", 4.0)),
        drawn("model", 5.0, "SEMIAUTOMATIC"),
        ratings=(give_grade(MOTION, 1, "Dr A", created=NOON),),
    )
    islands = [finding for finding in evaluate(case, loaded()).findings if finding.check == "islands" and finding.segment]
    return replace(case, kept_findings=tuple(keep(finding, "A vessel.", "Dr A", NOON) for finding in islands))


def loaded(protocol=PROTOCOL, path="test.json", **changes) -> LoadedProtocol:
    protocol = replace(protocol, **changes)
    return LoadedProtocol(protocol, str(path), hashlib.sha256(to_json(protocol).encode()).hexdigest())


@pytest.fixture(scope="module")
def case() -> Case:
    return a_case()


@pytest.fixture(scope="module")
def tilted() -> Case:
    # Each slice is shifted by 0.3 mm against the one below.
    origins = np.array([(0.0, 0.3 * k, 1.25 * k) for k in range(SIZE[0])])
    case = a_case(replace(FACTS, slice_displacement_mm=1.65, stack_tilt_deg=13.5))
    return replace(case, image=replace(case.image, slice_origins_lps_mm=origins))


def unreadable() -> Case:
    raise AssertionError("the case was read")


class Reading:
    """Counts how often a case is read."""

    def __init__(self, case):
        self.case, self.times = case, 0

    def __call__(self):
        self.times += 1
        return self.case


@functools.cache
def from_scratch(case, protocol) -> QCRecord:
    return evaluate(case, protocol)


def plain(record) -> str:
    """The record's text but for when it was made."""
    return json.dumps(to_plain(replace(record, created="")))


def through_a_file(steps) -> KnownSteps:
    return from_json(KnownSteps, gzip.decompress(packed_known_steps(steps)).decode())


def learnt(case, protocol) -> KnownSteps:
    return through_a_file(evaluate_known(lambda: case, protocol, KnownSteps.none(KEY)).steps)


@pytest.fixture(scope="module")
def known(case) -> KnownSteps:
    return learnt(case, loaded())


def test_a_case_of_which_nothing_is_known_is_read_once_and_evaluated_as_ever(case):
    reading = Reading(case)
    evaluated = evaluate_known(reading, loaded(), KnownSteps.none(KEY))
    assert plain(evaluated.record) == plain(from_scratch(case, loaded()))
    assert (reading.times, evaluated.was_read) == (1, True)
    assert set(evaluated.computed) == {step.name for step in evaluated.steps.steps}
    assert {"slice_thickness", "measure", "measure_image_quality", "image_quality", "expected_agreement"} <= set(evaluated.computed)


def test_the_phantom_has_something_of_everything(case):
    record = evaluate(case, loaded())
    assert {m.reference_role for m in record.measurements} == {None, "reference", "reference 2", "draft"}
    assert any(row.value is not None for row in record.image_quality)
    assert [one.in_domain for one in record.expected_agreement] == [True]
    assert all((record.difficulty_models, record.ratings, record.slices_to_view))
    assert any(finding.kept for finding in record.findings)
    assert {finding.check for finding in record.findings} >= {"islands", "volume_range", "ratings", "image_quality", "ai_tool"}


def test_a_known_case_is_not_read_and_nothing_is_computed(case, known):
    again = evaluate_known(unreadable, loaded(), known)
    assert plain(again.record) == plain(from_scratch(case, loaded()))
    assert (again.computed, again.was_read) == ((), False)
    assert again.steps is known


def test_every_field_of_a_protocol_is_tried():
    assert CHANGES.keys() == {f.name for f in fields(QCProtocol)}
    assert all(value != getattr(PROTOCOL, name) for name, value in ONE_CHANGE)


@pytest.fixture(scope="module")
def known_tilted(tilted) -> KnownSteps:
    return learnt(tilted, loaded())


def require_as_from_scratch(case, protocol, before, changed):
    """Evaluate under a protocol in which only the `changed` fields are not those that `before` was learnt under."""
    after = evaluate_known(lambda: case, protocol, before)
    assert plain(after.record) == plain(from_scratch(case, protocol))
    earlier = {step.name: step for step in before.steps}
    touched = {name for name, step in earlier.items() if changed & step.read.keys()}
    # What could not be predicted is not kept, and asked again.
    assert set(after.computed) <= touched | (set(after.computed) - earlier.keys()) | {"expected_agreement"}
    assert plain(evaluate_known(unreadable, protocol, after.steps).record) == plain(after.record)
    return after


@pytest.mark.parametrize(("name", "value"), ONE_CHANGE, ids=lambda item: item if isinstance(item, str) else "")
def test_one_changed_field_gives_the_record_from_scratch_and_touches_no_other_step(name, value, case, known):
    after = require_as_from_scratch(case, loaded(**{name: value}), known, {name})
    before = from_scratch(case, loaded())
    assert (plain(replace(after.record, protocol=before.protocol)) != plain(before)) == (name not in UNRECORDED)


@pytest.mark.parametrize("name", ["irregular_geometry", "slice_thickness_mm", "title", "version"])
def test_the_same_holds_for_a_tilted_series(name, tilted, known_tilted):
    for value in CHANGES[name]:
        require_as_from_scratch(tilted, loaded(**{name: value}), known_tilted, {name})


SEVERAL_CHANGES = st.lists(st.sampled_from(ONE_CHANGE), min_size=2, max_size=3, unique_by=lambda change: change[0])


def require_chain_as_from_scratch(changes, case, known):
    """Evaluate under one change after the other, each kept, and under the first protocol at the end."""
    values, steps = {}, known
    for name, value in changes:
        values[name] = value
        steps = through_a_file(require_as_from_scratch(case, loaded(**values), steps, {name}).steps)
    require_as_from_scratch(case, loaded(), steps, set(values))


@settings(max_examples=6, deadline=None, derandomize=True)
@given(changes=SEVERAL_CHANGES)
def test_changes_one_after_the_other_and_back_give_the_record_from_scratch(changes, case, known):
    require_chain_as_from_scratch(changes, case, known)


@pytest.mark.nightly
@settings(max_examples=100, deadline=None, derandomize=True)
@given(changes=SEVERAL_CHANGES)
def test_many_changes_one_after_the_other_and_back_give_the_record_from_scratch(changes, case, known):
    require_chain_as_from_scratch(changes, case, known)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("title", "Other"), ("purpose", "Another."), ("version", "2.0.0"), ("id", "other"), ("rejecting_checks", ("ratings",)),
        ("decisions", ()), ("windows", ()), ("ratings", ()), ("ai_tools", ()), ("reader_training", None), ("contrast", None),
        ("slice_thickness_mm", a_range(maximum=0.5)), ("kvp", None), ("plane", None), ("skipped_checks", ("flat_faces", "islands")),
        ("uncertainty_maps", "after_first_read"), ("uniform_in_study", None), ("image_type", None),
    ],
)  # fmt: skip
def test_what_headers_and_the_verdict_decide_opens_no_file(name, value, case, known):
    protocol = loaded(**{name: value})
    if name == "id":
        # A model's fault would name it.
        protocol = loaded(**{name: value}, expected_agreement=ExpectedAgreementRule())
    after = evaluate_known(unreadable, protocol, known)
    assert plain(after.record) == plain(from_scratch(case, protocol))
    assert not after.was_read


@pytest.mark.parametrize(
    ("name", "value", "computed"),
    [
        ("title", "Other", ()),
        ("decisions", (), ()),
        ("rejecting_checks", ("islands",), ()),
        ("slice_thickness_mm", a_range(maximum=0.5), ("slice_thickness",)),
        ("lesion_slices", None, ("lesion_size",)),
        ("contrast", None, ("contrast_agent", "contrast_phase")),
        ("image_quality", (), ("measure_image_quality", "image_quality")),
        ("expected_agreement", ExpectedAgreementRule(), ("expected_agreement",)),
    ],
)
def test_only_the_steps_that_a_change_touches_are_computed(name, value, computed, case, known):
    assert evaluate_known(lambda: case, loaded(**{name: value}), known).computed == computed


def test_a_technical_limit_measures_nothing_again(case, known):
    after = evaluate_known(lambda: case, loaded(technical_limits=()), known)
    assert after.was_read
    assert "islands" in after.computed
    assert not {"measure", "measure_image_quality", "expected_agreement"} & set(after.computed)


def test_a_check_that_was_skipped_and_is_wanted_again_is_still_known(case, known):
    without = evaluate_known(unreadable, loaded(skipped_checks=("flat_faces", "islands")), known)
    assert "islands" not in {finding.check for finding in without.record.findings}
    again = evaluate_known(unreadable, loaded(), without.steps)
    assert "islands" not in again.computed
    assert plain(again.record) == plain(from_scratch(case, loaded()))


def test_a_kept_finding_stays_kept_until_its_check_rejects(case, known):
    protocol = loaded(rejecting_checks=("islands",))
    record = evaluate_known(unreadable, protocol, known).record
    assert plain(record) == plain(evaluate(case, protocol))
    assert any("Dr A" in finding.kept for finding in record.findings if finding.kept)


def test_a_failure_that_comes_to_reject_changes_the_verdict_without_a_step(case):
    lenient = loaded(slice_thickness_mm=a_range(maximum=0.5), decisions=(), ratings=())
    before = evaluate_known(lambda: case, lenient, KnownSteps.none(KEY))
    assert before.record.verdict is Verdict.REVIEW
    strict = replace(lenient, protocol=replace(lenient.protocol, rejecting_checks=("slice_thickness",)))
    after = evaluate_known(unreadable, strict, before.steps)
    assert (after.record.verdict, after.computed) == (Verdict.REJECT, ())


def test_an_irregular_series_is_measured_when_the_protocol_comes_to_resample(tilted, known_tilted):
    stopped = evaluate_known(unreadable, loaded(), known_tilted).record
    assert not stopped.measurements
    after = evaluate_known(lambda: tilted, loaded(irregular_geometry="resample"), known_tilted)
    assert after.record.measurements
    assert after.record.case.geometry != stopped.case.geometry
    assert {"measure", "geometry_match", "islands"} <= set(after.computed)


def test_a_regular_series_does_not_depend_on_what_is_done_with_irregular_ones(case, known):
    after = evaluate_known(unreadable, loaded(irregular_geometry="resample"), known)
    assert after.computed == ()
    assert plain(after.record) == plain(from_scratch(case, loaded(irregular_geometry="resample")))


@pytest.fixture
def own_protocol(tmp_path) -> Path:
    """A protocol file with a model of its own beside it."""
    shutil.copy(resource("Models/lung-nodule-ct.json"), tmp_path / "model.json")
    text = json.loads(resource("Protocols/ct-lung-nodule.json").read_text(encoding="utf-8"))
    text["id"], text["expected_agreement"]["model"] = "own", "model.json"
    (tmp_path / "own.json").write_text(json.dumps(text), encoding="utf-8")
    return tmp_path / "own.json"


def test_signatures_are_never_taken_from_what_is_known(case, own_protocol):
    before = evaluate_known(lambda: case, load_protocol(own_protocol), KnownSteps.none(KEY))
    assert before.record.protocol_sign_off == "unsigned"
    for number, (role, state) in enumerate((("author", "one_role"), ("responsible radiologist", "locked"))):
        sign_protocol(own_protocol, role, f"Dr {number}")
        after = evaluate_known(unreadable, load_protocol(own_protocol), before.steps)
        assert (after.record.protocol_sign_off, after.computed) == (state, ())


def test_another_model_under_the_same_name_predicts_again(case, own_protocol):
    protocol = load_protocol(own_protocol)
    before = learnt(case, protocol)
    model = own_protocol.parent / "model.json"
    model.write_text(json.dumps({**json.loads(model.read_text()), "version": "9.0"}))
    after = evaluate_known(lambda: case, protocol, before)
    assert after.computed == ("expected_agreement",)
    assert [card.version for card in after.record.difficulty_models] == ["9.0"]
    assert plain(after.record) == plain(evaluate(case, protocol))


def test_a_model_that_cannot_be_used_is_said_each_time_and_opens_no_file(case, own_protocol):
    protocol = load_protocol(own_protocol)
    known = learnt(case, protocol)
    model = own_protocol.parent / "model.json"
    for damage in (lambda: model.write_text("{}"), model.unlink):
        damage()
        for _ in range(2):
            after = evaluate_known(unreadable, protocol, known)
            assert plain(after.record) == plain(evaluate(case, protocol))
            assert any(finding.check == "expected_agreement" for finding in after.record.findings)
            known = after.steps
    shutil.copy(resource("Models/lung-nodule-ct.json"), model)
    healed = evaluate_known(lambda: case, protocol, known)
    assert healed.computed == ("expected_agreement",)
    assert plain(healed.record) == plain(evaluate(case, protocol))


def test_what_is_none_of_the_cases_files_is_refused(case):
    with pytest.raises(ValueError, match="Quality norms"):
        evaluate_known(lambda: replace(case, quality_norms=QualityNorms({})), loaded(), KnownSteps.none(KEY))


def test_a_case_that_cannot_be_evaluated_says_so_each_time(case):
    geometry = a_geometry(SIZE, (1.25, 0.7, 0.7), origin_lps_mm=(5000.0, 0.0, 0.0))
    elsewhere = replace(case, candidate=a_segmentation(geometry, nodule=((1, 4), (2, 9), (3, 8))))
    with pytest.raises(BadDataError):
        evaluate_known(lambda: elsewhere, loaded(), KnownSteps.none(KEY))


def test_what_is_known_is_read_as_it_was_written_and_always_has_the_same_bytes(known, tmp_path):
    path = known_steps_path(CohortFolder(tmp_path), KEY)
    assert path == tmp_path / ".segqc-cohort" / "steps" / "01" / f"{KEY}.json.gz"
    path.parent.mkdir(parents=True)
    path.write_bytes(packed_known_steps(known))
    assert read_known_steps(path, KEY) == known
    assert packed_known_steps(read_known_steps(path, KEY)) == packed_known_steps(known)


def damaged(content: bytes) -> list[bytes]:
    chance = random.Random(0)  # noqa: S311 - no secret
    found = [b"", b"{}", b"not gzip", content[: len(content) // 2], content[:-1], gzip.compress(b"{}"), gzip.compress(b"[1"),
             gzip.compress(b"\xff\xfe"), gzip.compress(b"[" * 100_000)]  # fmt: skip
    for _ in range(20):
        flipped = bytearray(content)
        # Behind gzip's header, whose time and system say nothing.
        flipped[chance.randrange(10, len(content))] ^= 1 << chance.randrange(8)
        found.append(bytes(flipped))
    text = json.loads(gzip.decompress(content))
    for key, value in (("schema", "other"), ("schema_version", "2.0"), ("inputs_key", "f" * 64), ("software", {}), ("steps", [{}])):
        found.append(gzip.compress(json.dumps({**text, key: value}).encode()))
    return found


def test_a_damaged_or_foreign_file_knows_nothing_and_the_case_is_evaluated_anew(case, known, tmp_path):
    path = tmp_path / "known.json.gz"
    for content in damaged(packed_known_steps(known)):
        path.write_bytes(content)
        assert read_known_steps(path, KEY) == KnownSteps.none(KEY)
    assert evaluate_known(lambda: case, loaded(), read_known_steps(path, KEY)).steps == known


def test_where_there_is_no_file_or_a_folder_nothing_is_known(tmp_path):
    assert read_known_steps(tmp_path / "none.json.gz", KEY) == KnownSteps.none(KEY)
    assert read_known_steps(tmp_path, KEY) == KnownSteps.none(KEY)


ABDOMEN = load_protocol("ct-abdomen-portal-venous").protocol


@pytest.fixture(scope="module")
def sample(totalsegmentator) -> Case:
    image = read_image(totalsegmentator / "example_ct_dicom")
    return Case(image, read_segmentation(totalsegmentator / "example_seg_dicom.nii.gz", labels="totalsegmentator", image=image))


@pytest.fixture(scope="module")
def known_sample(sample) -> KnownSteps:
    return learnt(sample, loaded(ABDOMEN))


@pytest.mark.parametrize(
    ("name", "value", "computed"),
    [
        ("title", "Other", ()),
        ("slice_thickness_mm", a_range(maximum=0.5), ("slice_thickness",)),
        ("version", "9.0.0", ("structures", "ratings", "protocol_coverage")),
    ],
)
def test_the_sample_ct_is_not_read_for_what_its_header_answers(name, value, computed, sample, known_sample):
    protocol = loaded(ABDOMEN, **{name: value})
    after = evaluate_known(unreadable, protocol, known_sample)
    assert plain(after.record) == plain(evaluate(sample, protocol))
    assert after.computed == computed


@pytest.mark.nightly
@pytest.mark.parametrize("name", sorted(CHANGES))
def test_every_changed_field_gives_the_record_of_the_sample_ct_from_scratch(name, sample, known_sample):
    values = {
        "structures": [ABDOMEN.structures[1:], (replace(ABDOMEN.structures[0], aliases=("spleen_",)), *ABDOMEN.structures[1:])]
    }
    for value in values.get(name, CHANGES[name]):
        if value != getattr(ABDOMEN, name):
            require_as_from_scratch(sample, loaded(ABDOMEN, **{name: value}), known_sample, {name})
