/** One world of `bench world`, in a process of its own: prints what it cost. Arguments: --set overrides of the scenario. */
import { loadScenario } from '../lab/load.ts';
import { YoungGeneration } from '../lab/young-generation.ts';
import { shipped } from '../mechanisms/index.ts';
import { finishRun, prepareRun } from '../sim/run.ts';

const [path, ...sets] = process.argv.slice(2) as [string, ...string[]];
const scenario = await loadScenario(path, sets, null);
const prepared = prepareRun(scenario, { registry: shipped });
const { simulation } = prepared;
const young = new YoungGeneration();
const cpu = () => process.cpuUsage().user + process.cpuUsage().system;
// Start-up and the first tenth, in which the machines fill and the engine compiles, are left out of the cost per step.
const every = Math.max(1, Math.floor(scenario.horizonUs / 200));
let before = 0;
let steps = 0;
// The heap is looked at as often as `janction run` does.
for (let part = 1; !simulation.runUntil(Math.min(every * part, scenario.horizonUs)); part++) {
  if (part === 20) {
    before = cpu();
    steps = simulation.steps;
  }
  young.check();
}
const steady = cpu() - before;
const stepsSteady = simulation.steps - steps;
const result = finishRun(prepared);
process.stdout.write(
  `${JSON.stringify({
    cpuSeconds: cpu() / 1e6,
    usPerStep: steady / stepsSteady,
    steps: simulation.steps,
    maxRssMiB: Math.round(process.resourceUsage().maxRSS / 1024),
    providers: new Set(scenario.market.nodes.map((n) => n.provider)).size,
    gpus: result.gpu.count,
    submitted: result.jobs.submitted,
    completed: result.jobs.completed,
    utilisation: result.gpu.utilisation,
    ownerReturns: result.failures.ownerReturns,
    failures: result.failures.node,
    violations: result.invariants.violations,
    fingerprint: result.fingerprint,
  })}\n`,
);
