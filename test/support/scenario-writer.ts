/** From a row of levels to the document that a user would write, with the files it names. All that a row leaves open is drawn from the seed. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { adversariesOf, demandOf } from './scenario-demand.ts';
import { type Doc, Draw, has, some, type World } from './scenario-draw.ts';
import type { Row } from './scenario-factors.ts';
import { billingOf, pricingOf, schedulingOf, stakeOf, verificationOf } from './scenario-rules.ts';
import { failuresOf, fleetOf, networkOf } from './scenario-supply.ts';

/** The document of a row, as YAML. Files that it names are in `files`, and are found below `dir`. */
export function documentOf(row: Row, seed: number, dir: string): { text: string; files: Map<string, string> } {
  const d = new Draw(seed);
  const pools = {
    one: ['main'],
    two: ['east', 'west'],
    three: ['east', 'west', 'south'],
    spare: ['east', 'west', 'spare'],
  }[row.pools]!;
  const p: World = {
    row,
    d,
    hours: d.int(5, 9),
    classes: [],
    groups: [],
    pools,
    staffed: row.pools === 'spare' ? pools.slice(0, 2) : pools,
    personas: ['film', 'lab', ...(d.maybe(0.3) ? ['late'] : [])],
    files: new Map(),
    dir,
  };
  const fleet = fleetOf(p);
  const doc: Doc = {
    name: `mix-${seed}`,
    ...some(d.maybe(0.2), { question: 'What of all this together?' }),
    horizon: row.horizon === 'until-done' ? 'until done' : `${p.hours} hour`,
    ...some(row.warmup === 'some', { warmup: '45 minute' }),
    seed: d.int(1, 1_000_000),
    fleet,
    demand: demandOf(p),
    scheduling: schedulingOf(p),
    pricing: pricingOf(p),
    billing: billingOf(p),
    ...some(row.stake !== 'none', { stake: stakeOf(p) }),
    ...some(!has(['none', '-'], row.verification), { verification: verificationOf(p) }),
    ...some(row.network !== 'none', { network: networkOf(p) }),
    failures: failuresOf(p),
    ...adversariesOf(p),
    ...some(row.sample !== 'hour', { output: { sample: row.sample === 'none' ? 'none' : '7 minute' } }),
  };
  return { text: stringify(doc), files: p.files };
}

/** Writes the document and its files; the path of the scenario. */
export function writeDocument(dir: string, { text, files }: { text: string; files: Map<string, string> }): string {
  for (const [name, content] of files) writeFileSync(join(dir, name), content);
  const path = join(dir, 'scenario.yaml');
  writeFileSync(path, text);
  return path;
}
