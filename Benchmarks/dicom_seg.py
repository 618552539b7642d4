"""A DICOM SEG of 117 segments on 512 x 512 x 300 voxels: SegQC and dcmqi side by side, each in a process of its own.

    python Benchmarks/dicom_seg.py --read --write [--kind binary|labelmap] [--all-frames] [--repeats 3]

Prints the median wall time in seconds, its ratio to dcmqi's and the highest resident memory of the process. The label
map is simulated (../shared/bench/make_inputs.py: ellipsoids of 500 to 2.5 million voxels), so are the CT slices it
belongs to; both are made at the first run in --folder, which needs 2 GB and is best on a RAM disk.
--all-frames keeps the empty frames of each segment: 35,100 frames, 1.2 GB.
"""

import argparse
import json
import runpy
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

import numpy as np
import SimpleITK as sitk

ROOT = Path(__file__).parents[1]
MAKE_INPUTS = ROOT.parent / "shared" / "bench" / "make_inputs.py"
SHAPE, SPACING_MM, SEGMENTS = (300, 512, 512), (2.5, 0.8, 0.8), 117

# What highdicom's own constructor takes for the same object: why SegQC puts its frames together itself.
WRITE_BY_HIGHDICOM = """
import sys, warnings; from pathlib import Path; import highdicom, pydicom, SimpleITK as sitk
warnings.simplefilter("ignore")
folder, out, kind = Path(sys.argv[1]), sys.argv[2], sys.argv[3].upper()
organ = highdicom.sr.CodedConcept("123037004", "SCT", "Anatomical Structure")
labels = sitk.GetArrayFromImage(sitk.ReadImage(str(folder / "labels.nrrd")))
headers = [pydicom.dcmread(path, stop_before_pixels=True) for path in sorted((folder / "ct").iterdir())]
described = [highdicom.seg.SegmentDescription(n, str(n), organ, organ, "MANUAL") for n in range(1, labels.max() + 1)]
highdicom.seg.Segmentation(
    headers, labels, kind, described, series_instance_uid=highdicom.UID(), series_number=1,
    sop_instance_uid=highdicom.UID(), instance_number=1, manufacturer="x", manufacturer_model_name="x",
    software_versions="1", device_serial_number="1",
).save_as(out)
"""

READ_BY_SEGQC = (
    "import sys; from pathlib import Path; from SegQCLib.importers import read_segmentation;"
    "print(len(read_segmentation(Path(sys.argv[1])).segments))"
)


def make_inputs(folder):
    """Write labels.nrrd, the CT slices ct/ and dcmqi's segments.json where they are not there yet."""
    if (folder / "segments.json").exists():
        return
    sys.path.insert(0, str(ROOT / "Testing"))
    from dicom_series import write_series

    labels = runpy.run_path(str(MAKE_INPUTS))["make_reference"](SHAPE, SPACING_MM, SEGMENTS, 2_500_000, seed=5)
    image = sitk.GetImageFromArray(labels)
    image.SetSpacing(SPACING_MM[::-1])
    folder.mkdir(parents=True, exist_ok=True)
    sitk.WriteImage(image, str(folder / "labels.nrrd"))
    needed = dict.fromkeys(("AccessionNumber", "StudyID", "PatientBirthDate", "ReferringPhysicianName", "PatientSex"), "")
    write_series(
        folder / "ct", np.arange(SHAPE[0]) * SPACING_MM[0], rows=SHAPE[1], columns=SHAPE[2], pixel_spacing_mm=SPACING_MM[1:],
        series_uid="1.2.3", StudyDate="20260101", StudyTime="100000", **needed,
    )  # fmt: skip
    organ = {"CodeValue": "123037004", "CodingSchemeDesignator": "SCT", "CodeMeaning": "Anatomical Structure"}
    kidney = {"CodeValue": "64033007", "CodingSchemeDesignator": "SCT", "CodeMeaning": "Kidney"}
    segments = [
        {
            "labelID": number,
            "SegmentDescription": f"structure {number}",
            "SegmentLabel": f"structure {number}",
            "SegmentAlgorithmType": "AUTOMATIC",
            "SegmentAlgorithmName": "simulated",
            "SegmentedPropertyCategoryCodeSequence": organ,
            "SegmentedPropertyTypeCodeSequence": kidney,
            "recommendedDisplayRGBValue": [number, 255 - number, 128],
        }
        for number in range(1, SEGMENTS + 1)
    ]
    described = {"ContentCreatorName": "Simulated", "SeriesDescription": "simulated", "SeriesNumber": "300", "InstanceNumber": "1",
                 "BodyPartExamined": "ABDOMEN", "segmentAttributes": [segments]}  # fmt: skip
    (folder / "segments.json").write_text(json.dumps(described))


