"""MathML in a real browser: it is drawn whole, each sign where its element is, and no two numbers side by side.

Needs Chromium (Debian's package `chromium`) and the extra `browser`; skipped, with the reason, where one is missing.
"""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import Any
from xml.etree import ElementTree

import pytest
from print_cases import FORMS, of_functions, of_keys, of_names, of_operations

import symfold as sf

# the faults of every formula on a page, as [formula, fault]
FAULTS = """() => {
  const parts = {msup: 2, msub: 2, mfrac: 2, msubsup: 3, munder: 2, munderover: 3, mroot: 2};
  const faults = [];
  for (const [number, place] of [...document.querySelectorAll('p')].entries()) {
    const fault = text => faults.push([number, text]);
    const math = place.firstElementChild;
    if (place.childNodes.length !== 1 || !math || math.localName !== 'math') { fault('torn apart'); continue; }
    const all = [...math.querySelectorAll('*')];
    if (all.some(e => !(e instanceof MathMLElement))) fault('an element that is not a MathML');
    for (const e of all) if (e.localName in parts && e.children.length !== parts[e.localName]) fault(`${e.localName} of ${e.children.length}`);
    if (place.dataset.text !== math.textContent) fault(`reads ${math.textContent}`);
    const tokens = all.filter(e => !e.children.length && e.textContent.trim());
    let before = null;
    for (const e of tokens) {
      const box = e.getBoundingClientRect();
      if (e.textContent === '\\u2062') { if (box.width > 2) fault('a visible sign for an invisible product'); continue; }
      if (!box.width || !box.height) fault(`${e.textContent} is not drawn`);
      const beside = before && e.localName === 'mn' && before.name === 'mn' && Math.abs(before.box.bottom - box.bottom) < 2 && box.left - before.box.right < 6;
      if (beside && box.left >= before.box.right - 1) fault(`${before.text} and ${e.textContent} read as one number`);
      before = {name: e.localName, text: e.textContent, box};
    }
  }
  return faults;
}"""


def faults(browser: Any, formulas: list[str]) -> list[tuple[str, str]]:
    """What is wrong with formulas as the browser shows them."""
    read = ["".join(ElementTree.fromstring(formula).itertext()) for formula in formulas]
    page = browser.new_page()
    body = "".join(f'<p data-text="{escape(text)}">{formula}</p>' for formula, text in zip(formulas, read, strict=True))
    page.set_content(f"<!doctype html><meta charset=utf-8><body>{body}")
    result = [(formulas[number], fault) for number, fault in page.evaluate(FAULTS)]
    page.close()
    return result


def test_faults_are_seen(browser: Any) -> None:
    start, end = "<math>", "</math>"
    wrong = ("<mn>2</mn><mo>\u2062</mo><msup><mn>3</mn><mi>x</mi></msup>", "<msup><mi>x</mi></msup>", "<b>x</b>", "<mi></mi><mspace/><mi>\u200b</mi>")
    assert [fault for _, fault in faults(browser, [f"{start}{part}{end}" for part in wrong])] == [
        "2 and 3 read as one number", "msup of 1", "torn apart", "\u200b is not drawn",
    ]  # fmt: skip
    assert faults(browser, [f"{start}<mn>2</mn><mo>·</mo><msup><mn>3</mn><mn>4</mn></msup>{end}"]) == []


@pytest.mark.parametrize("cases", [of_names, of_keys, of_operations, of_functions], ids=lambda cases: cases.__name__)
def test_every_case_is_drawn(cases: Any, browser: Any) -> None:
    assert faults(browser, [sf.formula(net, form=form, style="mathml") for net in cases() for form in FORMS]) == []


def zoo() -> Iterator[str]:
    for row in sf.mappers.ARCHITECTURES.values():
        for net in (row.net(3), sf.adjoint(row.net(3))):
            yield from (sf.formula(net, form=form, style="mathml") for form in FORMS[:2])


def test_the_zoo_and_its_backward_passes_are_drawn(browser: Any) -> None:
    assert faults(browser, list(zoo())) == []
