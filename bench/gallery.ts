/**
 * `npm run gallery`: pictures of the report and of every notebook for docs/gallery, at the size of a small laptop. Needs Chromium.
 * The pages are computed while they are photographed; pixels differ between machines, what they show does not.
 */
import { spawn, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
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
  ['checkpoints', 'checkpoints.html', '.command', '.cards'],
  [
    'real',
    'real.html',
    'svg[aria-label="distribution of completion times, measured and predicted"]',
    'figure:has(svg[aria-label="measured and predicted figure by setting"])',
  ],
  ['fragmentation', 'fragmentation.html', 'svg[aria-label="map of GPUs under two policies"]', '.cards'],
];

const SWEEP = `name: floor-and-epoch
scenario: scenario.yaml
replications: 5
design:
  kind: grid
  parameters:
    pricing.adjust.floor: [5 %, 30 %, 60 %, 90 %]
    pricing.epoch: [10 minute, 30 minute, 2 hour]
    scheduling.queueing: [fifo, easy]
`;

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
    // A small sweep for the page that reads one.
    const study = join(dir, 'study');
    mkdirSync(study);
    copyFileSync(join(root, 'scenarios/reserve-price/scenario.yaml'), join(study, 'scenario.yaml'));
    writeFileSync(join(study, 'sweep.yaml'), SWEEP);
    const sweep = ['sweep', 'run', join(study, 'sweep.yaml'), '--out', join(study, 'floor-and-epoch'), '--quiet'];
    if (spawnSync(process.execPath, [cli, ...sweep]).status !== 0) throw new Error('janction sweep run failed');
    await page.goto(`${home}your-runs.html`);
    await page.waitForSelector('#folder');
    await page.setInputFiles('#folder', study);
    await page.waitForSelector('svg[aria-label="share of variance by parameter"]');
    await page
      .locator('.cards')
      .first()
      .evaluate((e) => e.scrollIntoView());
    await page.screenshot({ path: join(target, 'your-runs.png') });
    process.stdout.write('docs/gallery/your-runs.png\n');
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
