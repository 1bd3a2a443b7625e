"""What the tests of this folder share."""

import os

import pytest


@pytest.fixture
def env(tmp_path):
    """An environment in which nothing of the user's own is found."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("HF_", "XDG_", "MAINS_"))}
    return clean | {"HOME": str(tmp_path / "home"), "XDG_STATE_HOME": str(tmp_path / "state"),
                    "TERM": "xterm", "LC_ALL": "C.UTF-8"}
