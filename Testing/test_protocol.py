import copy
import csv
import dataclasses
import itertools
import json
import re
import typing
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from SegQCLib.case import Code, Segment, Terminology
from SegQCLib.dataclass_json import FaultyJSONError, from_json, to_json
from SegQCLib.errors import BadDataError
from SegQCLib.protocol import AllowedTexts, QCProtocol, Range, load_protocol, protocol_schema, shipped_protocols
from SegQCLib.record import record_schema
from SegQCLib.resources import resource

SHIPPED = ("ct-abdomen-portal-venous", "ct-lung-nodule", "mr-brain-lesion", "pet-ct-fdg-lesion")
ORGAN = {"category": {"value": "123037004", "scheme": "SCT", "meaning": "Anatomical Structure"}}
LIVER = {**ORGAN, "type": {"value": "10200004", "scheme": "SCT", "meaning": "Liver"}}
SPLEEN = {**ORGAN, "type": {"value": "78961009", "scheme": "SCT", "meaning": "Spleen"}}


def mm(minimum=None, maximum=None) -> dict:
    return {"unit": "mm", "source": "test", "minimum": minimum, "maximum": maximum}


def share(minimum=None, maximum=None) -> dict:
    return {**mm(minimum, maximum), "unit": "1"}


def hu(minimum, maximum) -> dict:
    return {**mm(minimum, maximum), "unit": "[hnsf'U]"}


SMALL = {
    "schema": "segqc-protocol",
    "schema_version": "1.0",
    "id": "small",
    "version": "1",
    "title": "Small",
    "purpose": "Tests.",
    "modality": {"values": ["CT"], "source": "test"},
    "structures": [{"name": "liver", "terminology": LIVER}, {"name": "spleen", "terminology": SPLEEN}],
}


def faults_of(**changes) -> dict[str, str]:
    return faults_in(json.dumps({**SMALL, **changes}))


def faults_in(text: str) -> dict[str, str]:
    with pytest.raises(FaultyJSONError) as error:
        from_json(QCProtocol, text)
    return {fault.path: fault.text for fault in error.value.faults}


def a_protocol(**changes) -> QCProtocol:
    return from_json(QCProtocol, json.dumps({**SMALL, **changes}))


def shipped_json(protocol_id: str) -> dict:
    return json.loads(shipped_protocols()[protocol_id].read_text(encoding="utf-8"))


def test_four_protocols_are_shipped_under_their_ids():
    assert tuple(shipped_protocols()) == SHIPPED
    assert [load_protocol(name).protocol.id for name in SHIPPED] == list(SHIPPED)


