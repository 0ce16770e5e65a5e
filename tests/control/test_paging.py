"""Pages of lists."""

from __future__ import annotations

import pytest

from lambent.control.paging import page
from lambent.control.shapes import InvalidParameterValueException

ITEMS = {name: name.upper() for name in ("d", "a", "c", "b", "e")}


def test_pages_follow_one_another_in_order_and_end_without_a_marker() -> None:
    seen: list[str] = []
    request: dict[str, object] = {"MaxItems": 2}
    for size in (2, 2, 1):
        shown, marker = page(ITEMS, request, 50)
        assert len(shown) == size
        seen += shown
        request["Marker"] = marker
    assert request["Marker"] is None
    assert seen == ["A", "B", "C", "D", "E"]


def test_a_page_has_no_more_items_than_the_list_gives() -> None:
    shown, marker = page(ITEMS, {"MaxItems": 100}, 3)
    assert list(shown) == ["A", "B", "C"]
    assert marker is not None


def test_a_page_goes_on_behind_an_item_that_is_gone_by_now() -> None:
    _, marker = page(ITEMS, {"MaxItems": 2}, 50)
    left = {name: value for name, value in ITEMS.items() if name != "b"}
    assert page(left, {"Marker": marker}, 50) == (["C", "D", "E"], None)


@pytest.mark.parametrize("marker", ["!", "é", "A", "_w=="])
def test_a_marker_that_is_none_of_ours_is_refused(marker: str) -> None:
    with pytest.raises(InvalidParameterValueException):
        page(ITEMS, {"Marker": marker}, 50)
