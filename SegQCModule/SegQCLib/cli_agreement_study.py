"""The command line of agreement over many cases: segqc agreement --study."""

from __future__ import annotations

import argparse


def add_options(command: argparse.ArgumentParser) -> None:
    """Add the options of a study to `segqc agreement`."""


def run(options: argparse.Namespace) -> int:
    """Evaluate a study, where `options.study` is given."""
    raise NotImplementedError(options.study)
