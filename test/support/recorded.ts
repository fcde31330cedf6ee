import { JOURNAL_SCHEMA, JournalWriter } from '../../core/journal/journal.ts';
import type { MarketConfig } from '../../core/types.ts';

/** A journal that is kept in memory. */
export function recorded(config: MarketConfig): { journals: [JournalWriter]; bytes: () => Uint8Array } {
  const parts: Uint8Array[] = [];
  const header = { schema: JOURNAL_SCHEMA, engine: 'test', host: 0, config, solvers: {} } as const;
  return { journals: [new JournalWriter(header, (b) => parts.push(b.slice()))], bytes: () => Buffer.concat(parts) };
}
