"""The ResNet on simulated discs: sharper ones stand for higher agreement."""

from dataclasses import replace

import numpy as np
import pytest

from SegQCLib.dataclass_json import to_json
from SegQCLib.difficulty.agreement_target import agreement_target
from SegQCLib.difficulty.host_scans import host_scans
from SegQCLib.difficulty.models.slice_crop import SliceCrop, slice_channels
from SegQCLib.difficulty.simulated_study import simulate_study, slices_of
from SegQCLib.difficulty.simulated_table import PAPER_TARGET
from SegQCLib.errors import BadDataError, Cancelled
from SegQCLib.resources import resource

torch = pytest.importorskip("torch")

from SegQCLib.difficulty.models import resnet_file  # noqa: E402
from SegQCLib.difficulty.models.resnet import ResNet, ResNetTraining, augmented, fit_resnet  # noqa: E402
from SegQCLib.difficulty.models.resnet_file import ResNetCard, load_resnet, save_resnet  # noqa: E402
from SegQCLib.difficulty.models.resnet_network import build_network  # noqa: E402

WITH_MAP = SliceCrop(window=(-100.0, 100.0), uncertainty=True, side_px=32)
WITHOUT_MAP = SliceCrop(window=(-100.0, 100.0), uncertainty=False, side_px=32)
CARD = ResNetCard(
    id="simulated-discs",
    structure="disc",
    modality="CT",
    target="sharpness of a simulated disc",
    study="simulated discs",
    simulated=True,
    licence="Apache-2.0",
    date="2026-11-22",
    mae=None,
    mae_definition="not measured",
    trained_with="a test",
)


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def discs(number, crop):
    """Return slices of discs, and their sharpness between 0.5 and 0.9."""
    random = np.random.default_rng(3)
    sharpness = np.linspace(0.5, 0.9, number)
    j, i = np.mgrid[:40, :40]
    distance = np.hypot(j - 20, i - 20) - 8
    slices = [
        slice_channels(
            100 / (1 + np.exp(distance / (4 * (1 - sharp)))) - 50 + random.normal(0, 2, distance.shape),
            distance < 0,
            np.exp(-((distance / (4 * (1 - sharp))) ** 2)) / 2,
            (1.0, 1.0),
            crop,
        )
        for sharp in sharpness
    ]
    return np.stack(slices), sharpness, [f"patient {n}" for n in range(number)]


def trained(crop=WITH_MAP, seed=0, **settings):
    slices, target, patients = discs(8, crop)
    training = ResNetTraining(**{"width": 4, "epochs": 2, "batch": 4, "seed": seed, **settings})
    return fit_resnet(slices, target, patients, crop, training, device="cpu")


def test_the_network_has_62_layers_that_weigh():
    network = build_network(3, 4)
    layers = [
        name
        for name, part in network.named_modules()
        if isinstance(part, torch.nn.Conv2d | torch.nn.Linear) and "shortcut" not in name
    ]
    assert len(layers) == 62


def test_every_activation_is_mish():
    kinds = {type(part).__name__ for part in build_network(3, 4).modules() if type(part).__module__.endswith("activation")}
    assert kinds == {"Mish"}


def test_a_bottleneck_widens_four_times():
    block = build_network(3, 4).blocks[0]
    sizes = [tuple(part.weight.shape) for part in block.residual if isinstance(part, torch.nn.Conv2d)]
    assert sizes == [(4, 4, 1, 1), (4, 4, 3, 3), (16, 4, 1, 1)]


@pytest.mark.parametrize("side", [32, 50, 96])
def test_the_network_gives_one_number_for_a_slice_of_any_size(side):
    assert build_network(2, 4).eval()(torch.zeros(3, 2, side, side)).shape == (3,)


def test_an_untrained_network_is_the_constant_model():
    slices, target, patients = discs(8, WITH_MAP)
    network = fit_resnet(
        slices, target, patients, WITH_MAP, ResNetTraining(width=4, epochs=1, learning_rate=0.0, validation_share=0), device="cpu"
    )
    assert network.predict(slices) == pytest.approx(np.full(8, target.mean()), abs=1e-6)


