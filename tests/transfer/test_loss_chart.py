import pytest

from impasto import plot_losses

pytestmark = pytest.mark.slow


@pytest.fixture
def run(transfer, picture):
    painting = transfer(size=256, first_size=128, iterations=3).start(picture(256, 256), picture(72, 60, seed=1))
    for _ in painting:
        pass
    return painting


def test_a_run_its_result_and_its_history_have_one_chart(run):
    charts = [run.result().plot(), *(plot_losses(each) for each in (run, run.result(), run.history))]
    for chart in charts:
        (axes,) = chart.axes
        lines = {line.get_label(): list(line.get_ydata()) for line in axes.lines if line.get_label()[0] != "_"}
        assert lines["loss"] == [progress.loss for progress in run.history]
        assert set(lines) == {"loss", "content", "style", "range"}
        assert [text.get_text() for text in axes.texts] == [" 128 × 128", " 256 × 256"]
        assert chart._repr_png_().startswith(b"\x89PNG")


def test_a_chart_is_saved_where_it_is_asked_for(run, tmp_path):
    plot_losses(run, tmp_path / "losses.svg")
    run.result().plot(tmp_path / "again.svg")
    for path in (tmp_path / "losses.svg", tmp_path / "again.svg"):
        assert path.read_text(encoding="utf-8").startswith("<?xml")
