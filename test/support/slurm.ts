/**
 * A real Slurm on this machine for the length of a test: one controller, four node daemons, fake GPUs. Needs Debian's slurmctld,
 * slurmd, slurm-client and munge, and root.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';

/** Null, or why a cluster cannot be started here. */
export function slurmMissing(): string | null {
  if (process.getuid?.() !== 0) return 'needs root to start slurmctld and slurmd';
  for (const p of ['slurmctld', 'slurmd', 'sbatch', 'munged']) {
    const there = (process.env['PATH'] ?? '')
      .split(':')
      .concat('/usr/sbin', '/sbin')
      .some((d) => existsSync(join(d, p)));
    if (!there) return `${p} is not installed (Debian: slurmctld slurmd slurm-client munge)`;
  }
  return null;
}

export interface Cluster {
  /** Environment for sbatch, squeue and what calls them. */
  env: NodeJS.ProcessEnv;
  /** A directory that every node sees. */
  shared: string;
  stop(): void;
}

export async function startCluster(): Promise<Cluster> {
  const dir = mkdtempSync(join(tmpdir(), 'janction-slurm-'));
  for (const d of ['spool', 'state', 'log', 'run', 'munge', 'shared']) mkdirSync(join(dir, d));
  chmodSync(join(dir, 'munge'), 0o700);
  const host = hostname().split('.')[0]!;
  // A range of ports of its own, so that two checkouts can test at once.
  const port = 16000 + (process.pid % 3000) * 10;
  writeFileSync(join(dir, 'munge/munge.key'), randomBytes(1024), { mode: 0o600 });
  writeFileSync(
    join(dir, 'slurm.conf'),
    `ClusterName=lab
SlurmctldHost=${host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=${dir}/run/munge.sock
CryptoType=crypto/munge
CredType=cred/munge
StateSaveLocation=${dir}/state
SlurmdSpoolDir=${dir}/spool/%n
SlurmctldPidFile=${dir}/run/slurmctld.pid
SlurmdPidFile=${dir}/run/slurmd.%n.pid
SlurmctldLogFile=${dir}/log/slurmctld.log
SlurmdLogFile=${dir}/log/slurmd.%n.log
SlurmctldPort=${port}
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,bf_interval=1,batch_sched_delay=0
ReturnToService=2
MpiDefault=none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/filetxt
JobCompLoc=${dir}/log/jobcomp.txt
SlurmdTimeout=30
MaxArraySize=10001
GresTypes=gpu
SlurmdParameters=config_overrides
NodeName=n[1-4] NodeHostname=${host} NodeAddr=127.0.0.1 Port=[${port + 1}-${port + 4}] CPUs=4 RealMemory=1000 Gres=gpu:h100:2 State=UNKNOWN
PartitionName=main Nodes=n[1-4] Default=YES MaxTime=INFINITE State=UP OverSubscribe=NO
`,
  );
  writeFileSync(join(dir, 'gres.conf'), 'NodeName=n[1-4] Name=gpu Type=h100 Count=2 File=/dev/null,/dev/zero\n');
  const env = { ...process.env, SLURM_CONF: join(dir, 'slurm.conf'), PATH: `${process.env['PATH']}:/usr/sbin:/sbin` };
  const start = (program: string, args: string[]) =>
    execFileSync(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  start('munged', [
    '--force',
    `--key-file=${dir}/munge/munge.key`,
    `--socket=${dir}/run/munge.sock`,
    `--pid-file=${dir}/run/munged.pid`,
    `--log-file=${dir}/log/munged.log`,
    `--seed-file=${dir}/munge/munged.seed`,
  ]);
  start('slurmctld', ['-c']);
  for (const n of [1, 2, 3, 4]) start('slurmd', ['-N', `n${n}`]);
  const stop = () => {
    for (const f of readdirSync(join(dir, 'run'))) {
      if (!f.endsWith('.pid')) continue;
      try {
        process.kill(Number(readFileSync(join(dir, 'run', f), 'utf8')), 'SIGKILL');
      } catch {
        // Already gone.
      }
    }
    rmSync(dir, { recursive: true, force: true, maxRetries: 5 });
  };
  for (let i = 0; i < 100; i++) {
    const seen = spawnSync('sinfo', ['--noheader', '--format=%T %D'], { env, encoding: 'utf8' });
    if (/^idle 4$/m.test(seen.stdout ?? '')) return { env, shared: join(dir, 'shared'), stop };
    await new Promise((r) => setTimeout(r, 200));
  }
  const log = readFileSync(join(dir, 'log/slurmctld.log'), 'utf8').split('\n').slice(-5).join(' ');
  stop();
  throw new Error(`slurm: four nodes did not come up: ${log}`);
}
