import type { Bidder, BidRequest } from '../../core/interfaces.ts';
import { chanceInt } from '../../core/num/index.ts';
import { HOUR_US, NEVER } from '../../core/types.ts';
import { type Law, must } from './law.ts';
import { dice } from './scenes.ts';

/** Jobs of every size and worth, some worth nothing. */
function* requests(count: number): Generator<BidRequest> {
  for (let job = 1; job <= count; job++) {
    const below = dice(job);
    yield {
      now: below(7 * 24) * HOUR_US,
      persona: 'ann',
      user: `ann-${1 + below(5)}`,
      worth: Array.from({ length: 1 + below(3) }, (_, c) => ({
        gpuClass: c,
        name: `class-${c}`,
        microPerGpuHour: below(5) === 0 ? 0 : below(5_000_000),
      })),
      totalMilli: 100 * (1 + below(80)),
      limitUs: (1 + below(48)) * HOUR_US,
      patienceUs: below(3) === 0 ? NEVER : below(24) * HOUR_US,
      draw: (purpose, n) => chanceInt([job, 1], purpose, job, n),
    };
  }
}

export const bidderLaws: readonly Law<Bidder>[] = [
  {
    name: 'answers null or one whole bid of at least 0 per GPU class, whatever the job',
    check(make) {
      const bidder = make();
      let bids = 0;
      for (const r of requests(500)) {
        const answer = bidder.bid(r);
        if (answer === null) continue;
        bids++;
        must(
          answer.bids.length === r.worth.length && answer.bids.every((b) => Number.isSafeInteger(b) && b >= 0),
          () => `answered ${JSON.stringify(answer)} for ${r.worth.length} classes`,
        );
      }
      must(bids > 0, () => 'stayed away from all 500 jobs');
    },
  },
  {
    name: 'keeps no secret: built afresh before a job it answers the same',
    check(make) {
      const old = make();
      for (const r of requests(300)) {
        const kept = JSON.stringify(old.bid(r));
        const fresh = JSON.stringify(make().bid(r));
        must(kept === fresh, () => `answered ${kept}, built afresh ${fresh}`);
      }
    },
  },
];
