import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Command, InvalidArgumentError } from 'commander';
import { oneLine, UsageError } from '../errors.ts';
import { print } from '../flags.ts';
import { serve } from '../notebook/server.ts';

/** The package's root: two folders above this file, or three when built. */
function packageRoot(): string {
  let dir = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(dir, 'package.json'))) dir = dirname(dir);
  return dir;
}

/** Builds the static site; needs a checkout with its development packages. */
export function buildSite(root: string): void {
  const config = join(root, 'notebooks/vite.config.ts');
  let vite: string;
  try {
    vite = join(dirname(createRequire(join(root, 'x.js')).resolve('vite/package.json')), 'bin/vite.js');
    if (!existsSync(config)) throw new Error('no notebooks here');
  } catch {
    throw new UsageError(
      'the notebooks are not built and cannot be built here; run npm ci in a checkout of janction-lab',
    );
  }
  process.stderr.write('building the notebooks (once; --rebuild does it again)\n');
  const done = spawnSync(process.execPath, [vite, 'build', '--config', config, '--logLevel', 'error'], {
    cwd: root,
    stdio: ['ignore', 'ignore', 'pipe'],
    encoding: 'utf8',
  });
  if (done.status !== 0)
    throw new UsageError(
      `the notebooks cannot be built: ${oneLine(done.stderr).slice(0, 400)}; try npm run notebooks:build`,
    );
}

function portOf(text: string): number {
  const n = Number(text);
  if (!/^\d+$/.test(text) || n > 65_535) throw new InvalidArgumentError('want a port from 0 to 65535 (0 = a free one)');
  return n;
}

export function addNotebook(program: Command): void {
  program
    .command('notebook')
    .description('serve the live notebooks on this machine, offline')
    .option('--port <n>', 'port on 127.0.0.1; 0 takes a free one', portOf, 4180)
    .option('--rebuild', 'build the site again first')
    .addHelpText(
      'after',
      `
Only this machine can open them; they ask no other host for anything. Ctrl-C ends it. npm run notebooks:build writes the same pages to
site/, for any web server.

Examples:
  janction notebook
  janction notebook --port 0`,
    )
    .action(async (flags: { port: number; rebuild?: boolean }) => {
      const root = packageRoot();
      const site = join(root, 'site');
      if (flags.rebuild === true || !existsSync(join(site, 'index.html'))) buildSite(root);
      let port: number;
      try {
        ({ port } = await serve(site, flags.port));
      } catch (e) {
        throw new UsageError(`port ${flags.port} cannot be used (${oneLine(e)}); choose another with --port`);
      }
      print(`http://127.0.0.1:${port}/\n`);
    });
}
