/** Names defined in one part of a scenario and used in others: duplicates and unknown ones are reported with a suggestion. */
import { quoted } from '../input-error.ts';
import { advice } from '../suggest.ts';
import type { Path } from './document.ts';

/** Records a fault at a path of the document: at its value, or at its key. */
export type Report = (path: Path, text: string, part?: 'key') => void;

/** The things of one kind, by name and by their place in the list. */
export class Names {
  readonly list: readonly string[];
  readonly #what: string;
  readonly #index = new Map<string, number>();
  readonly #report: Report;

  /** `path` is the list that defines them. */
  constructor(what: string, defined: readonly { name: string }[], path: Path, report: Report) {
    this.#what = what;
    this.#report = report;
    this.list = defined.map((d) => d.name);
    defined.forEach((d, i) => {
      if (this.#index.has(d.name))
        report([...path, i, 'name'], `a second ${what} ${quoted(d.name)}; give each its own name`);
      else this.#index.set(d.name, i);
    });
  }

  /** Position of the name that stands at a path; reports and answers -1 when it is not defined. */
  find(name: string, path: Path, part?: 'key'): number {
    const i = this.#index.get(name);
    if (i !== undefined) return i;
    this.#report(path, `unknown ${this.#what} ${quoted(name)}; ${advice(name, this.list, 'have')}`, part);
    return -1;
  }

  /** The names that are keys of a mapping; false when one is not defined. */
  findKeys(mapping: object, path: Path): boolean {
    const found = Object.keys(mapping).map((name) => this.find(name, [...path, name], 'key'));
    return found.every((i) => i >= 0);
  }

  /** Positions of several names without repetition, in ascending order when asked. */
  findAll(names: readonly string[], path: Path, ascending: boolean): number[] {
    const found = names.map((n, i) => this.find(n, names.length > 1 ? [...path, i] : path)).filter((i) => i >= 0);
    const once = [...new Set(found)];
    return ascending ? once.sort((a, b) => a - b) : once;
  }

  get all(): number[] {
    return this.list.map((_, i) => i);
  }
}
