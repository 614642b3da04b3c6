import pytest

from impasto.jobs.amounts import amount, clock, duration


@pytest.mark.parametrize(("number", "expected"), [(0, "0 pictures"), (1, "1 picture"), (2, "2 pictures")])
def test_one_thing_is_no_plural(number, expected):
    assert amount(number, "picture") == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0, "1 second"), (40, "40 seconds"), (100, "2 minutes"), (720, "12 minutes"), (9000, "2.5 hours")],
)
def test_a_duration_is_said_in_round_words(seconds, expected):
    assert duration(seconds) == expected


@pytest.mark.parametrize(("seconds", "expected"), [(42, "0:42"), (725, "12:05"), (11_525, "3:12:05")])
def test_a_duration_is_shown_as_on_a_clock(seconds, expected):
    assert clock(seconds) == expected
