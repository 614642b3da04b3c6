import re
import shutil
import subprocess
from pathlib import Path

import pytest

from impasto import Picture

pytestmark = pytest.mark.slow

PAGE = (Path(__file__).parents[2] / "docs" / "api-http.md").read_text(encoding="utf-8")


@pytest.fixture
def workplace(pictures, tmp_path):
    """A folder with the files of the page."""
    shutil.copy(pictures / "content.png", tmp_path / "photo.jpg")
    shutil.copy(pictures / "style.jpg", tmp_path / "painting.jpg")
    return tmp_path


def example(language, studio):
    (code,) = re.findall(rf"```{language}\n(.*?)```", PAGE, flags=re.DOTALL)
    quick = '"size": 64, "first_size": 0, "iterations": 6'
    return code.replace("127.0.0.1:8000", f"127.0.0.1:{studio.port}").replace('"size": 256', quick)


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
def test_the_commands_of_the_page_paint(studio, workplace):
    subprocess.run(["sh", "-euc", example("bash", studio)], cwd=workplace, check=True, capture_output=True)
    assert Picture.open(workplace / "picture.png").width == 64


def test_the_python_of_the_page_paints(studio, workplace, monkeypatch, capsys):
    monkeypatch.chdir(workplace)
    exec(compile(example("py", studio), "page", "exec"), {})
    assert "loss" in capsys.readouterr().out
    assert Picture.open(workplace / "picture.png").width == 64


def test_the_page_names_every_route_of_a_job(studio):
    described = studio.client.get("/openapi.json").json()["paths"]
    last = {
        path.rstrip("}").rpartition("/")[2]
        for path in described
        if path.startswith("/api/jobs/") and not path.endswith("}")
    }
    assert {word for word in last if f"/{word}" not in PAGE} == set()
