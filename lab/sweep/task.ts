/** What a sweep's worker is asked and answers: plain data. */
import type { TableName } from '../../core/record/schema.ts';
import type { Figures } from './figures.ts';

export interface Task {
  id: string;
  point: number;
  replication: number;
  substream: number;
  scenario: string;
  sets: string[];
  seed: number;
  /** Figures of single adversaries too. */
  agents?: boolean;
  /** Tables that are kept, in DIR/ID/. */
  tables?: { dir: string; names: TableName[] };
}

export interface TaskAnswer {
  id: string;
  point: number;
  replication: number;
  figures: Figures | null;
  error?: string;
}
