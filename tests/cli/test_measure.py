import json
import subprocess
import sys

import pytest
import torch

from impasto import Picture, Runtime, Settings
from impasto.reports.metrics import STYLE_LAYERS, Metrics, measure as metrics_of


@pytest.fixture
def painted(files, picture):
    """A folder with a content, a style, a result with settings in its metadata and one without, and what is no use."""
    note = json.dumps({"impasto": "0.1.0", "settings": Settings(style_weight=50, padding="zeros").model_dump()})
    result = picture(seed=2)
    result.save(files / "other.png")
    Picture(result.pixels, note=note).save(files / "painted.png")
    Picture(result.pixels, note='{"impasto": "0.2.0", "settings": {"sise": 3}}').save(files / "unknown.png")
    picture(24, 24).save(files / "small.png")
    picture(48, 64).save(files / "upright.png")
    (files / "text.jpg").write_text("This is no picture.")
    return files


@pytest.fixture
def measure(command, painted, tiny_network):
    """Run `impasto measure` on the tiny network in that folder."""

    def run(*words, content="content.png", style="style.jpg", result="painted.png"):
        return command("measure", *(painted / name for name in (content, style, result)), "--threads", "1", *words)

    return run


@pytest.fixture
def numbers(measure):
    def run(*words, **names):
        code, out, err = measure("--json", *words, **names)
        assert (code, err) == (0, "")
        return json.loads(out)

    return run


def test_json_is_one_object_of_the_numbers_that_the_library_gives(measure, painted, weights):
    code, out, err = measure("--json")
    assert (code, err, out.count("\n")) == (0, "", 1)
    pictures = [Picture.open(painted / name) for name in ("content.png", "style.jpg", "painted.png")]
    settings = Settings(style_weight=50, padding="zeros")
    expected = metrics_of(*pictures, settings, Runtime(threads=1), weights=weights)
    metrics = json.loads(out)
    assert list(metrics) == list(Metrics.__dataclass_fields__)
    assert metrics == expected.as_dict()


def test_the_table_has_a_row_a_number_and_says_which_way_is_better(measure, numbers):
    code, out, err = measure()
    assert (code, err) == (0, "")
    head, *rows = out.splitlines()
    assert head.split() == ["number", "value", "better", "what", "it", "says"]
    metrics = numbers()
    names = ["loss", "content", "style", *(f"wasserstein {name}" for name in STYLE_LAYERS), "cfsd", "border"]
    values = [
        *(metrics[name] for name in names[:3]),
        *metrics["wasserstein"].values(),
        metrics["cfsd"],
        metrics["border"],
    ]
    for name, value, row in zip(names, values, rows, strict=True):
        assert row.startswith(f"{name} ")
        assert f" {value:.4g}  " in row
        assert len(row) <= 80
    assert all("  lower  " in row for row in rows[:-1])
    assert f"  near {metrics['content_border']:.4g}  " in rows[-1]


def test_settings_come_from_the_result_and_then_from_flags(numbers):
    ours, noted = numbers(), Settings(style_weight=50, padding="zeros")
    assert numbers("--style-weight", "100")["style"] == pytest.approx(2 * ours["style"], rel=1e-5)
    flags = ["--style-weight", noted.style_weight, "--padding", noted.padding]
    assert numbers(*flags, result="other.png") == ours


@pytest.mark.parametrize("flag", ["--iterations", "--tv-weight", "--checkpoint-every", "--profile"])
def test_options_that_measuring_does_not_look_at_are_none_of_its_flags(measure, flag):
    code, out, err = measure(flag, "3")
    assert (code, out) == (2, "")
    assert flag in err


def test_a_result_without_settings_is_measured_with_the_default_ones(numbers):
    plain = numbers(result="other.png")
    assert plain["style"] != numbers()["style"]
    assert plain == numbers("--style-weight", "1000", "--padding", "replicate")


