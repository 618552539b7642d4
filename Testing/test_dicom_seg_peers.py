"""Real and new DICOM SEG files as SegQC reads them, beside dcmqi's segimage2itkimage and highdicom."""

import json
import struct
import subprocess
import warnings
import zlib

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from pydicom.encaps import encapsulate

from dicom_series import write_series
from dicom_tools import program, segimage2itkimage
from SegQCLib.errors import BadDataError
from SegQCLib.importers import read_segmentation

DCMQI = "dcmqi/data/segmentations"
HIGHDICOM = "highdicom/data/test_files"

REAL_FILES = [
    f"{DCMQI}/23x38x3/seg/label.seg",
    f"{DCMQI}/24x38x3/seg/label.seg",
    f"{DCMQI}/liver.dcm",
    f"{DCMQI}/partial_overlaps.dcm",
    f"{DCMQI}/sparse-labelmap-noppv.dcm",
    f"{DCMQI}/sparse-labelmap-ppv5.dcm",
    "dcmqi/data/sr-example/seg.dcm",
    f"{HIGHDICOM}/seg_image_ct_binary.dcm",
    f"{HIGHDICOM}/seg_image_ct_binary_fractional.dcm",
    f"{HIGHDICOM}/seg_image_ct_binary_overlap.dcm",
    f"{HIGHDICOM}/seg_image_ct_binary_single_frame.dcm",
    f"{HIGHDICOM}/seg_image_ct_true_fractional.dcm",
    "pydicom_odd/liver_nonbyte_aligned.dcm",
]


def places_of(array, index_to_lps):
    """Return the voxels of a mask as LPS points in mm, sorted."""
    points = np.round([index_to_lps(index) for index in np.argwhere(array)], 3).reshape(-1, 3)
    return points[np.lexsort(points.T)]


def places_by_segqc(segmentation, segment):
    points = np.round(segmentation.geometry.lps_mm(np.argwhere(segmentation.mask(segment))), 3).reshape(-1, 3)
    return points[np.lexsort(points.T)]


def places_in_image(image):
    return places_of(
        sitk.GetArrayViewFromImage(image), lambda kji: image.TransformIndexToPhysicalPoint([int(n) for n in kji[::-1]])
    )


def same_places(ours, theirs):
    return ours.shape == theirs.shape and (len(ours) == 0 or np.abs(ours - theirs).max() < 0.01)


def as_read(segment):
    """Return what dcmqi's JSON has too, as it has it."""
    codes = segment.terminology
    region = None if codes.region is None else (codes.region.scheme, codes.region.value)
    return {
        "SegmentLabel": segment.name,
        "SegmentAlgorithmType": segment.algorithm_type,
        "SegmentAlgorithmName": segment.algorithm_name,
        "SegmentedPropertyCategoryCodeSequence": (codes.category.scheme, codes.category.value),
        "SegmentedPropertyTypeCodeSequence": (codes.type.scheme, codes.type.value),
        "AnatomicRegionSequence": region,
        "TrackingIdentifier": segment.tracking_id,
        "TrackingUniqueIdentifier": segment.tracking_uid,
    }


FACTS = (
    "SegmentLabel", "SegmentAlgorithmType", "SegmentAlgorithmName", "SegmentedPropertyCategoryCodeSequence",
    "SegmentedPropertyTypeCodeSequence", "AnatomicRegionSequence", "TrackingIdentifier", "TrackingUniqueIdentifier",
)  # fmt: skip


# dcmqi gives codes of SNOMED-RT as they stand; DICOM PS3.16 annex O has their successors.
SUCCESSORS = {
    "T-D0050": "85756007", "T-62000": "10200004", "M-01000": "49755003", "M-80003": "86049000", "T-C5300": "55940004",
}  # fmt: skip


def as_dcmqi_read(attributes):
    found = {}
    for keyword in FACTS:
        value = attributes.get(keyword)
        if isinstance(value, dict):
            code = value["CodeValue"]
            value = (
                ("SCT", SUCCESSORS[code]) if value["CodingSchemeDesignator"] == "SRT" else (value["CodingSchemeDesignator"], code)
            )
        found[keyword] = value
    return found


def segments_but_background(attributes):
    return [one for one in attributes if one["labelID"] != 0]


