"""What the tests of widgets share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from widgets.text import use_ascii


@pytest.fixture(autouse=True)
def _unicode() -> Iterator[None]:
    yield
    use_ascii(False)
