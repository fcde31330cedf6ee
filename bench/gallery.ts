/**
 * `npm run gallery`: pictures of the report and of every notebook for docs/gallery, at the size of a small laptop. Needs Chromium.
 * The pages are computed while they are photographed; pixels differ between machines, what they show does not.
 */
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';

const root = fileURLToPath(new URL('../../', import.meta.url));
const cli = join(root, 'dist/lab/cli.js');
const target = join(root, 'docs/gallery');

/** Page, what must be there before the picture is taken, and where the picture begins. */
const shots: [string, string, string, string][] = [
  ['market-day', 'market-day.html', '.command', 'main'],
  ['pvcg', 'pvcg.html', 'svg[aria-label="utility by report"]', '.cards'],
  ['find-the-lie', 'find-the-lie.html', '.status:not(:has(progress))', 'main'],
  ['elections', 'elections.html', 'svg[aria-label="support of each winner by rule"]', 'main'],
  ['fragmentation', 'fragmentation.html', 'svg[aria-label="map of GPUs under two policies"]', '.cards'],
];

async function main(): Promise<void> {
  const chrome = [process.env['CHROMIUM'] ?? '', '/usr/bin/chromium', '/usr/bin/google-chrome'].find((p) =>
    existsSync(p),
  );
  if (chrome === undefined) throw new Error('no Chromium here (Debian package chromium, or name one in CHROMIUM)');
  const dir = mkdtempSync(join(tmpdir(), 'janction-gallery-'));
  const server = spawn(process.execPath, [cli, 'notebook', '--port', '0', '--rebuild'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  try {
    mkdirSync(target, { recursive: true });
    const home = await new Promise<string>((resolve) => {
      server.stdout.on('data', (d: Buffer) => resolve(d.toString().trim()));
    });
    const run = join(dir, 'run');
    for (const args of [
      ['run', join(root, 'scenarios/quickstart/scenario.yaml'), '--out', run, '--quiet'],
      ['report', run, '--quiet'],
    ])
      if (spawnSync(process.execPath, [cli, ...args]).status !== 0) throw new Error(`janction ${args[0]} failed`);
    const browser = await chromium.launch({ executablePath: chrome, args: ['--no-sandbox', '--disable-gpu'] });
    const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
    const take = async (name: string, url: string, ready: string, from: string): Promise<void> => {
      await page.goto(url);
      await page.waitForSelector(ready);
      await page
        .locator(from)
        .first()
        .evaluate((e) => e.scrollIntoView());
      await page.screenshot({ path: join(target, `${name}.png`) });
      process.stdout.write(`docs/gallery/${name}.png\n`);
    };
    const report = pathToFileURL(join(run, 'report.html')).href;
    await take('report', report, '#load svg', 'header');
    await take('report-money', report, '#money svg', '#money');
    await take('report-machines', report, '#gantt', '#machines');
    for (const [name, path, ready, from] of shots) await take(name, `${home}${path}`, ready, from);
    await browser.close();
  } finally {
    server.kill();
    rmSync(dir, { recursive: true, force: true });
  }
}

main().catch((e: unknown) => {
  process.stderr.write(`error: ${e instanceof Error ? e.message : String(e)}\n`);
  process.exitCode = 2;
});
