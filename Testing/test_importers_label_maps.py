import gzip
import tracemalloc
import zlib

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st

from phantoms import a_geometry, box_array
from SegQCLib.errors import BadDataError
from SegQCLib.findings import Status
from SegQCLib.geometry import same_grid, sitk_image
from SegQCLib.hashing import sha256_of
from SegQCLib.importers import read_segmentation

# Turned about the i axis; sine and cosine of the 3-4-5 triangle.
OBLIQUE = ((0.0, -0.6, 0.8), (0.0, 0.8, 0.6), (1.0, 0.0, 0.0))
GEOMETRY = a_geometry((4, 5, 6), (3.0, 1.5, 0.5), (-10.0, 20.0, -30.0), OBLIQUE)
LABELS = box_array((4, 5, 6), (1, 3), (1, 4), (2, 4), 7)


def write(path, array=LABELS, geometry=GEOMETRY, compress=True):
    sitk.WriteImage(sitk_image(array, geometry), str(path), compress)
    return path


@pytest.mark.parametrize("ending", ["nii", "nii.gz", "nrrd", "nhdr", "mha", "mhd"])
def test_label_map_of_simpleitk_keeps_voxels_and_oblique_position(tmp_path, ending):
    segmentation = read_segmentation(write(tmp_path / f"reader_1.{ending}"))
    (segment,) = segmentation.segments
    assert (segment.name, segment.label_value, segmentation.voxel_count(segment)) == ("label_7", 7, 2 * 3 * 2)
    assert np.array_equal(segmentation.layers[0], LABELS)
    assert same_grid(segmentation.geometry, GEOMETRY, 1e-3)
    assert segmentation.name == "reader_1"
    assert segmentation.findings == ()


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.integers(1, 2**32 - 1), min_size=1, max_size=6, unique=True),
    st.sampled_from(["nrrd", "mha"]),
)
def test_any_label_numbers_come_back_in_the_smallest_type(tmp_path_factory, values, ending):
    array = np.zeros((2, 2, 3), np.uint64)
    array.ravel()[: len(values)] = values
    path = write(tmp_path_factory.mktemp("any") / f"a.{ending}", array, a_geometry((2, 2, 3)))
    segmentation = read_segmentation(path)
    assert [segment.label_value for segment in segmentation.segments] == sorted(values)
    smallest = next(size for size in (1, 2, 4) if max(values) < 256**size)
    assert segmentation.layers[0].dtype.itemsize == smallest
    assert np.array_equal(segmentation.layers[0], array)


def test_sparse_labels_are_two_segments(tmp_path):
    array = LABELS.astype(np.uint16)
    array[0, 0, 0] = 40000
    segmentation = read_segmentation(write(tmp_path / "a.nrrd", array))
    assert [(s.name, segmentation.voxel_count(s)) for s in segmentation.segments] == [("label_7", 12), ("label_40000", 1)]
    assert segmentation.layers[0].dtype == np.uint16


def test_nibabel_affine_in_ras_becomes_lps(tmp_path):
    affine = np.array([[2.0, 0, 0, 10], [0, 3, 0, 20], [0, 0, 4, 30], [0, 0, 0, 1]])
    nib.save(nib.Nifti1Image(LABELS.T, affine), tmp_path / "a.nii.gz")
    geometry = read_segmentation(tmp_path / "a.nii.gz").geometry
    assert geometry.lps_mm((1, 1, 1)) == pytest.approx((-12, -23, 34))
    assert geometry.size == LABELS.shape


@pytest.mark.parametrize(("space", "sign"), [("right-anterior-superior", -1), ("left-posterior-superior", 1)])
def test_nrrd_space_decides_about_left_and_right(tmp_path, space, sign):
    path = tmp_path / "a.nrrd"
    path.write_bytes(
        f"NRRD0004\ntype: uint8\ndimension: 3\nspace: {space}\nsizes: 6 5 4\nencoding: raw\n"
        "space directions: (2,0,0) (0,3,0) (0,0,4)\nspace origin: (10,20,30)\n\n".encode()
        + LABELS.tobytes()
    )
    geometry = read_segmentation(path).geometry
    assert geometry.lps_mm((1, 1, 1)) == pytest.approx((sign * 12, sign * 23, 34))


