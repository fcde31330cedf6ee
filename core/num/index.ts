/** Door of core/num: exact and portable arithmetic. */
export { type ChanceId, type ChanceKey, chance, chanceInt } from './chance.ts';
export { formatDecimal, formatMicro, parseDecimal, parseMicro } from './decimal.ts';
export {
  betaQuantile,
  chiSquareCdf,
  chiSquareQuantile,
  chiSquareTail,
  fCdf,
  fTail,
  studentCdf,
  studentQuantile,
  studentTail,
} from './distributions.ts';
export { fromWords, highWord, lowWord, scalb } from './double-bits.ts';
export { atan, cos, exp, expm1, log, log1p, log2, log10, pow, sin, sqrt, tan, tanh } from './elementary.ts';
export { erf, erfc } from './erf.ts';
export { ExactSum } from './exact-sum.ts';
export { logGamma } from './gamma.ts';
export { Digest, type DigestState, hashString } from './hash.ts';
export { betaI, gammaP, gammaQ } from './incomplete.ts';
export {
  addInt,
  assertIntInRange,
  assertNonNegativeInt,
  assertPositiveInt,
  assertSafeInt,
  assertSignedBits,
  clamp,
  divInt,
  divRound,
  gcd,
  isqrt,
  isSafeInt,
  mulDiv,
  mulInt,
  type Rounding,
  subInt,
  toSafeInt,
} from './int.ts';
export { kolmogorovCdf, kolmogorovTail, ksTail } from './kolmogorov.ts';
export { largestRemainder, largestRemainderInt } from './largest-remainder.ts';
export { normalCdf, normalPdf, normalQuantile, normalTail } from './normal.ts';
export { NumError, type NumErrorCode } from './num-error.ts';
export { philox4x32 } from './philox.ts';
export {
  RAT_ONE,
  RAT_ZERO,
  type Rational,
  rat,
  ratAdd,
  ratCeil,
  ratCmp,
  ratDiv,
  ratEq,
  ratFloor,
  ratMax,
  ratMin,
  ratMul,
  ratNeg,
  ratParse,
  ratRound,
  ratSub,
  ratToDecimal,
  ratToNumber,
  ratToString,
  sqrtRoundDown,
  sqrtRoundUp,
} from './rational.ts';
export { Sha256, sha256Hex } from './sha256.ts';
export { utf8 } from './utf8.ts';
