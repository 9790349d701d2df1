"""Fixtures that tests of several apps share."""

import os

import pytest


def require(available: bool, service: str) -> None:
    """Skip where a service is missing, or fail where REQUIRE_SERVICES=1 says that it must be there."""
    if available:
        return
    if os.environ.get("REQUIRE_SERVICES") == "1":
        pytest.fail(f"{service} is required (REQUIRE_SERVICES=1) and not there")
    pytest.skip(f"{service} is not there")
