"""Damaged input at random: a picture or a sentence each time. `pytest tests/test_fuzz.py --fuzz 10000` runs for long."""

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

MAX_SECONDS = 10.0
"""Seconds of processor time for a file: a busy machine makes the clock say more."""
MAX_BYTES = 2_000_000_000
"""Bytes of the process."""


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def mutate(data, generator):
    """Return data with some bytes changed, cut, dropped, repeated or inserted."""
    data = bytearray(data)
    for _ in range(generator.choice((1, 1, 2, 8))):
        start, length = generator.randrange(len(data) or 1), generator.choice((1, 1, 2, 4, 64))
        kind = generator.randrange(6)
        if kind < 2:
            data[start : start + length] = generator.randbytes(len(data[start : start + length]))
        elif kind == 2:
            data[start : start + 1] = bytes([data[start] ^ 1 << generator.randrange(8)]) if data else b""
        elif kind == 3:
            del data[start : start + length]
        elif kind == 4:
            data[start:start] = data[start : start + length]
        else:
            del data[start:]
    return bytes(data)


@pytest.fixture
def count(pytestconfig):
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


def test_a_mutated_picture_is_opened_or_refused(originals, tmp_path, count):
    generator, baseline = random.Random(0), peak()
    for number in range(count):
        original = originals[number % len(originals)]
        path = tmp_path / original.name
        path.write_bytes(mutate(original.read_bytes(), generator))
        start = time.process_time()
        try:
            picture = Picture.open(path)
        except PictureError as error:
            assert str(error).startswith(str(path))
        else:
            assert picture.pixels.isfinite().all()
            if picture.width * picture.height < 1_000_000:
                picture.resized(32, 32).save(tmp_path / "out.png", overwrite=True)
        assert time.process_time() - start < MAX_SECONDS
    assert peak() < max(MAX_BYTES, baseline + MAX_BYTES / 4)  # the tests before this one may have taken more
    assert len(list(tmp_path.iterdir())) <= len(originals) + 1


def test_mutated_settings_are_read_or_refused(count):
    generator = random.Random(0)
    texts = [json.dumps({**Settings().model_dump(), **preset.changes}).encode() for preset in PRESETS.values()]
    for number in range(count):
        text = mutate(texts[number % len(texts)], generator).decode(errors="replace")
        try:
            Settings.from_json(text)
        except SettingsError as error:
            assert len(str(error)) < 10_000


def test_a_mutated_checkpoint_is_refused(weights, picture, tmp_path, count):
    def start():
        settings = Settings(size=48, first_size=0, iterations=2)
        transfer = StyleTransfer(settings, Runtime(device="cpu", dtype="float32", winograd="off"), weights=weights)
        return transfer.start(picture(), picture(seed=1), checkpoint=tmp_path / "run.checkpoint")

    run = start()
    next(run)
    run.save_checkpoint()
    original, generator = (tmp_path / "run.checkpoint").read_bytes(), random.Random(0)
    for _ in range(count):
        data = mutate(original, generator)
        (tmp_path / "run.checkpoint").write_bytes(data)
        if data != original:
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
def test_any_settings_paint_a_picture_or_are_refused(weights, picture, count):
    @settings(max_examples=count // 2, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(options)
    def check(changes):
        try:
            transfer = StyleTransfer(
                Settings(**{"size": 48, "iterations": 2, **changes}),
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
