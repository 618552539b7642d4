import shutil
import struct

import numpy as np
import pydicom
import pytest

from dicom_series import write_series
from SegQCLib.dicom.acquisition_facts import acquisition_facts
from SegQCLib.dicom.series import read_series, read_series_headers
from SegQCLib.errors import BadDataError
from SegQCLib.images import read_image


def test_slices_are_sorted_by_position_whatever_their_file_names(tmp_path):
    paths = write_series(tmp_path / "a", [0, 2, 4, 6])
    for new, path in zip((7, 1, 9, 3), paths, strict=True):
        path.rename(path.with_name(f"{new}.dcm"))
    volume = read_image(tmp_path / "a")
    assert volume.array[:, 0, 0].tolist() == [-1024, -1023, -1022, -1021]
    assert volume.geometry.spacing_mm == (2.0, 0.8, 0.7)
    assert volume.acquisition.slice_positions_mm == (0, 2, 4, 6)


def test_descending_files_give_an_ascending_volume(tmp_path):
    write_series(tmp_path, [6, 4, 2, 0])
    volume = read_image(tmp_path)
    assert volume.geometry.origin_lps_mm == (0, 0, 0)
    assert volume.array[:, 0, 0].tolist() == [-1021, -1022, -1023, -1024]


def test_an_oblique_series_keeps_its_axes(tmp_path):
    # Sagittal: rows run anterior to posterior (i along +P), columns head to foot (j along -S); the normal is right to left.
    write_series(tmp_path, [0, 0, 0], in_plane_offsets_mm=[(5, 0), (8, 0), (11, 0)], orientation=(0, 1, 0, 0, 0, -1))
    geometry = read_image(tmp_path).geometry
    # The normal of this orientation is -x: the first slice is the leftmost.
    assert geometry.origin_lps_mm == (11, 0, 0)
    assert geometry.axes_lps == ((-1, 0, 0), (0, 0, -1), (0, 1, 0))
    assert geometry.spacing_mm == (3.0, 0.8, 0.7)


def test_rescale_is_applied_slice_by_slice(tmp_path):
    paths = write_series(tmp_path, [0, 2], planes=[np.full((16, 12), 10), np.full((16, 12), 10)])
    for path, slope in zip(paths, (0.5, 2.25), strict=True):
        dataset = pydicom.dcmread(path)
        dataset.RescaleSlope, dataset.RescaleIntercept = slope, 0
        dataset.save_as(path)
    assert read_image(tmp_path).array[:, 0, 0] == pytest.approx([5.0, 22.5])


def test_one_file_stands_for_its_series(tmp_path):
    own = write_series(tmp_path, [0, 2, 4], prefix="own")
    write_series(tmp_path, [0, 1], prefix="other")
    assert read_image(own[1]).geometry.size[0] == 3


def test_a_folder_with_two_series_is_refused_and_both_are_named(tmp_path):
    write_series(tmp_path, [0, 2, 4], prefix="a", SeriesDescription="Abdomen 2.0")
    write_series(tmp_path, [0, 1], prefix="b", SeriesDescription="Lung 1.0")
    with pytest.raises(BadDataError, match=r"(?s)2 different sets.*3 images.*Abdomen 2\.0.*2 images.*Lung 1\.0.*one series"):
        read_image(tmp_path)


def test_a_localizer_in_the_series_is_refused(tmp_path):
    uid = pydicom.uid.generate_uid()
    write_series(tmp_path, [0, 2, 4], series_uid=uid)
    write_series(tmp_path, [0], prefix="scout", series_uid=uid, orientation=(1, 0, 0, 0, 0, -1))
    with pytest.raises(BadDataError, match="localizers"):
        read_image(tmp_path)


@pytest.mark.parametrize("content", [{}, {"notes.txt": "hello"}])
def test_a_folder_without_images_is_refused(tmp_path, content):
    for name, text in content.items():
        (tmp_path / name).write_text(text)
    with pytest.raises(BadDataError, match="Give the folder of one CT, MR or PET series"):
        read_image(tmp_path)


def test_a_missing_path_is_refused(tmp_path):
    with pytest.raises(BadDataError, match="does not exist"):
        read_image(tmp_path / "nothing")


def test_other_files_of_the_folder_are_named_not_read(tmp_path):
    write_series(tmp_path, [0, 2])
    (tmp_path / "viewer.exe").write_bytes(b"MZ" + bytes(200))
    (finding,) = read_image(tmp_path).findings
    assert "viewer.exe" in finding.message


def test_several_images_at_each_position_are_refused(tmp_path):
    uid = pydicom.uid.generate_uid()
    write_series(tmp_path, [0, 2, 4], prefix="echo1", series_uid=uid)
    write_series(tmp_path, [0, 2, 4], prefix="echo2", series_uid=uid)
    with pytest.raises(BadDataError, match="6 images at only 3 positions"):
        read_image(tmp_path)


