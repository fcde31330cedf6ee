/** What a sweep's worker is asked and answers: plain data. */
import type { Figures } from './figures.ts';

export interface Task {
  id: string;
  point: number;
  replication: number;
  substream: number;
  scenario: string;
  sets: string[];
  seed: number;
}

export interface TaskAnswer {
  id: string;
  point: number;
  replication: number;
  figures: Figures | null;
  error?: string;
}
