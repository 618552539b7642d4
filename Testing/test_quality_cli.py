"""segqc quality measure, and what segqc evaluate adds: numbers, findings, background.seg.nrrd."""

import csv
import dataclasses
import io
import json
import zipfile

import jsonschema
import numpy as np
import pytest
import SimpleITK as sitk

from quality_cases import CT, LESION, LIVER, SPLEEN, a_case, a_limit, a_protocol, box, sphere
from SegQCLib.cli import main
from SegQCLib.dataclass_json import to_json
from SegQCLib.deidentify import deidentified_case
from SegQCLib.evaluate import evaluate, evaluate_with_background
from SegQCLib.geometry import sitk_image
from SegQCLib.importers import read_segmentation
from SegQCLib.output import write_files
from SegQCLib.prepare import prepare
from SegQCLib.protocol import LoadedProtocol
from SegQCLib.pseudonyms import Pseudonyms
from SegQCLib.quality.measure_image_quality import measure_image_quality
from SegQCLib.quality.quality_report import quality_schema
from SegQCLib.record import QCRecord
from SegQCLib.renderers import write_outputs
from SegQCLib.resources import resource
from SegQCLib.segmentation_file import write_segmentation

SIZE = (40, 60, 60)
LESION_MASK = sphere(SIZE, (1, 1, 1), (20, 20, 20), 6)
LIVER_MASK = box(SIZE, (1, 39), (1, 59), (1, 59)) & ~LESION_MASK
NOISE_LIMIT = a_limit("noise", maximum=5, unit="[hnsf'U]")


def values(seed=0) -> np.ndarray:
    return np.random.default_rng(seed).normal(60, 10, SIZE).round().astype(np.int16) + (50 * LESION_MASK).astype(np.int16)


def a_whole_case(**more):
    return a_case(values(), liver=LIVER_MASK, Lesion_1=LESION_MASK, **more)


def loaded(*limits, **more) -> LoadedProtocol:
    return LoadedProtocol(a_protocol(*limits, **more), "test.json", "0" * 64)


@pytest.fixture
def files(tmp_path):
    """Image, second image, segmentation and protocol as files."""
    case = a_whole_case()
    grid = case.image.geometry
    sitk.WriteImage(sitk_image(case.image.array, grid), tmp_path / "ct.nrrd")
    sitk.WriteImage(sitk_image(values(1), grid), tmp_path / "again.nrrd")
    write_segmentation(tmp_path / "reader.seg.nrrd", case.candidate)
    (tmp_path / "protocol.json").write_text(to_json(a_protocol(NOISE_LIMIT)), encoding="utf-8")
    return tmp_path


def measure_command(folder, *more):
    files = ("--image", folder / "ct.nrrd", "--segmentation", folder / "reader.seg.nrrd")
    return main(["quality", "measure", *map(str, (*files, *more))])


def test_the_table_has_each_number_with_region_voxels_and_unit(files, capsys):
    assert measure_command(files, "--protocol", files / "protocol.json") == 0
    printed = capsys.readouterr().out
    line = next(line for line in printed.splitlines() if line.startswith("liver") and "Noise (SD)" in line)
    assert "core" in line
    assert line.rstrip().endswith("HU")
    assert "liver sphere" in printed
    assert "[1] " in printed


