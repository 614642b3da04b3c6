import itertools
import json
import math
import shutil
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from impasto import Picture, Runtime, Settings, Style, StyleTransfer
from impasto.errors import CheckpointError, InputError, WriteError
from impasto.optimizers import AdamState
from impasto.optimizers.state import named_tensors, with_tensors
from impasto.transfer import checkpoint, checkpoint_file
from impasto.transfer.iteration import Point


@pytest.fixture
def start(weights, picture, tmp_path):
    """Start a run with a checkpoint after every evaluation, or continue with it."""

    def make(content=None, style=None, every=1e-9, runtime=None, checkpoint="run.checkpoint", note=None, **changes):
        settings = Settings(**{"size": 96, "first_size": 64, "iterations": 6, "tolerance": 0, **changes})
        runtime = runtime or Runtime(device="cpu", dtype="float32", winograd="off", threads=1, checkpoint_every=every)
        transfer = StyleTransfer(settings, runtime, weights=weights)
        pictures = content or picture(100, 100), style or picture(seed=1)
        return transfer.start(*pictures, checkpoint=tmp_path / checkpoint, note=note)

    return make


@pytest.fixture(autouse=True)
def _at_every_evaluation(monkeypatch):
    monkeypatch.setattr("impasto.transfer.checkpoint.CHECKPOINT_TIME_FRACTION", math.inf)


@pytest.fixture(autouse=True)
def _small_first_stage(monkeypatch):
    monkeypatch.setattr("impasto.planning.plan._MIN_FIRST_SIDE", 64)


STOPS = (1, 2, 5, 6, 7, 9, 10)
"""The evaluations after which a run of ten, in two stages, is left."""


@pytest.fixture(scope="module")
def stopped_runs():
    """By settings: the run that nothing disturbs, and the checkpoints of another one after each of the stops."""
    return {}


@pytest.fixture
def stopped(stopped_runs, start, tmp_path):
    """Paint with some settings, once in this module: (the finished run, the bytes of a checkpoint by evaluation)."""

    def paint_once(changes):
        if str(changes) not in stopped_runs:
            complete, saved, stopping = start(every=0, **changes), {}, start(**changes)
            for _ in complete:
                assert not list(tmp_path.iterdir())
            for progress in stopping:
                stopping.save_checkpoint()
                saved[len(stopping.history)] = (tmp_path / "run.checkpoint").read_bytes()
                assert progress.remark == ""
            stopping.delete_checkpoint()
            stopped_runs[str(changes)] = complete, saved
        return stopped_runs[str(changes)]

    return paint_once


@pytest.mark.parametrize("changes", [{}, {"optimizer": "adam"}, {"init": "noise", "normalize": True}], ids=str)
@pytest.mark.parametrize("evaluations", STOPS)
def test_a_run_that_continues_ends_in_the_same_picture(stopped, start, tmp_path, changes, evaluations):
    complete, saved = stopped(changes)
    assert list(saved) == list(range(1, len(complete.history) + 1))
    (tmp_path / "run.checkpoint").write_bytes(saved[evaluations])
    second = start(**changes)
    assert second.resumed == evaluations
    list(second)
    assert [progress.loss for progress in second.history] == [progress.loss for progress in complete.history]
    assert torch.equal(second.preview().samples, complete.preview().samples)
    assert second.stopped == complete.stopped
    second.delete_checkpoint()
    assert not list(tmp_path.iterdir())


def test_a_run_that_was_killed_continues_from_what_was_saved_last(start):
    complete = start()
    expected = [progress.loss for progress in complete]
    complete.delete_checkpoint()
    killed = start()
    for _ in itertools.islice(killed, 5):
        pass
    del killed  # as it does at each evaluation, it saved what was before the fifth
    again = start()
    assert again.resumed == 4
    list(again)
    assert [progress.loss for progress in again.history] == expected


def test_a_finished_run_only_has_to_be_saved_again(start):
    run = start()
    list(run)
    run.save_checkpoint()
    again = start()
    assert list(again) == []
    assert torch.equal(again.preview().samples, run.preview().samples)


