//===----------------------------------------------------------------------===//
//
// Part of bertc, under the Apache License v2.0 with LLVM Exceptions.
// See LICENSE for license information.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Series are cut where the next term is below half a unit in the last place.
//
//===----------------------------------------------------------------------===//
#include "runtime/train/Real.h"

#include <cstring>
#include <emmintrin.h>

namespace bertc::rt {

double power(double x, uint64_t n) {
  double result = 1;
  for (; n; n >>= 1, x *= x)
    if (n & 1)
      result *= x;
  return result;
}

double squareRoot(double x) {
  return _mm_cvtsd_f64(_mm_sqrt_sd(_mm_setzero_pd(), _mm_set_sd(x)));
}

/// 1 - y^2/2! + y^4/4! - ..., |y| <= pi / 4.
static double cosSeries(double y) {
  double sum = 0;
  for (int n = 18; n > 0; n -= 2)
    sum = (1 + sum) * (-y * y / (n * (n - 1)));
  return 1 + sum;
}

/// y - y^3/3! + ..., |y| <= pi / 4.
static double sinSeries(double y) {
  double sum = 0;
  for (int n = 19; n > 1; n -= 2)
    sum = (1 + sum) * (-y * y / (n * (n - 1)));
  return y + y * sum;
}

double cosPi(double x) {
  constexpr double pi = 3.14159265358979323846;
  if (x > 0.5)
    return -cosPi(1 - x);
  return x > 0.25 ? sinSeries(pi * (0.5 - x)) : cosSeries(pi * x);
}

double logarithm(double x) {
  uint64_t bits;
  memcpy(&bits, &x, sizeof(bits));
  int exponent = static_cast<int>(bits >> 52) - 1023;
  bits = (bits & ((1ull << 52) - 1)) | (1023ull << 52);
  double m;
  memcpy(&m, &bits, sizeof(m));
  if (m > 1.41421356237309504880) {
    m *= 0.5;
    ++exponent;
  }
  // 2 atanh(s), |s| <= 0.172.
  double s = (m - 1) / (m + 1), sum = 0;
  for (int n = 21; n >= 3; n -= 2)
    sum = (sum + 1.0 / n) * s * s;
  // ln 2 in two parts, the first with trailing zeros.
  constexpr double high = 6.93147180369123816490e-01;
  constexpr double low = 1.90821492927058770002e-10;
  return exponent * high + (2 * s + (2 * s * sum + exponent * low));
}

/// c[0] + c[1] x + ... + c[7] x^7.
static double polynomial(const double (&c)[8], double x) {
  double sum = c[7];
  for (int i = 6; i >= 0; --i)
    sum = sum * x + c[i];
  return sum;
}

double normalQuantile(double p) {
  // AS 241's a/b, c/d and e/f: numerators and denominators.
  static constexpr double a[8] = {
      3.3871328727963666080e0,  1.3314166789178437745e+2,
      1.9715909503065514427e+3, 1.3731693765509461125e+4,
      4.5921953931549871457e+4, 6.7265770927008700853e+4,
      3.3430575583588128105e+4, 2.5090809287301226727e+3};
  static constexpr double b[8] = {1,
                                  4.2313330701600911252e+1,
                                  6.8718700749205790830e+2,
                                  5.3941960214247511077e+3,
                                  2.1213794301586595867e+4,
                                  3.9307895800092710610e+4,
                                  2.8729085735721942674e+4,
                                  5.2264952788528545610e+3};
  static constexpr double c[8] = {
      1.42343711074968357734e0,  4.63033784615654529590e0,
      5.76949722146069140550e0,  3.64784832476320460504e0,
      1.27045825245236838258e0,  2.41780725177450611770e-1,
      2.27238449892691845833e-2, 7.74545014278341407640e-4};
  static constexpr double d[8] = {1,
                                  2.05319162663775882187e0,
                                  1.67638483018380384940e0,
                                  6.89767334985100004550e-1,
                                  1.48103976427480074590e-1,
                                  1.51986665636164571966e-2,
                                  5.47593808499534494600e-4,
                                  1.05075007164441684324e-9};
  static constexpr double e[8] = {
      6.65790464350110377720e0,  5.46378491116411436990e0,
      1.78482653991729133580e0,  2.96560571828504891230e-1,
      2.65321895265761230930e-2, 1.24266094738807843860e-3,
      2.71155556874348757815e-5, 2.01033439929228813265e-7};
  static constexpr double f[8] = {1,
                                  5.99832206555887937690e-1,
                                  1.36929880922735805310e-1,
                                  1.48753612908506148525e-2,
                                  7.86869131145613259100e-4,
                                  1.84631831751005468180e-5,
                                  1.42151175831644588870e-7,
                                  2.04426310338993978564e-15};
  double q = p - 0.5;
  if (q >= -0.425 && q <= 0.425) {
    double r = 0.180625 - q * q;
    return q * polynomial(a, r) / polynomial(b, r);
  }
  double r = squareRoot(-logarithm(q < 0 ? p : 1 - p));
  double z = r <= 5 ? polynomial(c, r - 1.6) / polynomial(d, r - 1.6)
                    : polynomial(e, r - 5) / polynomial(f, r - 5);
  return q < 0 ? -z : z;
}

} // namespace bertc::rt
