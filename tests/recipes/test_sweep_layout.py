import subprocess
import sys

import pytest

from impasto import Settings
from impasto.errors import InputError, SettingsError
from impasto.recipes.sweep import MAX_PICTURES, Sweep


def laid_out(texts):
    sweep = Sweep.parse(texts)
    return sweep.blocks(sweep.settings(Settings()))


def names(block):
    return [[panel.name for panel in row] for row in block.cells]


def test_texts_are_divided_at_the_options_separator_in_the_order_of_the_options():
    sweep = Sweep.parse(
        {"style_layers": "conv1_1,conv2_1/conv3_1", "size": "64, 80", "init": "noise", "normalize": True}
    )
    assert list(sweep.axes.items()) == [("size", ["64", "80"]), ("style_layers", ["conv1_1,conv2_1", "conv3_1"])]
    assert sweep.first == {"size": "64", "style_layers": "conv1_1,conv2_1"}


def test_every_combination_has_the_settings_of_its_values_and_those_of_the_base():
    settings = Sweep.parse({"size": "64,80", "seed": "1,2"}).settings(Settings(init="noise"))
    assert list(settings) == [("64", "1"), ("64", "2"), ("80", "1"), ("80", "2")]
    assert settings["80", "1"] == Settings(size=80, seed=1, init="noise")
    with pytest.raises(SettingsError, match="size cannot be many"):
        Sweep.parse({"size": "64,many"}).settings(Settings())


def test_one_option_makes_a_row():
    [block] = laid_out({"seed": "1,2,3"})
    assert names(block) == [["seed-1", "seed-2", "seed-3"]]
    assert (block.columns, block.rows, block.title) == (["seed 1", "2", "3"], (), "")


def test_two_options_make_a_grid():
    [block] = laid_out({"size": "64,80", "seed": "1,2"})
    assert names(block) == [["size-64--seed-1", "size-64--seed-2"], ["size-80--seed-1", "size-80--seed-2"]]
    assert (block.columns, block.rows, block.title) == (["seed 1", "2"], ["size 64", "80"], "")


def test_further_options_make_a_titled_block_for_each_combination():
    blocks = laid_out({"size": "64,80", "seed": "1,2", "tv_weight": "0,1", "bits": "8,16"})
    assert [block.title for block in blocks] == [
        f"bits {bits}, tv_weight {weight}" for bits in (8, 16) for weight in (0, 1)
    ]
    assert blocks[1].cells[1][0].name == "size-80--seed-1--bits-8--tv_weight-1"
    assert blocks[1].cells[1][0].settings == Settings(size=80, seed=1, tv_weight=1, bits="8")


def test_a_name_has_no_characters_that_a_file_system_refuses_and_is_cut():
    [block] = laid_out({"weights": f"a/b:c,{'d' * 300}"})
    first, second = block.cells[0]
    assert first.name == "weights-a-b-c"
    assert len(second.name) == 200


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ({}, "no option has several values"),
        ({"seed": "1", "normalize": True}, "no option has several values"),
        ({"seed": "1,1"}, "seed cannot be 1,1; name each of its values once"),
        ({"seed": ",".join(map(str, range(MAX_PICTURES + 1)))}, f"at most {MAX_PICTURES} pictures"),
    ],
)
def test_what_is_no_sweep_is_refused(texts, message):
    with pytest.raises(InputError, match=message):
        Sweep.parse(texts)


def test_a_sweep_is_checked_before_torch_loads():
    script = "import sys; from impasto.recipes.sweep import Sweep; Sweep.parse({'seed': '1,2'}); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
