"""SegQC's own coded concepts for structured reports, listed once: what DICOM, SNOMED CT, NCIt and IBSI have no code for.

Code values are stored in archives: none is ever renamed or given another meaning. Each has at most 16 characters (a longer
one would be a Long Code Value (0008,0119), which readers of reports do not look for), each meaning at most 64.

Two kinds of codes follow from a rule and are not in a list: `grade_code` and `role_code`.
"""

from __future__ import annotations

from SegQCLib.case import Code

SCHEME = "99SEGQC"
SCHEME_NAME = "SegQC private codes"
SCHEME_ORGANIZATION = "SegQC"


def _code(value: str, meaning: str) -> Code:
    return Code(value, SCHEME, meaning)


# By metric id. Without the candidate's volume, which is Volume of SNOMED CT.
METRIC_CODES = {
    "dice": _code("m-dice", "Dice similarity coefficient"),
    "jaccard": _code("m-jaccard", "Jaccard index"),
    "surface_dice_1mm": _code("m-sdice-1mm", "Surface Dice at 1 mm"),
    "surface_dice_2mm": _code("m-sdice-2mm", "Surface Dice at 2 mm"),
    "surface_dice_3mm": _code("m-sdice-3mm", "Surface Dice at 3 mm"),
    "surface_dice_protocol": _code("m-sdice-protocol", "Surface Dice at the protocol's tolerance"),
    "hausdorff_mm": _code("m-hd", "Hausdorff distance"),
    "hausdorff_95_mm": _code("m-hd95", "95th percentile Hausdorff distance"),
    "assd_mm": _code("m-assd", "Average symmetric surface distance"),
    "added_path_length_mm": _code("m-apl", "Added path length"),
    "volume_reference_mm3": _code("m-volume-ref", "Volume of the reference, not of the referenced segment"),
    "relative_volume_difference": _code("m-rvd", "Relative volume difference"),
    "voxel_count": _code("m-voxels", "Number of voxels"),
    "slice_count": _code("m-slices", "Number of slices with at least one voxel"),
    "islands": _code("m-islands", "Number of islands apart from the largest piece"),
    "holes": _code("m-holes", "Number of enclosed holes"),
}
# The same measures of a candidate and the draft that it started from. Many programs show nothing of a number but its name, and
# how much a reader changed must not pass for how good the result is.
DRAFT_METRIC_CODES = {
    "dice": _code("d-dice", "Change from the draft: Dice similarity coefficient"),
    "jaccard": _code("d-jaccard", "Change from the draft: Jaccard index"),
    "surface_dice_1mm": _code("d-sdice-1mm", "Change from the draft: Surface Dice at 1 mm"),
    "surface_dice_2mm": _code("d-sdice-2mm", "Change from the draft: Surface Dice at 2 mm"),
    "surface_dice_3mm": _code("d-sdice-3mm", "Change from the draft: Surface Dice at 3 mm"),
    "surface_dice_protocol": _code("d-sdice-protocol", "Change from the draft: Surface Dice at the protocol's tolerance"),
    "hausdorff_mm": _code("d-hd", "Change from the draft: Hausdorff distance"),
    "hausdorff_95_mm": _code("d-hd95", "Change from the draft: 95th percentile Hausdorff distance"),
    "assd_mm": _code("d-assd", "Change from the draft: Average symmetric surface distance"),
    "added_path_length_mm": _code("d-apl", "Change from the draft: Added path length"),
    "volume_reference_mm3": _code("d-volume", "Volume of the draft, not of the referenced segment"),
    "relative_volume_difference": _code("d-rvd", "Change from the draft: Relative volume difference"),
}
OTHER_METRIC = _code("m-other", "Measure named in the text")

