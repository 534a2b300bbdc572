"""Where the time of a compiled step goes: the generated NumPy source with a clock after every line."""

from __future__ import annotations

import ast
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.benchmarks.work import Work

FUNCTIONS = ("exp", "tanh", "log", "reciprocal", "divide", "sqrt", "power")


@dataclass(frozen=True)
class Line:
    """A line of the source, how often it is run in a step, and its seconds in a step."""

    text: str
    times: int
    seconds: float

    @property
    def kind(self) -> str:
        name = self.text.split("(")[0].split(".")[-1]
        if name in ("dot", "matmul") or name.startswith("dot"):
            return "products"
        if name in FUNCTIONS:
            return "exp, tanh, divisions"
        return {"add_reduce": "sums", "copyto": "copies"}.get(name, "additions, multiplications")


def stepper_of(work: Work) -> tuple[Any, Callable[[], Any]]:
    """The compiled step of the NumPy backend, and one step of training."""
    import symfold as sf
    from symfold.training.step.training_step import Stepper, update_of
    from tests.benchmarks.peers.symfold_rows import loss_of

    stepper = Stepper(update_of(loss_of(work), work.named(work.params), sf.sgd(work.rate)))

    def step() -> None:
        stepper.loss_of(work.inputs)
        stepper.commit()

    step()
    return stepper, step


def profile(work: Work, repeats: int = 200) -> tuple[list[Line], float]:
    """Every line of the run, and the seconds of a whole step without clocks, with the batch handed over and the update taken."""
    import numpy as np

    stepper, step = stepper_of(work)
    program = stepper.program
    total = timed(step, repeats)
    tree = ast.parse(program.source)
    build = tree.body[0]
    assert isinstance(build, ast.FunctionDef)
    run = next(node for node in build.body if isinstance(node, ast.FunctionDef))
    texts: list[str] = []
    run.body = clocked(run.body, texts)
    spent, times, clock = [0.0] * len(texts), [0] * len(texts), time.perf_counter
    steps: list[list[float]] = []
    last = 0.0

    def tick(number: int) -> None:
        nonlocal last
        now = clock()
        spent[number] += now - last
        times[number] += 1
        last = clock()

    names = {**program.run.__globals__, "tick": tick}
    exec(compile(ast.fix_missing_locations(tree), "<clocked>", "exec"), names)
    given = program.run.__defaults__[: len(build.args.args)]
    instrumented, _ = names["build"](*given)
    with np.errstate(all="ignore"):
        for _ in range(repeats + 1):
            spent[:], times[:] = [0.0] * len(texts), [0] * len(texts)
            last = clock()
            instrumented()
            steps.append([*spent])
    empty = cost_of_a_tick(clock)
    medians = map(statistics.median, zip(*steps[1:], strict=True))
    return [Line(text, n, max(0.0, s - n * empty)) for text, n, s in zip(texts, times, medians, strict=True)], total


def clocked(body: list[ast.stmt], texts: list[str]) -> list[ast.stmt]:
    """Statements with a tick after each, inside loops too."""
    found: list[ast.stmt] = []
    for statement in body:
        if isinstance(statement, ast.For):
            statement.body = clocked(statement.body, texts)
            found.append(statement)
        else:
            found += [statement, ast.parse(f"tick({len(texts)})").body[0]]
            texts.append(ast.unparse(statement))
    return found


def timed(call: Callable[[], Any], repeats: int) -> float:
    found = []
    for _ in range(5):
        start = time.process_time()
        for _ in range(max(1, repeats // 5)):
            call()
        found.append((time.process_time() - start) / max(1, repeats // 5))
    return statistics.median(found)


def cost_of_a_tick(clock: Callable[[], float]) -> float:
    """What a tick's clock reads of the ticks themselves."""
    last, found = 0.0, []

    def tick(number: int) -> None:
        nonlocal last
        found.append(clock() - last)
        last = clock()

    last = clock()
    for k in range(2000):
        tick(k)
    return statistics.median(found)


def by_kind(lines: list[Line], total: float) -> dict[str, float]:
    """Seconds of a step by kind of call; what no line accounts for is the loop's, the batch's and the update's."""
    kinds: dict[str, float] = {}
    for line in lines:
        kinds[line.kind] = kinds.get(line.kind, 0.0) + line.seconds
    kinds["the loops, the batch handed over, the update taken"] = max(0.0, total - sum(kinds.values()))
    return dict(sorted(kinds.items(), key=lambda item: -item[1]))
