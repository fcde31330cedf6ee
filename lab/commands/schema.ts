import type { Command } from 'commander';
import { scenarioJsonSchema } from '../../scenarios/index.ts';
import { dataDictionary } from '../dictionary.ts';
import { UsageError } from '../errors.ts';
import { print } from '../flags.ts';

export const schemaNames = ['scenario'] as const;

export function schemaCommand(name: string, dictionary: boolean): string {
  if (dictionary) return dataDictionary();
  if (name === 'scenario') return `${JSON.stringify(scenarioJsonSchema(), null, 2)}\n`;
  throw new UsageError(`no schema named "${name}"; have ${schemaNames.join(', ')}`);
}

export function addSchema(program: Command): void {
  program
    .command('schema')
    .description(`print a JSON schema: ${schemaNames.join(', ')}`)
    .argument('[name]', 'which schema', 'scenario')
    .option('--dictionary', 'print the data dictionary of a run’s tables (Markdown) instead')
    .addHelpText(
      'after',
      '\nExamples:\n  janction schema scenario > scenario.schema.json\n  janction schema --dictionary',
    )
    .action((name: string, flags: { dictionary?: boolean }) => {
      print(schemaCommand(name, flags.dictionary === true));
    });
}