def test_precision_and_threads_are_those_of_the_checkpoint(start, picture):
    pictures = {"content": picture(100, 100), "style": picture(seed=1)}
    start = partial(start, **pictures)
    run = start(runtime=Runtime(device="cpu", dtype="bfloat16", winograd="off", threads=1))
    next(run)
    run.save_checkpoint()
    again = start(runtime=Runtime(device="cpu"))
    assert again._solver.machine.features == torch.bfloat16
    assert again._solver.machine.threads == 1
    with pytest.raises(CheckpointError, match="the machine's dtype was bfloat16 and is float32;"):
        start(runtime=Runtime(device="cpu", dtype="float32", winograd="off"))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"style_weight": 7.0}, r"the option style_weight was 1000\.0 and is 7\.0; start as"),
        ({"style_layers": "conv2_1"}, r"the option style_layers was {.*} and is {\"conv2_1\": 1\.0};"),
        ({"content_weight": 7.0}, r"the option content_weight was 5\.0 and is 7\.0;"),
        ({"content": Picture(torch.rand(3, 100, 100))}, "the input content was [0-9a-f]{12}… and is [0-9a-f]{12}…;"),
        ({"style": Picture(torch.rand(3, 64, 64))}, "the input style 1 was [0-9a-f]{12}… and is [0-9a-f]{12}…;"),
    ],
)
def test_another_run_is_refused_and_the_difference_named(start, tmp_path, changes, words):
    run = start()
    next(run)
    run.save_checkpoint()
    before = (tmp_path / "run.checkpoint").read_bytes()
    with pytest.raises(CheckpointError, match=f"run.checkpoint is the checkpoint of another run: {words}"):
        start(**changes)
    assert (tmp_path / "run.checkpoint").read_bytes() == before


@pytest.fixture
def saved(start, tmp_path):
    """A checkpoint after one evaluation."""
    run = start()
    next(run)
    run.save_checkpoint()
    return tmp_path / "run.checkpoint"


@pytest.mark.parametrize("place", [0.3, 0.6, 0.9, -1])
def test_a_changed_byte_is_seen(start, saved, place):
    data = bytearray(saved.read_bytes())
    data[place if isinstance(place, int) else int(place * len(data))] ^= 1
    saved.write_bytes(data)
    with pytest.raises(
        CheckpointError, match=r"run.checkpoint is damaged: .*; delete it, or name another to start a new run"
    ):
        start()


@pytest.mark.parametrize("place", [0, 7, 8, 12])
def test_a_file_whose_first_bytes_are_changed_is_not_to_be_deleted(start, saved, place):
    data = bytearray(saved.read_bytes())
    data[place] ^= 1
    saved.write_bytes(data)
    with pytest.raises(CheckpointError, match=r"not a checkpoint of impasto's, or its first bytes are damaged; name"):
        start()


@pytest.mark.parametrize(
    ("length", "words"), [(0, "not a checkpoint"), (7, "not a ch"), (100, "not a ch"), (20_000, "is damaged")]
)
def test_a_checkpoint_cut_short_is_refused(start, saved, length, words):
    saved.write_bytes(saved.read_bytes()[:length])
    with pytest.raises(CheckpointError, match=words):
        start()


@pytest.mark.parametrize("content", [b"", b"a diary", b"\x89PNG\r\n\x1a\n" + bytes(100), b'{"format": 1}'])
def test_a_file_of_another_kind_is_left_and_nobody_is_told_to_delete_it(start, tmp_path, content):
    (tmp_path / "run.checkpoint").write_bytes(content)
    with pytest.raises(CheckpointError) as caught:
        start()
    assert "not a checkpoint of impasto's" in str(caught.value)
    assert "delete" not in str(caught.value)
    assert (tmp_path / "run.checkpoint").read_bytes() == content


def test_a_safetensors_file_of_something_else_is_not_to_be_deleted(start, tmp_path):
    from safetensors.torch import save_file

    save_file({"weight": torch.zeros(3)}, tmp_path / "run.checkpoint", {"format": "pt"})
    with pytest.raises(CheckpointError, match="name another file as checkpoint"):
        start()


