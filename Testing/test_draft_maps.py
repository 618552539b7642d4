import numpy as np
import pytest
import SimpleITK as sitk

from phantoms import a_geometry
from SegQCLib.errors import BadDataError
from SegQCLib.geometry import same_grid, sitk_image
from SegQCLib.importers.uncertainty_map import entropy_bits, read_map

GEOMETRY = a_geometry(size=(2, 3, 4))


def probabilities(*first_class) -> np.ndarray:
    """Two classes; the values of the first one fill the grid from its first voxel, the rest is certain."""
    first = np.ones(GEOMETRY.size)
    first.flat[: len(first_class)] = first_class
    return np.stack([first, 1 - first])


def test_entropy_of_certain_and_of_even_classes():
    # -(1/2 log2 1/2) * 2 = 1; -(1/4 log2 1/4 + 3/4 log2 3/4) = 0.8113
    entropy = entropy_bits(probabilities(0.5, 1.0, 0.25), "x")
    assert entropy.flat[:3].tolist() == pytest.approx([1.0, 0.0, 0.8113], abs=1e-4)


def test_four_even_classes_have_two_bits():
    assert entropy_bits(np.full((4, 1, 1, 1), 0.25), "x").item() == pytest.approx(2.0)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_probabilities_of_nnunet_become_an_entropy_on_the_grid_of_the_draft(tmp_path, dtype):
    np.savez_compressed(tmp_path / "case.npz", probabilities=probabilities(0.5).astype(dtype))
    uncertainty = read_map(tmp_path / "case.npz", GEOMETRY)
    assert uncertainty.volume.geometry == GEOMETRY
    assert uncertainty.volume.array.flat[:2].tolist() == pytest.approx([1.0, 0.0], abs=1e-3)
    assert "bit" in uncertainty.meaning


def test_an_image_of_numbers_keeps_its_values_and_its_grid(tmp_path):
    values = np.linspace(0, 1, 24, dtype=np.float32).reshape(GEOMETRY.size)
    sitk.WriteImage(sitk_image(values, GEOMETRY), str(tmp_path / "map.nii.gz"))
    uncertainty = read_map(tmp_path / "map.nii.gz", a_geometry())
    assert np.array_equal(uncertainty.volume.array, values)
    assert same_grid(uncertainty.volume.geometry, GEOMETRY)
    assert uncertainty.meaning == "Share, 0 to 1"


@pytest.mark.parametrize(
    ("arrays", "reason"),
    [
        ({"other": np.zeros(3)}, "no array 'probabilities' but other"),
        ({"probabilities": np.zeros((2, 4, 3, 2))}, r"2 x 4 x 3 x 2; classes x 2 x 3 x 4"),
        ({"probabilities": np.stack([np.ones(GEOMETRY.size)] * 2)}, "do not add up to 1"),
        ({"probabilities": probabilities(-0.5)}, "outside 0 to 1"),
        ({"probabilities": probabilities(np.nan)}, "outside 0 to 1"),
        ({"probabilities": np.array([{"a": 1}], dtype=object)}, "cannot be read"),
    ],
)
def test_arrays_that_are_no_probabilities_of_this_draft_are_refused(tmp_path, arrays, reason):
    np.savez(tmp_path / "case.npz", **arrays)
    with pytest.raises(BadDataError, match=reason):
        read_map(tmp_path / "case.npz", GEOMETRY)


def test_a_damaged_npz_is_refused(tmp_path):
    (tmp_path / "case.npz").write_bytes(b"PK\x03\x04 and then nothing")
    with pytest.raises(BadDataError, match="cannot be read as nnU-Net's probabilities"):
        read_map(tmp_path / "case.npz", GEOMETRY)
