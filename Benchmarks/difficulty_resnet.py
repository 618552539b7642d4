"""The paper's ResNet without and with uncertainty map, on the simulated multi-reader study.

    python Benchmarks/difficulty_resnet.py --out DIR [--patients 30] [--slices 30] [--folds 5] [--epochs 24] [--width 8]
        [--side 80] [--batch 32] [--device cuda] [--threads 1] [--ship]

Simulated readers on a real CT with implanted lesions: the numbers compare methods with each other on one study, and say
nothing about radiologists. Writes out-of-fold predictions to DIR/simulated-resnet.csv (one row per slice, one column per
variant, folds of whole patients by `patient_folds`) and settings with errors to DIR/simulated-resnet.json, after each
fold. A run that was stopped goes on at the fold where it stopped. --ship then trains the variant with uncertainty map on
all patients and writes DIR/simulated-lesion-resnet.npz.

On a GPU machine, larger settings are arguments alone:
    ... --patients 30 --slices 258 --folds 30 --epochs 80 --width 64 --batch 128 --device cuda
"""

import argparse
import csv
import datetime
import json
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from SegQCLib.difficulty.agreement_target import TargetDefinition, agreement_target
from SegQCLib.difficulty.host_scans import host_scans
from SegQCLib.difficulty.models.resnet import ResNetTraining, fit_resnet
from SegQCLib.difficulty.models.resnet_file import ResNetCard, save_resnet
from SegQCLib.difficulty.models.slice_crop import SliceCrop, slice_channels
from SegQCLib.difficulty.patients import patient_folds
from SegQCLib.difficulty.simulated_readers import REPEAT_OF_FIRST
from SegQCLib.difficulty.simulated_study import LABEL, simulate_study, slices_of
from SegQCLib.samples import TOTALSEGMENTATOR, sample_folder

SHARED = Path(__file__).parents[2] / "shared" / "data" / "totalsegmentator"
WINDOW = (-150.0, 250.0)  # the usual soft tissue window: the simulated lesions lie in the liver
TARGET = TargetDefinition(kind="against_operator", unit="slice", operator=0, repeat=REPEAT_OF_FIRST)
VARIANTS = {"ResNet w/o UM": False, "ResNet w. UM": True}


def main() -> None:
    """Train on all folds of both variants and print their errors."""
    options = arguments()
    torch.set_num_threads(options.threads)
    options.out.mkdir(parents=True, exist_ok=True)
    crop = SliceCrop(window=WINDOW, uncertainty=True, side_px=options.side)
    units, patients, slices, target = study(options, crop)
    folds = patient_folds(patients, options.folds, options.seed)
    print(
        f"{LABEL}: {len(units)} slices, {len(set(patients))} patients, Dice {target.mean():.3f} +- {target.std():.3f}", flush=True
    )
    training = ResNetTraining(
        width=options.width, epochs=options.epochs, batch=options.batch, learning_rate=options.rate, seed=options.seed
    )
    kept = options.out / "simulated-resnet.csv"
    predicted = read_predictions(kept, units, target)
    for fold in range(options.folds):
        test = folds == fold
        for variant, uncertainty in VARIANTS.items():
            if np.isfinite(predicted[variant][test]).all():
                continue
            started = time.process_time()
            seen = SliceCrop(window=WINDOW, uncertainty=uncertainty, side_px=options.side)
            channels = slices[:, : len(seen.channels)]
            learned_from = [patient for patient, held in zip(patients, test, strict=True) if not held]
            network = fit_resnet(channels[~test], target[~test], learned_from, seen, training, device=options.device)
            predicted[variant][test] = network.predict(channels[test], device=options.device)
            error = np.abs(predicted[variant][test] - target[test]).mean()
            seconds = time.process_time() - started
            print(f"fold {fold + 1} of {options.folds}, {variant}: MAE {error:.4f}, {seconds:.0f} s of CPU", flush=True)
            write_predictions(kept, units, patients, folds, target, predicted)
    errors = {name: table_row(values, target, patients) for name, values in [*predicted.items(), constant(target, folds)]}
    for name, row in errors.items():
        print(
            f"{name}: MAE {row['mae']:.4f} +- {row['sd']:.4f}, 95 % CI {row['ci'][0]:.4f} to {row['ci'][1]:.4f} (patient bootstrap)"
        )
    settings = {"study": LABEL, "simulated": True, "patients": len(set(patients)), "slices": len(units), "folds": options.folds}
    summary = {**settings, "training": asdict(training), "crop": asdict(crop), "target": TARGET.in_words(), "errors": errors}
    (options.out / "simulated-resnet.json").write_text(json.dumps(summary, indent=2) + "\n")
    if options.ship:
        ship(options, slices, target, patients, crop, training, errors["ResNet w. UM"]["mae"])


