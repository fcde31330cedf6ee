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
  const next = [
    [`explain ${out} ${report.longestWaitOf ?? 1}`, 'why the job that waited longest did'],
    [`audit ${out}`, 'replay it and recompute every balance'],
    [`run ${scenario} --seed 2`, 'another day, other draws'],
    [`run ${scenario} --set scheduling.queueing=fifo`, 'no backfilling'],
    ['help', 'every command'],
  ];
  process.stdout.write(`report, one page for a browser: ${report.path}

Try next:
${next.map(([command, about]) => `  npx janction ${command!.padEnd(76)}  ${about}\n`).join('')}`);
} catch (e) {
  process.stderr.write(`error: ${oneLine(e)}\n`);
  process.exitCode = 2;
}