def test_a_folder_is_no_place_for_a_checkpoint(start, tmp_path):
    (tmp_path / "run.checkpoint").mkdir()
    with pytest.raises(InputError, match=r"run\.checkpoint is a folder; name a file in it"):
        start()
    with pytest.raises(InputError, match="the folder .* does not exist"):
        start(checkpoint=tmp_path / "missing" / "run.checkpoint")


def test_a_checkpoint_of_the_first_version_is_refused_in_a_sentence(start, saved):
    """Impasto 0.1.0 wrote no version, the identity in one flat mapping, and the plan and position by place."""
    tensors, record = checkpoint_file.read(saved)
    flat = {name: value for kind in record["identity"].values() for name, value in kind.items()}
    old = {"identity": {**flat, "impasto": "0.1.0"}, "plan": [[], 0.0, 1e9, False], "standing": [0, 1, [1.0], 0, 0]}
    safetensors_file(saved, tensors, {"record": json.dumps({**old, "history": []}), "sha256": "0" * 64})
    with pytest.raises(
        CheckpointError, match=r"is a checkpoint of impasto 0\.1\.0, from which .*; finish that run with"
    ):
        start()


def test_a_checkpoint_that_impasto_0_1_0_wrote_is_refused_in_a_sentence(start, tmp_path):
    shutil.copy(Path(__file__).parent / "checkpoint-0.1.0", tmp_path / "run.checkpoint")
    with pytest.raises(CheckpointError, match=r"is a checkpoint of impasto 0\.1\.0, from which"):
        start()


def test_a_checkpoint_of_a_later_version_is_refused_in_a_sentence(start, saved, monkeypatch):
    monkeypatch.setattr(checkpoint_file, "FORMAT_VERSION", 3)
    checkpoint_file.write(saved, {}, {})
    monkeypatch.undo()
    with pytest.raises(CheckpointError, match=r"is a checkpoint of a newer impasto, in version 3 of the format"):
        start()


def safetensors_file(path, tensors, about):
    from safetensors.torch import save_file

    save_file(tensors, path, about)


def test_every_field_of_a_checkpoint_has_a_name(start, saved):
    record = checkpoint_file.read_record(saved)
    assert list(record) == ["identity", "plan", "position", "history", "note"]
    assert list(record["identity"]) == ["options", "inputs", "machine"]
    assert record["identity"]["options"]["style_weight"] == 1000.0
    assert record["identity"]["inputs"]["style 1 weight"] == 1.0
    assert record["identity"]["machine"]["threads"] == 1
    assert record["plan"]["stages"][0]["size"] == {"width": 64, "height": 64}
    assert record["plan"]["stages"][0]["layout"]["tiling"]["side"] == 0
    assert record["position"]["bests"][0] == "inf"  # there is no such number in JSON
    assert record["position"]["evaluation"] == 1
    json.loads(json.dumps(record, allow_nan=False))


def test_a_checkpoint_carries_a_text_of_the_callers(start, tmp_path):
    run = start(note='{"job": 7}')
    next(run)
    run.save_checkpoint()
    assert checkpoint.read_note(tmp_path / "run.checkpoint") == '{"job": 7}'
    assert start().resumed == 1  # whatever the text
    (tmp_path / "other").write_bytes(b"")
    with pytest.raises(CheckpointError, match="not a checkpoint"):
        checkpoint.read_note(tmp_path / "other")


def test_all_differences_are_named_with_their_kinds(start, saved, picture):
    styles = [Style(picture(seed=1), weight=2.0), picture(seed=2)]
    with pytest.raises(CheckpointError) as caught:
        start(style=styles, tv_weight=1.0, runtime=Runtime(device="cpu", dtype="float32", threads=2))
    for words in (
        "the option tv_weight was 0.0 and is 1.0;",
        "the input style 1 weight was 1.0 and is 2.0;",
        "the input style 2 was none and is ",
        "the machine's threads was 1 and is 2;",
        "start as that run was started to continue it, or name another checkpoint to start a new run.",
    ):
        assert words in str(caught.value)


