"""Slicer packages what SegQCModule/CMakeLists.txt lists, and nothing else."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULE = ROOT / "SegQCModule"


def listed(variable):
    text = (MODULE / "CMakeLists.txt").read_text(encoding="utf-8")
    (block,) = re.findall(rf"set\({variable}\n(.*?)\n\s*\)", text, re.DOTALL)
    return [line.strip().replace("${MODULE_NAME}", "SegQCModule") for line in block.splitlines()]


def in_tree(*patterns):
    files = {path for pattern in patterns for path in MODULE.glob(pattern) if path.is_file()}
    return {path.relative_to(MODULE).as_posix() for path in files if "__pycache__" not in path.parts}


def test_every_python_file_is_listed_and_every_listed_one_exists():
    assert set(listed("MODULE_PYTHON_SCRIPTS")) == in_tree("SegQCModule.py", "SegQCLib/**/*.py")


def test_every_resource_is_listed_and_every_listed_one_exists():
    assert set(listed("MODULE_PYTHON_RESOURCES")) == in_tree("Resources/**/*")


@pytest.mark.parametrize("variable", ["MODULE_PYTHON_SCRIPTS", "MODULE_PYTHON_RESOURCES"])
def test_nothing_is_listed_twice(variable):
    assert len(listed(variable)) == len(set(listed(variable)))


def test_no_other_python_file_lies_beside_the_module_where_slicer_would_take_it_for_one():
    assert in_tree("*.py") == {"SegQCModule.py"}


@pytest.mark.parametrize("name", ["HOMEPAGE", "CONTRIBUTORS", "DESCRIPTION", "ICONURL", "SCREENSHOTURLS", "DEPENDS"])
def test_the_extensions_index_can_read_the_metadata_as_literals(name):
    text = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
    (value,) = re.findall(rf'^set\(EXTENSION_{name} "([^"\n]+)"\)$', text, re.MULTILINE)
    assert "$" not in value
    assert "\nproject(SegQC)\n" in text
