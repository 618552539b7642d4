import json
import typing
from dataclasses import fields, is_dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from SegQCLib.case import Code, Terminology
from SegQCLib.cli import main
from SegQCLib.dataclass_json import to_json, to_plain
from SegQCLib.protocol import (
    AITool,
    AllowedPlanes,
    AllowedTexts,
    Contrast,
    Decision,
    Grade,
    ImageQualityLimit,
    QCProtocol,
    Range,
    Rating,
    ReaderTraining,
    Structure,
    TechnicalLimit,
    WindowRule,
    load_protocol,
    shipped_protocols,
)
from SegQCLib.protocols.difference import LOOK_AGAIN
from SegQCLib.protocols.differences import compare_protocols, protocol_differences, version_remark
from SegQCLib.protocols.field_texts import FIELD_TEXTS

ORGAN = Code("123037004", "SCT", "Anatomical Structure")
LEFT = Code("7771000", "SCT", "Left")
LIVER = Terminology(ORGAN, Code("10200004", "SCT", "Liver"), LEFT, Code("818981001", "SCT", "Abdomen"), LEFT)
SPLEEN = Terminology(ORGAN, Code("78961009", "SCT", "Spleen"))
PANCREAS = Terminology(ORGAN, Code("15776009", "SCT", "Pancreas"))


def limit(minimum=None, maximum=None, unit="mm") -> Range:
    return Range(unit, "the study", minimum, maximum)


def texts(*values) -> AllowedTexts:
    return AllowedTexts(values, "the study")


def a_full_protocol() -> QCProtocol:
    """Return a protocol in which every key has a value."""
    liver = Structure("liver", LIVER, True, ("hepar",), False, False, limit(maximum=3.0), ("spleen",))
    return QCProtocol(
        schema="segqc-protocol",
        schema_version="1.0",
        id="liver-ct",
        version="1.0.0",
        title="Liver on CT",
        purpose="Volume.",
        modality=texts("CT"),
        structures=(liver, Structure("spleen", SPLEEN)),
        plane=AllowedPlanes(("axial",), 5.0, "the study"),
        slice_thickness_mm=limit(maximum=5.0),
        slice_spacing_mm=limit(maximum=5.0),
        slice_gap_mm=limit(maximum=0.01),
        pixel_spacing_mm=limit(0.5, 1.0),
        in_plane_size=limit(256, 1024, "1"),
        spacing_variation_mm=limit(maximum=0.1),
        gantry_tilt_deg=limit(maximum=0.1, unit="deg"),
        uniform_in_study=texts("kvp"),
        convolution_kernel=texts("B30*", "Br40*"),
        kvp=limit(100, 120, "kV"),
        mr_sequence=texts("*flair*"),
        magnetic_field_strength_t=limit(1.5, 3.0, "T"),
        echo_time_ms=limit(80, 120, "ms"),
        repetition_time_ms=limit(80, 120, "ms"),
        inversion_time_ms=limit(80, 120, "ms"),
        uptake_time_min=limit(55, 65, "min"),
        image_type=texts("ORIGINAL*"),
        lossy_compression_ratio=limit(maximum=1.0, unit="1"),
        contrast=Contrast("portal venous", True, "the study", ("*portal*",), limit(60, 80, "s")),
        windows=(WindowRule("Soft tissue", ("liver",), limit(350, 450, "[hnsf'U]"), limit(40, 60, "[hnsf'U]"), 400.0, 50.0),),
        lesion_voxels=limit(minimum=27, unit="1"),
        lesion_slices=limit(minimum=3, unit="1"),
        decisions=(Decision("dice", ("liver",), limit(0.9, unit="1"), limit(maximum=0.8, unit="1")),),
        rejecting_checks=("modality",),
        technical_limits=(TechnicalLimit("hole_mm3", limit(maximum=50, unit="mm3"), ("liver",)),),
        skipped_checks=("spikes",),
        image_quality=(ImageQualityLimit("cnr", "liver", limit(2.0, unit="1"), "spleen"),),
        ratings=(Rating("motion", "Motion artifact", (Grade(1, "Severe"), Grade(2, "Absent")), "highest", "the study", (1,)),),
        reader_training=ReaderTraining("liver-course", limit(maximum=365, unit="d")),
        ai_tools=(AITool("TotalSegmentator", ("2.*",), "the study"),),
    )


