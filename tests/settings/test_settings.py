import copy
import json
import pickle
import re
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

import impasto.cli
from impasto.cli.flags import read_settings
from impasto.errors import SettingsError
from impasto.images import MAX_PIXELS
from impasto.layers import LAYERS
from impasto.losses import DISTANCES
from impasto.settings import PRESETS, Runtime, Settings, preset
from impasto.settings.limits import CHECKPOINT_TIME_FRACTION, GRID, MAX_STYLE_SCALE, MIN_SIDE, PLATEAU_WINDOW
from impasto.settings.options import as_flags

LAYER_WEIGHTS = st.dictionaries(st.sampled_from(list(LAYERS)), st.floats(0.125, 8), min_size=1, max_size=4)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"size": 0}, "size cannot be 0; it takes a whole number, at least 32"),
        ({"size": "big"}, "size cannot be big; it takes a whole number"),
        ({"size": 1.5}, "size cannot be 1.5"),
        ({"style_weight": float("nan")}, "style_weight cannot be nan; it takes a number, at least 0"),
        ({"style_weight": "inf"}, "style_weight cannot be inf"),
        ({"style_scale": 11}, "above 0 and at most 10"),
        ({"init": "black"}, "it takes content, noise, blank or style"),
        ({"style_layers": "conv9_1"}, "VGG-19 layers from conv1_1"),
        ({"style_layers": "conv1_1:much"}, "style_layers cannot be much"),
        ({"style_layers": 3}, "style_layers cannot be 3"),
        ({"style_layers": []}, "VGG-19 layers"),
        (
            {"style_loss": "gram,covariances"},
            "it takes gram, moments, covariance and wasserstein, perhaps with weights",
        ),
        (
            {"style_layers": "conv1_1:1,conv2_1,conv1_1:2"},
            "^style_layers cannot be conv1_1:1,conv2_1,conv1_1:2; conv1_1 is named twice, so name it once.$",
        ),
        ({"content_layers": ["conv4_2", "conv4_2"]}, "; conv4_2 is named twice, so name it once.$"),
        ({"style_loss": "gram gram:3"}, "^style_loss cannot be gram gram:3; gram is named twice, so name it once.$"),
        ({"stages": "64:3,64:2"}, "^stages cannot be 64:3,64:2; 64 is named twice, so name it once.$"),
        ({"stages": {"64": 3, 64: 2}}, "64 is named twice, so name it once.$"),
        (
            {"stages": "256,512"},
            "^stages cannot be 256,512; it takes none, or long sides of at least 32 pixels with evaluations: 256:100,512:60",
        ),
        ({"style_loss": "gram:0"}, "style_loss has no weight above 0"),
        ({"normalize": "perhaps"}, "it takes true or false"),
        ({"sise": 256}, "there is no option sise; size is the nearest"),
        ({"zzz": 1}, "there is no option zzz; the options are size"),
        ({"self": 1}, "there is no option self; size is the nearest"),
        ({"content_weight": 0, "style_weight": 0}, "cannot both be 0"),
    ],
)
def test_what_is_not_accepted_is_said_in_one_sentence(changes, message):
    with pytest.raises(SettingsError, match=message) as caught:
        Settings(**changes)
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("memory", "number"), [("4GB", 4e9), ("1.5 gb", 1.5e9), ("800MB", 8e8), ("2G", 2e9), ("auto", None)]
)
def test_memory_is_a_number_with_a_unit(memory, number):
    assert Runtime(memory=memory).bytes == number


@pytest.mark.parametrize("memory", ["4", 4, "much", "-1GB", "4TB", "", "0GB", "0.0MB"])
def test_memory_without_a_unit_or_of_no_size_is_refused(memory):
    with pytest.raises(SettingsError, match="it takes auto, or an amount above 0 such as 4GB or 800MB"):
        Runtime(memory=memory)


def test_layers_can_be_written_in_three_ways():
    as_text = Settings(style_layers="conv2_1:0.5,conv1_1")
    assert as_text == Settings(style_layers=["conv2_1:0.5", "conv1_1"])
    assert as_text == Settings(style_layers={"conv1_1": 1, "conv2_1": 0.5})
    assert list(as_text.style_layers) == ["conv1_1", "conv2_1"]


def test_distances_are_written_like_layers_and_are_those_of_the_losses():
    assert Settings(style_loss="moments:10,gram").style_loss == {"gram": 1.0, "moments": 10.0}
    assert Settings(style_loss=list(DISTANCES)).style_loss == dict.fromkeys(DISTANCES, 1.0)


def test_settings_are_frozen_and_replace_makes_a_checked_copy():
    settings = Settings()
    with pytest.raises(Exception, match="frozen"):
        settings.size = 3
    assert settings.replace(size=1024).size == 1024
    assert settings.size == 512
    with pytest.raises(SettingsError, match="size"):
        settings.replace(size=-1)


@given(
    size=st.integers(32, 10_000),
    style_weight=st.floats(0.001, 1e9),
    style_layers=LAYER_WEIGHTS,
    pooling=st.sampled_from(["max", "average", "l2"]),
    normalize=st.booleans(),
    tolerance=st.floats(0, 1),
)
def test_settings_survive_json(**changes):
    settings = Settings(**changes)
    assert Settings.from_json(settings.model_dump_json()) == settings
    assert Settings.from_json(json.dumps(settings.model_dump())) == settings


@pytest.mark.parametrize("text", ["", "{", "[1]", "3", '{"size": 0}', '{"siz": 100}'])
def test_bad_json_is_refused_in_a_sentence(text):
    with pytest.raises(SettingsError) as caught:
        Settings.from_json(text)
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize("model", [Settings, Runtime])
def test_every_option_says_what_it_is(model):
    for option in model.options():
        assert option.help.endswith("."), option
        assert option.group
        assert option.accepts
        assert option.default


