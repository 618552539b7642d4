"""What holds for every series: order and place of slices, and that a damaged one is refused by name."""

import random
import struct
import tempfile
from pathlib import Path

import numpy as np
import pydicom
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from dicom_multi_frame import at, write_multi_frame
from dicom_series import write_series
from SegQCLib.dicom.encapsulated import encapsulated_frames
from SegQCLib.dicom.series import read_series
from SegQCLib.errors import BadDataError

FAST = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])

# What reading looks at; each may be missing, empty, of the wrong length or no number.
ATTRIBUTES = [
    "BitsAllocated",
    "BitsStored",
    "Columns",
    "HighBit",
    "ImageOrientationPatient",
    "ImagePositionPatient",
    "ImageType",
    "InstanceNumber",
    "Modality",
    "NumberOfFrames",
    "PhotometricInterpretation",
    "PixelPaddingValue",
    "PixelRepresentation",
    "PixelSpacing",
    "RescaleIntercept",
    "RescaleSlope",
    "RescaleType",
    "Rows",
    "SOPClassUID",
    "SOPInstanceUID",
    "SamplesPerPixel",
    "SeriesInstanceUID",
    "SliceThickness",
    "WindowCenter",
    "WindowWidth",
]


@FAST
@given(
    st.permutations(range(5)),
    st.tuples(*[st.floats(-180, 180)] * 3),
    st.tuples(*[st.floats(-500, 500)] * 3),
    st.floats(0.05, 12),
)
def test_every_slice_is_where_its_header_says_whatever_the_orientation(order, angles, first_mm, step_mm):
    rotation = Rotation.from_euler("xyz", angles, degrees=True).as_matrix()
    row, column = rotation[:, 0], rotation[:, 1]
    normal = np.cross(row, column)
    with tempfile.TemporaryDirectory() as folder:
        paths = write_series(Path(folder), range(5), rows=4, columns=3)
        placed = {}
        for value, k in enumerate(order):
            dataset = pydicom.dcmread(paths[value])
            position = np.array(first_mm) + k * step_mm * normal
            # DICOM's decimal strings have 16 characters.
            dataset.ImagePositionPatient = [f"{coordinate:.6f}" for coordinate in position]
            dataset.ImageOrientationPatient = [f"{component:.10f}" for component in (*row, *column)]
            dataset.save_as(paths[value])
            placed[value] = position
        volume = read_series(Path(folder))
    for k in range(5):
        value = int(volume.array[k, 0, 0]) + 1024
        assert order[value] == k
        assert volume.geometry.lps_mm(np.array([k, 0, 0])) == pytest.approx(placed[value], abs=1e-4)
        # One row and one column further: Pixel Spacing is 0.8 mm between rows, 0.7 mm between columns.
        further = volume.geometry.lps_mm(np.array([k, 1, 1]))
        assert further == pytest.approx(placed[value] + 0.8 * column + 0.7 * row, abs=1e-4)


@FAST
@given(st.permutations(range(6)), st.lists(st.floats(0.01, 20), min_size=5, max_size=5))
def test_frames_and_files_in_any_order_give_the_same_volume(order, steps_mm):
    positions = np.round(np.concatenate([[0], np.cumsum(steps_mm)]), 6)
    planes = np.array([np.full((4, 3), k) for k in order], np.int16)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_series(folder / "files", [positions[k] for k in order], rows=4, columns=3, planes=planes, RescaleIntercept=0)
        write_multi_frame(folder / "frames" / "a.dcm", [at(positions[k]) for k in order], planes)
        files, frames = read_series(folder / "files"), read_series(folder / "frames")
    assert np.array_equal(files.array, frames.array)
    assert files.array[:, 0, 0].tolist() == list(range(6))
    assert files.acquisition.slice_positions_mm == frames.acquisition.slice_positions_mm