# Image quality by measure. Without signal-to-noise and tumour-to-background ratio, for which DICOM has codes.
QUALITY_CODES = {
    "cnr": _code("q-cnr", "Contrast-to-noise ratio"),
    "noise": _code("q-noise", "Noise of the grey values"),
    "contrast_at_border": _code("q-contrast", "Contrast at the segment's border"),
    "sharpness": _code("q-sharpness", "Sharpness of the segment's border"),
    "ssim": _code("q-ssim", "Structural similarity with a second image"),
}
# By method; which number a method is of follows from the number's own code.
QUALITY_METHOD_CODES = {
    "tissue": _code("q-m-tissue", "Mean by standard deviation of one region of tissue"),
    "air": _code("q-m-air", "Mean of tissue by standard deviation of air"),
    "difference": _code("q-m-difference", "Difference of two acquisitions"),
    "background_sd": _code("q-m-background", "In units of the background's standard deviation"),
    "sd": _code("q-m-sd", "Standard deviation of the region"),
    "local": _code("q-m-local", "Median of standard deviations in small windows"),
    "mean": _code("q-m-mean", "Mean of the lesion by mean of the background"),
    "max": _code("q-m-max", "Maximum of the lesion by mean of the background"),
    "peak": _code("q-m-peak", "Peak of the lesion by mean of the background"),
    "step": _code("q-m-step", "Step of the grey value across the border"),
    "step_to_noise": _code("q-m-step-noise", "Step across the border in units of the noise"),
    "edge_width": _code("q-m-edge-width", "Width of the edge across the border"),
    "uniform_7": _code("q-m-uniform-7", "SSIM with a uniform window of 7 voxels"),
    "gaussian_11": _code("q-m-gaussian-11", "SSIM with a Gaussian window of 11 voxels"),
}
QUALITY_REGION = _code("q-region", "Region that was measured")
QUALITY_REGION_CODES = {
    "whole": _code("q-r-whole", "Whole segment"),
    "core": _code("q-r-core", "Core of the segment, away from its border"),
    "shell": _code("q-r-shell", "Shell of tissue around the segment"),
    "background": _code("q-r-background", "Background region of normal tissue"),
}
OTHER_QUALITY = _code("q-other", "Image-quality number named in the text")

# By check id.
CHECK_CODES = {
    "modality": _code("c-modality", "Modality is what the protocol asks for"),
    "plane": _code("c-plane", "Slice plane"),
    "slice_thickness": _code("c-thickness", "Slice thickness"),
    "slice_spacing": _code("c-spacing", "Distance between slices"),
    "slice_gap": _code("c-gap", "Gaps or overlap between slices"),
    "missing_slices": _code("c-missing", "Missing slices"),
    "duplicate_slices": _code("c-duplicate", "Several slices at one position"),
    "spacing_regularity": _code("c-regular", "Regularity of slice positions"),
    "gantry_tilt": _code("c-tilt", "Gantry tilt"),
    "pixel_spacing": _code("c-pixel", "Pixel spacing"),
    "in_plane_size": _code("c-in-plane", "In-plane size of the image"),
    "convolution_kernel": _code("c-kernel", "Convolution kernel"),
    "contrast_agent": _code("c-agent", "Contrast agent"),
    "contrast_phase": _code("c-phase", "Contrast phase"),
    "window_level": _code("c-window", "Window and level"),
    "image_values": _code("c-values", "Voxel values of the image"),
    "geometry_match": _code("c-geometry", "Segmentation lies on the image's grid"),
    "outside_image": _code("c-outside", "Segments outside the image"),
    "structures": _code("c-structures", "Structures that the protocol requires"),
    "field_of_view": _code("c-fov", "Segments cut off by the field of view"),
    "uniform_acquisition": _code("c-uniform", "Acquisition is the same in all series of the study"),
    "image_type": _code("c-image-type", "Image type"),
    "lossy_compression": _code("c-lossy", "Lossy compression"),
    "tube_voltage": _code("c-kvp", "Tube voltage"),
    "field_strength": _code("c-field", "Magnetic field strength"),
    "mr_sequence": _code("c-sequence", "MR sequence"),
    "repetition_time": _code("c-tr", "Repetition time"),
    "echo_time": _code("c-te", "Echo time"),
    "inversion_time": _code("c-ti", "Inversion time"),
    "uptake_time": _code("c-uptake", "Uptake time of a PET tracer"),
    "islands": _code("c-islands", "Islands"),
    "holes": _code("c-holes", "Enclosed holes"),
    "skipped_slices": _code("c-skipped", "Slices that were skipped in between"),
    "area_jumps": _code("c-jumps", "Jumps of the area from slice to slice"),
    "end_slices": _code("c-ends", "End slices"),
    "flat_faces": _code("c-flat", "Flat faces"),
    "spikes": _code("c-spikes", "Spikes"),
    "empty_or_full": _code("c-empty-full", "Empty segmentation, or segment that fills the image"),
    "identical_segments": _code("c-identical", "Segments with the same voxels"),
    "overlaps": _code("c-overlaps", "Overlapping segments"),
    "laterality": _code("c-laterality", "Sides of the body"),
    "volume_range": _code("c-volume", "Volume is possible for the structure"),
    "impossible_intensity": _code("c-intensity", "Voxel values that the structure cannot have"),
    "lesion_size": _code("c-lesion-size", "Size of a lesion"),
    "segment_status": _code("c-status", "Segments are marked as completed"),
    "ai_tool": _code("c-ai-tool", "Segmentation model is allowed"),
    "ratings": _code("c-ratings", "Ratings of the image"),
    "protocol_coverage": _code("c-coverage", "Limits of the protocol that were not checked"),
    "image_quality": _code("c-quality", "Image quality keeps the study's limits"),
    "reader_training": _code("c-training", "Reader has the training that the protocol asks for"),
    "regular_grid": _code("c-grid", "Image has a regular grid"),
    "expected_agreement": _code("c-expected", "Expected agreement of experts could be predicted"),
    "gate_confirmed": _code("c-confirmed", "Reader confirmed failures before segmenting"),
    "edited_looking_away": _code("c-look-away", "Edits outside the protocol's window"),
    "images_left_out": _code("c-left-out", "Images of the folder that were not read with the series"),
    "padding_voxels": _code("c-padding", "Voxels outside of what was reconstructed"),
    "inverted_grey_scale": _code("c-inverted", "Inverted grey scale"),
    "burned_in_annotation": _code("c-burned-in", "Text burned into the image"),
    "drawn_by": _code("c-drawn-by", "Who or what drew the segments is known"),
    "files_ignored": _code("c-ignored", "Files of the image's folder that were not read"),
    "suv": _code("c-suv", "PET values as SUVbw"),
    "label_map_values": _code("c-lm-values", "Values of the label map"),
    "label_map_position": _code("c-lm-position", "Position of the label map"),
    "label_map_type": _code("c-lm-type", "Number type of the label map"),
    "label_names": _code("c-names", "Names of the segments"),
    "segment_terminology": _code("c-codes", "Codes of the segments"),
    "segment_representation": _code("c-represent", "How the segments are stored"),
    "segmentation_reference": _code("c-seg-refers", "Image that the DICOM segmentation refers to"),
    "dicom_export": _code("c-export", "Segmentation can be written as DICOM SEG"),
    "segment_positions": _code("c-seg-frames", "Positions of the DICOM segmentation's frames"),
    "rt_structures": _code("c-rt-structures", "Structures of the RT Structure Set that can be used"),
    "contour_points": _code("c-rt-points", "Points and crossings of contours"),
    "contour_slices": _code("c-rt-slices", "Contours lie in the image's slices"),
}
OTHER_CHECK = _code("c-other", "Check named in the text")

