import importlib
import json
import math
import os
import re
import resource
import shlex
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from common import note
from impasto import Picture, Settings
from impasto.cli.flags import choose
from impasto.errors import WriteError
from impasto.jobs.events import Evaluated
from impasto.jobs.saving import Saving
from impasto.objective.objective import Objective
from impasto.recipes import demo
from impasto.settings import PRESETS, Runtime
from impasto.transfer.checkpoint import CheckpointWriter
from impasto.transfer.run import Run

SCRIPT = Path(__file__).parents[1] / "tiny_command.py"
QUICK = (("--size", "64"), ("--first-size", "0"), ("--iterations", "4"), ("--dtype", "float32"))


@pytest.fixture
def paint(command, files, tiny_network):
    """Run `impasto paint` on the tiny network in a folder with a content and a style image."""

    def run(*words, content="content.png", style="style.jpg", output="out.png"):
        quick = [word for pair in QUICK if pair[0] not in words for word in pair]
        return command("paint", files / content, files / style, "-o", files / output, *quick, *words)

    return run


def test_a_picture_is_painted_and_said(paint, files):
    code, out, err = paint()
    assert code == 0
    assert out.startswith("Painting content.png in the style of style.jpg, 64 × 48 pixels.\n")
    assert f"{files / 'out.png'}: 64 × 48, loss " in out
    assert "4 evaluations" in out
    assert "(finished)" in out
    assert re.fullmatch(r"(64 × 48 +\d+%(  0:\d\d left)?\n)+", err)
    assert " 25%\n" in err
    assert err.endswith("100%  0:00 left\n")
    assert Picture.open(files / "out.png").width == 64


