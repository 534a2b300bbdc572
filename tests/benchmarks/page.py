"""What was measured, as text for a terminal and as the page of the docs; both read the report that `--json` keeps."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from tests.benchmarks.measure import BASE
from tests.benchmarks.targets import REASONS
from tests.benchmarks.work import CASES

Report = Mapping[str, Any]


def quantity(seconds: float | None) -> str:
    """Seconds with three digits, in the unit that suits them.

    >>> quantity(3.14159e-5), quantity(0.25), quantity(41.0)
    ('31.4 us', '250 ms', '41.0 s')
    """
    if seconds is None or not math.isfinite(seconds):
        return "-"
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6), ("ns", 1e-9)):
        if seconds >= size or unit == "ns":
            return f"{digits(seconds / size)} {unit}"
    raise AssertionError(seconds)


def digits(number: float) -> str:
    """A few digits, plainly.

    >>> digits(0.00002), digits(0.0346), digits(1.0), digits(46.31), digits(1234.5)
    ('0', '0.035', '1.00', '46.3', '1234')
    """
    if number < 1:
        return f"{round(number, 3):g}"
    return f"{number:.{2 if number < 10 else 1 if number < 100 else 0}f}"


def where(report: Report) -> str:
    """The instructions of a run, for its titles, if it is held to them."""
    instructions: str = report["machine"]["instructions"]
    return f", {instructions}" if instructions.endswith("(held)") else ""


def tables(report: Report) -> Iterable[tuple[str, list[list[str]]]]:
    """A table for every task and net: rows by cases, the time of a step and how many times the base's it is."""
    groups: dict[tuple[str, str], dict[str, Any]] = {}
    for block in report["blocks"]:
        groups.setdefault((block["task"], block["net"]), {})[block["case"]] = block
    for (task, net), blocks in groups.items():
        names = dict.fromkeys(name for block in blocks.values() for name in block["entries"])
        rows = [[f"{net}, {task}", *(f"{case} ({size(case)})" for case in blocks)]]
        for name in names:
            rows.append([name, *(cell(block["entries"].get(name)) for block in blocks.values())])
        yield f"{net}, {task}", rows


def size(case: str) -> str:
    return ", ".join(str(number) for number in (CASES[case].width, CASES[case].batch, CASES[case].depth))


def cell(entry: Any) -> str:
    if entry is None:
        return "-"
    ratio = "" if entry["ratio"] is None else f" ({digits(entry['ratio'])})"
    return f"{quantity(entry['seconds'])}{ratio}"


def skipped(report: Report) -> list[str]:
    """What was not measured, reason by reason."""
    places: dict[tuple[str, str], dict[str, list[str]]] = {}
    for block in report["blocks"]:
        for name, reason in block["skipped"].items():
            places.setdefault((name, reason), {}).setdefault(f"{block['net']}, {block['task']}", []).append(block["case"])
    found = []
    for (name, reason), where in places.items():
        nets: dict[str, list[str]] = {}
        for net, cases in where.items():
            nets.setdefault(", ".join(cases), []).append(net)
        found.append(f"{name}: {reason} ({'; '.join(f'{cases}: {listing(named)}' for cases, named in nets.items())})")
    return found


def listing(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) < 4 else f"{len(names)} nets and tasks"


def header(report: Report) -> list[str]:
    machine = report["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    return [
        f"{machine['cpu']}, {machine['cores']} cores, {machine['system']}, {machine['instructions']}",
        versions,
        f"{machine['threads']} thread(s), float64, {machine['clock']} per step; medians of {report['rounds']} interleaved rounds, on a machine that others may use",
        f"matrix products at {machine['peak']:.0f} GFLOP/s at their best, a sigmoid {machine['function']:.2f} ns; results equal to {report['tolerance']:.0e} first",
    ]


def plain(rows: list[list[str]]) -> str:
    """A table for the terminal."""
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    return "\n".join("  ".join(f"{text:{'<' if k == 0 else '>'}{widths[k]}}" for k, text in enumerate(row)) for row in rows)


def marked(rows: list[list[str]]) -> str:
    """A table in Markdown."""
    first, *others = rows
    return "\n".join(f"| {' | '.join(row)} |" for row in (first, ["---", *["---:"] * (len(first) - 1)], *others))


