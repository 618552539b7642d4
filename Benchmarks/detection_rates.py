"""How many errors that were put into real segmentations the checks for technical errors find.

    python Benchmarks/detection_rates.py

The counterpart of alarm_rates.py: a check that never raises an alarm has no false ones. Every organ of at least
2,000 voxels in TotalSegmentator's example segmentations, and every tenth nodule of 300 voxels or more of alarm_rates.py, gets one
error of each kind, away from the edge of the image. An error is found if the check raises an alarm for that segment that
it did not raise before.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib import import_module
from itertools import islice

import numpy as np
from alarm_rates import Sample, nodules, protocol_of, samples
from numpy.typing import NDArray
from scipy import ndimage

from SegQCLib.case import Segment, Segmentation
from SegQCLib.findings import Status

ORGAN_SAMPLES = ("CT", "whole CT, split", "DICOM CT", "MR")
SMALLEST = {"organ": 2000, "lesion": 300}


def island(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """2 x 2 x 2 voxels four voxels away from the mask are added."""
    far = ndimage.distance_transform_cdt(~mask) if not mask.all() else np.zeros(mask.shape)
    place = np.argwhere(far[1:-2, 1:-2, 1:-2] == 5)
    return mask | _cube(mask.shape, place[len(place) // 2] + 1, 2) if len(place) else mask


def hole(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """2 x 2 x 2 voxels are removed where the mask is thickest."""
    deep = ndimage.distance_transform_cdt(np.pad(mask, 1))[1:-1, 1:-1, 1:-1]
    changed = mask & ~_cube(mask.shape, np.unravel_index(np.argmax(deep), mask.shape), 2)
    return changed if np.array_equal(ndimage.binary_fill_holes(changed) & mask, mask) else mask


def skipped_slice(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The slice in the middle is removed."""
    return _without(mask, np.s_[_middle(mask, 0)])


