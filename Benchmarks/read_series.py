"""A CT series of 600 slices read and sorted: SegQC and SimpleITK side by side, each run in a process of its own.

    python Benchmarks/read_series.py [--slices 600] [--repeats 3] [--profile]

The slices are those of TotalSegmentator's sample (JPEG 2000, 12 bits stored, 512 x 512), repeated at new positions with new
UIDs under shuffled file names: as they are compressed, uncompressed, and all in one legacy converted multi-frame file (that
one by SegQC alone: SimpleITK does not sort frames). SimpleITK sorts with GetGDCMSeriesFileNames and reads with
ImageSeriesReader. SegQC also reads every header fact, checks that the images are one series, and hashes each file
(SHA-256). Prints median wall and processor time in seconds, ratios to SimpleITK, the highest resident memory above that of
the imports in MB beside the size of the volume, and whether the voxels are the same.
"""

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import pydicom
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, JPEG2000Lossless, generate_uid

from SegQCLib.samples import TOTALSEGMENTATOR, sample_folder

SHARED = Path(__file__).parents[2] / "shared" / "data" / "totalsegmentator"
PRINT = """
import hashlib, json, re, sys, time
from pathlib import Path
{imports}
def peak_mb():  # that of resource.getrusage counts the process that started this one too
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024
folder = sys.argv[1]
before, wall, cpu = peak_mb(), time.perf_counter(), time.process_time()
array = read(folder)
print(json.dumps([time.perf_counter() - wall, time.process_time() - cpu, peak_mb() - before, array.nbytes / 2**20,
                  hashlib.sha256(array.tobytes()).hexdigest()]))
"""
SEGQC = PRINT.format(
    imports="""
import pydicom
from SegQCLib.dicom.series import read_series
def read(folder): return read_series(Path(folder)).array
"""
)
SIMPLEITK = PRINT.format(
    imports="""
import SimpleITK as sitk
def read(folder):
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(folder))
    global image  # the array is a view of it
    image = reader.Execute()
    return sitk.GetArrayViewFromImage(image)
"""
)


def make_series(folder, slices):
    """Write the series into subfolders of `folder`, one per kind, and return them by name."""
    sample = SHARED if SHARED.is_dir() else sample_folder(TOTALSEGMENTATOR) / "tests" / "reference_files"
    originals = [pydicom.dcmread(path) for path in sorted((sample / "example_ct_dicom").iterdir())]
    names = [f"{number:04}.dcm" for number in range(slices)]
    random.Random(1).shuffle(names)  # noqa: S311 - file names
    kinds = {}
    for kind, syntax in (("JPEG 2000 lossless", JPEG2000Lossless), ("uncompressed", ExplicitVRLittleEndian)):
        kinds[kind] = folder / syntax
        kinds[kind].mkdir()
        if syntax == ExplicitVRLittleEndian:
            for dataset in originals:
                dataset.decompress()
        for number, name in enumerate(names):
            dataset = originals[number % len(originals)]
            dataset.SeriesInstanceUID, dataset.InstanceNumber = "2.25.600", number + 1
            dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = f"2.25.{number + 1}"
            dataset.ImagePositionPatient = [*dataset.ImagePositionPatient[:2], -1000 + 2 * number]
            dataset.save_as(kinds[kind] / name)
    kinds["one multi-frame file"] = folder / "multi-frame"
    kinds["one multi-frame file"].mkdir()
    convert(kinds["uncompressed"], kinds["one multi-frame file"] / "all.dcm")
    return kinds


def convert(folder, path):
    """Write the images of a folder as one legacy converted object, by highdicom."""
    import highdicom

    single = [pydicom.dcmread(file) for file in folder.iterdir()]
    for dataset in single:
        dataset.SOPClassUID = CTImageStorage
    uids = {"series_instance_uid": generate_uid(), "sop_instance_uid": generate_uid()}
    highdicom.legacy.LegacyConvertedEnhancedCTImage(single, series_number=1, instance_number=1, **uids).save_as(path)


def measured(program, folder):
    command = [sys.executable, "-W", "ignore", "-c", program, str(folder)]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)


def side_by_side(kind, folder, repeats):
    programs = {"SegQC": SEGQC} if kind == "one multi-frame file" else {"SegQC": SEGQC, "SimpleITK": SIMPLEITK}
    runs = {name: [] for name in programs}
    # In turn, so that both meet the same load of the machine.
    for _ in range(repeats):
        for name, program in programs.items():
            runs[name].append(measured(program, folder))
    print(f"{kind}: {len(list(folder.iterdir()))} files")
    medians = {name: [statistics.median(run[n] for run in found) for n in range(4)] for name, found in runs.items()}
    for name, (wall, cpu, peak, size) in medians.items():
        peer = medians.get("SimpleITK", medians[name])
        print(
            f"  {name:10} {wall:7.2f} s (x{wall / peer[0]:4.2f}), processor {cpu:7.2f} s (x{cpu / peer[1]:4.2f}),"
            f" peak {peak:6.0f} MB for {size:.0f} MB"
        )
    print(f"  same voxels: {'yes' if len({run[4] for found in runs.values() for run in found}) == 1 else 'NO'}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--slices", type=int, default=600)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--profile", action="store_true", help="where SegQC's time goes on the uncompressed series")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        kinds = make_series(Path(folder), arguments.slices)
        for kind, series in kinds.items():
            side_by_side(kind, series, arguments.repeats)
        if arguments.profile:
            import cProfile

            from SegQCLib.dicom.series import read_series

            cProfile.runctx(
                "read_series(series)", {"read_series": read_series, "series": kinds["uncompressed"]}, {}, sort="tottime"
            )


if __name__ == "__main__":
    main()
