import { type Command, InvalidArgumentError } from 'commander';
import { type AdversaryKind, type AdversarySpec, adversaryKinds } from '../../scenarios/adversary-spec.ts';
import { UsageError } from '../errors.ts';
import { type Explanation, explainJob, type Pass, type Suspect } from '../explain/explain.ts';
import { filterNames } from '../explain/fit.ts';
import { print } from '../flags.ts';
import { modulesOfRun } from '../modules/registry.ts';
import { duration, table } from '../readable.ts';
import { amount, group, percent, seconds, short } from '../report/numbers.ts';
import { journalFrames, readManifest } from '../rundir/reader.ts';

const codeTexts = {
  'no-room': 'too few GPUs were free in the classes it may use',
  'not-bought':
    'enough GPUs were idle in the classes it may use, but its pool had not bought them in its supply auction',
  scattered:
    'enough GPUs were free, but not as its tasks need them: together, or with processors and memory beside them',
  'queue-order': 'there was room, but the queue kept it behind others or for a reservation',
} as const;

const filterTexts: Record<(typeof filterNames)[number], string> = {
  down: 'down',
  class: 'of another class, or above its bid',
  'card-memory': 'with too small cards',
  'not-bought': 'idle but not bought',
  'gpus-out': 'with GPUs out of service',
  'gpus-busy': 'with too few free GPUs',
  cpu: 'with too few free processors',
  ram: 'with too little free memory',
  fits: 'with room',
};

export function explainCommand(dir: string, job: number): Explanation & { adversaries?: Suspect[] } {
  const manifest = readManifest(dir);
  const registry = modulesOfRun(dir, manifest);
  const answer = explainJob(journalFrames(dir), registry, job);
  if (answer === null)
    throw new UsageError(
      `${dir}: no job ${job} was submitted in this run; job numbers are in jobs.parquet and in the report`,
    );
  const adversaries = suspects(answer, manifest.scenario.adversaries);
  return adversaries.length === 0 ? answer : { ...answer, adversaries };
}

/** Who of the job's user and providers has a part, and cheats. */
function suspects(e: Explanation, spec: AdversarySpec | undefined): Suspect[] {
  if (spec === undefined) return [];
  const names = new Set([
    // A dead requestor's later names are its own with a number behind.
    e.user.replace(/~\d+$/, ''),
    ...e.attempts.flatMap((t) => t.parts.map((p) => p.provider)),
  ]);
  return adversaryKinds.flatMap((kind) => {
    const a = spec[kind];
    if (a === undefined || a.honest) return [];
    return a.agents.filter((x) => names.has(x)).map((agent) => ({ agent, kind }));
  });
}

const doings: Record<AdversaryKind, string> = {
  leavers: 'leaves for better offers',
  overbillers: 'reports the end of jobs late',
  squatters: 'keeps leases after the work',
  deadRequestors: 'orders and never pays',
  ring: 'asks and withholds as its ring agreed',
};

const filters = (p: Pass): string =>
  filterNames
    .filter((f) => p.filters[f] > 0)
    .map((f) => `${group(p.filters[f])} ${filterTexts[f]}`)
    .join(', ');

const free = (p: Pass): string =>
  `${short(p.freeGpus)} GPUs free in its classes${p.notBoughtGpus > 0 ? `, ${short(p.notBoughtGpus)} idle but not bought` : ''}`;

