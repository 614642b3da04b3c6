import subprocess
import sys
from dataclasses import dataclass

import pytest
import torch

from impasto import AutogradLoss, Statistic
from impasto.errors import LossError
from impasto.layers import IMAGE
from impasto.losses import TERMS, check, identity, load
from own_losses import SOFT, Absolute, Brightness, Largest, MeanHistogram, Smoothness

LIKE = torch.empty(0)


def checked(*losses):
    check(losses, lambda layer: 3 if layer == IMAGE else 6, LIKE)


def test_a_loss_is_found_by_its_import_path():
    assert load("own_losses:MeanHistogram") == MeanHistogram()
    assert load("own_losses:SOFT") is SOFT


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("own_losses", "'own_losses' does not name a loss; write package.module:Name"),
        ("own_losses:", "does not name a loss"),
        ("no_such_module:Name", "the module of the loss no_such_module:Name cannot be imported: No module named"),
        ("own_losses:Missing", "there is no Missing in the module own_losses"),
        ("own_losses:torch", "own_losses:torch is no loss"),
        ("impasto.losses:ContentLoss", "cannot be made without arguments .*layer"),
        ("impasto.losses:AutogradLoss", "cannot be made without arguments"),
    ],
)
def test_an_import_path_that_leads_to_no_loss_is_refused(path, message):
    with pytest.raises(LossError, match=message):
        load(path)


def test_good_losses_pass_the_check():
    checked(MeanHistogram(), MeanHistogram("conv4_1"), Absolute(), Brightness(), Largest(), Smoothness(1.0))


@dataclass(frozen=True)
class Base(AutogradLoss):
    """A good loss, of which the tests below spoil one thing."""

    layer: str = "conv2_1"
    term: str = "own"
    needs_content: bool = False
    target_image: str = "none"

    def measure(self, units):
        return units.sum(units.features)

    def compare(self, statistic, target):
        return statistic.mean.square().sum()


def spoiled(**functions):
    return type("Spoiled", (Base,), functions)()


BROKEN = {
    "measure returned Tensor; return a Statistic": {"measure": lambda _, units: units.features.sum()},
    "not tensors in float32 or float64": {
        "measure": lambda _, units: Statistic(units.features.bfloat16().sum(), units.features.new_ones(()).bfloat16())
    },
    "weight_sum of shape \\(1,\\); return a scalar": {
        "measure": lambda _, units: Statistic(units.features.sum(), units.features.new_ones(1))
    },
    "sums of two parts of an image do not add up": {
        "measure": lambda _, units: Statistic(units.features.amax((1, 2)), units.features.new_ones(()))
    },
    "sums of different shapes": {"measure": lambda _, units: Statistic(units.features, units.features.new_ones(()))},
    "does not count each unit by units.weights": {
        "measure": lambda _, units: Statistic(
            units.features.sum((1, 2)), units.features.new_tensor(float(units.features[0].numel()))
        )
    },
    "changed the features in place": {"measure": lambda _, units: units.sum(units.features.mul_(2))},
    "Spoiled.measure failed when it was tried out: no such luck": {
        "measure": lambda *_: (_ for _ in ()).throw(ValueError("no such luck"))
    },
    "what measure returns does not depend on the features": {
        "measure": lambda _, units: units.sum(units.features.detach())
    },
    "compare returned \\(6,\\); return a scalar": {"compare": lambda _, statistic, __: statistic.mean},
    "compare returned float; return a scalar": {"compare": lambda *_: 1.0},
    "does not depend on statistic.total": {"compare": lambda _, statistic, __: statistic.mean.detach().sum()},
    "Spoiled.compare failed": {"compare": lambda _, statistic, target: (statistic.mean - target).sum()},
}


@pytest.mark.parametrize(("message", "functions"), BROKEN.items(), ids=BROKEN)
def test_a_loss_that_would_fail_in_a_run_is_refused_before_it(message, functions):
    with pytest.raises(LossError, match=message):
        checked(spoiled(**functions))


@pytest.mark.parametrize(
    ("losses", "message"),
    [
        ((Base,), "is no loss; give an object"),
        ((3,), "3 is no loss"),
        ((Base(term=""),), "Base has no term"),
        ((Base(term="tv"),), "Base cannot have the term tv, which is built in"),
        ((Base(), Base(term="own"), type("Other", (Base,), {})()), "Other and Base have the same term own"),
        ((Base(layer="conv9_9"),), "cannot look at the layer 'conv9_9'; it takes image, conv1_1"),
        ((Base(layer=IMAGE, needs_content=True),), "cannot have the content's pixels"),
        ((Base(target_image="photo"),), "target_image 'photo'; it takes none, content or style"),
        ((Base(target_image="style", needs_content=True),), "cannot have both"),
    ],
)
def test_losses_with_wrong_names_are_refused(losses, message):
    with pytest.raises(LossError, match=message):
        checked(*losses)


@pytest.mark.parametrize("term", sorted({each.term for each in TERMS}))
def test_no_loss_from_outside_can_take_a_built_in_name(term):
    with pytest.raises(LossError, match=f"the term {term}"):
        checked(Base(term=term))


def test_what_a_checkpoint_records_tells_losses_apart():
    recorded = [
        identity(losses)
        for losses in (
            [],
            [MeanHistogram()],
            [MeanHistogram("conv4_1")],
            [MeanHistogram(weight=2.0)],
            [Brightness()],
            [Brightness(), MeanHistogram()],
        )
    ]
    assert len(set(recorded)) == len(recorded)
    assert identity([MeanHistogram()]) == identity([MeanHistogram()])
    assert '"loss": "own_losses:MeanHistogram"' in recorded[1]


def test_tensors_among_the_parameters_are_recorded_by_their_contents():
    def of(value):
        loss = Brightness()
        object.__setattr__(loss, "table", value)
        return identity([loss])

    assert of([torch.ones(3), {"a": 1}]) == of([torch.ones(3), {"a": 1}])
    assert of(torch.ones(3)) != of(torch.zeros(3))
    assert of(torch.ones(3).bfloat16()) != of(torch.ones(3))
    with pytest.raises(LossError, match="Brightness.table is a object, which a checkpoint cannot record"):
        of(object())


@pytest.mark.slow
def test_the_public_names_of_losses_load_torch_only_when_they_are_asked_for():
    script = "import sys, impasto; before = 'torch' in sys.modules; impasto.AutogradLoss; sys.exit(before)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
