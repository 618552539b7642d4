"""The layers: core <- mrml <- panels <- SegQCModule.py; the command line stands on core, and on mrml for scenes."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

MODULE = Path(__file__).parents[1] / "SegQCModule"
PACKAGE = MODULE / "SegQCLib"
FILES = sorted([*PACKAGE.rglob("*.py"), MODULE / "SegQCModule.py"])
CLI = sorted(path.stem for path in PACKAGE.glob("cli*.py"))

SLICER = {"slicer", "slicer_core", "vtk", "vtkmodules", "qt", "ctk", "PythonQt", "PySide6", "__main__"}
CORE_AT_FILE_SCOPE = {"numpy", "scipy", "SimpleITK", "SegQCLib"} | sys.stdlib_module_names
UNSAFE_MODULES = {"pickle", "cPickle", "dill", "joblib", "marshal", "shelve"}


def layer(path):
    folder = path.relative_to(MODULE).parts
    if folder[0] != "SegQCLib":
        return "module"
    if path.stem in CLI:
        return "cli"
    return folder[1] if folder[1] in ("mrml", "panels") else "core"


def paths(*layers):
    return [pytest.param(path, id=path.relative_to(MODULE).as_posix()) for path in FILES if layer(path) in layers]


def tree_of(path):
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


def imported(node):
    """Return the dotted names of an import statement: `from a.b import c` is a.b and a.b.c."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        assert node.level == 0, f"line {node.lineno}: relative imports hide the layer"
        return [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return []


def all_imports(path):
    return {name for node in ast.walk(tree_of(path)) for name in imported(node)}


def file_scope_imports(path):
    """Return what is imported when the file is: not inside functions, not for type checkers only."""
    found, left = set(), [tree_of(path)]
    while left:
        node = left.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            left.extend(node.orelse)
            continue
        found.update(imported(node))
        left.extend(ast.iter_child_nodes(node))
    return found


def tops(names):
    return {name.partition(".")[0] for name in names}


def within(names, *packages):
    return {name for name in names if any(name == package or name.startswith(f"{package}.") for package in packages)}


@pytest.mark.parametrize("path", paths("core"))
def test_core_knows_nothing_of_slicer(path):
    assert not tops(all_imports(path)) & SLICER


@pytest.mark.parametrize("path", paths("core", "cli"))
def test_core_imports_at_file_scope_only_what_every_slicer_has(path):
    assert tops(file_scope_imports(path)) <= CORE_AT_FILE_SCOPE


@pytest.mark.parametrize("path", paths("core"))
def test_core_imports_nothing_above_it(path):
    assert not within(all_imports(path), "SegQCLib.mrml", "SegQCLib.panels", *(f"SegQCLib.{name}" for name in CLI))


@pytest.mark.parametrize("path", paths("cli"))
def test_the_command_line_imports_mrml_only_where_a_scene_is_asked_for(path):
    assert not within(file_scope_imports(path), "SegQCLib.mrml")
    assert not within(all_imports(path), "SegQCLib.panels")


@pytest.mark.parametrize("path", paths("mrml"))
def test_mrml_stands_on_core_and_slicer_s_nodes_only(path):
    assert tops(file_scope_imports(path)) <= CORE_AT_FILE_SCOPE | {"slicer", "vtk"}
    assert not tops(all_imports(path)) & (SLICER - {"slicer", "vtk"})
    assert not within(all_imports(path), "SegQCLib.panels", *(f"SegQCLib.{name}" for name in CLI))


@pytest.mark.parametrize("path", paths("mrml"))
def test_mrml_takes_the_scene_as_an_argument(path):
    application = {"slicer.mrmlScene", "slicer.app", "slicer.modules", "slicer.dicomDatabase"}
    used = {ast.unparse(node) for node in ast.walk(tree_of(path)) if isinstance(node, ast.Attribute)}
    assert not (used | all_imports(path)) & application


@pytest.mark.parametrize("path", paths("panels"))
def test_panels_do_not_know_each_other(path):
    panels = {name for name in all_imports(path) if re.match(r"SegQCLib\.panels\.\w+_panel\b", name)}
    assert not panels or path.name == "steps.py"
    assert not within(all_imports(path), *(f"SegQCLib.{name}" for name in CLI))
    assert tops(file_scope_imports(path)) <= CORE_AT_FILE_SCOPE | {"slicer", "vtk", "qt", "ctk"}


@pytest.mark.parametrize("path", paths("module"))
def test_the_module_file_loads_nothing_of_segqc_when_slicer_starts(path):
    assert not within(file_scope_imports(path), "SegQCLib")
    assert tops(file_scope_imports(path)) <= CORE_AT_FILE_SCOPE | {"slicer"}


@pytest.mark.parametrize("path", paths("core", "cli", "mrml", "panels", "module"))
def test_nothing_runs_text_as_code_or_hides_errors(path):
    assert not tops(all_imports(path)) & UNSAFE_MODULES
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Call):
            assert ast.unparse(node.func) not in ("eval", "exec", "os.system", "os.popen"), f"line {node.lineno}"
            switched_on = {keyword.arg for keyword in node.keywords if ast.unparse(keyword.value) == "True"}
            assert not switched_on & {"shell", "allow_pickle"}, f"line {node.lineno}"
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None, f"line {node.lineno}: bare except"


def run_python(code):
    return subprocess.run([sys.executable, "-c", code], cwd=MODULE, capture_output=True, text=True, timeout=120)


def test_importing_segqclib_imports_nothing_else():
    done = run_python("import sys; before = set(sys.modules); import SegQCLib; print(sorted(set(sys.modules) - before))")
    assert done.stdout.strip() == "['SegQCLib']", done.stderr


def test_core_can_be_imported_where_only_numpy_scipy_and_simpleitk_are_installed():
    names = [
        ".".join(path.relative_to(MODULE).with_suffix("").parts).removesuffix(".__init__")
        for path in FILES
        if layer(path) in ("core", "cli")
    ]
    absent = ["slicer", "vtk", "qt", "ctk", "pydicom", "highdicom", "jinja2", "sklearn", "torch", "PIL", "pywt", "dask"]
    absent += ["distributed", "pyarrow", "psutil", "cryptography"]
    absent += ["sqlalchemy", "psycopg", "pandas", "pingouin", "statsmodels", "matplotlib"]
    # Not as None in sys.modules: scipy.stats takes torch from there if the name is there.
    hide = f"""
import importlib, sys

class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {absent!r}:
            raise ModuleNotFoundError(name=name)

sys.meta_path.insert(0, Hidden())
"""
    done = run_python(f"{hide}\nfor name in {names!r}: importlib.import_module(name)")
    assert done.returncode == 0, done.stderr