@pytest.mark.parametrize("lost", ["image", "optimizer.pairs.steps", "plan", "position", "history"])
def test_a_checkpoint_without_a_part_is_refused(start, saved, lost):
    tensors, record = checkpoint_file.read(saved)
    for part in (tensors, record):
        part.pop(lost, None)
    checkpoint_file.write(saved, tensors, record)
    with pytest.raises(CheckpointError, match="run.checkpoint is damaged: it lacks"):
        start()


def test_a_checkpoint_that_cannot_be_written_does_not_end_the_run(start, tmp_path, full_disk):
    run = start()
    next(run)
    run.save_checkpoint()
    before = (tmp_path / "run.checkpoint").read_bytes()
    with full_disk(len(before) // 2):
        history = list(run)
        with pytest.raises(WriteError, match="run.checkpoint could not be written"):
            run.save_checkpoint()
    assert history[0].remark.endswith(". The run continues without this checkpoint.")
    assert run.stopped == "finished"
    assert [path.name for path in tmp_path.iterdir()] == ["run.checkpoint"]
    assert (tmp_path / "run.checkpoint").read_bytes() == before


def test_without_a_checkpoint_nothing_is_saved(transfer, picture, tmp_path):
    run = transfer().start(picture(), picture(seed=1))
    next(run)
    run.save_checkpoint()
    run.delete_checkpoint()
    assert not list(tmp_path.iterdir())


def test_no_checkpoint_is_saved_before_its_time(start, tmp_path):
    list(start(every=3600))
    list(start(every=0))
    assert not list(tmp_path.iterdir())


def test_tensors_have_names_and_find_their_places():
    tree = Point(torch.ones(2), AdamState(*torch.zeros(3, 2)), torch.ones(2), torch.ones(()))
    assert [name for name, _ in named_tensors(tree, "point")] == [
        "point.image", "point.state.mean", "point.state.square", "point.state.steps", "point.best", "point.least",
    ]  # fmt: skip
    with pytest.raises(ValueError, match="there is no last"):
        with_tensors(torch.ones(2), {"last": torch.ones(3)}, "last")


def test_a_run_that_continues_ends_where_the_picture_hardly_changes(start, monkeypatch):
    monkeypatch.setattr("impasto.transfer.descent.PLATEAU_WINDOW", 2)
    changes = {"first_size": 0, "iterations": 20, "min_change": 12.0}
    complete, stopping = start(every=0, checkpoint="whole", **changes), start(**changes)
    for _ in complete:
        pass
    assert complete.stopped == "converged"
    for report in stopping:
        if report.evaluation == len(complete.history) - 1:
            break
    stopping.save_checkpoint()
    again = start(**changes)
    for _ in again:
        pass
    assert len(again.history) == len(complete.history)
    assert torch.equal(again.preview().samples, complete.preview().samples)


def test_a_run_that_is_done_leaves_nothing_of_a_process_that_was_killed_while_it_saved_the_checkpoint(
    start, tmp_path, killed
):
    killed(tmp_path / "run.checkpoint")
    run = start(every=0)
    list(run)
    run.delete_checkpoint()
    assert not list(tmp_path.iterdir())


def test_each_process_removes_what_was_left_of_parts_after_any_number_of_evaluations(start, tmp_path, killed):
    path, run = tmp_path / "run.checkpoint", start(every=0)
    next(run)
    second = SimpleNamespace(rank=1, any=lambda flag: flag)
    writer = checkpoint.CheckpointWriter(path, {}, 0, second)
    killed(tmp_path / "run.checkpoint.1-12", part_of=path)
    writer.save(run._state, run.plan, {})
    assert [each.name for each in tmp_path.iterdir()] == ["run.checkpoint.1-1"]
    killed(tmp_path / "run.checkpoint.1-12", part_of=path)
    writer.delete()
    assert not list(tmp_path.iterdir())
