"""Stored values, compressed and not: what is expected is known before it is encoded, or decoded by other tools."""

import base64
import shutil
import struct
import subprocess
import tracemalloc
import zlib
from pathlib import Path

import numpy as np
import pydicom
import pydicom.data
import pytest
from pydicom.encaps import encapsulate
from pydicom.uid import UID, DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ImplicitVRLittleEndian

from dicom_series import write_series
from SegQCLib.dicom.dicom_header import read_dicom_header
from SegQCLib.dicom.series import read_series, read_series_of_files
from SegQCLib.dicom.source_images import source_images
from SegQCLib.dicom.stored_pixels import pixel_format, stored_pixels, stored_values
from SegQCLib.dicom.transfer_syntaxes import TRANSFER_SYNTAXES
from SegQCLib.errors import BadDataError

ROWS, COLUMNS = 64, 48
HTJ2K_LOSSLESS = "1.2.840.10008.1.2.4.201"
# The value 100 j + 7 i in 16 rows and 12 columns, reversible HTJ2K by ojph_compress 0.9 of OpenJPH.
HTJ2K_CODESTREAM = base64.b64decode(
    "/0//UQApQAAAAAAMAAAAEAAAAAAAAAAAAAAADAAAABAAAAAAAAAAAAABCwEB/1AACAACAAAAB/9SAAwAAgABAAIEBEAB/1wACiBweHh4cHB4/2QAFgAB"
    "T3BlbkpQSCBWZXIgMC45LjAu/5AACgAAAAAAYAAB/5PAAWyA/3/Nx3/Kw5/xNy92mPse5bYBp5yEAPm4AMAAngAFSN7dgX7LdQDAgYHAGMCMtgDAAVUABXgk"
    "SZLep6enQncAxkaj0Wj8/AAQ9iEB7LkA/9k="
)


def smooth_planes(bits, signed):
    """Return two slices of a wave over most of the range, with noise, as int32."""
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1)) if signed else (0, 2**bits)
    j, i = np.mgrid[:ROWS, :COLUMNS]
    noise = np.random.default_rng(bits).integers(-8, 8, (2, ROWS, COLUMNS))
    wave = np.array([np.sin(i / 7 + k) * np.cos(j / 9) * 0.4 + 0.5 for k in range(2)])
    return np.clip((wave * (high - low) + low).astype(np.int32) + noise, low, high - 1)


def series_of(folder, planes, bits, signed, **attributes):
    """Write a series whose values are the stored ones."""
    allocated = 8 if bits == 8 else 16
    paths = write_series(
        folder,
        range(len(planes)),
        rows=planes.shape[1],
        columns=planes.shape[2],
        planes=np.zeros_like(planes),
        RescaleIntercept=0,
        BitsAllocated=allocated,
        BitsStored=bits,
        HighBit=bits - 1,
        PixelRepresentation=int(signed),
        **attributes,
    )
    for path, plane in zip(paths, planes, strict=True):
        with_pixels(path, plane.astype(f"{'i' if signed else 'u'}{allocated // 8}").tobytes(), "OB" if allocated == 8 else "OW")
    return paths


def with_pixels(path, content, vr="OW", syntax=None):
    dataset = pydicom.dcmread(path)
    dataset.PixelData = content
    dataset["PixelData"].VR = vr
    if syntax is not None:
        dataset.file_meta.TransferSyntaxUID = UID("1.2.840.10008.1.2.4.50")
        dataset["PixelData"].is_undefined_length = True
    dataset.save_as(path)
    if syntax is not None:
        # pydicom does not write what it does not know.
        content = path.read_bytes()
        length = len(syntax) + len(syntax) % 2
        old, new = b"UI" + struct.pack("<H", 22) + b"1.2.840.10008.1.2.4.50", b"UI" + struct.pack("<H", length) + syntax.encode()
        content = content.replace(old, new.ljust(4 + length, b"\0"), 1)
        (group_length,) = struct.unpack("<L", content[140:144])
        path.write_bytes(content[:140] + struct.pack("<L", group_length + length - 22) + content[144:])


def tool(name):
    if shutil.which(name) is None:
        pytest.skip(f"{name} of dcmtk is not installed")
    return name


DEPTHS = [(16, False), (16, True), (12, False), (12, True), (8, False)]


