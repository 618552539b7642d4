"""Damaged DICOM files end in a result or in an error that names them: no crash, no hang, no flood of memory."""

import shutil
import sys
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from conftest import SHARED
from fuzz_dicom import Reading, Survival, mutations
from fuzz_originals import Original, write_originals
from phantoms import a_segmentation, a_volume
from SegQCLib.case import Case
from SegQCLib.dicom.encoded_elements import Encoding, elements, items
from SegQCLib.dicom.frame_codecs import DEFLATED_IMAGE_FRAME, RLE_LOSSLESS, decoded_frame
from SegQCLib.evaluate import evaluate
from SegQCLib.protocol import load_protocol

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits of memory are those of Linux")

DCMQI = "dcmqi/data/segmentations"
HIGHDICOM = "highdicom/data/test_files"
RT = "rt_utils/tests/mock_data"

# Reader, file, bytes of its decoded voxels, and files that belong to it.
REAL = (
    ("segmentation", f"{DCMQI}/23x38x3/seg/label.seg", 3 * 38 * 23, ()),
    ("segmentation", f"{DCMQI}/partial_overlaps.dcm", 7 * 512 * 512, ()),
    ("segmentation", f"{DCMQI}/sparse-labelmap-ppv5.dcm", 2 * 38 * 24, ()),
    ("segmentation", f"{HIGHDICOM}/seg_image_ct_binary_overlap.dcm", 8 * 16 * 16, ()),
    ("segmentation", f"{HIGHDICOM}/seg_image_ct_true_fractional.dcm", 3 * 16 * 16, ()),
    ("segmentation", "pydicom_odd/liver_rle.dcm", 3 * 512 * 512, ()),
    ("segmentation", "pydicom_odd/liver_deflate.dcm", 3 * 512 * 512, ()),
    ("segmentation", "pydicom_odd/liver_j2k.dcm", 3 * 512 * 512, ()),
    ("image", "pydicom_odd/eCT_Supplemental.dcm", 2 * 2 * 512 * 512, ()),
    ("image", f"{DCMQI}/ct-3slice/02.dcm", 2 * 3 * 512 * 512, (f"{DCMQI}/ct-3slice/01.dcm", f"{DCMQI}/ct-3slice/03.dcm")),
    ("segmentation", f"{RT}/rt.dcm", 2 * 2 * 512 * 512, (f"{RT}/ct_1.dcm", f"{RT}/ct_2.dcm")),
)


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    """Return the files to damage: those that the tests write, and real ones where they are on this machine."""
    return originals_in(tmp_path_factory.mktemp("originals"))


def originals_in(folder):
    found = [*write_originals(folder), Original("record", an_evaluated_case(folder / "record.json"), 0)]
    if SHARED.is_dir():
        drawn_on = folder / "drawn_on"
        drawn_on.mkdir()
        for reader, name, decoded, others in REAL:
            image = None
            if others and reader == "segmentation":
                image = drawn_on
                for other in others:
                    shutil.copy(SHARED / other, drawn_on)
            beside = tuple(SHARED / other for other in others) if reader == "image" else ()
            found.append(Original(reader, SHARED / name, decoded, beside, image))
    return found


def an_evaluated_case(path):
    case = Case(a_volume(), a_segmentation(liver=((1, 5), (2, 10), (3, 9))))
    path.write_text(evaluate(case, load_protocol("ct-abdomen-portal-venous")).to_json(), encoding="utf-8")
    return path


def a_damaged(original, seed, folder):
    """Return the reading of one damaged file, which lies in the folder with what belongs to it."""
    folder.mkdir()
    for other in original.beside:
        shutil.copy(other, folder)
    path = folder / original.path.name
    path.unlink(missing_ok=True)
    path.write_bytes(mutations(original.path, seed))
    return Reading(original.reader, path, original.decoded_bytes, original.image)


def faults_of(originals, folder, numbers):
    survival, found = Survival(), []
    try:
        for number in numbers:
            original = originals[number % len(originals)]
            fault = survival.fault(a_damaged(original, number, folder / str(number)))
            if fault is not None:
                found.append(f"{number} {original.path}: {fault}")
            shutil.rmtree(folder / str(number))
    finally:
        survival.end()
    return found


def test_300_damaged_files_are_read_or_refused_by_name(originals, tmp_path):
    faults = faults_of(originals, tmp_path, range(300))
    assert not faults, "\n".join(faults)


@pytest.mark.nightly
@pytest.mark.parametrize("block", range(20))
def test_6000_damaged_files_are_read_or_refused_by_name(originals, tmp_path, block):
    faults = faults_of(originals, tmp_path, range(1000 + block * 300, 1300 + block * 300))
    assert not faults, "\n".join(faults)


def test_a_file_that_was_cut_short_is_never_read_as_another_whole_one(originals, tmp_path):
    survival = Survival()
    try:
        for number, original in enumerate(originals):
            reading = a_damaged(original, 0, tmp_path / str(number))
            content = original.path.read_bytes()
            reading.path.write_bytes(content)
            whole = survival.outcome(reading)
            assert (whole.fault, whole.message) == (None, None), original.path
            for share in (0.3, 0.6, 0.9, 0.99):
                reading.path.write_bytes(content[: int(len(content) * share)])
                cut = survival.outcome(reading)
                # What follows the voxels may be missing.
                assert cut.fault is None, (original.path, share)
                assert cut.message or cut.digest == whole.digest, (original.path, share)
    finally:
        survival.end()


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