def test_torch_is_told_to_be_frugal_unless_the_user_says_otherwise(command, monkeypatch):
    monkeypatch.delenv("THP_MEM_ALLOC_ENABLE", raising=False)
    monkeypatch.setenv("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "7")
    assert command("--version")[0] == 0
    assert os.environ["THP_MEM_ALLOC_ENABLE"] == "1"
    assert os.environ["ONEDNN_PRIMITIVE_CACHE_CAPACITY"] == "7"


def test_quiet_prints_nothing(paint):
    assert paint("--quiet") == (0, "", "")


@pytest.mark.usefixtures("slow_download")
def test_a_download_of_weights_is_shown_unless_quiet(paint):
    code, _, err = paint("--weights", "torchvision")
    assert code == 0
    assert "downloading" in err
    assert "5.0/10.0 MB" in err
    assert paint("--weights", "torchvision", "--quiet", "--overwrite") == (0, "", "")


def test_json_prints_a_record_an_evaluation(paint):
    code, out, err = paint("--json")
    records = [json.loads(line) for line in out.splitlines()]
    assert (code, err) == (0, "")
    assert [record["evaluation"] for record in records] == [1, 2, 3, 4]
    assert records[-1]["loss"] < records[0]["loss"]


def test_a_budget_of_time_ends_in_a_picture_at_its_end(paint, files):
    code, out, err = paint("--seconds", "2", "--size", "1024", "--first-size", "128", "--dry-run")
    assert (code, err) == (0, "")
    assert "in 2 seconds, up to 1024 × 768 pixels" in out
    code, out, err = paint("--seconds", "2", "--size", "1024", "--first-size", "128")
    picture = Picture.open(files / "out.png")
    size = f"{picture.width} × {picture.height}"
    assert code == 0
    assert f"1024 × 768 pixels take longer than 2 seconds here, so the picture has {size}." in err
    assert f"{size}, loss" in out
    assert sum(note(files / "out.png")["settings"]["stages"].values()) >= 1


def spent(script, enough=0):
    """Return the least processor time of three processes, or that of the first one for which some time is enough.

    A busy machine makes the clock say more, and other processes of this one make the processor slower.
    """
    seconds = []
    while len(seconds) < 3 and min(seconds, default=math.inf) > enough:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(seconds)


@pytest.mark.slow
def test_help_answers_quickly_and_without_heavy_libraries():
    script = """
import sys
from impasto.cli import app
app("paint --help", result_action="return_value")
sys.exit(", ".join({"torch", "numpy", "numba", "pyvips"} & set(sys.modules)) or None)
"""
    taken = spent(script, enough=0.5)
    assert taken <= 0.5 or taken < 6 * spent("import cyclopts, pydantic")  # slow processors take longer


def test_every_option_is_a_flag_and_reaches_the_settings_and_the_picture(paint, files):
    options = {
        "size": 48, "quality": "draft", "init": "blank", "strength": 0.5, "seed": 5, "color": "content-match", "color_match": "histogram", "seamless": "x",
        "mask_spread": "inside", "mask_grow": -1, "content_weight": 2.0, "focus_weight": 3.0, "style_weight": 50.0,
        "content_layers": {"conv2_2": 1.0, "conv4_2": 0.5}, "style_layers": {"conv1_1": 1.0, "pool2": 3.0},
        "style_loss": {"gram": 1.0, "moments": 10.0}, "style_scale": 0.75, "tv_weight": 0.25, "tv_variation": "absolute", "range_weight": 10.0, "weights": "codebook", "pooling": "average",
        "pooling_rescale": False, "padding": "reflect", "normalize": True, "optimizer": "adam", "iterations": 3,
        "first_size": 40, "stage_ratio": 0.25, "middle_iterations": 7, "stages": {"48": 2}, "tolerance": 0.5, "min_change": 0.5, "history": 9, "learning_rate": 2.5, "preconditioner": 0.25,
        "profile": "srgb", "bits": "8", "dpi": 150.0, "keep_position": True,
    }  # fmt: skip
    assert options.keys() == Settings.model_fields.keys()
    flags = []
    for option in Settings.options():
        flag, value = f"--{option.name.replace('_', '-')}", options[option.name]
        if option.is_switch:
            flags.append(flag if value else flag.replace("--", "--no-", 1))
        elif isinstance(value, dict):
            flags += [flag, ",".join(f"{name}:{weight}" for name, weight in value.items())]
        else:
            flags += [flag, str(value)]
    code, _, err = paint(*flags, "--quiet")
    assert (code, err) == (0, "")
    painted = note(files / "out.png")["settings"]
    assert painted == options
    assert painted == json.loads(Settings(**options).model_dump_json())

    code, _, _ = paint("--settings", files / "out.png", "--quiet", *flags[:2], output="again.png")
    assert code == 0
    again = note(files / "again.png")["settings"]
    quick = {"size": 48, "first_size": 0, "iterations": 4}  # the fixture's flags stand after the file's settings
    assert again == {**options, **quick}


def test_settings_come_from_json_then_preset_then_flags(tmp_path, monkeypatch):
    (tmp_path / "mine.json").write_text('{"style_weight": 5, "iterations": 7}')
    settings, runtime = choose(SimpleNamespace(settings_file=tmp_path / "mine.json"))
    assert (settings.style_weight, settings.iterations, runtime) == (5, 7, Runtime())
    settings, _ = choose(SimpleNamespace(preset="gatys-notebook", settings_file=tmp_path / "mine.json"))
    assert (settings.style_weight, settings.iterations) == (5, PRESETS["gatys-notebook"].changes["iterations"])


@pytest.mark.parametrize("ending", ["png", "jpg", "webp", "tif"])
def test_the_same_picture_is_painted_again_from_its_own_metadata(paint, files, ending):
    paint("--quiet", "--style-weight", "333", output=f"first.{ending}")
    paint("--quiet", "--settings", files / f"first.{ending}", output=f"second.{ending}")
    assert (files / f"first.{ending}").read_bytes() == (files / f"second.{ending}").read_bytes()


def test_pictures_on_the_way_are_saved(paint, files):
    assert paint("--save-every", "2")[0] == 0
    assert sorted(path.name for path in files.glob("out*")) == ["out-00002.png", "out-00004.png", "out.png"]
    code, _, err = paint("--save-every", "2", output="out.png", style="style.jpg")
    assert code == 2
    assert "exists already" in err


def test_a_picture_that_cannot_be_written_leaves_the_run(paint, files, monkeypatch):
    def full(*_, **__):
        raise WriteError("out.png could not be written: no space left on device; nothing was left there.")

    with monkeypatch.context() as patch:
        patch.setattr(Picture, "save", full)
        code, _, err = paint()
    assert code == 1
    assert f"no space left on device; nothing was left there. A checkpoint is in {files / 'out.png.checkpoint'}" in err
    code, out, _ = paint()
    assert code == 0
    assert out.startswith("Continuing after 4 evaluations")
    assert (files / "out.png").exists()
    assert not (files / "out.png.checkpoint").exists()


def test_a_file_that_appears_in_its_place_is_left_and_the_run_kept(paint, files, monkeypatch):
    def at_once(session, run, saving):
        (files / "out.png").write_bytes(b"precious")
        yield from map(Evaluated, run)

    with monkeypatch.context() as patch:
        patch.setattr("impasto.jobs.session.Session._evaluate", at_once)
        code, _, err = paint()
    assert code == 1
    assert "out.png exists already" in err
    assert f"A checkpoint is in {files / 'out.png.checkpoint'}" in err
    assert paint()[0] == 2
    assert (files / "out.png").read_bytes() == b"precious"
    (files / "out.png").unlink()
    assert paint()[1].startswith("Continuing after 4 evaluations")


def test_a_folder_that_is_lost_is_said_in_a_sentence(paint, files, monkeypatch):
    (files / "lost").mkdir()

    def at_once(session, run, saving):
        (files / "lost").rmdir()
        yield from map(Evaluated, run)

    monkeypatch.setattr("impasto.jobs.session.Session._evaluate", at_once)
    monkeypatch.setattr(tempfile, "tempdir", str(files))
    code, _, err = paint("--quiet", output="lost/out.png")
    assert code == 1
    assert err.count("\n") == 1
    assert "lost does not exist" in err
    (saved,) = files.glob("impasto-*/out.png")
    assert err.endswith(f"name another for out.png. The picture is in {saved}.\n")
    assert note(saved)["stopped"] == "finished"


def test_a_folder_that_is_lost_before_a_picture_so_far_is_said_with_where_the_picture_is(paint, files, monkeypatch):
    (files / "lost").mkdir()
    frame = Saving.save_frame

    def at_once(saving):
        (files / "lost").rmdir()
        return frame(saving)

    monkeypatch.setattr(Saving, "save_frame", at_once)
    monkeypatch.setattr(tempfile, "tempdir", str(files))
    code, _, err = paint("--quiet", "--save-every", "1", output="lost/out.png")
    (saved,) = files.glob("impasto-*/out.png")
    assert code == 1
    assert "name another for out-00001.png. The picture so far could not be saved: " in err
    assert err.endswith(f"name another for out.png. The picture is in {saved}.\n")


def test_a_plot_that_cannot_be_saved_is_said_with_where_the_picture_is(paint, files, monkeypatch):
    def at_once(session, run, saving):
        (files / "losses.svg").mkdir()
        yield from map(Evaluated, run)

    monkeypatch.setattr("impasto.jobs.session.Session._evaluate", at_once)
    code, _, err = paint("--quiet", "--plot", files / "losses.svg")
    assert code == 1
    assert "losses.svg is a folder; " in err
    assert err.endswith(f" The picture is in {files / 'out.png'}.\n")


def test_a_picture_that_can_be_saved_nowhere_is_said_in_a_sentence(paint, files, monkeypatch):
    def full(*_, **__):
        raise WriteError("the disk is full.")

    monkeypatch.setattr(Run, "save", full)
    monkeypatch.setattr(Run, "save_checkpoint", full)
    monkeypatch.setattr(tempfile, "tempdir", str(files))
    code, _, err = paint("--quiet")
    assert (code, err) == (1, "impasto: the disk is full. Nothing could be saved instead: the disk is full.\n")
    assert not list(files.glob("impasto-*"))


def test_each_remark_is_a_line_of_its_own(paint, no_finite_loss, monkeypatch):
    def full(*_, **__):
        raise WriteError("out.png.checkpoint could not be written.")

    monkeypatch.setattr(CheckpointWriter, "save", full)
    _, _, err = paint("--checkpoint-every", "0.000001")
    message = "impasto: out.png.checkpoint could not be written. The run continues without this checkpoint.\nimpasto: the loss"
    assert message in err


def test_the_losses_are_plotted(paint, files):
    assert paint("--plot", files / "losses.png")[0] == 0
    assert Picture.open(files / "losses.png").width > 400
    assert paint("--plot", files / "losses.svg", "--overwrite")[0] == 0
    assert "content" in (files / "losses.svg").read_text()


def test_an_output_is_replaced_only_when_allowed(paint, files):
    paint()
    first = (files / "out.png").read_bytes()
    code, _, err = paint("--style-weight", "1")
    assert code == 2
    assert "exists already" in err
    assert (files / "out.png").read_bytes() == first
    assert paint("--style-weight", "1", "--overwrite")[0] == 0
    assert (files / "out.png").read_bytes() != first


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--size", "0"), "size cannot be 0; it takes a whole number, at least 32."),
        (("--style-weight", "nan"), "style_weight cannot be nan"),
        (("--iterations", "many"), "iterations cannot be many"),
        (("--style-layers", "conv9_9"), "style_layers cannot be conv9_9"),
        (("--preset", "gatsy"), "no preset gatsy"),
        (("--settings", "missing.json"), "missing.json"),
        (("--settings", "missing.png"), "missing.png"),
        (("--sise", "3"), "--sise"),
        (("--size",), "--size"),
        (("--device", "cuda:9"), "there is no device cuda:9"),
        (("--save-every", "-1"), "save_every cannot be -1"),
        (("--plot", "losses.xyz"), "losses.xyz"),
        (("--plot", "OUT"), "cannot both be"),
        (("--init", "missing.png"), "missing.png"),
    ],
)
def test_bad_options_end_with_one_sentence_and_leave_nothing(paint, files, words, message):
    before = sorted(files.iterdir())
    code, out, err = paint(*(str(files / "out.png") if word == "OUT" else word for word in words))
    assert (code, out) == (2, "")
    assert message in err
    assert err.startswith("impasto: ")
    assert err.count("\n") == 1
    assert sorted(files.iterdir()) == before


