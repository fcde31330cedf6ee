/**
 * GPU time that machines really worked whose GPUs are registered several times: at any moment no more than the GPUs they have, however
 * many of the copies are leased. What a card costs to run it costs once.
 */
import { ExactSum } from '../../core/num/index.ts';
import type { TimeUs } from '../../core/types.ts';
import type { ResolvedNode } from '../../scenarios/resolved.ts';

/** Milli-GPU that machines have, by id, of those that are registered for more. */
export function realMilliOf(
  nodes: readonly { id: string; gpus: number }[],
  lives: readonly Pick<ResolvedNode, 'lies'>[],
): Map<string, number> {
  const out = new Map<string, number>();
  nodes.forEach(({ id, gpus }, i) => {
    const copies = lives[i]!.lies?.copies ?? 1;
    if (copies > 1) out.set(id, (1000 * gpus) / copies);
  });
  return out;
}

export class RealUse {
  readonly #realMilli: ReadonlyMap<string, number>;
  /** By node: when so many milli-GPU (negative: fewer) are in use from a stamp on. */
  readonly #changes = new Map<string, { atUs: TimeUs; milli: number }[]>();

  /** As `realMilliOf` answers. */
  constructor(realMilli: ReadonlyMap<string, number>) {
    this.#realMilli = realMilli;
  }

  knows(node: string): boolean {
    return this.#realMilli.has(node);
  }

  add(node: string, milli: number, fromUs: TimeUs, toUs: TimeUs): void {
    let list = this.#changes.get(node);
    if (list === undefined) {
      list = [];
      this.#changes.set(node, list);
    }
    list.push({ atUs: fromUs, milli }, { atUs: toUs, milli: -milli });
  }

  /** Milli-GPU x us that the machine worked. */
  milliUsOf(node: string): bigint {
    const real = this.#realMilli.get(node) ?? 0;
    const sum = new ExactSum();
    let used = 0;
    let since = 0;
    for (const c of (this.#changes.get(node) ?? []).sort((a, b) => a.atUs - b.atUs)) {
      sum.addProduct(Math.min(used, real), c.atUs - since);
      used += c.milli;
      since = c.atUs;
    }
    return sum.value;
  }
}