STATUS_CODES = {
    "PASS": _code("s-pass", "Pass"),
    "WARN": _code("s-warn", "Warning"),
    "FAIL": _code("s-fail", "Fail"),
    "NOT_EVALUATED": _code("s-not-evaluated", "Not evaluated"),
}
MEASURED = _code("f-measured", "Measured")
ALLOWED = _code("f-allowed", "Allowed")
UNIT = _code("f-unit", "Unit of measured and allowed (UCUM)")
LIMIT_SOURCE = _code("f-source", "Who set the limit")
PLACE = _code("f-place", "Place: left, posterior, superior, in mm")
KEPT = _code("f-kept", "Kept by a reader, with the reason")

VERDICT = _code("verdict", "Verdict under the protocol")
VERDICT_REASON = _code("verdict-reason", "Reason for the verdict")
VERDICT_CODES = {
    "ACCEPT": _code("v-accept", "Accept: can be used under this protocol"),
    "REVIEW": _code("v-review", "Review: a person has to look and decide"),
    "REJECT": _code("v-reject", "Reject: not usable as it is under this protocol"),
}

COMPARED_WITH = _code("compared-with", "Compared with")
ONLY_IN_REFERENCE = _code("only-in-ref", "Only a reference has this segment")
ALGORITHM_TYPE = _code("a-type", "Segment Algorithm Type")
ALGORITHM_NAME = _code("a-name", "Segment Algorithm Name")
# By Segment Algorithm Type (0062,0008).
ALGORITHM_TYPE_CODES = {
    "AUTOMATIC": _code("a-automatic", "Automatic: calculated by a computer alone"),
    "SEMIAUTOMATIC": _code("a-semiautomatic", "Semiautomatic: by a computer with a person's help"),
    "MANUAL": _code("a-manual", "Manual: drawn by a person"),
}