def test_every_evaluation_is_recorded_and_every_frame_saved_where_reports_are_rare(paint, files, monkeypatch):
    monkeypatch.setattr("impasto.transfer.run.evaluations_at_once", lambda *_: 16)
    code, message, _ = paint("--json", "--save-every", "4", "--iterations", "10", "--tolerance", "0")
    assert code == 0
    assert [json.loads(line)["evaluation"] for line in message.splitlines()] == list(range(1, 11))
    assert sorted(path.name for path in files.glob("out-*.png")) == ["out-00004.png", "out-00008.png"]


def test_a_run_that_diverges_ends_with_1_and_the_best_picture(paint, files, no_finite_loss):
    code, out, err = paint("--quiet")
    assert (code, out) == (1, "")
    assert "not finite, or far too large, after 4 evaluations" in err
    assert Picture.open(files / "out.png").width == 64


def bad_content(folder, kind):
    path = folder / "bad.jpg"
    if kind == "text":
        path.write_text("This is no picture.")
    elif kind == "tiny":
        Picture(Picture.open(folder / "content.png").pixels[:, :1, :1].contiguous()).save(path)
    elif kind == "ribbon":
        Picture(Picture.open(folder / "content.png").pixels[:, :2, :1].repeat(1, 1, 30_000)).save(path)
    return path.name


