import itertools
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from common import note
from impasto import Picture
from impasto.transfer.run import Run

DOCS = Path(__file__).parents[2] / "docs"
QUICK = (
    ("--size", "64"),
    ("--first-size", "0"),
    ("--iterations", "4"),
    ("--dtype", "float32"),
    ("--winograd", "off"),
    ("--threads", "1"),
)
GRID = ("--style-scale", "0.5,1,2", "--style-weight", "10,1000")


def quick(words):
    return [word for pair in QUICK if pair[0] not in words for word in pair]


@pytest.fixture
def sweep(command, files, shared_networks, tiny_network):
    """Run `impasto sweep` on the tiny network in a folder with a content and a style image."""

    def run(*words, output="sheet.png"):
        return command("sweep", files / "content.png", files / "style.jpg", "-o", files / output, *quick(words), *words)

    return run


def place(sheet, picture):
    """Find the one place of a picture on a sheet: (left, top)."""
    [found] = [
        (left, top)
        for top, left in (sheet.samples[0] == picture.samples[0, 0, 0]).nonzero().tolist()
        if torch.equal(sheet.samples[:, top : top + picture.height, left : left + picture.width], picture.samples)
    ]
    return found


def test_two_options_make_a_grid_the_first_down_the_second_across(sweep, files):
    code, out, err = sweep(*GRID, "--folder", files / "parts")
    assert code == 0
    assert "6/6 style_scale-2--style_weight-1000: loss " in out
    assert re.search(r"sheet.png: \d+ × \d+\n", out)
    assert err.endswith("100%  0:00 left\n")
    sheet = Picture.open(files / "sheet.png")
    notes = {}
    for weight in (10, 1000):
        for scale in (0.5, 1, 2):
            path = files / "parts" / f"style_scale-{scale}--style_weight-{weight}.png"
            notes[weight, scale] = place(sheet, Picture.open(path))
            settings = note(path)["settings"]
            assert (settings["style_weight"], settings["style_scale"]) == (weight, scale)
    assert len(list((files / "parts").iterdir())) == 6
    lefts, tops = sorted({left for left, _ in notes.values()}), sorted({top for _, top in notes.values()})
    assert notes == {
        (weight, scale): (lefts[column], tops[row])
        for row, scale in enumerate((0.5, 1, 2))
        for column, weight in enumerate((10, 1000))
    }


def test_one_option_makes_a_row_of_pictures_each_at_its_own_size(sweep, files):
    assert sweep("--size", "64,80,96", "--folder", files / "parts")[0] == 0
    sheet = Picture.open(files / "sheet.png")
    pictures = [Picture.open(files / "parts" / f"size-{size}.png") for size in (64, 80, 96)]
    assert [picture.width for picture in pictures] == [64, 80, 96]
    places = [place(sheet, picture) for picture in pictures]
    assert len({top for _, top in places}) == 1
    assert [left for left, _ in places] == sorted(left for left, _ in places)


@pytest.mark.slow
def test_three_options_make_a_block_for_each_value_of_the_third(sweep, files):
    words = ["--init", "noise", "--seed", "1,2", "--content-weight", "1,9", "--style-weight", "10,1000"]
    assert sweep(*words, "--iterations", "12", "--folder", files / "parts")[0] == 0
    sheet = Picture.open(files / "sheet.png")

    def at(content, seed, style):
        name = f"content_weight-{content}--seed-{seed}--style_weight-{style}.png"
        return place(sheet, Picture.open(files / "parts" / name))

    assert at(1, 1, 10)[1] == at(1, 2, 10)[1] < at(9, 1, 10)[1] < at(1, 1, 1000)[1] < at(9, 2, 1000)[1]
    assert at(1, 1, 10)[0] == at(9, 1, 10)[0] == at(1, 1, 1000)[0] < at(1, 2, 10)[0]


def test_layers_and_distances_are_separated_by_slashes(sweep, files):
    layers, losses = "conv1_1/conv1_1,conv2_1:0.5", "gram/gram,moments:10"
    assert sweep("--style-layers", layers, "--style-loss", losses, "--folder", files / "parts")[0] == 0
    found = [note(path)["settings"] for path in (files / "parts").iterdir()]
    one, two = {"conv1_1": 1.0}, {"conv1_1": 1.0, "conv2_1": 0.5}
    alone, both = {"gram": 1.0}, {"gram": 1.0, "moments": 10.0}
    assert len(found) == 4
    for layers, loss in ((one, alone), (one, both), (two, alone), (two, both)):
        assert any((settings["style_layers"], settings["style_loss"]) == (layers, loss) for settings in found)


