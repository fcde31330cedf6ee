/** Worker thread of a sweep: one task at a time. */
import { parentPort } from 'node:worker_threads';
import { Runner } from './runner.ts';
import type { Task } from './task.ts';

const runner = new Runner();
parentPort!.on('message', (task: Task) => {
  void runner.run(task).then((answer) => parentPort!.postMessage(answer));
});
