"""The code of a function under construction: loops around instructions, divided among threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from symfold.compute.backends.native.instructions import Index, Instructions, Reg

MOST_LINES = 2000  # of a function
SHORT = 3  # instructions


@dataclass
class Code(Instructions):
    """The body of a function: instructions in loops, for one thread or several that run the same code."""

    threads: int = 1  # at most; how many call is known when they do
    dividing: bool = False  # whether to divide the next loop among the threads
    in_kernel: bool = False
    long: bool = False  # see `calling`
    shared: dict[object, str] = field(default_factory=dict)  # functions of numbers, by what they compute

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
        """`body(index, carried) -> carried` for index 0, step, ... below stop; no loop if it runs once.

        `kinds` are the types of the carried values, if they are not numbers.
        """
        if isinstance(stop, int) and stop <= step:
            return list(body("0", list(carried))) if stop > 0 else list(carried)
        if self.dividing and not carried and isinstance(stop, int):
            self.dividing = False
            self.thread_range(stop, lambda first, last: self.counted(first, last, body, (), 1, ()))
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
        """A loop that runs at least once."""
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

    def cut(self) -> None:
        """Make the lines so far a function of its own, if they are many. What follows may read nothing but memory.

        LLVM takes more than twice as long for a function twice as long.
        """
        if len(self.lines) > MOST_LINES:
            name = f"part{len(self.declared)}"
            self.declared[name] = self.defined(name)
            self.lines, self.block = [f"  call void @{name}({', '.join(self.parameters.values())})"], "entry"

    @contextmanager
    def calling(self, long: bool) -> Iterator[None]:
        """Code in which the instructions of elementwise functions are written once and called, if it is long."""
        before, self.long = self.long, long
        yield
        self.long = before

    def call(self, key: object, args: Sequence[Reg], lanes: int, body: Callable[[list[Reg]], Reg]) -> Reg:
        """A function of numbers, written once for a key, or inline if it is short.

        All its arguments and its result have these lanes.
        """
        kind = self.type(lanes)
        if key not in self.shared:
            formals = [Reg(f"%a{k}", lanes) for k in range(len(args))]
            lines, self.lines = self.lines, []
            result = body(formals)
            name = self.shared[key] = f"shared{len(self.shared)}" if len(self.lines) > SHORT else ""
            if name:
                parameters = ", ".join(f"{kind} {formal.name}" for formal in formals)
                head = f"define internal {kind} @{name}({parameters}) noinline {{"
                self.declared[name] = "\n".join([head, *self.lines, f"  ret {kind} {result.name}", "}"])
            self.lines = lines
        if not self.shared[key]:
            return body(list(args))
        operands = ", ".join(f"{kind} {arg.name}" for arg in args)
        return Reg(self.define(f"call {kind} @{self.shared[key]}({operands})"), lanes)

    def defined(self, name: str) -> str:
        """The text of a function of the lines so far."""
        head = f"define void @{name}({', '.join(self.parameters)}) noinline {{"
        return "\n".join([head, "entry:", *self.lines, "  ret void", "}"])

    @property
    def parameters(self) -> dict[str, str]:
        """The parameters of every function, by declaration. Memory that several threads write is not `noalias`."""
        if self.threads == 1:
            return {f"ptr noalias {name}": f"ptr {name}" for name in ("%params", "%updated", "%work")}
        others = ["ptr %updated", "ptr %work", "i64 %thread", "i64 %threads", "ptr %barrier"]
        return {"ptr noalias readonly %params": "ptr %params", **dict(zip(others, others, strict=True))}

    # -- threads: all run the same code and divide the loops of each kernel

    @contextmanager
    def kernel(self) -> Iterator[None]:
        """Code whose operands are complete: threads divide its outermost loops and meet at its end.

        A loop that carries a sum is not divided, so sums have the same order at any number of threads. Code outside
        of divided loops is run by every thread: all write the same numbers.
        """
        if self.threads == 1 or self.in_kernel:
            yield
            return
        self.in_kernel = self.dividing = True
        yield
        self.in_kernel = self.dividing = False
        self.meet()

    @contextmanager
    def divided(self, on: bool) -> Iterator[None]:
        """Code whose outermost loop the threads divide, or that each runs to the end."""
        before, self.dividing = self.dividing, on
        yield
        self.dividing = before

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Code that one thread must run alone, such as adding to memory."""
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

    def thread_range(self, count: int, body: Callable[[Index, Index], object]) -> None:
        """`body(first, last)` on this thread's part of a range, if it is not empty."""
        self.used += 1
        name = f"p{self.used}"
        first = self.define(f"udiv i64 {self.times('%thread', count)}, %threads")
        last = self.define(f"udiv i64 {self.times(self.plus('%thread', '1'), count)}, %threads")
        nonempty = self.define(f"icmp ult i64 {first}, {last}")
        self.lines.append(f"  br i1 {nonempty}, label %{name}, label %{name}x")
        self.label(name)
        body(first, last)
        self.lines.append(f"  br label %{name}x")
        self.label(f"{name}x")

    def meet(self) -> None:
        """A barrier of all threads."""
        self.lines.append("  call void @meet(ptr %barrier, i64 %threads)")


def pieces(count: int, width: int) -> list[tuple[int, int]]:
    """A run of numbers as vectors (count, width): full ones first, then by halving.

    >>> pieces(29, 8)
    [(3, 8), (1, 4), (1, 1)]
    """
    vectors = []
    while count:
        if count >= width:
            vectors.append((count // width, width))
            count %= width
        width //= 2
    return vectors
