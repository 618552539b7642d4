"""That a reader went on although the image is not as the protocol asks: kept with the volume, and so with the scene."""

from __future__ import annotations

from dataclasses import dataclass, field

from slicer import vtkMRMLScalarVolumeNode

from SegQCLib.dataclass_json import FaultyJSONError, from_json, to_json
from SegQCLib.findings import Finding, Status

CHECK_ID = "gate_confirmed"
CONFIRMATION_ATTRIBUTE = "SegQC.GateConfirmation"


@dataclass(frozen=True)
class GateConfirmation:
    """Why a reader went on with an image that the gate did not pass."""

    protocol_sha256: str = field(metadata={"doc": "SHA-256 of the protocol file."})
    failed: tuple[str, ...] = field(metadata={"doc": "The failed checks, each with what it measured: id: value."})
    reason: str = field(metadata={"doc": "The reader's reason."})
    reader: str = field(metadata={"doc": "Name or code of the reader; empty: none was given."})
    created: str = field(metadata={"doc": "When, ISO 8601 with time zone."})


def write_confirmation(volume_node: vtkMRMLScalarVolumeNode, confirmation: GateConfirmation) -> None:
    """Keep a confirmation with the volume, in place of an earlier one."""
    volume_node.SetAttribute(CONFIRMATION_ATTRIBUTE, to_json(confirmation))


def read_confirmation(volume_node: vtkMRMLScalarVolumeNode) -> GateConfirmation | None:
    """Return the confirmation kept with a volume; None where there is none, or none that can be read."""
    text = volume_node.GetAttribute(CONFIRMATION_ATTRIBUTE)
    if text is None:
        return None
    try:
        return from_json(GateConfirmation, text)
    except FaultyJSONError:
        return None


def confirmation_findings(volume_node: vtkMRMLScalarVolumeNode) -> tuple[Finding, ...]:
    """Return what the record says of a confirmation: that the reader went on, when, and why."""
    confirmation = read_confirmation(volume_node)
    if confirmation is None:
        return ()
    who = confirmation.reader or "a reader without name"
    message = (
        f"{who} went on with this image on {confirmation.created[:10]} although it is not as the protocol asks"
        f" ({', '.join(confirmation.failed)}): {confirmation.reason}"
    )
    return (Finding(CHECK_ID, Status.WARN, message),)
