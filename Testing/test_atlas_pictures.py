"""Pictures of an atlas are what their recipe says."""

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from SegQCLib.case import Acquisition, Segment, Segmentation, Volume
from SegQCLib.dataclass_json import FaultyJSONError, from_json, to_json
from SegQCLib.errors import BadDataError
from SegQCLib.geometry import Geometry
from SegQCLib.protocol import load_protocol
from SegQCLib.readers.training.atlas_pictures import picture_png, render_pictures
from SegQCLib.readers.training.drawn_slice import CORRECT, SIDE_PIXELS, WRONG, draw_slice
from SegQCLib.readers.training.edge_outline import edge_outline
from SegQCLib.readers.training.picture_recipe import PICTURES_FILE, DrawnError, PictureRecipe, PictureRecipes
from SegQCLib.readers.training.typical_errors import wrong_mask
from SegQCLib.segmentation_file import write_segmentation
from SegQCLib.written_image import write_image

PROTOCOL = load_protocol("ct-abdomen-portal-venous").protocol
SPLEEN_RULE = PROTOCOL.window_rule("spleen")  # window 400, level 40: black at -160 HU, white at 240 HU
SIZE = (12, 60, 80)
GRID = Geometry(SIZE, (3.0, 1.0, 1.0), (0.0, 0.0, 0.0), ((0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (1.0, 0.0, 0.0)))
AMBER = (255, 200, 0)


def box(k, j, i):
    mask = np.zeros(SIZE, bool)
    mask[slice(*k), slice(*j), slice(*i)] = True
    return mask


def drawn(**masks):
    layers = tuple(mask.astype(np.uint8) for mask in masks.values())
    return Segmentation("drawn", GRID, layers, tuple(Segment(n, n, 1, layer) for layer, n in enumerate(masks)))


def image(values=-200):
    return Volume(np.full(SIZE, values, np.int16), GRID, Acquisition(source="test", modality="CT"))


SPLEEN = box((2, 10), (20, 40), (30, 60))
BOTH = drawn(spleen=SPLEEN, stomach=box((2, 10), (20, 40), (10, 26)))


def recipe(**changes):
    settings = {"file": "a.png", "title": "Spleen", "image": "image.nrrd", "segmentation": "drawn.seg.nrrd", "structure": "spleen"}
    return PictureRecipe(**{**settings, **changes})


def slice_of(asked, volume=None, segmentation=BOTH):
    return draw_slice(asked, volume or image(), segmentation, SPLEEN_RULE)


def coloured(pixels, colour):
    return (pixels == colour).all(axis=2)


def opened(content):
    return np.array(Image.open(io.BytesIO(content)).convert("RGB"))


def test_an_outline_lies_on_the_voxels_edge():
    picture = slice_of(recipe())
    rows, columns = np.nonzero(coloured(picture.pixels, CORRECT))
    assert picture.pixel_mm == pytest.approx(80 / SIDE_PIXELS)
    # Columns 30 to 59 and rows 20 to 39 of 1 mm: their outer edges are at 30, 60, 20 and 40 mm.
    assert (columns.min() + 0.5) * picture.pixel_mm == pytest.approx(30, abs=2 * picture.pixel_mm)
    assert (columns.max() + 0.5) * picture.pixel_mm == pytest.approx(60, abs=2 * picture.pixel_mm)
    assert (rows.min() + 0.5) * picture.pixel_mm == pytest.approx(20, abs=2 * picture.pixel_mm)
    assert (rows.max() + 0.5) * picture.pixel_mm == pytest.approx(40, abs=2 * picture.pixel_mm)


@pytest.mark.parametrize(("hu", "grey"), [(-160, 0), (40, 128), (140, 191), (240, 255), (400, 255)])
def test_grey_is_the_value_in_the_protocol_s_window(hu, grey):
    corner = slice_of(recipe(), image(hu)).pixels[0, 0]
    # 255 (value + 160) / 400; at 40 HU 127.5, which rounds to the even 128.
    assert corner.tolist() == [grey] * 3


def test_the_patient_s_right_is_on_the_left_of_the_picture():
    flipped = replace(GRID, axes_lps=((0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (-1.0, 0.0, 0.0)))
    usual = slice_of(recipe())
    other = draw_slice(
        recipe(),
        Volume(image().array[:, :, ::-1], flipped),
        replace(BOTH, geometry=flipped, layers=tuple(layer[:, :, ::-1] for layer in BOTH.layers)),
        SPLEEN_RULE,
    )
    assert (usual.view.left, usual.view.right, other.view.left, other.view.right) == ("R", "L", "R", "L")
    assert np.array_equal(usual.pixels, other.pixels)


@pytest.mark.parametrize(("at", "text"), [(None, "slice 6 of 12"), (0.0, "slice 3 of 12"), (1.0, "slice 10 of 12")])
def test_the_slice_is_the_largest_or_a_part_of_the_extent(at, text):
    mask = SPLEEN.copy()
    mask[5, 40:45, 30:60] = True
    assert text in slice_of(recipe(at=at), segmentation=drawn(spleen=mask)).slice_text


def test_a_zoom_shows_its_millimetres_around_the_structure():
    picture = slice_of(recipe(zoom_mm=40.0))
    assert picture.pixels.shape[:2] == (SIDE_PIXELS, SIDE_PIXELS)
    rows, columns = np.nonzero(coloured(picture.pixels, CORRECT))
    # 30 x 20 mm in the middle of 40 mm.
    assert columns.mean() * picture.pixel_mm == pytest.approx(20, abs=0.5)
    assert (columns.max() - columns.min()) * picture.pixel_mm == pytest.approx(30, abs=0.5)
    assert (rows.max() - rows.min()) * picture.pixel_mm == pytest.approx(20, abs=0.5)


def test_a_coronal_picture_is_turned_head_up_with_square_millimetres():
    picture = slice_of(recipe(plane="coronal"))
    rows, columns = np.nonzero(coloured(picture.pixels, CORRECT))
    assert (picture.view.top, picture.view.bottom) == ("S", "I")
    # 8 slices of 3 mm high, 30 mm wide.
    assert (rows.max() - rows.min()) * picture.pixel_mm == pytest.approx(24, abs=0.7)
    assert (columns.max() - columns.min()) * picture.pixel_mm == pytest.approx(30, abs=0.7)


def test_an_error_is_dashed_and_its_corrected_picture_shows_the_same_place_without_it():
    error = DrawnError("grown", reach_mm=3.0)
    wrong = slice_of(recipe(error=error, at=0.5, zoom_mm=60.0))
    correct = slice_of(recipe(error=error, corrected=True, at=0.5, zoom_mm=60.0))
    assert coloured(wrong.pixels, WRONG).any()
    assert coloured(wrong.pixels, CORRECT).any()
    assert not coloured(correct.pixels, WRONG).any()
    assert wrong.slice_text == correct.slice_text
    top = np.nonzero(coloured(wrong.pixels, WRONG))[0].min()
    gaps = np.count_nonzero(np.diff(coloured(wrong.pixels, WRONG)[top].astype(int)) == 1)
    assert gaps > 3


def test_other_segments_are_outlined_with_their_names():
    alone, unnamed, named = (
        slice_of(recipe(**settings)).pixels for settings in ({}, {"beside": ("stomach",), "names": False}, {"beside": ("stomach",)})
    )
    yellow = [np.count_nonzero(pixels[:, :, 0].astype(int) - pixels[:, :, 2] > 60) for pixels in (alone, unnamed, named)]
    assert yellow[0] == 0 < yellow[1] < yellow[2]


def test_only_a_simulated_picture_has_the_banner():
    for simulated in (True, False):
        pixels = opened(picture_png(recipe(simulated=simulated), image(), BOTH, PROTOCOL))
        assert (coloured(pixels, AMBER).mean(axis=1) > 0.5).any() == simulated


def test_the_scale_bar_is_as_long_as_it_says():
    pixels = opened(picture_png(recipe(), image(), BOTH, PROTOCOL))
    white = (pixels > 240).all(axis=2)[:, 14:]
    # 80 mm wide: the largest bar of at most a quarter is 20 mm. It begins 14 pixels from the left.
    longest = max(row.argmin() for row in white)
    assert longest * 80 / SIDE_PIXELS == pytest.approx(20, abs=0.3)


def test_the_same_recipe_gives_the_same_file():
    asked = recipe(error=DrawnError("island", seed=1), simulated=True)
    noisy = Volume(np.random.default_rng(0).normal(40, 10, SIZE).astype(np.int16), GRID)
    assert picture_png(asked, noisy, BOTH, PROTOCOL) == picture_png(asked, noisy, BOTH, PROTOCOL)


def test_grown_is_all_within_its_reach():
    grown = wrong_mask(drawn(spleen=box((5, 6), (30, 31), (40, 41))), "spleen", DrawnError("grown", reach_mm=3.0), image())
    # In the plane the digital disc of radius 3, 29 voxels; one slice up and down is exactly 3 mm away.
    assert grown.sum() == 29 + 2


def test_closed_fills_a_gap_and_nothing_outside():
    gap = SPLEEN & ~box((2, 10), (28, 32), (45, 60))
    closed = wrong_mask(drawn(spleen=gap), "spleen", DrawnError("closed", reach_mm=4.0), image())
    assert (closed & ~SPLEEN).sum() == 0
    assert closed[5, 30, 50]
    assert not gap[5, 30, 50]


def test_includes_takes_the_neighbour_up_to_its_reach():
    near = wrong_mask(BOTH, "spleen", DrawnError("includes", structures=("stomach",), reach_mm=6.0), image())
    # The gap is 4 mm: columns 26 to 29. Column 25 is 5 mm from column 30, column 24 is 6 mm.
    assert near[5, 30, 22:30].tolist() == [False, False, True, True, False, False, False, False]


def test_leaks_runs_only_into_what_is_connected_and_alike():
    values = image().array.copy()
    values[5, 30, 60:64] = 100
    values[5, 35, 62:64] = 100
    leaked = wrong_mask(BOTH, "spleen", DrawnError("leaks", values=(90, 110), reach_mm=10.0), replace(image(), array=values))
    assert np.flatnonzero(leaked[5, 30, 60:]).tolist() == [0, 1, 2, 3]
    assert not leaked[5, 35, 62]


def test_leaves_out_lacks_voxels_of_these_values_only():
    values = np.where(SPLEEN, 50, -100).astype(np.int16)
    values[5, 25:30, 40:45] = 200
    left = wrong_mask(BOTH, "spleen", DrawnError("leaves_out", values=(150, 300)), replace(image(), array=values))
    assert SPLEEN.sum() - left.sum() == 25


def test_sides_exchanged_is_the_other_kidney():
    left, right = box((3, 8), (20, 40), (50, 70)), box((3, 8), (20, 40), (10, 30))
    both = drawn(kidney_left=left, kidney_right=right)
    assert np.array_equal(wrong_mask(both, "kidney_left", DrawnError("left_right"), image()), right)


def test_an_edge_outline_finds_the_edge_beside_a_poor_draft():
    organ = box((2, 10), (15, 45), (25, 65))
    draft = drawn(spleen=box((2, 10), (18, 45), (25, 61)))
    noise = np.random.default_rng(0).normal(0, 5, SIZE)
    values = np.where(organ, 100, -80) + noise
    found = edge_outline(draft, "spleen", Volume(values.astype(np.int16), GRID))
    assert 2 * (found & organ).sum() / (found.sum() + organ.sum()) > 0.97
    assert not (found & ~organ).any(axis=(0, 1))[70:].any()


@pytest.mark.parametrize(
    "changes",
    [
        {"file": "../a.png"},
        {"file": "a.jpg"},
        {"at": 1.5},
        {"zoom_mm": 0.0},
        {"corrected": True},
        {"error": DrawnError("includes")},
        {"error": DrawnError("leaks", reach_mm=3.0)},
        {"error": DrawnError("grown")},
    ],
)
def test_a_recipe_that_cannot_be_drawn_is_refused(changes):
    with pytest.raises(FaultyJSONError):
        from_json(PictureRecipe, to_json(recipe(**changes)))


@pytest.fixture
def course(tmp_path):
    write_image(tmp_path / "image.nrrd", image().array, GRID)
    write_segmentation(tmp_path / "drawn.seg.nrrd", BOTH)
    return tmp_path


def write_recipes(folder, *recipes):
    recipes = PictureRecipes("segqc-course-pictures", "1.0", "ct-abdomen-portal-venous", recipes)
    (folder / PICTURES_FILE).write_text(to_json(recipes), encoding="utf-8")


def test_rendering_again_touches_no_file(course):
    write_recipes(course, recipe(file="atlas/a.png"), recipe(file="atlas/b.png", simulated=True))
    files = render_pictures(course)
    before = [path.stat().st_mtime_ns for path in files]
    assert [path.relative_to(course).as_posix() for path in files] == ["atlas/a.png", "atlas/b.png"]
    assert [path.stat().st_mtime_ns for path in render_pictures(course)] == before


def test_a_recipe_never_reads_outside_of_the_course(course):
    write_recipes(course, recipe(image="../image.nrrd"))
    with pytest.raises(BadDataError, match="not a path within the course folder"):
        render_pictures(course)


def test_a_missing_segment_is_named_with_those_that_are_there(course):
    write_recipes(course, recipe(structure="liver"))
    with pytest.raises(BadDataError, match=r"segment 'liver'.*spleen"):
        render_pictures(course)
