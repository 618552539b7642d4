"""Programs that nobody here wrote, for tests: dicom3tools' validators and dcmqi's readers."""

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk


@dataclass(frozen=True)
class Judgement:
    """What a validator says, line by line."""

    errors: tuple[str, ...]
    warnings: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class ReadBySegimage2itkimage:
    """What dcmqi's reader makes of a DICOM SEG.

    Attributes
    ----------
    segments : tuple of dict
        Segment attributes of its JSON, ascending by `labelID`, which is the Segment Number.
    masks : dict of int to SimpleITK image
        By Segment Number, on the grid that the reader chose; segments without frames are missing.
    facts : dict
        The rest of the JSON.
    """

    segments: tuple[dict, ...]
    masks: dict[int, sitk.Image]
    facts: dict


def program(name: str) -> str:
    """Return the path of a program, beside the running Python first; skip the test where there is none."""
    found = shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed (dciodvfy, dcentvfy: Debian's dicom3tools; the rest: pip install dcmqi)")
    return found


def dciodvfy(path: Path) -> Judgement:
    """Return what dicom3tools' validator of one object says."""
    done = _run([program("dciodvfy"), str(path)])
    lines = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    errors = tuple(line for line in lines if line.startswith("Error"))
    warnings = tuple(line for line in lines if line.startswith("Warning"))
    assert done.returncode in (0, 1), f"dciodvfy ended with {done.returncode}:\n{done.stdout}{done.stderr}"
    return Judgement(errors, warnings)


def dcentvfy(paths: list[Path]) -> tuple[str, ...]:
    """Return what dicom3tools' validator says of attributes that objects of one patient, study or series must share."""
    done = _run([program("dcentvfy"), *map(str, paths)])
    return tuple(line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip())


def segimage2itkimage(path: Path, folder: Path) -> ReadBySegimage2itkimage:
    """Return what dcmqi's reader makes of a DICOM SEG, through files in a new folder."""
    folder.mkdir(parents=True)
    done = _run([program("segimage2itkimage"), "--inputDICOM", str(path), "--outputDirectory", str(folder), "-t", "nrrd"])
    assert done.returncode == 0, f"segimage2itkimage ended with {done.returncode}:\n{done.stdout}{done.stderr}"
    facts = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
    segments = sorted((one for group in facts.pop("segmentAttributes") for one in group), key=lambda one: one["labelID"])
    masks = {}
    for file in folder.glob("*.nrrd"):
        image = sitk.ReadImage(str(file))
        for value in np.unique(sitk.GetArrayViewFromImage(image)):
            if value:
                assert int(value) not in masks, f"segment {value} is in two files"
                masks[int(value)] = image == int(value)
    return ReadBySegimage2itkimage(tuple(segments), masks, facts)


def tid1500reader(path: Path, folder: Path) -> dict:
    """Return the JSON that dcmqi makes of a TID 1500 structured report, through a file in a new folder."""
    folder.mkdir(parents=True)
    written = folder / "report.json"
    done = _run([program("tid1500reader"), "--inputDICOM", str(path), "--outputMetadata", str(written)])
    assert done.returncode == 0, f"tid1500reader ended with {done.returncode}:\n{done.stdout}{done.stderr}"
    return json.loads(written.read_text(encoding="utf-8"))


def _run(command: list[str]) -> subprocess.CompletedProcess:
    return subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=300)
