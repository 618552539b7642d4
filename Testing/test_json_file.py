"""Files that SegQC wrote, and what is said of others."""

from __future__ import annotations

import pytest

from SegQCLib.errors import BadDataError
from SegQCLib.json_file import read_json_file
from SegQCLib.training_set import TrainingSet

MARK = '{"schema": "segqc-training-set", "schema_version": "1.0", "id": "a1", "created": "2026-11-22T08:00:00+00:00"}'


def read(path):
    return read_json_file(TrainingSet, path, "the mark of a training set", "Take it from a copy.")


def test_a_file_is_read_as_it_was_written(tmp_path):
    path = tmp_path / "mark.json"
    path.write_text(MARK, encoding="utf-8")
    assert read(path) == TrainingSet("segqc-training-set", "1.0", "a1", "2026-11-22T08:00:00+00:00")


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b'{"schema": 1', "is not the mark of a training set: line 1, column 13"),
        (b'{"schema": "segqc-training-set", "id": "a1"}', r"schema_version: .* \(1 more fault\)"),
        (b"{}", r"schema: .* \(3 more faults\)"),
        (b"\xff\xfe{", "is not the mark of a training set: it is no UTF-8 text"),
    ],
)
def test_another_file_is_refused_with_its_first_fault_and_the_number_of_others(tmp_path, content, found):
    path = tmp_path / "mark.json"
    path.write_bytes(content)
    with pytest.raises(BadDataError, match=found) as caught:
        read(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    assert str(caught.value).endswith("Take it from a copy.")


def test_a_file_that_is_not_there_is_said_to_be_missing(tmp_path):
    with pytest.raises(BadDataError, match=r"cannot be read \(No such file or directory\)"):
        read(tmp_path / "mark.json")
