"""Fixtures for every test that runs the real program."""

import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "support"))

import freshet  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: only in make test-all")


@pytest.fixture(scope="session", autouse=True)
def program():
    assert freshet.PROGRAM.is_file(), f"{freshet.PROGRAM} is not there: make build first"


@pytest.fixture
def platform(tmp_path):
    """Makes platforms: platform(text) or platform(text, "name"); all are ended after the test."""
    made = []

    def make(text, name="p"):
        made.append(freshet.Platform(tmp_path / name, text))
        return made[-1]

    yield make
    for each in made:
        each.close()