export function readableExplanation(e: Explanation & { adversaries?: Suspect[] }): string {
  const a = e.asked;
  const w = e.wait;
  const lines = [
    `job ${e.job} (${e.label}, user ${e.user}) in pool ${e.pool}: ${e.state}${e.reason === 'ok' ? '' : ` (${e.reason})`}`,
    `  asked for ${a.tasks === 1 ? '1 task' : `${group(a.tasks)} tasks at once`}, ${a.milliGpu === 1000 ? '1 GPU' : `${short(a.milliGpu / 1000)} GPUs`} of ${a.classes.join(' or ')}, at most ${duration(a.limitSeconds)} each`,
    `  came ${seconds(e.submittedUs)} after the start${e.startedUs === null ? ', never started' : `, started after waiting ${duration(w.seconds!)}`}`,
  ];
  if (w.byReason.length > 0) {
    const total = w.byReason.reduce((n, r) => n + r.seconds, 0);
    lines.push('', 'Why it waited');
    lines.push(table(w.byReason.map((r) => [r.code, duration(r.seconds), percent(r.seconds / total)])));
    for (const r of w.byReason) lines.push(`  ${r.code}: ${codeTexts[r.code]}`);
    lines.push(`  ahead of it when it came: ${group(w.aheadWhenItCame)} jobs that had not started`);
    const more = w.overtakenBy.jobs > w.overtakenBy.first.length ? ', …' : '';
    lines.push(
      w.overtakenBy.jobs === 0
        ? '  no job that came to its pool later started before it'
        : `  ${group(w.overtakenBy.jobs)} jobs that came to its pool later started before it (${w.overtakenBy.first.join(', ')}${more})`,
    );
    const hope =
      e.supplyAuction && w.policy !== null
        ? ' (GPUs that are not bought count as free at the next clearing, where they may stay unbought)'
        : '';
    if (w.policy !== null) lines.push(`  the policy says: ${w.policy.code}: ${w.policy.about}${hope}`);
  }
  if (w.firstPass !== null) lines.push(`  machines when it came: ${filters(w.firstPass)}; ${free(w.firstPass)}`);
  if (w.lastPass !== null && w.lastPass !== w.firstPass && w.lastPass.timeUs > w.firstPass!.timeUs)
    lines.push(
      `  machines at the last pass without it (${seconds(w.lastPass.timeUs)}): ${filters(w.lastPass)}; ${free(w.lastPass)}`,
    );
  if (e.placed !== null) {
    const { chosen, others, candidates } = e.placed;
    const one = (x: typeof chosen) => (x.score === null ? x.node : `${x.node} (${x.score})`);
    const rest = others.length === 0 ? '' : `; next ${others.map(one).join(', ')}`;
    lines.push(
      `  placed ${seconds(e.placed.timeUs)} after the start on ${one(chosen)}, of ${group(candidates)} machine${candidates === 1 ? '' : 's'} with room${rest}`,
    );
  }
  if (w.firstPass === null && e.startedUs !== null)
    lines.push('  it started at the first pass after its money was held');
  if (w.stretches.length > 1) {
    lines.push(
      '',
      `Its wait in order of time${w.stretchesInAll > w.stretches.length ? ` (first ${w.stretches.length} of ${group(w.stretchesInAll)} stretches)` : ''}`,
    );
    lines.push(
      table([
        ['from', 'for', 'reason', 'GPUs free', 'before it in the queue'],
        ...w.stretches.map((s) => [
          seconds(s.fromUs),
          seconds(s.toUs - s.fromUs),
          s.code,
          short(s.freeGpus),
          group(s.ahead),
        ]),
      ]),
    );
  }
  if (e.attempts.length > 0) {
    lines.push('', 'Where it ran');
    for (const t of e.attempts) {
      lines.push(
        t.startUs < 0
          ? `  attempt ${t.attempt}: ${t.outcome}`
          : `  attempt ${t.attempt}: ${seconds(t.startUs)} to ${seconds(t.endUs)} after the start, ${seconds(t.endUs - t.startUs)}, ${t.outcome}${t.lostTo === null ? '' : ` (${t.lostTo})`}`,
      );
      for (const p of t.parts.slice(0, 12))
        lines.push(
          `    ${p.node} GPU ${p.gpus} (${p.gpuClass}) at ${short(p.rateMicroPerGpuHour / 1e6)} ${e.paid.currency}/GPU-hour: ${amount(BigInt(p.chargeMicro), e.paid.currency)}`,
        );
      if (t.parts.length > 12) lines.push(`    and ${t.parts.length - 12} more machines`);
    }
  }
  if (e.adversaries !== undefined)
    lines.push('', 'Who did not play by the rules', table(e.adversaries.map((s) => [s.agent, doings[s.kind]])));
  lines.push(
    '',
    `Paid ${amount(BigInt(e.paid.chargedMicro), e.paid.currency)}${e.paid.quotedMaxMicro === '0' ? '' : `; at most ${amount(BigInt(e.paid.quotedMaxMicro), e.paid.currency)} was held`}`,
  );
  if (e.disputes.length > 0) lines.push('', 'Disputes about it');
  for (const d of e.disputes)
    lines.push(
      `  ${seconds(d.timeUs)} after the start: part ${d.part} of attempt ${d.attempt} ${d.event}${d.by === '' ? '' : ` by ${d.by}`}${d.reason === 'ok' ? '' : `, ${d.reason}`}${d.amountMicro === '0' ? '' : `: ${amount(BigInt(d.amountMicro), e.paid.currency)}`}${d.bondMicro === '0' ? '' : `, bond ${amount(BigInt(d.bondMicro), e.paid.currency)}`}`,
    );
  return `${lines.join('\n')}\n`;
}

function jobNumber(text: string): number {
  const n = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(n) || n < 1)
    throw new InvalidArgumentError('want the number of a job');
  return n;
}

export function addExplain(program: Command): void {
  program
    .command('explain')
    .description('why a job waited, where it ran and what it paid')
    .argument('<rundir>', 'directory written by run --out')
    .argument('<job>', 'number of the job', jobNumber)
    .option('--json', 'print one JSON document instead of text')
    .addHelpText(
      'after',
      `
Replays the run through core and looks at the machines after every pass of the scheduler. The report names the longest waits.

Overtaken by a job means: it came to the same pool later (at the same stamp: with a higher number) and first started before this
one did; jobs that still ran when the run ended count as well. Report counts alike.

Examples:
  janction explain runs/q7 2846
  janction explain runs/q7 2846 --json`,
    )
    .action((dir: string, job: number, flags: { json?: boolean }) => {
      const e = explainCommand(dir, job);
      print(flags.json === true ? `${JSON.stringify(e)}\n` : readableExplanation(e));
    });
}
