"""The command `studio`."""

import json
import signal
import subprocess
import sys
import urllib.request

import pytest

from impasto.errors import pip_install


def test_the_studio_prints_its_link_answers_and_closes_on_ctrl_c(tmp_path):
    command = [
        sys.executable,
        "-m",
        "impasto",
        "studio",
        "--no-browser",
        "--port",
        "0",
        "--folder",
        tmp_path / "pictures",
    ]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as studio:
        output = studio.stdout.readline()
        assert output.startswith("The studio is at http://127.0.0.1:")
        assert output.endswith("/pictures. Ctrl-C closes it.\n")
        with urllib.request.urlopen(output.split()[4] + "api/jobs") as answer:
            assert json.load(answer) == []
        studio.send_signal(signal.SIGINT)
        _, errors = studio.communicate(timeout=60)
    assert (studio.returncode, errors) == (0, "")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--quota", "0"), "quota cannot be 0; it takes a number of gigabytes, above 0."),
        (("--devices", "cpu,gpu"), "device cannot be gpu; it takes auto, cpu, cuda, cuda:1 or mps."),
        (("--port", "70000"), "the address 127.0.0.1:70000 cannot be used: there is no such port;"),
        (("--folder", "{file}"), "cannot be used: not a directory; give another --folder."),
    ],
)
def test_wrong_words_get_one_sentence(command, tmp_path, words, sentence):
    file = tmp_path / "file"
    file.touch()
    arguments = [word.format(file=file / "x") for word in words]
    code, _, output = command("studio", "--no-browser", "--port", "0", "--folder", tmp_path, *arguments)
    assert code == 2
    assert sentence in output


def test_without_its_extra_the_command_says_what_to_install(command, monkeypatch):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    monkeypatch.delitem(sys.modules, "impasto.web.server", raising=False)
    monkeypatch.delattr("impasto.web.server", raising=False)
    code, _, output = command("studio")
    advice = pip_install('"impasto[web]"')
    assert (code, output) == (2, f"impasto: the studio needs uvicorn, of impasto's extra web; run {advice}.\n")
