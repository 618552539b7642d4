"""Probability and uncertainty maps of a draft: nnU-Net's .npz of class probabilities, or an image of numbers."""

from __future__ import annotations

import re
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from SegQCLib.case import Acquisition, FileSource, Volume
from SegQCLib.errors import BadDataError
from SegQCLib.geometry import Geometry
from SegQCLib.hashing import sha256_of
from SegQCLib.images import read_image

_IMAGE_ENDINGS = (".nii.gz", ".nii", ".nrrd", ".mha", ".mhd")
_WORDS = re.compile(r"uncertain|entropy|probab|(?:^|[_.-])prob|softmax|varianc|confidence|std(?:ev)?(?:[_.-]|$)", re.IGNORECASE)
# Half-precision probabilities of a hundred classes add up to 1 within this.
_SUM_TOLERANCE = 0.02


@dataclass(frozen=True, eq=False)
class UncertaintyMap:
    """A map and what its numbers mean.

    Attributes
    ----------
    volume : Volume
    meaning : str
        For people, with unit where it has one.
    """

    volume: Volume
    meaning: str


def maps_beside(path: Path) -> tuple[Path, ...]:
    """Return the files beside a draft that look like its maps: `case.npz`, `case_uncertainty.nii.gz` ... Nothing is opened."""
    case = path.name.partition(".")[0]
    return tuple(
        other
        for other in sorted(path.parent.iterdir())
        if other != path
        and other.is_file()
        and other.name.startswith(case)
        and (
            other.name == f"{case}.npz"
            or (other.name.lower().endswith(_IMAGE_ENDINGS) and _WORDS.search(other.name[len(case) :]) is not None)
        )
    )


def read_map(path: Path, draft_geometry: Geometry | None) -> UncertaintyMap:
    """Return a map as a volume.

    Parameters
    ----------
    path : Path
        nnU-Net's .npz with `probabilities` (classes, k, j, i), which becomes the entropy of its classes;
        or an image (NIfTI, NRRD, MetaImage), whose numbers are shown as they are.
    draft_geometry : Geometry
        The grid of the label map file that an .npz belongs to: it has none of its own. None: unknown.

    Raises
    ------
    BadDataError
        If the file is damaged, or an .npz is of another image or not of exclusive classes.
    """
    if path.suffix.lower() == ".npz":
        if draft_geometry is None:
            raise BadDataError(
                path, "has no grid of its own.", "Import the draft from the label map that nnU-Net wrote with it; then add the map."
            )
        entropy = entropy_bits(_probabilities(path, draft_geometry), str(path))
        return UncertaintyMap(
            Volume(entropy, draft_geometry, source=FileSource(str(path), sha256_of(path))),
            "Entropy of the class probabilities, bit (0 is certain)",
        )
    volume = read_image(path)
    if not np.isfinite(volume.array).all():
        raise BadDataError(path, "has voxels without a value (NaN or infinite).", "Export the map again.")
    low, high = float(volume.array.min()), float(volume.array.max())
    meaning = "Share, 0 to 1" if low >= 0 and high <= 1 else f"Numbers as the file has them, {low:.3g} to {high:.3g}, no unit given"
    return UncertaintyMap(Volume(volume.array, volume.geometry, Acquisition(), volume.source), meaning)


def entropy_bits(probabilities: NDArray[np.floating], where: str) -> NDArray[np.float32]:
    """Return the Shannon entropy of each voxel's class probabilities in bits: -sum p log2 p.

    Parameters
    ----------
    probabilities : ndarray of float, shape (classes, k, j, i)
        0 to 1, adding up to 1 over the classes.
    where : str
        Where they are from, for messages.

    Returns
    -------
    ndarray of float32, shape (k, j, i)
        0 (one class is certain) to log2 of the number of classes (all are alike).

    Raises
    ------
    BadDataError
        If the numbers are no probabilities of exclusive classes.
    """
    total = np.zeros(probabilities.shape[1:], np.float32)
    entropy = np.zeros(probabilities.shape[1:], np.float32)
    for one_class in probabilities:
        p = one_class.astype(np.float32)
        if not (p.min() >= 0 and p.max() <= 1 + _SUM_TOLERANCE):
            raise BadDataError(
                where, "has numbers outside 0 to 1, which are no probabilities.", "Save nnU-Net's probabilities again."
            )
        total += p
        entropy -= p * np.log2(np.maximum(p, np.finfo(np.float32).tiny))
    off = float(np.abs(total - 1).max())
    if off > _SUM_TOLERANCE:
        raise BadDataError(
            where,
            f"has probabilities that do not add up to 1 (off by up to {off:.2g}): its classes are regions that overlap.",
            "An entropy is defined for classes that exclude each other. Give a map that your model wrote as an image.",
        )
    return np.maximum(entropy, 0, out=entropy)


def _probabilities(path: Path, geometry: Geometry) -> NDArray[np.floating]:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            # nnU-Net 1 called it softmax.
            name = next((name for name in ("probabilities", "softmax") if name in arrays.files), None)
            if name is None:
                found = ", ".join(arrays.files) or "nothing"
                raise BadDataError(path, f"has no array 'probabilities' but {found}.", "Give the .npz that nnU-Net wrote.")
            probabilities = arrays[name]
    except (OSError, ValueError, zipfile.BadZipFile, EOFError, MemoryError) as error:
        raise BadDataError(path, f"cannot be read as nnU-Net's probabilities ({error}).", "Copy or export it again.") from error
    if probabilities.ndim != 4 or not np.issubdtype(probabilities.dtype, np.floating) or probabilities.shape[1:] != geometry.size:
        shape = " x ".join(map(str, probabilities.shape))
        wanted = " x ".join(map(str, geometry.size))
        raise BadDataError(
            path,
            f"has an array of {shape}; classes x {wanted} (k x j x i) as in the draft's label map are needed.",
            "Give the .npz that nnU-Net wrote with this label map.",
        )
    return probabilities
