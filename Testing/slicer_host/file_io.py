"""Stand-in for Slicer's reader and writer of nodes and scenes, on the storage nodes of slicer-core."""

import tempfile
import zipfile
from pathlib import Path

import slicer


class CoreIOManager:
    def __init__(self, host):
        self._host = host

    def fileType(self, path):
        name = str(path).lower()
        for ending, kind in (
            (".mrb", "SceneFile"),
            (".mrml", "SceneFile"),
            (".seg.nrrd", "SegmentationFile"),
            (".seg.nhdr", "SegmentationFile"),
        ):
            if name.endswith(ending):
                return kind
        for ending, kind in ((".tsv", "TableFile"), (".csv", "TableFile"), (".txt", "TextFile"), (".json", "TextFile")):
            if name.endswith(ending):
                return kind
        return "VolumeFile"

    def loadNodes(self, kind, properties, nodes, _messages=None):
        path = str(properties["fileName"])
        readers = {
            "SceneFile": self._load_scene,
            "VolumeFile": self._load_volume,
            "SegmentationFile": self._load_segmentation,
            "TableFile": self._load_table,
            "TextFile": self._load_text,
        }
        if kind not in readers:
            raise ValueError(f"The test host cannot load a {kind}.")
        if not Path(path).exists():
            return False
        node = readers[kind](path, properties)
        if node is None or node is False:
            return False
        if node is not True:
            nodes.AddItem(node)
        return True

    def _load_scene(self, path, properties):
        scene = self._host.scene
        if properties.get("clear", False):
            scene.Clear(0)
        if not path.lower().endswith(".mrb"):
            scene.SetURL(path)
            return bool(scene.Import())
        with tempfile.TemporaryDirectory(prefix="slicer-host-") as work, zipfile.ZipFile(path) as bundle:
            bundle.extractall(work)
            (description,) = Path(work).glob("*/*.mrml")
            scene.SetURL(str(description))
            return bool(scene.Import())

    def _load_volume(self, path, properties):
        if Path(path).is_dir():
            raise ValueError(f"{path} is a folder; load its first file.")
        logic = self._host.logics["Volumes"]
        name = properties.get("name") or Path(path).name.partition(".")[0]
        return logic.AddArchetypeVolume(path, name, 1 if properties.get("labelmap") else 0)

    def _load_segmentation(self, path, properties):
        name = properties.get("name") or Path(path).name.partition(".")[0]
        return self._host.logics["Segmentations"].LoadSegmentationFromFile(path, True, name)

    def _load_table(self, path, properties):
        return self._host.logics["Tables"].AddTable(path, properties.get("name") or Path(path).stem)

    def _load_text(self, path, properties):
        node = self._host.scene.AddNewNodeByClass("vtkMRMLTextNode", properties.get("name") or Path(path).stem)
        node.SetText(Path(path).read_text(encoding="utf-8"))
        return node

    def saveNodes(self, kind, properties, _messages=None):
        path = str(properties["fileName"])
        if kind == "SceneFile":
            scene = self._host.scene
            if not path.lower().endswith(".mrb"):
                return bool(scene.Commit(path))
            with tempfile.TemporaryDirectory(prefix="slicer-host-") as work:
                scene.SetRootDirectory(work)
                return bool(scene.WriteToMRB(path))
        node = self._host.scene.GetNodeByID(properties["nodeID"])
        storage = node.GetStorageNode() or slicer.vtkMRMLStorageNode.SafeDownCast(node.CreateDefaultStorageNode())
        storage.SetFileName(path)
        return bool(storage.WriteData(node))
