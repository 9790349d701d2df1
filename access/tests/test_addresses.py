"""Which address a request without a credential is counted under."""

import pytest

from access.addresses import client_address


def test_without_a_proxy_of_ours_a_forwarded_address_is_not_believed() -> None:
    meta = {"REMOTE_ADDR": "203.0.113.9", "HTTP_X_FORWARDED_FOR": "1.2.3.4"}

    assert client_address(meta, 0) == "203.0.113.9"


@pytest.mark.parametrize(
    ("trusted", "forwarded", "expected"),
    [
        (1, "spoofed, 198.51.100.7", "198.51.100.7"),
        (2, "spoofed, 198.51.100.7, 10.0.0.1", "198.51.100.7"),
        (2, "198.51.100.7", "198.51.100.7"),
        (1, "", "203.0.113.9"),
    ],
)
def test_behind_proxies_the_entry_that_the_outermost_wrote_counts(
    trusted: int, forwarded: str, expected: str
) -> None:
    meta = {"REMOTE_ADDR": "203.0.113.9", "HTTP_X_FORWARDED_FOR": forwarded}

    assert client_address(meta, trusted) == expected


def test_an_ipv6_client_is_counted_by_its_network() -> None:
    first = client_address({"REMOTE_ADDR": "2001:db8:1:2:aaaa::1"}, 0)

    assert first == "2001:db8:1:2::/64"
    assert client_address({"REMOTE_ADDR": "2001:db8:1:2:bbbb::9"}, 0) == first
    assert client_address({"REMOTE_ADDR": "::ffff:203.0.113.9"}, 0) == "203.0.113.9"
    assert client_address({"REMOTE_ADDR": "no:address"}, 0) == "no:address"


def test_a_missing_address_is_an_empty_one() -> None:
    assert client_address({}, 0) == ""
