/** Low digits of an id: they and what lies above are small integers, which an engine stores as they are. */
const LOW = 0x40000000;
/** Words of a cell. */
const HIGH = 1;
const ORDER = 2;
const VALUE = 3;
const CELL = 4;
const FEWEST = 8;
/** 32 less the binary logarithm of that. */
const FEWEST_SHIFT = 29;

/**
 * A map from whole numbers up to 2^53: open addressing, linear probing, at most two thirds full, and a cell's id and value side by side,
 * so that finding one of many costs one access to memory far away. `Map` costs three and a call, and a hash of the number's object
 * when it is above 2^31. Entries come out in order of insertion, as those of `Map`, but as they were when asked for; that sorts them.
 */
export class IdMap<V extends object | number> {
  #cells = cellsFor(FEWEST);
  /** 32 less the binary logarithm of how many they are. */
  #shift = FEWEST_SHIFT;
  #size = 0;
  #inserted = 0;

  get size(): number {
    return this.#size;
  }

  /** Entries that there is room for. */
  get capacity(): number {
    return this.#cells.length / CELL;
  }

  get(id: number): V | undefined {
    const high = Math.floor(id / LOW);
    return this.#cells[this.#find(id - high * LOW, high) + VALUE] as V | undefined;
  }

  has(id: number): boolean {
    return this.get(id) !== undefined;
  }

  set(id: number, value: V): void {
    const high = Math.floor(id / LOW);
    const low = id - high * LOW;
    let at = this.#find(low, high);
    if (this.#cells[at + VALUE] === undefined) {
      if (++this.#size * CELL * 1.5 > this.#cells.length) {
        this.#resize(this.#cells.length * 2, -1);
        at = this.#find(low, high);
      }
      this.#cells[at] = low;
      this.#cells[at + HIGH] = high;
      this.#cells[at + ORDER] = this.#inserted++;
    }
    this.#cells[at + VALUE] = value;
  }

  /** False when there was none. */
  delete(id: number): boolean {
    const high = Math.floor(id / LOW);
    let hole = this.#find(id - high * LOW, high);
    const cells = this.#cells;
    if (cells[hole + VALUE] === undefined) return false;
    this.#size--;
    // What follows without a gap moves up, unless it would leave its place before the hole.
    const last = cells.length - CELL;
    for (let at = (hole + CELL) & last; cells[at + VALUE] !== undefined; at = (at + CELL) & last) {
      const home = this.#home(cells[at] as number, cells[at + HIGH] as number);
      if (((at - home) & last) < ((at - hole) & last)) continue;
      for (let w = 0; w < CELL; w++) cells[hole + w] = cells[at + w];
      hole = at;
    }
    cells[hole + VALUE] = undefined;
    // What one busy day needed does not tax all that follow.
    if (cells.length > FEWEST * CELL && this.#size * CELL * 8 < cells.length) this.#resize(cells.length / 2, 1);
    return true;
  }

  clear(): void {
    this.#cells = cellsFor(FEWEST);
    this.#shift = FEWEST_SHIFT;
    this.#size = 0;
  }

  values(): V[] {
    const cells = this.#cells;
    return this.#inOrder().map((at) => cells[at + VALUE] as V);
  }

  entries(): [number, V][] {
    const cells = this.#cells;
    return this.#inOrder().map((at) => [
      (cells[at + HIGH] as number) * LOW + (cells[at] as number),
      cells[at + VALUE] as V,
    ]);
  }

  #inOrder(): number[] {
    const cells = this.#cells;
    const found: number[] = [];
    for (let at = 0; at < cells.length; at += CELL) if (cells[at + VALUE] !== undefined) found.push(at);
    return found.sort((a, b) => (cells[a + ORDER] as number) - (cells[b + ORDER] as number));
  }

  #home(low: number, high: number): number {
    return (Math.imul(low ^ Math.imul(high, 0x85ebca6b), 0x9e3779b1) >>> this.#shift) * CELL;
  }

  /** Where the id is, or would be. */
  #find(low: number, high: number): number {
    const cells = this.#cells;
    const last = cells.length - CELL;
    let at = this.#home(low, high);
    while (cells[at + VALUE] !== undefined && (cells[at] !== low || cells[at + HIGH] !== high)) at = (at + CELL) & last;
    return at;
  }

  #resize(length: number, shift: 1 | -1): void {
    const old = this.#cells;
    this.#cells = cellsFor(length / CELL);
    this.#shift += shift;
    for (let from = 0; from < old.length; from += CELL) {
      if (old[from + VALUE] === undefined) continue;
      const to = this.#find(old[from] as number, old[from + HIGH] as number);
      for (let w = 0; w < CELL; w++) this.#cells[to + w] = old[from + w];
    }
  }
}

const cellsFor = (count: number): unknown[] => new Array(count * CELL).fill(undefined);
