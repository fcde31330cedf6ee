/** An installed Chromium, driven without downloading anything. Every request that leaves the page's own origin is counted and refused. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { root } from '../support/cli.ts';

const path = [process.env['CHROMIUM'], '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(
  (p) => p !== undefined && existsSync(p),
);

/** Empty when pages can be tested, else why not. */
export const noBrowser =
  path === undefined ? 'no Chromium here (Debian package chromium, or name one in CHROMIUM)' : '';

export const sizes = [
  { width: 1280, height: 800 },
  { width: 390, height: 844 },
] as const;

export async function launch(): Promise<Browser> {
  return chromium.launch({ executablePath: path!, args: ['--no-sandbox', '--disable-gpu'] });
}

export interface Site {
  /** Address that every page's begins with. */
  home: string;
  close: () => void;
}

/** The notebooks as `janction notebook` serves them; `rebuild` makes the site anew first. */
export async function serveNotebooks(rebuild = true): Promise<Site> {
  const args = ['notebook', '--port', '0', ...(rebuild ? ['--rebuild'] : [])];
  const server = spawn(process.execPath, [join(root, 'dist/lab/cli.js'), ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const home = await new Promise<string>((resolve, reject) => {
    let said = '';
    server.stderr.on('data', (d: Buffer) => {
      said += d.toString();
    });
    server.stdout.on('data', (d: Buffer) => resolve(d.toString().trim()));
    server.on('exit', () => reject(new Error(said)));
  });
  return { home, close: () => server.kill() };
}

export interface Opened {
  context: BrowserContext;
  page: Page;
  /** Requests that went, or would have gone, to another place than `home`. */
  strangers: string[];
  /** Uncaught errors and console errors. */
  errors: string[];
}

/** A page of the given size. `home`: what addresses may begin with. */
export async function open(
  browser: Browser,
  url: string,
  home: string,
  size: { width: number; height: number },
  colorScheme: 'light' | 'dark' = 'light',
): Promise<Opened> {
  const context = await browser.newContext({ viewport: size, colorScheme });
  const page = await context.newPage();
  const strangers: string[] = [];
  const errors: string[] = [];
  await context.route('**/*', (route) => {
    const to = route.request().url();
    if (to.startsWith(home) || to.startsWith('data:') || to.startsWith('blob:')) return route.continue();
    strangers.push(to);
    return route.abort();
  });
  page.on('pageerror', (e) => errors.push(e.message));
  page.on('console', (m) => {
    if (m.type() === 'error') errors.push(m.text());
  });
  await page.addInitScript(() => {
    const seen: number[] = [];
    (window as unknown as { longTasks: number[] }).longTasks = seen;
    new PerformanceObserver((list) => {
      for (const e of list.getEntries()) seen.push(e.duration);
    }).observe({ type: 'longtask', buffered: true });
  });
  await page.goto(url);
  return { context, page, strangers, errors };
}

/** The longest time since the last call, in ms, in which the page could not answer; 0 when it always could within 50 ms. */
export async function longestFreeze(page: Page): Promise<number> {
  return page.evaluate(() => {
    const seen = (window as unknown as { longTasks: number[] }).longTasks;
    return Math.max(0, ...seen.splice(0));
  });
}

/** Pairs of visible texts of one picture, or of buttons and headings, whose boxes overlap. */
export async function overlaps(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const found: string[] = [];
    const boxes = (list: Iterable<Element>): { text: string; box: DOMRect }[] =>
      [...list]
        .map((e) => ({ text: e.textContent ?? '', box: e.getBoundingClientRect() }))
        .filter(({ text, box }) => text.trim() !== '' && box.width > 0 && box.height > 0);
    const check = (where: string, list: { text: string; box: DOMRect }[]): void => {
      for (let i = 0; i < list.length; i++)
        for (let k = i + 1; k < list.length; k++) {
          const a = list[i]!.box;
          const b = list[k]!.box;
          const x = Math.min(a.right, b.right) - Math.max(a.left, b.left);
          const y = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
          // Boxes of rotated and of neighbouring text touch by a pixel or two.
          if (x > 2 && y > 3) found.push(`${where}: "${list[i]!.text}" and "${list[k]!.text}"`);
        }
    };
    for (const picture of document.querySelectorAll('svg[role=img]'))
      check(
        picture.id || (picture.getAttribute('aria-labelledby') ?? 'picture'),
        boxes(picture.querySelectorAll('text')),
      );
    check('page', boxes(document.querySelectorAll('h1,h2,h3,figcaption,button,.cards dd')));
    return found;
  });
}

/** Visible texts that are drawn smaller than `px` high. */
export async function tiny(page: Page, px: number): Promise<string[]> {
  return page.evaluate((least) => {
    const small: string[] = [];
    for (const t of document.querySelectorAll('svg[role=img] text')) {
      const box = t.getBoundingClientRect();
      const turned = (t.getAttribute('transform') ?? '').includes('rotate');
      const high = turned ? box.width : box.height;
      if (high > 0 && high < least) small.push(`${t.textContent} (${high.toFixed(1)} px)`);
    }
    return small;
  }, px);
}
