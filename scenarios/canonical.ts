/** One text for one scenario: JSON with sorted keys and no spaces, for hashing and for comparing runs. */
import type { ResolvedScenario } from './resolved.ts';

/** Equal scenarios give equal texts, however their keys were ordered. */
export function canonicalScenario(scenario: ResolvedScenario): string {
  return canonicalJson(scenario);
}

function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
  return `{${entries.map(([k, v]) => `${JSON.stringify(k)}:${canonicalJson(v)}`).join(',')}}`;
}
