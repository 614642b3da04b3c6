import json
from dataclasses import replace

import pytest

import reference
from common import note
from impasto import Picture, Runtime, StyleTransfer
from impasto.layers import LAYERS
from impasto.planning.plan import Size
from impasto.recipes.panel import Panel
from impasto.recipes.paper_figures import FIGURES, PAPER, Experiments, with_paper_weights
from tiny import tiny_weights

QUICK = (("--size", "64"), ("--iterations", "1"), ("--dtype", "float32"), ("--winograd", "off"), ("--threads", "1"))
STYLE = ("conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1")


@pytest.fixture
def experiments(picture):
    """The figures of a photograph of 64 × 48, two paintings and another photograph."""
    paintings = {"night": picture(72, 60, seed=1), "storm": picture(50, 80, seed=2)}
    return Experiments(picture(), paintings, picture(96, 48, seed=3), PAPER.replace(size=64, iterations=2))


def panels(blocks):
    return [cell for block in blocks for cell in block if isinstance(cell, Panel)]


@pytest.mark.slow
def test_as_printed_the_objective_is_the_papers_up_to_a_factor(picture):
    content, style, image = (picture(40, 48, seed=seed) for seed in range(3))
    weights = tiny_weights(divisor=1)  # the weights of a layer come of its true number of maps
    filters = {
        name: (weight.double().numpy(), bias.double().numpy()) for name, (weight, bias) in weights.tensors.items()
    }
    x, p, a = (
        reference.features(weights.convention.apply(picture.pixels.double()).numpy(), filters, "average")
        for picture in (image, content, style)
    )
    layers = STYLE[:3]
    expected = 1e-3 * reference.content_loss(x["conv4_2"], p["conv4_2"])
    expected += sum(reference.style_loss(x[name], reference.gram(a[name])) for name in layers) / len(layers)
    settings = with_paper_weights(PAPER.replace(size=48, normalize=False), 1e-3, "conv4_2", layers, Size(40, 48))
    settings = settings.replace(pooling_rescale=False)
    transfer = StyleTransfer(settings, Runtime(device="cpu", dtype="float64", winograd="off"), weights=weights)
    first = next(transfer.start(content, style, initial=image))
    assert first.loss / expected == pytest.approx(1e3 / p["conv4_2"].size, rel=1e-5)


def test_the_weights_as_printed_follow_the_size_and_the_others_do_not():
    def balance(settings):
        return settings.content_weight * settings.content_layers["conv4_2"] / settings.style_weight

    small, large = (with_paper_weights(PAPER, 1e-3, "conv4_2", STYLE, Size(side, side)) for side in (256, 512))
    assert balance(large) == pytest.approx(4 * balance(small))
    assert balance(small) == pytest.approx(1e-3 / 2 * 512 * 32 * 32)
    assert balance(with_paper_weights(PAPER, 1e-2, "conv4_2", STYLE)) == pytest.approx(
        10 * balance(with_paper_weights(PAPER, 1e-3, "conv4_2", STYLE))
    )


@pytest.mark.parametrize("number", FIGURES)
def test_every_figure_has_the_papers_network_one_size_and_names_of_its_own(experiments, number):
    figure_panels = panels(FIGURES[number](experiments))
    for panel in figure_panels:
        settings = panel.settings
        assert (settings.pooling, settings.normalize, settings.first_size) == ("average", True, 0)
        assert (settings.size, settings.iterations) == (64, 2)
    assert len({panel.name for panel in figure_panels}) == len(figure_panels) > 0


def test_figure_1_reconstructs_content_from_each_layer_and_style_from_more_and_more(experiments):
    content, style = FIGURES[1](experiments)
    photograph, *contents = content.cells[0]
    painting, *styles = style.cells[0]
    assert content.columns == ["photograph", "conv1_2", "conv2_2", "conv3_2", "conv4_2", "conv5_2"]
    assert [list(panel.settings.content_layers) for panel in contents] == [[name] for name in content.columns[1:]]
    assert [tuple(panel.settings.style_layers) for panel in styles] == [STYLE[:count] for count in range(1, 6)]
    assert {panel.settings.style_weight for panel in contents} == {panel.settings.content_weight for panel in styles}
    assert {panel.settings.style_weight for panel in contents} == {0}
    assert {panel.settings.init for panel in panels([content, style])} == {"noise"}
    assert (photograph.width, photograph.height, painting.height) == (64, 48, 48)


def test_figure_3_has_a_row_for_each_painting(experiments):
    [block] = FIGURES[3](experiments)
    assert block.rows == ["night", "storm"]
    assert [row[2].styles for row in block.cells] == [[style] for style in experiments.styles.values()]
    assert [(row[1].width, row[1].height) for row in block.cells] == [(58, 48), (30, 48)]


def test_figure_4_goes_from_style_to_content_along_a_row_and_through_the_layers_down_a_column(experiments):
    [block] = FIGURES[4](experiments)
    first = block.cells[0][0].settings
    for row, layers in zip(block.cells, [STYLE[:count] for count in range(1, 6)], strict=True):
        for panel, factor in zip(row, (1, 10, 100, 1000), strict=True):
            settings = panel.settings
            assert settings.content_weight == pytest.approx(factor * first.content_weight)
            assert settings.style_weight == first.style_weight
            assert tuple(settings.style_layers) == layers
            for name, weight in settings.style_layers.items():
                assert weight == LAYERS[name].channels ** 2 / 4 / len(layers)
    assert block.columns == ["α/β = 10⁻⁴", "10⁻³", "10⁻²", "10⁻¹"]
    assert block.rows[-1] == "conv1_1 … conv5_1"