@pytest.mark.parametrize("kind", ["missing", "text", "tiny", "ribbon"])
def test_bad_pictures_end_with_one_sentence_and_leave_nothing(paint, files, kind):
    name = bad_content(files, kind)
    before = sorted(files.iterdir())
    code, out, err = paint(content=name)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert err.endswith(".\n")
    assert sorted(files.iterdir()) == before


@pytest.mark.parametrize("output", ["out.xyz", "out", "no/such/folder/out.png", "."])
def test_an_output_that_cannot_be_written_is_refused_before_the_work(paint, files, output, monkeypatch):
    monkeypatch.setattr(
        "impasto.transfer.style_transfer.StyleTransfer.start", lambda *_, **__: pytest.fail("painting began")
    )
    code, _, err = paint(output=output)
    assert code == 2
    assert err.count("\n") == 1


def test_a_missing_argument_is_said_in_one_sentence(command):
    code, out, err = command("paint")
    assert (code, out) == (2, "")
    assert err.count("\n") == 1


def test_presets_lists_every_preset_with_one_line_of_flags_that_the_command_accepts(command, monkeypatch):
    painted = []
    module = importlib.import_module("impasto.cli.paint")  # the package has the command under this name
    monkeypatch.setattr(module, "carry_out", lambda job, *_, **__: painted.append(job.settings))
    monkeypatch.setenv("COLUMNS", "60")
    code, out, _ = command("presets")
    assert code == 0
    lines = out.splitlines()
    for name, preset in PRESETS.items():
        (place,) = (n for n, line in enumerate(lines) if line == f"  {name}: {preset.help}")
        if preset.changes:
            assert command("paint", "a.jpg", "b.jpg", "-o", "c.png", *shlex.split(lines[place + 1])) == (0, "", "")
            assert painted.pop() == Settings(**preset.changes)
        else:
            assert not lines[place + 1].strip().startswith("--")


