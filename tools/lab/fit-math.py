#!/usr/bin/env python3
# Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Derives the coefficients of compiler/Kernels/CPU/Math.cpp.

Each function is a minimax fit in double precision (differential correction,
each step one linear program), then its coefficients are rounded to float and
polished by single-ulp steps: rounding one by one costs up to three times the
error of rounding them together. Prints C++ tables, highest power first, with
the error of the fit and of a float evaluation.

Needs numpy and scipy. Deterministic; runs in about a minute.
"""
import numpy as np
from scipy.optimize import linprog
from scipy.special import erf, erfc, ndtr

f32 = np.float32


def grid(lo, hi, count=700):
    """Chebyshev-spaced points without the ends' duplicates."""
    return lo + (hi - lo) * (0.5 - 0.5 * np.cos(np.linspace(1e-2, np.pi, count)))


def fit(t, f, weight, n, m, steps=15, scale=1e6):
    """min max |weight (f - P_n(t) / Q_m(t))|, Q(0) = 1, t within [-1, 1]."""
    weight = weight * scale
    vp = t[:, None] ** np.arange(n + 1)
    vq = t[:, None] ** np.arange(1, m + 1)
    best, previous, delta = None, np.ones_like(t), 0.0
    for _ in range(steps):
        rows, rhs = [], []
        for s in (1, -1):
            rows.append(np.hstack([-s * vp * weight[:, None],
                                   vq * (s * weight * f - delta)[:, None],
                                   -previous[:, None]]))
            rhs.append(-(s * weight * f - delta))
        if m:  # Q > 0.01
            rows.append(np.hstack([np.zeros_like(vp), -vq,
                                   np.zeros((len(t), 1))]))
            rhs.append(np.full(len(t), 0.99))
        a, b = np.vstack(rows), np.concatenate(rhs)
        size = np.abs(a).max(axis=1)
        cost = np.zeros(n + m + 2)
        cost[-1] = 1
        r = linprog(cost, A_ub=a / size[:, None], b_ub=b / size,
                    bounds=[(None, None)] * (n + m + 2), method="highs",
                    options=dict(primal_feasibility_tolerance=1e-10,
                                 dual_feasibility_tolerance=1e-10))
        if r.x is None:
            break
        p, q = r.x[:n + 1], r.x[n + 1:-1]
        denominator = 1 + vq @ q
        error = np.max(weight * np.abs(f - vp @ p / denominator))
        if best is None or error < best[0]:
            best = error, p, q
        if m == 0 or (delta and error > delta * 0.999):
            break
        delta, previous = error, denominator
    return best[1], best[2]


def polish(coefficients, error, rounds=60, seed=1):
    """Rounds to float, then accepts random one- and two-ulp moves."""
    rng = np.random.default_rng(seed)
    c = np.array(coefficients, f32)
    best = error(c)
    for _ in range(rounds * len(c)):
        trial = c.copy()
        for i in rng.integers(len(c), size=rng.integers(1, 4)):
            for _ in range(rng.integers(1, 3)):
                trial[i] = np.nextafter(trial[i], f32(rng.choice([-1, 1]) * np.inf),
                                        dtype=f32)
        e = error(trial)
        if e < best:
            best, c = e, trial
    return c, best


def fma(a, b, c):
    return f32(np.float64(a) * np.float64(b) + np.float64(c))


def exact(a, b, c):
    return a * b + c


def horner(coefficients, u, step=fma):
    value = np.full_like(u, coefficients[0])
    for c in coefficients[1:]:
        value = step(value, u, c)
    return value


def pairs(coefficients, u, step=fma):
    """Pairs of terms in u, then Horner in u u: half the rounding errors of
    plain Horner for one multiplication more."""
    c = list(coefficients)
    square = u * u
    value = step(c[0], u, c[1]) if len(c) % 2 == 0 else np.full_like(u, c[0])
    for i in range(2 - len(c) % 2, len(c), 2):
        value = step(value, square, step(c[i], u, c[i + 1]))
    return value


def show(name, table, note):
    print(f"// {note}")
    body = ", ".join(f"{float(c):.9g}f" for c in table)
    print(f"constexpr float {name}[] = {{{body}}};\n")


