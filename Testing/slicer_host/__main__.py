"""`make gui`: SegQC in the test host, on the sample CT; on a screen, or as a picture with --screenshot FILE."""

import argparse
import os
import sys
from pathlib import Path

arguments = argparse.ArgumentParser(prog="python -m slicer_host", description=__doc__)
arguments.add_argument("--screenshot", type=Path, metavar="FILE", help="save a picture of the window and leave")
arguments.add_argument("--steps", type=Path, metavar="FOLDER", help="save a picture of each step and leave")
arguments.add_argument("--empty", action="store_true", help="without the sample case")
asked = arguments.parse_args()
wants_screen = asked.screenshot is None and asked.steps is None
if wants_screen and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY") or sys.platform in ("win32", "darwin")):
    sys.exit("There is no screen (DISPLAY is not set). Give --screenshot FILE for a picture, or run it under xvfb-run.")
if wants_screen:
    # A screen is wanted: let Qt choose the platform.
    os.environ.setdefault("QT_QPA_PLATFORM", "")

from slicer_host import OBSTACLE, a_host  # noqa: E402 - after the platform is chosen

if OBSTACLE is not None:
    sys.exit(f"{OBSTACLE}: pip install --editable '.[test]' brings the Python packages.")
with a_host(allow_errors=True) as host:
    nodes = None if asked.empty else host.load_sample_case()
    widget = host.open("SegQCModule")
    if nodes is not None:
        widget.session.case.volume, widget.session.case.candidate = nodes
        host.process_events()
    if asked.screenshot is not None:
        host.screenshot(asked.screenshot)
    if asked.steps is not None:
        for number, panel in enumerate(widget.column.panels):
            widget.column.open(number)
            host.screenshot(asked.steps / f"step_{number + 1}_{type(panel).__name__}.png")
    if wants_screen:
        host.app.setQuitOnLastWindowClosed(True)
        host.app.exec_()
