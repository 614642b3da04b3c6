"""Files of installed distributions are found, and refused if they are missing or others."""

import hashlib
import sys

import pytest

from impasto.errors import WeightsError, pip_install
from impasto.installed_files import InstalledFile

ADVICE = f"run {pip_install('--force-reinstall --no-deps holder==1.0')}, or draw a mask."


@pytest.fixture
def file(tmp_path, monkeypatch):
    """A file of the distribution holder, whose bytes are `weights`."""
    (tmp_path / "holder-1.0.dist-info").mkdir()
    (tmp_path / "holder-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: holder\nVersion: 1.0\n")
    (tmp_path / "holder.bin").write_bytes(b"weights")
    monkeypatch.syspath_prepend(tmp_path)
    return InstalledFile("holder", "1.0", "holder.bin", hashlib.sha256(b"weights").hexdigest())


def test_a_file_is_found_in_its_distribution(file, tmp_path):
    assert file.find() == tmp_path / "holder.bin"


@pytest.mark.parametrize("changes", [{"distribution": "none-such"}, {"path": "none.bin"}])
def test_a_file_that_is_not_there_is_asked_for(file, changes):
    missing = file._replace(**changes)
    with pytest.raises(WeightsError) as caught:
        missing.find(", or draw a mask")
    advice = ADVICE.replace("holder", missing.distribution)
    assert (
        str(caught.value) == f"{missing.path}, a file of the distribution {missing.distribution}, is missing; {advice}"
    )


def test_a_file_with_other_bytes_is_refused(file, tmp_path):
    (tmp_path / "holder.bin").write_bytes(b"others")
    with pytest.raises(WeightsError) as caught:
        file.find(", or draw a mask")
    assert str(caught.value) == f"{tmp_path / 'holder.bin'} is damaged or of another version than 1.0; {ADVICE}"


def test_what_is_missing_is_installed_by_the_python_of_impasto(tmp_path, monkeypatch):
    folder = tmp_path / "my programs"
    folder.mkdir()
    for name in ("python", "pip"):
        (folder / name).touch(mode=0o755)
    monkeypatch.setattr(sys, "executable", str(folder / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert pip_install('"impasto[web]"') == f'"{folder / "python"}" -m pip install "impasto[web]"'
    monkeypatch.setenv("PATH", str(folder))
    assert pip_install('"impasto[web]"') == 'pip install "impasto[web]"'
