/** The page's side of the certifier. */

import type { TableVerdict } from '../../lab/certify/classes.ts';
import { clearMarket } from '../../lab/certify/clear.ts';
import { oneShots } from '../../mechanisms/pricing/one-shot-index.ts';

export interface ToCertifier {
  id: number;
  markets: number;
  seed: number;
}
export type FromCertifier =
  | { id: number; kind: 'row'; index: number; of: number; row: TableVerdict }
  | { id: number; kind: 'error'; message: string };

export interface Examination {
  rows: TableVerdict[];
  share: number;
  failed: string | null;
}

let worker: Worker | null = null;
let last = 0;

/** For a cell: the table as it grows. */
export function examine(markets: number, seed: number): (notify: (x: Examination) => void) => () => void {
  return (notify) => {
    worker ??= new Worker(new URL('./certifier.worker.ts', import.meta.url), { type: 'module' });
    const id = ++last;
    const rows: TableVerdict[] = [];
    notify({ rows, share: 0, failed: null });
    const hear = (e: MessageEvent<FromCertifier>): void => {
      if (e.data.id !== id) return;
      if (e.data.kind === 'error') return notify({ rows, share: 1, failed: e.data.message });
      rows.push(e.data.row);
      notify({ rows: [...rows], share: (e.data.index + 1) / e.data.of, failed: null });
    };
    worker.addEventListener('message', hear);
    worker.postMessage({ id, markets, seed } satisfies ToCertifier);
    return () => worker?.removeEventListener('message', hear);
  };
}

/** The market of a counter-example cleared as told truly and as reported. */
export function replay(v: TableVerdict): { truth: unknown; report: unknown } | null {
  const x = v.certificate.counterexample;
  if (x === null) return null;
  const mechanism = oneShots.get(v.mechanism)!;
  const seed = v.certificate.seed;
  return {
    truth: clearMarket(mechanism, x.market, seed, true),
    report: x.deviation === null ? null : clearMarket(mechanism, x.deviation, seed, true),
  };
}