EXPECTED_MEAN = _code("e-mean", "Expected mean Dice among experts on this image")
EXPECTED_LOWER = _code("e-lower", "Lower end of the interval of the expected mean Dice")
EXPECTED_UPPER = _code("e-upper", "Upper end of the interval of the expected mean Dice")
EXPECTED_COVERAGE = _code("e-coverage", "Probability that the interval holds the true mean")
EXPECTED_THRESHOLD = _code("e-threshold", "Dice that is accepted on this image")
IN_DOMAIN = _code("e-in-domain", "Image lies within the range of the difficulty model")
EXPECTED_REASON = _code("e-reason", "Explanation of the expected agreement")
EXPECTED_RULE = _code("e-rule", "What the accepted Dice is")
# By rule.
EXPECTED_RULE_CODES = {
    "lower": _code("e-rule-lower", "What most single pairs of experts are expected to reach"),
    "mean": _code("e-rule-mean", "The expected mean over all pairs of experts"),
}

# By rating id of the shipped protocols. Without overall, which is Image Quality Rating of DICOM.
RATING_CODES = {
    "motion": _code("r-motion", "Rating of motion artifact"),
    "metal": _code("r-metal", "Rating of metal artifact"),
    "beam_hardening": _code("r-beam", "Rating of beam hardening"),
    "noise": _code("r-noise", "Rating of noise"),
    "ringing": _code("r-ringing", "Rating of ringing"),
    "aliasing": _code("r-aliasing", "Rating of aliasing"),
    "partial_volume": _code("r-partial", "Rating of partial volume effect"),
    "contrast_timing": _code("r-timing", "Rating of contrast timing"),
    "registration": _code("r-registration", "Rating of misregistration of PET and CT"),
}
OTHER_RATING = _code("r-other", "Rating named in the text")
NOT_ASSESSABLE = _code("r-unassessable", "Not assessable: the reader looked and could not say")
WORDING = _code("r-wording", "Wording of the grade")
RATER = _code("r-reader", "Who rated")
RATED = _code("r-created", "When it was rated")
SCALE_SOURCE = _code("r-source", "Where the scale comes from")
PROPOSES_EXCLUSION = _code("r-exclude", "Grade proposes to exclude the image")

PROTOCOL = _code("p-protocol", "Protocol by which it was judged")
INPUT = _code("p-input", "Input of the evaluation")
SIMULATED = _code("p-simulated", "Simulated data")
DIFFICULTY_MODEL = _code("p-model", "Model of the expected agreement")
SOFTWARE = _code("p-software", "Software and versions")

LISTED_CODES = (
    *METRIC_CODES.values(), *DRAFT_METRIC_CODES.values(), OTHER_METRIC, *QUALITY_CODES.values(), *QUALITY_METHOD_CODES.values(),
    QUALITY_REGION, *QUALITY_REGION_CODES.values(), OTHER_QUALITY,
    *CHECK_CODES.values(), OTHER_CHECK, *STATUS_CODES.values(), MEASURED, ALLOWED, UNIT,
    LIMIT_SOURCE, PLACE, KEPT, VERDICT, VERDICT_REASON, *VERDICT_CODES.values(), COMPARED_WITH, ONLY_IN_REFERENCE,
    ALGORITHM_TYPE, ALGORITHM_NAME, *ALGORITHM_TYPE_CODES.values(), EXPECTED_MEAN, EXPECTED_LOWER, EXPECTED_UPPER,
    EXPECTED_COVERAGE, EXPECTED_THRESHOLD, IN_DOMAIN, EXPECTED_REASON, EXPECTED_RULE, *EXPECTED_RULE_CODES.values(),
    *RATING_CODES.values(), OTHER_RATING, NOT_ASSESSABLE, WORDING, RATER, RATED, SCALE_SOURCE, PROPOSES_EXCLUSION, PROTOCOL,
    INPUT, SIMULATED, DIFFICULTY_MODEL, SOFTWARE,
)  # fmt: skip


def grade_code(grade: int, lowest: int, highest: int, best: str) -> Code:
    """Return the code of a grade, which says its scale and direction: the same number of another scale is another code.

    3 on a scale of 1 to 5 whose highest grade is best: g-3-1-5-h, "3 on a scale of 1 to 5, 5 is best".
    """
    top = highest if best == "highest" else lowest
    return _code(f"g-{grade}-{lowest}-{highest}-{best[0]}", f"{grade} on a scale of {lowest} to {highest}, {top} is best")


def role_code(role: str) -> Code:
    """Return the code of what a segmentation was compared with, by its role in the record.

    reference: ref-1, "Reference 1"; reference 2: ref-2, "Reference 2"; draft: ref-draft.
    """
    if role == "draft":
        return _code("ref-draft", "Draft that the candidate started from")
    number = int(role.removeprefix("reference").strip() or 1)
    return _code(f"ref-{number}", f"Reference {number}")
