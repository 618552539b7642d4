"""What Slicer's extensions index asks of an extension, as far as a repository can hold it."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULE = ROOT / "SegQCModule"
CMAKE = (ROOT / "CMakeLists.txt").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
TUTORIAL = (ROOT / "Documentation" / "tutorial.md").read_text(encoding="utf-8")
BUNDLED_WITH_SLICER_5_10 = {"qt", "ctk", "vtk", "slicer", "numpy", "scipy", "SimpleITK"}
MARKDOWN = [ROOT / "README.md", *sorted((ROOT / "Documentation").glob("*.md")), ROOT / "Benchmarks" / "README.md"]


def metadata(name):
    return re.search(rf'^set\(EXTENSION_{name} "(.*)"\)$', CMAKE, re.MULTILINE).group(1)


def test_the_licence_is_one_that_the_index_prefers():
    assert "Apache License" in (ROOT / "LICENSE").read_text(encoding="utf-8")[:300]


@pytest.mark.parametrize("name", ["ICONURL", "SCREENSHOTURLS"])
def test_every_picture_of_the_catalogue_is_in_the_repository(name):
    urls = metadata(name).split()
    assert urls
    for url in urls:
        assert (ROOT / url.partition("/main/")[2]).is_file(), url


def test_the_description_is_one_or_two_sentences_and_no_template_text():
    description = metadata("DESCRIPTION")
    assert 40 < len(description) < 400
    assert "example" not in description.lower()


def test_the_module_is_in_a_category_of_slicer_and_is_described():
    source = (MODULE / "SegQCModule.py").read_text(encoding="utf-8")
    assert 'parent.categories = [translate("qSlicerAbstractCoreModule", "Segmentation")]' in source
    for attribute in ("helpText", "acknowledgementText", "contributors", "title"):
        assert f"parent.{attribute} = " in source


@pytest.mark.parametrize("path", MARKDOWN, ids=lambda path: path.name)
def test_every_link_and_picture_of_a_page_exists(path):
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (path.parent / target).exists(), target


def test_the_readme_has_what_reviewers_look_for():
    for wanted in ("![", "tutorial", "Sample Data", "LICENSE", "not a medical device", "Additional module paths"):
        assert wanted in README, wanted


def test_the_tutorial_has_a_picture_of_each_step():
    for number in range(1, 13):
        assert f"\n## {number}. " in TUTORIAL
    for chapter in TUTORIAL.split("\n## ")[1:]:
        if chapter[0].isdecimal():
            assert "](pictures/" in chapter, chapter[:20]


def test_the_tutorial_names_the_steps_as_the_panels_do():
    for number, (name, title) in enumerate(panel_titles(), 1):
        assert f"\n## {number}. {title}\n" in TUTORIAL, name


def panel_titles():
    """Return (file, title) of the steps, in the order of the column."""
    steps = ast.parse((MODULE / "SegQCLib" / "panels" / "steps.py").read_text(encoding="utf-8"))
    files = {alias.name: node.module for node in steps.body if isinstance(node, ast.ImportFrom) for alias in node.names}
    (order,) = [node.value.elts for node in steps.body if isinstance(node, ast.Assign)]
    for element in order:
        path = MODULE / (files[element.id].replace(".", "/") + ".py")
        title = re.search(r'def title\(self\):\s+return _\("([^"]+)"\)', path.read_text(encoding="utf-8"))
        yield path.name, title.group(1)


def test_nothing_beyond_what_slicer_ships_is_imported_when_the_module_is_loaded():
    tree = ast.parse((MODULE / "SegQCModule.py").read_text(encoding="utf-8"))
    tops = {
        (alias.name if isinstance(node, ast.Import) else node.module).partition(".")[0]
        for node in tree.body
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    assert tops <= BUNDLED_WITH_SLICER_5_10 | {"sys", "unittest"}


def test_sample_data_is_registered_and_made_without_a_network():
    source = (MODULE / "SegQCModule.py").read_text(encoding="utf-8")
    assert "registerCustomSampleDataSource" in source
    assert 'uris=""' in source


def imported_by(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    return names | {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}


ARCHIVE = MODULE / "SegQCLib" / "archive"
NOT_OF_ARCHIVES = sorted(path for path in MODULE.rglob("*.py") if ARCHIVE not in path.parents)


@pytest.mark.parametrize("path", NOT_OF_ARCHIVES, ids=lambda path: path.relative_to(MODULE).as_posix())
def test_no_file_opens_a_connection_of_its_own(path):
    """Samples are fetched by pip, on the command line's demo only; only what works with an archive knows a network."""
    tops = {name.partition(".")[0] for name in imported_by(path)}
    assert not tops & {"requests", "urllib", "http", "socket", "ftplib", "smtplib", "dicomweb_client"}


def test_archives_are_reached_from_the_command_line_alone():
    users = {path.name for path in NOT_OF_ARCHIVES if any(name.startswith("SegQCLib.archive") for name in imported_by(path))}
    assert users == {"cli_archive.py"}