@FAST
@given(
    st.sampled_from(ATTRIBUTES),
    st.sampled_from([None, b"", b"1\\2", b"nan", b"inf", b"-1", b"abc ", b"\xff\xff", b"\0\0", b"1e400 ", b"99999999999999999999"]),
    st.integers(0, 2),
)
def test_a_series_with_one_odd_attribute_is_read_or_refused(keyword, content, which):
    tag = pydicom.datadict.tag_for_keyword(keyword)
    with tempfile.TemporaryDirectory() as name:
        path = write_series(Path(name), [0, 2, 4])[which]
        dataset = pydicom.dcmread(path)
        if keyword in dataset:
            del dataset[tag]
        dataset.save_as(path)
        if content is not None:
            # By hand: pydicom does not write what is not allowed.
            vr = pydicom.datadict.dictionary_VR(tag)[:2].encode()
            content += b" " * (len(content) % 2)
            element = struct.pack("<HH2sH", tag >> 16, tag & 0xFFFF, vr, len(content)) + content
            whole = path.read_bytes()
            dataset = pydicom.dcmread(path)
            following = min((t for t in dataset.keys() if t > tag), default=None)  # noqa: SIM118
            at_byte = whole.index(struct.pack("<HH", following >> 16, following & 0xFFFF) + dataset[following].VR.encode(), 150)
            path.write_bytes(whole[:at_byte] + element + whole[at_byte:])
        volume, message = None, ""
        try:
            volume = read_series(Path(name))
        except BadDataError as refused:
            message = str(refused)
    if volume is None:
        assert name in message
    else:
        assert np.isfinite(volume.array).all()
        assert len(volume.slice_sources) == volume.geometry.size[0]


@pytest.mark.parametrize("name", ["emri_small_RLE", "emri_small_jpeg_ls_lossless", "MR_small_jp2klossless", "CT_small"])
def test_damaged_real_files_are_read_or_refused_by_name(shared_data, tmp_path, name):
    original = (shared_data / "pydicom_odd" / f"{name}.dcm").read_bytes()
    path = tmp_path / "a.dcm"
    rng = random.Random(name)  # noqa: S311 - the same bytes every time
    for _ in range(30):
        content = bytearray(original)
        for _ in range(rng.choice((1, 2, 8))):
            at_byte = rng.randrange(min(len(content), rng.choice((2000, len(content)))))
            content[at_byte] = rng.randrange(256)
        path.write_bytes(content[: rng.choice((len(content), len(content), rng.randrange(len(content))))])
        with pytest.raises(BadDataError) as refused:  # one slice, or frames without functional groups
            read_series(path)
        assert "a.dcm" in str(refused.value)


@FAST
@given(
    st.lists(
        st.lists(st.binary(min_size=2, max_size=6).map(lambda b: b[: len(b) // 2 * 2]), min_size=1, max_size=3),
        min_size=1,
        max_size=5,
    )
)
def test_fragments_of_each_frame_are_found_by_the_offset_table(frames):
    def item(content):
        return struct.pack("<HHL", 0xFFFE, 0xE000, len(content)) + content

    written = [b"".join(item(fragment) for fragment in fragments) for fragments in frames]
    offsets = np.cumsum([0, *(len(frame) for frame in written[:-1])])
    end = struct.pack("<HHL", 0xFFFE, 0xE0DD, 0)
    content = item(offsets.astype("<u4").tobytes()) + b"".join(written) + end
    found = encapsulated_frames(Path("a.dcm"), memoryview(content), len(frames))
    assert [b"".join(fragments) for fragments in found] == [b"".join(fragments) for fragments in frames]
    without_table = item(b"") + b"".join(written) + end
    found = encapsulated_frames(Path("a.dcm"), memoryview(without_table), len(frames), tuple(offsets))
    assert [b"".join(fragments) for fragments in found] == [b"".join(fragments) for fragments in frames]
    for cut in range(1, len(content) - 1, 5):
        with pytest.raises(BadDataError, match=r"a\.dcm: (is cut short|has)"):
            encapsulated_frames(Path("a.dcm"), memoryview(content[:-cut]), len(frames) + 100)