@pytest.mark.parametrize(("bits", "signed"), DEPTHS)
@pytest.mark.parametrize(
    "command", [["dcmcjpeg", "+el"], ["dcmcjpeg", "+e1"], ["dcmcjpls", "+el"], ["dcmcrle"]], ids=["57", "70", "80", "rle"]
)
def test_what_dcmtk_compressed_without_loss_has_the_same_values(tmp_path, bits, signed, command):
    tool(command[0])
    planes = smooth_planes(bits, signed)
    for path in series_of(tmp_path, planes, bits, signed):
        subprocess.run([*command, path, path], check=True, capture_output=True)
    assert pydicom.dcmread(path, stop_before_pixels=True).file_meta.TransferSyntaxUID.is_compressed
    assert np.array_equal(read_series(tmp_path).array, planes)


@pytest.mark.parametrize(("bits", "command"), [(8, ["dcmcjpeg", "+eb"]), (12, ["dcmcjpeg", "+ee"]), (12, ["dcmcjpls", "+en"])])
def test_what_dcmtk_compressed_with_loss_has_the_values_that_dcmtk_decodes(tmp_path, bits, command):
    tool(command[0])
    decoder = "dcmdjpls" if command[0] == "dcmcjpls" else "dcmdjpeg"
    expected = []
    for path in series_of(tmp_path / "ct", smooth_planes(bits, False), bits, False):
        subprocess.run([*command, path, path], check=True, capture_output=True)
        subprocess.run([decoder, path, tmp_path / "plain.dcm"], check=True, capture_output=True)
        plain = pydicom.dcmread(tmp_path / "plain.dcm")
        stored = np.frombuffer(plain.PixelData, f"<u{plain.BitsAllocated // 8}").reshape(ROWS, COLUMNS)
        # dcmtk stretches the values that occur over the whole range first, and says so in the rescale.
        expected.append(stored * float(plain.RescaleSlope) + float(plain.RescaleIntercept))
    # Two inverse cosine transforms may round differently.
    assert np.abs(read_series(tmp_path / "ct").array - expected).max() <= 1


@pytest.mark.parametrize(("bits", "signed"), DEPTHS)
def test_what_openjpeg_compressed_without_loss_has_the_same_values(tmp_path, bits, signed):
    pytest.importorskip("openjpeg")
    planes = smooth_planes(bits, signed)
    for path in series_of(tmp_path, planes, bits, signed):
        dataset = pydicom.dcmread(path)
        dataset.compress(pydicom.uid.JPEG2000Lossless, encoding_plugin="pylibjpeg", generate_instance_uid=False)
        dataset.save_as(path)
    assert np.array_equal(read_series(tmp_path).array, planes)


def test_high_throughput_jpeg_2000_is_read_where_its_wheel_is(tmp_path, monkeypatch):
    pytest.importorskip("openjpeg")
    j, i = np.mgrid[:16, :12]
    paths = series_of(tmp_path, np.zeros((2, 16, 12), int), 12, False)
    for path in paths:
        with_pixels(path, encapsulate([HTJ2K_CODESTREAM]), "OB", HTJ2K_LOSSLESS)
    assert np.array_equal(read_series(tmp_path).array, np.array([100 * j + 7 * i] * 2))
    monkeypatch.setattr("SegQCLib.dicom.stored_pixels._openjpeg_is_here", lambda _uid: False)
    with pytest.raises(
        BadDataError, match=r"High-Throughput JPEG 2000 .*4\.201.*Install the packages pylibjpeg and pylibjpeg-openjpeg"
    ):
        read_series(tmp_path)


@pytest.mark.parametrize(
    ("uid", "name"),
    [("1.2.840.10008.1.2.4.110", "JPEG XL Lossless"), ("1.2.840.10008.1.2.4.100", "MPEG2 Main Profile"), ("1.2.3", "1.2.3")],
)
def test_syntaxes_that_are_not_read_are_refused_by_name(tmp_path, uid, name):
    for path in series_of(tmp_path, smooth_planes(8, False), 8, False):
        with_pixels(path, encapsulate([b"\xff\x0a" + bytes(30)]), "OB", uid)
    with pytest.raises(BadDataError, match=rf"slice000\.dcm: .*transfer syntax {name}.*uncompressed or as JPEG 2000"):
        read_series(tmp_path)


def test_names_of_the_syntaxes_are_those_of_the_standard():
    from pydicom.uid import UID_dictionary

    known = [syntax for syntax in TRANSFER_SYNTAXES if syntax.uid in UID_dictionary]
    assert len(known) >= 13  # pydicom 3.0 lacks Deflated Image Frame Compression, 2.4 HTJ2K too
    assert [syntax.name for syntax in known] == [UID_dictionary[syntax.uid][0] for syntax in known]


