"""Which image-quality numbers there are, by which methods, and in which parts of a structure's neighbourhood."""

from __future__ import annotations

from typing import Literal

from SegQCLib.quality.quality_measurement import QualityMeasure, Region

QualityMethod = Literal[
    "tissue", "air", "difference", "background_sd", "sd", "local", "mean", "max", "peak", "step", "step_to_noise",
    "edge_width", "uniform_7", "gaussian_11",
]  # fmt: skip

# The first method and the first region are what a limit without them is about.
METHODS: dict[QualityMeasure, tuple[QualityMethod, ...]] = {
    "snr": ("tissue", "air", "difference"),
    "cnr": ("background_sd",),
    "noise": ("sd", "local"),
    "tumour_to_background": ("mean", "max", "peak"),
    "contrast_at_border": ("step", "step_to_noise"),
    "sharpness": ("edge_width",),
    "ssim": ("uniform_7", "gaussian_11"),
}
REGIONS: dict[QualityMeasure, tuple[Region, ...]] = {
    "snr": ("core", "whole"),
    "cnr": ("whole", "core"),
    "noise": ("core", "whole", "shell", "background"),
    "tumour_to_background": ("whole",),
    "contrast_at_border": ("shell",),
    "sharpness": ("shell",),
    "ssim": ("whole",),
}
AGAINST_BACKGROUND: tuple[QualityMeasure, ...] = ("cnr", "tumour_to_background")
# Ratios have unit 1; a width is a length. The others are in the image's unit.
FIXED_UNITS: dict[tuple[QualityMeasure, QualityMethod], str] = {
    **{(measure, method): "1" for measure in ("snr", "cnr", "tumour_to_background", "ssim") for method in METHODS[measure]},
    ("contrast_at_border", "step_to_noise"): "1",
    ("sharpness", "edge_width"): "mm",
}
