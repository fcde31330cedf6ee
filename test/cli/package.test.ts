/** The package as another project gets it: packed, unpacked beside its dependencies, compiled against and run. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { inTemp, root } from '../support/cli.ts';

const program = `
import { auditRun, loadScenario, type RunJson, runScenario, shipped } from 'janction-lab';
import { Market, type MarketConfig, type QueueingPolicy } from 'janction-lab/core';
import { Fifo } from 'janction-lab/mechanisms';
import { resolveScenario } from 'janction-lab/scenarios';
import { HeapQueue, Streams } from 'janction-lab/sim';
import { evaluator } from 'janction-lab/scenarios/units-mathjs';

const lab = 'node_modules/janction-lab';
const scenario = await loadScenario(\`\${lab}/scenarios/quickstart/scenario.yaml\`, ['horizon=2 hour'], 7);
const result: RunJson = runScenario(scenario, { registry: shipped });
const jobs: number = result.jobs.submitted;
const queueing: QueueingPolicy = new Fifo();
const config: MarketConfig | null = null;
const draw: number = new Streams(1).get('purpose', 'entity').uniform();
const parts = [auditRun, Market, HeapQueue, resolveScenario, evaluator, queueing.reset];
console.log(JSON.stringify({ jobs, config, draw, parts: parts.map((p) => typeof p) }));
`;

const run = (command: string, args: string[], cwd: string): string => {
  const done = spawnSync(command, args, { cwd, encoding: 'utf8' });
  expect(done.status, `${command} ${args[0]}: ${done.stdout}${done.stderr}`).toBe(0);
  return done.stdout;
};

test('a packed tarball serves a strict TypeScript project and carries nothing of the workshop', async () => {
  await inTemp((dir) => {
    const packed = JSON.parse(run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', dir], root)) as {
      filename: string;
      files: { path: string }[];
    }[];
    const paths = packed[0]!.files.map((f) => f.path);
    expect(paths.filter((p) => /^test\/|tsbuild|(?<!\.d)\.ts$|^\.ci/.test(p))).toEqual([]);
    expect(paths).toEqual(expect.arrayContaining(['LICENSE', 'README.md', 'schema/scenario.schema.json']));

    const modules = join(dir, 'node_modules');
    mkdirSync(modules);
    run('tar', ['xzf', join(dir, packed[0]!.filename), '-C', modules], dir);
    spawnSync('mv', [join(modules, 'package'), join(modules, 'janction-lab')]);
    const pkg = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      dependencies: Record<string, string>;
      bin: { janction: string };
    };
    for (const name of Object.keys(pkg.dependencies)) {
      mkdirSync(dirname(join(modules, name)), { recursive: true });
      symlinkSync(join(root, 'node_modules', name), join(modules, name));
    }
    writeFileSync(join(dir, 'package.json'), '{"type":"module"}');
    writeFileSync(join(dir, 'use.ts'), program);
    // No skipLibCheck: our declarations must stand on their own. No @types: they must not need Node's either.
    const flags = ['--strict', '--module', 'nodenext', '--target', 'es2023', '--lib', 'es2023,dom'];
    run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), ...flags, 'use.ts'], dir);
    expect(JSON.parse(run(process.execPath, ['use.js'], dir))).toMatchObject({
      jobs: expect.any(Number),
      draw: expect.any(Number),
      parts: ['function', 'function', 'function', 'function', 'function', 'function'],
    });
    expect(run(process.execPath, [join(modules, 'janction-lab', pkg.bin.janction), 'run', '--help'], dir)).toMatch(
      /Usage: janction run/,
    );
    expect(readdirSync(dir)).toContain('use.js');
  });
});
