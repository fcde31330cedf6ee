/**
 * The simulator published with Muri (Zhao et al., SIGCOMM 2022; artifact of commit 4e69a78), SRTF, SRSF and Tiresias-L on 8 x 8
 * GPUs, written from its rules and sharing nothing with scheduler, policies or kernel. It keeps seconds in binary floating point,
 * operation by operation as the artifact does, or whole microseconds, in which every input is exact. In the first form it gives
 * the published figures, in the second ours; where the two part shows why published figures differ from exact ones.
 */
import type { MuriFigures, MuriJob, MuriPolicy } from './muri.ts';

export type Arithmetic = 'binary-float' | 'whole-us';

/** One decision of the simulated scheduler. Times in the arithmetic's own unit: seconds or microseconds. */
export interface ArtifactEvent {
  at: number;
  /** Jobs (place in the list) that ended, and Tiresias' jobs that fell to the next queue. */
  ended: readonly number[];
  fell: readonly number[];
  running: readonly number[];
  /** GPU-time that a job has had, as Tiresias-L counts it. */
  service(job: number): number;
}

const NODES = 8;
const PER_NODE = 8;
const LIMITS_SECONDS = [3250, 7200];
/** The artifact takes two ends of running jobs for one event when they differ by no more than this part of the time. */
const ONE_EVENT = 1_000_000_000;

/** Runs to the end; the generator's result are the figures. */
export function* artifact(
  jobs: readonly MuriJob[],
  policy: MuriPolicy,
  arithmetic: Arithmetic,
): Generator<ArtifactEvent, MuriFigures> {
  const whole = arithmetic === 'whole-us';
  const unit = whole ? 1_000_000 : 1;
  const tiresias = policy === 'tiresias-l';
  const n = jobs.length;
  const gpus = Int32Array.from(jobs, (j) => j.gpus);
  const submit = Float64Array.from(jobs, (j) => (whole ? j.submitUs : j.submitMs / 1000));
  // What is left: iterations and seconds for one, or microseconds.
  const each = Float64Array.from(jobs, (j) => (whole ? 1 : (j.iterationMs * 1.015) / 1000));
  const left = Float64Array.from(jobs, (j) => (whole ? j.workUs : j.iterations));
  const overhead = Float64Array.from(jobs, (j) => (j.overheadUs / 1_000_000) * unit);
  const limits = LIMITS_SECONDS.map((s) => s * unit);
  const had = new Float64Array(n);
  const last = new Float64Array(n);
  const end = new Float64Array(n);
  const rank = new Float64Array(n);
  const runs = new Uint8Array(n);
  const queueOf = new Uint8Array(n);

  const remaining = (j: number): number => left[j]! * each[j]!;
  const oneEvent = (a: number, b: number): boolean =>
    whole ? Math.abs(a - b) * ONE_EVENT <= Math.max(a, b) : Math.abs(a - b) <= (1 / ONE_EVENT) * Math.max(a, b);
  const service = (j: number): number => had[j]! * gpus[j]!;

  /** Arrivals: time and who. Submissions that are one event by the same rule come together. */
  const arrivals: { at: number; who: number[] }[] = [];
  for (const j of jobs.map((_, i) => i).sort((a, b) => submit[a]! - submit[b]! || a - b)) {
    const before = arrivals[arrivals.length - 1];
    if (before !== undefined && oneEvent(before.at, submit[j]!)) before.who.push(j);
    else arrivals.push({ at: submit[j]!, who: [j] });
  }

  const free = new Int32Array(NODES);
  let freeInAll = 0;
  const place = (need: number): boolean => {
    if (need > freeInAll) return false;
    if (!tiresias) {
      const full = need <= PER_NODE ? 0 : Math.floor(need / PER_NODE);
      const rest = need - full * PER_NODE;
      const chosen: number[] = [];
      for (let k = 0; k < NODES && chosen.length < full; k++) if (free[k] === PER_NODE) chosen.push(k);
      if (chosen.length < full) return false;
      if (rest > 0) {
        let one = 0;
        while (one < NODES && (free[one]! < rest || chosen.includes(one))) one++;
        if (one === NODES) return false;
        free[one]! -= rest;
      }
      for (const k of chosen) free[k] = 0;
    }
    freeInAll -= need;
    return true;
  };

  /** Jobs that are there: by arrival (Tiresias-L), else in the order left by the last sort. */
  let there: number[] = [];
  let queues: number[][] = [[], [], []];
  let nextEnd = Number.POSITIVE_INFINITY;
  let ending: number[] = [];
  let nextFall = Number.POSITIVE_INFINITY;
  for (let coming = 0, done = 0; done < n; ) {
    const arrival = arrivals[coming]?.at ?? Number.POSITIVE_INFINITY;
    const now = Math.min(arrival, nextEnd, nextFall);
    if (now === Number.POSITIVE_INFINITY) throw new Error('muri: a job asks for more GPUs than there are');
    const ended = nextEnd === now ? ending : [];
    for (const j of ended) {
      end[j] = now;
      runs[j] = 0;
      done++;
    }
    if (ended.length > 0) {
      there = there.filter((j) => !ended.includes(j));
      queues = queues.map((q) => q.filter((j) => !ended.includes(j)));
    }
    if (arrival === now) {
      for (const j of arrivals[coming++]!.who) {
        there.push(j);
        queues[0]!.push(j);
        rank[j] = remaining(j) * (policy === 'srsf' ? gpus[j]! : 1);
      }
    }
    const fell: number[] = [];
    for (const j of there) {
      if (runs[j] === 0) continue;
      // The start's cost is taken off again in every interval.
      left[j]! -= Math.max(now - last[j]! - overhead[j]!, 0) / each[j]!;
      had[j] = had[j]! + now - last[j]!;
      last[j] = now;
      rank[j] = remaining(j) * (policy === 'srsf' ? gpus[j]! : 1);
      const q = queueOf[j]!;
      if (tiresias && q < limits.length && service(j) >= limits[q]!) {
        fell.push(j);
        queueOf[j] = q + 1;
        queues[q]!.splice(queues[q]!.indexOf(j), 1);
        queues[q + 1]!.push(j);
      }
    }
    if (!tiresias) there.sort((a, b) => rank[a]! - rank[b]!);

    free.fill(PER_NODE);
    freeInAll = NODES * PER_NODE;
    const running: number[] = [];
    for (const line of tiresias ? queues : [there]) {
      for (const j of line) {
        const was = runs[j];
        runs[j] = place(gpus[j]!) ? 1 : 0;
        if (runs[j] === 0) continue;
        running.push(j);
        if (was === 0) last[j] = now;
      }
    }
    if (tiresias) queues = queues.map((q) => [...q.filter((j) => runs[j] === 1), ...q.filter((j) => runs[j] === 0)]);

    nextEnd = Number.POSITIVE_INFINITY;
    nextFall = Number.POSITIVE_INFINITY;
    const ends: { at: number; who: number[] }[] = [];
    for (const j of there) {
      if (runs[j] === 0) continue;
      const at = now + remaining(j);
      const same = ends.find((e) => (tiresias ? e.at === at : oneEvent(e.at, at)));
      if (same === undefined) ends.push({ at, who: [j] });
      else same.who.push(j);
      const limit = tiresias ? limits[queueOf[j]!] : undefined;
      // In whole seconds of run time.
      if (limit !== undefined) nextFall = Math.min(nextFall, Math.ceil(limit / gpus[j]! / unit) * unit - had[j]! + now);
    }
    for (const e of ends) {
      if (e.at >= nextEnd) continue;
      nextEnd = e.at;
      ending = e.who;
    }
    yield { at: now, ended, fell, running, service };
  }

  const jct = Float64Array.from(end, (e, j) => e - submit[j]!);
  const sum = jct.reduce((a, b) => a + b, 0);
  const makespan = end.reduce((a, b) => Math.max(a, b), 0);
  jct.sort((a, b) => a - b);
  return {
    avgJctSeconds: sum / n / unit,
    makespanSeconds: makespan / unit,
    p99JctSeconds: jct[Math.floor(0.99 * n)]! / unit,
  };
}

