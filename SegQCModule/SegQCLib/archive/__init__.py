"""DICOMweb archives: query, fetch, store."""