def other(value, hint):
    """Return a value of a field that is not `value`."""
    choices = typing.get_args(hint) if typing.get_origin(hint) is typing.Literal else ()
    if choices:
        return next(choice for choice in choices if choice != value)
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    return "something else"


def changed_one_by_one(value):
    """Yield every copy of a value with one leaf changed, an entry added or one taken away, with the path."""
    if is_dataclass(value):
        hints = typing.get_type_hints(type(value))
        for item in fields(value):
            old = getattr(value, item.name)
            hint = hints[item.name]
            if len(typing.get_args(hint)) == 1 and typing.get_origin(hint) is typing.Literal:
                continue
            if is_dataclass(old) or isinstance(old, tuple):
                for path, new in changed_one_by_one(old):
                    yield f"{item.name}.{path}", replace(value, **{item.name: new})
            elif old is not None:
                yield item.name, replace(value, **{item.name: other(old, hint)})
            optional = type(None) in typing.get_args(hint)
            if old is None and item.name not in ("minimum", "maximum"):
                (inner,) = [argument for argument in typing.get_args(hint) if argument is not type(None)]
                given = {Range: limit(maximum=1.0), Code: ORGAN}.get(inner) or other(None, inner)
                yield f"{item.name} added", replace(value, **{item.name: given})
            # A limit with neither end is none.
            only_end = item.name in ("minimum", "maximum") and None in (value.minimum, value.maximum)
            if optional and old is not None and not only_end:
                yield f"{item.name} removed", replace(value, **{item.name: None})
    elif isinstance(value, tuple):
        for number, old in enumerate(value):
            yield f"[{number}] removed", value[:number] + value[number + 1 :]
            if is_dataclass(old):
                for path, new in changed_one_by_one(old):
                    yield f"[{number}].{path}", (*value[:number], new, *value[number + 1 :])
            else:
                yield f"[{number}]", (*value[:number], other(old, type(old)), *value[number + 1 :])
        if len(value) > 1:
            yield "reversed", value[::-1]


def with_name_everywhere(protocol, old, new):
    """Return the protocol with the rules that refer to a structure following its new name."""

    def all_of(names):
        return tuple(new if name == old else name for name in names)

    return replace(
        protocol,
        structures=tuple(replace(item, may_overlap=all_of(item.may_overlap)) for item in protocol.structures),
        **{
            key: tuple(replace(item, structures=all_of(item.structures)) for item in getattr(protocol, key))
            for key in ("windows", "decisions", "technical_limits")
        },
        image_quality=tuple(
            replace(item, region=all_of((item.region,))[0], background=all_of((item.background,))[0])
            for item in protocol.image_quality
        ),
    )


FULL = a_full_protocol()
ONE_CHANGE = dict(changed_one_by_one(FULL))
WITHOUT_RENAMING = sorted(set(ONE_CHANGE) - {"structures.[0].name", "structures.[1].name"})
for _number, _name in enumerate(("liver", "spleen")):
    _path = f"structures.[{_number}].name"
    ONE_CHANGE[_path] = with_name_everywhere(ONE_CHANGE[_path], _name, "something else")


def test_the_full_protocol_has_a_value_in_every_key():
    empty = [item.name for item in fields(QCProtocol) if getattr(FULL, item.name) in (None, ())]
    assert not empty
    assert len(ONE_CHANGE) > 150


@pytest.mark.parametrize("path", ONE_CHANGE)
def test_one_change_is_one_difference_in_words(path):
    (difference,) = protocol_differences(FULL, ONE_CHANGE[path])
    assert difference.words[0].isupper()
    assert not difference.words.endswith(".")
    assert "None" not in difference.words
    assert difference.affects in LOOK_AGAIN
    top = path.removesuffix(" removed").removesuffix(" added").partition(".")[0]
    assert difference.path.startswith(top)


@pytest.mark.parametrize("path", ONE_CHANGE)
def test_the_opposite_change_is_one_difference_and_of_the_opposite_kind(path):
    (there,), (back,) = protocol_differences(FULL, ONE_CHANGE[path]), protocol_differences(ONE_CHANGE[path], FULL)
    opposite = {"added": "removed", "removed": "added", "tighter": "looser", "looser": "tighter"}
    assert back.kind == opposite.get(there.kind, there.kind)


