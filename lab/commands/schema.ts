import { scenarioJsonSchema } from '../../scenarios/index.ts';
import { dataDictionary } from '../dictionary.ts';
import { UsageError } from '../errors.ts';

export const schemaNames = ['scenario'] as const;

export function schemaCommand(name: string, dictionary: boolean): string {
  if (dictionary) return dataDictionary();
  if (name === 'scenario') return `${JSON.stringify(scenarioJsonSchema(), null, 2)}\n`;
  throw new UsageError(`no schema named "${name}"; have ${schemaNames.join(', ')}`);
}
