"""Calls of PyTorch's modules that repeat: which they are, what each hands on to the next, and what is written out for them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from symfold.exchange.pytorch.export import Scope, leaves, replace
from symfold.exchange.pytorch.modules import without_number

Kinds = Mapping[str, str]  # modules by path, with the names of their classes
Uses = tuple[tuple[int, tuple[tuple[int, int], ...]], ...]


@dataclass
class Chain:
    """Calls that do the same, one after the other: what each hands on to the next, and what it gives out besides.

    Operations and their arguments are told by their number in a call, so that they are the same in all.
    """

    members: list[Scope]
    uses: Uses
    given: tuple[int, ...] = ()
    starts: dict[Any, Any] = field(default_factory=dict)  # names for the first state, with what it is
    state: dict[Any, Any] = field(default_factory=dict)
    before: list[Any] = field(default_factory=list)  # the operations of the member that came last


def families(items: Sequence[Any], kinds: Kinds) -> list[list[Scope]]:
    """Calls of modules of one class that are numbered in a row, and calls of one module."""
    found: dict[Any, list[Scope]] = {}
    for item in items:
        if isinstance(item, Scope):
            head, number = without_number(item.path)
            found.setdefault((head, kinds.get(item.path)) if number else item.path, []).append(item)
    return list(found.values())


def uses_of(before: Scope, after: Scope) -> Uses:
    """Where a call reads the results of the call before it, if the two do the same: by result, the operations and arguments."""
    first, second = list(before.nodes()), list(after.nodes())
    if [node.target for node in first] != [node.target for node in second]:
        return ()
    place = {node: k for k, node in enumerate(first)}
    found: dict[int, list[tuple[int, int]]] = {}
    for k, node in enumerate(second):
        for at, arg in enumerate(leaves(node)):
            if arg in place:
                found.setdefault(place[arg], []).append((k, at))
    return tuple((result, tuple(where)) for result, where in sorted(found.items()))


def opened(scope: Scope, kinds: Kinds) -> set[str]:
    """The modules that are written out: the steps that repeat and have parts, and all that holds such steps."""
    calls = [item for item in scope.items if isinstance(item, Scope)]
    found = {path for call in calls for path in opened(call, kinds)}
    repeats = {
        call.path
        for members in families(calls, kinds)
        if any(uses_of(*pair) for pair in pairwise(members))
        for call in members
    }
    whole = {path for path in repeats if not any(other.startswith(f"{path}.") for other in kinds)}
    return found | (repeats - whole) | ({scope.path} if found or repeats else set())


def candidates(root: Scope, written_out: Collection[str], kinds: Kinds) -> dict[str, str]:
    """The modules that may be layers, with their classes: those called by modules that are written out."""
    found: dict[str, str] = {}
    waiting = [root]
    while waiting:
        for item in waiting.pop(0).items:
            if isinstance(item, Scope):
                if item.path in written_out:
                    waiting.append(item)
                else:
                    found[item.path] = kinds.get(item.path, "layer")
    return found


def chains_of(items: Sequence[Any], kinds: Kinds, users: Mapping[Any, Sequence[Any]]) -> dict[int, Chain]:
    """The calls of repeated modules, and of one module again and again, that hand a state on."""
    found: dict[int, Chain] = {}
    for members in families(items, kinds):
        chain: Chain | None = None
        for before, after in pairwise(members):
            uses = uses_of(before, after)
            if not uses or (chain is not None and chain.uses != uses):
                chain = None
                continue
            if chain is None:
                chain = Chain([before], uses)
                found[id(before)] = chain
            chain.members.append(after)
            found[id(after)] = chain
    for chain in {id(chain): chain for chain in found.values()}.values():
        if not begin(chain):  # what the first one reads is no state: the chain begins after it
            found.pop(id(chain.members.pop(0)))
            begin(chain)
        chain.given = given_out(chain, users)
    return found


def begin(chain: Chain) -> bool:
    """The first state under names of its own, since it may be constant, or one value twice; or not, where it is several values."""
    nodes = list(chain.members[0].nodes())
    read = [{leaves(nodes[k])[at] for k, at in where} for _, where in chain.uses]
    if not all(len(one) == 1 and hasattr(next(iter(one)), "all_input_nodes") for one in read):
        return False
    for (_, where), (start,) in zip(chain.uses, read, strict=True):
        with start.graph.inserting_before(nodes[0]):
            own = start.graph.create_node("call_function", leaves, (), name=f"{start.name}_start")
        own.meta = dict(start.meta)
        for k in {k for k, _ in where}:
            replace(nodes[k], {at for j, at in where if j == k}, own)
        chain.starts[own] = start
    return True


def given_out(chain: Chain, users: Mapping[Any, Sequence[Any]]) -> tuple[int, ...]:
    """What members give out besides the state: all that anybody but the next member reads."""
    carried = {result for result, _ in chain.uses}
    found: set[int] = set()
    for member, following in zip(chain.members, (*chain.members[1:], None), strict=True):
        inside = set(member.nodes()) | (set(following.nodes()) if following else set())
        found |= {
            k for k, node in enumerate(member.nodes())
            if not (following is None and k in carried) and any(user not in inside for user in users[node])
        }  # fmt: skip
    return tuple(sorted(found))
