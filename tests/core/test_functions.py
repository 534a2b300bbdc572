"""Laws of every row of the table of elementwise functions: a new row is checked without a new test.

Values and slopes are compared with mpmath's at high precision, from the row's definition, which SymPy differentiates.
"""

from __future__ import annotations

import pickle
import warnings
from functools import cache
from importlib.util import find_spec
from typing import Any

import mpmath
import numpy as np
import pytest
import sympy as sp
from function_points import arity, points_of, special_points

import symfold as sf
from symfold.base.trees import LEAF
from symfold.core import functions
from symfold.core.functions import ROWS, Function, Head, function, numbers_of
from symfold.core.functions.table import composed_numbers
from symfold.core.nodes import Node
from symfold.errors import NoRule

DIGITS = 400  # beside 1 the smallest double is 308 digits away
BACKENDS = [(backend, dtype) for backend in ("numpy", "native", "jax") for dtype in ("float64", "float32")]
PACKAGES = {"native": "llvmlite", "jax": "jax"}

def with_slopes(head: Head, count: int) -> sf.Net:
    """A function of inputs u0, u1, ..., and its slopes by them."""
    inputs = [sf.tensor(f"u{k}", (count,)) for k in range(arity(head))]
    value = Node(head, tuple(inputs))
    outputs = (value, *sf.grad(sf.Net.of(value.sum()), wrt=inputs).outputs)
    return sf.Net(outputs, ("tuple", (LEAF,) * len(outputs)))