def test_unknown_position_is_said(tmp_path):
    nib.save(nib.Nifti1Image(LABELS.T, None), tmp_path / "a.nii.gz")
    (tmp_path / "a.nrrd").write_bytes(b"NRRD0004\ntype: uint8\ndimension: 3\nsizes: 6 5 4\nencoding: raw\n\n" + LABELS.tobytes())
    for name in ("a.nii.gz", "a.nrrd"):
        (finding,) = read_segmentation(tmp_path / name).findings
        assert (finding.check, finding.status) == ("label_map_position", Status.WARN)


def test_float_map_of_whole_numbers_is_read_with_a_warning(tmp_path):
    nib.save(nib.Nifti1Image(LABELS.T.astype(np.float64), np.eye(4)), tmp_path / "a.nii.gz")
    segmentation = read_segmentation(tmp_path / "a.nii.gz")
    (finding,) = segmentation.findings
    assert (finding.check, finding.status) == ("label_map_type", Status.WARN)
    assert segmentation.layers[0].dtype == np.uint8
    assert np.array_equal(segmentation.layers[0], LABELS)


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (LABELS + np.float32(0.25), "fractions"),
        (np.where(LABELS, np.nan, 0).astype(np.float32), "NaN"),
        (LABELS.astype(np.int16) - 1024, "negative"),
        (np.arange(18 * 18 * 18, dtype=np.uint16).reshape(18, 18, 18), "more than 5000"),
        (LABELS.astype(np.uint64) * 2**40, "highest label"),
    ],
)
def test_values_that_are_no_labels_are_refused(tmp_path, array, words):
    with pytest.raises(BadDataError, match=words):
        read_segmentation(write(tmp_path / "a.nrrd", array, a_geometry(array.shape)))


@pytest.mark.parametrize(("values", "measured"), [(0, "0 labels"), (301, "301 labels")])
def test_strange_number_of_labels_is_said(tmp_path, values, measured):
    array = np.zeros((8, 8, 8), np.uint16)
    array.ravel()[:values] = np.arange(values) + 1
    (finding,) = read_segmentation(write(tmp_path / "a.nrrd", array, a_geometry(array.shape))).findings
    assert (finding.check, finding.measured) == ("label_map_values", measured)


def test_pictures_and_series_are_refused(tmp_path):
    rgb = np.zeros(LABELS.T.shape, [("R", "u1"), ("G", "u1"), ("B", "u1")])
    nib.save(nib.Nifti1Image(rgb, np.eye(4)), tmp_path / "rgb.nii.gz")
    nib.save(nib.Nifti1Image(np.stack([LABELS.T] * 2, axis=-1), np.eye(4)), tmp_path / "four.nii.gz")
    nib.save(nib.Nifti1Image(LABELS.T[:, :, 1], np.eye(4)), tmp_path / "two.nii.gz")
    nib.save(nib.Nifti1Image(LABELS.T.astype(np.complex64), np.eye(4)), tmp_path / "complex.nii.gz")
    for name, words in (
        ("rgb", "colour image: 3 values"),
        ("four", "4 dimensions"),
        ("two", "2 dimensions"),
        ("complex", "complex"),
    ):
        with pytest.raises(BadDataError, match=words):
            read_segmentation(tmp_path / f"{name}.nii.gz")


