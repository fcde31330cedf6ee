/** Draws of one document, and what its parts know of each other. */

import { generator } from './market.ts';
import type { Row } from './scenario-factors.ts';

export type Doc = Record<string, unknown>;

/** Draws of one document. */
export class Draw {
  readonly next: () => number;
  constructor(seed: number) {
    this.next = generator(seed);
  }
  one<T>(list: readonly T[]): T {
    return list[Math.floor(this.next() * list.length)]!;
  }
  int(least: number, most: number): number {
    return least + Math.floor(this.next() * (most - least + 1));
  }
  maybe(p = 0.5): boolean {
    return this.next() < p;
  }
  usd(least: number, most: number): string {
    return `${(least + this.next() * (most - least)).toFixed(3)} USD/hour`;
  }
  minutes(least: number, most: number): string {
    return `${this.int(least, most)} minute`;
  }
  percent(least: number, most: number): string {
    return `${this.int(least, most)} %`;
  }
}

export interface World {
  row: Row;
  d: Draw;
  hours: number;
  classes: string[];
  groups: string[];
  pools: string[];
  /** Those with machines. */
  staffed: string[];
  personas: string[];
  /** Beside the scenario: name and text. */
  files: Map<string, string>;
  dir: string;
}

export const has = (list: readonly string[], level: string): boolean => list.includes(level);

export const some = (on: boolean, part: Doc): Doc => (on ? part : {});
