"""A simulated multi-reader study: simulated readers on a real CT with implanted lesions.

No open data set has the pixels and the outlines of several readers that texture, imaging and border descriptors need.
This study stands in for one, to test methods on; it says nothing about radiologists. Everything made of it is labelled.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from SegQCLib.difficulty.host_scans import HostScan
from SegQCLib.difficulty.read_lesion import ReadLesion
from SegQCLib.difficulty.simulated_lesion import LesionDesign, implant
from SegQCLib.difficulty.simulated_readers import REPEAT_OF_FIRST, displacement_sd_mm, read, segment_twice
from SegQCLib.progress import Progress, unwatched

LABEL = "simulated readers on a real CT with implanted lesions"

_CROP_MARGIN_MM = 10.0
_FEWEST_PIXELS = 80


@dataclass(frozen=True)
class SimulatedLesion:
    """A lesion of the simulated study.

    Attributes
    ----------
    lesion : ReadLesion
        `simulated` is True. Readers in the order of `simulated_readers.READERS`: three readers, and the first one's second
        reading. `uncertainty` is the standard deviation of two stand-in AI models, 0 to 0.5.
    candidate : ndarray of bool, shape (k, j, i)
        Where the mean of the two models is above 0.5: what is described, as in Fournel et al.
    slices : tuple of int
        Slices that count: on each, the candidate has 80 or more pixels and every reader has drawn.
    design : LesionDesign
        What the lesion was made of.
    """

    lesion: ReadLesion
    candidate: NDArray[np.bool_]
    slices: tuple[int, ...]
    design: LesionDesign


@dataclass(frozen=True)
class SimulatedSlice:
    """One slice of a simulated lesion as a 2-D picture, for models that read images.

    Attributes
    ----------
    id : str
        Lesion id and slice number.
    patient : str
    image : ndarray of float32, shape (j, i)
        HU.
    candidate : ndarray of bool, shape (j, i)
    uncertainty : ndarray of float32, shape (j, i)
        0 to 0.5.
    readers : ndarray of bool, shape (4, j, i)
    spacing_mm : tuple of float
        (j, i).
    """

    id: str
    patient: str
    image: NDArray[np.float32]
    candidate: NDArray[np.bool_]
    uncertainty: NDArray[np.float32]
    readers: NDArray[np.bool_]
    spacing_mm: tuple[float, float]


def simulate_study(
    hosts: Sequence[HostScan],
    *,
    patients: int = 30,
    slices_per_patient: int = 30,
    seed: int = 0,
    progress: Progress = unwatched,
) -> Iterator[SimulatedLesion]:
    """Yield the lesions of a simulated study, patient after patient.

    A patient has one host scan and one level of noise, contrast, border width and fragmentation about which its lesions
    vary, and lesions until `slices_per_patient` slices count. All patients' anatomy is that of the few host scans: the
    variety lies in the lesions and the noise.

    Parameters
    ----------
    hosts : sequence of HostScan
        `host_scans`; patients take turns.
    patients, slices_per_patient : int
        30 patients as in Fournel et al., who have 258 slices per patient on average.
    seed : int
        A patient depends on the seed and its own number only.
    progress : callable

    Raises
    ------
    ValueError
        If a number is below 1.
    """
    if min(patients, slices_per_patient) < 1:
        raise ValueError(f"A study of {patients} patients with {slices_per_patient} slices has none; both are 1 or more.")
    for number in range(patients):
        progress(f"Simulated patient {number + 1} of {patients}", number / patients)
        rng = np.random.default_rng([seed, number])
        patient = _Patient.draw(rng)
        host = hosts[number % len(hosts)]
        lesions = slices = 0
        while slices < slices_per_patient:
            made = _simulated_lesion(host, patient.lesion(rng), f"SIMULATED-{number + 1:03d}", lesions, rng)
            if made.slices:
                lesions += 1
                slices += len(made.slices)
                yield made


def slices_of(made: SimulatedLesion) -> Iterator[SimulatedSlice]:
    """Yield the slices of a lesion that count."""
    lesion = made.lesion
    for k in made.slices:
        yield SimulatedSlice(
            id=f"{lesion.id} slice {k}",
            patient=lesion.patient,
            image=lesion.image[k],
            candidate=made.candidate[k],
            uncertainty=lesion.uncertainty[k],
            readers=lesion.readers[:, k],
            spacing_mm=lesion.spacing_mm[1:],
        )


@dataclass(frozen=True)
class _Patient:
    noise_hu: float
    contrast_hu: float
    border_mm: float
    fragmentation: float
    complexity: float

    @staticmethod
    def draw(rng: np.random.Generator) -> _Patient:
        return _Patient(
            noise_hu=_about(rng, 8, 0.4),
            contrast_hu=-_about(rng, 55, 0.45),
            border_mm=_about(rng, 1.0, 0.35),
            fragmentation=rng.uniform(0, 0.9),
            complexity=_about(rng, 0.17, 0.35),
        )

    def lesion(self, rng: np.random.Generator) -> LesionDesign:
        return LesionDesign(
            radius_mm=float(np.clip(_about(rng, 13, 0.3), 7, 26)),
            half_axes=tuple(rng.uniform(0.75, 1.25, 3)),
            complexity=float(np.clip(self.complexity * _about(rng, 1, 0.4), 0.02, 0.5)),
            contrast_hu=self.contrast_hu * _about(rng, 1, 0.2),
            border_mm=self.border_mm * _about(rng, 1, 0.25),
            fragmentation=float(np.clip(self.fragmentation + rng.normal(0, 0.15), 0, 0.9)),
            grain_mm=float(np.clip(_about(rng, 1.7, 0.4), 0.7, 5)),
            texture_hu=_about(rng, 9, 0.4),
            noise_hu=self.noise_hu,
        )


def _about(rng: np.random.Generator, middle: float, spread: float) -> float:
    return float(middle * np.exp(spread * rng.standard_normal()))


def _simulated_lesion(host: HostScan, design: LesionDesign, patient: str, number: int, rng: np.random.Generator) -> SimulatedLesion:
    implanted = implant(host, design, rng)
    scatter_mm = displacement_sd_mm(implanted)
    readers = read(implanted, scatter_mm, rng)
    mean, uncertainty = segment_twice(implanted, scatter_mm, rng)
    candidate = mean > 0.5
    drawn = readers.any(axis=0) | candidate
    if not drawn.any():
        box = (slice(None),) * 3
    else:
        margins = [round(_CROP_MARGIN_MM / spacing) for spacing in implanted.spacing_mm]
        (found,) = ndimage.find_objects(drawn.astype(np.uint8))
        box = tuple(slice(max(0, part.start - m), part.stop + m) for part, m in zip(found, margins, strict=True))
    readers, candidate = np.ascontiguousarray(readers[:, *box]), np.ascontiguousarray(candidate[box])
    every_reader = readers[: REPEAT_OF_FIRST + 1].any(axis=(2, 3)).all(axis=0)
    large = np.count_nonzero(candidate, axis=(1, 2)) >= _FEWEST_PIXELS
    return SimulatedLesion(
        lesion=ReadLesion(
            id=f"{patient} lesion {number + 1}",
            patient=patient,
            readers=readers,
            spacing_mm=implanted.spacing_mm,
            image=np.ascontiguousarray(implanted.image[box]),
            healthy=np.ascontiguousarray(implanted.healthy[box]),
            uncertainty=np.ascontiguousarray(uncertainty[box]),
            simulated=True,
        ),
        candidate=candidate,
        slices=tuple(int(k) for k in np.flatnonzero(every_reader & large)),
        design=design,
    )