@pytest.mark.parametrize("name", [name for name in REAL_FILES if "fractional" not in name])
def test_real_files_hold_the_voxels_that_dcmqi_finds(shared_data, tmp_path, name):
    theirs, ours = segimage2itkimage(shared_data / name, tmp_path / "dcmqi"), read_segmentation(shared_data / name)
    # The padding value 5 of one file is background, which dcmqi hands on as it stands.
    assert set(theirs.masks) - {5 if "ppv5" in name else None} == {segment.label_value for segment in ours.segments}
    for segment in ours.segments:
        assert same_places(places_by_segqc(ours, segment), places_in_image(theirs.masks[segment.label_value])), segment.name


@pytest.mark.parametrize("name", REAL_FILES)
def test_real_files_hold_the_names_codes_colours_and_algorithms_that_dcmqi_finds(shared_data, tmp_path, name):
    theirs, ours = segimage2itkimage(shared_data / name, tmp_path / "dcmqi"), read_segmentation(shared_data / name)
    for segment, attributes in zip(ours.segments, segments_but_background(theirs.segments), strict=True):
        assert as_read(segment) == as_dcmqi_read(attributes)
        # Without a colour in the file dcmqi takes its own.
        if segment.color is not None:
            assert np.array(segment.color) * 255 == pytest.approx(attributes["recommendedDisplayRGBValue"], abs=1.01)


@pytest.mark.parametrize("name", REAL_FILES)
def test_real_files_hold_the_voxels_that_highdicom_finds(shared_data, name):
    ours = read_segmentation(shared_data / name)
    for segment in ours.segments:
        assert same_places(places_by_segqc(ours, segment), places_by_highdicom(shared_data / name, segment.label_value))


def places_by_highdicom(path, number):
    highdicom = pytest.importorskip("highdicom")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        volume = highdicom.seg.segread(path).get_volume(segment_numbers=[number])
    array = volume.array[..., 0]
    # Fractions come back as 0 to 1 of the maximum.
    return places_of(array > 0.5, lambda index: volume.map_indices_to_reference(np.array([index]))[0])


# highdicom compresses no images under 32 x 32 voxels by JPEG 2000.
ROWS, COLUMNS, SLICES = 36, 33, 5


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """A CT of 5 slices, and three structures on it that do not overlap: an array (k, j, i) of 0 to 3."""
    folder = tmp_path_factory.mktemp("drawn")
    labels = np.zeros((SLICES, ROWS, COLUMNS), np.uint8)
    labels[:, 2:9, 3:8], labels[1:3, 10:20, 5:17], labels[4, 20:, 19:] = 1, 2, 3
    needed = dict.fromkeys(("AccessionNumber", "StudyID", "PatientBirthDate", "ReferringPhysicianName", "PatientSex"), "")
    files = write_series(
        folder / "ct", np.arange(SLICES) * 2.5 - 40, rows=ROWS, columns=COLUMNS, series_uid="1.2.3",
        StudyDate="20260101", StudyTime="100000", **needed,
    )  # fmt: skip
    return folder, files, labels


def written_by_dcmqi(folder, labels, *options):
    image = sitk.GetImageFromArray(labels)
    image.SetSpacing((0.7, 0.8, 2.5))
    image.SetOrigin((0, 0, -40))
    sitk.WriteImage(image, str(folder / "labels.nrrd"))
    code = {"CodeValue": "85756007", "CodingSchemeDesignator": "SCT", "CodeMeaning": "Tissue"}
    segments = [
        {
            "labelID": int(number), "SegmentLabel": f"structure {number}", "SegmentAlgorithmType": "MANUAL",
            "SegmentedPropertyCategoryCodeSequence": code, "SegmentedPropertyTypeCodeSequence": code,
            "recommendedDisplayRGBValue": [10, 200, 30],
        }
        for number in np.unique(labels[labels > 0])
    ]  # fmt: skip
    (folder / "segments.json").write_text(json.dumps({"SeriesDescription": "x", "segmentAttributes": [segments]}))
    out = folder / "dcmqi.dcm"
    done = subprocess.run(
        [program("itkimage2segimage"), "--inputImageList", folder / "labels.nrrd", "--inputDICOMDirectory", folder / "ct",
         "--inputMetadata", folder / "segments.json", "--outputDICOM", out, "--useLabelIDAsSegmentNumber", *options],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return out


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--skip", "0"),
        ("--compress", "deflate"),
        ("--segmentationType", "labelmap"),
        ("--segmentationType", "labelmap", "--compress", "deflate"),
    ],
    ids=" ".join,
)
def test_what_dcmqi_writes_comes_back(drawn, options):
    folder, _, labels = drawn
    segmentation = read_segmentation(written_by_dcmqi(folder, labels, *options))
    assert [segment.label_value for segment in segmentation.segments] == [1, 2, 3]
    assert np.array_equal(segmentation.layers[0], labels)
    assert segmentation.geometry.origin_lps_mm == (0, 0, -40)


