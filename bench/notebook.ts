/**
 * What a reader of the pages waits for: from a slider to the redrawn chart in a market of 10,000 jobs, the first load of a built
 * page, the size of the site: wall time, since that is what a reader has, medians with the best beside them (on a busy machine
 * the best says more). A report on 100,000 jobs: CPU time of making it.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Browser, chromium, type Page } from 'playwright-core';
import { reportCommand } from '../lab/commands/report.ts';
import { atMost, type BenchReport, type Figure, plain } from './report.ts';

const root = fileURLToPath(new URL('../../', import.meta.url));
const cli = join(root, 'dist/lab/cli.js');
const MOVES = 15;
const LOADS = 7;

const median = (list: readonly number[]): number => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)]!;

function sizeOf(dir: string): number {
  let bytes = 0;
  for (const name of readdirSync(dir)) {
    const path = join(dir, name);
    bytes += statSync(path).isDirectory() ? sizeOf(path) : statSync(path).size;
  }
  return bytes;
}

/** Milliseconds from an input event to the last chart of the run that it asked for, timed inside the page. */
const MOVE = `async (seed) => {
  const label = [...document.querySelectorAll('label')].find((l) => l.textContent === 'seed');
  const field = document.getElementById(label.htmlFor) ?? label.parentElement.querySelector('input');
  const began = performance.now();
  field.value = String(seed);
  field.dispatchEvent(new Event('input', { bubbles: true }));
  return await new Promise((resolve) => {
    const look = () => {
      const done = document.querySelector('.command')?.textContent.includes('seed=' + seed);
      if (done) requestAnimationFrame(() => resolve(performance.now() - began));
      else requestAnimationFrame(look);
    };
    look();
  });
}`;

/** Processor seconds of all pages' processes so far, worker threads included. */
async function pageCpu(browser: Browser): Promise<number> {
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send('SystemInfo.getProcessInfo');
  await session.detach();
  return processInfo.filter((p) => p.type === 'renderer').reduce((sum, p) => sum + p.cpuTime, 0);
}

interface Moved {
  milliseconds: number;
  best: number;
  /** Processor time of a move: on a quiet machine about what it takes, on a busy one what it would. */
  cpuMilliseconds: number;
  /** Longest time in which the page could not answer, over all moves. */
  freeze: number;
  jobs: number;
}

async function moves(browser: Browser, page: Page): Promise<Moved> {
  await page.getByLabel('demand, % of the usual', { exact: true }).first().fill('250');
  await page.waitForFunction(
    'document.querySelector(".command")?.textContent.includes("rate=50 jobs/hour")',
    undefined,
    {
      timeout: 60_000,
    },
  );
  const taken: number[] = [];
  // The first few warm the compiler up, as a reader's first moves do.
  let before = 0;
  await page.evaluate(
    'window.longTasks = [0]; new PerformanceObserver((l) => { for (const e of l.getEntries()) longTasks.push(e.duration); }).observe({ type: "longtask" });',
  );
  for (let i = 0; i < MOVES + 3; i++) {
    if (i === 3) before = await pageCpu(browser);
    taken.push((await page.evaluate(`(${MOVE})(${i + 2})`)) as number);
  }
  const cpuMilliseconds = ((await pageCpu(browser)) - before) * (1000 / MOVES);
  const freeze = (await page.evaluate('Math.max(...longTasks)')) as number;
  const jobs = Number((await page.textContent('.status'))!.replace(/\D/g, ''));
  return { milliseconds: median(taken.slice(3)), best: Math.min(...taken.slice(3)), cpuMilliseconds, freeze, jobs };
}

async function report(): Promise<{ seconds: number; bytes: number; jobs: number; hash: string }> {
  const dir = mkdtempSync(join(tmpdir(), 'janction-bench-'));
  try {
    const run = join(dir, 'run');
    const made = spawnSync(
      process.execPath,
      [
        cli,
        'run',
        join(root, 'scenarios/quickstart/scenario.yaml'),
        '--set',
        'horizon=26 day',
        '--out',
        run,
        '--json',
        '--quiet',
      ],
      { encoding: 'utf8', maxBuffer: 1 << 26 },
    );
    if (made.status !== 0) throw new Error(`bench notebook: ${made.stderr}`);
    const { jobs } = JSON.parse(made.stdout) as { jobs: { submitted: number } };
    const seconds: number[] = [];
    for (let i = 0; i < 3; i++) {
      const began = process.cpuUsage();
      await reportCommand([run], { quiet: true });
      const { user, system } = process.cpuUsage(began);
      seconds.push((user + system) / 1e6);
    }
    const page = readFileSync(join(run, 'report.html'));
    const hash = createHash('sha256').update(page.toString().replaceAll(dir, '')).digest('hex').slice(0, 16);
    return { seconds: Math.min(...seconds), bytes: page.length, jobs: jobs.submitted, hash };
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

export async function notebook(): Promise<BenchReport> {
  const page = await report();
  const figures: Figure[] = [
    plain('reportJobs', page.jobs, 'jobs'),
    atMost('reportCpu', page.seconds, 5, 's'),
    atMost('reportSize', page.bytes / 1e6, 5, 'MB'),
  ];
  const chrome = [process.env['CHROMIUM'] ?? '', '/usr/bin/chromium', '/usr/bin/google-chrome'].find((p) =>
    existsSync(p),
  );
  const base = { schema: 'janction.bench/1', bench: 'notebook', workHash: page.hash } as const;
  if (chrome === undefined)
    return { ...base, figures, skipped: 'the pages: no Chromium here (Debian package chromium)' };
  const server = spawn(process.execPath, [cli, 'notebook', '--port', '0', '--rebuild'], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  try {
    const home = await new Promise<string>((resolve) => {
      server.stdout.on('data', (d: Buffer) => resolve(d.toString().trim()));
    });
    figures.push(atMost('siteSize', sizeOf(join(root, 'site')) / 1e6, 8, 'MB'));
    const browser = await chromium.launch({ executablePath: chrome, args: ['--no-sandbox', '--disable-gpu'] });
    const loads: number[] = [];
    for (let i = 0; i < LOADS; i++) {
      // A fresh context has an empty cache.
      const context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
      const tab = await context.newPage();
      const began = process.hrtime.bigint();
      await tab.goto(`${home}market-day.html`);
      await tab.waitForSelector('.form input');
      loads.push(Number(process.hrtime.bigint() - began) / 1e9);
      await context.close();
    }
    figures.push(atMost('firstLoad', median(loads), 2, 's'), plain('firstLoadBest', Math.min(...loads), 's'));
    const tab = await browser.newPage({ viewport: { width: 1280, height: 800 } });
    await tab.goto(`${home}market-day.html`);
    await tab.waitForSelector('.command');
    const { milliseconds, best, cpuMilliseconds, freeze, jobs } = await moves(browser, tab);
    figures.push(
      plain('sliderJobs', jobs, 'jobs'),
      atMost('sliderToChart', milliseconds, 250, 'ms'),
      plain('sliderToChartBest', best, 'ms'),
      plain('sliderToChartCpu', cpuMilliseconds, 'ms'),
      atMost('longestFreeze', freeze, 200, 'ms'),
    );
    await browser.close();
  } finally {
    server.kill();
  }
  return { ...base, figures };
}
