# make demo: the sample cases, end to end. make test: lint and every test. Both need only Python and pip.
# make gui: Slicer's module in a window of its own. make nightly: long proofs. make bench: speed beside peers.
# make services: what tests of DICOM and databases use beside Python, from Debian's packages (as root); without it they are skipped.

# Slicer's Python is 3.12. A name counts only if it starts: pyenv leaves shims of versions that are not selected.
PYTHON := $(shell for name in python3.12 python3.11 python3.13 python3 python; do \
	"$$name" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo "$$name" && break; done)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: demo test lint gui services nightly bench clean
.DEFAULT_GOAL := demo

demo: $(VENV)/.product
	@$(BIN)/segqc demo --out segqc-demo

test: $(VENV)/.test lint
	$(BIN)/python -m pytest -q -n 2 --dist loadfile

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

# The Slicer module on the sample CT, outside Slicer (Testing/slicer_host); SCREENSHOT=file.png makes a picture and leaves.
gui: $(VENV)/.test
	PYTHONPATH=Testing:SegQCModule $(BIN)/python -m slicer_host $(if $(SCREENSHOT),--screenshot $(SCREENSHOT))

# A DICOMweb archive, a validator of DICOM objects that nobody here wrote, DCMTK, and PostgreSQL. Debian would start Orthanc and
# PostgreSQL as services: not wanted.
services:
	apt-get -qq update
	RUNLEVEL=1 apt-get -qq install -y --no-install-recommends orthanc orthanc-dicomweb dicom3tools dcmtk openssl postgresql
	-systemctl disable --now orthanc postgresql 2>/dev/null

# Proofs that take longer than a landing may wait for; the last results stand in Benchmarks/README.md.
nightly: $(VENV)/.test
	$(BIN)/python -m pytest -q -m nightly

bench: $(VENV)/.test
	$(BIN)/python Benchmarks/evaluate_case.py
	$(BIN)/python Benchmarks/compare.py --memory --hard
	$(BIN)/python Benchmarks/alarm_rates.py
	$(BIN)/python Benchmarks/detection_rates.py
	$(BIN)/python Benchmarks/panels.py
	$(BIN)/python Benchmarks/descriptors.py
	$(BIN)/python Benchmarks/descriptors.py --paper
	$(BIN)/python Benchmarks/difficulty_models.py --quick
	$(BIN)/python Benchmarks/difficulty_gating.py
	$(BIN)/python Benchmarks/read_series.py
	$(BIN)/python Benchmarks/dicom_seg.py --read --write
	$(BIN)/python Benchmarks/agreement.py --peers
	$(BIN)/python Benchmarks/records_store.py --postgresql --peers
	$(BIN)/python Benchmarks/automation_bias.py
	$(BIN)/python Benchmarks/image_quality.py
	$(BIN)/python Benchmarks/cohort.py

clean:
	rm -rf $(VENV) segqc-demo dist build

$(VENV)/bin/python:
	@if [ -z "$(PYTHON)" ]; then echo "SegQC needs Python 3.11 or newer (3.12 is best); none was found on PATH." >&2; exit 1; fi
	@echo "Making $(VENV) with $$($(PYTHON) --version) ..."
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "Python's venv module is missing (Debian: apt install python3-venv)." >&2; exit 1; }

$(VENV)/.product: pyproject.toml | $(VENV)/bin/python
	@echo "Installing SegQC ..."
	@$(PIP) install --editable .
	@touch $@

$(VENV)/.test: pyproject.toml | $(VENV)/bin/python
	@echo "Installing SegQC with its test tools ..."
	@$(PIP) install --editable '.[test]'
	@touch $@ $(VENV)/.product
