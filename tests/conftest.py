"""How Hypothesis draws: the same examples in every run by default, many new ones in the profile "long".

`pytest -m hypothesis --hypothesis-profile=long` draws LONGER times the examples of every test and prints its seed, which
`--hypothesis-seed` takes. No profile has a clock, since a busy machine is not a defect of the code.
"""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import is_hypothesis_test, settings

LONGER = 5

settings.register_profile("steady", deadline=None, derandomize=True)
settings.register_profile("long", deadline=None, derandomize=False, database=None, print_blob=True, max_examples=LONGER * 100)
settings.load_profile("steady")


def is_long(config: pytest.Config) -> bool:
    return config.getoption("--hypothesis-profile") == "long"


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """A seed for the long profile, where none is given; Hypothesis reads the option after this."""
    if is_long(config) and config.getoption("--hypothesis-seed") is None:
        config.option.hypothesis_seed = str(random.SystemRandom().randrange(2**32))


def pytest_sessionstart(session: pytest.Session) -> None:
    """The seed, said first and also under `-q`."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if is_long(session.config) and reporter is not None:
        reporter.write_line(f"hypothesis: the long profile, seed {session.config.getoption('--hypothesis-seed')}")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """In the long profile, tests that say how many examples they draw draw LONGER times as many."""
    if not is_long(config):
        return
    tests = {item.obj for item in items if isinstance(item, pytest.Function) and is_hypothesis_test(item.obj)}
    for test in tests:
        given = getattr(test, "_hypothesis_internal_use_settings", settings.default)
        if given.max_examples != settings.default.max_examples:
            test._hypothesis_internal_use_settings = settings(given, max_examples=LONGER * given.max_examples)


# ---------------------------------------------------------------- a real browser

# no sandbox: a container's root has none; the rest keeps the browser itself from calling home
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Chromium, for a module of tests, which are skipped if it or the extra `browser` is missing."""
    playwright = pytest.importorskip("playwright.sync_api", reason="the extra 'browser' is not installed")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no Chromium on this machine (Debian: apt-get install chromium)")
    with playwright.sync_playwright() as running:
        own = str(tmp_path_factory.mktemp("profile"))
        context = running.chromium.launch_persistent_context(own, executable_path=chromium, headless=True, args=list(FLAGS))
        yield context
        context.close()
