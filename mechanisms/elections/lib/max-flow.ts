/** Maximum flow on integer capacities, exact (Dinic 1970: shortest augmenting paths by levels). Small graphs of elections. */
export class MaxFlow {
  readonly #to: number[] = [];
  readonly #left: bigint[] = [];
  readonly #arcs: number[][];

  constructor(nodes: number) {
    this.#arcs = Array.from({ length: nodes }, () => []);
  }

  /** Adds an arc and answers its number. */
  arc(from: number, to: number, capacity: bigint): number {
    const n = this.#to.length;
    this.#to.push(to, from);
    this.#left.push(capacity, 0n);
    this.#arcs[from]!.push(n);
    this.#arcs[to]!.push(n + 1);
    return n;
  }

  /** Flow on an arc after `run`. */
  flowOf(arc: number): bigint {
    return this.#left[arc + 1]!;
  }

  run(source: number, sink: number): bigint {
    let total = 0n;
    for (;;) {
      const level = this.#levels(source);
      if (level[sink]! < 0) return total;
      const next = this.#arcs.map(() => 0);
      for (let pushed = this.#push(source, sink, null, level, next); pushed > 0n; ) {
        total += pushed;
        pushed = this.#push(source, sink, null, level, next);
      }
    }
  }

  /** 1 for every node from which the sink can still be reached. */
  reaching(sink: number): Uint8Array {
    const seen = new Uint8Array(this.#arcs.length);
    const queue = [sink];
    seen[sink] = 1;
    for (let i = 0; i < queue.length; i++) {
      for (const a of this.#arcs[queue[i]!]!) {
        // The arc against this one leads from its head to us: usable while it has capacity left.
        const from = this.#to[a]!;
        if (seen[from] === 0 && this.#left[a ^ 1]! > 0n) {
          seen[from] = 1;
          queue.push(from);
        }
      }
    }
    return seen;
  }

  #levels(source: number): Int32Array {
    const level = new Int32Array(this.#arcs.length).fill(-1);
    level[source] = 0;
    const queue = [source];
    for (let i = 0; i < queue.length; i++) {
      for (const a of this.#arcs[queue[i]!]!) {
        const to = this.#to[a]!;
        if (level[to]! < 0 && this.#left[a]! > 0n) {
          level[to] = level[queue[i]!]! + 1;
          queue.push(to);
        }
      }
    }
    return level;
  }

  /** Depth is at most the number of levels: short in these graphs (source, bloc, member, sink and back). */
  #push(node: number, sink: number, limit: bigint | null, level: Int32Array, next: number[]): bigint {
    if (node === sink) return limit ?? 0n;
    const arcs = this.#arcs[node]!;
    for (; next[node]! < arcs.length; next[node]!++) {
      const a = arcs[next[node]!]!;
      const to = this.#to[a]!;
      const left = this.#left[a]!;
      if (left <= 0n || level[to] !== level[node]! + 1) continue;
      const pushed = this.#push(to, sink, limit === null || left < limit ? left : limit, level, next);
      if (pushed > 0n) {
        this.#left[a]! -= pushed;
        this.#left[a ^ 1]! += pushed;
        return pushed;
      }
    }
    return 0n;
  }
}
