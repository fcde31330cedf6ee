/** Runs of the checkpoint scenario off the page's thread. */
import { shipped } from '../../mechanisms/index.ts';
import scenarioText from '../../scenarios/checkpoint-interval/scenario.yaml?raw';
import { resolveScenario, ScenarioError } from '../../scenarios/index.ts';
import { finishRun, prepareRun } from '../../sim/run.ts';
import { breathe } from './breathe.ts';
import type { CheckpointRun, FromCheckpoints, ToCheckpoints } from './checkpoints.ts';

let latest = 0;
const post = (m: FromCheckpoints): void => postMessage(m);

addEventListener('message', (event: MessageEvent<ToCheckpoints>) => {
  latest = event.data.id;
  void work(event.data);
});

async function work({ id, runs }: ToCheckpoints): Promise<void> {
  try {
    for (const [i, { interval, sets }] of runs.entries()) {
      await breathe();
      if (id !== latest) return;
      post({ id, kind: 'run', run: simulate(interval, sets), done: i + 1 });
    }
  } catch (e) {
    post({ id, kind: 'error', message: e instanceof ScenarioError ? e.message : String(e) });
  }
}

function simulate(interval: number, sets: readonly string[]): CheckpointRun {
  const scenario = resolveScenario(scenarioText, 'scenarios/checkpoint-interval/scenario.yaml', sets);
  const completion: number[] = [];
  let attempts = 0;
  const json = finishRun(
    prepareRun(scenario, {
      registry: shipped,
      onChunk: (chunk) => {
        if (chunk.table !== 'jobs') return;
        const column = (name: string): Float64Array => chunk.columns.find((c) => c.name === name)!.data as Float64Array;
        const took = column('turnaround_time_us');
        const tries = column('attempts');
        const state = chunk.columns.find((c) => c.name === 'final_state')!.data as string[];
        for (let i = 0; i < chunk.rows; i++) {
          attempts += tries[i]!;
          if (state[i] === 'completed') completion.push(took[i]! / 3.6e9);
        }
      },
    }),
  );
  completion.sort((a, b) => a - b);
  return { interval, seed: scenario.seed, json, completion, attempts: attempts / json.jobs.submitted };
}