def test_one_repeated_slice_is_left_out_and_remembered(tmp_path):
    uid = pydicom.uid.generate_uid()
    write_series(tmp_path, [0, 2, 4, 6, 8], series_uid=uid)
    write_series(tmp_path, [4], prefix="again", series_uid=uid, InstanceNumber=99)
    volume = read_image(tmp_path)
    assert volume.geometry.size[0] == 5
    assert volume.acquisition.duplicate_positions_mm == (4.0,)
    assert volume.array[2, 0, 0] == 2 - 1024  # the lower Instance Number


def test_a_missing_slice_shows_as_displacement(tmp_path):
    write_series(tmp_path, [0, 2, 6, 8])
    acquisition = read_image(tmp_path).acquisition
    # A regular grid from 0 to 8 mm with four slices has a step of 8/3 mm: slice 1 lies 2/3 mm off.
    assert acquisition.slice_displacement_mm == pytest.approx(2 / 3, abs=1e-4)


def test_a_tilted_stack_shows_its_angle(tmp_path):
    # 1 mm sideways per 2 mm step.
    write_series(tmp_path, [0, 2, 4], in_plane_offsets_mm=[(0, 0), (0, 1), (0, 2)])
    assert read_image(tmp_path).acquisition.stack_tilt_deg == pytest.approx(np.degrees(np.arctan(0.5)), abs=1e-3)


def test_one_slice_is_not_a_volume(tmp_path):
    write_series(tmp_path, [0])
    with pytest.raises(BadDataError, match="one slice only"):
        read_image(tmp_path)


def test_a_truncated_file_is_refused_by_name(tmp_path):
    paths = write_series(tmp_path, [0, 2, 4], rows=64, columns=64)
    # Fewer bytes than its header has: the file is still longer than its pixel data should be.
    paths[1].write_bytes(paths[1].read_bytes()[:-100])
    with pytest.raises(BadDataError, match=r"slice001\.dcm: is cut short"):
        read_image(tmp_path)


def test_pixels_in_a_syntax_that_nobody_knows_are_refused_by_name(tmp_path):
    path = write_series(tmp_path, [0, 2])[0]
    path.write_bytes(path.read_bytes().replace(b"1.2.840.10008.1.2.1\0", b"1.2.840.10008.1.2.9\0"))
    with pytest.raises(BadDataError, match=r"slice000\.dcm: .*cannot be decoded \(transfer syntax 1\.2\.840\.10008\.1\.2\.9\)"):
        read_image(path)


def test_a_colour_image_is_refused(tmp_path):
    for path in write_series(tmp_path, [0, 2], BitsAllocated=8, BitsStored=8, HighBit=7, SamplesPerPixel=3):
        dataset = pydicom.dcmread(path)
        dataset.PhotometricInterpretation, dataset.PlanarConfiguration = "RGB", 0
        dataset.PixelData = bytes(16 * 12 * 3)
        dataset.save_as(path)
    with pytest.raises(BadDataError, match="colour image"):
        read_image(tmp_path)


def test_an_image_without_position_is_refused_with_the_tag(tmp_path):
    write_series(tmp_path, [0, 2], ImagePositionPatient=None)
    with pytest.raises(BadDataError, match=r"ImagePositionPatient \(0020,0032\)"):
        read_image(tmp_path)


def test_empty_uids_of_anonymised_files_do_not_mix_series(tmp_path):
    write_series(tmp_path, [0, 2], prefix="a", SeriesInstanceUID="", SeriesNumber=4)
    write_series(tmp_path, [0, 2], prefix="b", SeriesInstanceUID="", SeriesNumber=5)
    with pytest.raises(BadDataError, match="2 different sets"):
        read_image(tmp_path)


def test_headers_of_the_real_series_are_read(totalsegmentator):
    volume = read_image(totalsegmentator / "example_ct_dicom")
    acquisition = volume.acquisition
    assert volume.geometry.size == (20, 512, 512)
    assert volume.geometry.spacing_mm == (2.0, 0.9765625, 0.9765625)
    assert volume.geometry.origin_lps_mm == (-249.51171875, -437.51171875, -804.5)
    assert acquisition.slice_thicknesses_mm == (3.0,)
    assert acquisition.convolution_kernel == ("Br38f", "3")
    assert acquisition.contrast_agent == "APPLIED"
    assert [(w.window, w.level) for w in acquisition.window_levels] == [(300, 40), (1500, 300)]
    assert acquisition.stack_tilt_deg == 0
    assert acquisition.slice_displacement_mm == 0
    # JPEG 2000, lossless: the lowest slice (Instance Number 286) ends at -804.5 mm; air is -1024 HU.
    assert volume.array.dtype == np.int16
    assert volume.array.min() == -1024


