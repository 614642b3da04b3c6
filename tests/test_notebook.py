"""The tutorial: every cell runs, and the notebook is made from its source."""

import io
import re
import runpy
import sys
import textwrap
from contextlib import redirect_stdout
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCE = ROOT / "notebooks" / "style_transfer_with_vgg19.py"

MAX_BY_HAND_LINES = 70
"""Lines of code, without empty ones, that a reader writes in part one."""

TEST_SIZES = {"SIZE": 64, "EVALUATIONS": 10}
"""Values of the constants in the first cell with which all cells run here; in the notebook, whose outputs are committed,
they are 128 and 40."""

FEWER_EVALUATIONS = {"paint_small": 4, "starts": 3, "PROGRAMS": 7, "paper_pictures": 3}
"""Values of EVALUATIONS from the cell on that defines a name: the tutorial paints thirty pictures after `paint_small`, and what
most of them show is seen after three evaluations."""

LONG_RUN = "long-run"
"""The tag of cells whose last assertions hold only after the evaluations of the notebook; they run all the same."""


def cells():
    """Return the tags and the code of each cell of code."""
    texts = re.split(r"^# %%", SOURCE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    heads_and_codes = [text.split("\n", 1) for text in texts]
    return [(head, code) for head, code in heads_and_codes if "[markdown]" not in head]


@pytest.fixture(scope="module")
def executed(quick_painting, shared_networks):
    """The names that all cells define, and what they print."""
    import matplotlib as mpl

    backend = mpl.get_backend()
    mpl.use("Agg")
    from matplotlib import pyplot as plt

    names, output = {"__name__": "notebook"}, io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(output), mpl.rc_context():
        patch.chdir(SOURCE.parent)
        patch.setattr(plt, "show", lambda: plt.close("all"))
        patch.setattr(sys, "ps1", "a notebook", raising=False)
        for number, (tags, code) in enumerate(cells()):
            small = code
            for name, value in TEST_SIZES.items():
                small = re.sub(rf"^{name} = \d+", f"{name} = {value}", small, flags=re.MULTILINE)
            if LONG_RUN in tags:
                small = re.sub(r"^assert .*\n", "", small, flags=re.MULTILINE)
            exec(compile(small, f"cell {number}", "exec"), names)
            for name, evaluations in FEWER_EVALUATIONS.items():
                if name in names:
                    names["EVALUATIONS"] = evaluations
    plt.close("all")
    mpl.use(backend)
    return names, output.getvalue()


@pytest.mark.slow
def test_every_cell_of_the_tutorial_runs(executed):
    names, output = executed
    assert names["SIZE"] == TEST_SIZES["SIZE"]
    assert "Result(" in output
    assert "the gradients differ by" in output


@pytest.mark.slow
def test_the_hidden_answers_pass_the_cell_that_checks_them(executed, capsys):
    names = executed[0]
    hidden = re.search(r"<summary>Answers</summary>.*?```python\n(.*?)# ```", SOURCE.read_text(), flags=re.DOTALL)
    assert hidden
    answers = dict(names)
    exec(textwrap.dedent(re.sub(r"^# ?", "", hidden[1], flags=re.MULTILINE)), answers)
    (check,) = [code for tags, code in cells() if '"check"' in tags]
    exec(check, answers)
    assert capsys.readouterr().out.split() == ["right"] * 5
    wrong = {
        **answers,
        "entries": 3,
        "factor": 4,
        "paper_weight": 1,
        "mean_loss": lambda f, _: f.sum(),
        "shifted": lambda x: x,
    }
    exec(check, wrong)
    assert wrong["checks"] == [False] * 5


def test_the_reader_writes_about_sixty_lines():
    lines = "\n".join(code for tags, code in cells() if '"by-hand"' in tags).splitlines()
    assert 40 < len([line for line in lines if line.strip()]) <= MAX_BY_HAND_LINES


def test_the_committed_notebook_is_made_from_its_source():
    build = runpy.run_path(str(ROOT / "notebooks" / "build.py"))
    assert build["check"]() == 0
    notebook = build["nbformat"].read(build["NOTEBOOK"], as_version=4)
    assert all(cell.execution_count for cell in notebook.cells if cell.cell_type == "code" and cell.source.strip())
    assert not any(output.output_type == "error" for cell in notebook.cells for output in cell.get("outputs", []))


def test_links_of_the_tutorial_lead_somewhere():
    for target in re.findall(r"\]\((\.\./[^)#]+)\)", SOURCE.read_text(encoding="utf-8")):
        assert (SOURCE.parent / target).exists(), target
