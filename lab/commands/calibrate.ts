import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Command, Option } from 'commander';
import {
  type CalibrationJson,
  calibrate,
  chooseIsolation,
  ExecutorError,
  firstDevice,
  gpuDrivers,
} from '../../executor/index.ts';
import { UsageError } from '../errors.ts';
import { print, wholeFrom } from '../flags.ts';
import { Progress } from '../progress.ts';

export interface CalibrateFlags {
  devices: string;
  beside: number;
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
    const device = firstDevice(flags.devices);
    const driver = gpuDrivers().find((d) => d.devices().some((x) => x.id === device.id));
    const result = await calibrate({
      dir,
      device,
      ...(driver === undefined ? {} : { gpus: driver }),
      isolation: chooseIsolation(flags.isolation),
      repeats: flags.repeats,
      beside: flags.beside,
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
  return `# measured by janction calibrate: ${c.repeats} repeats on ${c.device} (${c.name}), isolation ${c.isolation}
# start ${c.startMs.p50} ms median, ${c.startMs.p95} ms 95 %; stop ${c.stopMs.p50} / ${c.stopMs.p95} ms
# a job takes ${c.overheadMs.mean} ms beyond its work (${c.overheadMs.p50} / ${c.overheadMs.p95} ms): validate --calibration adds it
# first work ${c.firstWorkMs.p50} ms after the start; device free ${c.freeMs.p50} ms after the end; a preemption costs ${c.preemptionMs.p50} ms
# one job on the whole device: ${c.matmulGflops} GFLOP/s of matrix products, ${c.bandwidthGiBs} GiB/s of memory read and written
fleet:
  processes: { start: ${ms(c.startMs.mean)}, kill: ${ms(c.stopMs.mean)} }
`;
}

export function addCalibrate(program: Command): void {
  program
    .command('calibrate')
    .description('measure this machine: starting, ending and preempting jobs, speed of a device')
    .option('--devices <which>', 'cpu:1, nvidia, webgpu or auto: the first device is measured', 'cpu:1')
    .option(
      '--beside <n>',
      'other jobs on the same device meanwhile: starting and ending take longer or shorter than alone',
      wholeFrom(0, 64),
      0,
    )
    .option(
      '--repeats <n>',
      'repeats; each takes about a second on a processor and six on a GPU',
      wholeFrom(2, 10_000),
      10,
    )
    .addOption(
      new Option('--isolation <how>', 'as for execute').choices(['auto', 'none', 'bubblewrap']).default('auto'),
    )
    .option('--json', 'print one JSON document, for validate --calibration, instead of a fragment of a scenario')
    .option('--quiet', 'no progress on stderr')
    .addHelpText(
      'after',
      `
Rates: single precision by our own kernels on a GPU (no tensor cores), double precision in JavaScript on a processor.

Examples:
  janction calibrate
  janction calibrate --devices nvidia
  janction calibrate --json > machine.json && janction validate runs/x1 --calibration machine.json`,
    )
    .action(async (flags: CalibrateFlags) => {
      const c = await calibrateCommand(flags);
      print(flags.json === true ? `${JSON.stringify(c)}\n` : fragment(c));
    });
}
