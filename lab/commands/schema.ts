import type { Command } from 'commander';
import { z } from 'zod';
import { scenarioJsonSchema } from '../../scenarios/index.ts';
import { advice } from '../../scenarios/suggest.ts';
import { dataDictionary } from '../dictionary.ts';
import { UsageError } from '../errors.ts';
import { print } from '../flags.ts';
import { marketSchema } from '../schemas/market.ts';
import { resultSchemas } from '../schemas/results.ts';
import { studySchema } from '../sweep/study.ts';
import { sensitivitySchema, tuneSchema } from '../tune/study.ts';
import { electionSchema } from './elect.ts';
import { rewardSchemas } from './rewards.ts';

/** What people write, then what commands print. */
const schemas: Record<string, z.ZodType> = {
  sweep: studySchema,
  tune: tuneSchema,
  sensitivity: sensitivitySchema,
  market: marketSchema,
  election: electionSchema,
  'rewards-f1': rewardSchemas.f1,
  'rewards-cardano': rewardSchemas.cardano,
  'rewards-largest-remainder': rewardSchemas['largest-remainder'],
  'rewards-stakes': rewardSchemas.stakes,
  ...resultSchemas,
};
export const schemaNames = ['scenario', ...Object.keys(schemas)];

/** JSON Schema 2020-12 of a file or result. Throws UsageError for a name that is not known. */
export function schemaCommand(name: string, dictionary: boolean): string {
  if (dictionary) return dataDictionary();
  if (name === 'scenario') return `${JSON.stringify(scenarioJsonSchema(), null, 2)}\n`;
  // Not what every object has.
  const schema = Object.hasOwn(schemas, name) ? schemas[name] : undefined;
  if (schema === undefined) throw new UsageError(`no schema named "${name}"; ${advice(name, schemaNames, 'have')}`);
  const io = name in resultSchemas ? 'output' : 'input';
  const json = z.toJSONSchema(schema, { io, target: 'draft-2020-12' });
  return `${JSON.stringify({ title: `janction ${name}`, ...json }, null, 2)}\n`;
}

export function addSchema(program: Command): void {
  program
    .command('schema')
    .description('print the JSON schema of a file that people write or of what a command prints with --json')
    .argument('[name]', schemaNames.join(', '), 'scenario')
    .option('--dictionary', 'print the data dictionary of a run’s tables (Markdown) instead')
    .addHelpText(
      'after',
      '\nExamples:\n  janction schema scenario > scenario.schema.json\n  janction schema sweep\n  janction schema --dictionary',
    )
    .action((name: string, flags: { dictionary?: boolean }) => {
      print(schemaCommand(name, flags.dictionary === true));
    });
}
