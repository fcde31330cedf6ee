/**
 * How long jobs take: speeds by GPU class, how gangs scale, what a machine fetches first, and what tenants of one card do to each
 * other. Laws, sources and limits: docs/models/performance.md.
 */

import type { StartAction } from '../../core/facts.ts';
import { useImage } from '../../core/pool/disk.ts';
import { HOUR_US, type NodeSpec, type TaskGroup, type TimeUs } from '../../core/types.ts';
import {
  type Isolation,
  isolationLevels,
  type PerformanceModel,
  type PerformanceSpec,
} from '../../scenarios/resolved.ts';

const MIB = 1_048_576;

/** Time to move so much at so many kB (1000 bytes) per second. */
export const transferUs = (mib: number, kBps: number): TimeUs => Math.ceil((mib * MIB * 1000) / kBps);

/**
 * Thousandths of the speed of one reference GPU at which `gpus` GPUs of speed `speedMilli` work together, over a wire of `kBps`
 * between the two furthest of them. Amdahl's law (AFIPS 1967) for the step, and a ring all-reduce, in which every GPU sends
 * 2 (N - 1) / N of what is exchanged (Patarasuk and Yuan, JPDC 69(2), 2009); the two do not overlap.
 */
export function gangSpeedMilli(model: PerformanceModel, speedMilli: number, gpus: number, kBps: number): number {
  const { scaling } = model;
  if (scaling === null || gpus < 1) return Math.max(1, Math.round(speedMilli));
  const { parallel, stepUs, syncMiB } = scaling;
  const work = ((stepUs * 1000) / speedMilli) * (1 - parallel + parallel / gpus);
  const sync = (((2 * (gpus - 1)) / gpus) * syncMiB * MIB * 1000) / kBps;
  return Math.max(1, Math.round((1000 * stepUs) / (work + sync)));
}

const gpusOf = (groups: readonly TaskGroup[]): number => groups.reduce((n, g) => n + g.tasks * g.gpus, 0);

/** The slowest wire that a gang of this shape can meet on a class. */
function slowestWire(spec: PerformanceSpec, gpuClass: number, groups: readonly TaskGroup[]): number {
  const machines = groups.reduce((n, g) => n + (g.gpus > 0 ? g.tasks : 0), 0);
  let kBps = groups.some((g) => g.gpus > 1) ? spec.classes[gpuClass]!.linkKBps : Number.MAX_SAFE_INTEGER;
  if (machines > 1) for (const g of Object.values(spec.groups)) kBps = Math.min(kBps, g.fabricKBps);
  return kBps;
}

/** Speed of a gang on one class over the slowest wire it can meet: what its user reckons with. */
export function expectedSpeedMilli(
  spec: PerformanceSpec,
  model: PerformanceModel,
  gpuClass: number,
  groups: readonly TaskGroup[],
): number {
  const speed = model.speedMilli[gpuClass]!;
  return speed === 0 ? 0 : gangSpeedMilli(model, speed, gpusOf(groups), slowestWire(spec, gpuClass, groups));
}

/** Work that one GPU of the gang does in an hour on the class, in thousandths of a reference GPU's hour. */
export function perGpuMilli(
  spec: PerformanceSpec,
  model: PerformanceModel,
  c: number,
  groups: readonly TaskGroup[],
): number {
  const speed = expectedSpeedMilli(spec, model, c, groups);
  return model.scaling === null ? speed : Math.floor(speed / Math.max(1, gpusOf(groups)));
}

/** Longest that a machine of the fleet takes to fetch the model's image. */
export function longestFetchUs(spec: PerformanceSpec, model: PerformanceModel): TimeUs {
  if (model.image === null) return 0;
  let most = 0;
  for (const g of Object.values(spec.groups)) most = Math.max(most, transferUs(model.image.mib, g.downloadKBps));
  return most;
}

/** One process on a card. */
interface Tenant {
  lease: number;
  user: string;
}

interface Card {
  tenants: Tenant[];
  sinceUs: TimeUs;
}

/** What the run reports of it. */
export interface PerformanceFigures {
  /** Attempts' parts whose machine had to fetch their image, and those that found it. */
  coldStarts: number;
  warmStarts: number;
  /** Run time of attempts that went by while images came. */
  coldStartHours: number;
  /** Card-hours on which processes of two or more users stood together, by what kept them apart. */
  sharedCardHours: Record<Isolation, number>;
}

export interface PerformanceState {
  caches: [number, [string, number][]][];
  cards: [number, Card][];
  coldStarts: number;
  warmStarts: number;
  coldUs: number;
  sharedUs: number[];
}

/** GPUs of a machine at most, for keys of cards. */
const WIDEST = 1024;

export class Performance {
  readonly #spec: PerformanceSpec;
  readonly #nodes: readonly NodeSpec[];
  readonly #groups: readonly string[];
  readonly #speedMilli: readonly number[];
  /** Images on each machine's disk, the longest unused first. */
  readonly #caches = new Map<number, Map<string, number>>();
  /** Cards of which jobs take shares. */
  readonly #cards = new Map<number, Card>();
  #coldStarts = 0;
  #warmStarts = 0;
  #coldUs = 0;
  #sharedUs = isolationLevels.map(() => 0);

  /** `groups[node]`: its fleet group; `speedMilli[node]`: its speed, which may differ from that of its class. */
  constructor(
    spec: PerformanceSpec,
    nodes: readonly NodeSpec[],
    groups: readonly string[],
    speedMilli: readonly number[],
  ) {
    this.#spec = spec;
    this.#nodes = nodes;
    this.#groups = groups;
    this.#speedMilli = speedMilli;
  }

