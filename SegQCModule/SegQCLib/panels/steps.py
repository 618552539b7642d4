"""The steps of the module's column, in the order in which a reader takes them."""

from __future__ import annotations

from SegQCLib.panels.agreement_panel import AgreementPanel
from SegQCLib.panels.artifacts_panel import ArtifactsPanel
from SegQCLib.panels.case_panel import CasePanel
from SegQCLib.panels.checklist_panel import ChecklistPanel
from SegQCLib.panels.draft_panel import DraftPanel
from SegQCLib.panels.editing_panel import EditingPanel
from SegQCLib.panels.findings_panel import FindingsPanel
from SegQCLib.panels.gate_panel import GatePanel
from SegQCLib.panels.my_reading_panel import MyReadingPanel
from SegQCLib.panels.protocol_panel import ProtocolPanel
from SegQCLib.panels.report_panel import ReportPanel
from SegQCLib.panels.training_panel import TrainingPanel

STEPS = (
    CasePanel,
    GatePanel,
    ArtifactsPanel,
    DraftPanel,
    EditingPanel,
    FindingsPanel,
    ReportPanel,
    AgreementPanel,
    TrainingPanel,
    MyReadingPanel,
    ChecklistPanel,
    ProtocolPanel,
)