def test_json_csv_and_background_have_the_same_numbers(files, capsys):
    outputs = ("--json", files / "q.json", "--csv", files / "q.csv", "--background", files / "b.seg.nrrd")
    assert measure_command(files, "--protocol", files / "protocol.json", "--second-image", files / "again.nrrd", *outputs) == 0
    capsys.readouterr()
    report = json.loads((files / "q.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator(quality_schema()).validate(report)
    assert report["protocol"] == "test 1.0.0"
    lines = list(csv.DictReader(io.StringIO((files / "q.csv").read_text(encoding="utf-8-sig"))))
    assert [float(line["value"]) if line["value"] else None for line in lines] == [m["value"] for m in report["measurements"]]
    assert {m["measure"] for m in report["measurements"] if m["value"] is not None} >= {"ssim", "snr", "noise", "cnr"}
    background = read_segmentation(files / "b.seg.nrrd")
    voxels = {m["background"]: m["background_voxels"] for m in report["measurements"] if m["background"]}
    assert {segment.name: background.voxel_count(segment) for segment in background.segments} == voxels


def test_without_a_protocol_every_segment_is_measured_and_json_goes_to_standard_output(files, capsys):
    assert measure_command(files, "--json", "-") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["protocol"] is None
    assert {m["segment"] for m in report["measurements"]} == {"liver", "Lesion 1"}


def test_the_shipped_schema_is_the_one_of_the_code():
    shipped = resource("Schemas") / "quality.schema.json"
    assert json.loads(shipped.read_text(encoding="utf-8")) == quality_schema()


def test_an_output_name_twice_or_of_another_kind_is_wrong_usage(files, capsys):
    for more in (("--json", files / "q", "--csv", files / "q"), ("--background", files / "b.nii.gz")):
        with pytest.raises(SystemExit) as stopped:
            measure_command(files, *more)
        assert stopped.value.code == 2
    assert not (files / "q").exists()
    capsys.readouterr()


def test_a_segmentation_without_structures_of_the_protocol_is_told(files, capsys):
    (files / "spleen.json").write_text(to_json(a_protocol(structures=(SPLEEN,))), encoding="utf-8")
    assert measure_command(files, "--protocol", files / "spleen.json") == 0
    assert "No segment with voxels is a structure of the protocol." in capsys.readouterr().err


def test_evaluate_puts_numbers_findings_and_the_background_beside_each_other(files, capsys):
    out = files / "out"
    arguments = ("--image", files / "ct.nrrd", "--candidate", files / "reader.seg.nrrd", "--protocol", files / "protocol.json")
    assert main(["evaluate", *map(str, (*arguments, "--second-image", files / "again.nrrd", "--out", out))]) == 0
    capsys.readouterr()
    record = QCRecord.from_json((out / "record.json").read_text(encoding="utf-8"))
    (finding,) = [finding for finding in record.findings if finding.check == "image_quality"]
    assert finding.status == "FAIL"
    assert finding.message in record.reasons
    assert record.inputs[-1].role == "second image"
    assert {m.measure for m in record.image_quality if m.value is not None} >= {"noise", "snr", "cnr", "ssim", "sharpness"}
    names = {segment.name for segment in read_segmentation(out / "background.seg.nrrd").segments}
    assert names == {m.background for m in record.image_quality if m.background}


def test_background_regions_of_a_file_are_used_as_they_are(files, capsys):
    arguments = ("--image", files / "ct.nrrd", "--candidate", files / "reader.seg.nrrd", "--protocol", files / "protocol.json")
    assert main(["evaluate", *map(str, (*arguments, "--out", files / "first"))]) == 0
    placed = files / "first" / "background.seg.nrrd"
    assert main(["evaluate", *map(str, (*arguments, "--drawn-background", placed, "--out", files / "out"))]) == 0
    capsys.readouterr()
    first, again = (QCRecord.from_json((files / out / "record.json").read_text(encoding="utf-8")) for out in ("first", "out"))
    assert [m.value for m in again.image_quality] == [m.value for m in first.image_quality]
    assert all(m.definition.endswith("drawn by hand") for m in again.image_quality if m.background and m.measure == "noise")
    assert not (files / "out" / "background.seg.nrrd").exists()


def test_a_background_of_an_earlier_evaluation_does_not_stay_beside_a_record_without_one(tmp_path):
    case, protocol = a_whole_case(), loaded()
    prepared = prepare(case, protocol.protocol)
    evaluated = evaluate_with_background(prepared, protocol)
    write_outputs(evaluated.record, prepared.case, protocol.protocol, tmp_path, background=evaluated.background)
    assert (tmp_path / "background.seg.nrrd").exists()
    write_outputs(evaluated.record, prepared.case, protocol.protocol, tmp_path)
    assert not (tmp_path / "background.seg.nrrd").exists()
    assert (tmp_path / "record.json").exists()


def test_a_file_that_cannot_be_written_leaves_all_old_ones_as_they_were(tmp_path):
    (tmp_path / "a.txt").write_text("old")

    def fail(path):
        path.write_text("half")
        raise OSError(28, "No space left on device")

    with pytest.raises(Exception, match="No space left"):
        write_files(tmp_path, {"a.txt": "new", "b.seg.nrrd": fail})
    assert (tmp_path / "a.txt").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_an_irregular_series_is_not_measured(files):
    acquisition = dataclasses.replace(CT, slice_displacement_mm=3.0)
    record = evaluate(a_case(values(), acquisition=acquisition, liver=LIVER_MASK), loaded(NOISE_LIMIT))
    assert record.image_quality == ()
    (finding,) = [finding for finding in record.findings if finding.check == "image_quality"]
    assert (finding.status, "was not measured" in finding.message) == ("NOT_EVALUATED", True)


def test_a_second_image_of_a_de_identified_case_names_nobody():
    case = a_whole_case(second=values(1))
    named = dataclasses.replace(case.second_image.acquisition, series_description="Miller repeat", series_instance_uid="1.2.3")
    case = dataclasses.replace(case, second_image=dataclasses.replace(case.second_image, acquisition=named))
    second = deidentified_case(case, a_protocol(), Pseudonyms(None)).second_image
    assert "Miller" not in repr(second.acquisition)
    assert second.acquisition.series_instance_uid != "1.2.3"
    assert np.array_equal(second.array, case.second_image.array)


def test_the_sample_ct_has_plausible_numbers_in_every_organ(totalsegmentator):
    from SegQCLib.images import read_image
    from SegQCLib.protocol import load_protocol

    image = read_image(totalsegmentator / "example_ct_dicom")
    candidate = read_segmentation(totalsegmentator / "example_seg_dicom.nii.gz", labels="totalsegmentator", image=image)
    protocol = load_protocol("ct-abdomen-portal-venous").protocol
    case = prepare(type(a_whole_case())(image, candidate), protocol).case
    found = {(row.segment, row.measure, row.method): row for row in measure_image_quality(case, protocol).measurements}
    for organ in ("liver", "spleen"):
        # Vessels count in the one and hardly in the other; an edge is one to four pixels wide.
        assert 5 < found[organ, "noise", "local"].value < found[organ, "noise", "sd"].value < 30
        assert 0.98 < found[organ, "sharpness", "edge_width"].value < 4 * 0.98
    assert all(row.value is not None or row.reason for row in found.values())
    assert {LIVER.name, LESION.name} & {row.structure for row in found.values()} == {"liver"}


def test_the_background_regions_are_a_segmentation_of_the_scene(tmp_path):
    pytest.importorskip("slicer")
    from SegQCLib.mrml.evaluate_scene import evaluate_in_new_scene

    case = a_whole_case(second=values(1))
    evaluated = evaluate_in_new_scene(case, loaded(), tmp_path / "case.mrb")
    assert {row.measure for row in evaluated.record.image_quality if row.value is not None} >= {"ssim", "cnr"}
    with zipfile.ZipFile(tmp_path / "case.mrb") as scene:
        described = next(scene.read(name).decode() for name in scene.namelist() if name.endswith(".mrml"))
        assert sum(name.endswith(".seg.nrrd") for name in scene.namelist()) == 2
    assert 'name="Background regions"' in described
