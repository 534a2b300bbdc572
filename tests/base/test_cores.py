"""The processors that a process may use: control groups of both versions, siblings of a core."""

import os
from math import inf
from pathlib import Path

import pytest

from symfold.base import cores
from symfold.base.cores import quota, siblings

# the groups of a process, files by place, and the processors that they allow together
GROUPS = {
    "no group": ("", {}, inf),
    "no limit": ("0::/a\n", {"a/cpu.max": "max 100000"}, inf),
    "its own": ("0::/a/b\n", {"a/b/cpu.max": "150000 100000"}, 1.5),
    "one above": ("0::/a/b\n", {"a/b/cpu.max": "max 100000", "a/cpu.max": "200000 100000"}, 2),
    "in a container": ("0::/\n", {"cpu.max": "50000 100000"}, 0.5),
    "of the first version": ("3:cpu,cpuacct:/a\n2:memory:/m\n", {"cpu/a/cpu.cfs_quota_us": "300000", "cpu/a/cpu.cfs_period_us": "100000"}, 3),
    "of the first version, none": ("3:cpu:/a\n", {"cpu/a/cpu.cfs_quota_us": "-1", "cpu/a/cpu.cfs_period_us": "100000"}, inf),
    "damaged": ("0::/a\n", {"a/cpu.max": "much"}, inf),
}


@pytest.mark.parametrize(("groups", "files", "wanted"), GROUPS.values(), ids=GROUPS)
def test_limits_of_control_groups(groups: str, files: dict[str, str], wanted: float, tmp_path: Path) -> None:
    (tmp_path / "self").write_text(groups)
    for name, text in files.items():
        (tmp_path / "fs" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "fs" / name).write_text(text)
    assert quota(tmp_path / "self", tmp_path / "fs") == wanted
    assert quota(tmp_path / "none", tmp_path / "fs") == inf


def test_two_processors_of_one_core_are_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3, 6}, raising=False)
    monkeypatch.setattr(cores, "siblings", lambda number: str(number % 4 // 2))
    for allowed, processors, whole in ((inf, 5, 2), (1.5, 1, 1), (0.25, 1, 1)):
        monkeypatch.setattr(cores, "quota", lambda *_, allowed=allowed: allowed)
        assert (cores.processors(), cores.cores()) == (processors, whole)


def test_a_system_that_does_not_say_has_half_as_many_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(cores, "quota", lambda *_: inf)
    for count, whole in ((8, 4), (1, 1), (None, 1)):
        monkeypatch.setattr(os, "cpu_count", lambda count=count: count)
        assert (cores.processors(), cores.cores()) == (count or 1, whole)


def test_siblings_as_linux_lists_them(tmp_path: Path) -> None:
    (tmp_path / "cpu1" / "topology").mkdir(parents=True)
    (tmp_path / "cpu1" / "topology" / "thread_siblings_list").write_text("1,5\n")
    assert siblings(1, tmp_path) == "1,5" and siblings(2, tmp_path) == "2"
