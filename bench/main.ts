/** `npm run bench -- NAME [--json]`: one benchmark, its figures on stdout. Timings are CPU time unless they say otherwise. */
import { type BenchReport, readableReport } from './report.ts';

const benches: Record<string, () => Promise<BenchReport>> = {
  elections: async () => (await import('./elections.ts')).elections(),
  scheduler: async () => (await import('./scheduler.ts')).scheduler(),
  ledger: async () => (await import('./ledger.ts')).ledger(),
  executor: async () => (await import('./executor.ts')).executorBench(),
  philly: async () => (await import('./philly.ts')).philly(),
  'philly-queue': async () => (await import('./philly-queue.ts')).phillyQueue(),
  traces: async () => (await import('./traces.ts')).traces(),
  pricing: async () => (await import('./pricing.ts')).pricing(),
  kernel: async () => (await import('./kernel.ts')).kernel(),
  notebook: async () => (await import('./notebook.ts')).notebook(),
  sweep: async () => (await import('./sweep.ts')).sweep(),
  world: async () => (await import('./world.ts')).world(),
  tune: async () => (await import('./tune.ts')).tuneBench(),
};

const [name, ...flags] = process.argv.slice(2);
const bench = name === undefined ? undefined : benches[name];
if (bench === undefined || flags.some((f) => f !== '--json')) {
  process.stderr.write(`error: usage: npm run bench -- NAME [--json]; have ${Object.keys(benches).join(', ')}\n`);
  process.exitCode = 2;
} else {
  const report = await bench();
  process.stdout.write(flags.includes('--json') ? `${JSON.stringify(report)}\n` : readableReport(report));
}
