/**
 * Is every job of a run billed by the contract it was quoted? Uses nothing of this project: Parquet through hyparquet, sums in BigInt.
 *
 *   node test/independent/billed-as-quoted.mjs RUNDIR...
 *
 * The contract: each attempt is charged once, floor(sum over its parts of rate x milli-GPU x us / 3.6e12) micro-units; under `escrow` each part
 * costs its price per block, rounded up, for every block boundary it ran over. An attempt that the provider failed (node-failure, gpu-failure, not-started)
 * or that was called off (aborted) is billed as the scenario's rule of losses says, by default not at all. The rate of a part is that of the award
 * it was sold under; an attempt costs at most what was quoted; a job's charge is the sum over its attempts. What the user paid on balance
 * for an attempt, from all transfers, is its charge, the adjustments that are listed for it and the disputes about it, and nothing else.
 */
import { readFileSync } from 'node:fs';
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';

const free = new Set(['node-failure', 'gpu-failure', 'not-started', 'aborted']);
const atFault = new Set(['node-failure', 'gpu-failure', 'not-started']);
const rank = [
  'node-failure',
  'gpu-failure',
  'not-started',
  'failed',
  'limit',
  'cancelled',
  'preempted',
  'aborted',
  'completed',
];
const signs = { unpaid: -1n, 'debt-paid': 1n, 'refund-short': 1n, credit: -1n, 'credit-short': 0n };
const disputes = new Set(['dispute-upheld', 'bond-lost']);
const HOUR = 3_600_000_000_000n;
const table = async (dir, name) => parquetReadObjects({ file: await asyncBufferFromFile(`${dir}/${name}.parquet`) });
const milliOf = (p) => p.gpu_milli * BigInt(p.gpus === '' ? 0 : p.gpus.split('+').length);
const add = (map, key, amount) => map.set(key, (map.get(key) ?? 0n) + amount);

/** End of the use that is billed. */
function billedEnd(rules, outcome, p, lastRead) {
  if (!free.has(outcome)) return p.end_us;
  if (rules?.loss === 'user-pays') return p.end_us;
  if (rules?.loss === 'fault-bears') return atFault.has(p.outcome) ? p.start_us : p.end_us;
  if (rules?.loss === 'whole-periods') return lastRead.get(p.lease_id) ?? p.start_us;
  return p.start_us;
}

function chargeOf(rules, parts, outcome, lastRead) {
  const use = parts.map((p) => ({
    price: p.rate_micro_per_gpu_hour * milliOf(p),
    from: p.start_us,
    to: billedEnd(rules, outcome, p, lastRead),
  }));
  if (rules?.kind !== 'escrow') return use.reduce((s, u) => s + u.price * (u.to - u.from), 0n) / HOUR;
  const block = BigInt(rules.blockUs);
  return use.reduce((s, u) => s + ((u.price * block + HOUR - 1n) / HOUR) * (u.to / block - u.from / block), 0n);
}

