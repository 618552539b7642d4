"""Keys under which results are kept: another for every change that can change a record, the same for the same."""

import hashlib
import json
import re
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import combinations
from pathlib import Path

import numpy
import pytest
import scipy
import SimpleITK
from hypothesis import given, settings
from hypothesis import strategies as st

from SegQCLib import __version__
from SegQCLib.cohort.case_key import (
    KeyedFile,
    KeyedLabels,
    canonical_json,
    deciding_software,
    inputs_key,
    result_key,
    sha256_of_value,
)
from SegQCLib.difficulty.in_case import model_sha256
from SegQCLib.hashing import sha256_of, sha256_of_files
from SegQCLib.protocol import load_protocol
from SegQCLib.protocols.sign_off import sign_protocol, signoff_state
from SegQCLib.resources import resource

A, B, C = ("a" * 64, "b" * 64, "c" * 64)
IMAGE, CANDIDATE = KeyedFile("image", "case 1/image.nii.gz", A), KeyedFile("candidate", "case 1/candidate.nii.gz", B)
REFERENCE = KeyedFile("reference", "case 1/reference.nii.gz", C)
NAMED = KeyedLabels("totalsegmentator")
SOFTWARE = {"SegQC": "0.1.0", "numpy": "2.2.6", "scipy": "1.17.1", "SimpleITK": "2.5.3"}


def a_key(case="case 1", files=(IMAGE, CANDIDATE), labels=NAMED, software=SOFTWARE):
    return inputs_key(case, files, labels, software)


def test_a_key_is_the_sha256_of_what_anybody_can_write_down():
    written = (
        '{"case":"case 1","files":[["candidate","case 1/candidate.nii.gz","'
        + B
        + '"],["image","case 1/image.nii.gz","'
        + A
        + '"]],'
        '"format":"segqc-cohort-key-1","labels":{"name":"totalsegmentator","sha256":null},'
        '"software":{"SegQC":"0.1.0","SimpleITK":"2.5.3","numpy":"2.2.6","scipy":"1.17.1"}}'
    )
    assert a_key() == hashlib.sha256(written.encode()).hexdigest()
    written = '{"format":"segqc-cohort-key-1","inputs":"' + A + '","model":null,"protocol":"' + B + '","sign_off":"unsigned"}'
    assert result_key(A, B, "unsigned", None) == hashlib.sha256(written.encode()).hexdigest()


def test_every_change_of_the_inputs_gives_another_key():
    keys = [
        a_key(),
        a_key(case="case 2"),
        a_key(files=(replace(IMAGE, sha256=C), CANDIDATE)),
        a_key(files=(IMAGE, replace(CANDIDATE, sha256=C))),
        a_key(files=(IMAGE, replace(CANDIDATE, path="case 1/other.nii.gz"))),
        a_key(files=(IMAGE, replace(CANDIDATE, role="draft"))),
        a_key(files=(replace(IMAGE, role="candidate"), replace(CANDIDATE, role="image"))),
        a_key(files=(IMAGE, CANDIDATE, REFERENCE)),
        a_key(files=(IMAGE, CANDIDATE, replace(REFERENCE, role="draft"))),
        a_key(files=(IMAGE,)),
        a_key(labels=KeyedLabels()),
        a_key(labels=KeyedLabels("totalsegmentator_mr")),
        a_key(labels=KeyedLabels(sha256=A)),
        a_key(labels=KeyedLabels(sha256=B)),
        # A name that looks like a hash is a name.
        a_key(labels=KeyedLabels(A)),
        *(a_key(software={**SOFTWARE, name: "9.9"}) for name in SOFTWARE),
        a_key(software={**SOFTWARE, "pydicom": "3.0.1"}),
    ]
    assert len(set(keys)) == len(keys)
    assert all(re.fullmatch("[0-9a-f]{64}", key) for key in keys)


def test_the_order_in_which_files_and_versions_are_named_is_no_part_of_the_key():
    assert a_key(files=(CANDIDATE, IMAGE), software=dict(reversed(SOFTWARE.items()))) == a_key()


def test_which_reader_drew_which_reference_is_part_of_the_key():
    one, two = replace(REFERENCE, role="reference"), replace(REFERENCE, role="reference 2", sha256=A)
    swapped = replace(one, sha256=A), replace(two, sha256=C)
    assert a_key(files=(IMAGE, CANDIDATE, one, two)) != a_key(files=(IMAGE, CANDIDATE, *swapped))


def test_protocol_signature_and_model_are_part_of_the_results_key():
    states = (None, "example", "unsigned", "one_role", "locked", "altered", "unreadable")
    keys = [result_key(A, B, state, model) for state in states for model in (None, A, B)]
    keys += [result_key(B, B, None, None), result_key(A, A, None, None)]
    assert len(set(keys)) == len(keys)