def test_every_key_of_every_part_of_a_protocol_has_words():
    def parts(hint):
        if is_dataclass(hint):
            yield hint
            for inner in typing.get_type_hints(hint).values():
                yield from parts(inner)
        for argument in typing.get_args(hint):
            yield from parts(argument)

    for part in set(parts(QCProtocol)):
        assert set(FIELD_TEXTS[part]) == {item.name for item in fields(part)}, part


@given(st.lists(st.sampled_from(WITHOUT_RENAMING), min_size=1, max_size=4))
@settings(max_examples=60, deadline=None)
def test_no_mixture_of_changes_is_silently_missed(paths):
    changed = FULL
    for path in paths:
        key = path.removesuffix(" removed").removesuffix(" added").partition(".")[0]
        changed = replace(changed, **{key: getattr(ONE_CHANGE[path], key)})
    touched = {item.name for item in fields(QCProtocol) if getattr(changed, item.name) != getattr(FULL, item.name)}
    found = {difference.path.partition(".")[0].partition("[")[0] for difference in protocol_differences(FULL, changed)}
    assert found == touched


@pytest.mark.parametrize("name", shipped_protocols())
def test_a_protocol_does_not_differ_from_itself_whatever_its_formatting(name, tmp_path):
    loaded = load_protocol(name)
    file = tmp_path / "p.json"
    file.write_text(json.dumps(to_plain(loaded.protocol)), encoding="utf-8")
    assert compare_protocols(loaded, load_protocol(file)).differences == ()


def words(**changes) -> list[str]:
    return [difference.words for difference in protocol_differences(FULL, replace(FULL, **changes))]


def kinds(**changes) -> list[str]:
    return [difference.kind for difference in protocol_differences(FULL, replace(FULL, **changes))]


def test_a_limit_is_told_with_both_values_its_unit_and_its_source():
    assert words(slice_thickness_mm=Range("mm", "RECIST 1.1", None, 3.0)) == [
        "Slice thickness: up to 5 mm -> up to 3 mm (source: RECIST 1.1)"
    ]
    assert words(kvp=None) == ["Tube voltage: 100 to 120 kV -> no limit"]


def test_facts_of_a_study_are_named_as_the_header_has_them():
    assert words(uniform_in_study=None) == ["What must be the same in all series of a study: KVP (0018,0060) -> no limit"]
    assert words(uniform_in_study=texts("kvp", "model")) == [
        "What must be the same in all series of a study: now also Manufacturer's Model Name (0008,1090) (source: the study)"
    ]


def test_a_source_alone_is_told_as_such():
    (difference,) = protocol_differences(FULL, replace(FULL, kvp=replace(FULL.kvp, source="a guideline")))
    assert difference.words == "Tube voltage: the source was 'the study' and is now 'a guideline'; the limit stays, 100 to 120 kV"
    assert (difference.kind, difference.affects) == ("wording", "texts")


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"kvp": limit(100, 110, "kV")}, "tighter"),
        ({"kvp": limit(80, 120, "kV")}, "looser"),
        ({"kvp": limit(110, 130, "kV")}, "changed"),
        ({"slice_thickness_mm": limit(1.0, 5.0)}, "tighter"),
        ({"convolution_kernel": texts("B30*")}, "tighter"),
        ({"convolution_kernel": texts("B30f", "Br40*")}, "tighter"),
        ({"convolution_kernel": texts("B*")}, "looser"),
        ({"uniform_in_study": texts("kvp", "model")}, "tighter"),
        ({"rejecting_checks": ("modality", "plane")}, "tighter"),
        ({"skipped_checks": ("spikes", "holes")}, "looser"),
        ({"irregular_geometry": "resample"}, "looser"),
        ({"uncertainty_maps": "after_first_read"}, "tighter"),
        ({"plane": None}, "removed"),
        ({"plane": AllowedPlanes(("axial",), 2.0, "the study")}, "tighter"),
        ({"decisions": (replace(FULL.decisions[0], accept=limit(0.95, unit="1")),)}, "tighter"),
        ({"decisions": (replace(FULL.decisions[0], reject=limit(maximum=0.85, unit="1")),)}, "tighter"),
        ({"decisions": (replace(FULL.decisions[0], structures=("*",)),)}, "tighter"),
        ({"ratings": (replace(FULL.ratings[0], unusable=(1, 2)),)}, "tighter"),
        ({"reader_training": replace(FULL.reader_training, missing="refuse")}, "tighter"),
    ],
)
def test_the_kind_says_whether_the_rule_became_stricter(changes, kind):
    assert kinds(**changes) == [kind]


