"""The pages of the docs: their code, commands and manifests run, and their links lead somewhere."""

import ast
import inspect
import re
import shlex
from pathlib import Path

import pytest
import torch

import impasto
from films import moving, write
from impasto import Picture
from impasto.recipes import demo

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


ON_THE_REAL_NETWORK = {"README.md", "by-hand.md", "measure.md", "weights.md"}
"""The pages whose Python runs on the real network; that of the others says nothing about it."""

OTHER_COMMANDS = {"measure", "info", "presets", "warm"}
"""The commands that do not paint."""

OTHER_FLAGS = {"--quick", "--pictures", "--part", "--jobs", "--extra-index-url"}
"""Flags in the text of pages that are those of pytest, of `scripts/bench` and of pip."""

SMALL = {"size": 64, "iterations": 1, "seconds": 1}
"""The values of options that the tests give in place of those of the pages, so that they are quick."""


def blocks(page, language):
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL)


def examples(language, pages=PAGES):
    return [
        pytest.param(block, id=f"{page.name}-{number}")
        for page in pages
        for number, block in enumerate(blocks(page, language), start=1)
    ]


@pytest.fixture(scope="module")
def workplace(tmp_path_factory, quick_painting):
    """A folder with the files that the pages speak of, small, so that the real network is quick."""
    folder = tmp_path_factory.mktemp("workplace")
    width, height = 72, 86
    Picture.open(demo.photograph()).resized(width, height).save(folder / "photo.jpg")
    painting = demo.painting(96)
    Picture(painting).save(folder / "painting.jpg")
    Picture(painting.flip(0)).save(folder / "other.jpg")
    mask = torch.zeros(height, width)
    mask[: height // 3] = 1
    Picture(mask.expand(3, -1, -1)).save(folder / "sky.png")
    Picture(torch.stack((mask, 0 * mask, 0 * mask))).save(folder / "labels.png")
    Picture((torch.arange(96) < 48).float().expand(3, 76, 96)).save(folder / "half.png")
    for name, original in (("a", "painting"), ("b", "other"), ("evening", "other")):
        (folder / f"{name}.jpg").hardlink_to(folder / f"{original}.jpg")
    write(folder / "clip.mp4", moving(3, width=64, height=48))
    (folder / "photos").mkdir()
    (folder / "photos" / "photo.jpg").hardlink_to(folder / "photo.jpg")
    return folder


def run_python(block, folder, monkeypatch):
    """Run a block, smaller and shorter than it says."""
    monkeypatch.chdir(folder)
    replacements = {
        r"size=1024": "size=72",
        r"size=256(?!, iterations)": "size=48, iterations=2",
        r"size=256": "size=48",
        r"iterations=\d+": "iterations=2",
        r"seconds=3": "seconds=1",
    }
    quick = block
    for pattern, replacement in replacements.items():
        quick = re.sub(pattern, replacement, quick)
    exec(compile(quick, "docs", "exec"), {})


@pytest.mark.usefixtures("real_network")
@pytest.mark.parametrize("block", examples("python", [page for page in PAGES if page.name in ON_THE_REAL_NETWORK]))
def test_the_python_of_the_docs_about_the_network_runs(block, workplace, monkeypatch):
    run_python(block, workplace, monkeypatch)


@pytest.mark.usefixtures("tiny_network_everywhere")
@pytest.mark.parametrize("block", examples("python", [page for page in PAGES if page.name not in ON_THE_REAL_NETWORK]))
def test_the_python_of_the_docs_runs(block, workplace, monkeypatch):
    run_python(block, workplace, monkeypatch)


def smaller(match):
    """Return an option with as many values as in the page, but small ones."""
    least, count = SMALL[match[1]], match[2].count(",") + 1
    return f"--{match[1]} {','.join(str(least * number) for number in range(1, count + 1))}"


@pytest.fixture
def run_commands(workplace, command, monkeypatch):
    """Run each line of a block, smaller and shorter than it says."""

    def run(block):
        monkeypatch.chdir(workplace)
        for line in block.replace("\\\n", " ").splitlines():
            arguments = shlex.split(re.sub(rf"--({'|'.join(SMALL)}) ([\d,]+)", smaller, line), comments=True)
            if not arguments:
                continue
            if arguments[0].startswith("scripts/"):
                assert (ROOT / arguments[0]).stat().st_mode & 0o100, f"{arguments[0]} is not there or cannot be run"
                continue
            if arguments[0] == ".":
                continue
            assert arguments[0] == "impasto", line
            if arguments[1] not in OTHER_COMMANDS:
                arguments += ["--quiet"]
                arguments += [] if "--iterations" in arguments else ["--iterations", "2"]
                arguments += [] if {"--size", "--print"} & {*arguments} else ["--size", "64"]
            code, _, err = command(*arguments[1:])
            assert code == 0, f"{line}\n{err}"

    return run


@pytest.mark.usefixtures("real_network", "timed")
@pytest.mark.parametrize("block", examples("sh", PAGES[:1])[:1])
def test_the_first_command_of_the_readme_runs_on_the_real_network(block, run_commands):
    run_commands(block)


@pytest.mark.usefixtures("tiny_network")
@pytest.mark.parametrize("block", examples("sh")[1:])
def test_the_commands_of_the_docs_run(block, run_commands):
    run_commands(block)


@pytest.mark.usefixtures("tiny_network")
@pytest.mark.parametrize("block", examples("json"))
def test_the_manifests_of_the_docs_are_painted(block, run_commands, workplace):
    (workplace / "jobs.jsonl").write_text(re.sub(r'"size": \d+', '"size": 64', block))
    run_commands("impasto batch --manifest jobs.jsonl -o from-a-manifest")
    assert len(list((workplace / "from-a-manifest").glob("*.png"))) == len(block.splitlines())


def anchors(page):
    """Return the names of a page's headings in links."""
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    headings = re.findall(r"^#+ (.*)$", text, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")], ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)]+)\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            path, _, anchor = target.partition("#")
            assert (page.parent / path).exists(), target
            assert not anchor or anchor in anchors(page.parent / path if path else page), target


def test_the_reference_names_the_arguments_that_can_be_passed():
    page = (ROOT / "docs/api.md").read_text(encoding="utf-8")
    calls = re.findall(r"```py\n(\w+)\((.*?)\)(?: -> [^\n]*)?\n```", page, flags=re.DOTALL)
    calls = {
        name: arguments for name, arguments in calls if "=…, …" not in arguments
    }  # options have a page of their own
    assert len(calls) > 20
    for name, arguments in calls.items():
        (function,) = ast.parse(f"def {name}({arguments.replace('…', '0')}): ...").body
        documented = [node.arg for node in ast.walk(function) if isinstance(node, ast.arg)]
        assert sorted(documented) == sorted(inspect.signature(getattr(impasto, name)).parameters), name


@pytest.mark.parametrize("page", [ROOT / "CONTRIBUTING.md", *PAGES], ids=lambda page: page.name)
def test_flags_in_the_text_are_flags_of_the_command(page):
    flags = set(re.findall(r"--[a-z][a-z-]+", (ROOT / "docs" / "command.md").read_text(encoding="utf-8")))
    prose = re.sub(
        r"```.*?```|^    .*$|`[^`]*(?:pip|pytest|scripts/)[^`]*`",
        "",
        page.read_text(encoding="utf-8"),
        flags=re.DOTALL | re.MULTILINE,
    )
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", prose)) <= flags | OTHER_FLAGS
