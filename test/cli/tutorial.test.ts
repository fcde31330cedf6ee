/** The steps of the tutorials, as a reader would do them. */
import { cpSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { type Answer, inTemp, janction, janctionInside, root } from '../support/cli.ts';

interface Step {
  args: string[];
  expected: string[];
}

/** Words of a command line, single quotes respected. */
const words = (line: string): string[] => [...line.matchAll(/'([^']*)'|(\S+)/g)].map((m) => m[1] ?? m[2]!);

function stepsOf(page: string): { files: [string, string][]; steps: Step[] } {
  const files: [string, string][] = [];
  const steps: Step[] = [];
  for (const [, info, body] of page.matchAll(/```([^\n]*)\n([\s\S]*?)```/g)) {
    const [language, name] = info!.split(' ');
    if (name !== undefined) files.push([name, body!]);
    if (language !== 'console') continue;
    for (const line of body!.trimEnd().split('\n')) {
      if (line.startsWith('$ npx janction '))
        steps.push({ args: words(line.slice('$ npx janction '.length)), expected: [] });
      else steps[steps.length - 1]!.expected.push(line);
    }
  }
  return { files, steps };
}

/** The words of a command as they would be in `dir`; what it says, with the paths as they were. */
async function inside(args: readonly string[], dir: string): Promise<Answer> {
  const there = args.map((a, i) =>
    args[i - 1] === '--out' || existsSync(join(dir, a))
      ? join(dir, a)
      : a.replace(/=([\w-]+\.ts)$/, (_, file: string) => `=${join(dir, file)}`),
  );
  // What comes out is the same for any number of workers; one has nothing to start.
  const one = args[0] === 'compare' || args.slice(0, 2).join(' ') === 'sweep run' ? ['--workers', '1'] : [];
  const { code, out, err } = await janctionInside([...there, ...one]);
  return { code, out: out.replaceAll(`${dir}/`, ''), err };
}

/**
 * Writes the page's files into the directory and does its steps, as the reader would: each command but the long `compare` once as a process there;
 * `seen` gets what each line was held against.
 */
async function follow(
  dir: string,
  { files, steps }: ReturnType<typeof stepsOf>,
  seen?: (line: string, out: string) => void,
): Promise<void> {
  const known = new Set<string>();
  for (const [name, text] of files) writeFileSync(join(dir, name), text);
  for (const { args, expected } of steps) {
    const done = known.has(args[0]!) || args[0] === 'compare' ? await inside(args, dir) : janction(args, dir);
    known.add(args[0]!);
    expect([args.join(' '), done.code, done.err]).toEqual([args.join(' '), 0, '']);
    for (const line of expected) {
      seen?.(line, done.out);
      const [before, after] = line.split('…');
      const said = done.out
        .split('\n')
        .some((l) => (after === undefined ? l === line : l.startsWith(before!) && l.endsWith(after)));
      expect(said, `${args.join(' ')}: "${line}" in\n${done.out}`).toBe(true);
    }
  }
}

test('your own mechanism: every file is written and every command says what the page says', async () => {
  const page = stepsOf(readFileSync(join(root, 'docs/tutorials/your-own-mechanism.md'), 'utf8'));
  expect(page.files.map(([name]) => name)).toEqual(['smallest-first.ts', 'aged.ts']);
  expect(page.steps.length).toBeGreaterThan(8);
  await inTemp(async (dir) => {
    cpSync(join(root, 'scenarios/quickstart'), join(dir, 'scenarios/quickstart'), { recursive: true });
    const waits: number[] = [];
    await follow(dir, page, (line, out) => {
      const wait = out.match(/^ {2}wait until start +([\d.]+) (s|min|h) /m);
      if (line.startsWith('  wait until start'))
        waits.push(Number(wait![1]) * { s: 1, min: 60, h: 3600 }[wait![2] as 's' | 'min' | 'h']);
    });
    expect(waits[1]).toBeLessThan(waits[0]! / 2);
    expect(readFileSync(join(dir, 'compared.html'), 'utf8')).toContain('Paired by seed: 1, 2, 3.');
    const kept = join(dir, 'smallest-1/modules/1-smallest-first.ts');
    writeFileSync(kept, `${readFileSync(kept, 'utf8')}\n`);
    const changed = janction(['audit', 'smallest-1'], dir);
    expect(changed.code).toBe(1);
    expect(changed.out).toContain('1-smallest-first.ts');
  });
}, 120_000);

test('from a question to an interval: the same', async () => {
  const page = stepsOf(readFileSync(join(root, 'docs/tutorials/from-a-question-to-an-interval.md'), 'utf8'));
  expect(page.files.map(([name]) => name)).toEqual(['cards.yaml', 'gain.yaml']);
  expect(page.steps.length).toBe(6);
  await inTemp((dir) => follow(dir, page));
}, 120_000);