def test_figure_5_has_the_same_objective_at_two_content_layers(experiments):
    [block] = FIGURES[5](experiments)
    low, high = (panel.settings for panel in panels([block]))
    assert (list(low.content_layers), list(high.content_layers)) == (["conv2_2"], ["conv4_2"])
    assert low == high.replace(content_layers=low.content_layers)


def test_figure_6_has_one_objective_and_six_starts(experiments):
    starts = [panel.settings for panel in panels(FIGURES[6](experiments))]
    assert [(start.init, start.seed) for start in starts] == [
        ("content", 0),
        ("style", 0),
        *(("noise", seed) for seed in range(4)),
    ]
    assert {start.replace(init="noise", seed=0).model_dump_json() for start in starts} == {starts[2].model_dump_json()}


def test_figure_7_takes_the_style_of_another_photograph_and_begins_as_the_content(experiments):
    [panel] = panels(FIGURES[7](experiments))
    assert panel.styles == [experiments.photograph]
    assert panel.settings.init == "content"


def test_as_printed_only_the_balance_of_a_figure_changes(experiments):
    ours, printed = (panels(FIGURES[5](replace(experiments, as_printed=flag)))[0].settings for flag in (False, True))
    assert printed.style_weight != ours.style_weight
    kept = {"style_weight": ours.style_weight, "content_layers": ours.content_layers}
    assert printed.replace(**kept) == ours


@pytest.fixture
def figures(command, files, tiny_network):
    """Run `impasto figures` on the tiny network, with a second painting and a second photograph in the folder."""
    (files / "more.png").write_bytes((files / "content.png").read_bytes())

    def run(*arguments):
        quick = [argument for pair in QUICK if pair[0] not in arguments for argument in pair]
        return command(
            "figures", files / "content.png", files / "style.jpg", "--folder", files / "out", *quick, *arguments
        )

    return run


def test_figures_are_sheets_in_a_folder_with_their_pictures_beside_them(figures, files):
    code, out, _ = figures("--figure", 5, "--figure", 3, "--style", files / "more.png")
    assert code == 0
    assert sorted(path.name for path in (files / "out").iterdir()) == [
        "figure-3",
        "figure-3.png",
        "figure-5",
        "figure-5.png",
    ]
    assert sorted(path.name for path in (files / "out" / "figure-3").iterdir()) == ["more.png", "style.png"]
    assert "4/4 conv4_2: loss " in out
    assert Picture.open(files / "out" / "figure-3.png").width > 3 * 64
    settings = note(files / "out" / "figure-5" / "conv2_2.png")["settings"]
    assert list(settings["content_layers"]) == ["conv2_2"]


def test_all_figures_are_painted_if_none_is_named_the_last_only_with_a_photograph(figures, files, monkeypatch):
    painted = []
    monkeypatch.setattr(
        "impasto.cli.experiments.paint",
        lambda _, sheets, *__, **___: painted.append([sheet.path.stem for sheet in sheets]),
    )
    assert figures()[0] == 0
    assert figures("--photograph", files / "more.png")[0] == 0
    without = [f"figure-{number}" for number in (1, 3, 4, 5, 6)]
    assert painted == [without, [*without, "figure-7"]]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--figure", "2"], "no figure 2 to paint; the figures are 1, 3, 4, 5, 6, 7."),
        (["--figure", "7"], "name one with --photograph"),
        (["--figure", "3", "--style", "style.jpg"], "two paintings have the same name"),
        (["--figure", "3", "--size", "5"], "size cannot be 5"),
        (["--figure", "3", "--style", "missing.jpg"], "missing.jpg"),
        (["--figure", "3", "--weights", "no.pth"], "no.pth"),
    ],
)
def test_figures_that_cannot_be_painted_are_refused_in_a_sentence(figures, files, arguments, message, monkeypatch):
    monkeypatch.undo()  # the tiny network, so that weights are looked for
    monkeypatch.setattr(
        "impasto.transfer.style_transfer.StyleTransfer.start", lambda *_, **__: pytest.fail("painting began")
    )
    code, out, err = figures(*(files / argument if argument.endswith(".jpg") else argument for argument in arguments))
    assert (code, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1
    assert not (files / "out").exists()


def test_figures_that_are_there_are_kept_unless_told(figures, files):
    assert figures("--figure", 5)[0] == 0
    code, _, err = figures("--figure", 5)
    assert code == 2
    assert "figure-5.png exists already" in err
    assert figures("--figure", 5, "--overwrite", "--quiet") == (0, "", "")


def test_as_printed_reaches_the_pictures(figures, files):
    figures("--figure", 5)
    ours = note(files / "out" / "figure-5" / "conv4_2.png")["settings"]
    figures("--figure", 5, "--as-printed", "--overwrite")
    printed = json.loads(Picture.open(files / "out" / "figure-5" / "conv4_2.png").note)["settings"]
    assert printed["style_weight"] < ours["style_weight"]
