/** What the world knows of a job that is not over, what it is worth in the end, and what its payer does. */
import { type Fact, FactKind } from '../../core/facts.ts';
import { pow } from '../../core/num/index.ts';
import type { Row } from '../../core/record/schema.ts';
import type { JobSpec, TimeUs } from '../../core/types.ts';
import type { PayerAct, Urgency } from '../../scenarios/resolved.ts';

export interface JobWork {
  workUs: TimeUs;
  fails: boolean;
  valueMicro: number;
  overheadUs?: TimeUs;
  urgency?: Urgency;
  model?: number;
  /** Elastic: with so many tasks the work takes `workUs`. */
  tasks?: number;
  spec: Pick<JobSpec, 'user' | 'label'>;
}

export const factOfPayer = (p: PayerAct, seq: number): Fact =>
  p.deposit === '0'
    ? { kind: FactKind.payer, user: p.user, answers: p.answers, seq }
    : { kind: FactKind.deposit, user: p.user, currency: p.currency, amount: p.deposit, seq };

/** What a finished job was worth when it ended: nothing past its deadline, less the longer it waited. */
export function worthAtEnd(w: JobWork, row: Row<'jobs'>): number {
  if (w.urgency === undefined || w.valueMicro < 0) return w.valueMicro;
  const { deadlineUs, halfLifeUs } = w.urgency;
  if (deadlineUs > 0 && row.turnaround_time_us > deadlineUs) return 0;
  if (halfLifeUs <= 0 || row.waiting_time_us <= 0) return w.valueMicro;
  return Math.round(w.valueMicro * pow(0.5, row.waiting_time_us / halfLifeUs));
}
