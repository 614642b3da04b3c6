"""The layers that settings call active are those that the objective looks at, that a plan counts and that are packed."""

import pytest
import torch

from footprints import cheapest_layout
from impasto import VGG19, Settings, StyleTransfer
from impasto.errors import SettingsError
from impasto.layers import IMAGE
from impasto.losses import ContentLoss, StyleLoss
from impasto.objective.objective import Objective
from impasto.objective.targets import Region, StyleImage
from impasto.planning.memory import Budget

CASES = [
    {},
    {"content_weight": 0},
    {"style_weight": 0},
    {"style_weight": 0, "content_layers": "conv2_1"},
    {"content_layers": "conv3_1,conv5_4:0"},
    {"style_layers": "conv1_1,pool1:3,conv5_1:0"},
    {"content_weight": 0, "content_layers": "conv1_1:0", "tv_weight": 3},
    {"content_layers": "conv4_2,conv2_1", "style_layers": "conv2_1:0,conv3_1"},
]


def layers_of(losses, kind):
    return {loss.layer for loss in losses if isinstance(loss, kind)} - {IMAGE}


@pytest.mark.parametrize("changes", CASES)
def test_the_objective_looks_at_the_active_layers(weights, changes):
    settings = Settings(**changes)
    style = Region([StyleImage(torch.rand(3, 48, 48))])
    losses = Objective.build(settings, VGG19(weights), torch.rand(3, 48, 48), [style]).losses
    assert layers_of(losses, ContentLoss) == set(settings.active_content_layers)
    assert layers_of(losses, StyleLoss) == set(settings.active_style_layers)
    assert layers_of(losses, object) == set(settings.active_layers)


@pytest.mark.parametrize("changes", CASES)
def test_a_plan_counts_the_active_layers_only(changes):
    settings = Settings(**changes)
    reduced = {
        "content_layers": dict(settings.active_content_layers) or {settings.active_layers[0]: 1},
        "style_layers": dict(settings.active_style_layers) or {settings.active_layers[0]: 1},
    }
    for fused in (False, True):
        layout, reduced_layout = (
            cheapest_layout(each, 512, 512, Budget(), 20, fused=fused)
            for each in (settings, settings.replace(**reduced))
        )
        assert layout == reduced_layout


def test_a_texture_plans_no_content_features_and_a_reconstruction_no_deep_layers():
    both, texture = (cheapest_layout(Settings(content_weight=weight), 1024, 1024, Budget(), 20) for weight in (5, 0))
    assert both.bytes - texture.bytes > 512 / 64 * 4 * 1024**2  # the features of conv4_2 in float32
    shallow, deep = (
        cheapest_layout(
            Settings(style_weight=0, content_layers="conv2_1", style_layers=layers), 1024, 1024, Budget(), 20
        )
        for layers in ("conv2_1", "conv5_1")
    )
    assert shallow == deep


def test_the_network_is_made_ready_down_to_the_deepest_active_layer(monkeypatch, picture, weights):
    prepared = []
    monkeypatch.setattr(VGG19, "prepare", lambda _, layers: prepared.append(set(layers)))
    StyleTransfer(Settings(size=64, style_weight=0), weights=weights).plan(picture(), [])
    assert prepared == [{"conv4_2"}]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"style_layers": "conv4_2:0"}, "style_layers has no weight above 0; for no style, give a style_weight of 0."),
        (
            {"content_layers": "conv4_2:0"},
            "content_layers has no weight above 0; for no content, give a content_weight",
        ),
        ({"style_loss": "gram:0"}, "style_loss has no weight above 0; for no style"),
    ],
)
def test_layers_without_any_weight_are_refused_where_their_loss_has_one(changes, message):
    with pytest.raises(SettingsError, match=message):
        Settings(**changes)
