/**
 * What the system knows of processes, read from /proc: who is alive, who belongs to which lease. A job's descendants are known
 * by the environment they inherit, which survives setsid, a double fork and the death of the executor. A process that has
 * cleared its environment escapes this net; the namespace of bubblewrap does not let it.
 */
import { readdirSync, readFileSync } from 'node:fs';

/** Every process of a run carries the run's number under this name, and its lease under the other. */
export const RUN_VARIABLE = 'JANCTION_RUN';
export const LEASE_VARIABLE = 'JANCTION_LEASE';

/** Start of a process in clock ticks since boot, or null when there is none or the system does not say. */
export function startTicks(pid: number): string | null {
  return fieldsOf(pid)?.[19] ?? null;
}

/** Fields of /proc/PID/stat behind the command's name: 0 = state, 1 = parent, 2 = group, 3 = session, 19 = start. */
function fieldsOf(pid: number): string[] | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return text.slice(text.lastIndexOf(')') + 2).split(' ');
  } catch {
    return null;
  }
}

/** Name of a process's program, or "" when it is gone. */
export function commandName(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return '';
  }
}

/** Living processes of a run by lease ("" = not told), zombies left out. One pass over /proc. */
export function processesOf(run: string): Map<string, number[]> {
  const found = new Map<string, number[]>();
  let names: string[];
  try {
    names = readdirSync('/proc');
  } catch {
    return found;
  }
  const wanted = `${RUN_VARIABLE}=${run}`;
  for (const name of names) {
    if (!/^\d+$/.test(name)) continue;
    const pid = Number(name);
    if (pid === process.pid) continue;
    let environment: string;
    try {
      environment = readFileSync(`/proc/${name}/environ`, 'latin1');
    } catch {
      continue;
    }
    if (!environment.includes(wanted)) continue;
    const variables = environment.split('\0');
    if (!variables.includes(wanted)) continue;
    const state = fieldsOf(pid)?.[0];
    if (state === undefined || state === 'Z' || state === 'X') continue;
    const lease = variables.find((v) => v.startsWith(`${LEASE_VARIABLE}=`))?.slice(LEASE_VARIABLE.length + 1) ?? '';
    const list = found.get(lease);
    if (list === undefined) found.set(lease, [pid]);
    else list.push(pid);
  }
  return found;
}

/** Sends a signal; a process that is gone is none to complain about. */
export function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch (e) {
    if ((e as NodeJS.ErrnoException).code !== 'ESRCH') throw e;
  }
}

export const pause = (ms: number): void => {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
};

/** Kills every process of a run and waits until none is left; answers the number killed. Throws when some will not die. */
export function reapRun(run: string, patienceMs = 10_000): number {
  const killed = new Set<number>();
  // A child of the dead executor may have been about to become a job: none counts as gone before two empty passes.
  for (let empty = 0, waited = 0; empty < 2; waited += 20) {
    const pids = [...processesOf(run).values()].flat();
    if (pids.length === 0) empty++;
    else empty = 0;
    for (const pid of pids) {
      killed.add(pid);
      signal(pid, 'SIGKILL');
    }
    if (waited > patienceMs) throw new Error(`processes ${pids.join(', ')} of the former executor do not die`);
    pause(20);
  }
  return killed.size;
}