@pytest.mark.parametrize("protocol_id", SHIPPED)
def test_a_shipped_protocol_fits_the_schema_that_it_names(protocol_id):
    plain = shipped_json(protocol_id)
    named = shipped_protocols()[protocol_id].parent / plain["$schema"]
    schema = json.loads(named.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(schema).validate(plain)


@pytest.mark.parametrize("protocol_id", SHIPPED)
def test_a_shipped_protocol_reads_back_equal(protocol_id):
    protocol = load_protocol(protocol_id).protocol
    assert from_json(QCProtocol, to_json(protocol)) == protocol


@pytest.mark.parametrize("protocol_id", SHIPPED)
def test_no_shipped_limit_is_called_the_esr_limit_and_each_says_who_set_it(protocol_id):
    sources = re.findall(r'"source": "([^"]*)"', shipped_protocols()[protocol_id].read_text(encoding="utf-8"))
    assert len(sources) > 10
    for source in sources:
        assert len(source) > 20
        assert "ESR limit" not in source


@pytest.mark.parametrize("protocol_id", SHIPPED)
def test_every_structure_of_a_shipped_protocol_has_a_measure_that_decides(protocol_id):
    protocol = load_protocol(protocol_id).protocol
    assert all(protocol.decisions_for(structure) for structure in protocol.structures)


@pytest.mark.parametrize(("name", "schema"), [("protocol", protocol_schema()), ("record", record_schema())])
def test_the_shipped_schema_is_the_one_of_the_code(name, schema):
    shipped = resource(f"Schemas/{name}.schema.json").read_text(encoding="utf-8")
    assert shipped == json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def totalsegmentator_codes(shared_data) -> dict[str, dict[str, str]]:
    folder = shared_data / "totalsegmentator" / "totalsegmentator" / "resources"
    with (folder / "totalsegmentator_snomed_mapping.csv").open(encoding="utf-8") as file:
        return {row["Structure"]: row for row in csv.DictReader(file)}


def keys_of(cls: type) -> set[str]:
    keys = set()
    for name, hint in typing.get_type_hints(cls).items():
        keys.add(name)
        for part in (hint, *typing.get_args(hint)):
            if dataclasses.is_dataclass(part):
                keys |= keys_of(part)
    return keys


def test_the_reference_for_coordinators_explains_every_key():
    text = (Path(__file__).parents[1] / "Documentation" / "protocol.md").read_text(encoding="utf-8")
    assert {key for key in keys_of(QCProtocol) if f"`{key}`" not in text} == set()


def test_the_example_in_the_reference_is_a_usable_protocol():
    text = (Path(__file__).parents[1] / "Documentation" / "protocol.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```json\n(\{\n.*?\n\})\n```", text, flags=re.DOTALL)
    assert from_json(QCProtocol, example).id == "liver-ct"


def test_abdominal_organs_have_the_names_and_codes_of_totalsegmentator(shared_data):
    rows = totalsegmentator_codes(shared_data)
    for structure in load_protocol("ct-abdomen-portal-venous").protocol.structures:
        row, terminology = rows[structure.name], structure.terminology
        for code, column in (
            (terminology.category, "SegmentedPropertyCategoryCodeSequence"),
            (terminology.type, "SegmentedPropertyTypeCodeSequence"),
            (terminology.modifier, "SegmentedPropertyTypeModifierCodeSequence"),
        ):
            found = ("", "") if code is None else (code.scheme, code.value)
            assert found == (row[f"{column}.CodingSchemeDesignator"], row[f"{column}.CodeValue"]), structure.name


def meanings_of_codes(shared_data) -> dict[tuple[str, str], set[str]]:
    """Return what Slicer's and TotalSegmentator's terminology files call each (scheme, value)."""
    meanings: dict[tuple[str, str], set[str]] = {}
    for path in (shared_data / "terminologies").glob("*.json"):
        todo = [json.loads(path.read_text(encoding="utf-8"))]
        while todo:
            item = todo.pop()
            if isinstance(item, dict) and "CodeValue" in item:
                key = (item["CodingSchemeDesignator"], item["CodeValue"])
                meanings.setdefault(key, set()).add(item["CodeMeaning"].casefold())
            todo += item.values() if isinstance(item, dict) else item if isinstance(item, list) else ()
    for row in totalsegmentator_codes(shared_data).values():
        for sequence in {column.partition(".")[0] for column in row if column.endswith(".CodeValue")}:
            scheme, value, meaning = (row[f"{sequence}.{k}"] for k in ("CodingSchemeDesignator", "CodeValue", "CodeMeaning"))
            meanings.setdefault((scheme, value), set()).add(meaning.casefold())
    return meanings


@pytest.mark.parametrize("protocol_id", SHIPPED)
def test_every_code_is_in_the_terminologies_of_slicer_or_totalsegmentator_with_its_meaning(protocol_id, shared_data):
    known = meanings_of_codes(shared_data)
    for structure in load_protocol(protocol_id).protocol.structures:
        terminology = structure.terminology
        for code in (terminology.category, terminology.type, terminology.modifier, terminology.region):
            if code is not None:
                assert code.meaning.casefold() in known[code.scheme, code.value]


def test_the_lung_nodule_limits_are_those_of_the_lidc_radiologists(shared_data):
    folder = shared_data / "lidc_readers"
    bits = np.load(folder / "masks.npz")["bits"]
    dices = []
    with (folder / "nodules.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file):
            shape = tuple(int(row[key]) for key in ("n_readers", "nz", "ny", "nx"))
            if shape[0] >= 3:
                start, length = int(row["offset"]), int(row["nbytes"])
                readers = np.unpackbits(bits[start : start + length])[: np.prod(shape)].reshape(shape[0], -1)
                dices += [2 * (a & b).sum() / (a.sum() + b.sum(dtype=int)) for a, b in itertools.combinations(readers, 2)]
    protocol = load_protocol("ct-lung-nodule").protocol
    (decision,) = protocol.decisions_for(protocol.structures[0])
    assert len(dices) == 5646
    assert np.mean(np.array(dices) > decision.accept.minimum) == pytest.approx(0.90, abs=0.005)
    assert np.mean(np.array(dices) <= decision.reject.maximum) == pytest.approx(0.05, abs=0.005)


@pytest.mark.parametrize(
    ("name", "structure"),
    [
        ("kidney_left", "kidney_left"),
        ("Left Kidney", "kidney_left"),
        ("KIDNEY, left", "kidney_left"),
        ("Vena-Cava Inferior", "inferior_vena_cava"),
        ("oesophagus", "esophagus"),
        ("left", None),
        ("kidney", None),
        ("liver 2", None),
    ],
)
def test_a_segment_without_codes_is_matched_by_name_or_alias(name, structure):
    found = load_protocol("ct-abdomen-portal-venous").protocol.structure_of(Segment("s", name, 1))
    assert (found and found.name) == structure


def test_a_number_at_the_end_does_not_count_where_a_structure_may_have_many_segments():
    protocol = load_protocol("ct-lung-nodule").protocol
    for name in ("lung_nodule", "Lung nodule 2", "nodule#3", "Nodule_12"):
        assert protocol.structure_of(Segment("s", name, 1)).name == "lung_nodule"


def test_codes_decide_before_the_name_whatever_their_wording():
    spleen = Terminology(Code("123037004", "SCT", "Anatomical structure"), Code("78961009", "SCT", "Milz"))
    assert a_protocol().structure_of(Segment("s", "liver", 1, terminology=spleen)).name == "spleen"


def test_a_window_rule_that_names_the_structure_goes_before_the_one_for_all():
    protocol = load_protocol("ct-abdomen-portal-venous").protocol
    assert protocol.window_rule("liver").name == "Liver"
    assert protocol.window_rule("spleen").name == "Soft tissue"


def test_limits_are_inclusive_and_forgive_the_rounding_of_decimal_text():
    limit = Range("mm", "test", 1.0, 3.0)
    assert [value in limit for value in (0.99, 0.9999999, 1.0, 3.0, 3.01)] == [False, True, True, True, False]


def test_a_range_reads_as_words_with_its_unit():
    assert [str(Range(*of)) for of in (("mm", "", None, 5), ("[hnsf'U]", "", 350, 400), ("1", "", 0.9), ("mm", "", 2, 2))] == [
        "up to 5 mm", "350 to 400 HU", "at least 0.9", "2 mm",
    ]  # fmt: skip


def test_allowed_texts_match_with_wildcards_and_without_case():
    kernels = AllowedTexts(("Br3*", "B30*"), "test")
    assert [name in kernels for name in ("Br38f", "BR36", "B30s", "Br59f", "Bl57")] == [True, True, True, False, False]


def test_all_faults_of_a_protocol_come_at_once_with_path_found_and_allowed():
    wrong = copy.deepcopy(SMALL)
    del wrong["purpose"]
    wrong["modality"] = {"values": ["CT"]}
    wrong["slice_thickness_mm"] = {**mm(1, 0.5)}
    wrong["slice_spacing_mm"] = {**mm(maximum=5), "unit": "cm"}
    wrong["window"] = []
    wrong["structures"][1]["requierd"] = True
    assert faults_in(json.dumps(wrong)) == {
        "purpose": "is missing: What the segmentations are for, in one or two sentences.",
        "modality.source": "is missing: Who set this limit.",
        "slice_thickness_mm.maximum": "0.5 is below minimum 1",
        "slice_spacing_mm.unit": '"cm" is not one of "mm", "deg", "ms", "s", "min", "h", "[hnsf\'U]", "g/ml", "1", "T", "kV", "d", '
        '"mm3", "mm2", "ml", "%"',
        "window": "unknown key; did you mean 'windows'?",
        "structures[1].requierd": "unknown key; did you mean 'required'?",
    }


def test_loading_a_bad_file_names_the_file_and_lists_its_faults(tmp_path):
    path = tmp_path / "mine.json"
    path.write_text(json.dumps({**SMALL, "id": "My protocol", "titel": "x"}), encoding="utf-8")
    with pytest.raises(BadDataError) as error:
        load_protocol(path)
    lines = str(error.value).splitlines()
    assert lines[:2] == ["mine.json: is not a usable protocol. Correct:", "  titel: unknown key; did you mean 'title'?"]
    assert lines[2].startswith("  id: 'My protocol' is not lower-case")


def test_a_syntax_error_in_a_protocol_comes_with_line_and_column(tmp_path):
    path = tmp_path / "mine.json"
    path.write_text('{\n  "id": "mine",,\n}', encoding="utf-8")
    with pytest.raises(BadDataError, match="line 2, column 16: not JSON"):
        load_protocol(path)


def test_an_unknown_protocol_is_answered_with_the_shipped_ids():
    with pytest.raises(BadDataError, match=r"No such file.*ct-abdomen-portal-venous, ct-lung-nodule"):
        load_protocol("ct-abdomen")


def test_a_protocol_in_another_encoding_is_refused(tmp_path):
    path = tmp_path / "mine.json"
    path.write_text(json.dumps({**SMALL, "title": "Münster"}, ensure_ascii=False), encoding="latin-1")
    with pytest.raises(BadDataError, match="UTF-8"):
        load_protocol(path)


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"slice_thickness_mm": {**mm(maximum=5), "source": " "}}, "slice_thickness_mm.source"),
        ({"modality": {"values": ["CT"], "source": ""}}, "modality.source"),
        ({"windows": [{"name": "w", "structures": ["*"], "window": {**hu(1, 2), "source": ""}, "level": hu(1, 2),
                       "apply_window": 1, "apply_level": 1}]}, "windows[0].window.source"),
        ({"ai_tools": [{"name": "x", "versions": ["1"], "source": ""}]}, "ai_tools[0].source"),
    ],
)  # fmt: skip
def test_a_limit_without_a_source_is_refused(changes, path):
    (found,) = faults_of(**changes).items()
    assert found == (path, "is empty; say who set this limit (paper, guideline, standard, or 'study decision' with its reason)")