def arguments() -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--out", type=Path, required=True, help="folder for predictions, errors and the shipped network")
    parser.add_argument("--patients", type=int, default=30)
    parser.add_argument("--slices", type=int, default=30, help="slices per patient; Fournel et al. have 258 on average")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=24)
    parser.add_argument("--width", type=int, default=8, help="channels after the entry; 64 in He et al.")
    parser.add_argument("--side", type=int, default=80, help="side of the crop in pixels of 1 mm")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rate", type=float, default=2e-3, help="learning rate")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", help="cpu, cuda, ...; by default a GPU where there is one")
    parser.add_argument("--ship", action="store_true", help="then train on all patients and write the network")
    return parser.parse_args()


def study(options: argparse.Namespace, crop: SliceCrop) -> tuple[list[str], list[str], NDArray, NDArray]:
    """Return ids, patients, channels and agreement of the simulated slices."""
    hosts = host_scans(SHARED if SHARED.is_dir() else sample_folder(TOTALSEGMENTATOR, print) / "tests" / "reference_files")
    units, patients, slices, target = [], [], [], []
    for made in simulate_study(hosts, patients=options.patients, slices_per_patient=options.slices, seed=options.seed):
        for one in slices_of(made):
            units.append(one.id)
            patients.append(one.patient)
            slices.append(slice_channels(one.image, one.candidate, one.uncertainty, one.spacing_mm, crop))
            target.append(agreement_target(one.readers, TARGET))
    return units, patients, np.stack(slices), np.array(target)


def constant(target: NDArray, folds: NDArray) -> tuple[str, NDArray]:
    """Return the global threshold: for every slice the mean agreement of the other folds."""
    return "Global threshold", np.array([target[folds != fold].mean() for fold in folds])


def table_row(predicted: NDArray, target: NDArray, patients: list[str]) -> dict:
    """Return mean and standard deviation of the absolute error, and the interval of its mean over resampled patients."""
    error = np.abs(predicted - target)
    names = sorted(set(patients))
    sums = np.array([[error[np.array(patients) == name].sum(), patients.count(name)] for name in names])
    drawn = np.random.default_rng(0).integers(len(names), size=(2000, len(names)))
    total = sums[drawn].sum(axis=1)
    interval = np.percentile(total[:, 0] / total[:, 1], [2.5, 97.5])
    return {"mae": float(error.mean()), "sd": float(error.std()), "ci": [float(end) for end in interval]}


def read_predictions(path: Path, units: list[str], target: NDArray) -> dict[str, NDArray]:
    """Return what a stopped run has predicted; NaN where nothing is known yet."""
    predicted = {variant: np.full(len(units), np.nan) for variant in VARIANTS}
    if not path.exists():
        return predicted
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    if [(row["unit"], row["target"]) for row in rows] != [
        (unit, f"{value:.6f}") for unit, value in zip(units, target, strict=True)
    ]:
        raise SystemExit(f"{path} is of another study: choose another --out.")
    for variant, values in predicted.items():
        values[:] = [float(row[variant] or "nan") for row in rows]
    return predicted


def write_predictions(path: Path, units: list[str], patients: list[str], folds: NDArray, target: NDArray, predicted: dict) -> None:
    """Write one row per slice; a prediction that is not made yet stays empty."""
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["unit", "patient", "fold", "target", *predicted])
        for row, (unit, patient) in enumerate(zip(units, patients, strict=True)):
            values = ["" if np.isnan(column[row]) else f"{column[row]:.6f}" for column in predicted.values()]
            table.writerow([unit, patient, folds[row] + 1, f"{target[row]:.6f}", *values])


def ship(
    options: argparse.Namespace,
    slices: NDArray,
    target: NDArray,
    patients: list[str],
    crop: SliceCrop,
    training: ResNetTraining,
    mae: float,
) -> None:
    """Train on all patients and write the network with its card."""
    network = fit_resnet(slices, target, patients, crop, training, device=options.device)
    card = ResNetCard(
        id="simulated-lesion-resnet",
        structure="simulated lesion in the liver",
        modality="CT",
        target=TARGET.in_words(),
        study=f"{LABEL}: {len(target)} slices of {len(set(patients))} simulated patients; the CT is {TOTALSEGMENTATOR.licence}",
        simulated=True,
        licence="Apache-2.0",
        date=datetime.datetime.now(tz=datetime.UTC).date().isoformat(),
        mae=round(mae, 4),
        mae_definition=f"mean absolute error of the slices' Dice, out of fold in {options.folds} folds of whole simulated patients",
        trained_with=f"{training}, torch {torch.__version__}",
    )
    path = options.out / "simulated-lesion-resnet.npz"
    save_resnet(path, network, card)
    print(f"{path}: {path.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
