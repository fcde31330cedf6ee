import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Command, Option } from 'commander';
import { type CalibrationJson, calibrate, chooseIsolation, ExecutorError, findDevices } from '../../executor/index.ts';
import { UsageError } from '../errors.ts';
import { print, wholeFrom } from '../flags.ts';
import { Progress } from '../progress.ts';

export interface CalibrateFlags {
  repeats: number;
  isolation: string;
  json?: boolean;
  quiet?: boolean;
}

/** Measures this machine; jobs run one after the other in a directory that is gone afterwards. */
export async function calibrateCommand(flags: CalibrateFlags): Promise<CalibrationJson> {
  const dir = mkdtempSync(join(tmpdir(), 'janction-calibrate-'));
  const progress = new Progress('calibrating', flags.quiet === true);
  try {
    const result = await calibrate({
      dir,
      run: randomUUID(),
      device: findDevices('cpu:1', 1)[0]!,
      isolation: chooseIsolation(flags.isolation),
      repeats: flags.repeats,
      onProgress: (share) => progress.update(share, `${Math.round(share * flags.repeats)} of ${flags.repeats}`),
    });
    progress.done('calibrated', flags.quiet === true);
    return result;
  } catch (e) {
    progress.done('', true);
    if (e instanceof ExecutorError) throw new UsageError(e.message);
    throw e;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** The fragment of a scenario that makes a simulation start and stop as this machine does, at wall speed. */
export function fragment(c: CalibrationJson): string {
  const ms = (v: number): string => `${Math.max(0.001, v)} ms`;
  return `# measured by janction calibrate: ${c.repeats} jobs on ${c.device}, isolation ${c.isolation}
# start ${c.startMs.p50} ms median, ${c.startMs.p95} ms 95 %; stop ${c.stopMs.p50} / ${c.stopMs.p95} ms
# a job takes ${c.overheadMs.mean} ms beyond its work (${c.overheadMs.p50} / ${c.overheadMs.p95} ms): validate --calibration adds it
# one job on a whole processor: ${c.matmulGflops} GFLOP/s (double precision, JavaScript), ${c.bandwidthGiBs} GiB/s of memory
fleet:
  processes: { start: ${ms(c.startMs.mean)}, kill: ${ms(c.stopMs.mean)} }
`;
}

export function addCalibrate(program: Command): void {
  program
    .command('calibrate')
    .description('measure this machine: starting, ending and stopping jobs, speed of a processor slot')
    .option('--repeats <n>', 'jobs to measure, about half a second each', wholeFrom(2, 10_000), 20)
    .addOption(
      new Option('--isolation <how>', 'as for execute').choices(['auto', 'none', 'bubblewrap']).default('auto'),
    )
    .option('--json', 'print one JSON document, for validate --calibration, instead of a fragment of a scenario')
    .option('--quiet', 'no progress on stderr')
    .addHelpText(
      'after',
      `
GPUs are not measured yet; a processor slot (cpu:N) is.

Examples:
  janction calibrate
  janction calibrate --json > machine.json && janction validate runs/x1 --calibration machine.json`,
    )
    .action(async (flags: CalibrateFlags) => {
      const c = await calibrateCommand(flags);
      print(flags.json === true ? `${JSON.stringify(c)}\n` : fragment(c));
    });
}
