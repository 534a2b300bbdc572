"""The measurements that were kept, as tables of the page: cases of both instruction sets, numbers of threads and dtypes side by side."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from tests.benchmarks.held import LEVELS
from tests.benchmarks.kept import Entry, faster, is_ours
from tests.benchmarks.page import digits, marked, quantity

NOTES = {
    "models": "Training steps by SGD on a mean squared error, each row in a process of its own. All rows of a case give the same losses in the first three "
    "steps. One thread: CPU time; two: by the clock.",
    "calls": "One call from NumPy arrays to NumPy arrays, in CPU time, the least of many. `its code alone` is the compiled code without the call around it. "
    "Gradients by name are made when they are read: `all gradients read` makes an array of each. "
    "ONNX Runtime has the weights in its model and takes `x` alone; its models have no gradients.",
    "long": "20,000 operations written one by one, without a fold: CPU time until the first result is there, imports included. "
    "symfold finds that they repeat two operations, and makes a loop of them; operations that do not repeat take it longer.",
    "digits": "From the CSV of digits to 97 % of the test digits right, in CPU time: imports, reading, compiling, all epochs and their tests. All packages have "
    "their bytecode, as `pip` leaves it. `symfold fit` compiles its machine code; once compiled, it is kept on disk and found there (`compiled before`).",
}
TITLES = {"models": "Models", "calls": "Calls", "long": "A long net without a fold", "digits": "A whole training"}

# why a peer is faster, where it is known: table, case and row (patterns) -> reason
REASONS: dict[tuple[str, str, str], str] = {
    ("digits", "*", "*"): "imports, SymPy's among them, and compiling the step take longer than all epochs",
    ("long", "*", "*"): "imports, SymPy's among them, take more than half of the time, and each operation becomes a node that is checked; a list of calls is all that a tape keeps",
    ("calls", "*", "casadi*"): "its function takes the arrays by position, and has nothing to check",
    ("models", "LSTM*", "torch *"): "the products of a step are narrow, and PyTorch divides them among threads by BLAS",
}
# why eager PyTorch is faster than NumPy, by the case and the number of threads
NUMPY: dict[tuple[str, str], str] = {
    ("convolutions*", "*"): "oneDNN convolves in registers, where NumPy copies columns of the image and multiplies them",
    ("*", "2"): "NumPy's elementwise operations take one thread, and BLAS divides narrow products among two, which often takes longer than one",
    ("*", "*"): "each elementwise operation of NumPy goes through memory once",
}


def reason(entry: Entry) -> str:
    places = (entry["table"], entry["case"], entry["row"])
    for patterns, text in REASONS.items():
        if all(fnmatchcase(place, pattern) for place, pattern in zip(places, patterns, strict=True)):
            return text
    return "no reason is written down"


def setting(entry: Entry) -> str:
    threads = f"{entry['threads']} thread{'s' if entry['threads'] > 1 else ''}"
    return ", ".join([entry["instructions"] + (" (held)" if entry["held"] else ""), threads, entry["dtype"]])


def order(entry: Entry) -> tuple[bool, list[str]]:
    """AVX2 before wider ones, then by threads and dtype, double precision first."""
    return entry["instructions"] != LEVELS[0], [entry["instructions"], str(entry["threads"]), "" if entry["dtype"] == "float64" else entry["dtype"]]


def tables(entries: Sequence[Entry]) -> Iterable[tuple[str, str, list[list[str]]]]:
    """A table per case of models, and one per other table: title, note, rows. In brackets: times symfold's fastest row of the column."""
    for table, title in TITLES.items():
        own = [entry for entry in entries if entry["table"] == table]
        for number, case in enumerate(dict.fromkeys(entry["case"] for entry in own)):
            group = [entry for entry in own if entry["case"] == case]
            columns = list(dict.fromkeys(setting(entry) for entry in sorted(group, key=order)))
            rows = [[case, *columns]]
            for row in dict.fromkeys(entry["row"] for entry in group):
                cells = {setting(entry): cell(entry, group) for entry in group if entry["row"] == row}
                rows.append([row, *(cells.get(column, "-") for column in columns)])
            yield f"{title}: {case}", "" if number else NOTES[table], rows