def test_every_command_that_paints_a_picture_starts_from_the_picture_at_init_but_a_texture(command, files, monkeypatch):
    jobs = []
    for name in ("paint", "repaint"):
        monkeypatch.setattr(
            importlib.import_module(f"impasto.cli.{name}"), "carry_out", lambda job, *_, **__: jobs.append(job)
        )
    photo, painting = str(files / "content.png"), str(files / "style.jpg")
    fields = {"impasto": "0", "settings": {}, "job": {"content": photo, "styles": [{"picture": painting}]}}
    Picture(Picture.open(photo).pixels, note=json.dumps(fields)).save(files / "painted.png")
    for words in (("paint", photo, painting), ("demo",), ("reconstruct", photo), ("repaint", files / "painted.png")):
        assert command(*words, "-o", "c.png", "--init", photo) == (0, "", "")
        assert jobs.pop().initial == Path(photo)
    code, _, err = command("texture", painting, "-o", "c.png", "--init", photo)
    assert (code, jobs) == (2, [])
    assert "a texture cannot start from" in err


def test_a_size_replaces_the_paper_of_a_picture_that_is_painted_again_and_of_its_changes(command, files, monkeypatch):
    jobs = []
    module = importlib.import_module("impasto.cli.repaint")
    monkeypatch.setattr(module, "carry_out", lambda job, *_, **__: jobs.append(job))
    job = {"content": str(files / "content.png"), "styles": [{"picture": str(files / "style.jpg")}]}
    job |= {"print_size": "10x15cm", "settings": {}}
    fields = {"impasto": "0", "settings": {}, "job": {**job, "changes": [{"after": 5, "job": job}]}}
    Picture(Picture.open(files / "content.png").pixels, note=json.dumps(fields)).save(files / "painted.png")
    assert command("repaint", files / "painted.png", "-o", "c.png", "--size", "64") == (0, "", "")
    assert (jobs[0].current().print_size, jobs[0].current().settings.size) == (None, 64)


def test_info_shows_versions_device_threads_and_weights(command):
    code, out, _ = command("info", "--threads", "1")
    assert code == 0
    for words in ("impasto", "torch", "device", "threads", "Simonyan", "CC BY 4.0", "c34748d2"):
        assert words in out


@pytest.mark.slow
def test_the_demo_needs_nothing_from_outside(command, files, tiny_network, quick_painting, monkeypatch):
    monkeypatch.setattr(demo, "painting", partial(demo.painting, 320))
    code, out, _ = command("demo", "-o", files / "demo.png", "--painting", files / "painting.png", *sum(QUICK, ()))
    assert code == 0
    assert out.startswith("Painting grace_hopper.jpg in the style of the demo's own painting, ")
    assert str(files / "demo.png") in out
    assert Picture.open(files / "demo.png").height == 64
    assert Picture.open(files / "painting.png").width == 320


def test_a_dry_run_prints_the_plan_and_paints_nothing(paint, files):
    code, out, err = paint("--dry-run", "--size", "256", "--first-size", "128")
    assert (code, err) == (0, "")
    assert out.startswith("Painting content.png")
    lines = out.splitlines()[1:]
    assert lines[0].split() == ["stage", "pixels", "evaluations", "tiles", "history", "memory", "work"]
    assert lines[1].split()[:4] == ["1", "171", "×", "128"]
    assert " 7 in float32 " in lines[2]
    assert re.fullmatch(
        r"About \d+\.\d\d GB, \d+\.\d\d GB of it before the first stage, and 0:\d\d in time\.", lines[3]
    )
    assert not (files / "out.png").exists()


