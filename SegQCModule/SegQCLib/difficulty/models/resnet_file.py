"""A trained ResNet as a file: npz arrays that are read without pickle, and a header in JSON that says what it is."""

from __future__ import annotations

import zipfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from SegQCLib.dataclass_json import FaultyJSONError, from_json, to_json
from SegQCLib.difficulty.models.resnet import ResNet
from SegQCLib.difficulty.models.resnet_network import build_network
from SegQCLib.difficulty.models.slice_crop import SliceCrop
from SegQCLib.errors import BadDataError

_HEADER = "header"
_REMEDY = "Use a file that save_resnet wrote, or copy it again."


@dataclass(frozen=True)
class ResNetCard:
    """What a person has to know of a trained network."""

    id: str = field(metadata={"doc": "Unique name of the network."})
    structure: str = field(metadata={"doc": "What was outlined, in words."})
    modality: str = field(metadata={"doc": "DICOM Modality (0008,0060), for example CT."})
    target: str = field(metadata={"doc": "Definition of the agreement that is predicted."})
    study: str = field(
        metadata={"doc": "What it was trained on: where images and readers come from, how many patients and slices."}
    )
    simulated: bool = field(metadata={"doc": "Whether readers or images of the study are simulated."})
    licence: str = field(metadata={"doc": "Of the study and of the network."})
    date: str = field(metadata={"doc": "When it was trained, YYYY-MM-DD."})
    mae: float | None = field(
        metadata={"doc": "Mean absolute error of the Dice on patients outside the training; null if unknown."}
    )
    mae_definition: str = field(metadata={"doc": "How that error was measured, and on what."})
    trained_with: str = field(metadata={"doc": "Settings, seed and version of torch."})


@dataclass(frozen=True)
class _Header:
    """The JSON beside the arrays."""

    format: Literal["segqc-difficulty-resnet"]
    version: Literal[1]
    card: ResNetCard
    crop: SliceCrop
    width: int
    validation_mae: float | None


def save_resnet(path: Path, network: ResNet, card: ResNetCard) -> None:
    """Write the network and its card to an .npz file; the same network gives the same bytes."""
    header = _Header("segqc-difficulty-resnet", 1, card, network.crop, network.width, network.validation_mae)
    packed = np.frombuffer(to_json(header).encode(), np.uint8)
    with path.open("wb") as file:
        np.savez_compressed(file, **{_HEADER: packed}, **network.arrays)


def load_resnet(path: Path) -> tuple[ResNet, ResNetCard]:
    """Return the network and its card from a file of `save_resnet`.

    Raises
    ------
    BadDataError
        If the file is not one, with every fault: arrays that are missing, unknown, of another shape or type, or not finite.
        Nothing in the file is run: arrays of Python objects are refused.
    FileNotFoundError
    """
    try:
        archive = np.load(path, allow_pickle=False)
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise BadDataError(path, f"is not an npz file ({error}).", _REMEDY) from error
    if not isinstance(archive, np.lib.npyio.NpzFile):
        raise BadDataError(path, "is a single array, not an npz file.", _REMEDY)
    with archive:
        header = _header(path, archive)
        needed = _needed_arrays(header)
        faults: list[str] = []
        arrays = {name: _array(archive, name, *kind, faults) for name, kind in needed.items()}
        faults.extend(f"{name}: unknown" for name in sorted(set(archive.files) - set(needed) - {_HEADER}))
    if faults:
        shown = "; ".join(faults[:10]) + (f"; and {len(faults) - 10} more" if len(faults) > 10 else "")
        raise BadDataError(path, f"is not a usable network: {shown}.", _REMEDY)
    return ResNet(header.crop, header.width, arrays, header.validation_mae), header.card


def _header(path: Path, archive: np.lib.npyio.NpzFile) -> _Header:
    if _HEADER not in archive.files:
        raise BadDataError(path, "has no header.", _REMEDY)
    try:
        packed = archive[_HEADER]
        text = packed.tobytes().decode()
        header = from_json(_Header, text)
    except FaultyJSONError as error:
        raise BadDataError(path, f"has a header that cannot be used:\n{error}\n", _REMEDY) from error
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        raise BadDataError(path, f"has a header that cannot be read ({error}).", _REMEDY) from error
    if not 4 <= header.width <= 256:
        raise BadDataError(path, f"has a width of {header.width}; 4 to 256 is allowed.", _REMEDY)
    return header


def _needed_arrays(header: _Header) -> dict[str, tuple[tuple[int, ...], type]]:
    """Return shape and type of each array of a network, by name."""
    import torch

    with torch.device("meta"):  # shapes without memory
        network = build_network(len(header.crop.channels), header.width)
    return {
        name: (tuple(value.shape), np.float16 if value.ndim == 4 else np.float32)
        for name, value in network.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }


def _array(archive: np.lib.npyio.NpzFile, name: str, shape: tuple[int, ...], kind: type, faults: list[str]) -> NDArray | None:
    if name not in archive.files:
        faults.append(f"{name}: missing")
        return None
    try:
        array = archive[name]
    except (ValueError, EOFError, zipfile.BadZipFile) as error:
        faults.append(f"{name}: unreadable ({error})")
        return None
    if array.shape != shape or array.dtype != kind:
        faults.append(f"{name}: {array.dtype} {array.shape}, {np.dtype(kind)} {shape} is needed")
        return None
    if not np.isfinite(array).all():
        faults.append(f"{name}: has values that are not finite numbers")
        return None
    return array
