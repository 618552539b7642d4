import dataclasses
import json
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from SegQCLib.case import Acquisition, Code, Terminology, WindowLevel
from SegQCLib.dataclass_json import FaultyJSONError, from_json, json_schema, to_json
from SegQCLib.findings import Finding, Status
from SegQCLib.geometry import Geometry


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True)
class Wheel:
    diameter_mm: float
    spokes: int = 0

    def faults(self):
        if self.diameter_mm <= 0:
            yield "diameter_mm", f"{self.diameter_mm:g} is not > 0"


@dataclass(frozen=True)
class Bicycle:
    name: str = field(metadata={"doc": "What it is called."})
    wheels: tuple[Wheel, ...]
    colour: Colour
    size: tuple[float, float]
    kind: Literal["road", "city"] = "city"
    parts: dict[str, Wheel] = field(default_factory=dict)
    sold: bool | None = None

    def faults(self):
        if len(self.wheels) != 2:
            yield "wheels", f"has {len(self.wheels)}; a bicycle has 2"


GOOD = {"name": "a", "wheels": [{"diameter_mm": 700}, {"diameter_mm": 700.5}], "colour": "red", "size": [1, 2]}


def faults_of(text: str, cls: type = Bicycle) -> dict[str, str]:
    with pytest.raises(FaultyJSONError) as error:
        from_json(cls, text)
    return {fault.path: fault.text for fault in error.value.faults}


def changed(**changes) -> str:
    return json.dumps({**GOOD, **changes})


def test_reading_gives_the_hinted_types():
    bicycle = from_json(Bicycle, json.dumps(GOOD))
    assert bicycle == Bicycle("a", (Wheel(700.0), Wheel(700.5)), Colour.RED, (1.0, 2.0))
    assert isinstance(bicycle.wheels[0].diameter_mm, float)


def test_all_faults_of_a_file_come_at_once_with_their_paths():
    wheels = [{"diameter_mm": "big"}, {"diameter": 1, "diameter_mm": -1, "spokes": True}]
    faults = faults_of(changed(name=7, wheels=wheels, colour="rad", size=[1], kindd="road", sold="no"))
    assert faults == {
        "name": "7 is not text",
        "wheels[0].diameter_mm": '"big" is not a number',
        "wheels[1].diameter": "unknown key; did you mean 'diameter_mm'?",
        "wheels[1].spokes": "true is not a whole number",
        "colour": '"rad" is not one of "red"; did you mean "red"?',
        "size": "[1] is not a list of 2",
        "kindd": "unknown key; did you mean 'kind'?",
        "sold": '"no" is not true or false',
    }


def test_a_broken_rule_inside_and_one_outside_are_both_reported():
    faults = faults_of(changed(wheels=[{"diameter_mm": -3}], nmae="b"))
    assert faults == {
        "wheels[0].diameter_mm": "-3 is not > 0",
        "wheels": "has 1; a bicycle has 2",
        "nmae": "unknown key; did you mean 'name'?",
    }


def test_a_missing_key_says_what_it_is_for():
    assert faults_of("{}")["name"] == "is missing: What it is called."


def test_a_key_given_twice_is_refused_where_it_stands():
    text = json.dumps(GOOD).replace('"diameter_mm": 700}', '"diameter_mm": 700, "diameter_mm": 1}')
    assert faults_of(text) == {"wheels[0].diameter_mm": "is given 2 times; keep one"}


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "9" * 400, "9" * 5000])
def test_a_number_that_is_not_finite_is_refused_where_it_stands(number):
    text = json.dumps(GOOD).replace("700.5", number)
    (path,) = faults_of(text)
    assert path == "wheels[1].diameter_mm"


def test_a_long_number_is_told_as_it_was_written():
    assert faults_of(changed(name=-(10**400)))["name"].startswith("-1000")
    assert faults_of('{"diameter_mm": -' + "9" * 5000 + "}", Wheel)["diameter_mm"].startswith("-Infinity is not a finite number")


def test_a_whole_number_keeps_all_its_digits():
    assert from_json(Wheel, f'{{"diameter_mm": 1, "spokes": {10**304 + 1}}}').spokes == 10**304 + 1


@dataclass(frozen=True)
class Folder:
    name: str
    folders: tuple["Folder", ...] = ()
    above: "Folder | None" = None


def test_a_class_may_hold_others_of_its_own():
    text = '{"name": "a", "folders": [{"name": "b", "folders": [{"name": "c"}]}], "above": {"name": "d"}}'
    assert from_json(Folder, text) == Folder("a", (Folder("b", (Folder("c"),)),), Folder("d"))
    assert faults_of(text.replace('"c"', "3"), Folder) == {"folders[0].folders[0].name": "3 is not text"}