def test_a_picture_that_the_command_painted_is_measured_as_it_was_painted(command, measure, painted):
    words = ["--size", "64", "--first-size", "0", "--iterations", "20", "--content-weight", "2", "--threads", "1"]
    pictures = [painted / "content.png", painted / "style.jpg"]
    code, out, _ = command("paint", *pictures, "-o", painted / "new.png", *words, "--dtype", "float32", "--json")
    assert code == 0
    best = min((json.loads(line) for line in out.splitlines()), key=lambda record: record["loss"])
    _, out, _ = measure("--json", result="new.png")
    assert json.loads(out)["loss"] == pytest.approx(best["terms"]["content"] + best["terms"]["style"], rel=0.05)


def test_a_picture_with_a_mask_and_other_colors_is_measured_by_the_same_words(command, measure, painted):
    mask = torch.zeros(48, 64)
    mask[:, :32] = 1
    Picture(mask.expand(3, -1, -1).contiguous()).save(painted / "left.png")
    words = ["--size", "64", "--first-size", "0", "--iterations", "1", "--threads", "1", "--dtype", "float32"]
    words += ["--color", "content-match", "--keep", painted / "left.png", "--json"]
    style = f"{painted / 'style.jpg'},scale=0.8"
    code, out, _ = command("paint", painted / "content.png", style, "-o", painted / "new.png", *words)
    [record] = map(json.loads, out.splitlines())
    assert code == 0
    for given, is_same in (([], False), (["--keep", painted / "left.png"], True)):
        code, out, _ = measure("--json", *given, style="style.jpg,scale=0.8", result="new.png")
        assert code == 0
        assert (json.loads(out)["style"] == pytest.approx(record["terms"]["style"], rel=0.02)) == is_same


@pytest.mark.usefixtures("slow_download")
def test_a_download_of_weights_is_shown_unless_json_is_asked_for(measure):
    code, _, err = measure("--weights", "torchvision")
    assert code == 0
    assert "5.0/10.0 MB" in err
    code, _, err = measure("--weights", "torchvision", "--json")
    assert (code, err) == (0, "")


@pytest.mark.parametrize(
    ("names", "words", "message"),
    [
        ({"result": "missing.png"}, (), "missing.png"),
        ({"content": "missing.png"}, (), "missing.png"),
        ({"style": "text.jpg"}, (), "not a picture"),
        ({"result": "text.jpg"}, (), "not a picture"),
        ({"result": "small.png"}, (), "the result is 24 × 24 pixels; a picture needs at least 32"),
        ({"result": "upright.png"}, (), "which is another shape"),
        ({"style": "small.png"}, (), "the style is 24 × 24 pixels"),
        ({"result": "unknown.png"}, (), "there is no option sise"),
        ({}, ("--style-weight", "-1"), "style_weight cannot be -1"),
        ({}, ("--style-weight", "0", "--content-weight", "0"), "cannot both be 0"),
        ({}, ("--device", "cuda:9"), "there is no device cuda:9"),
        ({}, ("--sise", "3"), "--sise"),
        ({}, ("--memory", "100MB"), "does not fit into 0.1 GB"),
    ],
)
def test_bad_input_ends_with_one_sentence_and_leaves_nothing(measure, painted, names, words, message):
    before = sorted(painted.iterdir())
    code, out, err = measure(*words, **names)
    assert (code, out) == (2, "")
    assert message in err
    assert err.startswith("impasto: ")
    assert err.count("\n") == 1
    assert sorted(painted.iterdir()) == before


def test_a_missing_argument_is_said_in_one_sentence(command, painted):
    code, out, err = command("measure", painted / "content.png", painted / "style.jpg")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "PICTURE" in err


def test_help_needs_no_torch():
    script = "import sys; from impasto.cli import app; app('measure --help', result_action='return_value'); sys.exit('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "PHOTO PAINTING PICTURE" in done.stdout
