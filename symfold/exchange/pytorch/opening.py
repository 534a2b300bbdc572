"""Which modules are written out, and which stay closed: layers of the net."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from symfold.exchange.pytorch.export import Exported, Scope
from symfold.exchange.pytorch.operations import name_of
from symfold.exchange.pytorch.recurrent import RECURRENT

if TYPE_CHECKING:
    from torch.fx import Node as FxNode

Kinds = Mapping[str, str]  # modules by path, with the names of their classes
SUMS = frozenset({"add", "sub", "rsub", "cat", "concat", "stack"})
CONTAINERS = frozenset({"Sequential", "ModuleList", "ModuleDict"})


def opened(exported: Exported, kinds: Kinds, depth: int | None = None) -> frozenset[str]:
    """The modules to write out, by path: down to a depth, or what an honest picture needs.

    Without a depth, a module is written out if values join in it or in a module inside (a sum or concatenation of
    values that went through different weights), if it is recurrent, if it is the outermost of repeated modules, or if
    no module around it repeats. So what is closed hides no skip connection and no fold over time.
    """
    if depth is not None:
        return frozenset(
            scope.path
            for scope, level in _nested(exported.root, 0)
            if level < depth and (level == 0 or calls(scope) or joins(scope, exported))
        )
    scopes = [scope for scope, _ in _nested(exported.root, 0)]
    signatures = {id(scope): signature(scope, kinds) for scope in scopes}
    times = Counter(signatures[id(scope)] for scope in scopes if calls(scope))
    several = {scope.path for scope in scopes if len(results_of(scope, exported)) > 1}
    result = {exported.root.path}

    def visit(scope: Scope, inside: bool) -> bool:
        repeated = times[signatures[id(scope)]] > 1
        inner = [visit(call, inside or repeated) for call in calls(scope)]
        loops = any(name_of(item.target) in RECURRENT for item in scope.items if not isinstance(item, Scope))
        opens = any(inner) or bool(inner and not inside) or joins(scope, exported) or scope.path in several or loops
        if opens:
            result.add(scope.path)
        return opens

    for call in calls(exported.root):
        visit(call, inside=False)
    return frozenset(result)


def candidates(root: Scope, written_out: frozenset[str], kinds: Kinds) -> dict[str, str]:
    """The candidates for layers, with their classes: modules called by modules that are written out."""
    layer_kinds: dict[str, str] = {}
    queue = [root]
    while queue:
        scope = queue.pop(0)
        if scope.path in written_out:
            queue += calls(scope)
        else:
            layer_kinds[scope.path] = kinds.get(scope.path, "layer")
    return layer_kinds


def calls(scope: Scope) -> list[Scope]:
    """The calls that a call makes."""
    return [item for item in scope.items if isinstance(item, Scope)]


def results_of(scope: Scope, exported: Exported) -> list[FxNode]:
    """The values of a call that are read outside of it."""
    inside = set(scope.nodes())
    return [node for node in scope.nodes() if any(user not in inside for user in exported.users[node])]


def signature(scope: Scope, kinds: Kinds) -> Any:
    """What equal modules have in common: the class; of a container, the classes of its parts too."""
    kind = kinds.get(scope.path, "layer")
    return (kind, *(signature(call, kinds) for call in calls(scope))) if kind in CONTAINERS else kind


def _nested(scope: Scope, level: int) -> Iterator[tuple[Scope, int]]:
    yield scope, level
    for call in calls(scope):
        yield from _nested(call, level + 1)


def joins(scope: Scope, exported: Exported) -> bool:
    """Whether values that went through different weights of the call, and depend on the inputs, are added or joined."""
    places: dict[FxNode, int] = {}
    weights: dict[FxNode, int] = {}  # the weights that a value went through, as a set of bits
    for node in scope.nodes():
        own = 0
        for arg in node.all_input_nodes:
            if arg in exported.parameters:
                own |= 1 << places.setdefault(arg, len(places))
            else:
                own |= weights.get(arg, 0)
        weights[node] = own
        if name_of(node.target) in SUMS:
            parts = [arg for arg in node.all_input_nodes if arg in exported.real]
            if len({weights.get(part, 0) for part in parts}) > 1:
                return True
    return False
