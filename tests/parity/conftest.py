"""The same questions for every library."""

from __future__ import annotations

import pytest

from .asked import Asked


@pytest.fixture(params=range(5))
def asked(request: pytest.FixtureRequest) -> Asked:
    """Lists, tastes and what was to be found, drawn by one seed after the other."""
    return Asked.drawn(request.param)
