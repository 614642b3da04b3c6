import io
import signal
import sys

import pytest
import torch

from impasto import Picture, Settings, StyleTransfer, find_faces, stylize
from impasto.interactive import progress_bar
from impasto.recipes import demo


@pytest.fixture
def quick(weights, monkeypatch):
    """Paint with the tiny network."""
    monkeypatch.setattr("impasto.transfer.style_transfer.load_weights", lambda _: weights)
    return Settings(size=64, first_size=0, iterations=5, tolerance=0)


def test_a_function_is_called_with_each_report(quick, picture):
    reports = []
    result = stylize(picture(), picture(72, 60, seed=1), settings=quick, progress=reports.append)
    assert reports == list(result.history)
    assert [report.evaluation for report in reports] == [1, 2, 3, 4, 5]


def test_a_list_of_paintings_is_as_good_as_several(quick, picture):
    paintings = [picture(72, 60, seed=1), picture(60, 60, seed=2)]
    one, other = (stylize(picture(), *styles, settings=quick) for styles in (paintings, [paintings]))
    assert one.picture.png() == other.picture.png()


def test_the_faces_of_the_photograph_are_in_focus_as_they_are_of_the_command(quick, picture, weights):
    photograph, painting = Picture.open(demo.photograph()).resized(150, 176), picture(72, 60, seed=1)

    def painted(focus):
        run = StyleTransfer(quick, weights=weights).start(photograph, painting, focus=focus)
        list(run)
        return run.result().picture.pixels

    focused, free = painted(find_faces(photograph)), painted(None)
    assert not torch.equal(focused, free)
    assert torch.equal(stylize(photograph, painting, settings=quick).picture.pixels, focused)
    assert torch.equal(stylize(photograph, painting, settings=quick, focus_weight=1.0).picture.pixels, free)


def test_nothing_is_written_unless_it_is_asked_for(quick, picture, capsys):
    stylize(picture(), picture(72, 60, seed=1), settings=quick)
    assert capsys.readouterr() == ("", "")


def test_without_a_terminal_progress_is_a_line_for_each_tenth(quick, picture, capsys):
    stylize(picture(), picture(72, 60, seed=1), settings=quick, iterations=30, progress=True)
    captured = capsys.readouterr()
    lines = captured.err.splitlines()
    assert captured.out == ""
    assert 2 <= len(lines) <= progress_bar.LINES_PER_RUN + 1
    assert all(line.startswith("64 × 48  ") for line in lines)
    assert "100%  0:00 left  stage 1/1, evaluation 30/30, loss " in lines[-1]


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_on_a_terminal_progress_is_a_bar(quick, picture, monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "100")
    stylize(picture(), picture(72, 60, seed=1), settings=quick, progress=True)
    output = terminal.getvalue()
    assert "64 × 48" in output
    assert "stage 1/1" in output
    assert "100%" in output
    assert "━" in output


def test_a_remark_is_shown_beside_the_progress(quick, picture, capsys, no_finite_loss):
    stylize(picture(), picture(72, 60, seed=1), settings=quick, iterations=4, progress=True)
    assert "so the best image is painted on" in capsys.readouterr().err


def test_ctrl_c_at_a_prompt_ends_the_call_after_the_evaluation_and_its_run_continues(quick, picture, monkeypatch):
    monkeypatch.setattr(sys, "ps1", ">>> ", raising=False)
    pictures = picture(), picture(72, 60, seed=1)

    def interrupted(report):
        if report.evaluation == 2:
            signal.raise_signal(signal.SIGINT)

    so_far = stylize(*pictures, settings=quick, progress=interrupted)
    assert (len(so_far.history), so_far.stopped) == (2, "unfinished")
    assert so_far.run.preview().png() == so_far.picture.png()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert [report.evaluation for report in so_far.run] == [3, 4, 5]
    whole = stylize(*pictures, settings=quick)
    assert so_far.run.result().picture.png() == whole.picture.png()
    assert not hasattr(whole, "run")


def test_a_second_ctrl_c_ends_the_call_at_once(quick, picture, monkeypatch):
    monkeypatch.setattr(sys, "ps1", ">>> ", raising=False)

    def interrupted_twice(report):
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        stylize(picture(), picture(72, 60, seed=1), settings=quick, progress=interrupted_twice)


def test_ctrl_c_in_a_script_ends_it(quick, picture):
    with pytest.raises(KeyboardInterrupt):
        stylize(
            picture(), picture(72, 60, seed=1), settings=quick, progress=lambda _: signal.raise_signal(signal.SIGINT)
        )