def target_lines(report: Report) -> list[list[str]]:
    found = [["target", "case", "aim", "reached", "against", ""]]
    for outcome in report["targets"]:
        found.append([
            f"{outcome['ours']} against {outcome['of']}", outcome["case"], f"{digits(outcome['aim'])} x", f"{digits(outcome['ratio'])} x",
            outcome["rival"], "met" if outcome["met"] else "missed",
        ])  # fmt: skip
    return found


def missed(report: Report) -> list[str]:
    """Every target that is missed, with its reason where it is known."""
    found = []
    for outcome in report["targets"]:
        if not outcome["met"]:
            reason = REASONS.get((outcome["ours"], outcome["of"], outcome["case"]), "no reason is written down")
            found.append(f"{outcome['ours']} against {outcome['of']} in {outcome['case']}: {digits(outcome['ratio'])} x of {digits(outcome['aim'])} x: {reason}.")
    return found


def first_calls(report: Report) -> list[list[str]]:
    depths = dict.fromkeys(depth for row in report["first_calls"].values() for depth in row)
    rows = [["from the net to the first step done", "its imports", *(f"depth {depth}" for depth in depths)]]
    for name, row in report["first_calls"].items():
        imports = next((entry["imports"] for entry in row.values() if entry), None)
        rows.append([name, quantity(imports), *(quantity(row[d]["seconds"]) if row.get(d) else "-" for d in depths)])
    return rows


FASTER = {  # why a peer is faster, where it is known: task or "first call", and row
    ("first call", "*"): "it runs operations one by one, or compiles less; a program is formed, checked and written first",
    ("*", "jax *"): "both are a product of matrices, nearly alone; the difference is within that of two runs",
}


def ahead(report: Report) -> list[str]:
    """Every peer that is faster than the fastest row of symfold, with its ratio and the reason."""
    places = [
        (block["task"], f"{block['net']}, {block['task']}, case {block['case']}{where(report)}", {row: e["seconds"] for row, e in block["entries"].items()})
        for block in report["blocks"]
    ]
    for depth in dict.fromkeys(depth for row in report["first_calls"].values() for depth in row):
        found = {name: row[depth]["seconds"] + row[depth]["imports"] for name, row in report["first_calls"].items() if row.get(depth)}
        places.append(("first call", f"first call with imports, depth {depth}", found))
    lines = []
    for task, place, seconds in places:
        ours = {name: time for name, time in seconds.items() if name.startswith("symfold")}
        best = min(ours, key=lambda name: ours[name], default=None)
        for name, time in seconds.items():
            if best and name not in (*ours, "products alone", "floor", "empty call") and time < ours[best]:
                reason = next((why for (kind, row), why in FASTER.items() if fnmatchcase(task, kind) and fnmatchcase(name, row)), "no reason is written down")
                lines.append(f"{name} in {place}: {digits(ours[best] / time)} times as fast as {best}: {reason}.")
    return lines


def packings(report: Report) -> list[list[str]]:
    cases = dict.fromkeys(case for row in report["packing"].values() for case in row)
    rows = [["a plain dict of arrays packed", *(f"{case} ({size(case)})" for case in cases)]]
    return rows + [[net, *(quantity(row.get(case)) for case in cases)] for net, row in report["packing"].items()]


def profiles(report: Report) -> list[list[str]]:
    kinds = dict.fromkeys(kind for row in report["profile"].values() for kind in row["kinds"])
    rows = [["share of a step", *(f"{case} ({size(case)})" for case in report["profile"])]]
    for kind in kinds:
        shares = [row["kinds"].get(kind, 0.0) / max(row["total"], sum(row["kinds"].values())) for row in report["profile"].values()]
        rows.append([kind, *(f"{share:.0%}" for share in shares)])
    return rows


def native_parts(report: Report) -> list[list[str]]:
    """The parts of a step in machine code, case by case."""
    found = {case: row["native"] for case, row in report["profile"].items() if row.get("native")}
    rows = [["machine code", *(f"{case} ({size(case)})" for case in found)]]
    for part in dict.fromkeys(part for row in found.values() for part in row):
        rows.append([part, *(quantity(row[part]) for row in found.values())])
    return rows if found else []


def alone(report: Report) -> list[list[str]]:
    """Rows by themselves, case by case."""
    rows = report["alone"]["rows"]
    cases = dict.fromkeys(case for row in rows.values() for case in row)
    return [[f"{report['alone']['threads']} threads, wall clock", *(f"{case} ({size(case)})" for case in cases)], *([name, *(quantity(row.get(case)) for case in cases)] for name, row in rows.items())]


