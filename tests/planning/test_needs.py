import json

import pytest

from impasto import Settings
from impasto.errors import SpaceError
from impasto.planning.needs import Needs
from impasto.planning.plan import Size

SIZES = Size(64, 48), [Size(72, 60)]


@pytest.fixture
def pictures(picture):
    return picture(64, 48), picture(72, 60)


@pytest.fixture
def needs(transfer, pictures):
    return transfer().start(*pictures).needs()


def test_needs_that_went_through_json_plan_any_size_as_a_run_of_it_is_planned(needs, transfer, pictures):
    again = Needs.from_dict(json.loads(json.dumps(needs.as_dict())))
    assert again == needs
    for size in (64, 640):
        planned = transfer(size=size).plan(*pictures)
        assert (
            again.plan(Settings(size=size, first_size=0, iterations=10, tolerance=0), *SIZES).stages == planned.stages
        )


def test_a_size_that_does_not_fit_is_refused_by_the_needs(needs):
    small = needs._replace(budget=needs.budget._replace(limit=needs.budget.baseline + 2e8))
    with pytest.raises(SpaceError, match="does not fit into"):
        small.plan(Settings(size=8000), *SIZES)
