/** What documents promise is what the code has. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ENGINE_VERSION } from '../../core/version.ts';
import { dataDictionary } from '../../lab/dictionary.ts';
import { janctionInside, root } from '../support/cli.ts';

const read = (path: string): string => readFileSync(join(root, path), 'utf8');

describe('documents', () => {
  test('docs/data-dictionary.md is up to date (npx janction schema --dictionary > docs/data-dictionary.md)', () => {
    expect(read('docs/data-dictionary.md')).toBe(dataDictionary());
  });

  test('one version everywhere', () => {
    const pkg = JSON.parse(read('package.json')) as { version: string };
    expect(pkg.version).toBe(ENGINE_VERSION);
    expect(read('CITATION.cff')).toContain(`version: ${ENGINE_VERSION}`);
    expect(read('CHANGELOG.md')).toContain(`## ${ENGINE_VERSION}`);
  });

  test('the run that README shows is the quickstart of today', async () => {
    const shown = /```\n(quickstart: [\s\S]*?)\ntables, journal/.exec(read('README.md'))![1]!.split('\n');
    const { out } = await janctionInside(['run', join(root, 'scenarios/quickstart/scenario.yaml'), '--quiet']);
    const printed = out.split('\n');
    // In order; an ellipsis stands for lines left out.
    let at = 0;
    for (const line of shown) {
      if (line.trim() === '…') continue;
      const found = printed.indexOf(line, at);
      expect(found, `README: "${line}"`).toBeGreaterThanOrEqual(at);
      at = found + 1;
    }
    expect(shown.length).toBeGreaterThan(20);
  });

  test('README names every command', () => {
    const files = readdirSync(join(root, 'lab/commands')).map((f) => f.replace(/\.ts$/, ''));
    const missing = files.filter((name) => !new RegExp(`\`${name}\\b`).test(read('README.md')));
    expect(missing).toEqual([]);
  });

  test('every dependency has its reason', () => {
    const pkg = JSON.parse(read('package.json')) as {
      dependencies: Record<string, string>;
      devDependencies: Record<string, string>;
    };
    // Any page of decisions may say it, in bold or as code.
    const pages = readdirSync(join(root, 'docs/decisions')).map((f) => read(`docs/decisions/${f}`));
    const said = (name: string): boolean =>
      pages.some((page) => page.includes(`\`${name}\``) || page.includes(`**${name} `));
    for (const name of [...Object.keys(pkg.dependencies), ...Object.keys(pkg.devDependencies)])
      expect(said(name) || (name.startsWith('@types/') && said('@types/*')), name).toBe(true);
    for (const version of [...Object.values(pkg.dependencies), ...Object.values(pkg.devDependencies)])
      expect(version).toMatch(/^\d/);
  });

  test('relative links lead somewhere', () => {
    const pages = [
      'README.md',
      'ARCHITECTURE.md',
      'CONTRIBUTING.md',
      'docs/decisions/0001-toolchain-and-dependencies.md',
    ];
    for (const page of pages) {
      for (const [, target] of read(page).matchAll(/\]\((?!https?:)([^)#]+)/g)) {
        expect(() => read(join(page, '..', target!)), `${page} -> ${target}`).not.toThrow(/ENOENT/);
      }
    }
  });
});