def test_a_window_that_also_holds_for_another_structure_is_told_so():
    assert words(windows=(replace(FULL.windows[0], structures=("liver", "spleen")),)) == ["Window Soft tissue now also for spleen"]


def test_a_new_structure_is_told_with_its_codes():
    (said,) = words(structures=(*FULL.structures, Structure("pancreas", PANCREAS, True)))
    assert said == ("Structure pancreas is new: required; Pancreas (SCT 15776009); category Anatomical Structure (SCT 123037004)")


def test_a_renamed_structure_is_one_difference_though_rules_refer_to_it():
    structures = (replace(FULL.structures[0], name="hepar_totum"), FULL.structures[1])
    new = with_name_everywhere(replace(FULL, structures=structures), "liver", "hepar_totum")
    assert new.decisions[0].structures == ("hepar_totum",)
    (difference,) = protocol_differences(FULL, new)
    assert difference.words == "Structure liver: name: liver -> hepar_totum (the codes stay; earlier records keep the old name)"


def test_structures_are_matched_by_codes_and_not_by_their_place():
    found = protocol_differences(FULL, replace(FULL, structures=(Structure("pancreas", PANCREAS), *FULL.structures)))
    assert [(difference.kind, difference.path) for difference in found] == [("added", "structures[0]")]


def test_the_wording_of_a_code_is_no_other_structure():
    code = replace(LIVER, type=Code("10200004", "SCT", "Liver structure"))
    (difference,) = protocol_differences(
        FULL, replace(FULL, structures=(replace(FULL.structures[0], terminology=code), FULL.structures[1]))
    )
    assert (difference.kind, difference.affects) == ("wording", "texts")


def test_what_must_be_looked_at_again_follows_from_the_key():
    affects = {
        "slice_thickness_mm": "acquisition",
        "structures": "segmentation",
        "irregular_geometry": "measurement",
        "decisions": "verdict",
        "ratings": "reading",
        "purpose": "texts",
    }
    for key, expected in affects.items():
        assert FIELD_TEXTS[QCProtocol][key].affects == expected


def test_a_version_that_was_not_raised_is_told():
    new = replace(FULL, kvp=None)
    remark = version_remark(FULL, new, protocol_differences(FULL, new))
    assert remark == ("The version is still 1.0.0 although the content changed: two protocols would go by one version. Raise it.")
    raised = replace(new, version="1.10.0")
    assert version_remark(FULL, raised, protocol_differences(FULL, raised)) is None
    assert version_remark(FULL, FULL, ()) is None
    assert "went down" in version_remark(raised, replace(raised, version="1.9.0"), ())


def test_the_command_tells_differences_by_what_they_touch(tmp_path, capsys):
    new = tmp_path / "new.json"
    shipped = load_protocol("ct-lung-nodule").protocol
    new.write_text(to_json(replace(shipped, slice_thickness_mm=replace(shipped.slice_thickness_mm, maximum=1.0))), encoding="utf-8")
    assert main(["protocol", "diff", "ct-lung-nodule", str(new), "--json", str(tmp_path / "d.json")]) == 0
    said = capsys.readouterr().out
    assert "Which images are allowed" in said
    assert "up to 1.5 mm -> up to 1 mm" in said
    assert f"still {shipped.version}" in said
    written = json.loads((tmp_path / "d.json").read_text(encoding="utf-8"))
    assert [entry["path"] for entry in written["differences"]] == ["slice_thickness_mm"]
    assert main(["protocol", "diff", "ct-lung-nodule", "ct-lung-nodule"]) == 0
    assert "do not differ" in capsys.readouterr().out
