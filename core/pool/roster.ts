/**
 * The nodes a pool holds: terms, fence sequences, health and contact, and the cluster they add up to. Local node numbers
 * (0 .. n-1, order of assignment) are what mechanisms see.
 */
import { Deadlines } from '../deadlines.ts';
import { type MarketConfig, NEVER, type TimeUs } from '../types.ts';
import { Cluster } from './cluster.ts';
import { Forecast } from './forecast.ts';

export interface RosterState {
  term: number;
  nodes: number[];
  seqs: number[];
  healthy: boolean[];
  contactUntilUs: TimeUs[];
  losses: number[];
  /** GPUs out of service: local number of the node, GPU. */
  out?: [number, number][];
  /** Images on the disk of each node, the longest unused first. */
  disks?: [number, [string, number][]][];
}

export class Roster {
  readonly #config: MarketConfig;
  cluster: Cluster;
  forecast: Forecast;
  term = 0;
  /** Local number -> node index, and back. */
  #nodes: number[] = [];
  readonly #local = new Map<number, number>();
  #seqs: number[] = [];
  #healthy: boolean[] = [];
  #contactUntilUs: TimeUs[] = [];
  readonly #lapses: Deadlines;

  constructor(config: MarketConfig) {
    this.#config = config;
    this.cluster = this.#build([]);
    this.forecast = new Forecast(this.cluster);
    this.#lapses = new Deadlines((local, at) => this.#contactUntilUs[local] === at && this.cluster.isUp(local));
  }

  #build(nodes: readonly number[]): Cluster {
    return new Cluster(
      nodes.map((n) => this.#config.nodes[n]!),
      this.#config.classes.map((c) => c.memoryMiB),
      this.#config.classes.map((c) => c.mig),
    );
  }

  get nodes(): readonly number[] {
    return this.#nodes;
  }
  localOf(node: number): number | undefined {
    return this.#local.get(node);
  }
  nodeOf(local: number): number {
    return this.#nodes[local]!;
  }
  /** Next number of the node's fence under the present term. */
  nextSeq(local: number): number {
    return ++this.#seqs[local]!;
  }
  /** First stamp after which a contact has lapsed. */
  nextWakeup(): TimeUs {
    const next = this.#lapses.next();
    return next >= NEVER ? NEVER : next + 1;
  }

  /** A new term over the nodes held and those given; capacity in use is taken again from `retake`. */
  assign(term: number, nodes: readonly number[], retake: (cluster: Cluster) => void): void {
    this.term = term;
    const up = this.#nodes.map((_, i) => this.cluster.isUp(i));
    const losses = this.#losses();
    const before = this.cluster;
    for (const n of nodes) {
      if (this.#local.has(n)) continue;
      this.#local.set(n, this.#nodes.length);
      this.#nodes.push(n);
      this.#healthy.push(false);
      this.#contactUntilUs.push(NEVER);
    }
    this.#seqs = this.#nodes.map(() => 0);
    const freed = this.cluster.freedVersion + 1;
    this.cluster = this.#build(this.#nodes);
    this.cluster.freedVersion = freed;
    for (const [local, disk] of before.disks())
      for (const [name, mib] of disk) this.cluster.diskOf(local).set(name, mib);
    this.forecast = new Forecast(this.cluster);
    retake(this.cluster);
    up.forEach((u, i) => {
      this.cluster.setUp(i, u);
      this.cluster.setCards(i, before);
      this.cluster.setLosses(i, losses[i]!);
    });
  }

  /** The same machines, all of them up and empty: what could ever be placed. */
  emptyCopy(): Cluster {
    const copy = this.#build(this.#nodes);
    for (let n = 0; n < copy.nodeCount; n++) copy.setUp(n, true);
    return copy;
  }

  /** The pool lost its nodes to a successor. */
  clear(): void {
    this.#nodes = [];
    this.#local.clear();
    this.#seqs = [];
    this.#healthy = [];
    this.#contactUntilUs = [];
    this.cluster = this.#build([]);
    this.forecast = new Forecast(this.cluster);
  }

  /** True when capacity came up by it. */
  health(now: TimeUs, node: number, up: boolean): boolean {
    const local = this.#local.get(node);
    if (local === undefined) return false;
    this.#healthy[local] = up;
    return this.#refresh(now, local);
  }

  /** A GPU of the node is out of service, or back. Answers the node's local number; undefined = not held. */
  card(node: number, gpu: number, out: boolean): number | undefined {
    const local = this.#local.get(node);
    if (local !== undefined) this.cluster.setOut(local, gpu, out);
    return local;
  }

  /** The machine's own list of those that are out. */
  cards(local: number, out: readonly number[] = []): void {
    for (let g = 0; g < this.cluster.gpusOf(local); g++) this.cluster.setOut(local, g, out.includes(g));
  }

  contact(now: TimeUs, node: number, until: TimeUs): boolean {
    const local = this.#local.get(node);
    if (local === undefined) return false;
    this.#contactUntilUs[local] = until;
    const came = this.#refresh(now, local);
    if (!came) this.#lapses.add(local, until);
    return came;
  }

  /** The node has been heard of in time. */
  hears(now: TimeUs, local: number): boolean {
    return this.#contactUntilUs[local]! >= now;
  }

  /** Nodes not heard of in time take no new leases. */
  expire(now: TimeUs): void {
    for (let local = this.#lapses.take(now - 1); local >= 0; local = this.#lapses.take(now - 1))
      this.#refresh(now, local);
  }

  #refresh(now: TimeUs, local: number): boolean {
    const up = this.#healthy[local]! && this.#contactUntilUs[local]! >= now;
    const came = up && !this.cluster.isUp(local);
    this.cluster.setUp(local, up);
    // A deadline of a machine that was down has been forgotten.
    if (came) this.#lapses.add(local, this.#contactUntilUs[local]!);
    return came;
  }

  #losses(): number[] {
    return Array.from({ length: this.cluster.nodeCount }, (_, i) => this.cluster.lossesOf(i));
  }

  #out(): [number, number][] {
    const out: [number, number][] = [];
    for (let i = 0; i < this.cluster.nodeCount; i++)
      for (let g = 0; this.cluster.outCards(i) > 0 && g < this.cluster.gpusOf(i); g++)
        if (this.cluster.isOut(i, g)) out.push([i, g]);
    return out;
  }

  snapshot(): RosterState {
    const out = this.#out();
    const disks = [...this.cluster.disks()].map(([n, d]): [number, [string, number][]] => [n, [...d]]);
    return {
      term: this.term,
      nodes: this.#nodes,
      seqs: this.#seqs,
      healthy: this.#healthy,
      contactUntilUs: this.#contactUntilUs,
      losses: this.#losses(),
      ...(out.length > 0 ? { out } : {}),
      ...(disks.length > 0 ? { disks } : {}),
    };
  }

  /** Takes ownership of the state. */
  restore(now: TimeUs, s: RosterState, retake: (cluster: Cluster) => void): void {
    this.assign(s.term, s.nodes, () => {});
    this.#seqs = s.seqs;
    this.#healthy = s.healthy;
    this.#contactUntilUs = s.contactUntilUs;
    for (const [local, disk] of s.disks ?? [])
      for (const [name, mib] of disk) this.cluster.diskOf(local).set(name, mib);
    for (const [local, gpu] of s.out ?? []) this.cluster.setOut(local, gpu, true);
    retake(this.cluster);
    for (let local = 0; local < this.#nodes.length; local++) {
      if (!this.#refresh(now, local)) this.#lapses.add(local, this.#contactUntilUs[local]!);
      this.cluster.setLosses(local, s.losses[local]!);
    }
  }
}
