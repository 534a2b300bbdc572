"""A gallery of the zoo: every architecture drawn, three steps of it and folded, on one page.

python -m examples.gallery [folder for the pictures and index.html, default: out/gallery]
"""

import pathlib
import re
import sys
from html import escape

import symfold as sf

STEPS = 3
STYLE = """
body { margin: 0 auto; max-width: 75rem; padding: 0 1rem 3rem; color: #222; background: #fff;
  font: 1rem/1.5 sans-serif; }
nav { columns: 10rem; font-size: .875rem; } nav a { display: block; } a { color: #0072b2; }
section { border-top: 1px solid #d0d0d0; margin-top: 2rem; } h2 { margin: 1rem 0 .5rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1rem; margin: 0; }
dt { color: #666; } dd { margin: 0; overflow-wrap: anywhere; }
figure { margin: 1rem 0 0; } figure div { overflow-x: auto; } img { max-width: 100%; height: auto; }
figcaption { color: #666; font-size: .875rem; }
"""
HEAD = '<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>The zoo of symfold</title>'
MARKS = (
    "An orange line is a skip: it goes round a layer. "
    "Dashed lines come from outside the steps, dotted ones bring an item."
)


def pictures(row: sf.mappers.Architecture, folder: pathlib.Path) -> dict[str, pathlib.Path]:
    """The pictures that there are of an architecture, by what they show."""
    drawn = {f"{STEPS} steps": row.net(STEPS).draw(folder / f"{row.name}.svg", "layer")}
    try:
        folded = row.net("n")
    except sf.SymfoldError:  # its steps differ in shape or number, so that there is no one step to draw
        return drawn
    return {**drawn, "one step, folded": folded.draw(folder / f"{row.name}_folded.svg", "fold")}


def least_width(path: pathlib.Path) -> int:
    """The width in pixels below which the letters of a picture are too small, so that its frame scrolls instead."""
    points = re.search(r'<svg width="(\d+)pt"', path.read_text(encoding="utf-8"))
    return int(points[1]) * 4 // 5 if points else 0


def figure(name: str, what: str, path: pathlib.Path) -> str:
    """A picture in a frame that scrolls, with what it shows below it."""
    look = f'src="{escape(path.name)}" alt="{escape(f"{name}: {what}")}" style="min-width: {least_width(path)}px"'
    return f'<figure><div tabindex="0"><img {look}></div><figcaption>{escape(what)}</figcaption></figure>'


def section(row: sf.mappers.Architecture, drawn: dict[str, pathlib.Path]) -> str:
    """An architecture: its name, what is known of it, and its pictures."""
    told = {"a step": row.formula, "paths": row.paths, "source": row.source}
    facts = "".join(f"<dt>{escape(key)}</dt><dd>{escape(value)}</dd>" for key, value in told.items() if value)
    figures = "".join(figure(row.name, what, path) for what, path in drawn.items())
    return f'<section id="{escape(row.name)}"><h2>{escape(row.name)}</h2><dl>{facts}</dl>{figures}</section>'


def page(sections: dict[str, str]) -> str:
    """The sections on one page, with links to each."""
    links = "".join(f'<a href="#{escape(name)}">{escape(name)}</a>' for name in sections)
    intro = f"{len(sections)} architectures, each a fold of a step over layers. {MARKS}"
    told = f"<h1>The zoo</h1><p>{intro}</p><nav>{links}</nav>"
    begin = f'<!doctype html>\n<html lang="en"><head>{HEAD}<style>{STYLE}</style></head>\n<body>{told}'
    return "\n".join([begin, *sections.values(), "</body></html>\n"])


def main(folder: pathlib.Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    drawn = {name: pictures(row, folder) for name, row in sf.mappers.ARCHITECTURES.items()}
    index = folder / "index.html"
    sections = {name: section(row, drawn[name]) for name, row in sf.mappers.ARCHITECTURES.items()}
    index.write_text(page(sections), encoding="utf-8")
    print(f"{sum(map(len, drawn.values()))} pictures of {len(drawn)} architectures: {index}")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "out/gallery"))