def numbers(net: sf.Net, backend: str, dtype: str, points: Any) -> list[Any]:
    """The numbers of a net at points."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        results = net.compile(backend, dtype)(**{f"u{k}": column for k, column in enumerate(points.T)})
        return [np.asarray(result) for result in results]


MPMATH = {"erfc": lambda x: mpmath.mpf(0 if x > 0 else 2) if abs(x) > 10**4 else mpmath.erfc(x)}


@cache
def in_mpmath(head: Head, position: int | None) -> Any:
    """The definition (or its derivative by one argument) as a function of mpmath numbers."""
    symbols = sp.symbols(f"u0:{arity(head)}", real=True)
    definition = ROWS[head].definition
    expression = head(*symbols) if definition is None else definition(*symbols)
    if position is not None:
        if head in (sp.Max, sp.Min):
            this, other = symbols[position], symbols[1 - position]
            expression = sp.Piecewise((sp.Rational(1, 2), sp.Eq(this, other)), (1, this > other if head is sp.Max else this < other), (0, True))
        elif ROWS[head].flat or (head is sp.polygamma and position == 0):
            expression = sp.Integer(0)
        else:
            expression = expression.diff(symbols[position])
    return sp.lambdify(symbols, expression, [MPMATH, "mpmath"])


@cache
def truths(head: Head, position: int | None, dtype: str) -> list[Any]:
    """The true values (or slopes) at the points of a number type."""
    exact = in_mpmath(head, position)
    with mpmath.workdps(100 if head in SLOW else DIGITS):
        return [exact(*map(mpmath.mpf, point)) for point in points_of(head, dtype).tolist()]


SLOW = (sp.gamma, sp.loggamma, sp.digamma, sp.polygamma)


# what crosses zero where the terms of its series are about so large
CROSSING: dict[Any, list[Any]] = {(sp.loggamma, None): [sp.S.One], (sp.loggamma, 0): [sp.S.One], (sp.digamma, None): [sp.S.One], (sp.gamma, 0): [sp.gamma(sp.Symbol("s_0", real=True))]}


def largest_terms(head: Head, position: int | None, dtype: str) -> Any:
    """The size of the largest term of a sum: what crosses zero is as exact as its terms."""
    symbols = sp.symbols(f"s_0:{arity(head)}", real=True)
    row = ROWS[head]
    whole = row.slope(position, *symbols) if position is not None else row.composition and row.composition(*symbols)
    terms = whole.args if isinstance(whole, sp.Add) else CROSSING.get((head, position), [])
    columns = points_of(head, dtype).astype(float).T
    with np.errstate(all="ignore"):
        sizes = [np.abs(composed_numbers(lambda *_, term=term: term, "numpy", *columns)) for term in terms]
        return np.max(np.broadcast_arrays(np.zeros(len(columns[0])), *sizes), axis=0)


def errors(result: Any, truth: list[Any], dtype: str, terms: Any, underflow: float = 0) -> Any:
    """How many units in the last place a result is off, beside the largest term. Below so many times the smallest normal number it may be 0."""
    info, off = np.finfo(dtype), []
    tiny = float(info.tiny)
    with mpmath.workdps(60):
        for value, true, term in zip(np.ravel(result).tolist(), truth, terms.tolist(), strict=True):
            real = mpmath.nan if isinstance(true, mpmath.mpc) else mpmath.mpf(true)
            if mpmath.isnan(real) or np.isnan(value):
                off.append(0.0 if mpmath.isnan(real) and np.isnan(value) else np.inf)
            elif abs(real) > 0.999 * float(info.max):
                off.append(0.0 if abs(value) > 0.99 * float(info.max) and (value > 0) == (real > 0) else np.inf)
            elif not np.isfinite(value):
                off.append(np.inf)
            elif abs(real) < underflow * tiny and abs(value - real) <= abs(real):
                off.append(0.0)
            else:
                size = max(abs(real), abs(term) if np.isfinite(term) else 0, tiny)
                off.append(float(abs(mpmath.mpf(value) - real) / mpmath.mpf(2) ** (mpmath.floor(mpmath.log(size, 2)) - info.nmant)))
    return np.array(off)


def bound(row: Function, backend: str) -> float:
    """How many units in the last place a row allows a backend."""
    limit = row.ulps.get(backend, 4)
    assert limit <= 64
    return limit


def underflow(row: Function, backend: str) -> float:
    """Below how many times the smallest normal number a row allows a backend to give 0."""
    return row.underflow.get(backend, 1 if backend == "jax" else 0)


def needs(backend: str) -> None:
    """Skip where the package of a backend is not installed."""
    if backend in PACKAGES:
        pytest.importorskip(PACKAGES[backend], reason=f"the extra '{backend}' is not installed")


def compiled(head: Head, net: sf.Net, backend: str, dtype: str, points: Any) -> list[Any]:
    """The numbers of a net; skips where the native backend says that it has no code for a function."""
    needs(backend)
    try:
        return numbers(net, backend, dtype, points)
    except NoRule as error:
        if backend != "native" or head not in LACKING:
            raise
        assert "no code for the function" in str(error)
        pytest.skip("no machine code")


LACKING = (sp.gamma, sp.loggamma, sp.digamma, sp.polygamma)  # or their slopes
EVERY_ROW = pytest.mark.parametrize("head", ROWS, ids=[head.__name__ for head in ROWS])
ON_EVERY_BACKEND = pytest.mark.parametrize(
    ("backend", "dtype"),
    [pytest.param(backend, dtype, id=f"{backend} {dtype}", marks=[pytest.mark.slow] if dtype == "float32" else []) for backend, dtype in BACKENDS],
)


@EVERY_ROW
@ON_EVERY_BACKEND
def test_values_and_slopes(head: Head, backend: str, dtype: str) -> None:
    points = np.concatenate([points_of(head, dtype), special_points(head, dtype), missing_points(head, dtype)])
    results = compiled(head, with_slopes(head, len(points)), backend, dtype, points)
    assert {str(result.dtype) for result in results} == {dtype}
    assert_exact(head, backend, dtype, results)


def assert_exact(head: Head, backend: str, dtype: str, results: list[Any]) -> None:
    """A function's value and slopes at its ordinary points, its special ones, and where an argument is missing."""
    row, ordinary, missing = ROWS[head], points_of(head, dtype), missing_points(head, dtype)
    limit = bound(row, backend)
    for place, result in enumerate(results):
        position = place - 1 if place else None
        off = errors(result[: len(ordinary)], truths(head, position, dtype), dtype, largest_terms(head, position, dtype), underflow(row, backend))
        worst = int(np.argmax(off))
        assert off[worst] <= limit, f"{'slope' if place else 'value'} {position} at {ordinary[worst]}: {result[worst]!r} is {off[worst]:.1f} ulp off"
    unit = limit * float(np.finfo(dtype).eps)
    for number, point in enumerate(point for point in row.special if len(point.at) == arity(head)):
        found = [float(result[len(ordinary) + number]) for result in results]
        wanted = [float(value) for value in (point.value, *point.slopes)]
        np.testing.assert_allclose(found[: len(wanted)], wanted, rtol=unit, atol=unit / 8, err_msg=str(point))
    values = results[0][len(results[0]) - len(missing) :]
    assert np.isnan(values).all(), f"of {missing} come {values}"


