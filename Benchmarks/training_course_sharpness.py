"""How sharp a course's exam is: outlines moved evenly from the experts' mean border, beside the experts' range (SIMULATED readers).

    python Benchmarks/training_course_sharpness.py COURSE_FOLDER [MM ...]

The mean border is where the mean of the experts' signed distances is 0, so that it moves by parts of a voxel.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "SegQCModule"))

from SegQCLib.difficulty.simulated_lesion import signed_distance_mm
from SegQCLib.images import read_image
from SegQCLib.readers.training.course import read_course
from SegQCLib.readers.training.score import read_references, score_attempt


def moved(references, structures, spacing_mm, by_mm):
    layers, segments = [], []
    for number, name in enumerate(structures):
        own = [next(segment for segment in one.segments if segment.name == name) for one in references]
        masks = [one.mask(segment) for one, segment in zip(references, own, strict=True)]
        mean_mm = np.mean([signed_distance_mm(mask, spacing_mm) for mask in masks], axis=0)
        layers.append((mean_mm < by_mm).astype(np.uint8))
        segments.append(replace(own[0], layer=number, label_value=1))
    return replace(references[0], layers=tuple(layers), segments=tuple(segments), source=None, stored=None)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("mm", type=float, nargs="*", default=[-1.5, -1, -0.75, -0.5, 0, 0.5, 0.75, 1, 1.5, 2])
    arguments = parser.parse_args()
    course = read_course(arguments.folder)
    for by_mm in arguments.mm:
        within = np.zeros(2, int)
        for case in course.file.cases_of("exam"):
            image = read_image(course.path(case.image))
            references = read_references(course, case, image)
            candidate = moved(references, case.structures, image.geometry.spacing_mm, by_mm)
            for one in score_attempt(course, case, candidate, image, references).structures:
                within += (bool(one.dice.within), bool(one.surface_dice.within))
        print(f"{by_mm:+.2f} mm: {within[0]} by Dice, {within[1]} by surface Dice", flush=True)


if __name__ == "__main__":
    main()
