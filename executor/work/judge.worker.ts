/** Judges an answer on a thread of its own, so that the executor's decisions do not wait for it. */
import { parentPort, workerData } from 'node:worker_threads';
import { type Challenge, judge } from './challenge.ts';

const { dir, challenge } = workerData as { dir: string; challenge: Challenge };
parentPort!.postMessage(judge(dir, challenge));
