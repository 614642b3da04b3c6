"""The help of the command: a short page, and a complete one."""

import re
import subprocess
import sys

import pytest

from impasto.cli import app
from impasto.settings import PRESETS, Runtime, Settings
from impasto.settings.options import as_text

COMMANDS = [name for name in app if not name.startswith("-")]
OPTIONS = [option for model in (Settings, Runtime) for option in model.options()]


@pytest.fixture
def help_of(command, monkeypatch):
    """Return the lines that a command prints, in a terminal of 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")

    def run(*words):
        code, out, err = command(*words)
        assert (code, err) == (0, "")
        return out.splitlines()

    return run


def test_the_short_page_fits_on_a_screen_with_ten_options_and_three_examples(help_of):
    lines = help_of("paint", "--help")
    assert len(lines) <= 60
    assert len([line for line in lines if re.match(r"  --", line)]) in range(9, 13)
    assert len([line for line in lines if line.startswith("    impasto ")]) == 3
    assert any("--help-all" in line for line in lines)


@pytest.mark.parametrize("page", ["--help", "--help-all"])
@pytest.mark.parametrize("name", [(), *((name,) for name in COMMANDS)], ids=" ".join)
def test_values_have_the_kind_of_a_person_and_lines_fit_the_terminal(help_of, name, page):
    lines = help_of(*name, page)
    text = "\n".join(lines)
    assert max(map(len, lines)) <= 80
    assert not re.search(r"\b(STR|INT|ARGS|PATH)\b", text)
    assert "object at" not in text
    assert not re.search(r"default: (True|False|None|\d+\.0\])", text)


@pytest.mark.parametrize(
    ("name", "flag"), [("figures", "--folder"), ("sweep", "--folder"), ("measure", "--json"), ("info", "--retune")]
)
def test_the_short_page_has_the_flags_that_only_this_command_has(help_of, name, flag):
    assert any(line.startswith(f"  {flag}") for line in help_of(name, "--help"))


def test_a_usage_names_the_flag_without_which_there_is_nothing_to_do(help_of):
    assert help_of("figures", "--help")[0] == "Usage: impasto figures PHOTO PAINTING --folder FOLDER [OPTIONS]"


def test_the_complete_page_has_every_option_with_its_help_and_expert_options_last(help_of):
    lines = help_of("paint", "--help-all")
    text = " ".join(" ".join(lines).split())
    for option in OPTIONS:
        assert f"--{option.name.replace('_', '-')}" in text
        assert option.help[:40] in text
    headings = [line for line in lines if re.match(r"\w", line)][2:]
    experts = [heading.startswith("Expert") for heading in headings[:-2]]
    assert experts == sorted(experts)
    assert any(experts)


@pytest.mark.parametrize(
    ("name", "preset"),
    [("paint", "default"), ("demo", "default"), ("texture", "texture"), ("reconstruct", "reconstruction")],
)
def test_the_defaults_of_a_command_are_those_of_its_preset(help_of, name, preset):
    text = "".join("".join(help_of(name, "--help-all")).split())
    for option in Settings.options():
        value = PRESETS[preset].changes.get(option.name)
        default = option.default if value is None else as_text(value)
        words = re.escape("".join(option.help.split()))
        assert re.search(rf"{words}\[[^]]*default:{re.escape(default)}\]", text), option.name


def test_the_help_of_repaint_names_no_settings_since_those_of_the_picture_count(help_of):
    text = " ".join(" ".join(help_of("repaint", "--help-all")).split())
    assert "in pixels. [a whole number, at least 32] --content-weight" in text
    assert "[]" not in text


def test_without_words_the_command_says_how_it_is_used(help_of):
    assert help_of()[0] == "Usage: impasto PHOTO PAINTING [OPTIONS]"


def test_the_process_ends_without_a_last_search_for_garbage():
    code = "import atexit, gc; atexit.register(lambda: print(gc.get_freeze_count()))\n"
    code += "from impasto.cli import main; main(['--version'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout.split()[-1]) > 1000


def test_ctrl_c_while_modules_are_imported_ends_the_command_in_one_sentence():
    interrupted = "import importlib.abc, runpy, sys\n"
    interrupted += "class Interrupt(importlib.abc.MetaPathFinder):\n"
    interrupted += "    def find_spec(self, name, *_):\n        if name == 'cyclopts': raise KeyboardInterrupt\n"
    interrupted += "sys.meta_path.insert(0, Interrupt())\nrunpy.run_module('impasto', run_name='__main__')"
    ended = subprocess.run([sys.executable, "-c", interrupted], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (130, "impasto: Interrupted.\n")