def test_verbose_prints_the_plan_first(paint, files):
    code, out, err = paint("-v")
    assert code == 0
    assert out.splitlines()[1].startswith("stage")
    assert "stage 1/1, evaluation 4/4, loss " in err
    assert out.splitlines()[-1].startswith(f"{files / 'out.png'}: 64 × 48")


def test_too_little_memory_is_said_in_a_sentence(paint, files):
    code, out, err = paint("--memory", "100MB")
    assert (code, out) == (2, "")
    assert re.search(r"64 × 48 pixels does not fit into 0.1 GB, of which .* take \d\.\d\d; give more memory\.", err)
    assert not (files / "out.png").exists()


@pytest.mark.slow
@pytest.mark.parametrize("killed", [0, 1])
def test_a_process_that_is_killed_ends_all_with_a_sentence(paint_in_several, files, killed):
    words = [files / "content.png", files / "style.jpg", "-o", files / "out.png", "--size", "64", "--tolerance", "0"]
    words += ["--iterations", "5000", "--save-every", "2", "--json", "--processes", "2", "--first-size", "0"]
    words += ["--dtype", "float32", "--winograd", "off", "--threads", "1"]

    def kill_after_four_evaluations(processes):
        for _ in range(4):
            processes[0].stdout.readline()
        processes[killed].kill()

    code, out, err, _ = paint_in_several(SCRIPT, "paint", *words, meanwhile=kill_after_four_evaluations)
    assert (code, out) == (1, "")
    assert f"process {killed + 1} of 2 was ended by signal 9, so the others were stopped;" in err
    assert Picture.open(files / "out-00002.png").width == 64
    assert (files / "out.png").exists() == (killed == 1)  # the first one saves


def test_a_number_of_processes_below_1_is_refused(paint, files):
    code, out, err = paint("--processes", "0")
    assert (code, out) == (2, "")
    assert "processes cannot be 0; it takes a whole number, at least 1." in err


@pytest.mark.slow
@pytest.mark.parametrize("name", ["processes", "threads"])
def test_far_more_processes_or_threads_than_cores_are_refused(paint, files, monkeypatch, name):
    monkeypatch.setattr("impasto.settings.limits.cores", lambda: 2)
    started = []
    monkeypatch.setattr("impasto.cli.launcher.launch", started.append)
    code, out, err = paint(f"--{name}", "9")
    assert (code, out) == (2, "")
    assert f"{name} cannot be 9; on this machine it takes a number of at most 8, 4 for each core.\n" in err
    assert not (files / "out.png").exists()
    assert paint(f"--{name}", "8")[0] == 0
    assert started == ([8] if name == "processes" else [])


def test_more_processes_than_the_picture_has_parts_are_refused_by_each(paint_in_several, files):
    words = [files / "content.png", files / "style.jpg", "-o", files / "out.png", "--size", "48", "--processes", "2"]
    words += ["--dtype", "float32", "--winograd", "off", "--threads", "1"]  # or each process times convolutions
    code, out, err, others = paint_in_several(SCRIPT, "paint", *words)
    assert (code, out, err) == (2, "", "")
    assert [message.count("divided among 2 processes; start at most 1.") for _, message in others] == [1, 0]
    assert not (files / "out.png").exists()


@pytest.mark.parametrize(("rank", "sentences"), [(0, 1), (1, 0)])
def test_each_process_refuses_to_replace_a_picture_and_the_first_one_says_so(
    paint, files, monkeypatch, rank, sentences
):
    (files / "out.png").write_bytes(b"precious")
    monkeypatch.setenv("RANK", str(rank))
    code, out, err = paint("--processes", "2")
    assert (code, out, err.count("exists already")) == (2, "", sentences)
    assert (files / "out.png").read_bytes() == b"precious"


