/** An execution refuses, at its place, what only a simulated world does: left out silently it would answer another question. */
import { describe, expect, test } from 'vitest';
import { resolveScenario } from '../../scenarios/index.ts';
import { minimal } from '../support/scenario-text.ts';

const refused = (...sets: string[]): string => {
  resolveScenario(minimal, 'f.yaml', sets);
  try {
    resolveScenario(minimal, 'f.yaml', sets, undefined, undefined, 'execute');
  } catch (e) {
    return (e as Error).message;
  }
  return '';
};

describe('purpose: execute', () => {
  test('takes what it can follow', () => {
    expect(refused()).toBe('');
    expect(refused('failures.groups={ lab: { mtbf: never } }')).toBe('');
  });

  test.each([
    ['failures.groups={ lab: { mtbf: 1 day } }', 'groups: machines and GPUs fail for real'],
    ['failures.groups={ lab: { preset: llama3-405b } }', 'groups: machines and GPUs fail for real'],
    [
      'failures.shared=[{ name: power, of: site, groups: lab, mtbf: 1 day }]',
      'shared: machines and GPUs fail for real',
    ],
    ['failures.gpus={ lab: { preset: delta-a100 } }', 'gpus: machines and GPUs fail for real'],
    ['fleet.groups.lab.availability=volunteer-hosts', 'availability: owners come and go in simulation only'],
    ['fleet.groups.lab.lies={ speed: 2 }', 'lies: simulated only'],
    ['network={}', 'network: wires and their faults are simulated only'],
  ])('refuses %s', (set, why) => {
    expect(refused(set)).toContain(why);
    expect(refused(set)).toMatch(/^--set /);
  });

  test('says where', () => {
    const text = `${minimal}\nfailures:\n  groups:\n    lab: { mtbf: 1 day }\n`;
    expect(() => resolveScenario(text, 'f.yaml', [], undefined, undefined, 'execute')).toThrow(
      new RegExp(`^f\\.yaml:${text.split('\n').length - 1}:5: groups: `),
    );
  });
});
