/** One worker of `janction reproduce fgd --all`: runs what it is sent, trace by trace, and sends back what it found. */
import { parentPort, workerData } from 'node:worker_threads';
import { type FgdInput, fgdInput, publishedTables } from './fgd.ts';
import { type GridTask, gridRun } from './fgd-grid.ts';

const { data } = workerData as { data: string };
const tables = publishedTables(data);
let trace = '';
let input: FgdInput | null = null;

parentPort!.on('message', (task: GridTask | null) => {
  if (task === null) {
    parentPort!.close();
    return;
  }
  if (task.trace !== trace) {
    trace = task.trace;
    input = fgdInput(data, trace);
  }
  parentPort!.postMessage(gridRun(input!, tables, task));
});