@pytest.mark.parametrize("compress", [True, False])
@pytest.mark.parametrize("ending", ["nii", "nii.gz", "nrrd", "mha", "mhd"])
def test_file_cut_short_is_refused(tmp_path, ending, compress):
    noise = np.random.default_rng(0).integers(0, 200, (20, 20, 20), np.uint8)
    path = write(tmp_path / f"a.{ending}", noise, a_geometry(noise.shape), compress and ending != "nii")
    voxels = next((file for file in tmp_path.iterdir() if file.suffix in (".raw", ".zraw")), path)
    voxels.write_bytes(voxels.read_bytes()[: voxels.stat().st_size * 2 // 3])
    with pytest.raises(BadDataError):
        read_segmentation(path)


@pytest.mark.parametrize("ending", ["nii.gz", "nrrd", "mha"])
def test_changed_bytes_in_compressed_voxels_are_refused(tmp_path, ending):
    noise = np.random.default_rng(0).integers(0, 200, (20, 20, 20), np.uint8)
    path = write(tmp_path / f"a.{ending}", noise, a_geometry(noise.shape))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(BadDataError):
        read_segmentation(path)


def test_other_files_are_refused_with_what_to_do(tmp_path, totalsegmentator):
    (tmp_path / "empty.nii.gz").write_bytes(b"")
    (tmp_path / "text.nii.gz").write_text("liver 1\n" * 100)
    (tmp_path / "packed.nii").write_bytes(write(tmp_path / "a.nii.gz").read_bytes())
    (tmp_path / "plain.txt").write_bytes(gzip.decompress((tmp_path / "a.nii.gz").read_bytes()))
    nib.save(nib.Nifti2Image(LABELS.T, np.eye(4)), tmp_path / "b.nii.gz")
    nib.AnalyzeImage(LABELS.T, np.eye(4)).to_filename(tmp_path / "c.hdr")
    (tmp_path / "mesh.stl").write_text("solid liver\n")
    write(tmp_path / "lone.mhd")
    (tmp_path / "lone.zraw").unlink()
    dicom = next((totalsegmentator / "example_ct_dicom").iterdir())
    for path, words in (
        (tmp_path / "missing.nii.gz", "does not exist"),
        (tmp_path, "is a folder"),
        (tmp_path / "empty.nii.gz", "is empty"),
        (tmp_path / "text.nii.gz", "not a segmentation file that SegQC knows"),
        (tmp_path / "packed.nii", "Rename it so that it ends in .nii.gz"),
        (tmp_path / "plain.txt", "Rename it so that it ends in .nii"),
        (tmp_path / "b.nii.gz", "NIfTI-2"),
        (tmp_path / "c.hdr", "Analyze"),
        (tmp_path / "mesh.stl", "surface"),
        (tmp_path / "lone.mhd", "lone.zraw, which is missing"),
        (dicom, "not a DICOM segmentation but another DICOM object"),
    ):
        with pytest.raises(BadDataError, match=words):
            read_segmentation(path)


def test_sheared_axes_are_refused(tmp_path):
    affine = np.eye(4)
    affine[0, 1] = 0.3
    nib.save(nib.Nifti1Image(LABELS.T, affine), tmp_path / "a.nii.gz")
    with pytest.raises(BadDataError, match="right angles"):
        read_segmentation(tmp_path / "a.nii.gz")


def test_content_decides_not_the_name(tmp_path):
    path = tmp_path / "label.nii.gz"
    path.write_bytes(write(tmp_path / "a.nrrd").read_bytes())
    assert np.array_equal(read_segmentation(path).layers[0], LABELS)


def test_source_is_the_file_with_its_hash(tmp_path):
    path = write(tmp_path / "a.nrrd")
    source = read_segmentation(path, name="Reader 2").source
    assert (source.path, source.sha256) == (str(path), sha256_of(path))
    assert read_segmentation(path, name="Reader 2").name == "Reader 2"


def test_hash_covers_voxels_that_are_in_a_second_file(tmp_path):
    path = write(tmp_path / "a.mhd", compress=False)
    before = read_segmentation(path).source.sha256
    (tmp_path / "a.raw").write_bytes((LABELS * 2).tobytes())
    assert read_segmentation(path).source.sha256 != before


def test_reading_needs_no_wide_copy_of_the_map(tmp_path):
    array = np.zeros((64, 256, 256), np.uint8)
    array[10:50, 40:200, 40:200] = 3
    path = write(tmp_path / "a.nii.gz", array, a_geometry(array.shape))
    tracemalloc.start()
    read_segmentation(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # Beside ITK's own copy, which tracemalloc does not see: the layer, one slice and the 1 MB blocks of the file check.
    assert peak < 1.5 * array.nbytes + 8 * 2**20


@pytest.mark.parametrize("ending", ["nii.gz", "nrrd"])
def test_compressed_zeros_without_end_are_refused_before_they_fill_the_memory(tmp_path, ending):
    path = write(tmp_path / f"a.{ending}", compress=True)
    whole = path.read_bytes()
    start = 0 if ending == "nii.gz" else whole.index(b"\n\n") + 2
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    begin = packer.compress(gzip.decompress(whole[start:])) + packer.flush(zlib.Z_FULL_FLUSH)
    zeros = zlib.compressobj(9, zlib.DEFLATED, -15)
    path.write_bytes(whole[:start] + begin + (zeros.compress(bytes(2**20)) + zeros.flush(zlib.Z_FULL_FLUSH)) * 512)
    tracemalloc.start()
    with pytest.raises(BadDataError, match="unpacks to more than"):
        read_segmentation(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 32 * 2**20


def test_a_label_of_two_thousand_million_takes_no_place_for_each_number_below_it(tmp_path):
    array = np.zeros((4, 5, 6), np.uint32)
    array[1, 2, 3] = 2**31
    path = write(tmp_path / "a.nrrd", array)
    tracemalloc.start()
    assert [segment.label_value for segment in read_segmentation(path).segments] == [2**31]
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 * 2**20
