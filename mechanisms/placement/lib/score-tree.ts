import type { NodeSet } from '../../../core/interfaces.ts';

/** No task fits there. */
export const NONE = -0x80000000;

/** Scores of all nodes with the best above each pair: the best node, ties to the first, in O(log n). */
export class ScoreTree {
  readonly #leaves: number;
  readonly #tree: Int32Array;

  constructor(nodes: number) {
    let leaves = 1;
    while (leaves < nodes) leaves *= 2;
    this.#leaves = leaves;
    this.#tree = new Int32Array(2 * leaves).fill(NONE);
  }

  /** Sets a score without repairing what lies above; `build` follows. */
  put(node: number, score: number): void {
    this.#tree[this.#leaves + node] = score;
  }

  build(): void {
    const tree = this.#tree;
    for (let i = this.#leaves - 1; i >= 1; i--) {
      const left = tree[2 * i]!;
      const right = tree[2 * i + 1]!;
      tree[i] = left >= right ? left : right;
    }
  }

  set(node: number, score: number): void {
    const tree = this.#tree;
    let i = this.#leaves + node;
    if (tree[i] === score) return;
    tree[i] = score;
    for (i >>= 1; i >= 1; i >>= 1) {
      const left = tree[2 * i]!;
      const right = tree[2 * i + 1]!;
      const best = left >= right ? left : right;
      if (tree[i] === best) return;
      tree[i] = best;
    }
  }

  /** The node of the highest score, the first of equals; -1 when nothing fits. */
  best(avoid: NodeSet | null): number {
    const tree = this.#tree;
    const top = tree[1]!;
    if (top === NONE) return -1;
    let i = 1;
    while (i < this.#leaves) i = tree[2 * i] === top ? 2 * i : 2 * i + 1;
    const node = i - this.#leaves;
    if (avoid === null || !avoid.has(node)) return node;
    this.#found = -1;
    this.#score = NONE;
    this.#search(1, avoid);
    return this.#found;
  }

  #found = -1;
  #score = NONE;

  /** Higher side first; a side is left out when it can hold neither a better score nor an equal one further left. */
  #search(i: number, avoid: NodeSet): void {
    const best = this.#tree[i]!;
    if (best === NONE || best < this.#score) return;
    if (i >= this.#leaves) {
      const node = i - this.#leaves;
      if ((best > this.#score || node < this.#found) && !avoid.has(node)) {
        this.#score = best;
        this.#found = node;
      }
      return;
    }
    if (best === this.#score && this.#firstLeaf(i) > this.#found) return;
    const first = this.#tree[2 * i]! >= this.#tree[2 * i + 1]! ? 2 * i : 2 * i + 1;
    this.#search(first, avoid);
    this.#search(first ^ 1, avoid);
  }

  #firstLeaf(start: number): number {
    let i = start;
    while (i < this.#leaves) i *= 2;
    return i - this.#leaves;
  }
}