def half_slice(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The posterior half of the slice in the middle is removed."""
    k = _middle(mask, 0)
    rows = np.flatnonzero(mask[k].any(axis=1))
    return _without(mask, np.s_[k, rows[0] + len(rows) // 2 :])


def stopped_early(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The upper half of the slices is removed."""
    return _without(mask, np.s_[_middle(mask, 0) :])


def cropped(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The left half of the mask is removed."""
    return _without(mask, np.s_[:, :, _middle(mask, 2) :])


def spike(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """A line of six voxels is added in front."""
    k, changed = _middle(mask, 0), mask.copy()
    j = int(np.flatnonzero(mask[k].any(axis=1))[0])
    columns = np.flatnonzero(mask[k, j])
    if j >= 6:
        changed[k, j - 6 : j, columns[len(columns) // 2]] = True
    return changed


# The first line of each docstring is the row's text.
KINDS: dict[str, Callable[[NDArray[np.bool_]], NDArray[np.bool_]]] = {
    "islands": island,
    "holes": hole,
    "skipped_slices": skipped_slice,
    "area_jumps": half_slice,
    "end_slices": stopped_early,
    "flat_faces": cropped,
    "spikes": spike,
}
# Lesions come in pieces and in any form: these are not looked for in them.
ORGANS_ONLY = ("islands", "holes", "spikes")


def _cube(shape: tuple[int, ...], corner: NDArray, edge: int) -> NDArray[np.bool_]:
    cube = np.zeros(shape, bool)
    cube[tuple(slice(int(start), int(start) + edge) for start in corner)] = True
    return cube


def _middle(mask: NDArray[np.bool_], axis: int) -> int:
    filled = np.flatnonzero(mask.any(axis=tuple(other for other in range(3) if other != axis)))
    return int(filled[len(filled) // 2])


def _without(mask: NDArray[np.bool_], part: tuple) -> NDArray[np.bool_]:
    changed = mask.copy()
    changed[part] = False
    return changed


def segments(kind: str) -> Iterator[tuple[Sample, Segment]]:
    source = samples() if kind == "organ" else islice(nodules(), 0, None, 10)
    for sample in source:
        if kind == "organ" and sample.name not in ORGAN_SAMPLES:
            if sample.kind == "lesion":
                return
            continue
        for segment in sample.case.candidate.segments:
            if sample.case.candidate.voxel_count(segment) >= SMALLEST[kind]:
                yield sample, segment


def alarms(sample: Sample, candidate: Segmentation, check: str) -> int:
    """Return the number of alarms of a check for a candidate."""
    found = import_module(f"SegQCLib.checks.{check}").run(replace(sample.case, candidate=candidate), protocol_of(sample))
    return sum(finding.status in (Status.WARN, Status.FAIL) for finding in found)


def shape_errors(kind: str, tried: Counter, found: Counter) -> None:
    for sample, segment in segments(kind):
        candidate = sample.case.candidate
        alone = replace(candidate, segments=(segment,))
        mask = candidate.mask(segment)
        for check, change in KINDS.items():
            changed = mask if kind == "lesion" and check in ORGANS_ONLY else change(mask)
            if np.array_equal(changed, mask):
                continue
            layer = candidate.layers[segment.layer].copy()
            layer[mask & ~changed] = 0
            layer[changed & ~mask] = segment.label_value
            layers = tuple(layer if n == segment.layer else other for n, other in enumerate(candidate.layers))
            tried[kind, check] += 1
            found[kind, check] += alarms(sample, replace(alone, layers=layers), check) > alarms(sample, alone, check)


def meaning_errors(tried: Counter, found: Counter) -> None:
    """Copy a segment, exchange a pair's names, and let a neighbour grow by two voxels into a segment."""
    done = set()
    for sample, segment in segments("organ"):
        candidate = sample.case.candidate
        both = Segment("neighbour", "neighbour", 1, len(candidate.layers), None)
        mask = candidate.mask(segment)
        renamed = replace(sample, case=replace(sample.case, candidate=replace(candidate, segments=(segment, both))))
        others = ndimage.binary_dilation((candidate.layers[segment.layer] != 0) & ~mask, iterations=2)
        for check, added in (("identical_segments", mask), ("overlaps", others)):
            if check == "overlaps" and not (others & mask).any():
                continue
            pair = replace(candidate, layers=(*candidate.layers, added.view(np.uint8)), segments=(segment, both))
            tried["organ", check] += 1
            found["organ", check] += alarms(renamed, pair, check) > 0
        partner = next((s for s in candidate.segments if s.name == segment.name.replace("left", "right")), segment)
        if partner is not segment and candidate.box(partner) is not None and (sample.name, segment.name) not in done:
            done.add((sample.name, segment.name))
            swapped = (
                replace(segment, label_value=partner.label_value, layer=partner.layer),
                replace(partner, label_value=segment.label_value, layer=segment.layer),
            )
            tried["organ", "laterality"] += 1
            found["organ", "laterality"] += alarms(sample, replace(candidate, segments=swapped), "laterality") > 0


def main() -> None:
    tried, found = Counter(), Counter()
    for kind in ("organ", "lesion"):
        shape_errors(kind, tried, found)
    meaning_errors(tried, found)
    print("| check | error | found in organs | found in nodules |\n|---|---|---|---|")
    what = {check: (change.__doc__ or "").strip().rstrip(".").lower() for check, change in KINDS.items()}
    what |= {
        "identical_segments": "a copy under another name",
        "overlaps": "a neighbour that grew by two voxels",
        "laterality": "the names of a pair exchanged",
    }
    for check, error in what.items():
        nodules_found = "not judged" if check in ORGANS_ONLY else counts(found, tried, "lesion", check)
        print(f"| `{check}` | {error} | {counts(found, tried, 'organ', check)} | {nodules_found} |")


def counts(found: Counter, tried: Counter, kind: str, check: str) -> str:
    return f"{found[kind, check]} of {tried[kind, check]}" if tried[kind, check] else "not tried"


if __name__ == "__main__":
    main()
