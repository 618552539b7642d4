"""Enhanced and legacy converted enhanced multi-frame images."""

import shutil

import numpy as np
import pydicom
import pytest
from pydicom.uid import (
    CTImageStorage,
    EnhancedMRImageStorage,
    EnhancedPETImageStorage,
    LegacyConvertedEnhancedCTImageStorage,
    generate_uid,
)

from dicom_multi_frame import at, item, write_multi_frame
from dicom_series import write_series
from SegQCLib.acquisition import Span
from SegQCLib.case import SliceSource
from SegQCLib.dicom.series import read_series, read_series_headers, read_series_of_files
from SegQCLib.errors import BadDataError


def planes_of(*values, dtype=np.int16):
    """Return frames of one value each."""
    return np.array([np.full((6, 4), value) for value in values], dtype)


def transformation(slope, intercept):
    return {"PixelValueTransformationSequence": {"RescaleSlope": slope, "RescaleIntercept": intercept, "RescaleType": "HU"}}


def test_frames_are_sorted_by_position_whatever_their_order(tmp_path):
    path = write_multi_frame(tmp_path / "mf.dcm", [at(4), at(0), at(2)], planes_of(40, 0, 20))
    volume = read_series(path)
    assert volume.array[:, 0, 0].tolist() == [0, 20, 40]
    assert volume.slice_sources == (SliceSource(path, 2), SliceSource(path, 3), SliceSource(path, 1))
    assert volume.geometry.spacing_mm == (2.0, 0.8, 0.7)
    assert volume.acquisition.slice_thicknesses_mm == (2.0,)
    assert volume.acquisition.slice_positions_mm == (0, 2, 4)


def test_each_frame_has_its_own_rescale(tmp_path):
    frames = [at(0, **transformation(1, -1024)), at(2, **transformation(0.5, 3))]
    volume = read_series(write_multi_frame(tmp_path / "mf.dcm", frames, planes_of(1024, 10)))
    assert volume.array[:, 0, 0].tolist() == [0, 8]


def test_a_shared_rescale_holds_for_frames_without_one(tmp_path):
    frames = [at(0), at(2, **transformation(2, 0))]
    path = write_multi_frame(tmp_path / "mf.dcm", frames, planes_of(10, 10), shared=transformation(1, -1000))
    assert read_series(path).array[:, 0, 0].tolist() == [-990, 20]


def test_one_frame_of_an_enhanced_object_is_a_slice_too(tmp_path):
    paths = [write_multi_frame(tmp_path / f"{z}.dcm", [at(z)], planes_of(z)) for z in (4, 0, 2)]
    volume = read_series(tmp_path)
    assert volume.array[:, 0, 0].tolist() == [0, 2, 4]
    assert volume.slice_sources[2] == SliceSource(paths[0], 1)


def test_a_series_split_over_several_objects_is_one_volume(tmp_path):
    parts = {"ConcatenationUID": "2.25.99", "InConcatenationTotalNumber": 2}
    first = write_multi_frame(tmp_path / "1.dcm", [at(6), at(0)], planes_of(6, 0), InConcatenationNumber=1, **parts)
    second = write_multi_frame(tmp_path / "2.dcm", [at(2), at(4)], planes_of(2, 4), InConcatenationNumber=2, **parts)
    assert read_series(first).array[:, 0, 0].tolist() == [0, 2, 4, 6]
    second.unlink()
    with pytest.raises(BadDataError, match=r"one of 2 files .*InConcatenationTotalNumber \(0020,9163\).* only 1 are here"):
        read_series(first)


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        ({"FrameContentSequence": {"TemporalPositionIndex": 1}}, {"FrameContentSequence": {"TemporalPositionIndex": 2}}, "1, 2"),
        ({"MREchoSequence": {"EffectiveEchoTime": 4.6}}, {"MREchoSequence": {"EffectiveEchoTime": 90.0}}, "4.6, 90.0"),
        ({"FrameContentSequence": {"StackID": "A"}}, {"FrameContentSequence": {"StackID": "B"}}, "A, B"),
        ({"MRDiffusionSequence": {"DiffusionBValue": 0.0}}, {"MRDiffusionSequence": {"DiffusionBValue": 800.0}}, "0.0, 800.0"),
    ],
)
def test_several_images_of_one_position_are_refused_with_what_differs(tmp_path, first, second, said):
    keyword = next(iter(next(iter(first.values()))))
    tag = pydicom.datadict.tag_for_keyword(keyword)
    frames = [at(z, **groups) for groups in (first, second) for z in (0, 2, 4)]
    path = write_multi_frame(tmp_path / "mf.dcm", frames, planes_of(*range(6)))
    with pytest.raises(BadDataError) as refused:
        read_series(path)
    assert "6 images at only 3 positions: several echoes" in str(refused.value)
    assert f"{keyword} ({tag >> 16:04X},{tag & 0xFFFF:04X}) is {said}" in str(refused.value)


