/**
 * Arithmetic of the one-shot mechanisms, written once and run twice: on exact rationals (what `clear` prints) and on
 * doubles (what the certifier searches with). On integers and binary fractions whose products stay below 2^53 the doubles
 * decide exactly as the rationals do; every finding is decided again on rationals.
 */
import {
  isqrt,
  RAT_ONE,
  RAT_ZERO,
  type Rational,
  rat,
  ratAdd,
  ratCmp,
  ratDiv,
  ratMul,
  ratSub,
  ratToNumber,
} from '../../../core/num/index.ts';

export interface Field<T> {
  readonly exact: boolean;
  readonly zero: T;
  readonly one: T;
  /** An integer. */
  of(n: number): T;
  add(a: T, b: T): T;
  sub(a: T, b: T): T;
  mul(a: T, b: T): T;
  /** Throws (rationals) or answers infinity (doubles) for b = 0; mechanisms ask first. */
  div(a: T, b: T): T;
  /** Negative, zero or positive as a is less than, equal to or greater than b. */
  cmp(a: T, b: T): number;
  /** Exact for squares of rationals; else below the root by less than 2^-256. */
  sqrt(a: T): T;
  number(a: T): number;
}

export const doubles: Field<number> = {
  exact: false,
  zero: 0,
  one: 1,
  of: (n) => n,
  add: (a, b) => a + b,
  sub: (a, b) => a - b,
  mul: (a, b) => a * b,
  div: (a, b) => a / b,
  cmp: (a, b) => a - b,
  sqrt: (a) => Math.sqrt(a),
  number: (a) => a,
};

const ROOT_BITS = 256n;

function ratSqrt(a: Rational): Rational {
  const n = isqrt(a.num);
  const d = isqrt(a.den);
  if (n * n === a.num && d * d === a.den) return rat(n, d);
  // floor(sqrt(num x den) x 2^256) / (den x 2^256)
  return rat(isqrt((a.num * a.den) << (2n * ROOT_BITS)), a.den << ROOT_BITS);
}

export const rationals: Field<Rational> = {
  exact: true,
  zero: RAT_ZERO,
  one: RAT_ONE,
  of: (n) => rat(n),
  add: ratAdd,
  sub: ratSub,
  mul: ratMul,
  div: ratDiv,
  cmp: ratCmp,
  sqrt: ratSqrt,
  number: ratToNumber,
};

export function least<T>(f: Field<T>, a: T, b: T): T {
  return f.cmp(a, b) <= 0 ? a : b;
}

export function greatest<T>(f: Field<T>, a: T, b: T): T {
  return f.cmp(a, b) >= 0 ? a : b;
}

export function sum<T>(f: Field<T>, list: readonly T[]): T {
  let s = f.zero;
  for (const x of list) s = f.add(s, x);
  return s;
}

/** Order of ids by code units; 0 only for the same id. */
export function byId(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
