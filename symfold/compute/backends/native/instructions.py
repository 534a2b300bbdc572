"""LLVM instructions: registers, numbers, loads and stores. Knows vectors, but not nets.

Results do not depend on LLVM's optimizations: without fast-math no sum is reordered (which would break the rounding
trick in `exp`), and a product and a sum round once only in an explicit `fma`, which each processor has or lacks.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from symfold.compute.backends.native.processors import Processor

Index = str  # an i64: a register or a literal


@dataclass(frozen=True)
class Reg:
    """A value in a register: one number or a vector of `lanes` numbers; also a literal."""

    name: str
    lanes: int = 1

    @property
    def literal(self) -> bool:
        return not self.name.startswith("%")


@dataclass
class Instructions:
    """The body of a function: its lines, its number type, and the processor that runs it."""

    dtype: np.dtype
    processor: Processor
    lines: list[str] = field(default_factory=list)
    declared: dict[str, str] = field(default_factory=dict)
    used: int = 0
    block: str = "entry"

    @property
    def width(self) -> int:
        """The numbers in a vector register."""
        return self.processor.lanes(self.dtype)

    @property
    def real(self) -> str:
        return "double" if self.dtype == np.float64 else "float"

    @property
    def whole(self) -> str:
        return "i64" if self.dtype == np.float64 else "i32"

    def type(self, lanes: int, of: str = "") -> str:
        return of or self.real if lanes == 1 else f"<{lanes} x {of or self.real}>"

    # -- one instruction

    def fresh(self) -> str:
        self.used += 1
        return f"%r{self.used}"

    def define(self, text: str) -> str:
        name = self.fresh()
        self.lines.append(f"  {name} = {text}")
        return name

    def number(self, value: float, lanes: int = 1) -> Reg:
        """A literal, exact to the last bit."""
        rounded = float(self.dtype.type(value))
        text = f"0x{struct.unpack('<Q', struct.pack('<d', rounded))[0]:016X}"
        return Reg(text if lanes == 1 else f"splat ({self.real} {text})", lanes)

    def splat(self, reg: Reg, lanes: int) -> Reg:
        """One number in every lane."""
        if reg.lanes == lanes:
            return reg
        if reg.literal:
            return Reg(f"splat ({self.real} {reg.name})", lanes)
        kind = self.type(lanes)
        first = self.define(f"insertelement {kind} poison, {self.real} {reg.name}, i64 0")
        return Reg(self.define(f"shufflevector {kind} {first}, {kind} poison, <{lanes} x i32> zeroinitializer"), lanes)

    def alike(self, regs: Sequence[Reg]) -> list[Reg]:
        """The values splatted to a common number of lanes."""
        lanes = max(reg.lanes for reg in regs)
        return [self.splat(reg, lanes) for reg in regs]

    def binary(self, name: str, a: Reg, b: Reg) -> Reg:
        """`fadd`, `fsub`, `fmul` or `fdiv`."""
        a, b = self.alike((a, b))
        return Reg(self.define(f"{name} {self.type(a.lanes)} {a.name}, {b.name}"), a.lanes)

    def negative(self, a: Reg) -> Reg:
        return Reg(self.define(f"fneg {self.type(a.lanes)} {a.name}"), a.lanes)

    def fma(self, a: Reg, b: Reg, c: Reg) -> Reg:
        """a * b + c, rounded once; twice on a processor without that instruction, where a library call would round."""
        if self.processor.fused:
            return self.intrinsic("fma", a, b, c)
        return self.binary("fadd", self.binary("fmul", a, b), c)

    def lost_of_square(self, a: Reg, square: Reg) -> Reg:
        """a * a - square: what the rounding of the square has lost; by halves of the digits without an `fma`."""
        if self.processor.fused:
            return self.fma(a, a, self.negative(square))
        kind, real = self.type(a.lanes, self.whole), self.type(a.lanes)
        low_bits = 27 if self.dtype == np.float64 else 12
        mask = str(-1 << low_bits) if a.lanes == 1 else f"splat ({self.whole} {-1 << low_bits})"
        bits = self.define(f"and {kind} {self.define(f'bitcast {real} {a.name} to {kind}')}, {mask}")
        high = Reg(self.define(f"bitcast {kind} {bits} to {real}"), a.lanes)
        low = self.binary("fsub", a, high)
        both = self.binary("fmul", self.binary("fadd", high, high), low)
        part = self.binary("fadd", self.binary("fsub", self.binary("fmul", high, high), square), both)
        return self.binary("fadd", part, self.binary("fmul", low, low))

    def intrinsic(self, name: str, *args: Reg) -> Reg:
        """An LLVM intrinsic, elementwise."""
        args = tuple(self.alike(args))
        lanes, kind = args[0].lanes, self.type(args[0].lanes)
        bits = f"f{8 * self.dtype.itemsize}"
        full = f"llvm.{name}.{bits if lanes == 1 else f'v{lanes}{bits}'}"
        self.declared[full] = f"declare {kind} @{full}({', '.join([kind] * len(args))})"
        return Reg(self.define(f"call {kind} @{full}({', '.join(f'{kind} {a.name}' for a in args)})"), lanes)

    def library(self, name: str, *args: Reg) -> Reg:
        """A function of C's math library, lane by lane."""
        args = tuple(self.alike(args))
        lanes, full = args[0].lanes, name + ("" if self.real == "double" else "f")
        self.declared[full] = f"declare {self.real} @{full}({', '.join([self.real] * len(args))}) memory(none)"
        results = []
        for lane in range(lanes):
            operands = ", ".join(f"{self.real} {self.lane(a, lane).name}" for a in args)
            results.append(self.define(f"call {self.real} @{full}({operands})"))
        return self.join([Reg(name) for name in results])

    def lane(self, reg: Reg, lane: int) -> Reg:
        if reg.lanes == 1:
            return reg
        return Reg(self.define(f"extractelement {self.type(reg.lanes)} {reg.name}, i64 {lane}"))

    def join(self, parts: Sequence[Reg]) -> Reg:
        """The vector of single numbers."""
        if len(parts) == 1:
            return parts[0]
        kind, name = self.type(len(parts)), "poison"
        for lane, part in enumerate(parts):
            name = self.define(f"insertelement {kind} {name}, {self.real} {part.name}, i64 {lane}")
        return Reg(name, len(parts))

    def select(self, condition: str, a: Reg, b: Reg, compared: Reg, against: Reg) -> Reg:
        """a if `compared CONDITION against`, else b, lane by lane."""
        a, b, compared, against = self.alike((a, b, compared, against))
        kind, flags = self.type(a.lanes), self.type(a.lanes, "i1")
        flag = self.define(f"fcmp {condition} {kind} {compared.name}, {against.name}")
        return Reg(self.define(f"select {flags} {flag}, {kind} {a.name}, {kind} {b.name}"), a.lanes)

    def total(self, reg: Reg, name: str = "fadd") -> Reg:
        """The sum of all lanes, or their maximum, by halving."""
        while reg.lanes > 1:
            half = reg.lanes // 2
            kind, low = self.type(reg.lanes), ", ".join(f"i32 {k}" for k in range(half))
            high = ", ".join(f"i32 {k}" for k in range(half, 2 * half))
            parts = [
                Reg(self.define(f"shufflevector {kind} {reg.name}, {kind} poison, <{half} x i32> <{order}>"), half)
                for order in (low, high)
            ]
            if half == 1:
                parts = [Reg(self.define(f"extractelement <1 x {self.real}> {part.name}, i64 0")) for part in parts]
            reg = self.binary(name, *parts) if name == "fadd" else self.intrinsic(name, *parts)
        return reg

    def transposed(self, rows: Sequence[Reg]) -> list[Reg]:
        """The columns of a square of vectors: swap off-diagonal halves, then those of halves, and so on."""
        vectors, count = list(rows), len(rows)
        kind, step = self.type(count), count // 2
        while step:
            for k in range(count):
                if not k & step:
                    a, b = vectors[k], vectors[k + step]
                    first = [j if not j & step else count + j - step for j in range(count)]
                    second = [j + step if not j & step else count + j for j in range(count)]
                    for place, lanes in ((k, first), (k + step, second)):
                        order = ", ".join(f"i32 {lane}" for lane in lanes)
                        vectors[place] = Reg(
                            self.define(f"shufflevector {kind} {a.name}, {kind} {b.name}, <{count} x i32> <{order}>"),
                            count,
                        )
            step //= 2
        return vectors

    # -- whole numbers and memory

    def times(self, index: Index, factor: int) -> Index:
        if factor == 1 or index == "0":
            return index
        if factor == 0:
            return "0"
        return str(int(index) * factor) if _is_literal(index) else self.define(f"mul nsw i64 {index}, {factor}")

    def plus(self, a: Index, b: Index) -> Index:
        if a == "0" or b == "0":
            return b if a == "0" else a
        return str(int(a) + int(b)) if _is_literal(a) and _is_literal(b) else self.define(f"add nsw i64 {a}, {b}")

    def at(self, base: str, offset: Index) -> str:
        """The address of an entry."""
        return base if offset == "0" else self.define(f"getelementptr {self.real}, ptr {base}, i64 {offset}")

    def load(self, address: str, lanes: int, stride: int = 1) -> Reg:
        """A vector of numbers at a stride; with stride 0, one number in all lanes."""
        if lanes == 1 or stride == 0:
            return self.splat(Reg(self.define(f"load {self.real}, ptr {address}, align {self.dtype.itemsize}")), lanes)
        if stride == 1:
            return Reg(self.define(f"load {self.type(lanes)}, ptr {address}, align {self.dtype.itemsize}"), lanes)
        return self.join([self.load(self.at(address, str(k * stride)), 1) for k in range(lanes)])

    def store(self, reg: Reg, address: str, stride: int = 1) -> None:
        if reg.lanes == 1 or stride == 1:
            self.lines.append(f"  store {self.type(reg.lanes)} {reg.name}, ptr {address}, align {self.dtype.itemsize}")
        else:
            for k in range(reg.lanes):
                self.store(self.lane(reg, k), self.at(address, str(k * stride)))

    def table(self, numbers: Sequence[int]) -> str:
        """A constant table of whole numbers."""
        name = f"@table{len(self.declared)}"
        self.declared[name] = (
            f"{name} = private constant [{len(numbers)} x i64] [{', '.join(f'i64 {number}' for number in numbers)}]"
        )
        return name


def _is_literal(index: Index) -> bool:
    return not index.startswith("%")
