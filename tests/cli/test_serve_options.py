"""What `lambent serve` takes for its options."""

from __future__ import annotations

import click
import pytest

from lambent.cli.serve import delays


@pytest.mark.parametrize(
    ("text", "seconds"), [("60,120", (60, 120)), ("0.5,1", (0.5, 1)), ("0", (0,)), (" 1 , 2 ", (1, 2))]
)
def test_delays_are_one_or_two_numbers_of_seconds(text: str, seconds: tuple[float, ...]) -> None:
    assert delays(text) == seconds


@pytest.mark.parametrize("text", ["", "1,", "1,2,3", "soon", "-1", "nan", "inf", "21601"])
def test_delays_that_are_none_are_refused_in_words(text: str) -> None:
    with pytest.raises(click.BadParameter, match="is not one or two numbers of seconds up to 21600, as in 1,2"):
        delays(text)