def test_echoes_of_a_classic_series_are_told_apart_too(tmp_path):
    for echo, milliseconds in enumerate((10, 80)):
        write_series(tmp_path, [0, 2, 4], prefix=f"echo{echo}", series_uid="2.25.5", EchoTime=milliseconds)
    with pytest.raises(BadDataError, match=r"EchoTime \(0018,0081\) is 10\.0, 80\.0"):
        read_series(tmp_path)


def test_copies_of_the_same_files_are_named_as_such(tmp_path):
    write_series(tmp_path / "a", [0, 2, 4])
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    with pytest.raises(BadDataError, match=r"more than once \(same SOPInstanceUID \(0008,0018\)\), copies of files\. Leave one"):
        read_series(tmp_path)


def test_two_stacks_with_other_orientations_are_refused(tmp_path):
    coronal = {"PlaneOrientationSequence": {"ImageOrientationPatient": [1, 0, 0, 0, 0, -1]}}
    axial = {"PlaneOrientationSequence": {"ImageOrientationPatient": [1, 0, 0, 0, 1, 0]}}
    frames = [at(0, **axial), at(2, **axial), at(0, **coronal), at(2, **coronal)]
    shared = {"PlaneOrientationSequence": None}
    path = write_multi_frame(tmp_path / "mf.dcm", frames, planes_of(*range(4)), shared=shared)
    with pytest.raises(BadDataError, match=r"(?s)2 different sets.*2 images \(frames of 1 multi-frame file\)"):
        read_series(path)


@pytest.mark.parametrize("attributes", [{"PerFrameFunctionalGroupsSequence": None}, {"NumberOfFrames": 4}, {"NumberOfFrames": 2}])
def test_frames_without_their_own_functional_groups_are_refused(tmp_path, attributes):
    path = write_multi_frame(tmp_path / "mf.dcm", [at(0), at(2), at(4)], planes_of(0, 2, 4), **attributes)
    with pytest.raises(BadDataError, match=r"mf\.dcm: .*PerFrameFunctionalGroupsSequence \(5200,9230\)"):
        read_series(path)


def test_a_frame_without_position_is_named(tmp_path):
    path = write_multi_frame(tmp_path / "mf.dcm", [at(0), {"FrameContentSequence": {"StackID": "1"}}], planes_of(0, 2))
    with pytest.raises(BadDataError, match=r"no ImagePositionPatient \(0020,0032\) for frame 2"):
        read_series(path)


def test_pixel_data_shorter_than_its_frames_is_refused(tmp_path):
    path = write_multi_frame(tmp_path / "mf.dcm", [at(0), at(2), at(4)], planes_of(0, 2, 4), PixelData=bytes(2 * 2 * 24))
    with pytest.raises(BadDataError, match=r"cut short: its pixel data is 96 bytes, its header needs 144 \(3 x 6 x 4 values"):
        read_series(path)


def test_what_a_frame_says_comes_before_what_the_object_says(tmp_path):
    frames = [at(z, CTReconstructionSequence={"ConvolutionKernel": "B70f"}) for z in (0, 2)]
    shared = {"CTXRayDetailsSequence": {"KVP": 120}}
    path = write_multi_frame(tmp_path / "mf.dcm", frames, planes_of(0, 2), shared=shared, ConvolutionKernel="B30f", KVP=80)
    acquisition = read_series_headers(path).acquisition
    assert acquisition.convolution_kernel == ("B70f",)
    assert acquisition.kvp == 120


