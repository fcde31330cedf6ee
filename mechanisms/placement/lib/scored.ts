import type { ClusterView, NodeSet, PlacementPolicy, TaskShape } from '../../../core/interfaces.ts';
import { NONE, ScoreTree } from './score-tree.ts';

/** Shapes whose scores are kept; beyond that the one seen first is forgotten. */
const MOST_SHAPES = 512;
/** Scores kept over all shapes: bounds memory on large fleets. */
const MOST_SCORES = 8_000_000;

interface Table {
  tree: ScoreTree;
  /** Changes of the cluster that the scores know of. */
  seen: number;
}

/**
 * Places a task on the node of the highest score, ties to the first node. A score is a whole number and a function of the
 * node's own state and the shape, so it is kept per node and shape and worked out again only for nodes that changed since
 * that shape was last placed. `slow` scores every node every time: the obvious way, kept to check the quick one against.
 */
export abstract class ScoredPlacement implements PlacementPolicy {
  abstract readonly name: string;
  readonly #slow: boolean;
  #cluster: ClusterView | null = null;
  #tables = new Map<TaskShape, Table>();
  #most = 0;
  /** Number of the pass over changes in which each node was last scored. */
  #done = new Int32Array(0);
  #passes = 0;

  constructor(slow = false) {
    this.#slow = slow;
  }

  /** Whole, above -2^31; asked only where the task fits. */
  protected abstract score(cluster: ClusterView, node: number, shape: TaskShape): number;

  /** Called before scores are asked for; `changed` lists what changed since the last call, null = everything. */
  protected sync(_cluster: ClusterView): void {}

  /** Equal numbers = maybe equal states. Policies whose score is dear answer one; -1 = do not share. */
  protected stateHash(_cluster: ClusterView, _node: number): number {
    return -1;
  }
  protected sameState(_cluster: ClusterView, _a: number, _b: number): boolean {
    return false;
  }

  choose(cluster: ClusterView, shape: TaskShape, avoid: NodeSet | null): number {
    this.sync(cluster);
    return this.#slow ? this.#scan(cluster, shape, avoid) : this.#table(cluster, shape).tree.best(avoid);
  }

  reset(): void {
    this.#cluster = null;
    this.#tables.clear();
  }

  /** Score of the node for the shape now, for explanations; null when the task does not fit. */
  explain(cluster: ClusterView, node: number, shape: TaskShape): number | null {
    this.sync(cluster);
    return cluster.fits(node, shape) ? this.score(cluster, node, shape) : null;
  }

  #scan(cluster: ClusterView, shape: TaskShape, avoid: NodeSet | null): number {
    let best = -1;
    let most = NONE;
    for (let node = 0; node < cluster.nodeCount; node++) {
      if (!cluster.fits(node, shape) || avoid?.has(node)) continue;
      const score = this.score(cluster, node, shape);
      if (score > most) {
        most = score;
        best = node;
      }
    }
    return best;
  }

  #table(cluster: ClusterView, shape: TaskShape): Table {
    if (cluster !== this.#cluster) {
      this.#cluster = cluster;
      this.#tables.clear();
      this.#done = new Int32Array(cluster.nodeCount);
      this.#most = Math.max(8, Math.min(MOST_SHAPES, Math.floor(MOST_SCORES / Math.max(1, cluster.nodeCount))));
    }
    let table = this.#tables.get(shape);
    const now = cluster.changeCount;
    if (table === undefined || now - table.seen > cluster.changesKept) {
      if (table === undefined && this.#tables.size >= this.#most)
        this.#tables.delete(this.#tables.keys().next().value!);
      table = { tree: this.#build(cluster, shape), seen: now };
      this.#tables.set(shape, table);
      return table;
    }
    // Backwards, so that a node that changed several times is scored once.
    const done = this.#done;
    const pass = ++this.#passes;
    for (let c = now - 1; c >= table.seen; c--) {
      const node = cluster.changedNode(c);
      if (done[node] === pass) continue;
      done[node] = pass;
      table.tree.set(node, cluster.fits(node, shape) ? this.score(cluster, node, shape) : NONE);
    }
    table.seen = now;
    return table;
  }

  /** Equal nodes share one evaluation. */
  #build(cluster: ClusterView, shape: TaskShape): ScoreTree {
    const tree = new ScoreTree(cluster.nodeCount);
    const known = new Map<number, { node: number; score: number }>();
    for (let node = 0; node < cluster.nodeCount; node++) {
      if (!cluster.fits(node, shape)) continue;
      const hash = this.stateHash(cluster, node);
      const like = hash < 0 ? undefined : known.get(hash);
      if (like !== undefined && this.sameState(cluster, like.node, node)) {
        tree.put(node, like.score);
        continue;
      }
      const score = this.score(cluster, node, shape);
      tree.put(node, score);
      if (hash >= 0 && like === undefined) known.set(hash, { node, score });
    }
    tree.build();
    return tree;
  }
}
