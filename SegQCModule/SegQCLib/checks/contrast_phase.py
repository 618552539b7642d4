"""Is the image of the contrast phase that the protocol reads?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from SegQCLib.case import Acquisition, Case
from SegQCLib.findings import Finding, Status
from SegQCLib.protocol import AllowedTexts, QCProtocol

ID = "contrast_phase"
WHY = (
    "Lesions change in size and brightness from phase to phase. ESR Essentials (Chupetlovska et al. 2025): choose the "
    "phase before segmentation and keep it throughout the study."
)


def run(case: Case, protocol: QCProtocol) -> Iterator[Finding]:
    """Look for the phase in Series Description (0008,103E), else in the delay after the contrast injection.

    Only enhanced objects name it, in Contrast/Bolus Agent Phase (0018,9344); there a word such as POST_CONTRAST or
    DYNAMIC says less than the protocol asks, so only the very phase counts. The delay counts only where the header shows that an
    injector filled it in: many scanners write a start time with a volume of 0 mL.
    """
    rule = protocol.contrast
    if rule is None or rule.phase == "none":
        return
    acquisition = case.image.acquisition
    coded = acquisition.contrast_phase
    if coded is not None and coded.replace("_", " ").casefold() == rule.phase.casefold():
        message = f"Contrast/Bolus Agent Phase (0018,9344) is {coded}."
        yield Finding(ID, Status.PASS, message, coded, rule.phase, source=rule.source)
        return
    description = acquisition.series_description
    if description and rule.series_description_words and description in AllowedTexts(rule.series_description_words, rule.source):
        message = f"Series Description (0008,103E), {description!r}, names the {rule.phase} phase."
        yield Finding(ID, Status.PASS, message, description, rule.phase, source=rule.source)
        return
    named = f"Series Description (0008,103E) is {description!r}" if description else "Series Description (0008,103E) is missing"
    if coded is not None:
        named += f", Contrast/Bolus Agent Phase (0018,9344) is {coded}"
    delay_s = _delay_s(acquisition)
    if delay_s is None or rule.delay_s is None:
        message = f"The header does not name the contrast phase: {named}. Judge from the image whether it is {rule.phase}."
        yield Finding(ID, Status.NOT_EVALUATED, message, None, rule.phase, source=rule.source)
        return
    allowed = f"{rule.phase}: {rule.delay_s}"
    facts = f"{named}; the scan began {delay_s:.0f} s after Contrast/Bolus Start Time (0018,1042)"
    if not acquisition.contrast_volume_ml:
        volume = "0 mL" if acquisition.contrast_volume_ml == 0 else "missing"
        message = (
            f"The header does not name the contrast phase: {facts}, but Contrast/Bolus Volume (0018,1041) is {volume}, so the"
            f" time is not from an injector. Judge from the image whether it is {rule.phase}."
        )
        yield Finding(ID, Status.NOT_EVALUATED, message, f"{delay_s:.0f} s", allowed, "s", rule.delay_s.source)
    elif delay_s in rule.delay_s:
        yield Finding(ID, Status.PASS, f"{facts}.", f"{delay_s:.0f} s", allowed, "s", rule.delay_s.source)
    else:
        # The circulation time differs between patients: the delay alone does not prove another phase.
        message = f"{facts}; the {rule.phase} phase is expected at {rule.delay_s}. Look at the image."
        yield Finding(ID, Status.WARN, message, f"{delay_s:.0f} s", allowed, "s", rule.delay_s.source)


def _delay_s(acquisition: Acquisition) -> float | None:
    """Return Acquisition Time minus Contrast/Bolus Start Time in s, or None where that is missing or not in 0 to 3600 s."""
    times = []
    for text in (acquisition.contrast_start_time, acquisition.acquisition_time):
        try:
            # DICOM TM: HHMMSS with an optional fraction, which does not matter here.
            times.append(datetime.strptime((text or "").partition(".")[0], "%H%M%S"))
        except ValueError:
            return None
    delay_s = (times[1] - times[0]).total_seconds()
    return delay_s if 0 < delay_s <= 3600 else None
