import { closeSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { oneLine, UsageError } from '../errors.ts';
import { print } from '../flags.ts';
import { dropPartial, openPartial, refuseForeign } from '../output-file.ts';
import { Progress } from '../progress.ts';
import { type RunData, readRun } from '../report/data.ts';
import { reportPage } from '../report/page.ts';

/** Writes the page; answers where it is, and which job of the first run waited longest. */
export async function reportCommand(
  dirs: readonly string[],
  flags: { out?: string; quiet?: boolean },
): Promise<{ path: string; bytes: number; longestWaitOf: number | null }> {
  const path = flags.out ?? join(dirs[0]!, 'report.html');
  refuseForeign(path, 'report', 'janction report');
  const progress = new Progress('reading', flags.quiet === true);
  const runs: RunData[] = [];
  for (const [i, dir] of dirs.entries()) {
    progress.update(i / dirs.length, dir);
    runs.push(await readRun(dir));
  }
  const page = Buffer.from(reportPage(runs));
  try {
    const file = openPartial(path);
    try {
      writeFileSync(file, page);
    } finally {
      closeSync(file);
    }
    renameSync(`${path}.partial`, path);
  } catch (e) {
    dropPartial(path);
    throw new UsageError(`${path}: cannot be written (${oneLine(e)}); choose another place with --out FILE`);
  }
  progress.done(`wrote a report on ${dirs.length === 1 ? dirs[0] : `${dirs.length} runs`}`, flags.quiet === true);
  const { jobs } = runs[0]!;
  let longest = -1;
  for (let i = 0; i < jobs.rows; i++)
    if (jobs.waiting_time_us[i]! > 0 && (longest < 0 || jobs.waiting_time_us[i]! > jobs.waiting_time_us[longest]!))
      longest = i;
  return { path, bytes: page.length, longestWaitOf: longest < 0 ? null : jobs.job_id[longest]! };
}

export function addReport(program: Command): void {
  program
    .command('report')
    .description('write one self-contained HTML page about a run; several runs are compared with the first')
    .argument('<rundir...>', 'directories written by run --out')
    .option('--out <file>', 'where to write the page (default: report.html in the first directory)')
    .option('--json', 'print where the page is as one JSON document')
    .option('--quiet', 'no progress and no wall time on stderr')
    .addHelpText(
      'after',
      `
The page needs no network and no server: open the file. The same runs give the same bytes.

Examples:
  janction report runs/q7
  janction report runs/fifo-1 runs/easy-1 --out fifo-against-easy.html`,
    )
    .action(async (dirs: string[], flags: { out?: string; json?: boolean; quiet?: boolean }) => {
      const written = await reportCommand(dirs, flags);
      const { path } = written;
      print(flags.json === true ? `${JSON.stringify({ schema: 'janction.report/1', ...written })}\n` : `${path}\n`);
    });
}