def cell(entry: Entry, group: Sequence[Entry]) -> str:
    if not entry.get("seconds"):
        return "-"
    ours = [other["seconds"] for other in group if is_ours(other) and other.get("seconds") and setting(other) == setting(entry)]
    ratio = f" ({digits(entry['seconds'] / min(ours))})" if ours else ""
    return f"{quantity(entry['seconds'])}{ratio}{', ' + entry['note'] if entry.get('note') else ''}"


def ahead(entries: Sequence[Entry]) -> list[str]:
    """Everything that is faster than symfold, with its ratio and the reason."""
    return [
        f"{peer['row']} in {peer['case']} ({setting(peer)}): {digits(ours['seconds'] / peer['seconds'])} times as fast as {ours['row']}: {reason(peer)}."
        for peer, ours in faster(entries)
    ]


def numpy_behind(entries: Sequence[Entry]) -> list[str]:
    """Where eager PyTorch is faster than symfold's NumPy backend, with the ratio and the reason."""
    seconds = {(e["case"], setting(e), e["row"]): (e["seconds"], str(e["threads"])) for e in entries if e["table"] == "models" and e.get("seconds")}
    lines = []
    for (case, where, row), (ours, threads) in seconds.items():
        eager = seconds.get((case, where, "torch eager"))
        if row == "symfold numpy" and eager and eager[0] < ours:
            why = next(text for (cases, count), text in NUMPY.items() if fnmatchcase(case, cases) and fnmatchcase(threads, count))
            lines.append(f"{case} ({where}): {digits(ours / eager[0])} times as fast: {why}.")
    return lines


def origins(entries: Sequence[Entry]) -> list[str]:
    """When and where figures were taken, and with which versions."""
    groups: dict[tuple[str, str], dict[str, None]] = {}
    for entry in entries:
        groups.setdefault((entry["date"], entry["cpu"]), {})[f"{entry['row'].split()[0].rstrip(',')} {entry['version']}"] = None
    return [f"{date}, {cpu}: {', '.join(sorted(versions))}" for (date, cpu), versions in sorted(groups.items())]


def missing(entries: Sequence[Entry]) -> list[str]:
    """What was not measured, reason by reason."""
    places: dict[tuple[str, str], dict[str, None]] = {}
    for entry in entries:
        if not entry.get("seconds"):
            places.setdefault((entry["row"], entry.get("skipped", "")), {})[entry["case"]] = None
    return [f"{row}: {why} ({'; '.join(cases)})" for (row, why), cases in places.items()]


def page(entries: Sequence[Entry]) -> str:
    """The part of the page on what was kept."""
    if not entries:
        return ""
    lines = [
        "",
        "# Models, calls and whole trainings",
        "",
        "What `python -m tests.benchmarks.each` measured and kept in `tests/benchmarks/kept.json`. *Held* is a process that was told to use the",
        "instructions of an older processor, every library by its own switch; `python -m tests.benchmarks.held` asks each library whether it obeys.",
        "In brackets: the time divided by that of the fastest row of symfold in the column. A new figure replaces an old one of the same row and setting;",
        "figures that a machine cannot give stay as they were:",
        "",
        *(f"- {line}" for line in origins(entries)),
        "",
    ]
    for title, note, rows in tables(entries):
        lines += [f"## {title}", "", *([note, ""] if note else []), marked(rows), ""]
    lines += ["## Faster than symfold", "", *(f"- {line}" for line in ahead(entries) or ["nothing"]), ""]
    if behind := numpy_behind(entries):
        lines += ["## Eager PyTorch before NumPy", "", *(f"- {line}" for line in behind), ""]
    if left_out := missing(entries):
        lines += ["## Not measured here", "", *(f"- {line}" for line in left_out), ""]
    return "\n".join(lines)