@pytest.fixture
def tree(tmp_path):
    """A source folder with one case of two files and a folder of slices."""
    source = tmp_path / "source"
    (source / "case 1" / "image").mkdir(parents=True)
    for name, content in (
        ("image/1.dcm", b"slice 1"),
        ("image/2.dcm", b"slice 2"),
        ("candidate.nii.gz", b"mask"),
        ("labels.json", b"{}"),
    ):
        (source / "case 1" / name).write_bytes(content)
    return source


def key_of(source: Path) -> str:
    case = source / "case 1"
    slices = sha256_of_files((case / "image").iterdir(), case / "image")
    files = [
        KeyedFile("image", (case / "image").relative_to(source).as_posix(), slices),
        KeyedFile("candidate", (case / "candidate.nii.gz").relative_to(source).as_posix(), sha256_of(case / "candidate.nii.gz")),
    ]
    return inputs_key("case 1", files, KeyedLabels(sha256=sha256_of(case / "labels.json")), deciding_software())


def test_a_tree_that_was_moved_as_a_whole_keeps_its_keys(tree, tmp_path):
    before = key_of(tree)
    moved = tree.rename(tmp_path / "elsewhere")
    assert key_of(moved) == before


@pytest.mark.parametrize("name", ["image/1.dcm", "image/2.dcm", "candidate.nii.gz", "labels.json"])
def test_one_changed_bit_of_any_file_gives_another_key(tree, name):
    before = key_of(tree)
    path = tree / "case 1" / name
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert key_of(tree) != before


def test_a_slice_more_and_a_slice_of_another_name_give_another_key(tree):
    before = key_of(tree)
    image = tree / "case 1" / "image"
    (image / "2.dcm").rename(image / "3.dcm")
    renamed = key_of(tree)
    (image / "2.dcm").write_bytes(b"slice 2")
    assert len({before, renamed, key_of(tree)}) == 3


def test_the_software_that_decides_is_what_reads_and_computes():
    software = deciding_software()
    assert software["SegQC"] == __version__
    assert (software["numpy"], software["scipy"]) == (numpy.__version__, scipy.__version__)
    assert software["SimpleITK"] == SimpleITK.Version.VersionString()
    assert software.keys() <= {"SegQC", "numpy", "scipy", "SimpleITK", "pydicom"}


def test_a_signature_and_a_changed_protocol_file_give_another_key(tmp_path):
    path = tmp_path / "own.json"
    path.write_text(resource("Protocols/ct-lung-nodule.json").read_text(encoding="utf-8").replace('ct-lung-nodule"', 'own"', 1))

    def key():
        protocol = load_protocol(path)
        return result_key(A, protocol.sha256, signoff_state(protocol).state, model_sha256(protocol))

    keys = [key()]
    sign_protocol(path, "author", "Dr A")
    keys.append(key())
    sign_protocol(path, "responsible radiologist", "Dr B")
    keys.append(key())
    path.write_text(path.read_text() + "\n")
    keys.append(key())
    assert len(set(keys)) == 4
    assert keys[0] != result_key(A, load_protocol(path).sha256, "unsigned", None)


def test_the_models_hash_is_of_its_file_and_none_where_there_is_none(tmp_path):
    nodule, abdomen = load_protocol("ct-lung-nodule"), load_protocol("ct-abdomen-portal-venous")
    assert model_sha256(nodule) == sha256_of(resource("Models/lung-nodule-ct.json"))
    assert model_sha256(abdomen) is None
    rule = nodule.protocol.expected_agreement
    own = replace(nodule.protocol, expected_agreement=replace(rule, model="models/own.json"))
    beside = replace(nodule, protocol=own, path=str(tmp_path / "protocol.json"))
    assert model_sha256(beside) is None
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "own.json").write_bytes(b"{}")
    assert model_sha256(beside) == hashlib.sha256(b"{}").hexdigest()


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True)
class Thing:
    b: float
    a: tuple[int, ...]
    c: Colour = Colour.RED


def test_canonical_json_is_sorted_bare_and_ascii():
    assert canonical_json(Thing(0.1, (1, 2))) == '{"a":[1,2],"b":0.1,"c":"red"}'
    assert canonical_json({"é": "\udcff", "Z": None}) == '{"Z":null,"\\u00e9":"\\udcff"}'
    assert sha256_of_value(Thing(0.1, (1, 2))) == hashlib.sha256(b'{"a":[1,2],"b":0.1,"c":"red"}').hexdigest()


def test_an_undefined_number_has_no_canonical_json():
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_json({"value": float("nan")})


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(PLAIN)
def test_canonical_json_reads_back_as_what_it_was(value):
    assert json.loads(canonical_json(value)) == value


def test_values_that_differ_only_in_their_borders_have_their_own_keys():
    # What joined strings would confuse.
    cases = [["ab", "c"], ["a", "bc"], ["abc"], ["a", "b", "c"], [["a"], "bc"], "abc", ["ab,c"], {"a": "bc"}]
    assert all(sha256_of_value(one) != sha256_of_value(other) for one, other in combinations(cases, 2))