def decision(metric="dice", structures=("liver",), accept=None, reject=None) -> dict:
    return {"decisions": [{"metric": metric, "structures": list(structures), "accept": accept or share(0.9), "reject": reject}]}


def window(window_hu, level_hu, apply_window, apply_level, structures=("*",)) -> dict:
    ranges = {"window": hu(*window_hu), "level": hu(*level_hu)}
    return {"name": "w", "structures": list(structures), **ranges, "apply_window": apply_window, "apply_level": apply_level}


def structures(**of_the_second) -> dict:
    return {"structures": [SMALL["structures"][0], {**SMALL["structures"][1], **of_the_second}]}


@pytest.mark.parametrize(
    ("changes", "path", "text"),
    [
        ({"slice_thickness_mm": mm()}, "slice_thickness_mm", "neither minimum nor maximum"),
        ({"slice_thickness_mm": {**mm(1), "unit": "%"}}, "slice_thickness_mm.unit", "'%' is not 'mm'"),
        ({"lesion_voxels": mm(27)}, "lesion_voxels.unit", "'mm' is not '1'"),
        (decision("hausdorff_95_mm", accept=share(maximum=5)), "decisions[0].accept.unit", "'1' is not 'mm'"),
        ({"windows": [window((350, 400), (40, 50), 300, 40)]}, "windows[0].apply_window", "allowed window, 350 to 400 HU"),
        ({"windows": [window((350, 400), (40, 50), 400, 60)]}, "windows[0].apply_level", "allowed level, 40 to 50 HU"),
        ({"windows": [window((1, 2), (1, 2), 1, 1)] * 2}, "windows[1].structures", "a structure has one window"),
        ({"windows": [window((1, 2), (1, 2), 1, 1, ["livr"])]}, "windows[0].structures", "did you mean 'liver'?"),
        (decision(accept=share(0.9), reject=share(maximum=0.9)), "decisions[0].reject", "one value would do both"),
        (decision(accept=share(0.5), reject=share(0.6, 0.7)), "decisions[0].reject", "one value would do both"),
        (decision(accept=share(90)), "decisions[0].accept", "90 is not in [0, 1]"),
        (decision(structures=["kidney"]), "decisions[0].structures", "'kidney' is not a structure of this protocol"),
        (decision(structures=[]), "decisions[0].structures", "is empty"),
        (decision("surface_dice_protocol"), "structures[0].surface_tolerance_mm", "decisions[0] needs it"),
        (structures(surface_tolerance_mm=mm(1)), "structures[1].surface_tolerance_mm", "needs a maximum"),
        (structures(terminology=LIVER), "structures[1].terminology", "same codes as structures[0], liver"),
        (structures(aliases=["LIVER"]), "structures[1]", "a segment would be both"),
        ({"structures": []}, "structures", "is empty"),
        ({"id": "Small Protocol"}, "id", "lower-case"),
        ({"uniform_in_study": {"values": ["kernel"], "source": "test"}},
         "uniform_in_study.values[0]", "did you mean 'convolution_kernel'?"),
        ({"image_quality": [{"measure": "cnr", "region": "lung", "limit": share(1)}]},
         "image_quality[0].region", "known: liver, spleen"),
        ({"image_quality": [{"measure": "snr", "region": "liver", "background": "spleen", "limit": share(1)}]},
         "image_quality[0].background", "not measured against a background"),
        ({"reader_training": {"course": "c", "valid_d": {**share(1), "unit": "d"}}}, "reader_training.valid_d", "needs a maximum"),
        ({"plane": {"values": ["axial"], "maximum_obliquity_deg": 60, "source": "test"}},
         "plane.maximum_obliquity_deg", "60 is not in [0, 45]"),
        ({"expected_agreement": {"coverage": 90}}, "expected_agreement.coverage", "90 is not in (0, 1)"),
        ({"slice_thickness_mm": mm(maximum=3), "slice_spacing_mm": mm(4), "slice_gap_mm": mm(maximum=0)},
         "slice_spacing_mm", "always leaves a gap; slice_gap_mm allows up to 0 mm"),
    ],
)  # fmt: skip
def test_a_protocol_that_contradicts_itself_is_refused(changes, path, text):
    faults = faults_of(**changes)
    assert list(faults) == [path]
    assert text in faults[path]


def test_slices_that_may_touch_are_no_contradiction():
    a_protocol(slice_thickness_mm=mm(maximum=3), slice_spacing_mm=mm(3), slice_gap_mm=mm(maximum=0))


def test_a_rating_whose_unusable_grade_is_not_on_its_scale_is_refused():
    grades = [{"value": 1, "wording": "bad"}, {"value": 2, "wording": "good"}]
    rating = {"id": "motion", "title": "Motion", "grades": grades, "best": "highest", "source": "test", "unusable": [0]}
    assert faults_of(ratings=[rating]) == {"ratings[0].unusable": "0 is not a grade of this scale, [1, 2]"}


@pytest.mark.parametrize("protocol_id", SHIPPED)
def test_only_the_severe_grade_of_a_shipped_rating_proposes_to_exclude_an_image(protocol_id):
    for rating in load_protocol(protocol_id).protocol.ratings:
        assert [grade.value for grade in rating.grades] == [1, 2, 3, 4, 5]
        assert rating.best == "highest"
        assert rating.unusable == (1,)
