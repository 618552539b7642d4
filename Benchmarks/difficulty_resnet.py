"""The paper's ResNet without and with uncertainty map, on the simulated multi-reader study; with --tables its Table 3 for it.

    python Benchmarks/difficulty_resnet.py --out DIR [--patients 30] [--slices 30] [--folds 5] [--epochs 14] [--width 8]
        [--side 64] [--pixel 1.25] [--batch 16] [--rate 0.003] [--device cuda] [--threads 1] [--ship] [--tables]

Simulated readers on a real CT with implanted lesions: the numbers compare methods with each other on one study, and say
nothing about radiologists. Writes out-of-fold predictions to DIR/simulated-resnet.csv after each fold (one row per slice,
one column per variant; folds of whole patients by `patient_folds`), and goes on at the fold where it was stopped. --ship
then trains the variant with uncertainty map on all patients and writes DIR/simulated-lesion-resnet.npz. --tables computes
the descriptors too and writes the report of `run_simulation`, the ResNets and the ensemble in it, to DIR/simulated-tables.md
and .json.

On a GPU machine, larger settings are arguments alone:
    ... --slices 258 --folds 30 --epochs 80 --width 64 --side 96 --pixel 1 --batch 128 --device cuda
"""

import argparse
import csv
import datetime
import time
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from SegQCLib.difficulty.agreement_target import agreement_target
from SegQCLib.difficulty.comparison_table import RESNET_WITH, RESNET_WITHOUT
from SegQCLib.difficulty.host_scans import host_scans
from SegQCLib.difficulty.models.resnet import ResNetTraining, fit_resnet
from SegQCLib.difficulty.models.resnet_file import ResNetCard, save_resnet
from SegQCLib.difficulty.models.slice_crop import SliceCrop, slice_channels
from SegQCLib.difficulty.patients import patient_folds
from SegQCLib.difficulty.simulated_study import LABEL, simulate_study, slices_of
from SegQCLib.difficulty.simulated_table import PAPER_TARGET
from SegQCLib.difficulty.simulation_report import run_simulation
from SegQCLib.samples import TOTALSEGMENTATOR, sample_folder

SHARED = Path(__file__).parents[2] / "shared" / "data" / "totalsegmentator"
WINDOW = (-150.0, 250.0)  # the usual soft tissue window: the simulated lesions lie in the liver
VARIANTS = {RESNET_WITHOUT: False, RESNET_WITH: True}


def main() -> None:
    """Train on all folds of both variants and print their errors."""
    options = arguments()
    torch.set_num_threads(options.threads)
    options.out.mkdir(parents=True, exist_ok=True)
    folder = SHARED if SHARED.is_dir() else sample_folder(TOTALSEGMENTATOR, print) / "tests" / "reference_files"
    crop = SliceCrop(window=WINDOW, uncertainty=True, side_px=options.side, pixel_mm=options.pixel)
    units, patients, slices, target = study(options, folder, crop)
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
            seen = SliceCrop(window=WINDOW, uncertainty=uncertainty, side_px=options.side, pixel_mm=options.pixel)
            channels = slices[:, : len(seen.channels)]
            learned_from = [patient for patient, held in zip(patients, test, strict=True) if not held]
            network = fit_resnet(channels[~test], target[~test], learned_from, seen, training, device=options.device)
            predicted[variant][test] = network.predict(channels[test], device=options.device)
            error = np.abs(predicted[variant][test] - target[test]).mean()
            seconds = time.process_time() - started
            print(f"fold {fold + 1} of {options.folds}, {variant}: MAE {error:.4f}, {seconds:.0f} s of CPU", flush=True)
            write_predictions(kept, units, patients, folds, target, predicted)
    mae = {name: float(np.abs(values - target).mean()) for name, values in predicted.items()}
    usual = np.array([target[folds != fold].mean() for fold in folds])
    print(f"Out of fold, MAE of the Dice: {mae}; global threshold {np.abs(usual - target).mean():.4f}", flush=True)
    if options.ship:
        ship(options, slices, target, patients, crop, training, mae[RESNET_WITH])
    if not options.tables:
        return
    report = run_simulation(
        patients=options.patients,
        slices_per_patient=options.slices,
        seed=options.seed,
        folds=options.folds,
        folder=folder,
        predictions={name: dict(zip(units, values.tolist(), strict=True)) for name, values in predicted.items()},
    )
    print(report.markdown())
    (options.out / "simulated-tables.md").write_text(report.markdown())
    (options.out / "simulated-tables.json").write_text(report.to_json())


def arguments() -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--out", type=Path, required=True, help="folder for predictions, tables and the shipped network")
    parser.add_argument("--patients", type=int, default=30)
    parser.add_argument("--slices", type=int, default=30, help="slices per patient; Fournel et al. have 258 on average")
    parser.add_argument("--folds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=14)
    parser.add_argument("--width", type=int, default=8, help="channels after the entry; 64 in He et al.")
    parser.add_argument("--side", type=int, default=64, help="side of the crop in pixels")
    parser.add_argument("--pixel", type=float, default=1.25, help="side of its pixels in mm")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rate", type=float, default=3e-3, help="learning rate")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", help="cpu, cuda, ...; by default a GPU where there is one")
    parser.add_argument("--ship", action="store_true", help="then train on all patients and write the network")
    parser.add_argument(
        "--tables", action="store_true", help="then compute the descriptors and write Tables 2 and 3; needs PyWavelets"
    )
    return parser.parse_args()


def study(options: argparse.Namespace, folder: Path, crop: SliceCrop) -> tuple[list[str], list[str], NDArray, NDArray]:
    """Return ids, patients, channels and agreement of the simulated slices."""
    hosts = host_scans(folder)
    units, patients, slices, target = [], [], [], []
    for made in simulate_study(hosts, patients=options.patients, slices_per_patient=options.slices, seed=options.seed):
        for one in slices_of(made):
            units.append(one.id)
            patients.append(one.patient)
            slices.append(slice_channels(one.image, one.candidate, one.uncertainty, one.spacing_mm, crop))
            target.append(agreement_target(one.readers, PAPER_TARGET))
    return units, patients, np.stack(slices), np.array(target)


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
        target=PAPER_TARGET.in_words(),
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
