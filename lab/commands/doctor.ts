/** What this machine offers and what is missing: nothing here is needed for simulation. */

import { execFileSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { availableParallelism, totalmem } from 'node:os';
import { delimiter, join } from 'node:path';
import type { Command } from 'commander';
import { ENGINE_VERSION } from '../../core/version.ts';
import { type GpuDriver, gpuDrivers, loadNative, packageDirectory, probeIsolation } from '../../executor/index.ts';
import { print } from '../flags.ts';

export interface DoctorItem {
  name: string;
  found: boolean;
  detail: string;
  /** What it is for, and how to get it when missing. */
  use: string;
}

export interface DoctorJson {
  schema: 'janction.doctor/1';
  engine: string;
  node: { version: string; supported: boolean };
  cpus: number;
  memoryMiB: number;
  items: DoctorItem[];
}

function which(program: string): string | null {
  for (const dir of (process.env['PATH'] ?? '').split(delimiter)) {
    if (dir === '') continue;
    const path = join(dir, program);
    try {
      accessSync(path, constants.X_OK);
      return path;
    } catch {
      // not in this directory
    }
  }
  return null;
}

/** First line a program prints for its version, or null when it cannot be run. */
function versionOf(program: string, args: readonly string[]): string | null {
  try {
    return execFileSync(program, args, { encoding: 'utf8', timeout: 5000, stdio: ['ignore', 'pipe', 'ignore'] })
      .split('\n')[0]!
      .trim();
  } catch {
    return null;
  }
}

function program(name: string, binary: string, args: readonly string[], use: string): DoctorItem {
  const path = which(binary);
  const detail = path === null ? 'not on PATH' : (versionOf(path, args) ?? 'on PATH, but does not answer');
  return { name, found: path !== null && detail !== 'on PATH, but does not answer', detail, use };
}

let drivers: GpuDriver[] | null = null;

function gpus(name: string, kind: string, install: string): DoctorItem {
  drivers ??= gpuDrivers();
  const driver = drivers.find((d) => d.devices().some((x) => x.kind === kind));
  const list = (driver?.devices() ?? []).map((d) => `${d.name} (${d.id})`);
  return {
    name,
    found: driver !== undefined,
    detail: driver === undefined ? 'none, or no driver' : `${list.length} by ${driver.name}: ${list.join(', ')}`,
    use: `running jobs on real GPUs; install ${install}`,
  };
}

/** Node 20.19 or later. */
export function supportedNode(version: string): boolean {
  const [major, minor] = version.replace(/^v/, '').split('.').map(Number) as [number, number];
  return major > 20 || (major === 20 && minor >= 19);
}

export function doctorCommand(): DoctorJson {
  const isolation = probeIsolation();
  const groups = isolation.cgroups;
  return {
    schema: 'janction.doctor/1',
    engine: ENGINE_VERSION,
    node: { version: process.version, supported: supportedNode(process.version) },
    cpus: availableParallelism(),
    memoryMiB: Math.floor(totalmem() / 1048576),
    items: [
      gpus('NVIDIA GPUs', 'nvidia', 'the NVIDIA driver'),
      gpus('AMD GPUs', 'amd', 'ROCm with rocm-smi'),
      {
        name: 'koffi',
        found: loadNative() !== null,
        detail: loadNative() === null ? 'optional package not installed' : 'calls the libraries of drivers',
        use: 'the built-in work on NVIDIA GPUs, MIG instances, Xid events; npm install koffi',
      },
      {
        name: 'WebGPU',
        found: packageDirectory('webgpu') !== null,
        detail:
          packageDirectory('webgpu') === null
            ? 'package webgpu not installed'
            : 'package webgpu; a Vulkan driver decides',
        use: '--devices webgpu: any adapter, known by no UUID; npm install webgpu',
      },
      program('Slurm', 'sbatch', ['--version'], 'sweeps and executions on a cluster; Debian packages slurmctld slurmd'),
      {
        name: 'bubblewrap',
        found: isolation.bubblewrap,
        detail: isolation.bubblewrap ? 'makes namespaces' : 'not on PATH, or may not make namespaces',
        use: 'keeping executed jobs from the host; Debian package bubblewrap',
      },
      program('prlimit', 'prlimit', ['--version'], 'limits on executed jobs; part of util-linux'),
      {
        name: 'cgroups',
        found: groups !== null && groups.controllers.length > 0,
        detail:
          groups === null ? 'none that may be written' : `version ${groups.version}: ${groups.controllers.join(', ')}`,
        use: 'limits on memory, processes and processor time of executed jobs; run as root or in a delegated group',
      },
      program('Chromium', 'chromium', ['--version'], 'browser tests of notebooks and reports; Debian package chromium'),
      program('python3', 'python3', ['--version'], 'cross-checks against SimPy, when python3-simpy is installed'),
      program('g++', 'g++', ['--version'], 'the C++ peer of the kernel benchmark'),
    ],
  };
}

export function readableDoctor(d: DoctorJson): string {
  const lines = [
    `janction-lab ${d.engine} on Node ${d.node.version}${d.node.supported ? '' : ' (NOT supported: needs 20.19 or later)'}, ${d.cpus} CPUs, ${d.memoryMiB} MiB`,
    'Simulation needs nothing more. Optional parts:',
  ];
  for (const i of d.items)
    lines.push(`  ${i.found ? 'yes' : 'no '}  ${i.name.padEnd(12)} ${i.detail}${i.found ? '' : ` - for ${i.use}`}`);
  return `${lines.join('\n')}\n`;
}

export function addDoctor(program: Command): void {
  program
    .command('doctor')
    .description('say what this machine offers (GPUs, Slurm, isolation) and what is missing')
    .option('--json', 'print one JSON document instead of text')
    .addHelpText('after', '\nExample:\n  janction doctor --json')
    .action((flags: { json?: boolean }) => {
      const d = doctorCommand();
      print(flags.json === true ? `${JSON.stringify(d)}\n` : readableDoctor(d));
    });
}
