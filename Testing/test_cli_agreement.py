"""segqc agreement on files of one case."""

import csv
import json

import numpy as np
import pytest
import SimpleITK as sitk

from phantoms import a_geometry, a_segmentation
from SegQCLib.cli import main
from SegQCLib.geometry import sitk_image
from SegQCLib.importers import read_segmentation
from SegQCLib.segmentation_file import write_segmentation

BOX = ((2, 6), (4, 12), (5, 15))
WIDER = ((2, 6), (4, 12), (5, 17))


@pytest.fixture
def files(tmp_path):
    """Three readers' .seg.nrrd: A and B drew the same liver, C a wider one; A says the spleen is absent."""
    drawn = {"A": {"liver": BOX, "spleen": None}, "B": {"liver": BOX}, "C": {"liver": WIDER}}
    paths = {}
    for name, boxes in drawn.items():
        paths[name] = tmp_path / f"{name}.seg.nrrd"
        write_segmentation(paths[name], a_segmentation(name=name, **boxes))
    return paths


def image_file(path, geometry=None):
    geometry = geometry or a_geometry()
    sitk.WriteImage(sitk_image(np.zeros(geometry.size, np.int16), geometry), str(path))
    return path


def run(*arguments):
    return main(["agreement", *map(str, arguments)])


def test_a_matrix_for_each_structure_is_printed(files, capsys):
    assert run(*files.values()) == 0
    text = capsys.readouterr().out
    assert "liver: drawn by 3 of 3" in text
    assert "Drawn by nobody: spleen." in text
    assert "A, B, C may or may not have seen an AI result" in text
    assert "No reader is an outlier." in text
    assert "slice k 2" in text


def test_two_readers_are_told_that_nobody_can_be_named(files, capsys):
    assert run(files["A"], files["C"]) == 0
    assert "Outliers cannot be told with two readers" in capsys.readouterr().out


def test_json_and_csv_hold_every_pair(files, tmp_path, capsys):
    assert run(*files.values(), "--json", tmp_path / "a.json", "--csv", tmp_path / "a.csv", "--names", "Ann,Bo,Cy") == 0
    capsys.readouterr()
    record = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    assert [reader["name"] for reader in record["readers"]] == ["Ann", "Bo", "Cy"]
    assert all(len(reader["sha256"]) == 64 for reader in record["readers"])
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["structure"] == "liver"]
    # 2 x 320 of 320 + 384 voxels.
    assert [float(row["dice"]) for row in rows] == [1, pytest.approx(640 / 704), pytest.approx(640 / 704)]
    assert run(*files.values(), "--json", "-") == 0
    assert json.loads(capsys.readouterr().out)["schema"] == "segqc-agreement"


@pytest.mark.parametrize(("method", "ending"), [("staple", ".seg.nrrd"), ("majority", ".nii.gz")])
def test_a_consensus_and_a_map_are_written_and_read_again(files, tmp_path, capsys, method, ending):
    target, differing = tmp_path / f"consensus{ending}", tmp_path / "map.nii.gz"
    assert run(*files.values(), "--consensus", target, "--method", method, "--map", differing) == 0
    assert "Consensus of A, B, C" in capsys.readouterr().out
    made = read_segmentation(target)
    assert np.array_equal(made.layers[0] == made.segments[0].label_value, a_segmentation(liver=BOX).layers[0] == 1)
    if ending == ".seg.nrrd":
        assert made.segments[0].algorithm_name == "STAPLE consensus of 3 readers"
    values = sitk.GetArrayFromImage(sitk.ReadImage(str(differing)))
    assert values.max() == pytest.approx(2 / 3)
    assert np.count_nonzero(values) == 4 * 8 * 2


def test_a_consensus_of_ai_free_and_ai_anchored_readers_needs_a_word(files, tmp_path, capsys):
    target = tmp_path / "c.seg.nrrd"
    assert run(*files.values(), "--ai-anchored", "C", "--consensus", target) == 1
    assert "C saw an AI result of this case; A, B did not" in capsys.readouterr().err
    assert not target.exists()
    assert run(*files.values(), "--consensus", target, "--consensus-of", "ai-free", "--ai-anchored", "C") == 0
    assert "Consensus of A, B (AI-free" in capsys.readouterr().out
    assert run(*files.values(), "--consensus", target, "--consensus-of", "ai-anchored", "--ai-anchored", "C") == 1
    assert "needs two" in capsys.readouterr().err


def test_the_same_file_twice_is_said(files, capsys):
    assert run(files["A"], files["A"], files["C"]) == 0
    told = capsys.readouterr()
    assert "A and A (2) are one file, which agrees with itself." in told.err
    assert "A (2)" in told.out


def test_another_patient_s_image_is_refused_with_both_places(files, tmp_path, capsys):
    image = image_file(tmp_path / "image.nrrd", a_geometry(origin_lps_mm=(0.0, 0.0, 500.0)))
    assert run(*files.values(), "--image", image) == 1
    assert "lies outside the image" in capsys.readouterr().err


