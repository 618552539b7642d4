"""What Documentation/cohort.md says is what happens."""

import contextlib
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import SimpleITK as sitk

from cohort_runs import HEARS_CTRL_C
from dicom_series import write_series
from documentation_blocks import PAGES, blocks
from phantoms import a_geometry, a_segmentation
from SegQCLib.cli import command_line_parser, main
from SegQCLib.cli_cohort import with_action
from SegQCLib.geometry import sitk_image

pytest.importorskip("distributed", reason="dask and distributed are not installed: pip install 'segqc[cohort]'")

PAGE = "cohort.md"
SEGQC = (sys.executable, "-m", "SegQCLib.cli")
ENVIRONMENT = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1] / "SegQCModule"), "PYTHONIOENCODING": "utf-8"}


def commands():
    """Return every command of the page, as the arguments of segqc."""
    lines = "".join(blocks(PAGE, "bash")).replace("\\\n", " ").splitlines()
    return [shlex.split(line)[1:] for line in lines if line]


def listed_files():
    """Return the files that the page's trees name."""
    paths = (line.split()[0] for text in blocks(PAGE, "text") for line in text.splitlines())
    return [path for path in paths if not path.startswith("result/")]


def segqc(folder, *arguments):
    return subprocess.run([*SEGQC, *arguments], cwd=folder, env=ENVIRONMENT, capture_output=True, text=True, timeout=240)


def make_study(study):
    """Write a small phantom as a CT series, and its liver as DICOM SEG."""
    write_series(study / "CT", [0, 2, 4, 6])
    geometry = a_geometry(size=(4, 16, 12), spacing_mm=(2.0, 0.8, 0.7))
    drawn = a_segmentation(geometry, liver=((1, 3), (2, 9), (3, 8))).layers[0]
    sitk.WriteImage(sitk_image(drawn, geometry), study / "drawn.nii.gz")
    (study / "labels.json").write_text('{"liver": 1}')
    exported = ["--image", study / "CT", "--candidate", study / "drawn.nii.gz", "--labels", study / "labels.json"]
    (study / "SEG").mkdir()
    exported += ["--protocol", "ct-abdomen-portal-venous", "--drawn-by", "manual", "--out", study / "SEG" / "liver.dcm"]
    assert main(["export", "seg", *map(str, exported)]) == 0


def told(done):
    """Return the progress lines of a command."""
    return [json.loads(line) for line in done.stderr.splitlines() if line.startswith("{")]


@pytest.fixture(scope="module")
def here(tmp_path_factory, totalsegmentator):
    """Return a folder in which the page's examples lie: each image and each segmentation is the sample CT's."""
    folder = tmp_path_factory.mktemp("cohort")
    image, segmentation = totalsegmentator / "example_ct_sm.nii.gz", totalsegmentator / "example_seg.nii.gz"
    (csv,) = blocks(PAGE, "csv")
    (folder / "cases.csv").write_text(csv, encoding="utf-8")
    named = [cell for line in csv.splitlines()[1:] for cell in line.split(",") if cell.endswith(".nii.gz")]
    for name in (*named, *(path for path in listed_files() if path.endswith(".nii.gz"))):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        is_image = name.startswith("images/") or name.endswith(("_ct.nii.gz", "_0000.nii.gz"))
        shutil.copyfile(image if is_image else segmentation, folder / name)
    (folder / "bids" / "dataset_description.json").write_text('{"Name": "Sample", "BIDSVersion": "1.10.0"}')
    dataset = {"channel_names": {"0": "CT"}, "labels": {"background": 0, "spleen": 1, "liver": 5}, "file_ending": ".nii.gz"}
    (folder / "Dataset001_Abdomen" / "dataset.json").write_text(json.dumps(dataset))
    make_study(folder / "studies" / "patient-07")
    return folder


def test_every_command_of_the_page_is_understood():
    for arguments in commands():
        assert command_line_parser().parse_args(with_action(arguments)).run


def test_every_option_that_the_page_names_is_one(capsys):
    text = (PAGES / PAGE).read_text(encoding="utf-8")
    with pytest.raises(SystemExit):
        main(["cohort", "run", "--help"])
    offered = set(re.findall(r"--[a-z-]+", capsys.readouterr().out))
    assert set(re.findall(r"--[a-z][a-z-]+", text)) <= offered


def test_the_functions_of_the_page_evaluate_its_cases_and_the_first_command_finds_them_done(here):
    (code,) = blocks(PAGE, "python")
    (here / "functions.py").write_text(code, encoding="utf-8")
    done = subprocess.run([sys.executable, "functions.py"], cwd=here, env=ENVIRONMENT, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("2 computed, 0 kept, 0 refused, 0 failed\n")
    assert "patient-07" in done.stdout

    first, *_ = commands()
    done = segqc(here, *first)
    assert done.returncode == 0, done.stderr
    last = told(done)[-1]
    assert (last["done"], last["total"], last["evaluated"], last["kept"]) == (2, 2, 0, 2)
    table = re.findall(r"^\| `([a-z_]+)`(?:, `([a-z_]+)`)?(?:, `([a-z_]+)`)? \| ", text_of("Progress"), re.MULTILINE)
    assert {key for row in table for key in row if key} == set(last)

    for line in (line for text in blocks(PAGE, "text") for line in text.splitlines() if line.startswith("result/")):
        path = line.split()[0]
        if "error.json" not in path:
            assert list(here.glob(path.replace("<case>", "*").replace("<table>", "*"))), path


@pytest.mark.nightly
def test_every_command_of_the_page_runs(here):
    for arguments in commands():
        if "--watch" not in arguments:
            done = segqc(here, *arguments)
            assert done.returncode == 0, (arguments, done.stderr)
    for result in ("result", "result-dicom", "result-bids", "result-nnunet"):
        assert list(here.glob(f"{result}/cases/*/record.json")), result
        assert not list(here.glob(f"{result}/cases/*/error.json")), result
    assert (here / "result" / "report.html").is_file()


@pytest.mark.nightly
def test_the_watch_of_the_page_evaluates_and_ends_with_ctrl_c(here):
    (arguments,) = [one for one in commands() if "--watch" in one]
    arguments[arguments.index("--out") + 1] = "watched"
    arguments[arguments.index("--every") + 1] = "1"
    arguments[arguments.index("--settled") + 1] = "2"
    with (here / "watch.log").open("w") as log:
        command = [sys.executable, "-c", HEARS_CTRL_C, *arguments]
        process = subprocess.Popen(command, cwd=here, env=ENVIRONMENT, stdout=log, stderr=log)
    try:
        end = time.monotonic() + 120
        while len(list(here.glob("watched/cases/*/record.json"))) < 2 and time.monotonic() < end:
            time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130, (here / "watch.log").read_text()
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
    assert len(list(here.glob("watched/cases/*/record.json"))) == 2


def text_of(heading):
    """Return what stands below a heading of the page."""
    return (PAGES / PAGE).read_text(encoding="utf-8").split(f"\n## {heading}\n")[1].split("\n## ")[0]
