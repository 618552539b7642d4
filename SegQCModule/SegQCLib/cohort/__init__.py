"""Many cases under a protocol: found, evaluated by a Dask cluster, kept once each, and read as one data set."""