def test_segment_32_whose_number_is_a_space_and_a_zero_byte_is_read(drawn, tmp_path):
    highdicom = pytest.importorskip("highdicom")
    _, files, _ = drawn
    numbers = np.arange(1, 34)
    pixels = np.zeros((SLICES, ROWS, COLUMNS), np.uint8)
    pixels[2, 7] = numbers
    path = tmp_path / "seg.dcm"
    written_by_highdicom(highdicom, files, pixels[..., None] == numbers, "BINARY", numbers.tolist()).save_as(path)
    assert read_segmentation(path).layers[0][0, 7].tolist() == numbers.tolist()


@pytest.mark.parametrize("option", ["+ti", "+tb", "+td", "+te +e", "+te -e"])
@pytest.mark.parametrize("kind", ["binary", "labelmap"])
def test_every_way_to_write_elements_is_read(drawn, tmp_path, option, kind):
    folder, _, labels = drawn
    plain, other = written_by_dcmqi(folder, labels, "--segmentationType", kind), tmp_path / "other.dcm"
    subprocess.run([program("dcmconv"), *option.split(), plain, other], check=True, capture_output=True)
    assert np.array_equal(read_segmentation(other).layers[0], labels)


@pytest.mark.parametrize(
    ("kind", "syntax"),
    [
        ("BINARY", "1.2.840.10008.1.2.4.90"),
        *((kind, f"1.2.840.10008.1.2.{end}") for kind in ("LABELMAP", "FRACTIONAL") for end in ("5", "4.80", "4.90")),
    ],
)
def test_what_highdicom_compresses_comes_back(drawn, tmp_path, kind, syntax):
    highdicom = pytest.importorskip("highdicom")
    _, files, labels = drawn
    pixels = labels if kind == "LABELMAP" else np.stack([labels == n for n in (1, 2, 3)], axis=-1)
    more = {"max_fractional_value": 200} if kind == "FRACTIONAL" else {}
    path = tmp_path / "seg.dcm"
    written_by_highdicom(highdicom, files, pixels, kind, (1, 2, 3), transfer_syntax_uid=syntax, **more).save_as(path)
    assert pydicom.dcmread(path).file_meta.TransferSyntaxUID == syntax
    assert np.array_equal(read_segmentation(path).layers[0], labels)


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2.1", "1.2.840.10008.1.2.5", "1.2.840.10008.1.2.4.80"])
def test_a_label_map_of_16_bits_comes_back(drawn, tmp_path, syntax):
    highdicom = pytest.importorskip("highdicom")
    _, files, labels = drawn
    wide = np.array([0, 7, 300, 999], np.uint16)[labels]
    path = tmp_path / "seg.dcm"
    written_by_highdicom(highdicom, files, wide, "LABELMAP", (7, 300, 999), transfer_syntax_uid=syntax).save_as(path)
    assert pydicom.dcmread(path).BitsAllocated == 16
    assert np.array_equal(read_segmentation(path).layers[0], wide)


def test_the_colours_of_a_label_map_stand_in_its_palette(drawn, tmp_path):
    highdicom = pytest.importorskip("highdicom")
    _, files, labels = drawn
    palette = highdicom.PaletteColorLUTTransformation.from_colors(["#000000", "#ff0000", "#0080ff", "#204060"])
    path = tmp_path / "seg.dcm"
    written_by_highdicom(highdicom, files, labels, "LABELMAP", (1, 2, 3), palette_color_lut_transformation=palette).save_as(path)
    assert pydicom.dcmread(path).PhotometricInterpretation == "PALETTE COLOR"
    segmentation = read_segmentation(path)
    assert np.array_equal(segmentation.layers[0], labels)
    assert [tuple(round(value * 255) for value in segment.color) for segment in segmentation.segments] == [
        (255, 0, 0),
        (0, 128, 255),
        (32, 64, 96),
    ]


