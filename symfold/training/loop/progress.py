"""Progress: a bar by tqdm or rich if one is installed (extra `progress`), else a plain one, on standard error."""

from __future__ import annotations

import sys
import warnings
from importlib.util import find_spec
from types import TracebackType
from typing import Any, Protocol

from symfold.base.arguments import quoted
from symfold.errors import InvalidType, MissingPackage

BARS = ("tqdm", "rich", "plain")


class Bar(Protocol):
    """A bar: it shows how many epochs are done, and the latest loss."""

    def show(self, done: int, loss: float) -> None: ...

    def close(self) -> None: ...


class Plain:
    """A bar of characters."""

    def __init__(self, total: int):
        self.total = total

    def show(self, done: int, loss: float) -> None:
        filled = 30 * done // self.total
        print(
            f"\rtraining [{'#' * filled}{'.' * (30 - filled)}] epoch {done}/{self.total}  loss {loss:.6g} ",
            end="",
            file=sys.stderr,
            flush=True,
        )

    def close(self) -> None:
        print(file=sys.stderr)


class Tqdm:
    """A bar of tqdm: a widget in notebooks that have ipywidgets, else text."""

    def __init__(self, total: int):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that ipywidgets are missing: the bar is text then
            from tqdm.auto import tqdm

        self.bar = tqdm(total=total, desc="training", unit="epoch", file=sys.stderr)

    def show(self, done: int, loss: float) -> None:
        self.bar.set_postfix_str(f"loss {loss:.6g}", refresh=False)
        self.bar.update(done - self.bar.n)

    def close(self) -> None:
        self.bar.refresh()
        self.bar.close()


class Rich:
    """A bar of rich."""

    def __init__(self, total: int):
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns: list[Any] = [TextColumn("training"), BarColumn(), MofNCompleteColumn(), TextColumn("epochs")]
        columns += [TextColumn("loss {task.fields[loss]}"), TimeRemainingColumn()]
        self.progress = Progress(*columns, console=Console(file=sys.stderr))
        self.task = self.progress.add_task("training", total=total, loss="")
        self.progress.start()

    def show(self, done: int, loss: float) -> None:
        self.progress.update(self.task, completed=done, loss=f"{loss:.6g}")

    def close(self) -> None:
        self.progress.stop()


class Progress:
    """The bar that was asked for, closed in any case at the end of a `with`; none if output is no terminal."""

    def __init__(self, wanted: object, total: int):
        if isinstance(wanted, str) and wanted in BARS:
            name = wanted
            if name != "plain" and find_spec(name) is None:
                raise MissingPackage(
                    f"progress={name!r} needs the package {name}, which is not installed "
                    "(pip install 'symfold[progress]', or progress=True)"
                )
        elif wanted is None or isinstance(wanted, bool):
            shown = (sys.stderr.isatty() or has_widgets()) if wanted is None else wanted
            name = next(name for name in BARS if name == "plain" or find_spec(name)) if shown else ""
        else:
            raise InvalidType(
                f"progress={quoted(wanted)} must be True or False, or the name of a bar ('tqdm', 'rich', 'plain')"
            )
        self.name, self.total, self.shown = name, total, bool(name)
        self.bar: Bar | None = None

    def __enter__(self) -> Progress:
        kinds: dict[str, type[Any]] = {"tqdm": Tqdm, "rich": Rich, "plain": Plain}
        if self.shown:
            self.bar = kinds[self.name](self.total)
        return self

    def show(self, done: int, loss: float) -> None:
        if self.bar:
            self.bar.show(done, loss)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self.bar:
            self.bar.close()


def has_widgets() -> bool:
    """Whether the code runs in a notebook that can show a bar as a widget: standard error is no terminal there."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return type(shell).__name__ == "ZMQInteractiveShell" and all(map(find_spec, ("tqdm", "ipywidgets")))
