import os

import numpy as np
import pytest
import SimpleITK as sitk

from SegQCLib.errors import BadDataError
from SegQCLib.image_file import source_of
from SegQCLib.images import read_image
from SegQCLib.importers import read_segmentation


def write(path, array, is_vector=False):
    sitk.WriteImage(sitk.GetImageFromArray(array, isVector=is_vector), path)
    return path


@pytest.mark.parametrize("suffix", [".nii.gz", ".nrrd", ".mha"])
def test_values_and_spacing_of_a_file_are_kept(tmp_path, suffix):
    array = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    image = sitk.GetImageFromArray(array)
    image.SetSpacing((0.5, 1.5, 2.5))
    sitk.WriteImage(image, tmp_path / f"image{suffix}")
    volume = read_image(tmp_path / f"image{suffix}")
    assert np.array_equal(volume.array, array)
    assert volume.geometry.spacing_mm == pytest.approx((2.5, 1.5, 0.5))
    assert len(volume.source.sha256) == 64


def test_a_colour_image_is_refused(tmp_path):
    with pytest.raises(BadDataError, match="colour image"):
        read_image(write(tmp_path / "colour.nrrd", np.zeros((3, 4, 5, 3), np.uint8), is_vector=True))


@pytest.mark.parametrize("shape", [(4, 5), (1, 4, 5), (2, 3, 4, 5)])
def test_an_image_that_is_not_three_dimensional_is_refused(tmp_path, shape):
    with pytest.raises(BadDataError, match="at least two slices"):
        read_image(write(tmp_path / "flat.nrrd", np.zeros(shape, np.int16)))


def test_a_time_axis_of_length_one_is_dropped(tmp_path):
    array = np.arange(24, dtype=np.int16).reshape(1, 2, 3, 4)
    assert np.array_equal(read_image(write(tmp_path / "one.nii.gz", array)).array, array[0])


@pytest.mark.parametrize("content", [b"", b"hello"])
def test_a_file_that_is_no_image_is_refused(tmp_path, content):
    path = tmp_path / "image.nii.gz"
    path.write_bytes(content)
    with pytest.raises(BadDataError, match=r"image\.nii\.gz"):
        read_image(path)


def test_a_truncated_file_is_refused(tmp_path):
    array = np.random.default_rng(0).integers(0, 1000, (20, 30, 40)).astype(np.int16)
    path = write(tmp_path / "image.nii.gz", array)
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(BadDataError, match=r"image\.nii\.gz"):
        read_image(path)


def test_a_pipe_is_refused_instead_of_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.nii")
    for read in (read_image, read_segmentation):
        with pytest.raises(BadDataError, match=r"pipe\.nii: is a pipe"):
            read(tmp_path / "pipe.nii")


@pytest.mark.parametrize(("sizes", "reason"), [("0 5 4", "no voxels"), ("2000 2000 2000", "cut short")])
def test_sizes_that_a_file_cannot_have_are_refused_before_memory_is_reserved(tmp_path, sizes, reason):
    path = tmp_path / "a.mha"
    write(path, np.zeros((4, 5, 6), np.int16))
    path.write_bytes(path.read_bytes().replace(b"DimSize = 6 5 4", f"DimSize = {sizes}".encode()))
    for read in (read_image, read_segmentation):
        with pytest.raises(BadDataError, match=rf"a\.mha: .*{reason}"):
            read(path)


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path, monkeypatch):
    path = tmp_path / "a.nrrd"
    write(path, np.zeros((4, 5, 6), np.int16))
    content = path.read_bytes()

    def copied_on(header):
        path.write_bytes(content + b" ")
        return source_of(header)

    monkeypatch.setattr("SegQCLib.images.source_of", copied_on)
    with pytest.raises(BadDataError, match=r"a\.nrrd: changed while it was read"):
        read_image(path)


@pytest.mark.parametrize("dimensions", [b"2147483648", b"99999999999", b"-3", b"x"])
def test_a_number_of_dimensions_on_which_itk_would_crash_is_refused(tmp_path, dimensions):
    path = tmp_path / "a.mha"
    write(path, np.zeros((4, 5, 6), np.int16))
    path.write_bytes(path.read_bytes().replace(b"NDims = 3", b"NDims = " + dimensions))
    for read in (read_image, read_segmentation):
        with pytest.raises(BadDataError, match=r"a\.mha: is damaged: NDims is"):
            read(path)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("Offset = 0 0 0", "Offset = 0 nan 0"),
        ("Offset = 0 0 0", "Offset = 0 1e300 0"),
        ("Matrix = 1 0 0", "Matrix = 5 0 0"),
        ("Matrix = 1 0", "Matrix = 1 1e308"),
    ],
)
def test_an_image_that_lies_nowhere_is_refused(tmp_path, right, wrong):
    path = tmp_path / "a.mha"
    write(path, np.zeros((4, 5, 6), np.int16))
    path.write_bytes(path.read_bytes().replace(right.encode(), wrong.encode()))
    for read in (read_image, read_segmentation):
        with pytest.raises(
            BadDataError, match=r"a\.mha: (lies nowhere|is damaged: (offset is 0 (nan|1e300) 0|transformmatrix is 1 1e308))"
        ):
            read(path)


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("(1,0,0)", "(1e308,0,0)"),
        ("(1,0,0)", "(1e200,0,0)"),
        ("(1,0,0)", "(1e-308,0,0)"),
        ("(1,0,0)", "(x,0,0)"),
        ("origin: (0,", "origin: (1e9,"),
    ],
)
def test_an_nrrd_file_that_lies_nowhere_is_refused(tmp_path, right, wrong):
    path = tmp_path / "a.nrrd"
    write(path, np.zeros((4, 5, 6), np.int16))
    content = path.read_bytes().replace(right.encode(), wrong.encode())
    assert wrong.encode() in content
    path.write_bytes(content)
    for read in (read_image, read_segmentation):
        with pytest.raises(BadDataError, match=r"a\.nrrd: (lies nowhere|is damaged: space (directions|origin) is)"):
            read(path)


@pytest.mark.parametrize("field", ["space directions", "type", "kinds", "anything"])
def test_a_header_on_which_itk_would_crash_is_refused(tmp_path, field):
    path = tmp_path / "a.nrrd"
    write(path, np.zeros((4, 5, 6), np.int16))
    header, voxels = path.read_bytes().split(b"\n\n", 1)
    lines = [line for line in header.split(b"\n") if not line.startswith(field.encode())]
    path.write_bytes(b"\n".join([*lines, field.encode() + b": (1,0,0) (0," + b"{" * 3000]) + b"\n\n" + voxels)
    for read in (read_image, read_segmentation):
        with pytest.raises(BadDataError, match=r"a\.nrrd: is damaged: a line of its NRRD header has 3,0"):
            read(path)