def test_it_learns_eight_slices_by_heart():
    network = trained(epochs=80, batch=8, validation_share=0, learning_rate=1e-2)
    slices, target, _ = discs(8, WITH_MAP)
    assert np.abs(network.predict(slices) - target).mean() < 0.04  # the constant model is wrong by 0.114


def test_it_works_without_an_uncertainty_map():
    network = trained(WITHOUT_MAP)
    slices, _, _ = discs(8, WITHOUT_MAP)
    predicted = network.predict(slices)
    assert slices.shape[1] == 2
    assert ((predicted > 0) & (predicted < 1)).all()


def test_a_seed_repeats_a_training_on_a_cpu():
    slices, _, _ = discs(8, WITH_MAP)
    once, again, other = (trained(seed=seed).predict(slices) for seed in (1, 1, 2))
    assert np.array_equal(once, again)
    assert not np.array_equal(once, other)


def test_training_leaves_the_random_numbers_of_torch_alone():
    torch.manual_seed(5)
    wanted = torch.rand(1)
    torch.manual_seed(5)
    trained(epochs=1)
    assert torch.equal(torch.rand(1), wanted)


def test_the_epoch_with_the_lowest_validation_error_is_kept():
    network = trained(validation_share=0.25, epochs=3)
    slices, target, _ = discs(8, WITH_MAP)
    error = np.abs(network.predict(slices) - target)
    # Two of the eight patients are held out: their mean error is that of some pair. The rest is rounding to float16.
    pairs = (error[:, None] + error[None, :]) / 2
    assert np.abs(pairs - network.validation_mae).min() < 1e-3


def test_a_network_without_validation_patients_states_no_validation_error():
    assert trained(validation_share=0).validation_mae is None


def test_progress_can_stop_a_training():
    def stop(words, share):
        raise Cancelled

    slices, target, patients = discs(8, WITH_MAP)
    with pytest.raises(Cancelled):
        fit_resnet(slices, target, patients, WITH_MAP, ResNetTraining(width=4), device="cpu", progress=stop)


def test_turning_and_shifting_keeps_the_channels_aligned():
    random = np.random.default_rng(0)
    slices = np.repeat(random.uniform(0, 1, (20, 1, 32, 32)), 3, axis=1)
    moved = augmented(slices, random)
    assert np.array_equal(moved[:, 1], moved[:, 2])
    assert np.abs(moved[:, 0] - moved[:, 1]).max() < 0.02 * 6  # six standard deviations of the largest noise
    assert not np.array_equal(moved[:, 1], np.float32(slices[:, 1]))


def test_a_turned_and_shifted_candidate_in_the_middle_keeps_its_area():
    candidate = np.zeros((20, 2, 32, 32))
    candidate[:, 1, 10:20, 12:19] = 1
    assert (augmented(candidate, np.random.default_rng(0))[:, 1].sum(axis=(1, 2)) == 70).all()


def test_a_slice_at_the_crop_s_own_resolution_is_cut_out_unchanged():
    crop = replace(WITH_MAP, margin_mm=32.0)
    random = np.random.default_rng(0)
    image = random.uniform(-100, 100, (64, 64))
    candidate = np.zeros((64, 64), bool)
    candidate[20:30, 33:43] = True  # pixels 20 to 29: centred on 24.5, the crop of 32 pixels on its 15.5
    channels = slice_channels(image, candidate, image * 0 + 0.25, (1.0, 1.0), crop)
    assert channels[0] == pytest.approx((image[9:41, 22:54] + 100) / 200, abs=1e-5)
    assert np.array_equal(channels[1], candidate[9:41, 22:54])
    assert channels[2] == pytest.approx(0.25)


def test_a_candidate_covers_the_same_area_in_mm_at_any_resolution():
    candidate = np.zeros((90, 60), bool)
    candidate[30:60, 20:40] = True  # 30 x 0.5 mm by 20 x 0.75 mm
    channels = slice_channels(candidate * 0, candidate, None, (0.5, 0.75), WITHOUT_MAP)
    assert channels[1].sum() == pytest.approx(15 * 15, rel=0.01)