def test_referenced_objects_do_not_pass_for_the_object_itself(tmp_path):
    source = {"ReferencedSOPClassUID": "1.2.3", "ReferencedSOPInstanceUID": "1.2.3.4"}
    frames = [at(z, ConversionSourceAttributesSequence=source) for z in (0, 2)]
    path = write_multi_frame(tmp_path / "mf.dcm", frames, planes_of(0, 2), RescaleSlope=3, RescaleIntercept=1)
    from SegQCLib.dicom.dicom_header import read_dicom_header
    from SegQCLib.dicom.image_slice import slices_of

    for one in slices_of(read_dicom_header(path)):
        assert "ReferencedSOPInstanceUID" not in one.header
        assert one.header.ConversionSourceAttributesSequence[0].ReferencedSOPInstanceUID == "1.2.3.4"
        assert "PerFrameFunctionalGroupsSequence" not in one.header


def test_the_second_tube_of_a_dual_source_scanner_does_not_pass_for_the_first(tmp_path):
    tubes = {
        "CTExposureSequence": {"XRayTubeCurrentInmA": 400.0, "ExposureInmAs": 200.0},
        "CTXRayDetailsSequence": {"KVP": 100, "FilterType": "FLAT"},
        "CTAdditionalXRaySourceSequence": {"KVP": 150, "XRayTubeCurrentInmA": 250.0, "ExposureInmAs": 125.0, "FilterType": "TIN"},
    }
    found = read_series_headers(write_multi_frame(tmp_path / "mf.dcm", [at(0), at(2)], planes_of(1, 2), shared=tubes)).acquisition
    assert (found.kvp, found.filter_type) == (100, "FLAT")
    assert (found.tube_current_ma, found.exposure_mas) == (Span(400, 400), Span(200, 200))


def test_enhanced_pet_is_rescaled_frame_by_frame(tmp_path):
    frames = [at(0, **transformation(0.25, 0)), at(3, **transformation(1.75, 0))]
    path = write_multi_frame(
        tmp_path / "pet.dcm", frames, planes_of(100, 100, dtype=np.uint16), sop_class=EnhancedPETImageStorage, Modality="PT"
    )
    volume = read_series(path)
    # No weight and no dose: the values stay what they are.
    assert volume.array[:, 0, 0].tolist() == [25, 175]
    assert volume.array.dtype == np.float32


@pytest.mark.parametrize("name", ["emri_small", "emri_small_RLE", "emri_small_jpeg_2k_lossless", "emri_small_jpeg_ls_lossless"])
def test_compressed_frames_of_a_real_enhanced_mr_have_the_values_of_the_plain_one(shared_data, tmp_path, name):
    dataset = pydicom.dcmread(shared_data / "pydicom_odd" / f"{name}.dcm")
    # The de-identified files lost their functional groups; the plain frames are known from the pixel data itself.
    dataset.SharedFunctionalGroupsSequence = [
        item(
            PlaneOrientationSequence=[item(ImageOrientationPatient=[1, 0, 0, 0, 1, 0])],
            PixelMeasuresSequence=[item(PixelSpacing=[1, 1])],
        )
    ]
    dataset.PerFrameFunctionalGroupsSequence = [
        item(PlanePositionSequence=[item(ImagePositionPatient=[0, 0, -z])]) for z in range(10)
    ]
    dataset.save_as(tmp_path / "mr.dcm")
    plain = pydicom.dcmread(shared_data / "pydicom_odd" / "emri_small.dcm")
    assert plain.SOPClassUID == EnhancedMRImageStorage
    expected = np.frombuffer(plain.PixelData, "<u2").reshape(10, 64, 64)[::-1]
    assert np.array_equal(read_series(tmp_path / "mr.dcm").array, expected)


