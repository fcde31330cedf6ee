/** The auditor's own charge function and rules of losses, the slow obvious way. Shares no code with Settlement. */
import type { JournalHeader } from '../../core/journal/journal.ts';

type Rules = NonNullable<JournalHeader['config']['contract']>;

export const DENOMINATOR = 3_600_000_000_000n;
const UNPAID_OUTCOMES = new Set(['node-failure', 'gpu-failure', 'not-started', 'aborted']);
export const GPU_OR_NODE = new Set(['node-failure', 'gpu-failure']);
export const AT_FAULT = new Set(['node-failure', 'gpu-failure', 'not-started']);
/** Why money moves under contracts. */
export const CONTRACT_REASONS = new Set([
  'escrow',
  'top-up',
  'release',
  'note',
  'invoice',
  'refund',
  'seized-refund',
  'credit',
  'seized-credit',
  'debt',
]);

export const up = (n: bigint, d: bigint) => (n + d - 1n) / d;
export const least = (a: bigint, b: bigint) => (a < b ? a : b);
export const positive = (a: bigint) => (a > 0n ? a : 0n);

/** The charge function, the slow obvious way: shares of the parts over the given use. */
export function sharesOf(
  rules: Rules | undefined,
  use: { rate: bigint; milli: bigint; start: bigint; end: bigint }[],
  apportion: (total: bigint, weights: bigint[]) => bigint[],
): bigint[] {
  if (rules?.kind === 'escrow') {
    const block = BigInt(rules.blockUs);
    return use.map((u) => up(u.rate * u.milli * block, DENOMINATOR) * (u.end / block - u.start / block));
  }
  const work = use.map((u) => u.rate * u.milli * (u.end - u.start));
  return apportion(work.reduce((a, b) => a + b, 0n) / DENOMINATOR, work);
}

/** Up to where each part's use is billed when the attempt ends like this. */
export function billedEnd(
  rules: Rules | undefined,
  gang: string,
  part: { outcome: string; start: bigint; end: bigint; metered: bigint },
): bigint {
  if (!UNPAID_OUTCOMES.has(gang)) return part.end;
  switch (rules?.loss ?? 'provider-bears') {
    case 'user-pays':
      return part.end;
    case 'fault-bears':
      return AT_FAULT.has(part.outcome) ? part.start : part.end;
    case 'whole-periods':
      return part.metered > part.start ? part.metered : part.start;
    default:
      return part.start;
  }
}
