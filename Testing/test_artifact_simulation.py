"""The artifact atlas: physics by arithmetic on phantoms, and pictures for every rating that says so."""

import io

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from SegQCLib.artifact_atlas.atlas import ARTIFACTS
from SegQCLib.artifact_atlas.atlas_pictures import artifact_pictures
from SegQCLib.artifact_atlas.attenuation import BONE_PER_MM, WATER_PER_MM, measured, transmitted, water_corrected_mm
from SegQCLib.artifact_atlas.ct_beam_hardening import ct_beam_hardening
from SegQCLib.artifact_atlas.ct_metal import METAL_HU, ct_metal
from SegQCLib.artifact_atlas.ct_motion import ct_motion
from SegQCLib.artifact_atlas.ct_noise import ct_noise
from SegQCLib.artifact_atlas.ct_rings import ct_rings
from SegQCLib.artifact_atlas.ct_slice import CTSlice
from SegQCLib.artifact_atlas.mr_aliasing import mr_aliasing
from SegQCLib.artifact_atlas.mr_metal import mr_metal
from SegQCLib.artifact_atlas.mr_motion import mr_motion
from SegQCLib.artifact_atlas.mr_noise import mr_noise
from SegQCLib.artifact_atlas.mr_ringing import mr_ringing
from SegQCLib.artifact_atlas.parallel_beam import project, reconstruct, view_angles_deg
from SegQCLib.artifact_atlas.partial_volume import partial_volume
from SegQCLib.artifact_atlas.sample_slices import SampleMR
from SegQCLib.protocol import load_protocol, shipped_protocols
from SegQCLib.readers.rating_pictures import example_picture

N = 129
ROWS, COLUMNS = np.mgrid[:N, :N] - (N - 1) / 2
VIEWS = 180


def disc(row, column, radius, inside, outside):
    return np.where(np.hypot(ROWS - row, COLUMNS - column) <= radius, inside, outside)


@pytest.fixture(scope="module")
def water():
    """A water cylinder of 80 mm with two rods of bone."""
    hu = disc(0, 0, 40, 0.0, -1000.0)
    for column in (-25, 25):
        hu = np.where(np.hypot(ROWS, COLUMNS - column) <= 6, 1500.0, hu)
    return CTSlice(hu, 1.0, VIEWS)