def test_a_legacy_converted_ct_has_the_values_of_its_single_images(totalsegmentator, tmp_path):
    highdicom = pytest.importorskip("highdicom")
    single = [pydicom.dcmread(path) for path in sorted((totalsegmentator / "example_ct_dicom").iterdir())][:6]
    for dataset in single:
        dataset.decompress()
        # In the sample the SOP Class UID is empty.
        dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = CTImageStorage
    converted = highdicom.legacy.LegacyConvertedEnhancedCTImage(
        single, series_instance_uid=generate_uid(), series_number=7, sop_instance_uid=generate_uid(), instance_number=1
    )
    assert converted.SOPClassUID == LegacyConvertedEnhancedCTImageStorage
    converted.save_as(tmp_path / "converted.dcm")
    folder = tmp_path / "single"
    folder.mkdir()
    for number, dataset in enumerate(single):
        dataset.save_as(folder / f"{number}.dcm")
    one, many = read_series(tmp_path / "converted.dcm"), read_series(folder)
    assert np.array_equal(one.array, many.array)
    assert one.geometry == many.geometry
    assert one.acquisition.convolution_kernel == many.acquisition.convolution_kernel
    with pytest.raises(BadDataError, match=r"same images twice: converted\.dcm was converted from 6 single images"):
        read_series(tmp_path)


@pytest.mark.parametrize("name", ["23x38x3", "24x38x3"])
def test_pixelmed_s_legacy_conversion_has_the_values_of_its_single_images(shared_data, name):
    folder = shared_data / "dcmqi" / "data" / "segmentations" / name
    one, many = read_series(folder / "multiframe"), read_series(folder / "image")
    assert np.array_equal(one.array, many.array)
    assert one.geometry == many.geometry
    # In the file the frames go from the lowest position upwards in the order 3, 2, 1 of In-Stack Position Number.
    assert [source.frame for source in one.slice_sources] == [1, 2, 3]


def test_the_enhanced_ct_of_david_clunie_is_read(shared_data):
    volume = read_series(shared_data / "pydicom_odd" / "eCT_Supplemental.dcm")
    assert volume.geometry.size == (2, 512, 512)
    # Rows run to the right (-x): the normal points down, and the first slice is the upper one, frame 2.
    assert volume.geometry.origin_lps_mm == (99.5, -301.5, -149.0)
    assert [source.frame for source in volume.slice_sources] == [2, 1]
    assert volume.geometry.spacing_mm == (10.0, 0.388672, 0.388672)
    assert volume.array.min() == -1024


def test_a_parametric_map_is_refused_with_the_way_out(shared_data):
    with pytest.raises(BadDataError, match=r"is a parametric map.*paramap2itkimage"):
        read_series(shared_data / "pydicom_odd" / "parametric_map_float.dcm")


def test_files_of_a_series_are_read_wherever_they_lie(tmp_path):
    a = write_series(tmp_path / "a", [0, 4], prefix="a", series_uid="2.25.6")
    b = write_series(tmp_path / "b", [2, 6], prefix="b", series_uid="2.25.6")
    volume = read_series_of_files([b[1], a[0], b[0], a[1], a[0]])
    assert volume.acquisition.slice_positions_mm == (0, 2, 4, 6)
    assert volume.source.sha256 == read_series(tmp_path).source.sha256
    with pytest.raises(ValueError, match="at least one file"):
        read_series_of_files([])


def test_more_items_than_frames_are_refused(tmp_path):
    path = write_multi_frame(tmp_path / "a.dcm", [at(z) for z in range(5)], np.zeros((5, 2, 2), np.int16), NumberOfFrames=2)
    with pytest.raises(BadDataError, match=r"a\.dcm: has NumberOfFrames \(0028,0008\) 2 and more items"):
        read_series(path)


def test_more_frames_than_any_series_has_are_refused(tmp_path):
    path = write_multi_frame(tmp_path / "a.dcm", [at(0), at(1)], np.zeros((2, 2, 2), np.int16), NumberOfFrames=99_999)
    with pytest.raises(BadDataError, match=r"a\.dcm: has NumberOfFrames \(0028,0008\) 99999; read are up to 10,000"):
        read_series(path)