def dcmqi_write(folder, kind, all_frames, out):
    """Return the command with which dcmqi writes the SEG."""
    return [
        program("itkimage2segimage"), "--inputImageList", folder / "labels.nrrd", "--inputDICOMDirectory", folder / "ct",
        "--inputMetadata", folder / "segments.json", "--outputDICOM", out, "--segmentationType", kind,
        "--skip", "0" if all_frames else "1", "--noDicomValueChecks",
    ]  # fmt: skip


def program(name):
    return shutil.which(name, path=str(Path(sys.executable).parent)) or name


def measured(command):
    """Return wall time in s and highest resident memory in MB of a command, in a process that runs nothing else."""
    watcher = (
        "import resource, subprocess, sys, time; start = time.perf_counter();"
        "subprocess.run(sys.argv[1:], check=True, stdout=subprocess.DEVNULL);"
        "print(time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    done = subprocess.run([sys.executable, "-c", watcher, *map(str, command)], check=True, stdout=subprocess.PIPE, text=True)
    seconds, kilobytes = map(float, done.stdout.split())
    return seconds, kilobytes / 1024


def side_by_side(commands, repeats):
    """Print each command's median time, its ratio to the last one's, and its memory; runs alternate."""
    runs = {name: [] for name in commands}
    for _ in range(repeats):
        for name, (command, clean) in commands.items():
            if clean is not None:
                shutil.rmtree(clean, ignore_errors=True)
                clean.mkdir()
            runs[name].append(measured(command))
    peer = statistics.median(seconds for seconds, _ in runs[list(commands)[-1]])
    for name, found in runs.items():
        seconds = statistics.median(s for s, _ in found)
        print(f"{name:20} {seconds:7.2f} s  x{seconds / peer:5.2f}  {max(mb for _, mb in found):7.0f} MB")


def read(folder, kind, all_frames, repeats):
    """Time reading of the SEG that dcmqi wrote."""
    seg = folder / f"{kind}{'-all' if all_frames else ''}.dcm"
    if not seg.exists():
        subprocess.run(list(map(str, dcmqi_write(folder, kind, all_frames, seg))), check=True, stdout=subprocess.DEVNULL)
    print(f"reading {seg.name}, {seg.stat().st_size / 1e6:.0f} MB")
    out = folder / "out"
    side_by_side(
        {
            "SegQC": ([sys.executable, "-c", READ_BY_SEGQC, seg], None),
            "segimage2itkimage": (
                [program("segimage2itkimage"), "--inputDICOM", seg, "--outputDirectory", out, "--mergeSegments", "-t", "nrrd"],
                out,
            ),
        },
        repeats,
    )


def write(folder, kind, all_frames, repeats):
    """Time the whole way from label map and CT slices to the file; the last SEG of each is left in the folder."""
    if all_frames:
        print("writing: SegQC leaves out the empty frames of a segment, so --all-frames is for reading only")
        return
    print(f"writing {kind}")
    segqc = [
        program("segqc"), "export", "seg", "--image", folder / "ct", "--candidate", folder / "labels.nrrd",
        "--labels", "totalsegmentator", "--drawn-by", "automatic", "--model", "simulated", "--model-version", "1",
        "--out", folder / "segqc.dcm", *(["--labelmap"] if kind == "labelmap" else []),
    ]  # fmt: skip
    by_highdicom = [sys.executable, "-c", WRITE_BY_HIGHDICOM, folder, folder / "highdicom.dcm", kind]
    side_by_side(
        {
            "SegQC": (segqc, None),
            "highdicom": (by_highdicom, None),
            "itkimage2segimage": (dcmqi_write(folder, kind, all_frames, folder / "dcmqi.dcm"), None),
        },
        repeats,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--read", action="store_true")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--kind", choices=("binary", "labelmap"), default="binary")
    parser.add_argument("--all-frames", action="store_true")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--folder", type=Path, default=Path("/tmp/segqc-bench-seg"))  # noqa: S108
    args = parser.parse_args()
    make_inputs(args.folder)
    if args.read:
        read(args.folder, args.kind, args.all_frames, args.repeats)
    if args.write:
        write(args.folder, args.kind, args.all_frames, args.repeats)


if __name__ == "__main__":
    main()
