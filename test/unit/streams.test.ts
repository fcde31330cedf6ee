import fc from 'fast-check';
import seedrandom from 'seedrandom';
import { expect, test } from 'vitest';
import { Stream } from '../../sim/kernel/streams.ts';

test('a stream draws what seedrandom draws, also from a state on', () => {
  fc.assert(
    fc.property(fc.string(), fc.nat(50), (name, before) => {
      const ours = new Stream(name);
      const theirs = seedrandom.alea(name);
      for (let i = 0; i < before; i++) expect(ours.uniform()).toBe((theirs() * 4294967296 + 0.5) / 4294967296);
      const copy = new Stream(name, ours.state());
      const next = (theirs() * 4294967296 + 0.5) / 4294967296;
      expect(ours.uniform()).toBe(next);
      expect(copy.uniform()).toBe(next);
    }),
    { seed: 11, numRuns: 200 },
  );
});
