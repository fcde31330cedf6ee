/** What the studies of `janction reproduce` share: where public data lies, flags, and the way to docs/validation.md. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { UsageError } from '../errors.ts';

/** A published result that can be rerun. One file per study in this folder; lab/commands/reproduce.ts lists them. */
export interface Study {
  name: string;
  /** Adds `janction reproduce NAME` with its own flags (start from `studyCommand`). */
  add(reproduce: Command): void;
  /** Lines of docs/validation.md: published and obtained side by side; what needs absent data says so in `skipped`. */
  validate(data: string | null): Promise<ValidationRow[]>;
}

export interface ValidationRow {
  study: string;
  /** What was measured, for example "default, seed 42, fgd: allocated % at 130 % arrived". */
  what: string;
  published: string;
  obtained: string;
  agrees: boolean;
  skipped?: string;
}

export interface StudyFlags {
  data?: string;
  json?: boolean;
  quiet?: boolean;
}

/** `janction reproduce NAME` with the flags that all studies have. */
export function studyCommand(reproduce: Command, name: string, about: string): Command {
  return reproduce
    .command(name)
    .description(about)
    .option('--data <dir>', 'folder with the public data (default: ../shared beside the project, when it is there)')
    .option('--json', 'print one JSON document instead of text')
    .option('--quiet', 'no progress on stderr');
}

/** The folder that `--data` names, or the one beside the project; null when there is neither. */
export function dataDir(given: string | undefined): string | null {
  if (given !== undefined) {
    if (!existsSync(given)) throw new UsageError(`${given}: no such folder; give the folder with the public data`);
    return given;
  }
  for (const up of ['../../../shared', '../../shared']) {
    const beside = fileURLToPath(new URL(up, new URL('..', import.meta.url)));
    if (existsSync(beside)) return beside;
  }
  return null;
}

/**
 * Text of a public file, looked for under each of `places` (folders below the data folder); null when it is nowhere. Files come in
 * the layout of their repository or of a folder per source.
 */
export function findData(data: string | null, places: readonly string[], file: string): string | null {
  if (data === null) return null;
  for (const p of places) {
    const path = join(data, p, file);
    if (existsSync(path)) return readFileSync(path, 'utf8');
  }
  return null;
}

/** The same for a file without which the study cannot run; `where` says what to download. */
export function needData(data: string | null, places: readonly string[], file: string, where: string): string {
  const text = findData(data, places, file);
  if (text === null) throw new UsageError(`${file} is not ${data === null ? 'given' : `under ${data}`}; ${where}`);
  return text;
}
