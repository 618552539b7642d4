"""The atlas as PNG files, one per rating and grade."""

from __future__ import annotations

import io
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from SegQCLib.artifact_atlas.atlas import ARTIFACTS, GRADES, Artifact
from SegQCLib.artifact_atlas.sample_slices import SampleCT, SampleMR, read_samples
from SegQCLib.output import require_writable, write_files
from SegQCLib.progress import Progress, unwatched

# Twice what the Artifacts step shows at a usual font, for screens with twice the pixels.
WIDTH_PIXELS = 384
_GREYS = 40
_BANNER, _TEXT, _LINE_PIXELS = 255, 0, 20


def write_atlas(samples: Path, folder: Path, progress: Progress = unwatched) -> tuple[Path, ...]:
    """Draw every picture of the atlas to `folder`/<modality>/<rating>/<grade>.png and return the files.

    Parameters
    ----------
    samples : Path
        Folder of the sample scans, `samples.sample_folder(TOTALSEGMENTATOR)`.
    folder : Path
    progress : callable, optional

    Raises
    ------
    BadDataError
        If the folder cannot be written to.
    ImportError
        If Pillow is not installed.
    """
    require_writable(folder)
    ct, mr = read_samples(samples)
    written: list[Path] = []
    for number, artifact in enumerate(ARTIFACTS):
        progress(f"Drawing: {artifact.modality}, {artifact.rating.replace('_', ' ')}", number / len(ARTIFACTS))
        place = folder / artifact.modality / artifact.rating
        place.mkdir(parents=True, exist_ok=True)
        drawn = artifact_pictures(artifact, ct if artifact.modality == "CT" else mr)
        pictures = {f"{grade}.png": partial(_write, png) for grade, png in drawn}
        write_files(place, pictures)
        written += [place / name for name in pictures]
    return tuple(written)


def artifact_pictures(artifact: Artifact, sample: SampleCT | SampleMR) -> Iterator[tuple[int, bytes]]:
    """Yield each grade of an artifact with its picture as PNG."""
    for grade in GRADES:
        shown = artifact.grades.get(grade)
        drawn = sample.acquired if shown is None else shown.draw(sample)
        what = "SIMULATED artifact on a sample" if shown else "Sample"
        words = (f"{what} {artifact.modality}, grade {grade} of {GRADES[-1]}", shown.words if shown else "as it was acquired")
        grey = np.clip((sample.shown(drawn) - sample.LEVEL) / sample.WINDOW + 0.5, 0, 1)
        yield grade, _png(_enlarged(grey), words)


def _write(content: bytes, path: Path) -> None:
    path.write_bytes(content)


def _enlarged(grey: NDArray[np.floating]) -> NDArray[np.floating]:
    factor = WIDTH_PIXELS / grey.shape[1]
    return np.clip(ndimage.zoom(grey, factor, order=1), 0, 1) if factor > 1.2 else grey


def _png(grey: NDArray[np.floating], lines: tuple[str, str]) -> bytes:
    from PIL import Image, ImageDraw, ImageFont

    pixels = (np.round(grey * (_GREYS - 1)) * (255 / (_GREYS - 1))).astype(np.uint8)
    strip = Image.new("L", (pixels.shape[1], 2 * _LINE_PIXELS + 4), _BANNER)
    for number, line in enumerate(lines):
        at = (6, 2 + round((number + 0.5) * _LINE_PIXELS))
        ImageDraw.Draw(strip).text(at, line, fill=_TEXT, font=ImageFont.load_default(size=15), anchor="lm")
    content = io.BytesIO()
    Image.fromarray(np.concatenate([pixels, np.array(strip)])).save(content, "PNG", optimize=True)
    return content.getvalue()