def test_a_switch_takes_words_or_none(sweep, files):
    assert sweep("--normalize", "off,on", "--no-pooling-rescale", "--folder", files / "parts")[0] == 0
    found = {path.stem: note(path)["settings"] for path in (files / "parts").iterdir()}
    assert {name: settings["normalize"] for name, settings in found.items()} == {
        "normalize-off": False,
        "normalize-on": True,
    }
    assert not any(settings["pooling_rescale"] for settings in found.values())


@pytest.mark.slow
def test_each_picture_is_the_one_that_paint_paints_and_the_weights_are_loaded_once(
    sweep, command, files, monkeypatch, weights
):
    loaded = []
    monkeypatch.setattr("impasto.network.weights.load_weights", lambda source, **_: loaded.append(source) or weights)
    assert sweep("--pooling", "max,average", "--style-weight", "10,1000", "--folder", files / "parts")[0] == 0
    assert loaded == ["codebook"]
    for pooling in ("max", "average"):
        for weight in ("10", "1000"):
            words = ["--pooling", pooling, "--style-weight", weight]
            output = files / f"{pooling}-{weight}.png"
            command("paint", files / "content.png", files / "style.jpg", "-o", output, *quick(words), *words)
            swept = files / "parts" / f"style_weight-{weight}--pooling-{pooling}.png"
            assert swept.read_bytes() == output.read_bytes()


def test_masks_regions_and_a_first_picture_are_taken_as_by_paint(command, files, tiny_network):
    left = torch.zeros(3, 48, 64)
    left[:, :, :32] = 1
    Picture(left).save(files / "left.png")
    paintings = [f"{files / 'style.jpg'},region={files / 'left.png'},color=content-luminance", files / "content.png"]
    words = ["--keep", files / "half.png", "--init", files / "style.jpg", "--print", "2x2cm", "--dpi", "100"]
    Picture((1 - left) / 2).save(files / "half.png")
    words += ["--focus", files / "left.png", "--quiet", *quick(["--size"])]
    assert command("sweep", files / "content.png", *paintings, "-o", files / "sheet.png", *words, "--focus-weight", "1,90",
                   "--folder", files / "parts") == (0, "", "")  # fmt: skip
    for weight in ("1", "90"):
        output = files / f"{weight}.png"
        more = ["-o", output, "--focus-weight", weight]
        assert command("paint", files / "content.png", *paintings, *words, *more) == (0, "", "")
        assert output.read_bytes() == (files / "parts" / f"focus_weight-{weight}.png").read_bytes()
    assert (files / "1.png").read_bytes() != (files / "90.png").read_bytes()


def test_a_print_and_sizes_together_are_refused(sweep):
    code, _, err = sweep("--size", "64,80", "--print", "2x2cm")
    assert (code, err) == (2, "impasto: print and size both say how large the picture is; give one of them.\n")