def test_the_image_s_grid_and_a_protocol_s_tolerance_are_used(files, tmp_path, capsys):
    image = image_file(tmp_path / "image.nrrd")
    assert run(*files.values(), "--image", image, "--protocol", "ct-abdomen-portal-venous", "--json", "-") == 0
    record = json.loads(capsys.readouterr().out)
    assert record["grid"] == "the image's grid"
    (liver,) = [structure for structure in record["structures"] if structure["structure"] == "liver"]
    assert [tolerance for tolerance, _ in liver["pairs"][0]["surface_dice"]][:1] == [1.0]


def test_label_maps_share_a_table_of_names_and_what_is_not_in_them_was_assessed(tmp_path, capsys):
    table = tmp_path / "names.json"
    table.write_text(json.dumps({"1": "liver", "2": "spleen"}), encoding="utf-8")
    for name, box in (("A", BOX), ("B", WIDER)):
        sitk.WriteImage(sitk_image(a_segmentation(liver=box).layers[0], a_geometry()), str(tmp_path / f"{name}.nii.gz"))
    assert run(tmp_path / "A.nii.gz", tmp_path / "B.nii.gz", "--labels", table, "--json", "-") == 0
    record = json.loads(capsys.readouterr().out)
    assert [(s["structure"], s["absent_by"]) for s in record["structures"]] == [("liver", []), ("spleen", ["A", "B"])]


def test_without_names_nothing_of_a_reader_is_told(files, tmp_path, capsys):
    options = ["--names", "Ann Hathaway,Bo,Cy", "--ai-anchored", "Cy", "--deidentify", "--json", tmp_path / "a.json"]
    assert run(*files.values(), *options, "--csv", tmp_path / "a.csv") == 0
    told = capsys.readouterr()
    written = (tmp_path / "a.json").read_text(encoding="utf-8") + (tmp_path / "a.csv").read_text(encoding="utf-8")
    record = json.loads((tmp_path / "a.json").read_text(encoding="utf-8"))
    assert [(reader["name"], reader["path"], reader["sha256"]) for reader in record["readers"]] == [
        (f"reader {n}", None, None) for n in (1, 2, 3)
    ]
    assert [reader["ai_anchored"] for reader in record["readers"]] == [False, False, True]
    assert record["deidentification"]["keyed"] is False
    assert not any(name in told.out + told.err + written for name in ("Hathaway", "Bo,", str(tmp_path)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--names", "A,B"], "3 segmentations need 3 names"),
        (["--names", "A,A,B"], "each once"),
        (["--ai-anchored", "D"], "no reader is called D"),
        (["--map", "map.png"], "a map is an image file"),
        (["--consensus", "c.dcm"], "a segmentation is .seg.nrrd or"),
        (["--map-structure", "liver"], "nothing without --map"),
        (["--consensus-of", "all"], "nothing without --consensus"),
        (["--study", "reads.csv"], "give no SEG with it"),
        (["--out", "results", "--exchangeable-readers"], "--out, --exchangeable-readers does nothing without --study"),
    ],
)
def test_options_that_contradict_each_other_are_wrong_usage(files, capsys, options, message):
    with pytest.raises(SystemExit) as stopped:
        run(*files.values(), *options)
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err


def test_one_segmentation_is_wrong_usage(files, capsys):
    with pytest.raises(SystemExit) as stopped:
        run(files["A"])
    assert stopped.value.code == 2
    assert "2 to 16 readers; 1 were given" in capsys.readouterr().err


def test_a_map_of_a_structure_that_nobody_has_is_wrong_usage(files, tmp_path, capsys):
    with pytest.raises(SystemExit):
        run(*files.values(), "--map", tmp_path / "m.nrrd", "--map-structure", "heart")
    assert "no reader has 'heart'; there are liver, spleen" in capsys.readouterr().err


def test_a_consensus_that_overlaps_does_not_fit_in_a_label_map(tmp_path, capsys):
    for name in "AB":
        write_segmentation(tmp_path / f"{name}.seg.nrrd", a_segmentation(name=name, liver=BOX, vessel=((3, 5), (6, 8), (5, 15))))
    pair = (tmp_path / "A.seg.nrrd", tmp_path / "B.seg.nrrd")
    assert run(*pair, "--consensus", tmp_path / "c.nii.gz") == 1
    assert "structures of the consensus overlap" in capsys.readouterr().err
    assert run(*pair, "--consensus", tmp_path / "c.seg.nrrd") == 0
    assert [segment.name for segment in read_segmentation(tmp_path / "c.seg.nrrd").segments] == ["liver", "vessel"]


def test_a_real_file_of_another_scan_is_named_as_shifted(totalsegmentator, capsys):
    """TotalSegmentator's own example files: the third is of the longer scan, 246 mm off along the patient."""
    files = [totalsegmentator / f"example_seg{ending}.nii.gz" for ending in ("", "_fast", "_fast_force_split")]
    assert run(*files, "--labels", "totalsegmentator", "--json", "-") == 0
    record = json.loads(capsys.readouterr().out)
    kinds = {(outlier["reader"], outlier["kind"]): outlier for outlier in record["outliers"]}
    shifted = kinds["example_seg_fast_force_split", "shifted"]
    assert len(shifted["structures"]) > 30
    assert "246 mm higher" in shifted["evidence"]
    assert not any(kind in ("wrong side", "structures exchanged", "mirrored") for _, kind in kinds)