def test_beyond_the_field_of_view_is_the_lower_end_of_the_window():
    channels = slice_channels(np.full((10, 10), 100.0), np.ones((10, 10), bool), np.ones((10, 10)), (1.0, 1.0), WITH_MAP)
    assert channels[:, 11:21, 11:21].min() == 1
    assert channels.sum() == 3 * 100


def test_where_a_study_cut_its_images_does_not_reach_the_network():
    image = np.random.default_rng(0).uniform(-100, 100, (60, 60))
    candidate = np.zeros((60, 60), bool)
    candidate[25:32, 28:36] = True
    crop = replace(WITHOUT_MAP, margin_mm=5.0)
    whole = slice_channels(image, candidate, None, (1.0, 1.0), crop)
    cut = slice_channels(image[20:40, 10:41], candidate[20:40, 10:41], None, (1.0, 1.0), crop)
    assert np.array_equal(whole, cut)
    assert np.count_nonzero(whole[0].any(axis=0)) == 5 + 8 + 5


def test_grey_values_are_clipped_to_the_window():
    image = np.array([[-1000.0, 3000.0]]).repeat(8, axis=0).repeat(4, axis=1)
    channels = slice_channels(image, np.ones((8, 8), bool), None, (1.0, 1.0), WITHOUT_MAP)
    assert set(np.unique(channels[0])) == {0, 1}


def test_a_candidate_that_the_crop_would_cut_is_refused():
    candidate = np.ones((4, 40), bool)
    with pytest.raises(BadDataError, match=r"spans 40\.0 mm in this slice, the network sees 32 mm"):
        slice_channels(np.zeros((4, 40)), candidate, None, (1.0, 1.0), WITHOUT_MAP)


def test_an_empty_candidate_is_refused():
    with pytest.raises(BadDataError, match="no pixel"):
        slice_channels(np.zeros((4, 4)), np.zeros((4, 4), bool), None, (1.0, 1.0), WITHOUT_MAP)


def test_a_missing_uncertainty_map_is_said():
    with pytest.raises(ValueError, match="no uncertainty map is given"):
        slice_channels(np.zeros((4, 4)), np.ones((4, 4), bool), None, (1.0, 1.0), WITH_MAP)


@pytest.mark.parametrize("change", [{"window": (5.0, 5.0)}, {"side_px": 16}, {"pixel_mm": 0.0}, {"margin_mm": -1.0}])
def test_an_impossible_crop_is_refused(change):
    with pytest.raises(ValueError, match="is no crop"):
        SliceCrop(**{"window": (0.0, 1.0), "uncertainty": False, **change})


def test_slices_of_another_crop_are_refused():
    slices, _, _ = discs(2, WITH_MAP)
    with pytest.raises(ValueError, match=r"\(n, 2, 32, 32\) is needed: image, candidate by"):
        trained(WITHOUT_MAP, epochs=1).predict(slices)


def test_a_target_that_is_no_dice_is_refused():
    slices, target, patients = discs(4, WITH_MAP)
    target[1] = np.nan
    with pytest.raises(ValueError, match="not in 0 to 1"):
        fit_resnet(slices, target, patients, WITH_MAP, ResNetTraining(width=4), device="cpu")


def test_one_patient_cannot_be_split_for_validation():
    slices, target, _ = discs(4, WITH_MAP)
    with pytest.raises(ValueError, match="1 patient cannot be split"):
        fit_resnet(slices, target, ["one"] * 4, WITH_MAP, ResNetTraining(width=4), device="cpu")


@pytest.fixture(scope="module")
def network() -> ResNet:
    return trained()


def test_a_saved_network_predicts_exactly_as_before(network, tmp_path):
    save_resnet(tmp_path / "simulated.npz", network, CARD)
    read, card = load_resnet(tmp_path / "simulated.npz")
    slices, _, _ = discs(8, WITH_MAP)
    assert np.array_equal(read.predict(slices), network.predict(slices))
    assert card == CARD
    assert read.crop == WITH_MAP


def test_the_same_network_is_the_same_file(network, tmp_path):
    for name in ("one.npz", "two.npz"):
        save_resnet(tmp_path / name, network, CARD)
    assert (tmp_path / "one.npz").read_bytes() == (tmp_path / "two.npz").read_bytes()