@pytest.mark.parametrize("name", ["MR_small_RLE.dcm", "MR_small_jp2klossless.dcm", "MR_small_bigendian.dcm"])
def test_compressed_slices_have_the_values_of_the_plain_file(shared_data, tmp_path, name):
    def series_of(file):
        folder = tmp_path / file
        folder.mkdir()
        for number, z in enumerate((0, 5)):
            dataset = pydicom.dcmread(shared_data / "pydicom_odd" / file)
            dataset.ImagePositionPatient = [0, 0, z]
            dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
            dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = pydicom.uid.generate_uid()
            dataset.save_as(folder / f"{number}.dcm")
        return read_image(folder).array

    assert np.array_equal(series_of(name), series_of("MR_small.dcm"))


def test_a_truncated_real_file_is_refused(shared_data, tmp_path):
    write_series(tmp_path, [0], rows=64, columns=64)
    dataset = pydicom.dcmread(tmp_path / "slice000.dcm")
    truncated = pydicom.dcmread(shared_data / "pydicom_odd" / "MR_truncated.dcm", stop_before_pixels=True)
    shutil.copy(shared_data / "pydicom_odd" / "MR_truncated.dcm", tmp_path / "cut.dcm")
    for keyword in ("SeriesInstanceUID", "ImageOrientationPatient", "PixelSpacing"):
        setattr(dataset, keyword, truncated[keyword].value)
    dataset.save_as(tmp_path / "slice000.dcm")
    # Slicer 5.10's SimpleITK would fill the rest with what lies in memory.
    with pytest.raises(BadDataError, match=r"cut\.dcm: is cut short"):
        read_image(tmp_path)


def test_an_enhanced_multi_frame_object_is_named_as_such(shared_data):
    with pytest.raises(BadDataError, match="multi-frame object with 10 frames"):
        read_image(shared_data / "pydicom_odd" / "emri_small.dcm")


def test_a_real_tilted_series_with_two_thicknesses_is_described(shared_data):
    acquisition = read_image(shared_data / "dcm_qa_ct" / "In" / "GE").acquisition
    assert acquisition.gantry_tilt_deg == 18.5
    assert acquisition.stack_tilt_deg == pytest.approx(18.5, abs=0.1)
    assert acquisition.slice_thicknesses_mm == (4.0, 7.0)
    assert acquisition.slice_displacement_mm > 1


def test_a_series_without_optional_headers_says_nothing_about_them(shared_data):
    acquisition = read_image(shared_data / "slicer_cthead" / "CTHeadAxialDicom").acquisition
    assert acquisition.convolution_kernel == ()
    assert acquisition.window_levels == ()
    assert acquisition.contrast_agent is None


def test_headers_alone_say_the_same_as_the_whole_series(tmp_path):
    paths = write_series(tmp_path, [0, 2, 6, 8])
    whole, headers = read_series(tmp_path), read_series_headers(paths[2])
    assert headers.array is None
    assert (headers.geometry, headers.acquisition) == (whole.geometry, whole.acquisition)
    assert np.array_equal(headers.slice_origins_lps_mm, whole.slice_origins_lps_mm)


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("ImagePositionPatient", [0, 0, 1e30]),
        ("PixelSpacing", [1e-30, 1e-30]),
        ("PixelSpacing", [1e30, 1]),
        ("RescaleSlope", "1e-40"),
        ("RescaleIntercept", "1e30"),
    ],
)
def test_numbers_that_no_scanner_writes_are_refused(tmp_path, keyword, value):
    paths = write_series(tmp_path, [0, 2, 4])
    for path in paths[1:]:
        dataset = pydicom.dcmread(path)
        setattr(dataset, keyword, value)
        dataset.save_as(path)
    with pytest.raises(BadDataError, match=rf"slice00\d\.dcm: has .*{keyword}"):
        read_series(paths[1])


def test_a_slice_that_is_overwritten_between_header_and_voxels_is_refused(tmp_path, monkeypatch):
    paths = write_series(tmp_path, [0, 2, 4])
    content = paths[1].read_bytes()

    def overwritten(headers):
        paths[1].write_bytes(content + b"\0\0")
        return acquisition_facts(headers)

    monkeypatch.setattr("SegQCLib.dicom.series.acquisition_facts", overwritten)
    with pytest.raises(BadDataError, match=r"slice001\.dcm: changed while it was read"):
        read_series(tmp_path)


def test_sequences_of_a_hundred_thousand_items_are_refused(tmp_path):
    def with_items(path, items):
        content, length = path.read_bytes(), struct.pack("<I", len(items))
        at = content.index(b"\x10\0\x10\0PN")
        path.write_bytes(content[:at] + b"\x08\0\x40\x11SQ\0\0" + length + items + content[at:])

    paths = write_series(tmp_path, [0, 2, 4])
    with_items(paths[1], b"\xfe\xff\x00\xe0\0\0\0\0" * 100_000)
    with pytest.raises(BadDataError, match=r"slice001\.dcm: .*100,000 items"):
        read_series(tmp_path)
