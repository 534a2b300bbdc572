"""Trials that other processes can import."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path


def square(number: int, seed: int = 0) -> dict[str, float]:
    return {"square": float(number**2), "process": float(os.getpid())}


def noted(number: int, folder: str) -> int:
    """Leave a mark that this trial has run."""
    with open(Path(folder) / f"{number}", "a") as file:
        file.write(".")
    return -number


def unlucky(number: int) -> int:
    if number == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    if number == 3:
        raise ValueError(f"no root of {-number}")
    if number == 4:
        raise SystemExit("leaving")
    return number


def threads(number: int) -> str:
    return os.environ.get("OPENBLAS_NUM_THREADS", "")


def slow(number: int) -> int:
    time.sleep(0.2)
    return number