def changed(network, tmp_path, **arrays):
    """Return the path of a saved network with some of its arrays replaced; None leaves one out."""
    save_resnet(tmp_path / "whole.npz", network, CARD)
    with np.load(tmp_path / "whole.npz") as archive:
        kept = {name: archive[name] for name in archive.files}
    kept.update(arrays)
    np.savez(tmp_path / "changed.npz", **{name: array for name, array in kept.items() if array is not None})
    return tmp_path / "changed.npz"


def test_a_file_with_wrong_arrays_is_refused_with_every_fault(network, tmp_path):
    wrong = {
        "entry.0.weight": np.zeros((4, 2, 7, 7), np.float16),
        "linear.weight": None,
        "linear.bias": np.zeros(1),
        "input_sd": np.full((3, 1, 1), np.nan, np.float32),
        "more": np.zeros(1),
    }
    with pytest.raises(BadDataError) as raised:
        load_resnet(changed(network, tmp_path, **wrong))
    for fault in (
        r"entry.0.weight: float16 (4, 2, 7, 7), float16 (4, 3, 7, 7) is needed",
        "linear.weight: missing",
        "linear.bias: float64 (1,), float32 (1,) is needed",
        "input_sd: has values that are not finite numbers",
        "more: unknown",
    ):
        assert fault in raised.value.found


def test_arrays_of_python_objects_are_refused(network, tmp_path):
    with pytest.raises(BadDataError, match=r"linear\.bias: unreadable"):
        load_resnet(changed(network, tmp_path, **{"linear.bias": np.array([{"run": "me"}], object)}))


def header_with(network, old, new):
    header = resnet_file._Header("segqc-difficulty-resnet", 1, CARD, network.crop, network.width, None)
    text = to_json(header)
    assert old in text
    return np.frombuffer(text.replace(old, new).encode(), np.uint8)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"simulated": true', '"simulated": "perhaps"', "card.simulated"),
        ('"side_px": 32', '"side_px": 8', "is no crop"),
        ('"width": 4', '"width": 4000', "width of 4000"),
        ("segqc-difficulty-resnet", "something-else", "format"),
        ('"version": 1', '"version": 2', "version"),
    ],
)
def test_a_header_that_contradicts_itself_is_refused(network, tmp_path, old, new, message):
    with pytest.raises(BadDataError, match=message):
        load_resnet(changed(network, tmp_path, header=header_with(network, old, new)))


def test_a_header_of_python_objects_is_refused(network, tmp_path):
    with pytest.raises(BadDataError, match="header that cannot be read"):
        load_resnet(changed(network, tmp_path, header=np.array([{"run": "me"}], object)))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 cut short", b"{}"])
def test_a_file_of_another_kind_is_refused(tmp_path, content):
    (tmp_path / "other.npz").write_bytes(content)
    with pytest.raises(BadDataError, match="is not an npz file"):
        load_resnet(tmp_path / "other.npz")


def test_a_single_array_is_refused(tmp_path):
    np.save(tmp_path / "array.npy", np.zeros(3))
    with pytest.raises(BadDataError, match="a single array"):
        load_resnet(tmp_path / "array.npy")


def test_the_shipped_example_says_that_it_is_simulated():
    path = resource("Models/simulated-lesion-resnet.npz")
    _, card = load_resnet(path)
    assert card.simulated
    assert "simulated" in path.name
    assert "simulated readers" in card.study
    assert path.stat().st_size < 1_000_000


def test_the_shipped_example_is_nearer_than_the_mean_on_lesions_it_was_not_trained_on(totalsegmentator):
    network, _ = load_resnet(resource("Models/simulated-lesion-resnet.npz"))
    seen_with_another_seed = simulate_study(host_scans(totalsegmentator), patients=6, slices_per_patient=8, seed=2026)
    slices = [one for made in seen_with_another_seed for one in slices_of(made)]
    target = np.array([agreement_target(one.readers, PAPER_TARGET) for one in slices])
    channels = [slice_channels(one.image, one.candidate, one.uncertainty, one.spacing_mm, network.crop) for one in slices]
    error = np.abs(network.predict(np.stack(channels)) - target).mean()
    assert error < np.abs(target - target.mean()).mean()