async function check(dir) {
  const jobs = await table(dir, 'jobs');
  const rules = JSON.parse(readFileSync(`${dir}/run.json`, 'utf8')).scenario.market.contract;
  const awards = new Map((await table(dir, 'prices')).map((p) => [`${p.award_id}/${p.gpu_class}`, p]));
  const lastRead = new Map(
    (await table(dir, 'meters')).filter((m) => m.reading === 'running').map((m) => [m.lease_id, m.until_us]),
  );
  const attempts = new Map();
  for (const p of await table(dir, 'placements')) {
    const key = `${p.job_id}/${p.attempt}`;
    attempts.set(key, [...(attempts.get(key) ?? []), p]);
    const award = awards.get(`${p.award_id}/${p.gpu_class}`);
    if (award === undefined && p.currency === 'USD')
      return `lease ${p.lease_id}: award ${p.award_id} is on no price list`;
    if (p.currency === 'USD' && award.rate_micro_per_gpu_hour !== p.rate_micro_per_gpu_hour)
      return `lease ${p.lease_id}: rate ${p.rate_micro_per_gpu_hour}, but award ${p.award_id} says ${award.rate_micro_per_gpu_hour}`;
  }
  const most = new Map();
  const quoteOf = new Map();
  for (const q of await table(dir, 'quotes')) {
    most.set(`${q.job_id}/${q.attempt}`, q.most_micro);
    quoteOf.set(String(q.job_id), q.quote_id);
  }
  const posts = new Map();
  const paid = new Map();
  let charges = 0;
  for (const t of await table(dir, 'transfers')) {
    const key = `${t.job_id}/${t.attempt}`;
    // Without a contract of the scenario's own, what is reserved is what was quoted.
    if (t.kind === 'pending' && t.reason === 'hold' && rules === undefined) most.set(key, t.amount_micro);
    if (t.job_id === 0n || t.kind === 'pending' || t.kind === 'void') continue;
    if (t.kind === 'post' && !disputes.has(t.reason)) {
      if (posts.has(key)) return `job ${t.job_id}, attempt ${t.attempt}: charged twice`;
      posts.set(key, t);
    }
    if (t.debit.startsWith('user:')) add(paid, key, t.amount_micro);
    if (t.credit.startsWith('user:')) add(paid, key, -t.amount_micro);
  }
  const adjusted = new Map();
  let adjustments = 0;
  for (const a of await table(dir, 'adjustments')) {
    if (!(a.kind in signs)) return `job ${a.job_id}: an adjustment of unknown kind ${a.kind}`;
    add(adjusted, `${a.job_id}/${a.attempt}`, signs[a.kind] * a.amount_micro);
    adjustments++;
  }
  // Who disputed rightly has the part's charge back, and its provider's bond; who did not has lost its own.
  for (const d of await table(dir, 'disputes')) {
    if (d.event === 'upheld') add(adjusted, `${d.job_id}/${d.attempt}`, -d.amount_micro - d.provider_bond_micro);
    else if (d.event === 'rejected') add(adjusted, `${d.job_id}/${d.attempt}`, d.bond_micro);
    else continue;
    adjustments++;
  }
  const byJob = new Map();
  for (const [key, parts] of attempts) {
    const [job] = key.split('/');
    const outcome = rank.find((o) => parts.some((p) => p.outcome === o));
    const charge = chargeOf(rules, parts, outcome, lastRead);
    const shares = parts.reduce((s, p) => s + p.charge_micro, 0n);
    if (shares !== charge) return `job ${job}: parts of ${key} were charged ${shares}, the contract says ${charge}`;
    const want = charge + (adjusted.get(key) ?? 0n);
    if ((paid.get(key) ?? 0n) !== want)
      return `job ${job}: ${key} was paid ${paid.get(key) ?? 0n}, the contract and its adjustments say ${want}`;
    if (charge > (most.get(key) ?? 0n)) return `job ${job}: ${key} cost ${charge}, only ${most.get(key)} was quoted`;
    if (charge > 0n) charges++;
    add(byJob, job, charge);
  }
  let completed = 0;
  for (const j of jobs) {
    const want = byJob.get(String(j.job_id)) ?? 0n;
    if (j.charged_micro !== want)
      return `job ${j.job_id} (${j.final_state}): charged ${j.charged_micro}, its attempts cost ${want}`;
    const quote = quoteOf.get(String(j.job_id));
    if (quote !== undefined && j.final_state === 'completed' && quote !== j.quote_id)
      return `job ${j.job_id}: sold under quote ${quote}, its row says ${j.quote_id}`;
    if (j.final_state === 'completed') completed++;
  }
  const over = new Set(jobs.map((j) => String(j.job_id)));
  for (const [key, amount] of paid)
    if (amount !== 0n && !attempts.has(key) && over.has(key.split('/')[0]))
      return `${amount} paid for ${key}, which never ran`;
  console.log(`${dir}: ${completed} completed jobs billed as quoted, ${charges} charges, ${adjustments} adjustments`);
  return null;
}

for (const dir of process.argv.slice(2)) {
  const fault = await check(dir).catch((e) => `cannot be read: ${e.message}`);
  if (fault !== null) {
    console.log(`${dir}: ${fault}`);
    process.exitCode = 1;
  }
}