def test_the_line_integral_through_a_disc_is_its_chord():
    projections = project(disc(0, 0, 40, 0.02, 0.0), view_angles_deg(12), 2.0)
    middle = projections[:, N // 2]
    np.testing.assert_allclose(middle, 0.02 * 81 * 2.0, rtol=0.02)
    assert projections[:, 10].max() == 0


def test_a_disc_off_centre_is_reconstructed_where_it_is_with_its_value():
    angles = view_angles_deg(VIEWS)
    drawn = reconstruct(project(disc(-20, 30, 12, 0.02, 0.0), angles, 1.0), angles, 1.0)
    assert drawn[np.hypot(ROWS + 20, COLUMNS - 30) <= 8].mean() == pytest.approx(0.02, rel=0.01)
    assert abs(drawn[np.hypot(ROWS - 20, COLUMNS + 30) <= 8].mean()) < 2e-4


def test_projections_that_do_not_change_leave_the_slice_as_it_is(water):
    np.testing.assert_array_equal(water.with_projections(lambda projections: projections), water.hu)


def test_four_times_the_photons_halve_the_noise(water):
    inside = np.hypot(ROWS, COLUMNS) <= 12
    few, many = ((ct_noise(water, photons, 1) - water.hu)[inside].std() for photons in (1e5, 4e5))
    assert few / many == pytest.approx(2, rel=0.1)


def test_a_patient_who_moves_all_the_time_by_the_same_is_a_patient_elsewhere(water):
    """The projections of a moved slice, moved along the detector as `ct_motion` does, meet those of the slice itself."""
    still = water.projections
    elsewhere = CTSlice(ndimage.shift(water.hu, (6, 0), order=1, cval=-1000.0), 1.0, VIEWS).projections
    by = 6 * np.sin(np.deg2rad(water.angles_deg))
    moved = np.array([ndimage.shift(row, one, order=1) for row, one in zip(still, by, strict=True)])
    assert np.abs(moved - elsewhere).mean() < 0.02 * still.mean()


def test_motion_of_nothing_changes_nothing_and_more_changes_more(water):
    errors = [np.abs(ct_motion(water, mm) - water.hu).mean() for mm in (0.0, 1.0, 3.0, 8.0)]
    assert errors[0] == pytest.approx(0, abs=1e-9)
    assert errors == sorted(errors)


def test_water_alone_is_corrected_for_and_bone_is_read_too_low():
    paths = np.array([0.0, 50.0, 200.0, 400.0])
    through_water = transmitted(paths, WATER_PER_MM)
    np.testing.assert_allclose(water_corrected_mm(measured(through_water)), paths, atol=0.5)
    # The first millimetres of bone weaken more than the last ones: the low energies go first.
    bone = water_corrected_mm(measured(transmitted(np.array([1.0, 50.0]), BONE_PER_MM)))
    assert bone[1] < 50 * bone[0]


def test_beam_hardening_darkens_what_lies_between_two_bones(water):
    change = ct_beam_hardening(water, 1.0) - water.hu
    between = change[np.hypot(ROWS, COLUMNS) <= 8].mean()
    beside = change[np.hypot(ROWS - 28, COLUMNS) <= 5].mean()
    assert between < 0
    assert between < beside
    twice = ct_beam_hardening(water, 2.0) - water.hu
    np.testing.assert_allclose(twice, 2 * change, atol=1e-6)


def test_metal_darkens_what_lies_between_two_pieces_and_is_itself_bright(water):
    middle = (N - 1) / 2
    drawn = ct_metal(water, [(middle + 15, middle - 15, 3), (middle + 15, middle + 15, 3)], 1e8, 1)
    assert drawn[int(middle) + 15, int(middle) - 15] == METAL_HU
    change = drawn - water.hu
    assert change[np.hypot(ROWS - 15, COLUMNS) <= 4].mean() < -50
    assert abs(change[np.hypot(ROWS + 20, COLUMNS) <= 4].mean()) < 50


def test_an_element_that_is_off_makes_a_ring_around_the_axis(water):
    change = ct_rings(water, 0.05, 3) - water.hu
    change = np.where(np.hypot(ROWS, COLUMNS) <= 50, change, 0)
    # A ring is the same after a turn around the axis; streaks are not.
    turned = ndimage.rotate(change, 37, reshape=False, order=1)
    assert np.corrcoef(change.ravel(), turned.ravel())[0, 1] > 0.6


def test_thick_slices_are_the_mean_of_thin_ones():
    slices = np.arange(10.0)[:, np.newaxis, np.newaxis] * np.ones((10, 2, 3))
    np.testing.assert_array_equal(partial_volume(slices, 5, 3), np.full((2, 3), 5.0))
    with pytest.raises(ValueError, match="not within the 10 slices"):
        partial_volume(slices, 5, 12)


def test_magnitude_noise_is_rayleigh_where_there_is_no_signal():
    """Mean sigma sqrt(pi / 2), SD sigma sqrt(2 - pi / 2)."""
    noise = mr_noise(np.zeros((300, 300)), 10.0, 2)
    assert noise.mean() == pytest.approx(10 * np.sqrt(np.pi / 2), rel=0.01)
    assert noise.std() == pytest.approx(10 * np.sqrt(2 - np.pi / 2), rel=0.01)


def test_truncated_k_space_overshoots_a_step_by_nine_per_cent():
    """Gibbs: (Si(pi) / pi - 1 / 2) of the step, 8.95 %, however much is kept."""
    step = np.zeros((4096, 1))
    step[1024:3072] = 100.0
    step += 200.0  # away from 0, where a magnitude would fold the undershoot up
    for kept in (0.1, 0.3):
        assert mr_ringing(step, kept).max() == pytest.approx(300 + 8.95, abs=0.3)
    np.testing.assert_allclose(mr_ringing(step, 1.0), step, atol=1e-9)
    with pytest.raises(ValueError, match="share above 0"):
        mr_ringing(step, 0.0)


def test_what_lies_outside_of_the_field_of_view_is_folded_over_by_its_size():
    image = np.zeros((100, 3))
    image[5] = 7.0  # 15 rows above a field of view that begins at 20
    folded = mr_aliasing(image, 60)
    assert folded.shape == (60, 3)
    assert np.flatnonzero(folded[:, 0]).tolist() == [60 - 15]
    assert folded.sum() == image.sum()
    np.testing.assert_array_equal(mr_aliasing(image, 100), image)


def test_breathing_makes_ghosts_as_many_pixels_apart_as_there_are_breaths():
    line = np.zeros((128, 1))
    line[64] = 100.0
    ghosts = mr_motion(line, 0.3, 16.0)[:, 0]
    ghosts[64] = 0
    # The ghost of a point is its derivative: a pair of points around its place.
    beside = [ghosts[64 + side * 16 + near] for side in (-1, 1) for near in (-1, 1)]
    assert min(beside) == pytest.approx(np.sort(ghosts)[-4])
    np.testing.assert_allclose(mr_motion(line, 0.0, 16.0), line, atol=1e-9)


def test_metal_in_mr_loses_signal_and_makes_none():
    image = np.full((64, 64), 100.0)
    drawn = mr_metal(image, (32, 32), 4.0, 8.0)
    assert drawn[32, 32] < 1
    assert drawn.sum() < image.sum()
    np.testing.assert_allclose(drawn[:4, 10:50], 100, atol=5)


# What the sample scans cannot show: no PET, no second phase, and an overall grade has no single cause.
WITHOUT_PICTURES = {
    ("ct-abdomen-portal-venous", "contrast_timing"), ("ct-abdomen-portal-venous", "overall"), ("ct-lung-nodule", "overall"),
    ("mr-brain-lesion", "overall"),
    *(("pet-ct-fdg-lesion", rating) for rating in ("motion", "metal", "noise", "registration", "partial_volume", "overall")),
}  # fmt: skip


def test_every_grade_of_every_shipped_rating_has_its_picture_but_those_listed():
    missing = set()
    for protocol_id in shipped_protocols():
        loaded = load_protocol(protocol_id)
        for rating in loaded.protocol.ratings:
            pictures = [example_picture(rating, grade.value, loaded) for grade in rating.grades]
            if not any(pictures):
                missing.add((protocol_id, rating.id))
            else:
                assert all(pictures), (protocol_id, rating.id)
    assert missing == WITHOUT_PICTURES


def test_a_picture_says_that_it_is_simulated_and_which_grade_it_shows():
    """A white strip with black letters below the slice: grade 5 has less to say than what was simulated."""
    sample = SampleMR(np.random.default_rng(0).uniform(0, 400, (21, 91, 117)))
    artifact = next(one for one in ARTIFACTS if (one.modality, one.rating) == ("MR", "noise"))
    letters = {}
    for grade, png in artifact_pictures(artifact, sample):
        strip = np.array(Image.open(io.BytesIO(png)))[-44:]
        assert strip.max() == 255
        letters[grade] = int((strip < 128).sum())
    assert all(letters[grade] > letters[5] for grade in (1, 2, 3, 4))


def test_lower_grades_are_further_from_what_was_acquired():
    y, x = np.mgrid[:91, :117]
    ball = np.where(np.hypot(y - 45, x - 58) < 40, 300.0, 0.0) + np.where(np.hypot(y - 40, x - 50) < 8, 150.0, 0.0)
    sample = SampleMR(np.array([np.roll(ball, k - 10, axis=0) for k in range(21)]))
    for artifact in ARTIFACTS:
        if artifact.modality == "MR" and artifact.rating != "aliasing":  # whose pictures have fewer rows
            errors = [np.sqrt(((artifact.grades[grade].draw(sample) - sample.acquired) ** 2).mean()) for grade in (4, 3, 2, 1)]
            assert errors == sorted(errors), artifact.rating