  #model(model: number): PerformanceModel {
    return this.#spec.models[model]!;
  }

  /** The model says how speed goes with the number of GPUs. */
  scales(model: number): boolean {
    return this.#model(model).scaling !== null;
  }

  /** Speed of a gang where it stands, in thousandths of the reference. */
  speedMilli(model: number, parts: readonly { node: number; gpus: readonly number[] }[]): number {
    const m = this.#model(model);
    let slowest = Number.MAX_SAFE_INTEGER;
    let kBps = Number.MAX_SAFE_INTEGER;
    let gpus = 0;
    for (const { node, gpus: own } of parts) {
      const { gpuClass } = this.#nodes[node]!;
      const c = this.#spec.classes[gpuClass]!;
      slowest = Math.min(slowest, (m.speedMilli[gpuClass]! * this.#speedMilli[node]!) / c.speedMilli);
      if (own.length > 1) kBps = Math.min(kBps, c.linkKBps);
      if (parts.length > 1) kBps = Math.min(kBps, this.#spec.groups[this.#groups[node]!]!.fabricKBps);
      gpus += own.length;
    }
    return gangSpeedMilli(m, Math.max(1, slowest), gpus, kBps);
  }

  /** Time until the machine has the model's image, which it keeps while there is room. */
  fetchUs(model: number, node: number): TimeUs {
    const { image } = this.#model(model);
    if (image === null) return 0;
    const { downloadKBps, cacheMiB } = this.#spec.groups[this.#groups[node]!]!;
    let cache = this.#caches.get(node);
    if (cache === undefined) {
      cache = new Map();
      this.#caches.set(node, cache);
    }
    const has = useImage(cache, cacheMiB, image);
    if (has) {
      this.#warmStarts++;
      return 0;
    }
    this.#coldStarts++;
    const us = transferUs(image.mib, downloadKBps);
    this.#coldUs += us;
    return us;
  }

  /** A process takes shares of cards; answers the leases of those that stand there with it. */
  enter(now: TimeUs, a: StartAction, user: string): number[] {
    const beside: number[] = [];
    for (const gpu of a.gpus) {
      const key = a.node * WIDEST + gpu;
      let card = this.#cards.get(key);
      if (card === undefined) {
        card = { tenants: [], sinceUs: now };
        this.#cards.set(key, card);
      }
      this.#account(now, a.node, card);
      for (const t of card.tenants) beside.push(t.lease);
      card.tenants.push({ lease: a.lease, user });
    }
    return beside;
  }

  /** The process is gone; answers the leases of those that stood with it. */
  leave(now: TimeUs, node: number, gpus: readonly number[], lease: number): number[] {
    const beside: number[] = [];
    for (const gpu of gpus) {
      const key = node * WIDEST + gpu;
      const card = this.#cards.get(key)!;
      this.#account(now, node, card);
      card.tenants = card.tenants.filter((t) => t.lease !== lease);
      for (const t of card.tenants) beside.push(t.lease);
      if (card.tenants.length === 0) this.#cards.delete(key);
    }
    return beside;
  }

  /** Shares of the machine's cards lie in one context, so that an error of one ends them all. */
  inOneContext(node: number): boolean {
    return this.#spec.classes[this.#nodes[node]!.gpuClass]!.isolation === 'mps';
  }

  #account(now: TimeUs, node: number, card: Card): void {
    const first = card.tenants[0]?.user;
    if (card.tenants.some((t) => t.user !== first)) {
      const level = this.#spec.classes[this.#nodes[node]!.gpuClass]!.isolation;
      this.#sharedUs[isolationLevels.indexOf(level)]! += now - card.sinceUs;
    }
    card.sinceUs = now;
  }

  /** How many times longer a process takes for its neighbours on the fullest of its cards, in thousandths. */
  crowdingMilli(node: number, gpus: readonly number[]): number {
    let most = 1;
    for (const gpu of gpus) most = Math.max(most, this.#cards.get(node * WIDEST + gpu)?.tenants.length ?? 1);
    return 1000 + this.#spec.classes[this.#nodes[node]!.gpuClass]!.interferenceMilli * (most - 1);
  }

  /** As of `now`. */
  figures(now: TimeUs): PerformanceFigures {
    for (const [key, card] of this.#cards) this.#account(now, Math.floor(key / WIDEST), card);
    const hours = (us: number): number => Math.round((us / HOUR_US) * 1e6) / 1e6;
    return {
      coldStarts: this.#coldStarts,
      warmStarts: this.#warmStarts,
      coldStartHours: hours(this.#coldUs),
      sharedCardHours: Object.fromEntries(isolationLevels.map((l, i) => [l, hours(this.#sharedUs[i]!)])) as Record<
        Isolation,
        number
      >,
    };
  }

  snapshot(): PerformanceState {
    return {
      caches: [...this.#caches].map(([node, cache]) => [node, [...cache]]),
      cards: [...this.#cards].map(([key, c]) => [
        key,
        { tenants: c.tenants.map((t) => ({ ...t })), sinceUs: c.sinceUs },
      ]),
      coldStarts: this.#coldStarts,
      warmStarts: this.#warmStarts,
      coldUs: this.#coldUs,
      sharedUs: [...this.#sharedUs],
    };
  }

  restore(s: PerformanceState): void {
    for (const [node, cache] of s.caches) this.#caches.set(node, new Map(cache));
    for (const [key, c] of s.cards)
      this.#cards.set(key, { tenants: c.tenants.map((t) => ({ ...t })), sinceUs: c.sinceUs });
    this.#coldStarts = s.coldStarts;
    this.#warmStarts = s.warmStarts;
    this.#coldUs = s.coldUs;
    this.#sharedUs = [...s.sharedUs];
  }
}
