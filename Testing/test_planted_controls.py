"""Controls of a training set: correct drafts, and how often readers change them needlessly."""

import json
from dataclasses import replace

import pytest
import SimpleITK as sitk

from phantoms import a_geometry, a_segmentation, a_volume
from SegQCLib.case_files import open_case
from SegQCLib.cli import main
from SegQCLib.errors import BadDataError
from SegQCLib.geometry import sitk_image
from SegQCLib.readers.planted_cases import add_control, plant_in_case
from SegQCLib.readers.planted_controls import ControlChange, false_alarm_rates, is_control, score_control
from SegQCLib.readers.planted_errors import PlantedErrorKind
from SegQCLib.readers.planted_truth import draft_path, has_planted_errors
from SegQCLib.segmentation_file import write_segmentation
from SegQCLib.training_set import new_training_set
from SegQCLib.worklist import read_worklist
from SegQCLib.worklist_progress import CaseState, write_state

GRID = a_geometry(size=(20, 40, 60), spacing_mm=(2.0, 1.0, 1.0))
# 10 x 10 x 10 voxels of 2 mm3: 2 mL each.
BOXES = {"kidney_left": ((5, 15), (10, 20), (40, 50)), "kidney_right": ((5, 15), (10, 20), (10, 20))}


@pytest.fixture
def folder(tmp_path):
    new_training_set(tmp_path / "set")
    sitk.WriteImage(sitk_image(a_volume(GRID).array, GRID), tmp_path / "image.nrrd")
    write_segmentation(tmp_path / "draft.seg.nrrd", a_segmentation(GRID, "model", **BOXES))
    return tmp_path / "set"


def a_control(folder, case="one"):
    return add_control(folder, case, folder.parent / "draft.seg.nrrd", image=folder.parent / "image.nrrd")


def final(folder, name="final", **boxes):
    path = folder.parent / f"{name}.seg.nrrd"
    write_segmentation(path, a_segmentation(GRID, "Anna", **(BOXES | boxes)))
    return path


def test_a_control_opens_like_any_practice_case_and_nothing_says_what_it_is(folder, tmp_path):
    assert a_control(folder) == ("kidney_left", "kidney_right")
    assert is_control(folder, "one")
    assert not has_planted_errors(folder, "one")
    (entry,) = read_worklist(folder / "cases.csv").cases
    opened = open_case(entry, tmp_path / "records", "Anna", None)
    assert [opened.draft.voxel_count(segment) for segment in opened.draft.segments] == [1000, 1000]
    assert opened.draft.segments[0].training_set is not None
    shown = (folder / "cases.csv").read_text() + draft_path(folder, "one").read_bytes()[:2000].decode("latin-1")
    assert "control" not in shown.replace(str(tmp_path), "")


@pytest.mark.parametrize(
    ("box", "share", "changed"),
    [
        (((5, 15), (10, 20), (40, 50)), 0.0, False),
        (((5, 15), (10, 20), (40, 51)), 0.1, True),
        (((6, 15), (10, 20), (40, 50)), 0.1, True),
        (((5, 15), (10, 20), (41, 51)), 0.2, True),
        (None, 1.0, True),
    ],
)
def test_what_was_added_and_removed_is_counted(folder, box, share, changed):
    a_control(folder)
    left, right = score_control(folder, "one", final(folder, kidney_left=box))
    assert (left.volume_ml, left.share, left.changed) == (pytest.approx(2.0), pytest.approx(share), changed)
    assert left.changed_ml == pytest.approx(2 * share)
    assert (right.share, right.changed) == (0, False)


def test_a_slip_of_a_stroke_is_no_false_alarm(folder):
    a_control(folder)
    drawn = a_segmentation(GRID, "Anna", **BOXES)
    drawn.layers[0][10, 15, 50:60] = 1  # ten voxels of a thousand
    write_segmentation(folder.parent / "slip.seg.nrrd", drawn)
    assert not score_control(folder, "one", folder.parent / "slip.seg.nrrd")[0].changed


def test_a_deleted_segment_was_changed(folder):
    a_control(folder)
    only_right = a_segmentation(GRID, "Anna", kidney_right=BOXES["kidney_right"])
    write_segmentation(folder.parent / "final.seg.nrrd", only_right)
    assert score_control(folder, "one", folder.parent / "final.seg.nrrd")[0].share == 1


