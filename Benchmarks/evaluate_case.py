"""Wall time and peak memory of `segqc evaluate`, whole process, on a real case and on a large one.

    python Benchmarks/evaluate_case.py [--repeats 3]

Prints one line per case. The real case is the 20-slice CT with TotalSegmentator's label map; the large one
is input M of ../shared/bench (512 x 512 x 300, 30 labels, reference and candidate), skipped where that is missing.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from SegQCLib.samples import TOTALSEGMENTATOR, sample_folder

# Not getrusage: its maximum starts with the memory of the process that started this one.
RUN = """\
import re, sys
from pathlib import Path
from SegQCLib.cli import main
code = main(sys.argv[1:])
print(re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())[1], file=sys.stderr)
sys.exit(code)
"""
MAKE_INPUTS = Path(__file__).parents[2] / "shared" / "bench" / "make_inputs.py"


def measured(arguments: list[str]) -> tuple[float, float]:
    """Run segqc with arguments; return its wall time in s and its peak resident memory in MB."""
    started = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", RUN, *arguments], capture_output=True, text=True, check=True)
    return time.perf_counter() - started, int(done.stderr.split()[-1]) * 1024 / 1e6


def real_case() -> tuple[list[str], float]:
    """Return the arguments of the 20-slice case and its input arrays' size in MB."""
    files = sample_folder(TOTALSEGMENTATOR, print) / "tests" / "reference_files"
    image, candidate = files / "example_ct_dicom", files / "example_seg_dicom.nii.gz"
    arguments = ["--image", str(image), "--candidate", str(candidate), "--labels", "totalsegmentator"]
    return [*arguments, "--protocol", "ct-abdomen-portal-venous"], 20 * 512 * 512 * 3 / 1e6


def large_case(work: Path) -> tuple[list[str], float]:
    """Return the arguments of case M and its input arrays' size in MB: an int16 image and two uint8 maps."""
    subprocess.run([sys.executable, str(MAKE_INPUTS), str(work), "--only", "M"], check=True)
    with np.load(work / "M.npz") as arrays:
        spacing = arrays["spacing_mm"][::-1].tolist()
        for name in ("reference", "candidate"):
            image = sitk.GetImageFromArray(arrays[name])
            image.SetSpacing(spacing)
            sitk.WriteImage(image, work / f"{name}.nrrd", useCompression=True)
        shape = arrays["reference"].shape
        volume = sitk.GetImageFromArray((arrays["reference"].astype(np.int16) * 10) - 100)
        volume.SetSpacing(spacing)
        sitk.WriteImage(volume, work / "image.nrrd", useCompression=True)
    arguments = ["--image", str(work / "image.nrrd"), "--candidate", str(work / "candidate.nrrd")]
    arguments += ["--reference", str(work / "reference.nrrd"), "--protocol", "ct-abdomen-portal-venous"]
    return arguments, float(np.prod(shape)) * 4 / 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        cases = {"20-slice CT, TotalSegmentator (117 labels)": real_case()}
        if MAKE_INPUTS.is_file():
            cases["512 x 512 x 300, 30 labels, with reference (M)"] = large_case(work)
        else:
            print(f"{MAKE_INPUTS} is not here: case M is skipped.")
        print("| case | wall time, median (s) | peak memory (MB) | input arrays (MB) |\n|---|---|---|---|")
        for name, (arguments, input_mb) in cases.items():
            runs = [measured(["evaluate", *arguments, "--out", str(work / "out")]) for _ in range(options.repeats)]
            seconds, memory = statistics.median(run[0] for run in runs), max(run[1] for run in runs)
            print(f"| {name} | {seconds:.1f} | {memory:.0f} | {input_mb:.0f} |")


if __name__ == "__main__":
    main()
