import type { PlacementPolicy } from '../../core/interfaces.ts';
import { type Law, must } from './law.ts';
import { fingerprintOf, type PlacementScene, placementScenes } from './scenes.ts';

const possible = (s: PlacementScene): number[] =>
  s.nodes.map((_, n) => n).filter((n) => s.cluster.fits(n, s.shape) && !s.avoid?.has(n));

const choose = (policy: PlacementPolicy, s: PlacementScene): number =>
  policy.choose(s.cluster, s.shape, s.avoid, s.context);

const about = (s: PlacementScene): string =>
  `scene ${s.scene} (${s.nodes.length} machines, task of ${s.shape.gpus} GPUs x ${s.shape.gpuMilli} milli)`;

/** Everything a policy may look at. */
const state = (s: PlacementScene): string =>
  fingerprintOf(
    s.nodes.map((_, n) => [
      s.cluster.freeMilli(n),
      s.cluster.freeCpuMilli(n),
      s.cluster.freeRamMiB(n),
      s.cluster.version[n],
      [...s.shape.allowed],
      s.cluster.allocationsOf(n),
    ]),
  );

export const placementLaws: readonly Law<PlacementPolicy>[] = [
  {
    name: 'proposes a machine that fits and is not to be avoided, or -1 exactly when there is none',
    check(make) {
      const policy = make();
      for (const s of placementScenes(400)) {
        const can = possible(s);
        const chosen = choose(policy, s);
        if (can.length === 0) must(chosen === -1, () => `${about(s)}: no machine fits, answered ${chosen}`);
        else must(can.includes(chosen), () => `${about(s)}: machines ${can.join(', ')} fit, answered ${chosen}`);
      }
    },
  },
  {
    name: 'is a function of the state: asked twice, after a reset, or built afresh it answers alike',
    check(make) {
      const policy = make();
      for (const s of placementScenes(150)) {
        const once = choose(policy, s);
        const twice = choose(policy, s);
        must(twice === once, () => `${about(s)}: answered ${once}, asked again ${twice}`);
        policy.reset();
        const reset = choose(policy, s);
        must(reset === once, () => `${about(s)}: answered ${once}, after reset() ${reset}`);
        const fresh = choose(make(), s);
        must(fresh === once, () => `${about(s)}: answered ${once}, built afresh ${fresh}`);
      }
    },
  },
  {
    name: 'changes nothing it looks at',
    check(make) {
      const policy = make();
      for (const s of placementScenes(60)) {
        const before = state(s);
        choose(policy, s);
        must(state(s) === before, () => `${about(s)}: the machines are not as they were`);
      }
    },
  },
  {
    name: 'names GPUs that fit, when it picks them itself',
    check(make) {
      const policy = make();
      if (policy.pickGpus === undefined) return;
      for (const s of placementScenes(200)) {
        const chosen = choose(policy, s);
        if (chosen < 0) continue;
        const out: number[] = [];
        policy.pickGpus(s.cluster, chosen, s.shape, out, s.context);
        const sorted = [...out].sort((a, b) => a - b);
        must(
          s.cluster.gpusFit(chosen, s.shape, sorted),
          () => `${about(s)}: GPUs ${out.join(', ')} of machine ${chosen} do not fit`,
        );
      }
    },
  },
];
