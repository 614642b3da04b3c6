import pytest

from impasto import SettingsError
from impasto.settings.other_programs import FACTORS, our_weights
from impasto.settings.presets import preset


@pytest.mark.parametrize(
    ("program", "content", "style"),
    [
        ("paper", 12 * 7 / 2, 3 * 5**2 / 4 / 2),
        ("notebook", 1, 3),
        ("neural-style", 1, 3),
        ("pytorch", 1, 3),
        ("keras", 12 * 7, 3 * 5**4 * 6**2 / (36 * 100**2) / 2),
        ("tensorflow", 1, 3 * 5**2 / 2),
    ],
)
def test_weights_of_other_programs_become_ours(program, content, style):
    content_weight, styles = our_weights(program, 1, 3, content=(12, 7), styles=[(5, 6), (5, 6)], pixels=100)
    assert content_weight == pytest.approx(content)
    assert styles == pytest.approx([style, style])


def test_an_unknown_program_is_answered_with_the_known_ones():
    with pytest.raises(SettingsError, match=f"there is no program caffe; .* are {', '.join(FACTORS)}"):
        our_weights("caffe", 1, 1, content=(12, 7), styles=[(5, 6)], pixels=100)


@pytest.mark.parametrize(("program", "weights"), [("notebook", (1, 1000)), ("neural-style", (5, 100))])
def test_weights_of_programs_at_their_defaults_are_those_of_the_presets(program, weights):
    content, styles = our_weights(program, *weights, content=(12, 7), styles=[(5, 6)], pixels=100)
    name = {"notebook": "gatys-notebook"}.get(program, program)
    assert (content, styles[0]) == (preset(name).content_weight, preset(name).style_weight)
