import { closeSync, renameSync, rmSync, writeSync } from 'node:fs';
import type { Command } from 'commander';
import { oneLine, UsageError } from '../errors.ts';
import { print } from '../flags.ts';
import { openPartial, refuseForeign } from '../output-file.ts';
import { Progress } from '../progress.ts';
import { isDiskFault } from '../rundir/writer.ts';
import { type TextSink, TIMELINE_HEAD, type TimelineCounts, writeTimeline } from '../timeline/timeline.ts';

/** The reader of stdout has closed it (`| head`): nothing is wrong, nothing more is wanted. */
class Closed extends Error {}

/** To stdout, waiting whenever the reader is slower. */
const toStdout: TextSink = (text) =>
  new Promise((resolve, reject) => {
    process.stdout.write(text, (e) => (e == null ? resolve() : reject(new Closed(e.message))));
  });

async function stream(dir: string): Promise<TimelineCounts> {
  try {
    return await writeTimeline(dir, toStdout);
  } catch (e) {
    if (e instanceof Closed) return { events: 0, placements: 0 };
    throw e;
  }
}

function place(partial: string, path: string): void {
  try {
    renameSync(partial, path);
  } catch (e) {
    throw new UsageError(`${path}: cannot be written (${oneLine(e)}); choose another file for --out`);
  }
}

export async function timelineCommand(dir: string, flags: { out?: string; quiet?: boolean }): Promise<TimelineCounts> {
  if (flags.out === undefined) return stream(dir);
  refuseForeign(flags.out, 'timeline', TIMELINE_HEAD);
  const progress = new Progress('writing the timeline', flags.quiet === true);
  const partial = `${flags.out}.partial`;
  let file: number;
  try {
    file = openPartial(flags.out);
  } catch (e) {
    throw new UsageError(`${flags.out}: cannot be written (${oneLine(e)}); choose another file for --out`);
  }
  let bytes = 0;
  try {
    const counts = await writeTimeline(dir, async (text) => {
      const piece = Buffer.from(text);
      for (let at = 0; at < piece.length; ) at += writeSync(file, piece, at);
      bytes += piece.length;
      progress.update(-1, `${(bytes / 1e6).toFixed(0)} MB`);
    });
    place(partial, flags.out);
    progress.done(`wrote ${counts.events} events`, flags.quiet === true);
    return counts;
  } catch (e) {
    if (!isDiskFault(e)) throw e;
    throw new UsageError(
      `${flags.out}: cannot be written (${(e as NodeJS.ErrnoException).code}); make room or choose another file for --out`,
    );
  } finally {
    closeSync(file);
    rmSync(partial, { force: true });
  }
}

export function addTimeline(program: Command): void {
  program
    .command('timeline')
    .description('write a run as a trace that ui.perfetto.dev and chrome://tracing open')
    .argument('<rundir>', 'directory written by run --out')
    .option('--out <file>', 'where to write it (default: stdout)')
    .option('--json', 'with --out: print what was written as one JSON document')
    .option('--quiet', 'no progress and no wall time on stderr')
    .addHelpText(
      'after',
      `
A process per machine, a thread per GPU, the ten longest waits, counters for queue, use and prices, instants for machines lost,
elections, slashes and failed aggregators, arrows from an attempt that was cut off to the next one of its job, and from one that gave
way to the job that took its place. Streamed: memory does not grow with the run. The viewer runs in your browser.

Examples:
  janction timeline runs/q7 > q7.json
  janction timeline runs/q7 --out q7.json`,
    )
    .action(async (dir: string, flags: { out?: string; json?: boolean; quiet?: boolean }) => {
      if (flags.json === true && flags.out === undefined)
        throw new UsageError('--json without --out: the trace itself goes to stdout and is JSON; add --out FILE');
      const counts = await timelineCommand(dir, flags);
      if (flags.out === undefined) return;
      print(
        flags.json === true
          ? `${JSON.stringify({ schema: 'janction.timeline/1', path: flags.out, ...counts })}\n`
          : `${flags.out}\n`,
      );
    });
}
