/** The scenario schema for editors and other programs, as JSON Schema 2020-12. */
import { z } from 'zod';
import { fields } from './schema/fields.ts';
import { scenarioSchema } from './schema/scenario.ts';

/** What a scenario file may hold, before conversion. Printed with two spaces it is `schema/scenario.schema.json`. */
export function scenarioJsonSchema(): Record<string, unknown> {
  return { ...z.toJSONSchema(scenarioSchema(fields()), { io: 'input', target: 'draft-2020-12' }) };
}
