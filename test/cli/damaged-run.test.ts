/** Run directories that were damaged or tampered with: one line that names the file and how to mend it, whichever command reads it. */
import { cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { tables } from '../../core/record/schema.ts';
import { UsageError } from '../../lab/errors.ts';
import { readColumns } from '../../lab/rundir/columns.ts';
import { readRunTable } from '../../lab/rundir/reader.ts';
import { janctionInside, scratch } from '../support/cli.ts';

const base = scratch();
const run = join(base.dir, 'whole');
beforeAll(async () => {
  const scenario = 'scenarios/quickstart/scenario.yaml';
  const made = await janctionInside(['run', scenario, '--set', 'horizon=3 hour', '--out', run, '--quiet']);
  expect(made.err).toBe('');
});
afterAll(base.remove);

/** A manifest, to be bent. */
type Loose = { result: { money: object }; scenario: object };

/** A copy of the run with something done to it. */
function harmed(name: string, harm: (dir: string) => void): string {
  const dir = join(base.dir, name);
  cpSync(run, dir, { recursive: true });
  harm(dir);
  return dir;
}

/** Every command that reads a run's tables must refuse it with this line. */
async function refused(dir: string, says: RegExp, commands: readonly string[]): Promise<void> {
  for (const c of commands) {
    const done = await janctionInside([
      c,
      dir,
      ...(c === 'explain' ? ['1'] : []),
      ...(c === 'invoice' ? ['farm-001'] : []),
    ]);
    expect([done.code, done.out], `${c} ${dir}: ${done.err}`).toEqual([2, '']);
    expect(done.err, c).toMatch(/^error: [^\n]*\n$/);
    expect(done.err, c).toMatch(says);
    expect(done.err, c).toMatch(/make the run again|put the file itself/);
    // Nobody can do anything with the words of the library.
    expect(done.err, c).not.toMatch(/parquet (file|metadata|expected)|footer != |thrift|offset|undefined/i);
  }
}

const ofTables = ['audit', 'report', 'timeline', 'statement', 'costs', 'invoice'] as const;

describe('a damaged table', () => {
  const jobs = (d: string): string => join(d, 'placements.parquet');
  test.each<[string, RegExp, (path: string) => void]>([
    ['empty', /placements\.parquet: empty, where a Parquet table should be; /, (p) => truncateSync(p, 0)],
    ['cut short', /placements\.parquet: cut off, or changed at its end: after 900 bytes/, (p) => truncateSync(p, 900)],
    ['cut to its magic', /placements\.parquet: cut off after 4 bytes/, (p) => truncateSync(p, 4)],
    [
      'text',
      /placements\.parquet: no Parquet table \(it begins with "job,"/,
      (p) => writeFileSync(p, 'job,gpu\n1,2\n'),
    ],
    ['escape codes', /\(it begins with "\\u001b\[2J"/, (p) => writeFileSync(p, '\u001b[2J'.repeat(20))],
    [
      'a footer longer than the file',
      /placements\.parquet: damaged at its end/,
      (p) => {
        const bytes = readFileSync(p);
        bytes.writeUInt32LE(0xffffff00, bytes.length - 8);
        writeFileSync(p, bytes);
      },
    ],
    [
      'garbage for a footer',
      /placements\.parquet: damaged: its footer, which says where the columns are, cannot be read/,
      (p) => {
        const bytes = readFileSync(p);
        writeFileSync(p, bytes.fill(0xee, bytes.length - 400, bytes.length - 8));
      },
    ],
    [
      'garbage in the middle',
      /placements\.parquet: damaged between its ends: column \w+ cannot be decoded/,
      (p) => {
        const bytes = readFileSync(p);
        writeFileSync(p, bytes.fill(0xee, 100, bytes.length - 4000));
      },
    ],
    [
      'another table',
      /placements\.parquet: has no column \w+, so it is no placements table of this version/,
      (p) => cpSync(p.replace('placements', 'accounts'), p),
    ],
    [
      'a directory',
      /placements\.parquet: is no plain file/,
      (p) => {
        rmSync(p);
        mkdirSync(p);
      },
    ],
  ])('%s', async (name, says, harm) => {
    await refused(
      harmed(`table-${name.replaceAll(' ', '-')}`, (d) => harm(jobs(d))),
      says,
      ofTables,
    );
  });

  test('bytes changed anywhere are a usage error or other values, never anything else', async () => {
    const dir = harmed('flipped', () => {});
    const path = jobs(dir);
    const bytes = readFileSync(path);
    const names = Object.keys(tables.placements) as (keyof typeof tables.placements)[];
    let bad = 0;
    for (let k = 1; k <= 120; k++) {
      const b = Buffer.from(bytes);
      // Half of them in the footer.
      const at = k % 2 === 0 ? (k * 7919) % b.length : b.length - 1 - ((k * 101) % 3000);
      for (let i = 0; i < 1 + (k % 5); i++) b[(at + i) % b.length] = (k * 37 + i * 11) & 255;
      writeFileSync(path, b);
      for (const read of [() => readRunTable(dir, 'placements'), () => readColumns(dir, 'placements', names)]) {
        try {
          await read();
        } catch (e) {
          expect(e).toBeInstanceOf(UsageError);
          bad++;
        }
      }
    }
    expect(bad).toBeGreaterThan(30);
  });
});

describe('a link in a run directory', () => {
  const linked = (name: string, file: string, to: string): string =>
    harmed(name, (d) => {
      rmSync(join(d, file));
      symlinkSync(to, join(d, file));
    });

  test('that leads out of it is not followed, wherever it leads', async () => {
    const secret = join(base.dir, 'secret.txt');
    writeFileSync(secret, 'private words\n');
    const says = /a link that leads out of the run directory, which is not followed; put the file itself in its place/;
    // The other run's table is sound, and still not this run's.
    for (const [i, to] of [join(run, 'placements.parquet'), secret, '../secret.txt', '/dev/zero', '..'].entries())
      await refused(linked(`table-link-${i}`, 'placements.parquet', to), says, ofTables);
    await refused(linked('journal-link', 'journal', join(run, 'journal')), says, [
      'audit',
      'report',
      'explain',
      'validate',
    ]);
    const all = [...ofTables, 'explain', 'validate'];
    await refused(linked('manifest-link', 'run.json', join(run, 'run.json')), says, all);
  });

  test('that leads nowhere, or in a circle, is said to', async () => {
    const says = /placements\.parquet: a link that leads nowhere/;
    await refused(linked('dangling', 'placements.parquet', 'nothing.here'), says, ofTables);
    await refused(linked('circle', 'placements.parquet', 'placements.parquet'), says, ofTables);
  });

  test('that stays in it is followed, and so is one to the directory', async () => {
    const dir = harmed('inside', (d) => {
      cpSync(join(d, 'placements.parquet'), join(d, 'kept.parquet'));
      rmSync(join(d, 'placements.parquet'));
      symlinkSync('kept.parquet', join(d, 'placements.parquet'));
    });
    symlinkSync(dir, join(base.dir, 'by-link'));
    for (const d of [dir, join(base.dir, 'by-link')]) expect((await janctionInside(['audit', d])).code).toBe(0);
  });

  test('where the page is written first is not written through', async () => {
    const theirs = join(base.dir, 'theirs.txt');
    writeFileSync(theirs, 'mine\n');
    const dir = harmed('trap', (d) => symlinkSync(theirs, join(d, 'report.html.partial')));
    expect((await janctionInside(['report', dir, '--quiet'])).code).toBe(0);
    expect(readFileSync(theirs, 'utf8')).toBe('mine\n');
    expect(readFileSync(join(dir, 'report.html'), 'utf8')).toContain('janction report');
  });
});

describe('a damaged run.json', () => {
  const changed = (name: string, change: (m: Loose) => void): string =>
    harmed(name, (d) => {
      const m = JSON.parse(readFileSync(join(d, 'run.json'), 'utf8'));
      change(m);
      writeFileSync(join(d, 'run.json'), JSON.stringify(m));
    });
  const readers = [...ofTables, 'explain', 'validate'];

  test('is told by the key that is missing or of another kind', async () => {
    const cases: [string, (m: Loose) => void, RegExp][] = [
      ['no-result', (m) => void Reflect.deleteProperty(m, 'result'), /run\.json: damaged: result is no mapping/],
      [
        'money',
        (m) => void Object.assign(m.result.money, { charged: 'much' }),
        /result\.money\.charged is no whole number of micro-units/,
      ],
      [
        'length',
        (m) => void Object.assign(m.result, { simulatedSeconds: 'zzz' }),
        /result\.simulatedSeconds is no number/,
      ],
      ['list', (m) => void Object.assign(m, { scenario: [] }), /scenario is no mapping/],
      ['module', (m) => void Object.assign(m, { modules: [{ ref: 'x' }] }), /modules\.0\.kind is no text/],
    ];
    for (const [name, change, says] of cases) await refused(changed(`json-${name}`, change), says, readers);
  });

  test('whose scenario is not the one that ran is refused, and audited as different', async () => {
    const dir = changed('json-scenario', (m: Loose) => void Reflect.deleteProperty(m.scenario, 'market'));
    const says = /run\.json: the scenario in it is not the one that ran/;
    await refused(
      dir,
      says,
      readers.filter((c) => c !== 'audit'),
    );
    const audit = await janctionInside(['audit', dir]);
    expect([audit.code, audit.err]).toEqual([1, '']);
    expect(audit.out).toMatch(/DIFFERS/);
  });
});
