import type { MechanismRegistry, PricingInput, PricingMechanism } from '../../core/interfaces.ts';
import { HOUR_US } from '../../core/types.ts';
import { shipped } from '../../mechanisms/index.ts';
import { type Law, must } from './law.ts';
import { dice, fingerprintOf, marketScene, runScene } from './scenes.ts';

/** GPU classes that the laws price, with the rates that a mechanism is built with. */
export const conformanceClasses = ['a', 'b'] as const;
export const conformanceRates = { a: 1_000_000, b: 2_000_000 } as const;

/** Epochs of a market that swings: idle, crowded, without machines, huge. */
function* inputs(scene: number): Generator<PricingInput> {
  const below = dice(scene);
  const last: number[] = [-1, -1];
  for (let epoch = 0; epoch < 40; epoch++) {
    const input: PricingInput = {
      epoch,
      now: epoch * HOUR_US,
      epochUs: HOUR_US,
      classes: conformanceClasses.map((name, gpuClass) => {
        const capacityMilli = below(5) === 0 ? 0 : 1000 * (1 + below(2000));
        return {
          gpuClass,
          name,
          capacityMilli,
          usedMilliUs: Math.floor((capacityMilli * below(1001)) / 1000) * HOUR_US,
          waitingMilli: below(3) === 0 ? 0 : below(5_000_000),
          lastRateMicro: last[gpuClass]!,
        };
      }),
    };
    yield input;
    input.classes.forEach((_, c) => {
      last[c] = below(4_000_000);
    });
  }
}

export const pricingLaws: readonly Law<PricingMechanism>[] = [
  {
    name: 'answers one whole rate of at least -1 per GPU class, whatever the market',
    check(make) {
      for (let scene = 1; scene <= 40; scene++) {
        const mechanism = make();
        for (const input of inputs(scene)) {
          const rates = mechanism.clear(input);
          must(
            Array.isArray(rates) && rates.length === 2 && rates.every((r) => Number.isSafeInteger(r) && r >= -1),
            () => `scene ${scene}, epoch ${input.epoch}: answered ${JSON.stringify(rates)}`,
          );
        }
      }
    },
  },
  {
    name: 'keeps no secret: built afresh before an epoch it answers the same',
    check(make) {
      for (let scene = 1; scene <= 20; scene++) {
        const old = make();
        for (const input of inputs(scene)) {
          const kept = JSON.stringify(old.clear(input));
          const fresh = JSON.stringify(make().clear(input));
          must(kept === fresh, () => `scene ${scene}, epoch ${input.epoch}: answered ${kept}, built afresh ${fresh}`);
        }
      }
    },
  },
  {
    name: 'changes nothing it looks at',
    check(make) {
      const mechanism = make();
      for (const input of inputs(1)) {
        const before = fingerprintOf(input);
        mechanism.clear(input);
        must(fingerprintOf(input) === before, () => `epoch ${input.epoch}: the input is not as it was`);
      }
    },
  },
  {
    name: 'a whole market runs under its prices, every law of the market checked after every step',
    check(make) {
      const registry: MechanismRegistry = { ...shipped, pricing: make };
      for (let scene = 1; scene <= 3; scene++) {
        const { jobs, prices } = runScene(marketScene(scene, 60), registry, true);
        must(jobs.length === 60, () => `scene ${scene}: ${60 - jobs.length} of 60 jobs never ended`);
        must(prices.length > 0, () => `scene ${scene}: no price was ever set`);
      }
    },
  },
];
