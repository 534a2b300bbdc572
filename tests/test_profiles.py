"""How the tests draw: twice the same by default; anew, more, and with a seed that is printed in the long profile."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

DRAWS = """
from hypothesis import given, settings, strategies as st

@given(st.integers())
def test_drawn(value):
    print("drawn", value)

@settings(max_examples=10)
@given(st.integers())
def test_few(value):
    print("few", value)
"""


def run(folder: Path, *options: str) -> str:
    """What pytest prints about two tests under the conftest of this folder."""
    (folder / "conftest.py").write_text((Path(__file__).parent / "conftest.py").read_text())
    (folder / "test_drawn.py").write_text(DRAWS)
    command = [sys.executable, "-m", "pytest", "-qs", "-p", "no:cacheprovider", "--rootdir", str(folder), *options, str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=True, cwd=folder).stdout


def drawn(output: str) -> list[str]:
    return re.findall(r"(?:drawn|few) -?\d+", output)


@pytest.mark.slow
def test_the_default_run_draws_the_same_twice(tmp_path: Path) -> None:
    assert drawn(run(tmp_path)) == drawn(run(tmp_path))


@pytest.mark.slow
def test_the_long_profile_draws_more_and_repeats_by_its_seed(tmp_path: Path) -> None:
    first = run(tmp_path, "--hypothesis-profile=long")
    seed = re.search(r"the long profile, seed (\d+)", first)
    assert seed is not None
    assert drawn(first) == drawn(run(tmp_path, "--hypothesis-profile=long", f"--hypothesis-seed={seed[1]}"))
    assert drawn(first) != drawn(run(tmp_path, "--hypothesis-profile=long", "--hypothesis-seed=1"))
    counts = [sum(line.startswith(name) for line in drawn(first)) for name in ("drawn", "few")]
    assert counts == [500, 50]
