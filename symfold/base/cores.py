"""Processors and cores: how many this process may use."""

from __future__ import annotations

import os
from contextlib import suppress
from math import inf
from pathlib import Path

GROUPS, ROOT = Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")
TOPOLOGY = Path("/sys/devices/system/cpu")


def processors() -> int:
    """The number of processors that this process may use: its affinity, and the limits of its control groups."""
    return max(1, int(min(len(affinity()), quota(GROUPS, ROOT))))


def cores() -> int:
    """The number of cores among them: threads of one core share its arithmetic.

    Systems other than Linux do not say which processors are of one core, or are slow ones; there it is half of them.
    """
    if not hasattr(os, "sched_getaffinity"):
        return max(1, processors() // 2)
    return max(1, min(len({siblings(number) for number in affinity()}), processors()))


def affinity() -> set[int]:
    """The processors that this process may use."""
    return os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))


def siblings(number: int, topology: Path = TOPOLOGY) -> str:
    """The processors of one core, as Linux lists them; the processor itself if that is unknown."""
    with suppress(OSError):
        return (topology / f"cpu{number}" / "topology" / "thread_siblings_list").read_text().strip()
    return str(number)


def quota(groups: Path, root: Path) -> float:
    """The processors that a process may use at a time by the control groups that it is in, and by those above them."""
    limits = [inf]
    with suppress(OSError):
        for line in groups.read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers and "cpu" not in controllers.split(","):
                continue
            folder = root / "cpu" if controllers else root
            limits.append(limit(folder))
            for name in path.strip("/").split("/"):
                folder /= name
                limits.append(limit(folder))
    return min(limits)


def limit(folder: Path) -> float:
    """The processors of one control group, of either version."""
    with suppress(OSError, ValueError):
        microseconds, period = (folder / "cpu.max").read_text().split()
        return inf if microseconds == "max" else int(microseconds) / int(period)
    with suppress(OSError, ValueError):
        allowed = int((folder / "cpu.cfs_quota_us").read_text())
        return allowed / int((folder / "cpu.cfs_period_us").read_text()) if allowed > 0 else inf
    return inf
