import base64
import re
import sys
from types import SimpleNamespace

import pytest

from impasto import Picture, Settings, StyleTransfer, stylize
from impasto.interactive import live_picture, progress_display


@pytest.fixture
def quick(weights, monkeypatch):
    """Paint with the tiny network."""
    monkeypatch.setattr("impasto.transfer.style_transfer.load_weights", lambda _: weights)
    return Settings(size=64, first_size=0, iterations=5, tolerance=0)


@pytest.fixture
def shown(monkeypatch):
    """What a notebook shows, in order, in a process that says that it is a kernel."""
    pages = []

    def display(page, display_id=None):
        assert display_id
        pages.append(page)
        return SimpleNamespace(update=pages.append)

    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: SimpleNamespace(kernel=object())))
    monkeypatch.setitem(sys.modules, "IPython.display", SimpleNamespace(display=display, HTML=str))
    return pages


def test_a_notebook_shows_the_picture_with_loss_and_time_left(quick, picture, shown, capsys):
    result = stylize(picture(), picture(72, 60, seed=1), settings=quick, progress=True)
    assert capsys.readouterr() == ("", "")
    assert "data:image/jpeg;base64," in shown[-1]
    loss = f"{result.history[-1].loss:.4g}"
    assert f"64 × 48  100%  0:00 left  stage 1/1, evaluation 5/5, loss {loss}" in shown[-1]


def test_the_display_is_updated_now_and_then_and_at_the_end(quick, picture, shown, monkeypatch):
    stylize(picture(), picture(72, 60, seed=1), settings=quick, progress=True)
    assert len(shown) <= 4
    del shown[:]
    monkeypatch.setattr(live_picture, "MIN_SECONDS_BETWEEN", 0)
    stylize(picture(), picture(72, 60, seed=1), settings=quick, progress=True)
    fractions = [float(found) for page in shown[1:] for found in re.findall(r'value="([\d.]+)"', page)]
    assert fractions == sorted(fractions)
    assert len(fractions) == 6
    assert fractions[-1] == 1


def test_a_loop_that_ends_early_shows_where_it_ended(quick, picture, shown):
    run = StyleTransfer(quick).start(picture(), picture(72, 60, seed=1))
    for report in progress_display.show_progress(run):
        if report.evaluation == 2:
            break
    assert "40%" in shown[-1]
    assert "stopped before the end; its run can continue" in shown[-1]


def test_a_remark_is_shown_below_the_picture(quick, picture, shown, no_finite_loss):
    stylize(picture(), picture(72, 60, seed=1), settings=quick, iterations=4, progress=True)
    assert "so the best image is painted on" in shown[-1]


def test_a_prompt_without_a_kernel_is_no_notebook(monkeypatch):
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: None))
    assert not live_picture.is_in_notebook()
    monkeypatch.delitem(sys.modules, "IPython")
    assert not live_picture.is_in_notebook()


def test_a_large_picture_is_shown_smaller(quick, picture, shown, monkeypatch):
    monkeypatch.setattr(live_picture, "MAX_SIDE", 32)
    stylize(picture(), picture(72, 60, seed=1), settings=quick, progress=True)
    encoded = re.search(r"base64,([^\"]+)", shown[-1])
    small = Picture.open(base64.b64decode(encoded[1]))
    assert (small.width, small.height) == (32, 24)
