import pytest

from impasto.download import fetch
from impasto.errors import DownloadError


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://127.0.0.1:9/vgg.pth", "connection refused"),
        ("http://nowhere.invalid/vgg.pth", "could not be downloaded"),
        ("vgg.pth", "unknown url type"),
        ("gopher://host/vgg.pth", "unknown url type"),
    ],
)
def test_a_network_that_fails_is_said_in_one_sentence(tmp_path, monkeypatch, url, words):
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(DownloadError, match=words) as caught:
        fetch(url, tmp_path / "cache" / "vgg.pth", "00")
    said = str(caught.value)
    assert said.startswith(url)
    assert said.endswith(".")
    assert "urlopen" not in said
    assert not (tmp_path / "cache" / "vgg.pth").exists()
