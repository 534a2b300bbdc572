"""Rolling: unroll folds into steps, roll steps into folds, and replace symbolic depths by numbers.

    roll(unroll(net)) == roll(net)

An unrolled net keeps each step as a fold of one step, so steps stay separate. `roll` is the normal form: neighboring
steps with equal blocks are one fold, and a fold of one step is replaced by the operations of its block.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import sympy as sp

from symfold.base.arguments import flag, quoted, whole
from symfold.base.public import public
from symfold.core.attach import attach
from symfold.core.blocks import Block
from symfold.core.folds import Fold, Select, apply_fold, is_emitted, is_fold, is_last_state, rebuilt_inside, walk_inside
from symfold.core.net import Net
from symfold.core.nodes import Node, rebuilt, walk, with_args
from symfold.core.primitives import is_primitive
from symfold.core.sequences import element, entry_of, join, numbered_run, rebuilt_sequence, stack, take, take_row
from symfold.core.shapes import positive_integer
from symfold.core.stacked_inputs import Numbered, StackedInputs, known_count
from symfold.errors import Advice, InvalidType, InvalidValue, TooLarge, listing
from symfold.transform.repeats.runs import ENOUGH
from symfold.transform.repeats.search import with_repeats_folded
from symfold.transform.specialize import net_with_sizes

MOST_LISTED = 200_000  # steps of merged folds whose items are listed: some five seconds


@public
def unroll(net: Any) -> Net:
    """The net with every fold as a chain of folds of one step.

    >>> import symfold as sf
    >>> net = sf.fold(sf.mappers.residual, sf.layers("f1:4"), sf.tensor("x"))
    >>> len(net.bindings), len(unroll(net).bindings), roll(unroll(net)) == roll(net)
    (1, 3, True)
    """
    net = Net.of(net)
    return net.with_outputs(unroll_nodes(net.outputs)).taking(net)


def unroll_nodes(roots: Sequence[Node]) -> tuple[Node, ...]:
    """`unroll` over nodes."""

    def rule(node: Node, args: tuple[Node, ...]) -> Any:
        return _steps(node.op, args) if isinstance(node.op, Fold) else _arranged(node, args)

    return rebuilt(roots, rule)


def _arranged(node: Node, args: tuple[Node, ...]) -> Node | None:
    """A sequence operation in normal form, if that changes it; negative indices become positive."""
    entry = entry_of(node)
    changes = args != node.args or (entry is not None and entry[1] < 0)
    return rebuilt_sequence(node, args) if args and changes else None


def _steps(fold: Fold, args: tuple[Node, ...]) -> tuple[Node, ...]:
    """The results of a fold, computed by one fold of one step per step."""
    state, operands = fold.split(args)
    outputs: list[tuple[Node, ...]] = []
    for step in range(known_count(fold.count)):
        entries = [element(o, step) if each else o for o, each in zip(operands, fold.each, strict=True)]
        state, outputs_of_step = fold.split(apply_fold(fold.block, 1, state, entries, [False] * len(entries)))
        outputs.append(outputs_of_step)
    return (*state, *(join(parts) for parts in zip(*outputs, strict=True)))


@public
def roll(net: Any, search: bool = True) -> Net:
    """The net with repeated steps as folds: the normal form of its folds, and folds for repeated equations.

    Equations repeat if they are equal in structure, shapes and wiring, whatever the names of layers and parameters.
    Steps may pass on several values, read values of earlier steps and of other chains, and be read later. Without
    `search`, only folds are rolled: neighboring steps with equal blocks become one fold, a fold of one step its
    operations.

    >>> import numpy as np, symfold as sf
    >>> f, g = sf.layers("f1:4"), sf.layers("g1:4")
    >>> z = sf.tensor("x")
    >>> for k in range(3):
    ...     z = z + g[k](np.tanh(f[k](z)))
    >>> print(sf.formula(sf.roll(z), form="fold"))
    z_k = z_{k-1} + g_k(tanh(f_k(z_{k-1}))), k = 1..3, z_0 = x
    >>> len(sf.roll(z, search=False).bindings)
    0
    """
    net = Net.of(net)
    rolled = roll_nodes(net.outputs)
    if flag("search", search):
        rolled = _blocks_searched(_searched(rolled))
    return net.with_outputs(rolled).taking(net)


def _searched(roots: tuple[Node, ...], least: int = 2) -> tuple[Node, ...]:
    """The roots with repeated equations as folds; a fold that was found may repeat in turn."""
    before = None
    while roots != before:
        roots, before = roll_nodes(with_repeats_folded(roots, least)), roots
    return roots


def _blocks_searched(roots: tuple[Node, ...]) -> tuple[Node, ...]:
    """The roots with what repeats inside the steps of folds as folds, too."""
    memo: dict[Block, Block] = {}

    def rule(node: Node, args: tuple[Node, ...]) -> Any:
        if not isinstance(node.op, Fold):
            return _arranged(node, args)
        block = node.op.block
        if block not in memo:
            memo[block] = Block(block.shapes, _blocks_searched(_searched(block.results, ENOUGH)))
        return node.op.over(args, memo[block])

    return rebuilt(roots, rule)


def roll_nodes(roots: Sequence[Node]) -> tuple[Node, ...]:
    """`roll` over nodes."""
    roots = tuple(roots)
    if not any(isinstance(node.op, Fold) or _arranged(node, node.args) is not None for node in walk(roots)):
        return roots
    return without_single_steps(merged(without_unread_steps(roots)))


def without_unread_steps(roots: tuple[Node, ...]) -> tuple[Node, ...]:
    """The roots with every fold ended after the last step that is read, as if its steps were written out."""
    if not any(map(is_emitted, walk(roots))):
        return roots
    roots = rebuilt(roots, _arranged_again)
    order = walk(roots)
    last: dict[Node, float] = dict.fromkeys(roots, math.inf)  # how many entries of a sequence, or steps, are read

    def read(node: Node, entries: float) -> None:
        last[node] = max(last.get(node, 0), entries)

    for node in reversed(order):
        op, entry = node.op, entry_of(node)
        if isinstance(op, Fold):
            for k, arg in enumerate(node.args):
                read(arg, last[node] if k >= op.carries and op.each[k - op.carries] else math.inf)
        elif isinstance(op, Select):
            read(node.args[0], last[node] if op.position >= node.args[0].op.carries else math.inf)
        elif entry and entry[1] >= 0:
            read(entry[0], entry[1] + 1)
        elif is_primitive(node, take_row):
            positions = dict(op.attributes)["positions"]
            ends = (positions[0], positions[-1]) if positions and isinstance(positions, range) else positions
            read(node.args[0], max(ends, default=-1) + 1)
        else:
            for arg in node.args:
                read(arg, math.inf)

    def rule(node: Node, args: tuple[Node, ...]) -> Any:
        fold = node.op
        if not isinstance(fold, Fold) or not isinstance(fold.count, int) or last[node] >= fold.count:
            return _arranged(node, args)
        steps = range(max(1, int(last[node])))
        init, operands = fold.split(args)
        operands = tuple(take(o, steps) if each else o for o, each in zip(operands, fold.each, strict=True))
        return apply_fold(fold.block, len(steps), init, operands, fold.each)

    return rebuilt(roots, rule)


def without_single_steps(roots: Sequence[Node]) -> tuple[Node, ...]:
    """The roots with every fold of one step replaced by the operations of its block."""

    def rule(node: Node, args: tuple[Node, ...]) -> Any:
        if not isinstance(node.op, Fold):
            return _arranged(node, args)
        return node.op.over(args) if node.op.count != 1 else _operations(node.op, node.op.block, args)

    return rebuilt(roots, rule)


def written_out(roots: Sequence[Node], which: Callable[[Fold], bool]) -> tuple[Node, ...]:
    """The roots with the operations of every step in place of such folds, also in the blocks of others."""

    def fold_rule(fold: Fold, block: Block, args: tuple[Node, ...]) -> tuple[Node, ...]:
        return _operations(fold, block, args) if which(fold) else fold.over(args, block)

    return rebuilt_inside(roots, _arranged, fold_rule)


def _operations(fold: Fold, block: Block, args: tuple[Node, ...]) -> tuple[Node, ...]:
    """The results of a fold, computed by the operations of this block, step after step."""
    state, operands = fold.split(args)
    outputs: list[tuple[Node, ...]] = []
    for step in range(known_count(fold.count)):
        entries = (element(o, step) if each else o for o, each in zip(operands, fold.each, strict=True))
        results = rebuilt(block.results, _arranged_again, dict(zip(block.formals, (*state, *entries), strict=True)))
        state, outputs_of_step = fold.split(results)
        outputs.append(outputs_of_step)
    return (*state, *map(stack, zip(*outputs, strict=True)))


def _arranged_again(node: Node, args: tuple[Node, ...]) -> Any:
    if isinstance(node.op, Fold):
        return node.op.over(args) if args != node.args else None
    return rebuilt_sequence(node, args) if args else None


def _normal_block(block: Block) -> Block:
    if any(is_fold(node) for node in walk(block.results)):
        return Block(block.shapes, roll_nodes(block.results))
    return block


def merged(roots: tuple[Node, ...]) -> tuple[Node, ...]:
    """The roots with every chain of folds with equal blocks as one fold."""
    order = walk(roots)
    blocks = {node: _normal_block(node.op.block) for node in filter(is_fold, order)}
    users: dict[Node, list[Node]] = {}
    for node in order:
        for arg in dict.fromkeys(node.args):
            users.setdefault(arg, []).append(node)
    after: dict[Node[Fold], Node[Fold]] = {}
    for node in blocks:
        if (follower := _follower(node, blocks, users, set(roots))) is not None:
            after[node] = follower
    followers = set(after.values())
    chains: dict[Node, list[Node[Fold]]] = {}
    for node in blocks:
        if node not in followers:
            chain = [node]
            while chain[-1] in after:
                chain.append(after[chain[-1]])
            for member in chain:
                chains[member] = chain
    return _rebuild_chains(roots, chains, blocks)


def _follower(
    node: Node[Fold], blocks: Mapping[Node[Fold], Block], users: Mapping[Node, list[Node]], roots: set[Node]
) -> Node[Fold] | None:
    """The fold with an equal block that continues from exactly the last state of this one, if there is one."""
    carries = node.op.carries
    if not carries:
        return None
    follower: Node[Fold] | None = None
    for select in filter(is_last_state, users.get(node, [])):
        readers = users.get(select, [])
        if select in roots or len(readers) != 1 or not is_fold(readers[0]):
            return None
        if follower not in (None, readers[0]):
            return None
        follower = readers[0]
    if follower is None or follower.op.carries != carries or blocks[follower] != blocks[node]:
        return None
    continues = [
        arg.args[0] is node and arg.op.position == k if isinstance(arg.op, Select) else False
        for k, arg in enumerate(follower.args[:carries])
    ]
    reads_state = any(
        isinstance(arg.op, Select) and arg.args[0] is node and arg.op.position < carries
        for arg in follower.args[carries:]
    )
    known_counts = isinstance(node.op.count, int) and isinstance(follower.op.count, int)
    return follower if all(continues) and not reads_state and known_counts else None


def _rebuild_chains(
    roots: tuple[Node, ...], chains: dict[Node, list[Node[Fold]]], blocks: Mapping[Node[Fold], Block]
) -> tuple[Node, ...]:
    """Rebuild with every chain as one fold, except chains whose folds depend on each other through other nodes."""
    new: dict[Node, Any] = {}
    begun: set[int] = set()
    stack_: list[Node] = list(reversed(roots))
    while stack_:
        node = stack_[-1]
        if node in new:
            stack_.pop()
            continue
        chain: Sequence[Node] = chains.get(node, [node])
        members = set(chain)
        waiting = [arg for member in chain for arg in member.args if not _within(arg, members) and arg not in new]
        if waiting and len(chain) > 1 and id(chain) in begun:  # visited again while unfinished: a cycle
            chains.update({member: [member] for member in chains[node]})
        elif waiting:
            begun.add(id(chain))
            stack_ += waiting
        elif isinstance(node.op, Fold):
            _put_chain(chains[node], new, blocks)
        elif isinstance(node.op, Select):
            new[node] = new[node.args[0]][node.op.position]
        else:
            args = tuple(new[arg] for arg in node.args)
            arranged = _arranged(node, args)
            new[node] = with_args(node, args) if arranged is None else arranged
    return tuple(new[root] for root in roots)


def _within(arg: Node, members: set[Node]) -> bool:
    return arg in members or (is_last_state(arg) and arg.args[0] in members)


def _put_chain(chain: list[Node[Fold]], new: dict[Node, Any], blocks: Mapping[Node[Fold], Block]) -> None:
    first, carries = chain[0], chain[0].op.carries
    init = [new[arg] for arg in first.args[:carries]]
    counts = [known_count(m.op.count) if len(chain) > 1 else m.op.count for m in chain]
    operands, each = [], []
    for k in range(len(first.args) - carries):
        values = [(new[m.args[carries + k]], m.op.each[k]) for m in chain]
        if len({value for value, _ in values}) == 1 and not any(flag for _, flag in values):
            operands.append(values[0][0])
            each.append(False)
        elif len(chain) == 1:
            operands.append(values[0][0])
            each.append(values[0][1])
        elif all(flag for _, flag in values) and (run := numbered_run([value for value, _ in values])) is not None:
            operands.append(run)
            each.append(True)
        elif sum(counts) > MOST_LISTED:
            raise TooLarge(
                f"neighboring folds of {listing(f'{count:,}' for count in counts)} steps read different values, which "
                f"one fold lists for each step, up to {MOST_LISTED:,} steps",
                Advice("depth", 1000, "take a smaller depth"),
            )
        else:
            entries = [
                element(value, n) if flag else value
                for (value, flag), count in zip(values, counts, strict=True)
                for n in range(count)
            ]
            operands.append(stack(entries))
            each.append(True)
    total = sum(counts) if len(chain) > 1 else counts[0]
    results = apply_fold(blocks[first], total, init, operands, each)
    start = 0
    for member, count in zip(chain, counts, strict=True):
        part = [take(r, range(start, start + count)) if len(chain) > 1 else r for r in results[carries:]]
        new[member] = (*results[:carries], *part)
        start += count if len(chain) > 1 else 0


def depth_symbols(net: Net) -> list[sp.Symbol]:
    """The symbols in the depths of a net, sorted by name."""
    counts: list[Any] = [leaf.op.count for leaf in net.leaves if isinstance(leaf.op, StackedInputs)]
    counts += [fold.op.count for fold in filter(is_fold, walk_inside(net.outputs))]
    free = {symbol for count in counts if isinstance(count, sp.Expr) for symbol in count.free_symbols}
    return sorted(free, key=lambda symbol: symbol.name)


def at_depth(net: Net, depths: Mapping[str, int]) -> Net:
    """The net with symbolic depths replaced by numbers, by name."""
    free = [symbol.name for symbol in depth_symbols(net)]
    for name in depths:
        if name not in free:
            raise InvalidValue(
                f"no depth of the net is called {name!r} (its symbolic depths: {', '.join(free) or 'none'})"
            )
    values = {positive_integer(name): whole(f"depth {name}", depth, 0) for name, depth in depths.items()}
    result = net_with_sizes(net, values)
    families = zip(_families(net.form), _families(result.form), strict=True)
    for family, sized in families if 0 in values.values() else ():
        if sized.count == 0 and family.count != 0:
            raise InvalidValue(
                f"at depth 0 there is no {family[0]}, ..., {family.last}, and the net gives a value for each "
                "(take the depth before the gradient: sf.grad(loss.at(n=0)))"
            )
    return result


def _families(form: object) -> Iterator[Numbered]:
    """The numbered names in the form of a net."""
    if isinstance(form, Numbered):
        yield form
    elif isinstance(form, tuple):
        for part in form:
            yield from _families(part)


def at(net: Net, *values: object, **depths: int) -> Net:
    """The net with symbolic depths replaced by numbers; at 0, a fold is its start.

    >>> import symfold as sf
    >>> net = sf.fold(sf.mappers.residual, sf.layers("f", count=sp.Symbol("n")), sf.tensor("x"))
    >>> print(net.at(n=2))
    z1 = f1(x) + x
    z2 = f2(z1) + z1
    """
    if values:
        names = [symbol.name for symbol in depth_symbols(net)] or ["n"]
        raise InvalidType(f"a depth is given by name: net.at({names[0]}={quoted(values[0])})")
    return at_depth(net, depths)


attach(Net, at=at)
