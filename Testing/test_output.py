import os
import subprocess
import sys

import pytest

from SegQCLib.errors import BadDataError
from SegQCLib.output import require_writable, write_files


def test_files_appear_whole_with_ordinary_permissions(tmp_path):
    write_files(tmp_path, {"a.txt": "Größe\n", "b.txt": "x"})
    assert (tmp_path / "a.txt").read_bytes() == "Größe\n".encode()
    assert sorted(os.listdir(tmp_path)) == ["a.txt", "b.txt"]
    plain = tmp_path / "plain"
    plain.write_text("")
    assert (tmp_path / "a.txt").stat().st_mode == plain.stat().st_mode


def test_a_full_disk_leaves_every_older_file_as_it_was(tmp_path):
    write_files(tmp_path, {"record.json": "old record", "report.html": "old report"})
    # A limit on file size makes the system refuse the second file half-way, as a full disk does.
    script = (
        "import resource, sys, pathlib\n"
        "from SegQCLib.output import write_files\n"
        "from SegQCLib.errors import BadDataError\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (5000, 5000))\n"
        "try:\n"
        "    write_files(pathlib.Path(sys.argv[1]), {'record.json': 'new', 'report.html': 'x' * 100000})\n"
        "except BadDataError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=True)
    assert "could not be written to" in done.stdout
    assert (tmp_path / "record.json").read_text() == "old record"
    assert (tmp_path / "report.html").read_text() == "old report"
    assert sorted(os.listdir(tmp_path)) == ["record.json", "report.html"]


def test_a_folder_that_cannot_be_made_is_refused_before_any_work(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(BadDataError, match="cannot be written to"):
        require_writable(tmp_path / "file" / "out")
