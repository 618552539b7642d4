"""A watched protocol tells every read of a field, and is otherwise the protocol that it stands for."""

import ast
import copy
import operator
from dataclasses import asdict, fields, replace
from pathlib import Path

import pytest

import SegQCLib
from SegQCLib.case import Segment
from SegQCLib.cohort.watched_protocol import WatchedProtocol, fields_read, watched
from SegQCLib.dataclass_json import to_json
from SegQCLib.protocol import QCProtocol, load_protocol, shipped_protocols

PLAIN = load_protocol("ct-lung-nodule").protocol
ALL = frozenset(f.name for f in fields(QCProtocol))
NODULE = Segment("1", "nodule 1", 1)


def read_by(look):
    """Return the fields that a look at the protocol reads."""
    protocol = watched(PLAIN)
    look(protocol)
    return fields_read(protocol)


def test_nothing_is_read_at_first():
    assert fields_read(watched(PLAIN)) == frozenset()


@pytest.mark.parametrize("name", sorted(ALL))
def test_every_field_gives_its_value_and_is_remembered(name):
    protocol = watched(PLAIN)
    assert getattr(protocol, name) is getattr(PLAIN, name)
    assert fields_read(protocol) == {name}


def test_methods_of_the_protocol_read_through_the_watch():
    assert read_by(lambda p: p.structure_of(NODULE)) == {"structures"}
    assert read_by(lambda p: p.window_rule("lung_left")) == {"windows"}
    assert read_by(lambda p: p.technical_limit("volume_ml", None, None)) == {"technical_limits"}
    assert read_by(lambda p: p.decisions_for(PLAIN.structures[0])) == {"decisions"}


@pytest.mark.parametrize(
    "look",
    [
        hash, repr, vars, asdict, copy.copy, copy.deepcopy, to_json,
        lambda p: p == PLAIN, lambda p: operator.eq(PLAIN, p), lambda p: p.__dict__["title"], lambda p: {p: 1}[PLAIN],
        lambda p: [getattr(p, f.name) for f in fields(p)],
    ],
)  # fmt: skip
def test_whatever_looks_at_the_whole_has_read_all_of_it(look):
    assert read_by(look) == ALL


def test_a_replaced_field_is_not_read_and_every_other_is():
    protocol = watched(PLAIN)
    other = replace(protocol, title="Other")
    assert fields_read(protocol) >= ALL - {"title"}
    assert other == replace(PLAIN, title="Other")
    assert fields_read(replace(watched(PLAIN), title="Other")) == frozenset()


def test_it_equals_the_plain_protocol_and_has_its_hash_in_both_directions():
    other = replace(PLAIN, title="Other")
    assert watched(PLAIN) == PLAIN == watched(PLAIN) == watched(watched(PLAIN))
    assert watched(PLAIN) != other
    assert other != watched(PLAIN)
    assert watched(PLAIN) != "protocol"
    assert hash(watched(PLAIN)) == hash(PLAIN)
    assert len({watched(PLAIN), PLAIN, watched(PLAIN)}) == 1
    assert isinstance(watched(PLAIN), QCProtocol)


def test_a_copy_is_a_plain_protocol():
    for copied in (copy.copy(watched(PLAIN)), copy.deepcopy(watched(PLAIN))):
        assert type(copied) is QCProtocol
        assert copied == PLAIN


def test_it_cannot_be_changed_and_shows_no_field_of_its_own():
    protocol = watched(PLAIN)
    with pytest.raises(AttributeError):
        protocol.title = "Other"
    assert vars(protocol).keys() == vars(PLAIN).keys()
    assert fields(WatchedProtocol) == fields(QCProtocol)


def test_each_watched_protocol_remembers_its_own_reads():
    first, second = watched(PLAIN), watched(PLAIN)
    assert (first.kvp, second.title) == (PLAIN.kvp, PLAIN.title)
    assert (fields_read(first), fields_read(second)) == ({"kvp"}, {"title"})


@pytest.mark.parametrize("name", sorted(shipped_protocols()))
def test_the_faults_of_every_shipped_protocol_are_found_through_the_watch_too(name):
    protocol = load_protocol(name).protocol
    assert list(watched(protocol).faults()) == list(protocol.faults()) == []


def test_no_function_that_keeps_its_answers_is_asked_with_a_protocol():
    # Its second answer would come without a read.
    found = []
    for path in Path(SegQCLib.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and any("cache" in ast.unparse(item) for item in node.decorator_list):
                arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
                named = [(a.arg, "" if a.annotation is None else ast.unparse(a.annotation)) for a in arguments]
                found += [f"{path.name}: {node.name}" for name, hint in named if name == "rules" or "QCProtocol" in hint]
    assert not found