/** Where floating point and exact numbers first decide differently, and what that comes to. */
export interface Parting {
  /** Figures of the artifact's rules in binary floating point and in whole microseconds. */
  binaryFloat: MuriFigures;
  wholeUs: MuriFigures;
  /**
   * The first event (from 1) at which other jobs end, fall or run; null when all events are the same and only their times drift.
   * Of one that falls in one of the two only: the job (from 0), the GPU-seconds it has had by either, and the limit.
   */
  first: {
    event: number;
    seconds: number;
    fall: { job: number; binaryFloat: number; wholeUs: number; limit: number } | null;
  } | null;
  events: number;
  /** Largest distance in seconds between the times of an event that is the same in both, up to the first that is not. */
  drift: number;
}

const same = (a: readonly number[], b: readonly number[]): boolean => {
  if (a.length !== b.length) return false;
  const theirs = new Set(b);
  return a.every((j) => theirs.has(j));
};

export function parting(jobs: readonly MuriJob[], policy: MuriPolicy): Parting {
  const float = artifact(jobs, policy, 'binary-float');
  const exact = artifact(jobs, policy, 'whole-us');
  let first: Parting['first'] = null;
  let events = 0;
  let drift = 0;
  let f = float.next();
  let e = exact.next();
  while (f.done !== true && e.done !== true) {
    events++;
    const [a, b] = [f.value, e.value];
    if (first === null) {
      if (same(a.ended, b.ended) && same(a.fell, b.fell) && same(a.running, b.running))
        drift = Math.max(drift, Math.abs(a.at - b.at / 1e6));
      else {
        const only = (x: ArtifactEvent, y: ArtifactEvent) => x.fell.find((j) => !y.fell.includes(j));
        const job = only(a, b) ?? only(b, a);
        let fall: NonNullable<Parting['first']>['fall'] = null;
        if (job !== undefined) {
          const [had, exactly] = [a.service(job), b.service(job) / 1e6];
          const distance = (s: number) => Math.abs(s - exactly);
          fall = {
            job,
            binaryFloat: had,
            wholeUs: exactly,
            limit: LIMITS_SECONDS.reduce((x, y) => (distance(y) < distance(x) ? y : x)),
          };
        }
        first = { event: events, seconds: b.at / 1e6, fall };
      }
    }
    f = float.next();
    e = exact.next();
  }
  while (f.done !== true) f = float.next();
  while (e.done !== true) e = exact.next();
  return { binaryFloat: f.value, wholeUs: e.value, first, events, drift };
}