@pytest.mark.parametrize("model", [Settings, Runtime])
def test_the_default_of_every_option_as_text_is_accepted_and_is_the_default(model):
    texts = {option.name: {"on": True, "off": False}.get(option.default, option.default) for option in model.options()}
    assert model(**texts) == model()


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_made_of_accepted_options(name):
    assert preset(name).model_dump(exclude_unset=True).keys() == PRESETS[name].changes.keys()


def test_the_notebooks_preset_is_the_authors_objective_at_one_size():
    settings = preset("gatys-notebook")
    assert (settings.content_weight, settings.style_weight) == (1, 1000)
    assert list(settings.style_layers) == ["conv1_1", "conv2_1", "conv3_1", "conv4_1", "conv5_1"]
    assert (settings.init, settings.pooling, settings.padding) == ("content", "max", "zeros")
    assert (settings.iterations, settings.first_size, settings.tolerance) == (500, 0, 0)


def test_an_unknown_preset_is_refused_by_name():
    with pytest.raises(SettingsError, match="no preset gatsy; the presets are default"):
        preset("gatsy")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_settings_are_read_in_the_encodings_that_editors_and_shells_write(encoding, tmp_path):
    path = tmp_path / "mine.json"
    path.write_bytes('{"size": 640, "weights": "größe.pth"}'.encode(encoding))  # Notepad: utf-8-sig; PowerShell: utf-16
    assert Settings.from_json(path.read_bytes()) == Settings(size=640, weights="größe.pth")
    assert read_settings(path).size == 640


def test_settings_in_another_encoding_or_not_to_be_read_are_refused(tmp_path):
    path = tmp_path / "mine.json"
    path.write_bytes('{"weights": "größe.pth"}'.encode("latin-1"))
    with pytest.raises(SettingsError, match=r"no text in UTF-8 or UTF-16\.$"):
        read_settings(path)
    with pytest.raises(SettingsError, match=r"settings file .*none\.json cannot be read; give"):
        read_settings(tmp_path / "none.json")


def test_settings_are_hashed_by_their_values_and_nothing_in_them_can_be_changed():
    for model, change in ((Settings, {"style_layers": "conv2_1,conv1_1:3", "size": 99}), (Runtime, {"threads": 3})):
        assert hash(model()) == hash(model())
        assert hash(model(**change)) == hash(model().replace(**change))
        assert len({model(), model(**change), model().replace(**change)}) == 2
    settings = Settings(content_layers={"conv4_2": 1})
    for weights in (settings.content_layers, settings.style_layers, settings.style_loss):
        with pytest.raises(TypeError, match="frozen"):
            weights["gram"] = 3.0
        with pytest.raises(TypeError, match="frozen"):
            weights.update({})
    for copied in (pickle.loads(pickle.dumps(settings)), copy.deepcopy(settings)):
        assert (copied, hash(copied)) == (settings, hash(settings))


def test_texts_name_the_numbers_that_the_code_acts_on():
    helps = {option.name: (option.help, option.accepts) for model in (Settings, Runtime) for option in model.options()}
    assert f"when {PLATEAU_WINDOW} evaluations" in helps["tolerance"][0]
    assert f"multiples of {GRID} pixels." in helps["seamless"][0]
    assert f"at most {MAX_STYLE_SCALE}" in helps["style_scale"][1]
    assert f"at least {MIN_SIDE}" in helps["size"][1]
    assert f"{CHECKPOINT_TIME_FRACTION:.0%} of the time" in helps["checkpoint_every"][0]


def test_commands_name_the_limit_of_pixels_that_pictures_have():
    sources = [path.read_text(encoding="utf-8") for path in Path(impasto.cli.__file__).parent.rglob("*.py")]
    named = {int(number) for text in sources for number in re.findall(r"more than (\d+) million pixels", text)}
    assert named == {MAX_PIXELS // 1_000_000}


def test_stages_are_read_from_flags_and_json_and_written_as_flags():
    stages = {128: 7, 512: 30}
    assert Settings(stages="512:30,128:7").stages == stages
    assert Settings(stages={"128": 7, "512": 30}).stages == stages
    assert Settings.from_json(Settings(stages=stages).model_dump_json()).stages == stages
    assert Settings(stages="none").stages == Settings().stages == {}
    assert as_flags({"stages": Settings(stages=stages).stages}) == "--stages 128:7,512:30"
    assert as_flags({"stages": {64: 1, 512: 30}}) == "--stages 64:1,512:30"
    for bad in ("128:0", "16:5", "128:x", "a:3", 5, {128: 2.5}, "256,512", "256:3,512", [256, 512], {128: ""}):
        with pytest.raises(SettingsError, match="stages cannot be .*none, or long sides of at least 32 pixels"):
            Settings(stages=bad)


def test_a_quality_stands_for_options_which_count_where_they_are_given_too():
    assert Settings(quality="standard") == Settings()
    assert Settings(quality="draft").iterations < Settings().iterations < Settings(quality="best").iterations
    best = Settings(quality="best", iterations=7)
    assert (best.iterations, best.min_change) == (7, Settings(quality="best").min_change)
    assert best.replace(size=64).iterations == 7
    assert best.replace(quality="best").iterations == Settings(quality="best").iterations
    assert best.replace(quality="draft", iterations=9).iterations == 9
    assert Settings.from_json(best.model_dump_json()) == best
    with pytest.raises(SettingsError, match="quality cannot be good; it takes draft, standard or best"):
        Settings(quality="good")