def test_a_style_has_words_of_its_own(paint, files):
    Picture(torch.linspace(0, 1, 64).expand(3, 48, 64)).save(files / "sky.png")
    word = f"{files}/style.jpg,weight=2,scale=0.5,mask={files}/half.png,region={files}/sky.png"
    Picture(torch.linspace(0, 1, 72).round().expand(3, 60, 72)).save(files / "half.png")
    assert paint(files / "style.jpg", style=word[len(f"{files}/") :])[0] == 0
    plain = paint(files / "style.jpg", output="plain.png")
    assert plain[0] == 0
    assert (files / "out.png").read_bytes() != (files / "plain.png").read_bytes()
    assert paint("--keep", files / "sky.png", output="kept.png")[0] == 0


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("style.jpg,weight=much", "a style's weight cannot be much; it takes a number, at least 0."),
        ("style.jpg,weight=-1", "a style's weight cannot be -1; it takes a number, at least 0."),
        (
            "style.jpg,wieght=1",
            "a style has no option wieght; its options are weight, scale, mask, region, color, color_match.",
        ),
        ("style.jpg,region=content.png#00ff00", "has the color #00ff00"),
        ("style.jpg,region=style.jpg", "is not the shape of the picture"),
        ("missing.jpg,scale=2", "missing.jpg cannot be read"),
    ],
)
def test_words_that_cannot_be_are_refused_in_a_sentence(paint, files, words, sentence):
    code, _, err = paint(style=words.replace("=content", f"={files}/content").replace("=style", f"={files}/style"))
    assert code == 2
    assert sentence in err
    assert "Traceback" not in err
    assert not (files / "out.png").exists()


def test_a_texture_of_any_shape_is_painted_at_the_samples_own_scale(command, files, tiny_network, monkeypatch):
    sizes = []
    build = Objective.build.__func__

    def watched(cls, settings, network, content, regions, **rest):
        sizes.append((content.shape, regions[0].styles[0].pixels.shape, settings.content_weight))
        return build(cls, settings, network, content, regions, **rest)

    monkeypatch.setattr(Objective, "build", classmethod(watched))
    quick = ("--first-size", "0", "--iterations", "2", "--dtype", "float32", "--quiet")
    words = ("texture", files / "style.jpg", "-o", files / "out.png", "--size", "160", "--shape", "2:1", *quick)
    assert command(*words) == (0, "", "")
    assert sizes == [((3, 80, 160), (3, 60, 72), 0.0)]
    assert (Picture.open(files / "out.png").width, Picture.open(files / "out.png").height) == (160, 80)
    settings = note(files / "out.png")["settings"]
    assert (settings["init"], settings["seamless"]) == ("noise", "both"), "noise stays along edges that do not meet"


@pytest.mark.parametrize("shape", ["wide", "3", "0:1", "-1:2", "1:2:3"])
def test_a_shape_that_cannot_be_is_refused_in_a_sentence(command, files, tiny_network, shape):
    code, _, err = command("texture", files / "style.jpg", "-o", files / "out.png", f"--shape={shape}")
    assert code == 2
    assert f"shape cannot be {shape}; it takes width to height, such as 3:2." in err


def test_a_photograph_is_reconstructed_from_its_features(command, files, tiny_network):
    words = ("reconstruct", files / "content.png", "-o", files / "out.png", "--content-layers", "conv2_2", "--json")
    quick = ("--size", "64", "--first-size", "0", "--iterations", "60", "--tolerance", "0", "--dtype", "float32")
    code, out, _ = command(*words, *quick)
    assert code == 0
    first, *_, last = map(json.loads, out.splitlines())
    assert set(last["terms"]) == {"content", "range"}
    assert last["loss"] < 0.01 * first["loss"]
    assert note(files / "out.png")["settings"]["init"] == "noise"


def test_painting_starts_from_the_picture_at_init_and_stays_close_to_it(paint, files, picture):
    picture(64, 48, seed=7).save(files / "changed.png")
    assert paint("--init", files / "changed.png", "--strength", "0.01", "--quiet") == (0, "", "")
    result, start = (Picture.open(files / name).pixels for name in ("out.png", "changed.png"))
    assert (result - start).abs().mean() < 0.02
    noted = note(files / "out.png")
    assert (noted["job"]["initial"], noted["settings"]["init"]) == (str(files / "changed.png"), "content")
    for words in (("--init", "black"), ("--init", "noise", "--strength", "0.5"), ("--init", "x.png", "--continue")):
        assert paint(*words, "--overwrite")[0] == 2