def test_deflated_frames_are_read(tmp_path):
    planes = smooth_planes(12, False)
    for path, plane in zip(series_of(tmp_path, planes, 12, False), planes, strict=True):
        deflater = zlib.compressobj(wbits=-15)
        packed = deflater.compress(plane.astype("<u2").tobytes()) + deflater.flush()
        with_pixels(path, encapsulate([packed]), "OB", "1.2.840.10008.1.2.8.1")
    assert np.array_equal(read_series(tmp_path).array, planes)


def rewritten(path, syntax):
    """Write a file again in another uncompressed syntax, as pydicom 2.4 and 3.0 both do."""
    dataset = pydicom.dcmread(path)
    if syntax == ExplicitVRBigEndian:
        dataset.PixelData = np.frombuffer(dataset.PixelData, "<u2").astype(">u2").tobytes()
    dataset.file_meta.TransferSyntaxUID = syntax
    pydicom.filewriter.dcmwrite(
        path, dataset, **_encoding(implicit=syntax == ImplicitVRLittleEndian, little=syntax != ExplicitVRBigEndian)
    )


def _encoding(*, implicit, little):
    if pydicom.__version_info__[0] == "2":
        return {}
    return {"implicit_vr": implicit, "little_endian": little}


@pytest.mark.skipif(pydicom.__version_info__[0] == "2", reason="writes by the data set's own flags")
@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRBigEndian])
def test_other_encodings_of_the_same_values_are_read(tmp_path, syntax):
    planes = smooth_planes(16, True)
    for path in series_of(tmp_path, planes, 16, True):
        rewritten(path, syntax)
    assert np.array_equal(read_series(tmp_path).array, planes)


def deflated(path):
    """Deflate the data set of an explicit little endian file."""
    content = path.read_bytes()
    length = struct.unpack("<L", content[140:144])[0]
    head, body = content[: 144 + length], content[144 + length :]
    syntax = pydicom.uid.ExplicitVRLittleEndian.encode() + b"\0"
    new = DeflatedExplicitVRLittleEndian.encode()
    old_element = b"\x02\x00\x10\x00UI" + struct.pack("<H", len(syntax)) + syntax
    new_element = b"\x02\x00\x10\x00UI" + struct.pack("<H", len(new)) + new
    assert old_element in head
    head = head.replace(old_element, new_element)
    head = head[:140] + struct.pack("<L", length + len(new) - len(syntax)) + head[144:]
    deflater = zlib.compressobj(9, wbits=-15)
    path.write_bytes(head + deflater.compress(body) + deflater.flush())


def test_deflated_files_are_read(tmp_path):
    planes = smooth_planes(16, True)
    for path in series_of(tmp_path, planes, 16, True):
        deflated(path)
    written = pydicom.dcmread(path)
    assert written.file_meta.TransferSyntaxUID == DeflatedExplicitVRLittleEndian
    volume = read_series(tmp_path)
    assert np.array_equal(volume.array, planes)
    assert volume.acquisition.transfer_syntaxes == (DeflatedExplicitVRLittleEndian,)
    assert source_images(volume).headers[-1].SOPInstanceUID == written.SOPInstanceUID


def test_files_that_have_gone_or_changed_since_are_named(tmp_path):
    volume = read_series(write_series(tmp_path, [0, 2])[0])
    first, second = (one.path for one in volume.slice_sources)
    second.write_text("another file now")
    with pytest.raises(BadDataError, match=r"slice001\.dcm: is no longer the DICOM file"):
        source_images(volume)
    first.unlink()
    with pytest.raises(BadDataError, match=r"slice000\.dcm: cannot be read \(No such file"):
        source_images(volume)


