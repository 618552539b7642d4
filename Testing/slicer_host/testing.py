"""Stand-in for slicer.testing."""

import sys
import unittest


def exitFailure(message=""):
    raise AssertionError(message)


def runUnitTest(path, testname):
    sys.path.extend([path] if isinstance(path, str) else path)
    done = unittest.TextTestRunner(verbosity=2).run(unittest.defaultTestLoader.loadTestsFromName(testname))
    if not done.wasSuccessful():
        exitFailure(f"{testname} failed.")
