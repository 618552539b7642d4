"""One segmentation out of several readers': by STAPLE or by majority, both of them SimpleITK's."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from SegQCLib.agreement.disagreement import Holders, holders_of
from SegQCLib.agreement.readers_of_case import ReadersOfCase
from SegQCLib.agreement.structures import Structure
from SegQCLib.algorithm_type import AlgorithmType
from SegQCLib.case import Box, Segment, Segmentation
from SegQCLib.errors import BadDataError
from SegQCLib.metrics.label_planes import foreground_box
from SegQCLib.progress import Progress, counted, unwatched

Method = Literal["STAPLE", "majority"]
# ITK stops by itself when nothing changes; on noisy outlines the last digits creep for hundreds of rounds.
MOST_ITERATIONS = 200
# A probability this close to a half says nothing for either side.
_UNDECIDED = 1e-6
_MARGIN_VOXELS = 1
# Longer lists of names make a name that no window shows; the summary has them all.
_MOST_NAMED = 3

HOW = {
    "STAPLE": (
        "STAPLE (Warfield et al., IEEE Trans Med Imaging 2004;23:903-921) by SimpleITK, for each structure alone: a voxel belongs"
        " to it if its probability is above 0.5. Its foreground prior is the mean share that the readers' segments fill of the box"
        f" around all of them, {_MARGIN_VOXELS} voxel wider on each side (ConfidenceWeight 1), and specificity is that inside this"
        " box. The box matters: in the whole image nearly everything is background that all agree on, specificities come near to 1,"
        " a single reader's voxel weighs more, and voxels that a minority drew come in"
        " (Hamzaoui et al., MELBA 2023:013)."
    ),
    "majority": (
        "Majority voting by SimpleITK (LabelVotingImageFilter), for each structure alone: a voxel belongs to it if more than half"
        " of the readers drew it. Ties of an even number of readers are undecided and do not belong to it."
    ),
}


@dataclass(frozen=True)
class ReaderPerformance:
    """A reader against the consensus, as STAPLE estimates it inside the box of the structure. null: nobody drew it."""

    reader: str = field(metadata={"doc": "Name of the reader."})
    sensitivity: float | None = field(metadata={"doc": "How much of the consensus the reader drew, 0 to 1."})
    specificity: float | None = field(metadata={"doc": "How much of the rest of the box the reader left out, 0 to 1."})


@dataclass(frozen=True)
class StructureConsensus:
    """The consensus on one structure."""

    structure: str = field(metadata={"doc": "Name of the structure."})
    readers: tuple[str, ...] = field(
        metadata={"doc": "Whose segments it is made of. One without a segment for it counts as one who drew nothing."}
    )
    left_out: tuple[str, ...] = field(metadata={"doc": "Readers who are outliers of this structure."})
    voxels: int = field(metadata={"doc": "Its voxels."})
    volume_ml: float = field(metadata={"doc": "Its volume, mL."})
    undecided_voxels: int = field(
        metadata={"doc": "Drawn by exactly half of the readers (majority) or with probability one half (STAPLE): not part of it."}
    )
    prior: float | None = field(metadata={"doc": "STAPLE's foreground prior: the mean share of the box that readers drew."})
    iterations: int | None = field(metadata={"doc": "STAPLE's rounds."})
    performance: tuple[ReaderPerformance, ...] = field(metadata={"doc": "Each reader against it; empty for majority voting."})


@dataclass(frozen=True)
class ConsensusSummary:
    """A consensus without its voxels."""

    method: Method = field(metadata={"doc": "STAPLE or majority."})
    how: str = field(metadata={"doc": "The method in sentences."})
    readers: tuple[str, ...] = field(metadata={"doc": "Who took part."})
    anchoring: str = field(metadata={"doc": "What these readers saw of AI, in words."})
    structures: tuple[StructureConsensus, ...] = field(metadata={"doc": "One for each structure."})


@dataclass(frozen=True, eq=False)
class Consensus:
    """One segmentation out of several.

    Attributes
    ----------
    segmentation : Segmentation
        On the case's grid. Its segments are SEMIAUTOMATIC: a program computed them from what persons drew. They are not
        AUTOMATIC, because no model saw the image and persons drew every voxel of it, and not MANUAL, because nobody drew
        this outline.
    summary : ConsensusSummary
    """

    segmentation: Segmentation
    summary: ConsensusSummary


def consensus(
    case: ReadersOfCase,
    method: Method = "STAPLE",
    *,
    readers: Collection[str] | None = None,
    outliers: Mapping[str, Collection[str]] | None = None,
    progress: Progress = unwatched,
) -> Consensus:
    """Return the consensus of readers on every structure.

    Parameters
    ----------
    case : ReadersOfCase
    method : {"STAPLE", "majority"}
    readers : collection of str, optional
        Who takes part; default: all.
    outliers : mapping of structure to names of readers, optional
        Readers who are left out of one structure, see `outliers_by_structure`.
    progress : Progress

    Raises
    ------
    ValueError
        If fewer than two readers take part or a name is unknown.
    BadDataError
        If `readers` is not given, and some readers saw an AI result and others did not: a consensus of both leans towards the AI.
    """
    if method not in HOW:
        raise ValueError(f"method is {method!r}; STAPLE and majority are known.")
    if readers is None:
        _require_one_kind(case)
        chosen = case.names
    else:
        unknown = sorted(set(readers) - set(case.names))
        if unknown:
            raise ValueError(f"No reader is called {', '.join(unknown)}; there are {', '.join(case.names)}.")
        chosen = tuple(name for name in case.names if name in readers)
    if len(chosen) < 2:
        raise ValueError(f"A consensus needs two readers or more; {len(chosen)} take part.")
    layers: list[NDArray[np.integer]] = []
    segments, found = [], []
    for number, structure in enumerate(counted(progress, f"{method} consensus", case.structures), start=1):
        left_out = tuple(name for name in chosen if name in (outliers or {}).get(structure.name, ()))
        voters = tuple(name for name in chosen if name not in left_out)
        held = holders_of(case, structure.name)
        mask, box, one = _decided(case, structure.name, held, voters, left_out, method)
        layer = _painted(layers, case, mask, box, number)
        segments.append(_segment(structure, number, layer, method, len(voters)))
        found.append(one)
    if not layers:
        layers.append(np.zeros(case.geometry.size, np.uint8))
    who = ", ".join(chosen) if len(chosen) <= _MOST_NAMED else f"{len(chosen)} readers"
    name = f"{'STAPLE' if method == 'STAPLE' else 'Majority'} consensus of {who}"
    segmentation = Segmentation(name, case.geometry, tuple(layers), tuple(segments))
    return Consensus(segmentation, ConsensusSummary(method, HOW[method], chosen, _seen(case, chosen), tuple(found)))


def _seen(case: ReadersOfCase, chosen: Sequence[str]) -> str:
    kinds = {reader.ai_anchored for reader in case.readers if reader.name in chosen}
    if kinds == {True}:
        return "AI-anchored: all of them saw an AI result, and agree partly because of it"
    if kinds == {False}:
        return "AI-free: none of them saw an AI result"
    return "mixed: some of them saw an AI result" if True in kinds else "it is not known of all whether they saw an AI result"


def _require_one_kind(case: ReadersOfCase) -> None:
    anchored = [reader.name for reader in case.readers if reader.ai_anchored]
    free = [reader.name for reader in case.readers if reader.ai_anchored is False]
    if anchored and len(anchored) < len(case.readers):
        others = free or [reader.name for reader in case.readers if not reader.ai_anchored]
        raise BadDataError(
            "consensus",
            f"{', '.join(anchored)} saw an AI result of this case; {', '.join(others)} did not, or nobody knows. A consensus of"
            " both leans towards the AI.",
            "Say whose consensus it is to be: that of the AI-free readers, of the AI-anchored ones, or of all.",
        )


def _decided(
    case: ReadersOfCase, structure: str, held: Holders | None, voters: Sequence[str], left_out: tuple[str, ...], method: Method
) -> tuple[NDArray[np.bool_] | None, Box | None, StructureConsensus]:
    numbers = [case.names.index(name) for name in voters]
    # Around the voters' voxels alone: an outlier's, far away, would make the box larger and the prior smaller.
    around = None if held is None else foreground_box(held.code & sum(1 << n for n in numbers), 1)
    if around is None:
        performance = tuple(ReaderPerformance(name, None, None) for name in voters) if method == "STAPLE" else ()
        return None, None, StructureConsensus(structure, tuple(voters), left_out, 0, 0.0, 0, None, None, performance)
    masks = [np.pad((held.code[around] >> n & 1).astype(np.uint8), _MARGIN_VOXELS) for n in numbers]
    images = [sitk.GetImageFromArray(mask) for mask in masks]
    prior, iterations, performance = None, None, ()
    if method == "STAPLE":
        staple = sitk.STAPLEImageFilter()
        staple.SetForegroundValue(1)
        staple.SetMaximumIterations(MOST_ITERATIONS)
        share = sitk.GetArrayFromImage(staple.Execute(images))
        undecided = np.abs(share - 0.5) <= _UNDECIDED
        belongs = (share > 0.5) & ~undecided
        prior = float(np.mean([mask.mean() for mask in masks]))
        iterations = int(staple.GetElapsedIterations())
        performance = tuple(map(ReaderPerformance, voters, staple.GetSensitivity(), staple.GetSpecificity()))
    else:
        votes = sitk.GetArrayFromImage(sitk.LabelVoting(images, 2))
        belongs, undecided = votes == 1, votes == 2
    inside = (slice(_MARGIN_VOXELS, -_MARGIN_VOXELS),) * 3
    mask = belongs[inside]
    voxels = int(np.count_nonzero(mask))
    return (
        mask,
        tuple(slice(h.start + a.start, h.start + a.stop) for h, a in zip(held.box, around, strict=True)),
        StructureConsensus(
            structure=structure,
            readers=tuple(voters),
            left_out=left_out,
            voxels=voxels,
            volume_ml=voxels * case.geometry.voxel_volume_mm3 / 1000,
            undecided_voxels=int(np.count_nonzero(undecided)),
            prior=prior,
            iterations=iterations,
            performance=performance,
        ),
    )


def _painted(
    layers: list[NDArray[np.integer]], case: ReadersOfCase, mask: NDArray[np.bool_] | None, box: Box | None, value: int
) -> int:
    """Paint a structure on the first layer where it fits, and return which: structures that overlap share none."""
    if mask is None:
        return 0
    for number, layer in enumerate(layers):
        part = layer[box]
        if not part[mask].any():
            part[mask] = value
            return number
    layers.append(np.zeros(case.geometry.size, np.uint8 if len(case.structures) < 256 else np.uint16))
    layers[-1][box][mask] = value
    return len(layers) - 1


def _segment(structure: Structure, value: int, layer: int, method: Method, voters: int) -> Segment:
    drawn = [segment for segment in structure.segments if segment is not None]
    return replace(
        drawn[0],
        # What was made from training drafts is for training too.
        training_set=next((segment.training_set for segment in drawn if segment.training_set is not None), None),
        id=f"consensus-{value}",
        name=structure.name,
        label_value=value,
        layer=layer,
        status=None,
        algorithm_type=str(AlgorithmType.SEMIAUTOMATIC),
        algorithm_name=f"{method} consensus of {voters} readers",
        algorithm_version=f"SimpleITK {sitk.Version_VersionString()}",
        algorithm_parameters=None,
        algorithm_family=None,
    )
