/** One engine on one model in a process of its own, so that no engine warms or spoils another's code: prints an Outcome. */
import { HeapQueue } from '../sim/kernel/heap-queue.ts';
import { LadderQueue } from '../sim/kernel/ladder-queue.ts';
import { callbackQueue, holdBySize, ourGpuLoop, ourHold, ourQueue, processQueue } from './kernel-ours.ts';
import { simjsGpuLoop, simjsHold, simjsQueue } from './kernel-simjs.ts';
import { isHold, type ModelName, type Outcome, type Work, workOf } from './kernel-trace.ts';

type Run = (work: Work) => Outcome;
const engines: Record<string, { hold: Run | null; queue: Run; gpuLoop: Run | null; repeats: number }> = {
  ours: { hold: ourHold, queue: ourQueue, gpuLoop: ourGpuLoop, repeats: 8 },
  callbacks: { hold: null, queue: callbackQueue, gpuLoop: null, repeats: 8 },
  processes: { hold: null, queue: processQueue, gpuLoop: null, repeats: 8 },
  simjs: { hold: simjsHold, queue: simjsQueue, gpuLoop: simjsGpuLoop, repeats: 3 },
};

/** Events pending at which the two queues are compared. */
const SIZES = [2, 8, 32, 48, 64, 128, 1000, 10_000];

const [name, model] = process.argv.slice(2) as [string, ModelName | 'ladder' | 'heap'];
if (model === 'ladder' || model === 'heap') {
  const make = model === 'ladder' ? () => new LadderQueue() : () => new HeapQueue();
  process.stdout.write(JSON.stringify(holdBySize(make, SIZES, workOf('hold1e3'))));
} else {
  process.stdout.write(JSON.stringify(best(name, model)));
}

function best(name: string, model: ModelName): Outcome {
  const engine = engines[name]!;
  const run = isHold(model) ? engine.hold : model === 'gpuLoop' ? engine.gpuLoop : engine.queue;
  const work = workOf(model);
  let best: Outcome | null = null;
  for (let i = 0; i < (work.size > 1e5 ? Math.ceil(engine.repeats / 3) : engine.repeats); i++) {
    const o = run!(work);
    if (best === null || o.nsPerEvent < best.nsPerEvent) best = o;
  }
  return best!;
}