def test_several_paintings_presets_and_settings_files_are_taken_as_by_paint(command, files, tiny_network):
    (files / "mine.json").write_text('{"tv_weight": 3, "content_weight": 7}')
    paths = [files / name for name in ("content.png", "style.jpg", "content.png")]
    words = ["--settings", files / "mine.json", "--style-weight", "10,1000", "--preset", "gatys-notebook"]
    words += ["--folder", files / "parts", "--quiet", *quick(words)]
    assert command("sweep", *paths, "-o", files / "sheet.webp", *words) == (0, "", "")
    for path in (files / "parts").iterdir():
        settings = note(path)["settings"]
        assert (settings["tv_weight"], settings["content_weight"], settings["padding"]) == (3, 1, "zeros")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "no option has several values; give one of them several"),
        (("--style-weight", "10"), "no option has several values"),
        (("--threads", "1,2"), "no option has several values"),
        (("--style-weight", "10,much"), "style_weight cannot be much; it takes a number, at least 0."),
        (("--style-weight", "10,"), "style_weight cannot be ; it takes a number"),
        (("--style-weight", "10,10"), "style_weight cannot be 10,10; name each of its values once."),
        (("--style-weight", "0,10", "--content-weight", "5,0"), "cannot both be 0"),
        (("--style-weight", "1,2", "--init", "black"), "init cannot be black"),
        (("--style-weight", "1,2", "--threads", "1,2"), "threads cannot be 1,2"),
        (("--normalize", "on,perhaps"), "normalize cannot be perhaps; it takes true or false."),
        (("--style-layers", "conv1_1/conv9_9"), "style_layers cannot be conv9_9"),
        (
            ("--seed", ",".join(map(str, range(11))), "--style-scale", "1,2,3,4,5,6,7,8,9,10"),
            "cannot have 110 pictures",
        ),
        (("--size", "64,16"), "size cannot be 16"),
        (("--size", "64,33"), "too thin to paint"),
        (("--style-weight", "1,2", "--weights", "no.pth"), "no.pth"),
        (("--style-weight", "1,2", "--folder", "FILE"), "exists already"),
        (("--style-weight", "1,2", "--sise", "3"), "--sise"),
        (("--weights", "a/b,a-b"), "2 pictures would be saved as"),
    ],
)
def test_a_sweep_that_cannot_be_painted_is_refused_in_a_sentence_and_leaves_nothing(
    sweep, files, words, message, monkeypatch
):
    monkeypatch.undo()  # the tiny network, so that weights are looked for
    monkeypatch.setattr(
        "impasto.transfer.style_transfer.StyleTransfer.start", lambda *_, **__: pytest.fail("painting began")
    )
    folder = [] if "--folder" in words else ["--folder", files / "parts"]
    before = sorted(files.iterdir())
    code, out, err = sweep(*(files / "style.jpg" if word == "FILE" else word for word in words), *folder)
    assert (code, out) == (2, "")
    assert message in err
    assert err.startswith("impasto: ")
    assert err.count("\n") == 1
    assert sorted(files.iterdir()) == before


@pytest.mark.parametrize("output", ["sheet.xyz", "sheet", "no/such/folder/sheet.png", "."])
def test_a_sheet_that_cannot_be_written_is_refused_before_the_work(sweep, files, output, monkeypatch):
    monkeypatch.setattr(
        "impasto.transfer.style_transfer.StyleTransfer.start", lambda *_, **__: pytest.fail("painting began")
    )
    code, _, err = sweep(*GRID, output=output)
    assert code == 2
    assert err.count("\n") == 1


def test_files_are_replaced_only_when_allowed(sweep, files):
    words = ["--style-weight", "10,1000", "--folder", files / "parts", "--quiet"]
    assert sweep(*words) == (0, "", "")
    code, _, err = sweep(*words)
    assert (code, "sheet.png exists already" in err) == (2, True)
    code, _, err = sweep(*words, output="other.png")
    assert (code, "style_weight-10.png exists already" in err) == (2, True)
    first = (files / "sheet.png").read_bytes()
    assert sweep(*words, "--seed", "5", "--init", "noise", "--overwrite") == (0, "", "")
    assert (files / "sheet.png").read_bytes() != first


def interrupt_after(monkeypatch, evaluations):
    step, counted = Run.__next__, []

    def stepped(run):
        counted.append(run)
        if len(counted) > evaluations:
            raise KeyboardInterrupt
        return step(run)

    monkeypatch.setattr(Run, "__next__", stepped)


def test_ctrl_c_leaves_what_is_painted_so_far_on_the_sheet(sweep, files, monkeypatch):
    words = ("--style-scale", "0.5,1", "--style-weight", "10,1000", "--quiet")
    sweep(*words, output="whole.png")
    interrupt_after(monkeypatch, 12)  # five for each picture: four evaluations, and the end
    code, _, err = sweep(*words, "--folder", files / "parts")
    assert code == 130
    assert f"Interrupted after 2 of 4 pictures; the pictures so far are in {files / 'sheet.png'}." in err
    whole, sheet = Picture.open(files / "whole.png"), Picture.open(files / "sheet.png")
    names = sorted(path.name for path in (files / "parts").iterdir())
    assert names == ["style_scale-0.5--style_weight-10.png", "style_scale-0.5--style_weight-1000.png"]
    for name in names:
        picture = Picture.open(files / "parts" / name)
        assert place(sheet, picture) == place(whole, picture)
    assert (sheet.width, sheet.height) == (whole.width, whole.height)


