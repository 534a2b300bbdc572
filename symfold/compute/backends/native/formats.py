"""Number types for the polynomials of `functions`: bits, bounds and coefficients."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from symfold.core.functions.special import ERF, ERFC


@dataclass(frozen=True)
class Format:
    """A number type for the polynomials; coefficients start with the constant."""

    mantissa: int
    bias: int
    largest: float  # exp of more is infinite
    smallest: float  # exp of less is zero
    ln2: tuple[float, float]  # in two parts, the first with zeros at its end
    exp: tuple[float, ...]  # (e^r - 1 - r)/r^2 for |r| <= ln(2)/2
    log: tuple[float, ...]  # (atanh(s)/s - 1)/s^2 in s^2, for m = (1 + s)/(1 - s) from 1/sqrt(2) to sqrt(2)
    erf: tuple[float, ...]  # erf(x)/x - 1 in x^2, for |x| <= 1
    erfc: tuple[float, ...]  # exp(x^2) erfc(x) in (x - 3)/(x + 3), for x from 1 to where erfc is zero


FORMATS = {
    np.dtype(np.float64): Format(
        52, 1023, 709.782712893384, -745.2, (6.93147180369123816490e-01, 1.90821492927058770002e-10),
        (0.5000000000000001, 0.16666666666666669, 0.04166666666662413, 0.008333333333330062, 0.0013888888917213717,
         0.00019841269863053618, 2.4801521295954376e-05, 2.7557268459997064e-06, 2.7620088445409746e-07, 2.510038549551032e-08),
        (0.3333333333333333, 0.20000000000000442, 0.14285714285399892, 0.11111111196290523, 0.09090897773760569,
         0.07693122368810833, 0.06634319184633412, 0.06544017425463777),
        ERF,
        ERFC,
    ),
    np.dtype(np.float32): Format(
        23, 127, 88.72284, -103.98, (0.693145751953125, 1.42860682030941723212e-06),
        (0.5, 0.16666576970, 0.04166655462, 0.00836317905, 0.00139261836),
        (0.33333333277, 0.20000061106, 0.14275389317, 0.11665807236),
        (0.12837916585, -0.37612626668, 0.11283594715, -0.02685421201, 0.00518908742, -0.00080168643, 7.87587506e-05),
        (0.17900115134, -0.32623355770, 0.24560377256, -0.15011606392, 0.07166669442, -0.02439069606, 0.00426011941,
         0.00069885035, -0.00055739152, 5.64903912e-05),
    ),
}  # fmt: skip