def written_by_highdicom(highdicom, files, pixels, kind, numbers, **more):
    codes = pydicom.sr.codedict.codes
    descriptions = [
        highdicom.seg.SegmentDescription(number, f"structure {number}", codes.SCT.Organ, codes.SCT.Kidney, "MANUAL")
        for number in numbers
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return highdicom.seg.Segmentation(
            [pydicom.dcmread(file) for file in files], pixels, kind, descriptions,
            series_instance_uid=highdicom.UID(), series_number=2, sop_instance_uid=highdicom.UID(), instance_number=1,
            manufacturer="x", manufacturer_model_name="x", software_versions="1", device_serial_number="1", **more,
        )  # fmt: skip


def encapsulated_again(dataset, encode, syntax, fragments_per_frame=1, with_table=True):
    """Encapsulate the frames of an uncompressed data set of one bit, each encoded by itself from its packed bits."""
    voxels = dataset.Rows * dataset.Columns
    count = int(dataset.NumberOfFrames)
    bits = np.unpackbits(np.frombuffer(dataset.PixelData, np.uint8), bitorder="little")[: count * voxels].reshape(count, voxels)
    frames = [encode(frame) for frame in bits]
    dataset.PixelData = encapsulate(frames, fragments_per_frame=fragments_per_frame, has_bot=with_table)
    dataset["PixelData"].VR, dataset["PixelData"].is_undefined_length = "OB", True
    dataset.file_meta.TransferSyntaxUID = syntax


def saved(dataset, path):
    # pydicom does not know the newest transfer syntaxes.
    if pydicom.__version__ < "3" and not dataset.file_meta.TransferSyntaxUID.is_transfer_syntax:
        pytest.skip("pydicom 2.4 writes no transfer syntax that it does not know")
    encoding = {} if pydicom.__version__ < "3" else {"implicit_vr": False, "little_endian": True, "force_encoding": True}
    pydicom.dcmwrite(path, dataset, **encoding)


def deflated(frame):
    # Python's zlib frames a deflated stream with 2 bytes before and 4 behind.
    return zlib.compress(np.packbits(frame, bitorder="little").tobytes())[2:-4]


def run_lengths(values):
    """Return bytes in PackBits, without literal runs."""
    ends = np.flatnonzero(np.append(values[1:] != values[:-1], True)) + 1
    encoded = b""
    for first, last in zip([0, *ends[:-1]], ends, strict=True):
        for begin in range(first, last, 128):
            length = min(128, last - begin)
            encoded += bytes([257 - length if length > 1 else 0, values[begin]])
    return struct.pack("<16I", 1, 64, *[0] * 14) + encoded


@pytest.mark.parametrize("table", [True, False])
@pytest.mark.parametrize(
    ("encode", "syntax"),
    [
        (deflated, "1.2.840.10008.1.2.8.1"),
        (run_lengths, "1.2.840.10008.1.2.5"),
        (lambda frame: run_lengths(np.packbits(frame, bitorder="little")), "1.2.840.10008.1.2.5"),
    ],
    ids=["deflated", "RLE of bytes", "RLE of packed bits"],
)
def test_frames_of_one_bit_that_do_not_fill_bytes_are_decompressed(shared_data, tmp_path, encode, syntax, table):
    dataset = pydicom.dcmread(shared_data / DCMQI / "23x38x3/seg/label.seg")
    encapsulated_again(dataset, encode, syntax, with_table=table)
    saved(dataset, tmp_path / "seg.dcm")
    plain, segmentation = read_segmentation(shared_data / DCMQI / "23x38x3/seg/label.seg"), read_segmentation(tmp_path / "seg.dcm")
    assert plain.layers[0].any()
    assert np.array_equal(segmentation.layers[0], plain.layers[0])


def test_frames_in_several_fragments_are_put_together_by_the_offset_table(shared_data, tmp_path):
    dataset = pydicom.dcmread(shared_data / "pydicom_odd/liver.dcm")
    encapsulated_again(dataset, deflated, "1.2.840.10008.1.2.8.1", fragments_per_frame=3)
    saved(dataset, tmp_path / "seg.dcm")
    expected = read_segmentation(shared_data / "pydicom_odd/liver.dcm").layers[0]
    assert np.array_equal(read_segmentation(tmp_path / "seg.dcm").layers[0], expected)


def test_the_transfer_syntax_that_cannot_be_decoded_is_named(shared_data, tmp_path):
    dataset = pydicom.dcmread(shared_data / "pydicom_odd/liver.dcm")
    encapsulated_again(dataset, deflated, "1.2.840.10008.1.2.4.201")
    saved(dataset, tmp_path / "seg.dcm")
    with pytest.raises(BadDataError, match=r"\(1\.2\.840\.10008\.1\.2\.4\.201\), which cannot be decoded here.*gdcmconv"):
        read_segmentation(tmp_path / "seg.dcm")
