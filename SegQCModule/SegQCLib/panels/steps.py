"""The steps of the module's column, in the order in which a reader takes them."""

from __future__ import annotations

from SegQCLib.panels.artifacts_panel import ArtifactsPanel
from SegQCLib.panels.case_panel import CasePanel
from SegQCLib.panels.gate_panel import GatePanel

STEPS = (CasePanel, GatePanel, ArtifactsPanel)
