/** What `calibrate --json` wrote: the constants of a prediction, and the rates that give built-in jobs an amount of work. */
import { readFileSync } from 'node:fs';
import type { CalibrationJson } from '../../executor/index.ts';
import { oneLine, UsageError } from '../errors.ts';
import type { CalibrationInput } from './open-loop.ts';

function read(path: string): Partial<CalibrationJson> {
  try {
    const json = JSON.parse(readFileSync(path, 'utf8')) as Partial<CalibrationJson> | null;
    if (json?.schema === 'janction.calibration/1') return json;
  } catch (e) {
    throw new UsageError(`${path}: cannot be read (${oneLine(e)}); make one with: janction calibrate --json > ${path}`);
  }
  throw new UsageError(`${path}: no calibration; make one with: janction calibrate --json > ${path}`);
}

export function readCalibration(path: string): CalibrationInput {
  const { startMs, overheadMs, stopMs } = read(path);
  const known = [startMs, overheadMs, stopMs].every((v) => v !== undefined && Number.isFinite(v.mean) && v.mean >= 0);
  if (!known) throw new UsageError(`${path}: no calibration; make one with: janction calibrate --json > ${path}`);
  return { startMs: startMs!.mean, overheadMs: overheadMs!.mean, stopMs: stopMs!.mean };
}

/** What the whole device does in a second: GFLOP of products, or GiB read and written. */
export function rateIn(path: string, kind: 'matmul' | 'copy'): number {
  const c = read(path);
  const rate = kind === 'matmul' ? c.matmulGflops : c.bandwidthGiBs;
  if (!(typeof rate === 'number' && rate > 0 && rate < 1e9))
    throw new UsageError(`${path}: no rate of ${kind} in it; make one with: janction calibrate --json > ${path}`);
  return rate;
}