def odd_rational(name, function, n, m, limit, weight):
    """function(x) = x P(u) / Q(u), u = min(x x, limit^2), Q monic, then the
    result is clipped to the limits of the function."""
    x = grid(0, limit)
    u = x * x
    f = function(x) / x
    w = weight(x) * x
    p, q = fit(u / limit**2, f, w, n, m)
    p = p / limit ** (2 * np.arange(n + 1)) / (q[-1] / limit ** (2 * m))
    q = np.append(1, q) / limit ** (2 * np.arange(m + 1)) / (q[-1] / limit ** (2 * m))

    def split(c):
        return c[:n + 1], np.append(f32(1), c[n + 1:])

    def error(c):
        cp, cq = split(c.astype(np.float64))
        return np.max(w * np.abs(f - horner(cp, u, exact) / horner(cq, u, exact)))

    c, best = polish(np.append(p[::-1], q[-2::-1]), error)
    cp, cq = split(c)
    xs = np.linspace(1e-3, limit * 1.2, 400001).astype(f32)
    us = np.minimum(xs * xs, f32(limit * limit))
    hs = np.minimum((xs * pairs(cp, us)) / pairs(cq, us), f32(function(1e9)))
    xd = xs.astype(np.float64)
    total = np.max(weight(xd) * np.abs(hs - function(xd)))
    note = f"fit {best:.2g}, in float {total:.2g}; u at most {limit}^2"
    show(name + "Numerator", cp, note)
    show(name + "Denominator", cq, "leading coefficient 1")
    return cp, cq


def polynomial(name, x, f, weight, degree, last=(), note="", scale=1e6):
    """f(x) = p(x); `last` are known low coefficients that f no longer has."""
    size = np.abs(x).max()
    p, _ = fit(x / size, f, weight, degree, 0, scale=scale)
    p = p / size ** np.arange(degree + 1)

    def error(c):
        return np.max(weight * np.abs(f - horner(c.astype(np.float64), x, exact)))

    c, best = polish(p[::-1], error)
    show(name, np.append(c, f32(last)), f"{note}error {best:.2g}")


def exp2_polynomial(name, degree):
    """2^f on |f| <= 1/2 with p(0) = 1, error in units of 2^-23 for f > 0 and
    2^-24 below, which are the ulps there."""
    f = 0.5 * np.cos(np.linspace(0, np.pi, 600))
    f = f[np.abs(f) > 1e-6]
    polynomial(name, f, np.expm1(f * np.log(2)) / f,
               np.abs(f) * np.where(f > 0, 2.0**23, 2.0**24), degree - 1, [1],
               "2^f, in ulps, ", scale=1)


def small_odd(name, function, slope, limit, degree):
    """function(x) = x + x p(x x) for |x| < limit with p(0) = slope - 1 (left
    out when 0), relative error."""
    x = grid(0, limit)
    polynomial(name, x * x, (function(x) / x - slope) / x**2,
               x**3 / function(x), degree - 1,
               [slope - 1] if slope != 1 else (),
               f"x + x p(x x) below {limit}, relative ")


def log_polynomial(degree):
    """log(1 + f) = f + f f p(f) for 1 + f from sqrt(1/2) to sqrt(2), error
    relative to the logarithm."""
    low, high = np.sqrt(0.5) - 1, np.sqrt(2) - 1
    f = grid(low, high)
    f = f[np.abs(f) > 1e-4]
    polynomial("logPolynomial", f, (np.log1p(f) - f) / f**2,
               np.abs(f**2 / np.log1p(f)), degree, (),
               "log(1 + f) = f + f f p(f), relative ")


def erf_tail(lo, hi, degree):
    """log2(erfc(x)) on [lo, hi], weighted by its effect on erf."""
    x = grid(lo, hi)
    polynomial("erfTail", x, np.log2(erfc(x)), erfc(x) * np.log(2) / erf(x),
               degree, (), f"log2(erfc(x)) from {lo} to {hi}, in erf ")


if __name__ == "__main__":
    exp2_polynomial("exp2Polynomial", 5)
    exp2_polynomial("exp2Rough", 3)
    # Phi(x) - 1/2; gelu(x) = x (1/2 + that), so the error counts times x.
    odd_rational("normal", lambda x: ndtr(x) - 0.5, 5, 5, 5.5,
                 lambda x: np.minimum(x, 1))
    small_odd("erfSmall", erf, 2 / np.sqrt(np.pi), 0.9, 5)
    erf_tail(0.9, 4.0, 5)
    small_odd("tanhSmall", np.tanh, 1, 0.7, 5)
    log_polynomial(8)
