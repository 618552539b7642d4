"""The paper's ResNet: the mean Dice among readers, predicted from the slice itself instead of from descriptors."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from SegQCLib.difficulty.models.resnet_network import build_network
from SegQCLib.difficulty.models.slice_crop import SliceCrop
from SegQCLib.progress import Progress, unwatched

if TYPE_CHECKING:
    import torch

# Augmentation: small enough that readers would outline the slice as before.
_LARGEST_SHIFT_PX = 4
_LARGEST_NOISE = 0.02
# Errors of more Dice than this count linearly: where readers disagreed by chance, a slice does not lead the training.
_HUBER_LIMIT = 0.05
_PREDICTED_AT_ONCE = 64


@dataclass(frozen=True)
class ResNetTraining:
    """How a network is trained: AdamW, Huber loss on the Dice, one random turn, mirroring, shift and noise per slice.

    Attributes
    ----------
    width : int
        Channels after the entry, 4 or more: 64 in He et al., 8 to 16 for a CPU.
    epochs : int
        Passes over the training slices.
    batch : int
        Slices per step.
    learning_rate : float
        Reached at the end of the first epoch; it falls along half a cosine to 0 at the end of the last.
    weight_decay : float
        On convolutions and the linear layer.
    validation_share : float
        Share of the patients, in [0, 1), held out to choose the epoch that is kept; 0 keeps the last.
    patience : int
        Epochs without a lower validation error after which training ends.
    seed : int
        Of everything random. On a CPU the same seed and number of threads give the same network.
    """

    width: int = 16
    epochs: int = 60
    batch: int = 32
    learning_rate: float = 2e-3
    weight_decay: float = 0.02
    validation_share: float = 0.2
    patience: int = 20
    seed: int = 0

    def __post_init__(self) -> None:
        if self.width < 4 or self.epochs < 1 or self.batch < 2 or self.patience < 1 or not 0 <= self.validation_share < 1:
            raise ValueError(
                f"{self} is no training: width must be 4 or more, epochs and patience 1 or more, batch 2 or more,"
                " validation_share in [0, 1)."
            )


@dataclass(frozen=True)
class ResNet:
    """A trained network.

    Attributes
    ----------
    crop : SliceCrop
        How a slice becomes its input.
    width : int
        Channels after the entry.
    arrays : dict of str to ndarray
        Weights by name; convolutions as float16, everything else as float32.
    validation_mae : float or None
        Mean absolute error of the Dice on the validation patients. The epoch was chosen by it, so it flatters: errors to
        report come from patients outside the training. None where no patients were held out.
    """

    crop: SliceCrop
    width: int
    arrays: dict[str, NDArray]
    validation_mae: float | None

    def predict(self, slices: NDArray, *, device: str | None = None) -> NDArray[np.float64]:
        """Return the mean pairwise Dice predicted for each slice, 0 to 1.

        Parameters
        ----------
        slices : ndarray, shape (n, channel, side, side)
            `slice_channels` of each slice with this network's crop.
        device : str or None
            What torch calls it, for example cpu or cuda; None takes a GPU where there is one.

        Raises
        ------
        ValueError
            If the slices have other channels or another size.
        """
        import torch

        _require_slices(slices, self.crop)
        network = build_network(len(self.crop.channels), self.width)
        weights = {name: torch.from_numpy(array.astype(np.float32)) for name, array in self.arrays.items()}
        network.load_state_dict(weights, strict=False)  # torch's own counters of batches are not kept
        return _predicted(network.to(_device(device)), slices)


def fit_resnet(
    slices: NDArray,
    target: NDArray[np.float64],
    patients: Sequence[str],
    crop: SliceCrop,
    training: ResNetTraining,
    *,
    device: str | None = None,
    progress: Progress = unwatched,
) -> ResNet:
    """Train a network on slices that several readers outlined.

    Parameters
    ----------
    slices : ndarray of float, shape (n, channel, side, side)
        `slice_channels` of each slice with `crop`.
    target : ndarray of float64, shape (n,)
        Agreement to predict, 0 to 1.
    patients : sequence of str
        Patient of each slice: validation patients share no slice with those trained on.
    crop : SliceCrop
    training : ResNetTraining
    device : str or None
        What torch calls it, for example cpu or cuda; None takes a GPU where there is one. On a GPU, training repeats only
        up to rounding.
    progress : Progress

    Raises
    ------
    ValueError
        If lengths or shapes do not fit, values are not finite or outside 0 to 1, or too few patients are there to hold
        any out.
    Cancelled
        Out of `progress`.
    """
    import torch

    _require_study(slices, target, patients, crop)
    random = np.random.default_rng(training.seed)
    held_out = _validation_rows(patients, training.validation_share, random)
    rows = np.flatnonzero(~held_out)
    if len(rows) < 2:
        raise ValueError(f"{len(rows)} slices are left to train on; two or more are needed.")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(training.seed)
        network = build_network(len(crop.channels), training.width)
    _prepare(network, slices[rows], target[rows])
    network.to(_device(device), memory_format=torch.channels_last)  # a tenth faster on a CPU
    optimizer = torch.optim.AdamW(_parameter_groups(network, training.weight_decay), lr=training.learning_rate, fused=True)
    batches = math.ceil(len(rows) / training.batch)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step, batches, training.epochs))
    best_mae, best_epoch, best = math.inf, 0, None
    words = "Training"
    for epoch in range(training.epochs):
        progress(f"{words}: epoch {epoch + 1} of {training.epochs}", epoch / training.epochs)
        network.train()
        # Batches of nearly equal size: one left over with a single slice would have no variance to normalise by.
        for chosen in np.array_split(random.permutation(rows), batches):
            _step(network, augmented(slices[chosen], random), target[chosen], optimizer)
            schedule.step()
        if not held_out.any():
            continue
        mae = float(np.abs(_predicted(network, slices[held_out]) - target[held_out]).mean())
        words = f"Training, mean absolute error on validation patients {mae:.4f} Dice"
        if mae < best_mae:
            best_mae, best_epoch, best = mae, epoch, copy.deepcopy(network.state_dict())
        elif epoch - best_epoch >= training.patience:
            break
    state = network.state_dict() if best is None else best
    return ResNet(crop, training.width, _stored(state), None if best is None else best_mae)


def augmented(slices: NDArray, random: np.random.Generator) -> NDArray[np.float32]:
    """Return the slices turned by a random multiple of 90 degrees, mirrored or not, shifted, and with noise in the image.

    All channels of a slice are moved alike. Shifts are up to 4 pixels along each axis, and what comes in is as beyond the
    field of view: 0. The noise is normal and its standard deviation uniform from 0 to 0.02 of the window, per slice.
    """
    moved = np.zeros(slices.shape, np.float32)
    side = slices.shape[-1]
    for number, original in enumerate(slices):
        turned = np.rot90(original, random.integers(4), axes=(-2, -1))
        if random.integers(2):
            turned = turned[..., ::-1]
        down, right = random.integers(-_LARGEST_SHIFT_PX, _LARGEST_SHIFT_PX + 1, size=2)
        to_j, from_j = _shifted(down, side)
        to_i, from_i = _shifted(right, side)
        moved[number, :, to_j, to_i] = turned[:, from_j, from_i]
        noise = random.standard_normal((side, side), np.float32) * np.float32(random.uniform(0, _LARGEST_NOISE))
        moved[number, 0] = np.clip(moved[number, 0] + noise, 0, 1)
    return moved


def _shifted(by: int, side: int) -> tuple[slice, slice]:
    return slice(max(0, by), side + min(0, by)), slice(max(0, -by), side - max(0, by))


def _device(chosen: str | None) -> torch.device:
    import torch

    return torch.device(chosen or ("cuda" if torch.cuda.is_available() else "cpu"))


def _predicted(network: torch.nn.Module, slices: NDArray) -> NDArray[np.float64]:
    import torch

    network.eval()
    device = next(network.parameters()).device
    predicted = []
    with torch.inference_mode():
        for start in range(0, len(slices), _PREDICTED_AT_ONCE):
            part = torch.from_numpy(np.ascontiguousarray(slices[start : start + _PREDICTED_AT_ONCE], np.float32))
            predicted.append(torch.sigmoid(network(part.to(device))).cpu().numpy())
    return np.concatenate(predicted).astype(np.float64) if predicted else np.empty(0)


def _step(network: torch.nn.Module, slices: NDArray, target: NDArray, optimizer: torch.optim.Optimizer) -> None:
    import torch

    device = next(network.parameters()).device
    wanted = torch.from_numpy(target.astype(np.float32)).to(device)
    predicted = torch.sigmoid(network(torch.from_numpy(slices).to(device)))
    optimizer.zero_grad()
    torch.nn.functional.smooth_l1_loss(predicted, wanted, beta=_HUBER_LIMIT).backward()
    optimizer.step()


def _prepare(network: torch.nn.Module, slices: NDArray, target: NDArray) -> None:
    """Let the network start from the constant model: the mean agreement, whatever the slice."""
    import torch

    mean = slices.mean(axis=(0, 2, 3), dtype=np.float64)
    sd = slices.std(axis=(0, 2, 3), dtype=np.float64)
    sd[sd == 0] = 1  # a channel that never changes says nothing, and stays 0
    usual = float(np.clip(target.mean(), 0.01, 0.99))
    with torch.no_grad():
        network.input_mean[:, 0, 0] = torch.from_numpy(mean)
        network.input_sd[:, 0, 0] = torch.from_numpy(sd)
        torch.nn.init.zeros_(network.linear.weight)
        network.linear.bias.fill_(math.log(usual / (1 - usual)))


def _parameter_groups(network: torch.nn.Module, weight_decay: float) -> list[dict]:
    """Decay draws weights to 0; scale and offset of a normalisation have no reason to be small."""
    matrices = [parameter for parameter in network.parameters() if parameter.ndim > 1]
    others = [parameter for parameter in network.parameters() if parameter.ndim <= 1]
    return [{"params": matrices, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]


def _rate(step: int, batches: int, epochs: int) -> float:
    rise = min(1.0, (step + 1) / batches)
    return rise * 0.5 * (1 + math.cos(math.pi * min(1.0, step / (batches * epochs))))


def _stored(state: dict[str, torch.Tensor]) -> dict[str, NDArray]:
    # Rounded here rather than when saved, so that a network predicts the same before and after.
    return {
        name: value.cpu().numpy().astype(np.float16 if value.ndim == 4 else np.float32)
        for name, value in state.items()
        if not name.endswith("num_batches_tracked")
    }


def _validation_rows(patients: Sequence[str], share: float, random: np.random.Generator) -> NDArray[np.bool_]:
    names = np.array(sorted(set(patients)))
    if share == 0:
        return np.zeros(len(patients), bool)
    if len(names) < 2:
        raise ValueError(f"{len(names)} patient cannot be split for validation: give slices of two or more, or validation_share=0.")
    number = min(len(names) - 1, max(1, round(share * len(names))))
    return np.isin(patients, random.permutation(names)[:number])


def _require_slices(slices: NDArray, crop: SliceCrop) -> None:
    needed = (len(crop.channels), crop.side_px, crop.side_px)
    if slices.ndim != 4 or slices.shape[1:] != needed:
        raise ValueError(
            f"The slices are {slices.shape}; (n, {', '.join(map(str, needed))}) is needed: {', '.join(crop.channels)} by"
            " slice_channels with the network's crop."
        )


def _require_study(slices: NDArray, target: NDArray, patients: Sequence[str], crop: SliceCrop) -> None:
    _require_slices(slices, crop)
    if not len(slices) == len(target) == len(patients) or target.ndim != 1:
        raise ValueError(
            f"{len(slices)} slices, {target.shape} targets and {len(patients)} patients; one number of each is needed."
        )
    if not np.isfinite(slices).all():
        raise ValueError("A slice has values that are not finite numbers.")
    if not ((target >= 0) & (target <= 1)).all():  # false for NaN too
        raise ValueError("A target is not in 0 to 1: it is a mean Dice. Leave out slices whose agreement is undefined.")
