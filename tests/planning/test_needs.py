import json

import pytest

from impasto import Settings
from impasto.errors import SpaceError
from impasto.planning.needs import Needs
from impasto.planning.plan import Size


@pytest.fixture
def needs(transfer, picture):
    run = transfer(size=64, first_size=0, iterations=4).start(picture(48, 64), picture(60, 72))
    return run, run.needs()


def test_needs_that_went_through_json_plan_as_the_run_and_other_sizes_as_their_runs(needs):
    run, found = needs
    again = Needs.from_dict(json.loads(json.dumps(found.as_dict())))
    assert again == found
    sizes = Size(64, 48), [Size(72, 60)]
    assert again.plan(run.settings, *sizes).stages == run.plan.stages
    assert again.plan(run.settings.replace(size=640), *sizes).needed > 50 * run.plan.needed


def test_a_size_that_does_not_fit_is_refused_by_the_needs(needs):
    _, found = needs
    small = found._replace(budget=found.budget._replace(limit=found.budget.baseline + 2e8))
    with pytest.raises(SpaceError, match="does not fit into"):
        small.plan(Settings(size=8000), Size(64, 48), [Size(72, 60)])
