"""Damaged DICOM files end in a result or in an error that names them: no crash, no hang, no flood of memory."""

import shutil
import sys
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fuzz_dicom import Reading, Survival, mutations
from SegQCLib.dicom.encoded_elements import Encoding, elements, items
from SegQCLib.dicom.frame_codecs import DEFLATED_IMAGE_FRAME, RLE_LOSSLESS, decoded_frame

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits of memory are those of Linux")

DCMQI = "dcmqi/data/segmentations"
HIGHDICOM = "highdicom/data/test_files"
RT = "rt_utils/tests/mock_data"

# Reader, file, bytes of its decoded voxels, and files that belong to it.
INPUTS = (
    ("segmentation", f"{DCMQI}/23x38x3/seg/label.seg", 3 * 38 * 23, ()),
    ("segmentation", f"{DCMQI}/partial_overlaps.dcm", 7 * 512 * 512, ()),
    ("segmentation", f"{DCMQI}/sparse-labelmap-ppv5.dcm", 2 * 38 * 24, ()),
    ("segmentation", f"{HIGHDICOM}/seg_image_ct_binary_overlap.dcm", 8 * 16 * 16, ()),
    ("segmentation", f"{HIGHDICOM}/seg_image_ct_true_fractional.dcm", 3 * 16 * 16, ()),
    ("segmentation", "pydicom_odd/liver_rle.dcm", 3 * 512 * 512, ()),
    ("segmentation", "pydicom_odd/liver_deflate.dcm", 3 * 512 * 512, ()),
    ("segmentation", "pydicom_odd/liver_j2k.dcm", 3 * 512 * 512, ()),
    ("image", "pydicom_odd/emri_small.dcm", 2 * 10 * 64 * 64, ()),
    ("image", "pydicom_odd/emri_small_RLE.dcm", 2 * 10 * 64 * 64, ()),
    ("image", "pydicom_odd/emri_small_jpeg_2k_lossless.dcm", 2 * 10 * 64 * 64, ()),
    ("image", "pydicom_odd/emri_small_jpeg_ls_lossless.dcm", 2 * 10 * 64 * 64, ()),
    ("image", "pydicom_odd/eCT_Supplemental.dcm", 2 * 2 * 512 * 512, ()),
    ("image", f"{DCMQI}/ct-3slice/02.dcm", 2 * 3 * 512 * 512, (f"{DCMQI}/ct-3slice/01.dcm", f"{DCMQI}/ct-3slice/03.dcm")),
    ("segmentation", f"{RT}/rt.dcm", 0, (f"{RT}/ct_1.dcm", f"{RT}/ct_2.dcm")),
    ("segmentation", "ibsi/ibsi_validation/dicom/STS_002/CT/mask/RS.dcm", 0, (f"{RT}/ct_1.dcm", f"{RT}/ct_2.dcm")),
)


def input_of(shared, number, folder=None):
    """Return (file, seed, reading) of one input; with a folder the damaged file lies in it."""
    reader, name, decoded, others = INPUTS[number % len(INPUTS)]
    if folder is None:
        return name, number, None
    path = folder / "damaged" / Path(name).name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(mutations(shared / name, number))
    image = None
    if others:
        beside = path.parent if reader == "image" else folder / "image"
        beside.mkdir(exist_ok=True)
        for other in others:
            shutil.copy(shared / other, beside)
        image = None if reader == "image" else beside
    return name, number, Reading(reader, path, decoded or 2 * 2 * 512 * 512, image)


def faults_of(shared, folder, numbers):
    survival, found = Survival(), []
    try:
        for number in numbers:
            name, seed, reading = input_of(shared, number, folder / str(number))
            fault = survival.fault(reading)
            if fault is not None:
                found.append(f"{seed} {name}: {fault}")
            shutil.rmtree(folder / str(number))
    finally:
        survival.end()
    return found


def test_300_damaged_files_are_read_or_refused_by_name(shared_data, tmp_path):
    faults = faults_of(shared_data, tmp_path, range(300))
    assert not faults, "\n".join(faults)


@pytest.mark.nightly
@pytest.mark.parametrize("block", range(20))
def test_6000_damaged_files_are_read_or_refused_by_name(shared_data, tmp_path, block):
    faults = faults_of(shared_data, tmp_path, range(1000 + block * 300, 1300 + block * 300))
    assert not faults, "\n".join(faults)


def test_the_same_seed_gives_the_same_damage(shared_data):
    path = shared_data / DCMQI / "23x38x3/seg/label.seg"
    assert mutations(path, 7) == mutations(path, 7) != mutations(path, 8)


def test_an_undamaged_file_survives_and_a_file_that_is_no_dicom_too(shared_data, tmp_path):
    survival = Survival()
    try:
        assert survival.fault(Reading("segmentation", shared_data / DCMQI / "liver.dcm", 3 * 512 * 512)) is None
        (tmp_path / "text.dcm").write_bytes(b"\x08\x00\x05\x00 and then nothing that is DICOM")
        assert survival.fault(Reading("segmentation", tmp_path / "text.dcm", 0)) is None
    finally:
        survival.end()


@given(st.binary(max_size=200), st.booleans(), st.sampled_from("<>"))
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_elements_within_their_bounds_or_a_fault(content, implicit, order):
    for walk in (elements, items):
        try:
            for *_, first, last in walk(content, 0, len(content), Encoding(implicit, order)):
                assert 0 <= first <= last <= len(content)
        except ValueError:
            pass


@given(st.binary(max_size=200), st.sampled_from([1, 8, 16]), st.sampled_from([RLE_LOSSLESS, DEFLATED_IMAGE_FRAME]))
@settings(max_examples=300, deadline=None)
def test_any_bytes_decode_to_a_frame_of_the_right_size_or_a_fault(content, bits, syntax):
    for encoded in (content, bytes([1, 0, 0, 0, 64, *[0] * 59]) + content, zlib.compress(content)[2:-4]):
        try:
            frame = decoded_frame(encoded, syntax, (5, 7), bits)
        except ValueError:
            continue
        assert (frame.shape, frame.dtype.itemsize) == ((5, 7), max(bits, 8) // 8)
