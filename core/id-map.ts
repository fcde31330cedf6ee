/** Low digits of an id: with them and with what lies above, both keys are small integers. */
const PAGE = 0x40000000;

/**
 * A map from whole numbers up to 2^53 that is as quick as one from small integers: the engine keeps larger numbers on its heap,
 * and finding one in a `Map` costs several times as much. Entries come out page by page of 2^30 ids, in order of insertion.
 */
export class IdMap<V> {
  readonly #pages = new Map<number, Map<number, V>>();
  #high = -1;
  #page = new Map<number, V>();

  #open(id: number): Map<number, V> {
    const high = Math.floor(id / PAGE);
    if (high === this.#high) return this.#page;
    let page = this.#pages.get(high);
    if (page === undefined) {
      page = new Map();
      this.#pages.set(high, page);
    }
    this.#high = high;
    this.#page = page;
    return page;
  }

  get(id: number): V | undefined {
    return this.#open(id).get(id % PAGE);
  }
  has(id: number): boolean {
    return this.#open(id).has(id % PAGE);
  }
  set(id: number, value: V): void {
    this.#open(id).set(id % PAGE, value);
  }
  delete(id: number): void {
    this.#open(id).delete(id % PAGE);
  }
  clear(): void {
    this.#pages.clear();
    this.#high = -1;
  }

  get size(): number {
    let n = 0;
    for (const page of this.#pages.values()) n += page.size;
    return n;
  }

  *values(): Generator<V, undefined> {
    for (const page of this.#pages.values()) yield* page.values();
  }
  *[Symbol.iterator](): Generator<[number, V], undefined> {
    for (const [high, page] of this.#pages) for (const [low, value] of page) yield [high * PAGE + low, value];
  }
}