def test_a_case_is_a_control_or_has_an_error(folder):
    a_control(folder)
    with pytest.raises(BadDataError, match="already; readers may have seen it"):
        a_control(folder)
    with pytest.raises(BadDataError, match="as a control"):
        plant_in_case(folder, "one", PlantedErrorKind.SHRUNKEN, "kidney left", 1)
    files = {"draft": folder.parent / "draft.seg.nrrd", "image": folder.parent / "image.nrrd"}
    plant_in_case(folder, "two", PlantedErrorKind.SHRUNKEN, "kidney left", 1, **files)
    with pytest.raises(BadDataError, match="already; readers may have seen it"):
        a_control(folder, "two")


def test_an_empty_draft_is_no_control(folder):
    write_segmentation(folder.parent / "draft.seg.nrrd", a_segmentation(GRID, "model", kidney_left=None))
    with pytest.raises(BadDataError, match="has no voxels"):
        a_control(folder)


def test_a_draft_that_was_changed_afterwards_is_not_scored(folder):
    a_control(folder)
    write_segmentation(draft_path(folder, "one"), a_segmentation(GRID, "model", **BOXES))
    with pytest.raises(BadDataError, match="not the draft that readers got"):
        score_control(folder, "one", final(folder))


def test_controls_are_made_for_a_training_set_only(folder):
    with pytest.raises(BadDataError, match="is no training set"):
        add_control(folder.parent, "one", folder.parent / "draft.seg.nrrd", image=folder.parent / "image.nrrd")


def test_rates_have_wilson_s_interval():
    change = ControlChange("liver", 1.0, 0.5, 0.5, True)
    reads = [("Anna", replace(change, changed=n == 0)) for n in range(10)] + [("Ben", change)]
    anna, ben, together = false_alarm_rates(reads)
    assert (anna.reader, anna.changed, anna.shown) == ("Anna", 1, 10)
    # Wilson's interval of 1 of 10: ((p + z2 / 2n) -+ z sqrt(p q / n + z2 / 4n2)) / (1 + z2 / n), z = 1.96.
    assert (anna.rate_lower, anna.rate_upper) == pytest.approx((0.01788, 0.40415), abs=1e-4)
    assert (ben.rate, together.reader, together.shown) == (1, "all", 11)
    assert false_alarm_rates([]) == ()


def test_the_command_line_adds_and_counts_controls(folder, tmp_path, capsys):
    files = ["--image", str(tmp_path / "image.nrrd"), "--draft", str(tmp_path / "draft.seg.nrrd")]
    assert main(["training", "plant", "--set", str(folder), "--case", "one", *files, "--kind", "none"]) == 0
    assert "2 structures without a planted error" in capsys.readouterr().out
    records, score = tmp_path / "records", ["training", "score", "--set", str(folder)]
    changed = final(folder, kidney_left=((5, 15), (10, 20), (40, 55)))
    assert main([*score, "--case", "one", "--final", str(changed)]) == 0
    assert "kidney_left: changed; 1.00 mL of 2.00 mL (50.0%)" in capsys.readouterr().out
    work = records / "one" / "Anna"
    work.mkdir(parents=True)
    (work / "candidate.seg.nrrd").write_bytes(changed.read_bytes())
    assert main([*score, "--records", str(records)]) == 1  # not finished yet
    capsys.readouterr()
    write_state(read_worklist(folder / "cases.csv"), "Anna", records, "one", CaseState.DONE)
    assert main([*score, "--records", str(records)]) == 0
    assert "False alarms, Anna: 1 of 2 correct structures changed" in capsys.readouterr().out
    assert main([*score, "--records", str(records), "--json", "-"]) == 0
    assert json.loads(capsys.readouterr().out)["false_alarms"][0]["changed"] == 1


@pytest.mark.parametrize("missing", [["--kind", "none"], ["--kind", "island", "--seed", "1"]])
def test_what_a_kind_needs_is_told_as_wrong_usage(folder, missing):
    with pytest.raises(SystemExit) as stopped:
        main(["training", "plant", "--set", str(folder), "--case", "one", *missing])
    assert stopped.value.code == 2
