/** A short valid scenario for tests, and ways to bend it. */
import { expect } from 'vitest';
import { ScenarioError } from '../../scenarios/input-error.ts';
import { resolveScenario } from '../../scenarios/load/resolve.ts';

export const minimal = `name: tiny
horizon: 1 day
fleet:
  classes:
    - { name: rtx-4090, memory: 24 GiB }
  groups:
    - { name: lab, providers: 4, class: rtx-4090 }
demand:
  personas:
    - name: users
      arrivals: { rate: 10 jobs/hour }
      work: { median: 20 minute }
      value: { median: 1 USD/hour }
pricing:
  rates: { rtx-4090: 0.4 USD/hour }
`;

/** The minimal scenario with one text replaced. */
export function bent(from: string, to: string): string {
  expect(minimal).toContain(from);
  return minimal.replace(from, () => to);
}

/** The message with which a scenario is refused. */
export function refusal(source: string | Uint8Array, sets: readonly string[] = []): string {
  try {
    resolveScenario(source, 'f.yaml', sets);
  } catch (e) {
    if (e instanceof ScenarioError) return e.message;
    throw e;
  }
  throw new Error('the scenario was taken');
}

/** The minimal scenario with lines added at its end. */
export const added = (text: string): string => minimal + text;

/** With a line added to its persona. */
export const persona = (line: string): string => bent('      work:', `      ${line}\n      work:`);

/** With more said about its group. */
export const group = (rest: string): string => bent('class: rtx-4090 }', `class: rtx-4090, ${rest} }`);

/** With a trace in place of its personas. */
export const traced = (fields: string): string =>
  minimal.replace(/ {2}personas[\s\S]*(?=pricing)/, `  trace: { ${fields} }\n`);
