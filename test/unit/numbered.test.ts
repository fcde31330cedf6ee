/** Records whose numbers lie in a store: each keeps to its own place, places are used again, and what was given back reads as nothing. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Numbered, NumberStore, numbers, type Place, type Plain, plainOf } from '../../core/numbered.ts';

class Sample implements Numbered {
  static readonly names = numbers(Sample.prototype, 'id', 'atUs');
  cells: Numbered['cells'];
  at: number;
  declare id: number;
  declare atUs: number;
  readonly label: string;

  constructor(place: Place, id: number, label: string) {
    this.cells = place.cells;
    this.at = place.at;
    this.id = id;
    this.atUs = -1;
    this.label = label;
  }
}

test('records keep their numbers through any order of coming, changing and going', () => {
  const step = fc.tuple(fc.integer({ min: 0, max: 2 }), fc.nat(), fc.maxSafeInteger());
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 900 }), (steps) => {
      const store = new NumberStore(Sample);
      const live: [Sample, Plain<Sample>][] = [];
      for (const [what, which, value] of steps) {
        const at = which % Math.max(1, live.length);
        if (what === 0 || live.length === 0) {
          const label = `s${which}`;
          live.push([new Sample(store.take(), value, label), { id: value, atUs: -1, label }]);
        } else if (what === 1) {
          const [record, plain] = live[at]!;
          record.atUs = value;
          live[at] = [record, { ...plain, atUs: value }];
        } else {
          const [[gone]] = live.splice(at, 1) as [[Sample, unknown]];
          store.give(gone);
          expect(gone.id).toBeUndefined();
          expect(() => store.give(gone)).toThrow('given back twice');
        }
      }
      expect(live.map(([record]) => plainOf(record))).toEqual(live.map(([, plain]) => plain));
      expect(store.live).toBe(live.length);
    }),
    { seed: 1, numRuns: 60 },
  );
});

test('more records than are made room for at once do not share places', () => {
  const store = new NumberStore(Sample);
  const all = Array.from({ length: 1000 }, (_, i) => new Sample(store.take(), i, ''));
  expect(all.map((s) => s.id)).toEqual(all.map((_, i) => i));
});
