"""The columns of a frame: each node right after what it reads, some right above or below their readers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from symfold.base.deferred import nx
from symfold.show.diagram.tracks import Element

if TYPE_CHECKING:
    from symfold.show.diagram.arrangement import Arrangement


@dataclass(frozen=True)
class Neighbors:
    """The nodes that stand beside others."""

    main: dict[str, str]  # the node whose line enters a node from the left
    following: dict[str, str]  # the next node of a chain
    vertical: dict[str, str]  # nodes right above or below their only reader


def neighbors(of: Arrangement) -> Neighbors:
    """For each node the operand on its left, and the operands right above or below it."""
    main_of: dict[str, str] = {}
    following: dict[str, str] = {}
    vertical: dict[str, str] = {}
    taken: set[str] = set()
    depth: dict[str, int] = {}
    for name in of.frame.nodes:
        depth[name] = 1 + max((depth.get(of.arrows[k].source, 0) for k in of.layout.into[name]), default=-1)
    for name in of.frame.nodes:
        arrows = [of.arrows[k] for k in of.layout.into[name]]
        lane = of.lanes.get(name)
        on_lane = [
            a.source
            for a in arrows
            if lane and lane in (of.lanes.get(a.source), of.outside.get(a.source), _lane_inside(of, a.source))
        ]
        free = [
            a.source for a in arrows
            if of.tracks.loose(a.source) and a.source not in of.lanes and a.source not in taken
        ]  # fmt: skip
        others = [a.source for a in arrows if a.source not in free]
        chained = [s for s in free if of.layout.into[s]] or ([] if others else free)
        if on_lane:
            main = on_lane[0]
        elif lane:
            main = ""
        else:
            main = max(chained, key=lambda s: (depth[s], -free.index(s)), default=others[0] if others else "")
        if main:
            main_of[name] = main
        if main in free and not lane:
            following[main] = name
            taken.add(main)
        hung = [s for s in dict.fromkeys(free) if s != main and s not in of.aside and len(of.layout.out[s]) == 1]
        hung.sort(key=lambda s: -len(of.layout.into[s]))
        if of.scene.shapes[name].kind != "output":
            vertical |= dict.fromkeys(hung[:2], name)
    return Neighbors(main_of, following, vertical)


def _lane_inside(of: Arrangement, name: str) -> str | None:
    step = of.owner.get(name)
    return of.tracks.lane(of.scene.lanes[name], step) if isinstance(step, int) and name in of.scene.lanes else None


def columns_of(of: Arrangement) -> dict[Element, int]:
    """The first column of each element."""
    columns: dict[Element, int] = {}
    order: dict[Element, int] = {element: k for k, element in enumerate(dict.fromkeys(of.owner.values()))}
    distance: dict[tuple[Element, Element], int] = {}
    for source, end, k in of.between():
        length = of.width(source)
        if isinstance(source, str) and of.vertical.get(source) == end:
            length = 0
        elif isinstance(source, int) and isinstance(end, int) and of.before.get(end) != source:
            # room for the arrow to enter the step at its left side, below the title
            length = of.inner[source][0].places[of.arrows[k].source][0] + 1
        distance[source, end] = max(length, distance.get((source, end), length))
    for end, source in of.before.items():
        distance[source, end] = max(of.width(source), distance.get((source, end), 0))
    for state in [name for name in of.lanes if _comes_in(of, name)]:  # it stands first on its lane
        following = [name for name in of.lanes if of.lanes[name] == of.lanes[state] and name != state]
        distance |= {(state, name): max(1, distance.get((state, name), 1)) for name in following}
    forward = nx.DiGraph()
    forward.add_nodes_from(order)
    forward.add_edges_from(distance)
    if not nx.is_directed_acyclic_graph(forward):
        forward.remove_edges_from([pair for pair in distance if order[pair[0]] > order[pair[1]]])
    sorted_ = list(nx.lexicographical_topological_sort(forward, key=order.__getitem__))
    for element in sorted_:
        columns[element] = max((columns[a] + distance[a, element] for a in forward.predecessors(element)), default=0)
        if isinstance(element, int):
            columns[element] += of.later.get(element, 0)
    for element in reversed(sorted_):
        after = [columns[b] - distance[element, b] for b in forward.successors(element)]
        if after and not forward.in_degree(element) and isinstance(element, str) and not _comes_in(of, element):
            columns[element] = min(after)
    last = [name for name in of.frame.nodes if _is_last(of, name)]
    end = max((columns[e] + of.width(e) - 1 for e in columns if e not in last), default=-1) + 1
    end = max((end, *(columns[name] for name in last)))
    columns |= {name: end for name in last if name in of.lanes or not of.frame.path}
    return columns


def _comes_in(of: Arrangement, name: str) -> bool:
    """Whether a node is the state that comes into this step."""
    is_state = name in of.lanes and of.scene.shapes[name].kind == "state"
    return bool(of.frame.path) and is_state and "data" not in of.tracks.kinds(name)


def _is_last(of: Arrangement, name: str) -> bool:
    """Whether a node goes to the end of the frame: a result, or a state that nothing else there reads."""
    if of.scene.shapes[name].kind == "state":
        given = of.tracks.ends(name) and not of.tracks.is_before_step(name)
        return given and not any(map(of.tracks.loose, _readers(of, name)))
    return not of.layout.out[name]


def _readers(of: Arrangement, name: str) -> list[str]:
    return [of.arrows[k].end for k in of.layout.out[name]]
