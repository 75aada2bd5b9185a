"""Fixtures for every test that runs the real program."""

import pathlib
import shutil
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "support"))

import freshet  # noqa: E402


def pytest_configure(config):
    config.addinivalue_line("markers", "slow: only in make test-all")


PASSED = pytest.StashKey[bool]()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item):
    report = (yield).get_result()
    item.stash[PASSED] = item.stash.get(PASSED, True) and not report.failed


@pytest.fixture(autouse=True)
def data_of_passed_tests_goes(request, tmp_path):
    """Every platform holds a quarter of a gigabyte of write-ahead log: only what failed stays to be looked at."""
    yield
    if request.node.stash.get(PASSED, False):
        shutil.rmtree(tmp_path, ignore_errors=True)


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
