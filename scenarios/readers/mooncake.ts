/**
 * Mooncake's traces of LLM requests (github.com/kvcache-ai/Mooncake, FAST'25): one JSON object per line with `timestamp` in
 * milliseconds, `input_length` and `output_length` in tokens. `hash_ids`, which name shared prefixes, are not used: every
 * request is taken as if nothing of it were cached.
 */
import { quoted, TraceError } from '../input-error.ts';
import type { TraceJob } from '../resolved.ts';
import { CsvReader } from './csv.ts';
import { recognise } from './formats.ts';
import { plainJob } from './row.ts';

const EXAMPLE = '{"timestamp": 0, "input_length": 6758, "output_length": 500}';
const MAX_MILLISECONDS = 9_007_199_254_740;
const MAX_TOKENS = 100_000_000;
const LF = 10;

/** Every request of the trace, in its order. */
export function* readMooncake(chunks: Iterable<Uint8Array>, file: string): Generator<TraceJob> {
  // Lines are read whole: the separator never occurs inside one.
  const lines = new CsvReader(chunks, file, LF);
  while (lines.next()) {
    const text = lines.text();
    if (lines.line === 1) {
      const found = recognise(text);
      if (found !== null && found.format !== 'mooncake')
        throw lines.fault(`this is ${found.what}; give lines such as ${EXAMPLE}`);
    }
    const row = parsed(text, lines);
    const job = plainJob(String(lines.line), count(row, 'timestamp', MAX_MILLISECONDS, lines) * 1000, 1, -1);
    job.inputTokens = count(row, 'input_length', MAX_TOKENS, lines);
    job.outputTokens = count(row, 'output_length', MAX_TOKENS, lines);
    yield job;
  }
  if (lines.line === 0) throw new TraceError(file, 1, 1, `the file is empty; give lines such as ${EXAMPLE}`);
}

function parsed(text: string, lines: CsvReader): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw lines.fault(`no JSON; write lines such as ${EXAMPLE} (was the file cut off?)`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw lines.fault(`no JSON object; write lines such as ${EXAMPLE}`);
  return value as Record<string, unknown>;
}

function count(row: Record<string, unknown>, key: string, most: number, lines: CsvReader): number {
  if (!Object.hasOwn(row, key)) throw lines.fault(`no "${key}"; write lines such as ${EXAMPLE}`);
  const value = row[key];
  if (typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= most) return value;
  throw lines.fault(`"${key}" ${quoted(JSON.stringify(value))} is no whole number from 0 to ${most}; write one`);
}