def missing_points(head: Head, dtype: str) -> Any:
    """Arguments with a nan in the place of one that the function reads there; a truth value is there for a nan as well."""
    count = arity(head)
    if (ROWS[head].flat and any(sp.nan in point.at for point in ROWS[head].special)) or head is functions.where:
        return np.zeros((0, count), dtype)
    first, other = points_of(head, dtype)[0], points_of(head, dtype)[-1]
    found = []
    for k in range(count):
        moved = first.copy()
        moved[k] = other[k] if other[k] != first[k] else 0.25
        with np.errstate(all="ignore"):
            values = [numbers_of(head)(*point) for point in (first.astype(float), moved.astype(float))]
        if values[0] != values[1] and (head, k) != (sp.polygamma, 0):  # whose order is a whole number
            found.append(np.where(np.arange(count) == k, np.nan, first))
    return np.array(found, dtype).reshape(len(found), count)


@EVERY_ROW
def test_slopes_are_those_of_differences(head: Head) -> None:
    points = np.array([point for point in points_of(head).tolist() if all(0.05 < abs(part) < 4 for part in point)][:8])
    net, width = with_slopes(head, len(points)), 1e-5
    for k, slope in enumerate(numbers(net, "numpy", "float64", points)[1:]):
        if head in (sp.polygamma, functions.where) and k == 0:
            continue  # an order is not a real number, and a condition is none either
        step = np.zeros(points.shape[1])
        step[k] = width
        ahead, behind = (numbers(net, "numpy", "float64", points + sign * step)[0] for sign in (1, -1))
        kink = np.abs(ahead - behind) > 0.4  # a jump, or equal arguments of a largest value
        alike = [np.isclose(points[:, k], points[:, j]) for j in range(points.shape[1]) if j != k]
        smooth = ~np.logical_or.reduce([kink, *alike])
        np.testing.assert_allclose(slope[smooth], ((ahead - behind) / (2 * width))[smooth], rtol=1e-6, atol=1e-8)


@EVERY_ROW
def test_nets_of_every_function_can_be_kept(head: Head) -> None:
    net = with_slopes(head, 3)
    assert sf.from_json(net.to_json()) == net
    assert pickle.loads(pickle.dumps(net)) == net


@EVERY_ROW
def test_definitions_are_what_sympy_evaluates(head: Head) -> None:
    row = ROWS[head]
    if row.definition is None:
        return
    for point in points_of(head).tolist()[:6]:
        with mpmath.workdps(DIGITS):
            wanted = in_mpmath(head, None)(*map(mpmath.mpf, point))
        assert float(head(*map(sp.Float, point))) == pytest.approx(float(wanted), rel=1e-13, abs=1e-300)


def test_a_row_of_a_users_own_is_known_everywhere() -> None:
    cube = type("cube_of_a_test", (sp.Function,), {"nargs": 1, "__module__": __name__})
    function(cube, lambda xp, z: z * z * z, slopes=(lambda z: 3 * z**2,), composition=lambda z: z**3, definition=lambda z: z**3)
    try:
        x, at = sf.tensor("x", (3,)), np.array([-1.0, 0.5, 2.0])
        net = sf.Net.of(cube(x) + 1)
        slope = sf.grad(sf.Net.of(net.outputs[0].sum()), wrt="x")
        assert str(net) == "1 + cube_of_a_test(x)"
        assert sf.from_json(net.to_json()) == net
        for backend in ("numpy", *(name for name, package in PACKAGES.items() if find_spec(package))):
            np.testing.assert_allclose(net.compile(backend)(x=at), at**3 + 1, rtol=1e-12)
            np.testing.assert_allclose(slope.compile(backend)(x=at)["x"], 3 * at**2, rtol=1e-12)
    finally:
        ROWS.pop(cube)


def by_package(package: str, head: Head, points: Any) -> list[Any]:
    """The value of an exported function, and its slopes as a package forms them."""
    net = sf.Net.of(Node(head, tuple(sf.tensor(f"u{k}", (len(points),)) for k in range(arity(head)))))
    if package == "torch":
        import torch

        given = [torch.tensor(column.copy(), requires_grad=True) for column in points.T]
        value = sf.to_torch(net, {})(*given)
        slopes = [torch.zeros_like(column) for column in given]
        if value.requires_grad:
            slopes = torch.autograd.grad(value.sum(), given, allow_unused=True, materialize_grads=True)
        return [value.detach().numpy(), *map(np.asarray, slopes)]
    import jax

    with jax.enable_x64(True):
        function = jax.jit(sf.to_jax(net))
        value, back = jax.vjp(lambda *columns: function({}, *columns), *points.T)
        return [np.asarray(value), *map(np.asarray, back(jax.numpy.ones_like(value)))]
