import numpy as np
import pytest

from SegQCLib.difficulty.models.ensemble import best_of, ensemble


def test_the_ensemble_is_the_mean_of_its_models():
    assert ensemble({"ridge": np.array([0.6, 0.8]), "resnet": np.array([0.7, 0.4])}) == pytest.approx([0.65, 0.6])


def test_models_with_opposite_errors_are_better_together():
    target = np.array([0.7, 0.7])
    ridge, resnet = target + 0.06, target - 0.04
    assert np.abs(ensemble({"ridge": ridge, "resnet": resnet}) - target).mean() == pytest.approx(0.01)


def test_the_best_has_the_lowest_mean_absolute_error():
    target = np.array([0.5, 0.5, 0.5])
    # Squared errors would choose the other one: 0.03 against 0.04.
    predictions = {"even": np.array([0.6, 0.6, 0.6]), "once": np.array([0.5, 0.5, 0.7])}
    assert best_of(predictions, target) == "once"


def test_of_equal_models_the_first_is_chosen():
    assert best_of({"without map": np.zeros(2), "with map": np.zeros(2)}, np.ones(2)) == "without map"


@pytest.mark.parametrize("predictions", [{}, {"ridge": np.zeros(2)}])
def test_fewer_than_two_models_are_no_ensemble(predictions):
    with pytest.raises(ValueError, match="two models are needed"):
        ensemble(predictions)


@pytest.mark.parametrize("wrong", [np.zeros(3), np.zeros((2, 1)), np.array([0.5, np.nan])])
def test_predictions_that_do_not_fit_are_named(wrong):
    predictions = {"ridge": np.zeros(2), "resnet": wrong}
    with pytest.raises(ValueError, match="resnet predicts"):
        ensemble(predictions)
    with pytest.raises(ValueError, match="resnet predicts"):
        best_of(predictions, np.zeros(2))


def test_there_is_no_best_of_nothing():
    with pytest.raises(ValueError, match="No predictions"):
        best_of({}, np.zeros(0))
