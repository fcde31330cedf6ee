/** --out never destroys, mixes or half-writes anything, and a refused run leaves nothing behind. */
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { RunDirWriter } from '../../lab/rundir/writer.ts';
import { inTemp, janction, root } from '../support/cli.ts';

const short = (out: string): string[] => [
  'run',
  join(root, 'scenarios/quickstart/scenario.yaml'),
  '--set',
  'horizon=90 minute',
  '--quiet',
  '--out',
  out,
];

describe('--out', () => {
  test('nothing, the working directory, a file, a link, a full directory, under a file: refused, everything left alone', async () => {
    await inTemp((dir) => {
      writeFileSync(join(dir, 'file'), 'mine');
      mkdirSync(join(dir, 'empty'));
      mkdirSync(join(dir, 'full'));
      writeFileSync(join(dir, 'full', 'x'), 'mine');
      symlinkSync('empty', join(dir, 'link'));
      symlinkSync('nowhere', join(dir, 'dangling'));
      mkdirSync(join(dir, 'busy.partial'));
      const before = readdirSync(dir);
      const cases: [string, RegExp][] = [
        ['', /--out is empty/],
        ['  ', /--out is empty/],
        ['.', /is the working directory/],
        ['./', /is the working directory/],
        ['..', /not empty/],
        ['/', /not empty/],
        ['file', /no directory/],
        ['file/run', /no directory/],
        ['link', /symbolic link/],
        ['link/', /symbolic link/],
        ['dangling', /symbolic link/],
        ['full', /not empty/],
        ['busy', /cut off/],
        ['busy/', /cut off/],
      ];
      for (const [out, message] of cases) {
        const a = janction(short(out), dir);
        expect([a.code, a.out], out).toEqual([2, '']);
        expect(a.err, out).toMatch(/^error: [^\n]+\n$/);
        expect(a.err, out).toMatch(message);
        expect(readdirSync(dir), out).toEqual(before);
      }
      expect(readFileSync(join(dir, 'full', 'x'), 'utf8')).toBe('mine');
      // An empty directory and one that has to be made are fine.
      for (const out of ['empty', 'a/b/c/']) {
        expect(janction(short(out), dir).code).toBe(0);
        expect(existsSync(join(dir, out, 'run.json'))).toBe(true);
      }
    });
  });

  test('a run that fails half-way leaves nothing, not even the directories it made', async () => {
    await inTemp((dir) => {
      const trace = join(dir, 'trace.csv');
      const header = '#job id,arrival time (sec),topology,shape,size,duration (sec)\n';
      writeFileSync(trace, `${header}1,0,1,1,1,10\n2,5,1,1,1,10\n3,nonsense,1,1,1,10\n`);
      const before = readdirSync(dir);
      const args = ['run', join(root, 'scenarios/replay-philly/scenario.yaml'), '--set', `demand.trace.path=${trace}`];
      const a = janction([...args, '--out', join(dir, 'a/b/run')], dir);
      expect([a.code, a.out]).toEqual([2, '']);
      expect(a.err).toMatch(/^error: [^\n]*trace\.csv:4[^\n]+\n$/);
      expect(readdirSync(dir)).toEqual(before);
    });
  });

  test('of two runs into one directory the second is refused, and what appears meanwhile is not removed', async () => {
    await inTemp((dir) => {
      const out = join(dir, 'run');
      const first = new RunDirWriter(out);
      expect(() => new RunDirWriter(out)).toThrow(/another run is writing/);
      mkdirSync(out);
      writeFileSync(join(out, 'mine'), 'x');
      expect(() => first.finish({} as never)).toThrow();
      expect(readFileSync(join(out, 'mine'), 'utf8')).toBe('x');
      first.abandon();
      expect(readdirSync(dir)).toEqual(['run']);
    });
  });
});