def sections(report: Report) -> Iterable[tuple[str, str, list[list[str]]]]:
    """Every table with its heading and a word on it."""
    aside = report.get("held")
    for run in filter(None, (report, aside)):
        if run["targets"]:
            yield f"Targets{where(run)}", "Training steps of the residual net: how many times as fast as the fastest of the rows compared.", target_lines(run)
    for run in filter(None, (report, aside)):
        for name, rows in tables(run):
            yield f"{name[0].upper()}{name[1:]}{where(run)}", "", rows
    if report.get("alone"):
        yield (
            "Several threads",
            "Residual net, training, each row in a process of its own: spinning threads, as in BLAS and XLA, disturb the rows after them.",
            alone(report),
        )
    if report["packing"]:
        yield "Packing", "Parameters lie in one buffer. A plain dict is first copied into it; no row above counts this copy.", packings(report)
    if report["first_calls"]:
        yield (
            "First call",
            "Residual net, width 3, batch 10, each in a process of its own with empty caches. "
            f"A dash: the row failed, or took over {report['patience']:.0f} s.",
            first_calls(report),
        )
    if report["profile"]:
        yield (
            "Where the time goes",
            "NumPy backend, residual net, training: a clock after every line of the generated source. In a and d the time is the overhead of "
            "calling NumPy, a quarter to half a microsecond, nine calls per layer. In c and e it is BLAS and memory.",
            profiles(report),
        )
        if parts := native_parts(report):
            yield (
                "Where the time of machine code goes",
                "Residual net, training. Each part is the difference to a shorter program: the loss alone, the loss with its gradient, many steps in one call. "
                "In c and e the products take almost all the time; in a and d the sigmoids and the work between them.",
                parts,
            )


def terminal(report: Report) -> str:
    parts = ["\n".join(header(report))]
    for title, note, rows in sections(report):
        parts.append("\n".join(filter(None, (title.upper(), note, plain(rows)))))
    for case, row in report["profile"].items():
        parts.append(f"{case}: slowest lines\n" + "\n".join(f"  {quantity(s):>8}  {n:>4} x  {text}" for text, n, s in row["lines"]))
    return "\n\n".join([*parts, "NOT MEASURED\n" + "\n".join(skipped(report) or ["nothing"])])


def page(report: Report) -> str:
    """The page of the docs."""
    lines = [
        "# Benchmarks",
        "",
        "What `python -m tests.benchmarks --page docs/explanation/benchmarks.md` measured (extra `bench`). One training step is the loss, its",
        "gradients and the SGD update, in float64. The cases are (width, batch, depth). Before a row is timed, its loss and its update of the",
        f"parameters are compared with symfold's NumPy backend. In brackets: the time divided by that of {BASE}, the",
        "median over the rounds. `fori` rows do 100 steps (5 in case c) per call; the time is per step. A dash: not measured, as the last section says.",
        "",
        "`products alone` are the matrix products of a step by NumPy, call by call. `floor` is a computed time: the multiplications at the best speed of",
        "BLAS and the functions at NumPy's best speed. Native code, which computes small products and functions faster than either, may be under it.",
        "`empty call` is a call of a Python function that does nothing.",
        "",
        *(f"- {line}" for line in header(report)),
        *(f"- {line}" for line in (header(report["held"])[::3] if report.get("held") else ())),
        "",
    ]
    for title, note, rows in sections(report):
        lines += [f"## {title}", "", *([note, ""] if note else []), marked(rows), ""]
        for run in filter(None, (report, report.get("held"))):
            if title == f"Targets{where(run)}" and (misses := missed(run)):
                lines += [*(f"- {line}" for line in misses), ""]
    for case, row in report["profile"].items():
        slow = (f"{quantity(s):>8}  {n:>4} x  {text}" for text, n, s in row["lines"])
        lines += [f"Slowest lines of case {case}, in a step of {quantity(row['total'])}:", "", "```text", *slow, "```", ""]
    behind = [line for run in (report, report.get("held")) if run for line in ahead(run)]
    lines += ["## Faster in the tables above", "", *(f"- {line}" for line in behind or ["nothing"]), ""]
    lines += ["## Not measured", "", *(f"- {line}" for line in [*skipped(report), *report["notes"]] or ["nothing"]), ""]
    return "\n".join(lines)
