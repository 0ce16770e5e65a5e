"""What Landlock is asked for, by its version."""

from __future__ import annotations

import pytest

from lambent.sandbox.process import fence

ALL_OF_VERSION_1 = 0x1FFF


@pytest.mark.parametrize(
    ("version", "handled"),
    [
        (1, (ALL_OF_VERSION_1,)),
        (2, (ALL_OF_VERSION_1 | 1 << 13,)),
        (3, (ALL_OF_VERSION_1 | 3 << 13,)),
        (4, (ALL_OF_VERSION_1 | 3 << 13, 3)),
        (5, (ALL_OF_VERSION_1 | 7 << 13, 3)),
        (6, (ALL_OF_VERSION_1 | 7 << 13, 3, 3)),
        (99, (ALL_OF_VERSION_1 | 7 << 13, 3, 3)),
    ],
)
def test_everything_that_a_version_knows_is_taken_away(version, handled):
    assert fence.all_rights(version) == handled


def test_a_right_that_the_kernel_does_not_know_is_not_asked_for():
    (old,) = fence.fence(1, {"/x": fence.WRITE}, [])["beneath"]
    (new,) = fence.fence(6, {"/x": fence.WRITE}, [])["beneath"]
    assert old == [fence.WRITE & ALL_OF_VERSION_1, "/x"]
    assert new == [fence.WRITE, "/x"]


def test_only_the_own_ports_can_be_connected_to_and_none_listened_on():
    assert fence.fence(4, {}, [5, 6])["ports"] == [[fence.CONNECT_TCP, 5], [fence.CONNECT_TCP, 6]]
    assert fence.fence(3, {}, [5, 6])["ports"] == [], "a kernel that cannot take it away cannot give it either"


def test_nothing_that_can_be_read_can_be_changed_and_no_devices_be_made():
    changing = fence.WRITE_FILE | fence.TRUNCATE | fence.MAKE_REG | fence.REMOVE_FILE | fence.MAKE_SYM
    assert fence.READ & changing == fence.LOOK & changing == 0
    assert fence.WRITE & (fence.MAKE_CHAR | fence.MAKE_BLOCK | fence.IOCTL_DEV) == 0


@pytest.mark.parametrize(
    ("version", "own_users", "said"), [(6, False, 0), (5, False, 1), (5, True, 0), (3, True, 1), (3, False, 2)]
)
def test_what_a_version_cannot_do_is_said(version, own_users, said):
    assert len(fence.lacks(version, own_users=own_users)) == said
