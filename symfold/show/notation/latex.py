"""LaTeX of names, indices and words: each sign is seen, and every engine takes it."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

import sympy as sp
from sympy.printing.latex import greek_letters_set, other_symbols, tex_greek_dictionary
from sympy.printing.pretty.pretty_symbology import greek_unicode

from symfold.core.shapes import Size
from symfold.show.notation.terms import Name, letter_and_indices, letter_and_number, show_size

GREEK = {
    **{letter: name for name, letter in greek_unicode.items() if len(letter) == 1 and name.isalpha()},
    "φ": "varphi",
    "ε": "varepsilon",
}
LETTERS = {*greek_letters_set, *tex_greek_dictionary, *other_symbols}  # that LaTeX has commands for


def latex_word(word: str) -> str:
    r"""A name with Greek letters and indices; any other word sign by sign, so that each is seen.

    >>> latex_word("x_1"), latex_word("α"), latex_word("_x"), latex_word("xabs"), latex_word("y[50%]")
    ('x_{1}', '\\alpha', '\\mathrm{\\_x}', '\\mathrm{xabs}', 'y[50\\%]')
    >>> latex_word("W_g12")
    'W_{g_{12}}'
    """
    return indexed_word(word)


@lru_cache(maxsize=4096)
def indexed_word(word: str, number: str = "", upright: str = r"\mathrm") -> str:
    r"""A name, perhaps with a further index, which numbers its last index if that is a letter.

    Letters side by side are a product, so words are upright.

    >>> indexed_word("z", "k-1"), indexed_word("W_g", "k"), indexed_word("norm2", "k")
    ('z_{k-1}', 'W_{g_{k}}', '\\mathrm{norm}_{2,k}')
    >>> indexed_word("my_layer", "k", r"\operatorname")
    '\\operatorname{my\\_layer}_{k}'
    """
    word = unicodedata.normalize("NFKC", word)
    indices: list[str] = []
    last = ""
    if not word.isidentifier():
        letter = text_inside("".join(SIGNS.get(sign, sign) for sign in re.sub("(?<!,) ", r"\0", word)))
    elif word.startswith("_") or "__" in word:  # no letter to set an index at
        letter = f"{upright}{{{text_inside(escaped(word))}}}"
    else:
        first, *others = letter_and_indices(GREEK.get(word[0], word[0]) + word[1:])
        letter, indices, last = _letter(first, upright), list(map(_index, others)), others[-1] if others else ""
    if number and last.isalpha():
        indices[-1] += f"_{{{number}}}"
    elif number:
        indices.append(number)
        letter = f"{{{letter}}}" if "_" in letter.replace(r"\_", "") else letter
    return letter + (f"_{{{','.join(indices)}}}" if indices else "")


def _index(name: str) -> str:
    stem, number = letter_and_number(name)
    return _letter(stem) + (f"_{{{number}}}" if number else "")


def _letter(name: str, upright: str = r"\mathrm") -> str:
    """A letter by its name, or a word as it is: SymPy would write xabs as |x|, and xprime as x'."""
    if name in LETTERS:
        return text_inside(str(sp.latex(sp.Symbol(name))))
    return f"{upright}{{{text_inside(escaped(name))}}}" if len(name) > 1 and not name.isdigit() else text_inside(name)


def text_inside(formula: str) -> str:
    """Greek letters as commands; other letters that math fonts lack, as text."""
    formula = "".join(f"{sp.latex(sp.Symbol(GREEK[sign]))}{{}}" if sign in GREEK else sign for sign in formula)
    return re.sub(r"[^\x00-\x7f]+", r"\\text{\g<0>}", formula)


# signs that mean something to LaTeX, in formulas and in text
SIGNS = {
    "\0": r"\ ", "\\": r"\backslash{}", "^": r"{\wedge}", "~": r"{\sim}", "`": r"\grave{}",
    **{sign: f"\\{sign}" for sign in "{}%#&$_"},
}  # fmt: skip
SIGNS_IN_TEXT = {
    sign: f"\\{sign}" if sign in "{}%#&$_" else f"${shown}$"
    for sign, shown in {**SIGNS, **dict(zip("<>|", "<>|", strict=True))}.items()
}


def escaped(text: str) -> str:
    r"""Text inside LaTeX words.

    >>> escaped("keep_dims"), escaped("ij->ji")
    ('keep\\_dims', 'ij-$>$ji')
    """
    return "".join(SIGNS_IN_TEXT.get(sign, sign) for sign in text)


def latex_name(name: Name) -> str:
    """A name; the word of a layer has the space of a function around it."""
    upright = r"\operatorname" if name.layer else r"\mathrm"
    if name.index is None:
        return r"\ldots" if name.stem == "..." else indexed_word(name.stem, upright=upright)
    return indexed_word(name.stem.removesuffix("_"), latex_size(name.index), upright)


def latex_size(size: Size) -> str:
    r"""An index or a depth in LaTeX; a symbol that is a formula stands as it is.

    >>> latex_size(3 * sp.Symbol("k") - 1), latex_size(2 ** sp.Symbol("n_1_2")), latex_size(sp.Symbol(r"\\ell") - 1)
    ('3 k-1', '2^{n_{1,2}}', '\\\\ell-1')
    """
    if isinstance(size, int):
        return str(size)
    letters = enumerate(sorted(size.free_symbols, key=str))
    formulas = {f"_{place}": letter for place, letter in letters if not letter.name.isidentifier()}
    size = size.xreplace({letter: sp.Symbol(stand_in) for stand_in, letter in formulas.items()})
    shown = re.sub(r"\*\*(\w+|\([^()]*\))", r"^{\1}", show_size(size)).replace("*", " ")
    return re.sub(r"[^\W\d]\w*", lambda word: str(formulas.get(word[0], "")) or latex_word(word[0]), shown)


def latex_function(word: str) -> str:
    r"""The name of a function.

    >>> latex_function("leaky_relu")
    '\\operatorname{leaky\\_relu}'
    """
    return rf"\operatorname{{{text_inside(escaped(word))}}}"
