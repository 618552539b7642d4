"""A PET series that Slicer loaded from its DICOM database: the facts are the series', the unit is that of the node's voxels."""

from dataclasses import replace

import pytest

slicer = pytest.importorskip("slicer", reason="the MRML layer needs slicer-core")

from SegQCLib.acquisition import Acquisition  # noqa: E402
from SegQCLib.case import WindowLevel  # noqa: E402
from SegQCLib.dicom.series import read_series  # noqa: E402
from SegQCLib.mrml.database_acquisition import keep_database_acquisition  # noqa: E402
from SegQCLib.mrml.volume import ACQUISITION_ATTRIBUTE, acquisition_of, add_volume  # noqa: E402
from test_suv import a_pet_series  # noqa: E402


@pytest.fixture
def scene():
    return slicer.vtkMRMLScene()


def a_node_of(scene, folder):
    """Return a node as Slicer's DICOM import leaves it, and the series as SegQC reads it."""
    series = read_series(folder)

    class Database:
        isOpen = True  # noqa: N815

        def fileForInstance(self, _uid):
            return str(next(folder.iterdir()))

    node = add_volume(scene, replace(series, acquisition=Acquisition(), display=WindowLevel(10, 5)), "PET")
    node.RemoveAttribute(ACQUISITION_ATTRIBUTE)
    node.SetAttribute("DICOM.instanceUIDs", "1.2.3")
    return node, series, Database()


def test_voxels_that_slicer_loaded_are_in_the_unit_of_the_header(scene, tmp_path):
    a_pet_series(tmp_path)
    node, series, database = a_node_of(scene, tmp_path)
    keep_database_acquisition(node, database)
    found = acquisition_of(node)
    assert (found.value_unit, series.acquisition.value_unit) == ("Bq/mL", "g/mL (SUVbw)")
    assert replace(found, value_unit=None) == replace(series.acquisition, value_unit=None)
    assert found.uptake_time_min == 60


@pytest.mark.parametrize("code", ["{SUVbw}g/ml", "g/ml{SUVbw}"])
def test_voxels_that_slicer_converted_are_suv(scene, tmp_path, code):
    a_pet_series(tmp_path)
    node, _, database = a_node_of(scene, tmp_path)
    units = slicer.vtkCodedEntry()
    units.SetValueSchemeMeaning(code, "UCUM", "Standardized Uptake Value body weight")
    node.SetVoxelValueUnits(units)
    keep_database_acquisition(node, database)
    assert acquisition_of(node).value_unit == "g/mL (SUVbw)"
