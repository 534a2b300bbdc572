"""Code being written: loops around instructions, and how threads divide them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from symfold.compute.backends.native.instructions import Index, Instructions, Reg


@dataclass
class Code(Instructions):
    """The body of a function: its instructions in loops, for one thread or for several that run the same code."""

    threads: int = 1
    dividing: bool = False  # whether the next loop is divided among the threads
    in_kernel: bool = False

    def label(self, name: str) -> None:
        self.lines.append(f"{name}:")
        self.block = name

    def loop(
        self,
        stop: int | Index,
        body: Callable[[Index, list[Reg]], Sequence[Reg]],
        carried: Sequence[Reg] = (),
        step: int = 1,
        kinds: Sequence[str] = (),
    ) -> list[Reg]:
        """`body(index, carried) -> carried` for index 0, step, ... below stop; no loop where it is done once.

        `kinds` are the types of what is carried, where they are not numbers.
        """
        if isinstance(stop, int) and stop <= step:
            return list(body("0", list(carried))) if stop > 0 else list(carried)
        if self.dividing and not carried and isinstance(stop, int):
            self.dividing = False
            self.own_part(stop, lambda first, last: self.counted(first, last, body, (), 1, ()))
            self.dividing = True
            return []
        return self.counted("0", stop, body, carried, step, kinds)

    def counted(
        self,
        start: Index,
        stop: int | Index,
        body: Callable[[Index, list[Reg]], Sequence[Reg]],
        carried: Sequence[Reg],
        step: int,
        kinds: Sequence[str],
    ) -> list[Reg]:
        """A loop that is done once at least."""
        self.used += 1
        name, before = f"b{self.used}", self.block
        kinds = kinds or [self.type(reg.lanes) for reg in carried]
        self.lines.append(f"  br label %{name}")
        self.label(name)
        index, following = self.fresh(), self.fresh()
        inside = [Reg(self.fresh(), reg.lanes) for reg in carried]
        place = len(self.lines)
        after = list(body(index, inside))
        end = self.block
        self.lines.append(f"  {following} = add nuw nsw i64 {index}, {step}")
        again = self.define(f"icmp slt i64 {following}, {stop}")
        self.lines.append(f"  br i1 {again}, label %{name}, label %{name}x")
        phis = [f"  {index} = phi i64 [ {start}, %{before} ], [ {following}, %{end} ]"]
        for kind, reg, first, later in zip(kinds, inside, carried, after, strict=True):
            phis.append(f"  {reg.name} = phi {kind} [ {first.name}, %{before} ], [ {later.name}, %{end} ]")
        self.lines[place:place] = phis
        self.label(f"{name}x")
        return after

    # -- threads: all of them run the same code, and divide the loops of each kernel among themselves

    @contextmanager
    def kernel(self) -> Iterator[None]:
        """What is computed from values that are all there: its outermost loops are divided; the threads meet at its end.

        A loop that carries a sum is not divided, so every sum is added in the same order however many threads there are.
        What is in no such loop is done by every thread: they write the same numbers.
        """
        if self.threads == 1 or self.in_kernel:
            yield
            return
        self.in_kernel = self.dividing = True
        yield
        self.in_kernel = self.dividing = False
        self.meet()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """What one thread must do alone, such as adding to what is there."""
        if self.threads == 1:
            yield
            return
        self.used += 1
        name = f"a{self.used}"
        first = self.define("icmp eq i64 %thread, 0")
        self.lines.append(f"  br i1 {first}, label %{name}, label %{name}x")
        self.label(name)
        threads, self.threads = self.threads, 1
        yield
        self.threads = threads
        self.lines.append(f"  br label %{name}x")
        self.label(f"{name}x")
        self.meet()

    def own_part(self, count: int, body: Callable[[Index, Index], object]) -> None:
        """The part of a range that is this thread's, if there is any."""
        self.used += 1
        name = f"p{self.used}"
        first = self.define(f"udiv i64 {self.times('%thread', count)}, {self.threads}")
        last = self.define(f"udiv i64 {self.times(self.plus('%thread', '1'), count)}, {self.threads}")
        any_left = self.define(f"icmp ult i64 {first}, {last}")
        self.lines.append(f"  br i1 {any_left}, label %{name}, label %{name}x")
        self.label(name)
        body(first, last)
        self.lines.append(f"  br label %{name}x")
        self.label(f"{name}x")

    def meet(self) -> None:
        self.lines.append(f"  call void @meet(ptr %barrier, i64 {self.threads})")


def pieces(count: int, width: int) -> list[tuple[int, int]]:
    """A run of numbers as vectors: (how many, how wide), full ones first, then halves of halves.

    >>> pieces(29, 8)
    [(3, 8), (1, 4), (1, 1)]
    """
    found = []
    while count:
        if count >= width:
            found.append((count // width, width))
            count %= width
        width //= 2
    return found
