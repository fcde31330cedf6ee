/** A study without data files or own flags: a function from seed to published and obtained figures. */
import type { Command } from 'commander';
import { Finding } from '../errors.ts';
import { print, seedOf } from '../flags.ts';
import { type Study, type StudyFlags, studyCommand, type ValidationRow } from './study.ts';

/** One figure of a study. `published` is what the source or the closed form says, as text; `agrees` by the study's own rule. */
export interface Figure {
  what: string;
  published: string;
  obtained: string;
  agrees: boolean;
}

export interface SimpleStudy {
  name: string;
  about: string;
  /** Paper or code that the published figures come from. */
  source: string;
  run(seed: number): Figure[];
}

export function simpleStudy(s: SimpleStudy): Study {
  return {
    name: s.name,
    add(reproduce: Command): void {
      studyCommand(reproduce, s.name, s.about)
        .option('--seed <n>', 'first seed of what is simulated', seedOf, 1)
        .addHelpText('after', `\nSource: ${s.source}\n\nExample:\n  janction reproduce ${s.name} --json`)
        .action((flags: StudyFlags & { seed: number }) => {
          const figures = s.run(flags.seed);
          const table = (key: 'published' | 'obtained') => Object.fromEntries(figures.map((f) => [f.what, f[key]]));
          const agrees = figures.every((f) => f.agrees);
          const json = {
            study: s.name,
            source: s.source,
            seed: flags.seed,
            published: table('published'),
            obtained: table('obtained'),
            agrees,
          };
          print(flags.json === true ? `${JSON.stringify(json)}\n` : readable(s, figures));
          if (!agrees)
            throw new Finding(
              `${figures.filter((f) => !f.agrees).length} of ${figures.length} figures differ from the published ones`,
            );
        });
    },
    async validate(): Promise<ValidationRow[]> {
      return s.run(1).map((f) => ({ study: s.name, ...f }));
    },
  };
}

function readable(s: SimpleStudy, figures: readonly Figure[]): string {
  const width = Math.max(...figures.map((f) => f.what.length));
  const mid = Math.max(9, ...figures.map((f) => f.published.length));
  const lines = figures.map(
    (f) => `  ${f.what.padEnd(width)}  ${f.published.padEnd(mid)}  ${f.obtained}${f.agrees ? '' : '   DIFFERS'}`,
  );
  return `${s.name}: ${s.source}\n  ${''.padEnd(width)}  ${'published'.padEnd(mid)}  obtained\n${lines.join('\n')}\n`;
}

/** A figure that must come out exactly. */
export const exactly = (what: string, published: string, obtained: string): Figure => ({
  what,
  published,
  obtained,
  agrees: published === obtained,
});

/** A figure that must come out within `tolerance`. */
export function within(what: string, published: number, obtained: number, tolerance: number, digits = 6): Figure {
  return {
    what,
    published: String(published),
    obtained: obtained.toFixed(digits),
    agrees: Math.abs(obtained - published) <= tolerance,
  };
}

/** A simulated mean whose interval must hold the closed form. */
export function covers(what: string, theory: number, mean: number, half: number, digits = 6): Figure {
  return {
    what,
    published: String(theory),
    obtained: `${mean.toFixed(digits)} ± ${half.toFixed(digits)}`,
    agrees: Math.abs(mean - theory) <= half,
  };
}
