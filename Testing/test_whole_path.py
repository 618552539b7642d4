"""The scripted session that Slicer's own runner executes, in the host: protocol, draft, edits, findings, report, bundle."""

import sys
import unittest
from pathlib import Path

from slicer_host import a_host, needs_host

pytestmark = needs_host

SCRIPTS = Path(__file__).parents[1] / "SegQCModule" / "Testing" / "Python"


def test_a_case_goes_from_the_protocol_to_the_report_and_back_from_a_bundle(monkeypatch):
    monkeypatch.syspath_prepend(str(SCRIPTS))
    with a_host() as host:
        host.open("SegQCModule")
        sys.modules.pop("SegQCWholePathTest", None)
        tests = unittest.defaultTestLoader.loadTestsFromName("SegQCWholePathTest")
        outcome = unittest.TestResult()
        tests.run(outcome)
        sys.modules.pop("SegQCWholePathTest")
        faults = "\n".join(text for _, text in outcome.errors + outcome.failures)
        assert outcome.testsRun == 1
        assert outcome.wasSuccessful(), faults