def test_readers_of_many_threads_see_all_of_a_class():
    text = json.dumps({"name": "a", "parts": []})
    for _ in range(20):
        cls = dataclasses.make_dataclass("Thing", [("name", str), ("parts", tuple[str, ...])], frozen=True)
        with ThreadPoolExecutor(8) as pool:
            assert set(pool.map(from_json, [cls] * 8, [text] * 8)) == {cls("a", ())}


def test_a_syntax_error_comes_with_line_and_column():
    assert faults_of('{\n  "name": "a",\n  "wheels" []\n}') == {"line 3, column 12": "not JSON: Expecting ':' delimiter"}


def test_json_nested_too_deeply_is_refused_and_not_a_crash():
    assert "nested too deeply" in faults_of("[" * 200_000)[""]


@pytest.mark.parametrize("text", ["null", "[]", "3", '"text"'])
def test_a_file_without_an_object_is_refused(text):
    assert "is not an object with name, wheels" in faults_of(text)[""]


def test_a_whole_number_may_be_written_with_a_point_as_json_schema_allows():
    assert from_json(Wheel, '{"diameter_mm": 1, "spokes": 32.0}') == Wheel(1.0, 32)
    assert faults_of('{"diameter_mm": 1, "spokes": 32.5}', Wheel) == {"spokes": "32.5 is not a whole number"}


def test_nan_is_never_written():
    with pytest.raises(ValueError, match="Out of range float values"):
        to_json(Wheel(float("nan")))


def test_the_schema_accepts_and_refuses_what_reading_does():
    validator = jsonschema.Draft202012Validator(json_schema(Bicycle, title="Bicycle", identifier="https://segqc.invalid/b"))
    validator.check_schema(validator.schema)
    assert validator.is_valid(GOOD)
    assert validator.is_valid({**GOOD, "$schema": "b.schema.json"})
    for wrong in (
        {"name": 7},
        {"colour": "rad"},
        {"size": [1]},
        {"size": [1, 2, 3]},
        {"extra": 1},
        {"wheels": [{}]},
        {"sold": "no"},
    ):
        assert not validator.is_valid({**GOOD, **wrong})
        assert faults_of(changed(**wrong))


number = st.floats(allow_nan=False, allow_infinity=False)
optional_text = st.none() | st.text()
codes = st.builds(Code, st.text(), st.text(), st.text())
findings = st.builds(
    Finding,
    check=st.text(),
    status=st.sampled_from(Status),
    message=st.text(),
    measured=optional_text,
    location_lps_mm=st.none() | st.tuples(number, number, number),
)
terminologies = st.builds(Terminology, category=codes, type=codes, modifier=st.none() | codes, region=st.none() | codes)
acquisitions = st.builds(
    Acquisition,
    modality=optional_text,
    image_type=st.lists(st.text()).map(tuple),
    slice_positions_mm=st.lists(number).map(tuple),
    kvp=st.none() | number,
    window_levels=st.lists(st.builds(WindowLevel, number, number, optional_text)).map(tuple),
)
bicycles = st.builds(
    Bicycle,
    name=st.text(),
    wheels=st.lists(st.builds(Wheel, st.floats(1, 1e6), st.integers()), min_size=2, max_size=2).map(tuple),
    colour=st.sampled_from(Colour),
    size=st.tuples(number, number),
    kind=st.sampled_from(["road", "city"]),
    parts=st.dictionaries(st.text(), st.builds(Wheel, st.floats(1, 1e6))),
    sold=st.none() | st.booleans(),
)


@given(findings | terminologies | acquisitions | bicycles)
def test_what_is_written_reads_back_equal(value):
    assert from_json(type(value), to_json(value)) == value


@given(st.text())
def test_any_text_reads_or_gives_faults_and_nothing_else(text):
    with suppress(FaultyJSONError):
        from_json(Bicycle, text)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from([f.name for f in dataclasses.fields(Bicycle)]), json_values))
def test_any_values_under_known_keys_give_faults_and_nothing_else(values):
    with suppress(FaultyJSONError):
        from_json(Bicycle, json.dumps({**GOOD, **values}))


def test_a_geometry_reads_back_equal():
    geometry = Geometry((2, 3, 4), (2.5, 0.7, 0.7), (-100.25, 50.5, 1e-3), ((0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0)))
    assert from_json(Geometry, to_json(geometry)) == geometry
