/**
 * x reduced modulo pi/2 to a double-double in [-pi/4, pi/4], for every finite double.
 *
 * Up to 2^20 pi/2 (1.6e6): Cody and Waite's subtraction of pi/2 in pieces of 33 bits, one to three rounds depending
 * on the cancellation, as in fdlibm's e_rem_pio2.c with the rounding of FreeBSD (Copyright (C) 1993 by Sun
 * Microsystems, Inc. All rights reserved. Permission to use, copy, modify, and distribute this software is freely
 * granted, provided that this notice is preserved); written anew here. About 5 ns.
 *
 * Beyond: Payne and Hanek's idea, done plainly with BigInt: x is an integer times a power of two, so x * 2/pi modulo 4
 * needs only integer multiplication by the first 1,280 bits of 2/pi, leaving at least 256 bits after the point. About
 * 2 us, and no table of special cases.
 */
import { DOUBLE, DOUBLE_WORDS, HIGH, highWord, LOW, POW2, POW2_BIAS } from './double-bits.ts';

/** The remainder of the last call: head and tail. */
export const REMAINDER = new Float64Array(2);

const TWO_OVER_PI = 0.6366197723675814;
const PIO2_1 = 1.5707963267341256;
const PIO2_1T = 6.077100506506192e-11;
const PIO2_2 = 6.077100506303966e-11;
const PIO2_2T = 2.0222662487959506e-21;
const PIO2_3 = 2.0222662487111665e-21;
const PIO2_3T = 8.4784276603689e-32;
const ROUND = 6755399441055744; // 1.5 * 2^52: adding and subtracting it rounds to the nearest integer
const MEDIUM = 0x413921fb; // high word of 2^20 pi/2

/** floor(2/pi * 2^1280) */
export const TWO_OVER_PI_BITS = BigInt(
  '0xa2f9836e4e441529fc2757d1f534ddc0db6295993c439041fe5163abdebbc561b7246e3a424dd2e0' +
    '06492eea09d1921cfe1deb1cb129a73ee88235f52ebb4484e99c7026b45f7e413991d639835339f4' +
    '9c845f8bbdf9283b1ff897ffde05980fef2f118b5a0a6d1f6d367ecf27cb09b74f463f669e5fea2d' +
    '7527bac7ebe5f17b3d0739f78a5292ea6bfb5fb11f8d5d0856033046fc7b6babf0cfbc209af4361d',
);
/** floor(pi/2 * 2^256) */
export const HALF_PI_BITS = BigInt('0x1921fb54442d18469898cc51701b839a252049c1114cf98e804177d4c76273644');

/**
 * Leaves x - n pi/2 in REMAINDER and returns n modulo 4 as 0..3, for finite x with |x| > pi/4. Accurate to about 2^-70
 * of the remainder's size.
 */
export function reduceByHalfPi(x: number): number {
  const high = highWord(x) & 0x7fffffff;
  if (high >= MEDIUM) return reduceLarge(x);
  const n = x * TWO_OVER_PI + ROUND - ROUND;
  let r = x - n * PIO2_1;
  let w = n * PIO2_1T;
  let head = r - w;
  const exponent = high >> 20;
  if (exponent - ((highWord(head) >> 20) & 0x7ff) > 16) {
    let t = r;
    w = n * PIO2_2;
    r = t - w;
    w = n * PIO2_2T - (t - r - w);
    head = r - w;
    if (exponent - ((highWord(head) >> 20) & 0x7ff) > 49) {
      t = r;
      w = n * PIO2_3;
      r = t - w;
      w = n * PIO2_3T - (t - r - w);
      head = r - w;
    }
  }
  REMAINDER[0] = head;
  REMAINDER[1] = r - head - w;
  return n & 3;
}

function reduceLarge(x: number): number {
  DOUBLE[0] = x;
  const high = DOUBLE_WORDS[HIGH]!;
  const low = DOUBLE_WORDS[LOW]! >>> 0;
  const mantissa = BigInt(((high & 0xfffff) | 0x100000) * 4294967296 + low);
  const exponent = ((high >> 20) & 0x7ff) - 1075;
  const product = mantissa * TWO_OVER_PI_BITS;
  const places = BigInt(1280 - exponent);
  let fraction = BigInt.asUintN(1280 - exponent, product);
  let quadrant = Number((product >> places) & 3n);
  if (fraction >> (places - 1n) === 1n) {
    fraction -= 1n << places;
    quadrant += 1;
  }
  const rest = ((fraction >> (places - 192n)) * HALF_PI_BITS) >> 256n;
  const head = Number(rest);
  const tail = Number(rest - BigInt(head));
  const unit = x < 0 ? -POW2[POW2_BIAS - 192]! : POW2[POW2_BIAS - 192]!;
  REMAINDER[0] = head * unit;
  REMAINDER[1] = tail * unit;
  return (x < 0 ? -quadrant : quadrant) & 3;
}
