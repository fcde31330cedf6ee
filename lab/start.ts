/** `npm start`: the quickstart, readable, with its output kept and what to try next. */
import { existsSync } from 'node:fs';
import { reportCommand } from './commands/report.ts';
import { runCommand } from './commands/run.ts';
import { oneLine } from './errors.ts';

const scenario = 'scenarios/quickstart/scenario.yaml';

/** First free directory runs/quickstart, runs/quickstart-2, … */
function freeDirectory(): string {
  for (let n = 1; ; n++) {
    const dir = n === 1 ? 'runs/quickstart' : `runs/quickstart-${n}`;
    if (!existsSync(dir)) return dir;
  }
}

try {
  const out = freeDirectory();
  const { text } = await runCommand(scenario, { set: [], out, check: 'end' });
  process.stdout.write(text);
  const report = await reportCommand([out], { quiet: true });
  process.stdout.write(`report, one page for a browser: ${report.path}

Try next:
  npx janction explain ${out} ${String(report.longestWaitOf ?? 1).padEnd(31)} why the job that waited longest did
  npx janction audit ${out}                                   replay it and recompute every balance
  npx janction run ${scenario} --seed 2       another day, other draws
  npx janction run ${scenario} --set fleet.groups.gamers.providers=60
  npx janction help
`);
} catch (e) {
  process.stderr.write(`error: ${oneLine(e)}\n`);
  process.exitCode = 2;
}