@pytest.mark.parametrize("where", ["pixel data", "header"])
def test_a_deflate_bomb_is_refused_without_being_inflated(tmp_path, where):
    attributes = {"ImageComments": "x" * 2**26} if where == "header" else {}
    path = write_series(tmp_path, [0, 2], **attributes)[0]
    if where == "pixel data":
        with_pixels(path, bytes(2**26))
    deflated(path)
    assert path.stat().st_size < 2**20
    tracemalloc.start()
    with pytest.raises(BadDataError, match=r"slice000\.dcm"):
        read_series(tmp_path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # In the header 32 MB are looked through, in pieces that double; in the pixel data nothing beyond the image.
    assert peak < (2**27 if where == "header" else 2**22)


def test_overlays_in_unused_bits_are_no_values(tmp_path):
    planes = smooth_planes(12, False)
    for path, plane in zip(series_of(tmp_path, planes, 12, False), planes, strict=True):
        with_pixels(path, (plane | 0xA000).astype("<u2").tobytes())
    assert np.array_equal(read_series(tmp_path).array, planes)


def test_the_sign_of_twelve_stored_bits_is_the_twelfth(tmp_path):
    planes = smooth_planes(12, True)
    for path, plane in zip(series_of(tmp_path, planes, 12, True), planes, strict=True):
        with_pixels(path, (plane & 0x0FFF).astype("<u2").tobytes())
    assert np.array_equal(read_series(tmp_path).array, planes)


def test_values_in_the_upper_bits_are_moved_down(tmp_path):
    planes = smooth_planes(12, False)
    for path, plane in zip(series_of(tmp_path, planes, 12, False), planes, strict=True):
        with_pixels(path, (plane << 4 | 5).astype("<u2").tobytes())
        dataset = pydicom.dcmread(path)
        dataset.HighBit = 15
        dataset.save_as(path)
    assert np.array_equal(read_series(tmp_path).array, planes)


def test_values_of_32_bits_are_read(tmp_path):
    paths = write_series(tmp_path, [0, 2], RescaleIntercept=0, BitsAllocated=32, BitsStored=32, HighBit=31)
    for path in paths:
        with_pixels(path, np.full((16, 12), -100_000, "<i4").tobytes())
    volume = read_series(tmp_path)
    assert volume.array.dtype == np.float32
    assert np.all(volume.array == -100_000)


def test_whole_numbers_beyond_int16_make_the_volume_float32(tmp_path):
    paths = series_of(tmp_path, np.stack([np.full((16, 12), 5), np.full((16, 12), 60_000)]), 16, False)
    volume = read_series(paths[0])
    assert volume.array.dtype == np.float32
    assert volume.array[:, 0, 0].tolist() == [5, 60_000]


def test_padding_keeps_its_value_and_is_counted(tmp_path):
    plane = np.full((16, 12), 40)
    plane[0, :6] = -2000
    paths = write_series(tmp_path, [0, 2], planes=[plane, plane])
    for path in paths:
        dataset = pydicom.dcmread(path)
        dataset.add_new("PixelPaddingValue", "SS", -2000)
        dataset.save_as(path)
    volume = read_series(tmp_path)
    assert volume.array[0, 0, 0] == -3024
    (finding,) = volume.findings
    assert finding.check == "padding_voxels"
    # 2 x 6 of 2 x 16 x 12 voxels; -2000 x 1 - 1024.
    assert "12 voxels (3.1%)" in finding.message
    assert "PixelPaddingValue (0028,0120) says (-3024 after rescale" in finding.message


def test_a_padding_value_with_the_wrong_sign_is_still_the_padding(tmp_path):
    for path in write_series(tmp_path, [0, 2], planes=[np.full((16, 12), -2000)] * 2):
        dataset = pydicom.dcmread(path)
        dataset.add_new("PixelPaddingValue", "US", 65536 - 2000)
        dataset.save_as(path)
    (finding,) = read_series(tmp_path).findings
    assert "384 voxels (100.0%)" in finding.message


def test_an_inverted_grey_scale_keeps_its_values_and_is_said(tmp_path):
    write_series(tmp_path, [0, 2], PhotometricInterpretation="MONOCHROME1")
    volume = read_series(tmp_path)
    assert volume.array[:, 0, 0].tolist() == [-1024, -1023]
    assert [finding.check for finding in volume.findings] == ["inverted_grey_scale"]


@pytest.mark.parametrize(
    ("attributes", "said"),
    [
        ({"Rows": 60000, "Columns": 60000}, "claims 60000 x 60000 pixels"),
        ({"Rows": 500}, r"cut short: its pixel data is 384 bytes, its header needs 12,000 \(1 x 500 x 12 values of 16 bits\)"),
        ({"Rows": 8}, r"384 bytes of pixel data, its header needs 192"),
        ({"Rows": 0}, r"Rows \(0028,0010\) 0; allowed is 1 to 65535"),
        ({"BitsStored": 17}, r"BitsStored \(0028,0101\) 17"),
        ({"BitsAllocated": 12}, r"BitsAllocated \(0028,0100\) 12"),
        ({"HighBit": 3}, r"HighBit \(0028,0102\) 3"),
        ({"NumberOfFrames": 1_000_000}, "multi-frame object with 1000000 frames"),
        ({"PixelRepresentation": None}, r"no PixelRepresentation \(0028,0103\)"),
        ({"RescaleSlope": 0}, r"RescaleSlope \(0028,1053\) 0"),
        ({"RescaleSlope": "1e300"}, r"RescaleSlope \(0028,1053\) and RescaleIntercept .*1e300"),
        ({"PixelSpacing": [0, 1]}, r"PixelSpacing \(0028,0030\) 0, 1 mm; both are above 0"),
        ({"PixelSpacing": [1, 1, 1]}, r"PixelSpacing \(0028,0030\) .*it holds 2 finite numbers"),
        ({"ImageOrientationPatient": [1, 0, 0, 1, 0, 0]}, "not two unit vectors at right angles"),
        ({"ImageOrientationPatient": [0, 0, 0, 0, 0, 0]}, "not two unit vectors at right angles"),
        ({"PixelData": None}, r"no PixelData \(7FE0,0010\)"),
        ({"PhotometricInterpretation": "PALETTE COLOR"}, "colour image"),
    ],
    ids=str,
)
def test_a_header_that_does_not_describe_its_pixels_is_refused_by_name(tmp_path, attributes, said):
    write_series(tmp_path, [0, 2], **attributes)
    tracemalloc.start()
    with pytest.raises(BadDataError, match=said) as refused:
        read_series(tmp_path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "slice00" in refused.value.where
    assert peak < 2**22


def test_a_table_of_values_is_refused(tmp_path):
    table = pydicom.Dataset()
    table.LUTDescriptor, table.LUTData, table.ModalityLUTType = [4, 0, 16], struct.pack("<4H", 0, 1, 2, 3), "HU"
    write_series(tmp_path, [0, 2], ModalityLUTSequence=[table])
    with pytest.raises(BadDataError, match=r"ModalityLUTSequence \(0028,3000\)"):
        read_series(tmp_path)


def test_values_of_different_kinds_are_refused(tmp_path):
    write_series(tmp_path, [0, 2], series_uid="2.25.1", RescaleType="HU")
    write_series(tmp_path, [4], series_uid="2.25.1", prefix="other", RescaleType="US")
    with pytest.raises(BadDataError, match=r"RescaleType \(0028,1054\) is HU in 2 slices, US in 1 slices"):
        read_series(tmp_path)


def test_another_pixel_spacing_is_another_set_of_images(tmp_path):
    write_series(tmp_path, [0, 2], series_uid="2.25.1")
    write_series(tmp_path, [4, 6], series_uid="2.25.1", prefix="thicker", pixel_spacing_mm=(0.9, 0.9))
    with pytest.raises(BadDataError, match=r"(?s)pixel spacing 0\.8 x 0\.7 mm.*pixel spacing 0\.9 x 0\.9 mm"):
        read_series(tmp_path)


def test_directions_that_differ_in_the_last_digits_are_one_orientation(tmp_path):
    # On either side of where rounding to three digits would part them.
    tilt = 0.0004999, 0.0005001
    for number, sine in enumerate(tilt):
        write_series(
            tmp_path,
            [2 * number],
            series_uid="2.25.1",
            prefix=f"{number}",
            orientation=(1, sine, 0, 0, 1, 0),
            InstanceNumber=number,
        )
    assert read_series(tmp_path).geometry.size[0] == 2


def test_localizers_beside_a_series_are_left_out_and_named(tmp_path):
    write_series(tmp_path, [0, 2, 4])
    scout = ["ORIGINAL", "PRIMARY", "LOCALIZER"]
    write_series(tmp_path, [0], prefix="scout", orientation=(1, 0, 0, 0, 0, -1), ImageType=scout)
    volume = read_series(tmp_path)
    assert volume.geometry.size[0] == 3
    (finding,) = volume.findings
    assert finding.message == "1 localizers lie beside the series and were left out: scout000.dcm."


def test_a_file_chooses_its_own_set_among_those_of_its_series(tmp_path):
    own = write_series(tmp_path, [0, 2, 4], series_uid="2.25.1")
    write_series(tmp_path, [0], series_uid="2.25.1", prefix="scout", orientation=(1, 0, 0, 0, 0, -1))
    assert read_series(own[1]).geometry.size[0] == 3


@pytest.mark.parametrize("kind", ["RLE", "jpeg", "j2k"])
def test_a_compressed_frame_of_another_size_is_refused_before_it_is_decoded(tmp_path, kind):
    planes = smooth_planes(12, False)
    paths = series_of(tmp_path, planes, 12, False)
    if kind == "j2k":
        pytest.importorskip("openjpeg")
        for path in paths:
            dataset = pydicom.dcmread(path)
            dataset.compress(pydicom.uid.JPEG2000Lossless, encoding_plugin="pylibjpeg", generate_instance_uid=False)
            dataset.save_as(path)
    else:
        command = [tool("dcmcrle")] if kind == "RLE" else [tool("dcmcjpeg"), "+e1"]
        for path in paths:
            subprocess.run([*command, path, path], check=True, capture_output=True)
    for path in paths:
        dataset = pydicom.dcmread(path)
        dataset.Rows, dataset.Columns = 8000, 8000
        dataset.save_as(path)
    said = "segments cannot be such a frame" if kind == "RLE" else "the codestream has 64 x 48 pixels"
    tracemalloc.start()
    with pytest.raises(BadDataError, match=rf"slice000\.dcm: .*cannot be decoded.*{said}"):
        read_series(tmp_path)
    assert tracemalloc.get_traced_memory()[1] < 2**22
    tracemalloc.stop()


@pytest.mark.parametrize("cut", [12, 60, 200, 2000])
@pytest.mark.parametrize("name", ["MR_small_RLE.dcm", "MR_small_jp2klossless.dcm", "MR_small_bigendian.dcm"])
def test_a_compressed_file_that_is_cut_short_is_refused_by_name(shared_data, tmp_path, name, cut):
    for number, z in enumerate((0, 5)):
        dataset = pydicom.dcmread(shared_data / "pydicom_odd" / name)
        dataset.ImagePositionPatient, dataset.ImageOrientationPatient = [0, 0, z], [1, 0, 0, 0, 1, 0]
        dataset.save_as(tmp_path / f"{number}.dcm")
    assert read_series(tmp_path).array.shape == (2, 64, 64)
    path = tmp_path / "1.dcm"
    # Behind the pixel data of these files stands Data Set Trailing Padding (FFFC,FFFC).
    content = path.read_bytes()
    at = content.rfind(b"\xfc\xff\xfc\xff") if name != "MR_small_bigendian.dcm" else content.rfind(b"\xff\xfc\xff\xfc")
    path.write_bytes(content[: (at if at > 0 else len(content)) - cut])
    with pytest.raises(BadDataError, match=r"1\.dcm: (is cut short|has pixel data that cannot be decoded)"):
        read_series(tmp_path)


@pytest.mark.parametrize(
    "name",
    [
        "JPEG2000.dcm",
        "JPEGLSNearLossless_08.dcm",
        "JPEGLSNearLossless_16.dcm",
        "MR_small_expb.dcm",
        "MR_small_implicit.dcm",
        "MR_small_jpeg_ls_lossless.dcm",
        "image_dfl.dcm",
        "rtdose.dcm",
        "rtdose_expb.dcm",
        "rtdose_rle.dcm",
    ],
)
def test_pydicom_s_own_files_have_the_values_that_pydicom_decodes(name):
    if name.startswith("JPEGLS") or "jpeg_ls" in name:
        pytest.importorskip("jpeg_ls")
    if name == "JPEG2000.dcm" and pydicom.__version_info__[0] == "2":
        pytest.skip("pydicom 2.4 cannot decode signed JPEG 2000 with numpy 2")
    stored = frames_of(pydicom_s(name))
    values = np.array([stored_values(stored, number) for number in range(len(stored.frames))])
    assert np.array_equal(values.squeeze(), pydicom.dcmread(pydicom_s(name)).pixel_array)


def test_a_jpeg_that_ends_in_a_byte_of_255_is_whole(tmp_path):
    path = pydicom_s("JPEG-lossy.dcm")
    subprocess.run([tool("dcmdjpeg"), path, tmp_path / "plain.dcm"], check=True, capture_output=True)
    expected = pydicom.dcmread(tmp_path / "plain.dcm").pixel_array
    assert np.abs(stored_values(frames_of(path), 0) - expected.astype(int)).max() <= 1


def pydicom_s(name):
    return Path(pydicom.data.get_testdata_file(name, download=False) or pytest.skip(f"this pydicom comes without {name}"))


def frames_of(path):
    header = read_dicom_header(path)
    return stored_pixels(header, pixel_format(path, header.dataset), path.read_bytes())


def test_a_file_that_is_gone_is_named(tmp_path):
    with pytest.raises(BadDataError, match=r"gone\.dcm: cannot be read \(No such file"):
        read_series_of_files([tmp_path / "gone.dcm"])
