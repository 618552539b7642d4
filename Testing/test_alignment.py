import numpy as np
import pytest

from dicom_series import write_series
from phantoms import a_geometry, a_segmentation, a_volume
from SegQCLib.alignment import align, was_resampled
from SegQCLib.case import Case, Segment, Segmentation
from SegQCLib.checks import geometry_match
from SegQCLib.errors import BadDataError
from SegQCLib.geometry import Geometry, same_grid
from SegQCLib.images import read_image
from SegQCLib.regular_grid import is_regular, resample_case

BOX = ((1, 4), (2, 9), (3, 8))


def test_the_same_grid_is_left_alone():
    segmentation = a_segmentation(liver=BOX)
    aligned = align(segmentation, a_geometry())
    assert aligned.stored is None
    assert aligned.layers[0] is segmentation.layers[0]


def test_flipped_rows_lose_and_move_nothing():
    segmentation = a_segmentation(liver=BOX)
    flipped = a_geometry(axes_lps=((0.0, 0.0, 1.0), (0.0, -1.0, 0.0), (1.0, 0.0, 0.0)), origin_lps_mm=(0.0, 19.0, 0.0))
    stored = Segmentation("flipped", flipped, (segmentation.layers[0][:, ::-1],), segmentation.segments)
    aligned = align(stored, a_geometry())
    assert np.array_equal(aligned.layers[0], segmentation.layers[0])
    assert aligned.stored is stored


def test_half_the_resolution_keeps_the_volume_of_an_aligned_box():
    coarse = Geometry((5, 10, 15), (4.0, 2.0, 2.0), (0.5, 0.5, 1.0), a_geometry().axes_lps)
    stored = a_segmentation(coarse, liver=((1, 3), (2, 5), (3, 6)))
    aligned = align(stored, a_geometry())
    assert np.array_equal(aligned.mask(aligned.segments[0]), a_segmentation(liver=((2, 6), (4, 10), (6, 12))).layers[0] == 1)


def test_a_segmentation_of_another_patient_is_refused_with_both_places():
    elsewhere = a_segmentation(a_geometry(origin_lps_mm=(0.0, 0.0, 500.0)), liver=BOX)
    with pytest.raises(BadDataError, match=r"(?s)lies outside the image.*499 to 519.*-1 to 19.*another patient"):
        align(elsewhere, a_geometry())


def test_an_empty_segmentation_is_empty_wherever_it_lies():
    elsewhere = a_segmentation(a_geometry(size=(1, 1, 1), origin_lps_mm=(0.0, 0.0, 500.0)), liver=None)
    aligned = align(elsewhere, a_geometry())
    assert aligned.layers[0].shape == a_geometry().size
    assert not aligned.layers[0].any()


def drawn_on(volume, name="reader", **boxes) -> Segmentation:
    return a_segmentation(volume.geometry, name, **boxes)


def test_a_regular_series_and_a_file_without_positions_are_regular(tmp_path):
    write_series(tmp_path, [0, 2, 4, 6])
    assert is_regular(read_image(tmp_path))
    assert is_regular(a_volume())


def test_a_series_with_a_missing_slice_is_resampled_by_its_true_positions(tmp_path):
    # Values grow by 100 per mm; the slice at 4 mm is missing.
    positions = [0, 2, 6, 8]
    planes = [np.full((16, 12), 100 * z) for z in positions]
    write_series(tmp_path, positions, planes=planes, RescaleIntercept=0)
    volume = read_image(tmp_path)
    assert not is_regular(volume)
    regular = resample_case(Case(volume, drawn_on(volume, liver=((1, 3), (2, 9), (3, 8)))))
    assert regular.image.geometry.size[0] == 5
    assert regular.image.geometry.spacing_mm[0] == 2.0
    assert regular.image.array[:, 5, 5].tolist() == [0, 200, 400, 600, 800]
    # Slices at 2 and 6 mm were drawn on; the one at 4 mm is as near to both and takes the upper one.
    assert regular.candidate.layers[0][:, 5, 5].tolist() == [0, 1, 1, 1, 0]


def test_a_tilted_series_is_put_upright(tmp_path):
    # A rod along z, seen through slices whose origin moves by 1 pixel (0.8 mm) in j per slice.
    planes = []
    for n in range(5):
        plane = np.zeros((16, 12))
        plane[8 - n, 6] = 1000
        planes.append(plane)
    write_series(tmp_path, [0, 2, 4, 6, 8], in_plane_offsets_mm=[(0, 0.8 * n) for n in range(5)], planes=planes, RescaleIntercept=0)
    volume = read_image(tmp_path)
    rod = np.stack([plane > 0 for plane in planes]).astype(np.uint8)
    segmentation = Segmentation("rod", volume.geometry, (rod,), (Segment("r", "rod", 1),))
    upright = resample_case(Case(volume, segmentation))
    expected_lps = [(6 * 0.7, 8 * 0.8, z) for z in (0, 2, 4, 6, 8)]
    for array in (upright.image.array, upright.candidate.layers[0]):
        places = upright.image.geometry.lps_mm(np.argwhere(array > 0))
        assert places == pytest.approx(np.array(expected_lps), abs=1e-6)


def test_a_segmentation_on_a_grid_of_its_own_stays_in_space(tmp_path):
    write_series(tmp_path, [0, 2, 6, 8])
    volume = read_image(tmp_path)
    own = a_segmentation(a_geometry(size=(4, 5, 6), spacing_mm=(1.0, 1.0, 1.0), origin_lps_mm=(1.0, 2.0, 3.0)), liver=BOX)
    regular = resample_case(Case(volume, own))
    assert same_grid(regular.candidate.geometry, own.geometry)


def test_resampling_needs_slice_positions():
    with pytest.raises(ValueError, match="positions of the slices"):
        resample_case(Case(a_volume(), a_segmentation(liver=BOX)))


def test_a_part_of_the_image_s_voxels_is_placed_without_resampling():
    """A DICOM SEG has frames only where something was drawn."""
    image = a_geometry((6, 7, 8), (2.0, 1.0, 0.5), (10.0, -5.0, 3.0))
    part = a_geometry((2, 3, 4), (2.0, 1.0, 0.5), (10.0 + 2 * 0.5, -5.0 + 3 * 1.0, 3.0 + 1 * 2.0))
    layer = np.arange(24, dtype=np.uint8).reshape(2, 3, 4)
    placed = align(Segmentation("SEG", part, (layer,), (Segment("a", "a", 5),)), image)
    assert not was_resampled(placed)
    assert np.array_equal(placed.layers[0][1:3, 3:6, 2:6], layer)
    assert np.count_nonzero(placed.layers[0]) == 23
    message = next(iter(geometry_match.run(Case(a_volume(image), placed), None))).message
    assert "2 x 3 x 4 of the image's own voxels" in message


def test_what_lies_beyond_the_image_is_left_out_and_said():
    image = a_geometry((4, 4, 4), (1.0, 1.0, 1.0))
    larger = a_geometry((6, 4, 4), (1.0, 1.0, 1.0), (0.0, 0.0, -1.0))
    layer = np.ones((6, 4, 4), np.uint8)
    placed = align(Segmentation("SEG", larger, (layer,), (Segment("a", "a", 1),)), image)
    assert placed.layers[0].shape == (4, 4, 4)
    message = next(iter(geometry_match.run(Case(a_volume(image), placed), None))).message
    assert "reaches beyond the image" in message
