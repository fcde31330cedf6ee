/** Price of the token as those see it who decide: constant, geometric Brownian motion with an optional crash, or a trace. */
import { exp, sqrt } from '../../core/num/index.ts';
import { HOUR_US, type TimeUs } from '../../core/types.ts';
import type { TokenSpec } from '../../scenarios/resolved.ts';
import type { Stream } from '../kernel/streams.ts';

const YEAR_US = 365 * 24 * HOUR_US;

export class TokenPrice {
  readonly #spec: TokenSpec | null;
  /** Micro-USD per token; 0 without a price. */
  micro: number;

  constructor(spec: TokenSpec | null) {
    this.#spec = spec;
    this.micro = spec === null ? 0 : (spec.trace.find((p) => p.atUs === 0)?.priceMicro ?? spec.priceMicro);
  }

  /** To the end of an epoch of the given length. */
  move(t: TimeUs, epochUs: TimeUs, stream: Stream): void {
    const s = this.#spec;
    if (s === null) return;
    if (s.trace.length > 0) {
      for (const p of s.trace) if (p.atUs <= t) this.micro = p.priceMicro;
      return;
    }
    const years = epochUs / YEAR_US;
    this.micro *= exp(s.drift * years + s.volatility * sqrt(years) * stream.normal());
    if (s.crash !== null && s.crash.atUs <= t && s.crash.atUs > t - epochUs) this.micro *= s.crash.left;
  }
}
