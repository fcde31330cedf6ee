/**
 * Is every job of a run billed by the contract it was quoted? Uses nothing of this project: Parquet through hyparquet, sums in BigInt.
 *
 *   node test/independent/billed-as-quoted.mjs RUNDIR...
 *
 * The contract: each attempt is charged once, floor(sum over its parts of rate x milli-GPU x us / 3.6e12) micro-units, unless the
 * provider failed it (node-failure, not-started) or it was called off (aborted), which cost nothing; the rate of a part is that of
 * the award it was sold under; a job's charge is the sum over its attempts and each attempt's is at most what was reserved for it; and
 * every charge is one posted transfer from the user to the pool that ran the job.
 */
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';

const free = new Set(['node-failure', 'not-started', 'aborted']);
const rank = ['node-failure', 'not-started', 'failed', 'limit', 'cancelled', 'preempted', 'aborted', 'completed'];
const table = async (dir, name) => parquetReadObjects({ file: await asyncBufferFromFile(`${dir}/${name}.parquet`) });

async function check(dir) {
  const jobs = await table(dir, 'jobs');
  const placements = await table(dir, 'placements');
  const transfers = await table(dir, 'transfers');
  const awards = new Map((await table(dir, 'prices')).map((p) => [`${p.pool}/${p.award_id}/${p.gpu_class}`, p]));
  const attempts = new Map();
  for (const p of placements) {
    const key = `${p.job_id}/${p.attempt}`;
    attempts.set(key, [...(attempts.get(key) ?? []), p]);
    const award = awards.get(`${p.pool}/${p.award_id}/${p.gpu_class}`);
    if (award !== undefined && p.currency === 'USD' && award.rate_micro_per_gpu_hour !== p.rate_micro_per_gpu_hour)
      return `lease ${p.lease_id}: rate ${p.rate_micro_per_gpu_hour}, but award ${p.award_id} says ${award.rate_micro_per_gpu_hour}`;
  }
  const reserved = new Map();
  const posted = new Map();
  for (const t of transfers) {
    const key = `${t.job_id}/${t.attempt}`;
    if (t.kind === 'pending') reserved.set(key, t.amount_micro);
    if (t.kind === 'post') {
      if (posted.has(key)) return `job ${t.job_id}, attempt ${t.attempt}: charged twice`;
      posted.set(key, t);
    }
  }
  const byJob = new Map();
  for (const [key, parts] of attempts) {
    const [job] = key.split('/');
    const outcome = rank.find((o) => parts.some((p) => p.outcome === o));
    let sum = 0n;
    for (const p of parts)
      sum += p.rate_micro_per_gpu_hour * p.gpu_milli * BigInt(p.gpus.split('+').length) * (p.end_us - p.start_us);
    const charge = free.has(outcome) ? 0n : sum / 3_600_000_000_000n;
    const shares = parts.reduce((s, p) => s + p.charge_micro, 0n);
    if (shares !== charge) return `job ${job}: parts of ${key} were charged ${shares}, the contract says ${charge}`;
    if ((posted.get(key)?.amount_micro ?? 0n) !== charge)
      return `job ${job}: ${key} moved ${posted.get(key)?.amount_micro ?? 0n}, the contract says ${charge}`;
    if (charge > 0n && charge > reserved.get(key))
      return `job ${job}: ${key} cost ${charge}, only ${reserved.get(key)} was reserved`;
    byJob.set(job, (byJob.get(job) ?? 0n) + charge);
  }
  let completed = 0;
  for (const j of jobs) {
    const want = byJob.get(String(j.job_id)) ?? 0n;
    if (j.charged_micro !== want)
      return `job ${j.job_id} (${j.final_state}): charged ${j.charged_micro}, its attempts cost ${want}`;
    if (j.final_state === 'completed') completed++;
  }
  for (const key of posted.keys()) if (!attempts.has(key)) return `a charge for ${key}, which never ran`;
  console.log(`${dir}: ${completed} completed jobs billed as quoted, ${posted.size} charges`);
  return null;
}

for (const dir of process.argv.slice(2)) {
  const fault = await check(dir);
  if (fault !== null) {
    console.log(`${dir}: ${fault}`);
    process.exitCode = 1;
  }
}
