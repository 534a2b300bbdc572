"""Chains of repeated module calls: their members, the state they pass on, and the modules to write out for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from symfold.exchange.pytorch.export import Scope, leaves, replace
from symfold.exchange.pytorch.modules import without_number

if TYPE_CHECKING:
    from torch.fx import Node as FxNode

Kinds = Mapping[str, str]  # modules by path, with the names of their classes
Uses = tuple[tuple[int, tuple[tuple[int, int], ...]], ...]


@dataclass
class Chain:
    """Consecutive calls that repeat: the state that each passes to the next, and its further outputs.

    Operations and arguments are identified by their position in a call, so that they are equal in all members.
    """

    members: list[Scope]
    uses: Uses
    outputs: tuple[int, ...] = ()
    starts: dict[Any, Any] = field(default_factory=dict)  # placeholders of the initial state -> its values
    state: dict[Any, Any] = field(default_factory=dict)
    before: list[Any] = field(default_factory=list)  # the operations of the previous member


def families(items: Sequence[object], kinds: Kinds) -> list[list[Scope]]:
    """Calls of numbered modules of one class, and calls of one module."""
    calls: dict[Any, list[Scope]] = {}
    for item in items:
        if isinstance(item, Scope):
            head, number = without_number(item.path)
            calls.setdefault((head, kinds.get(item.path)) if number else item.path, []).append(item)
    return list(calls.values())


def uses_of(before: Scope, after: Scope) -> Uses:
    """For each result of a call that an equal next call reads: the reading operations and argument positions."""
    first, second = list(before.nodes()), list(after.nodes())
    if [node.target for node in first] != [node.target for node in second]:
        return ()
    place = {node: k for k, node in enumerate(first)}
    uses: dict[int, list[tuple[int, int]]] = {}
    for k, node in enumerate(second):
        for position, arg in enumerate(leaves(node)):
            if arg in place:
                uses.setdefault(place[arg], []).append((k, position))
    return tuple((result, tuple(readers)) for result, readers in sorted(uses.items()))


def chains_of(items: Sequence[object], kinds: Kinds, users: Mapping[FxNode, Sequence[FxNode]]) -> dict[int, Chain]:
    """The chains of calls that pass on a state, by the id of each member."""
    chains: dict[int, Chain] = {}
    for members in families(items, kinds):
        chain: Chain | None = None
        for before, after in pairwise(members):
            uses = uses_of(before, after)
            if not uses or (chain is not None and chain.uses != uses):
                chain = None
                continue
            if chain is None:
                chain = Chain([before], uses)
                chains[id(before)] = chain
            chain.members.append(after)
            chains[id(after)] = chain
    for chain in {id(chain): chain for chain in chains.values()}.values():
        if not begin(chain):  # the first call reads no single state: the chain begins after it
            chains.pop(id(chain.members.pop(0)))
            begin(chain)
        chain.outputs = outputs_of(chain, users)
    return chains


def begin(chain: Chain) -> bool:
    """Replace the initial state by placeholders, since it may be constant or repeated; False if it is not one value."""
    nodes = list(chain.members[0].nodes())
    initial = [{leaves(nodes[k])[position] for k, position in readers} for _, readers in chain.uses]
    if not all(len(values) == 1 and hasattr(next(iter(values)), "all_input_nodes") for values in initial):
        return False
    for (_, readers), (start,) in zip(chain.uses, initial, strict=True):
        with start.graph.inserting_before(nodes[0]):
            placeholder = start.graph.create_node("call_function", leaves, (), name=f"{start.name}_start")
        placeholder.meta = dict(start.meta)
        for k in {k for k, _ in readers}:
            replace(nodes[k], {position for j, position in readers if j == k}, placeholder)
        chain.starts[placeholder] = start
    return True


def outputs_of(chain: Chain, users: Mapping[FxNode, Sequence[FxNode]]) -> tuple[int, ...]:
    """The outputs of members besides the state: results with readers outside of the next member."""
    carried = {result for result, _ in chain.uses}
    outputs: set[int] = set()
    for member, following in zip(chain.members, (*chain.members[1:], None), strict=True):
        inside = set(member.nodes()) | (set(following.nodes()) if following else set())
        outputs |= {
            k for k, node in enumerate(member.nodes())
            if not (following is None and k in carried) and any(user not in inside for user in users[node])
        }  # fmt: skip
    return tuple(sorted(outputs))
