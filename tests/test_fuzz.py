"""Damaged input, by chance: a picture or a sentence each time. `pytest tests/test_fuzz.py --fuzz 10000` for long."""

import json
import random
import resource
import time

import pytest
import torch
from hypothesis import HealthCheck, given, settings, strategies as st
from PIL import Image

from impasto import Picture, Runtime, Settings, StyleTransfer
from impasto.errors import CheckpointError, ImpastoError, PictureError, SettingsError
from impasto.layers import LAYERS
from impasto.settings import PRESETS

SLOWEST = 10.0
"""Seconds of processor time: a busy machine makes the clock say more."""
LARGEST = 2_000_000_000
"""Bytes of the process."""


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def mutated(data, chance):
    """Change, cut, drop, repeat or insert some bytes."""
    data = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 8))):
        place, length = chance.randrange(len(data) or 1), chance.choice((1, 1, 2, 4, 64))
        kind = chance.randrange(6)
        if kind < 2:
            data[place : place + length] = chance.randbytes(len(data[place : place + length]))
        elif kind == 2:
            data[place : place + 1] = bytes([data[place] ^ 1 << chance.randrange(8)]) if data else b""
        elif kind == 3:
            del data[place : place + length]
        elif kind == 4:
            data[place:place] = data[place : place + length]
        else:
            del data[place:]
    return bytes(data)


@pytest.fixture
def few(pytestconfig):
    return pytestconfig.getoption("--fuzz")


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    """A file of each kind, of colors that vary."""
    folder = tmp_path_factory.mktemp("originals")
    noise = torch.rand(3, 40, 56, generator=torch.Generator().manual_seed(0))
    for name in ("a.png", "b.jpg", "c.webp", "d.tif"):
        Picture(noise, note="a note").save(folder / name)
    image = Image.open(folder / "a.png")
    image.convert("P").save(folder / "e.gif")
    image.convert("RGBA").save(folder / "f.tif", compression="tiff_lzw")
    return sorted(folder.iterdir())


def test_a_mutated_picture_is_opened_or_refused(originals, tmp_path, few):
    chance, before = random.Random(0), peak()
    for number in range(few):
        original = originals[number % len(originals)]
        path = tmp_path / original.name
        path.write_bytes(mutated(original.read_bytes(), chance))
        began = time.process_time()
        try:
            picture = Picture.open(path)
        except PictureError as error:
            assert str(error).startswith(str(path))
        else:
            assert picture.pixels.isfinite().all()
            if picture.width * picture.height < 1_000_000:
                picture.resized(32, 32).save(tmp_path / "out.png", overwrite=True)
        assert time.process_time() - began < SLOWEST
    assert peak() < max(LARGEST, before + LARGEST / 4)  # the tests before this one may have taken more
    assert len(list(tmp_path.iterdir())) <= len(originals) + 1


def test_mutated_settings_are_read_or_refused(few):
    chance = random.Random(0)
    texts = [json.dumps({**Settings().model_dump(), **preset.changes}).encode() for preset in PRESETS.values()]
    for number in range(few):
        text = mutated(texts[number % len(texts)], chance).decode(errors="replace")
        try:
            Settings.from_json(text)
        except SettingsError as error:
            assert len(str(error)) < 10_000


def test_a_mutated_checkpoint_is_refused(weights, picture, tmp_path, few):
    def start():
        chosen = Settings(size=48, first_size=0, iterations=2)
        transfer = StyleTransfer(chosen, Runtime(device="cpu", dtype="float32", winograd="off"), weights=weights)
        return transfer.start(picture(), picture(seed=1), checkpoint=tmp_path / "run.checkpoint")

    run = start()
    next(run)
    run.save_checkpoint()
    whole, chance = (tmp_path / "run.checkpoint").read_bytes(), random.Random(0)
    for _ in range(few):
        data = mutated(whole, chance)
        (tmp_path / "run.checkpoint").write_bytes(data)
        if data != whole:
            with pytest.raises(CheckpointError):
                start()


layers = st.dictionaries(st.sampled_from(list(LAYERS)), st.floats(0, 10), min_size=1, max_size=3)
options = st.fixed_dictionaries(
    {},
    optional={
        "size": st.integers(32, 80),
        "first_size": st.integers(0, 100),
        "iterations": st.integers(0, 3),
        "init": st.sampled_from(("content", "noise", "blank", "style")),
        "color": st.sampled_from(("style", "content-luminance", "content-match")),
        "color_match": st.sampled_from(("chol", "pca", "sym", "histogram")),
        "seamless": st.sampled_from(("none", "x", "y", "both")),
        "content_weight": st.floats(0, 1e6),
        "style_weight": st.floats(0, 1e6),
        "content_layers": layers,
        "style_layers": layers,
        "style_loss": st.dictionaries(
            st.sampled_from(("gram", "moments", "covariance", "wasserstein")), st.floats(0, 10), min_size=1
        ),
        "style_scale": st.floats(0.1, 3),
        "tv_weight": st.floats(0, 1e3),
        "tv_variation": st.sampled_from(("mean-squares", "mean-absolute", "half-squares", "absolute", "nine-point")),
        "range_weight": st.floats(0, 1),
        "pooling": st.sampled_from(("max", "average", "l2")),
        "pooling_rescale": st.booleans(),
        "padding": st.sampled_from(("zeros", "replicate", "reflect", "replicate-first")),
        "normalize": st.booleans(),
        "optimizer": st.sampled_from(("lbfgs", "adam")),
        "stage_ratio": st.floats(0.1, 2),
        "tolerance": st.floats(0, 1),
        "history": st.integers(1, 5),
        "learning_rate": st.floats(0.01, 255),
        "preconditioner": st.floats(0, 2),
    },
)


@pytest.mark.slow
def test_any_settings_paint_a_picture_or_are_refused(weights, picture, few):
    @settings(max_examples=few // 2, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(options)
    def check(chosen):
        try:
            transfer = StyleTransfer(
                Settings(**{"size": 48, "iterations": 2, **chosen}),
                Runtime(device="cpu", dtype="float32", winograd="off", threads=1),
                weights=weights,
            )
            run = transfer.start(picture(), picture(seed=1))
            for _ in run:
                pass
        except ImpastoError as error:
            assert str(error).endswith(".")
        else:
            assert run.preview().pixels.isfinite().all()

    check()