def test_ctrl_c_before_the_first_picture_leaves_nothing(sweep, files, monkeypatch):
    interrupt_after(monkeypatch, 1)
    code, _, err = sweep(*GRID, "--quiet")
    assert (code, "before the first picture" in err) == (130, True)
    assert not (files / "sheet.png").exists()


def test_pictures_that_diverge_are_named_at_the_end(sweep, files, no_finite_loss):
    code, _, err = sweep("--style-weight", "10,1000", "--iterations", "4", "--quiet")
    assert code == 1
    assert "the loss of style_weight-10, style_weight-1000 was not finite" in err
    assert Picture.open(files / "sheet.png").width > 128


def test_the_help_comes_without_torch():
    script = """
import sys
from impasto.cli import app
for name in ("sweep", "figures"):
    app(f"{name} --help", result_action="return_value")
sys.exit("torch" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", script], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "impasto sweep PHOTO" in done.stdout
    assert "impasto figures PHOTO" in done.stdout


def examples():
    for page in ("sweep.md", "figures.md", "options-in-pictures.md"):
        for block in re.findall(r"```bash\n(.*?)```", (DOCS / page).read_text(encoding="utf-8"), flags=re.DOTALL):
            for line in block.replace("\\\n", " ").splitlines():
                if words := shlex.split(line, comments=True):
                    yield pytest.param(words, id=" ".join(words))


def quickened(words):
    """Return the words of a command with other sizes and numbers of evaluations: in each list as many as before."""
    flags = dict(itertools.pairwise(words))
    kept = [word for flag, word in itertools.pairwise(["", *words]) if not {flag, word} & {"--size", "--iterations"}]
    sizes = ",".join(str(64 + 8 * n) for n, _ in enumerate(flags.get("--size", "256").split(",")))
    iterations = ",".join(str(1 + n) for n, _ in enumerate(flags.get("--iterations", "300").split(",")))
    return [*kept, "--size", sizes, "--iterations", iterations, "--winograd", "off", "--threads", "1"]


@pytest.fixture
def pictures(files, monkeypatch):
    """The pictures that the documentation names, in the folder in which commands run."""
    monkeypatch.chdir(files)
    for name in ("photo.jpg", "painting.jpg", "other.jpg", "evening.jpg"):
        (files / name).write_bytes((files / "style.jpg").read_bytes())
    sky = torch.zeros(3, 60, 72)  # of the shape of the photograph
    sky[:, :25] = 1
    Picture(sky).save(files / "sky.png")
    return files


@pytest.mark.slow
@pytest.mark.usefixtures("shared_networks", "tiny_network")
@pytest.mark.parametrize("words", [case for case in examples() if "--figure" not in case.values[0]])
def test_the_commands_of_the_docs_run(words, command, pictures):
    assert words[0] == "impasto"
    code, _, err = command(*quickened(words[1:]), "--quiet")
    assert (code, err) == (0, "")
    assert set(pictures.glob("**/*.png")) > {pictures / "content.png", pictures / "sky.png"}


@pytest.mark.usefixtures("pictures", "tiny_network")
@pytest.mark.parametrize("words", [case for case in examples() if "--figure" in case.values[0]])
def test_the_commands_of_the_docs_that_name_figures_lead_to_their_sheets(words, command, monkeypatch):
    """All figures are painted by the command that names none."""
    painted = []
    monkeypatch.setattr("impasto.cli.experiments.paint", lambda _, sheets, **__: painted.extend(sheets))
    assert words[0] == "impasto"
    assert command(*words[1:]) == (0, "", "")
    flags = dict(itertools.pairwise(words))
    numbers = [number for flag, number in itertools.pairwise(words) if flag == "--figure"]
    assert [sheet.path.name for sheet in painted] == [f"figure-{number}.png" for number in numbers]
    for sheet in painted:
        for panel in sheet.panels:
            assert panel.settings.size == int(flags.get("--size", 256))
            assert panel.settings.iterations == int(flags.get("--iterations", 300))
