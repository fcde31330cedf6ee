/** Fees and stake shares on top of a procurement mechanism: which bases keep truth is a question for the certifier. */
import type {
  ClearOptions,
  Field,
  OneShot,
  ProcurementMarket,
  ProcurementOutcome,
} from '../../mechanisms/pricing/one-shot-index.ts';
import { type Fee, isHeld, type NumberReader } from './market-json.ts';

/**
 * Net payments. `gross`: the own payment less rate x payment. `v`: less rate x (payment - reported cost). The holder of a pot gets, on
 * top of its own payment, rate x: the `residual` (income - all payments); `leave-one-out`: the residual of the market without the
 * holder; `pot-gross`, `pot-v`: payment and reported surplus of the supplier it backs, itself perhaps; `pot-leave-one-out`: the residual
 * without the backed supplier; `pot-leave-both-out`: without either.
 */
export function withFee<T>(
  f: Field<T>,
  read: NumberReader<T>,
  mechanism: OneShot,
  m: ProcurementMarket<T>,
  o: ClearOptions,
  fee: Fee,
): ProcurementOutcome<T> {
  const out = mechanism.procurement!(f, m, o);
  if (fee.base === 'none') return out;
  const rate = read(fee.rate);
  const residual = (x: ProcurementOutcome<T>): T => x.payment.reduce((r, p) => f.sub(r, p), x.income);
  const payment = [...out.payment];
  if (fee.base === 'gross') for (const [i, p] of out.payment.entries()) payment[i] = f.sub(p, f.mul(rate, p));
  if (fee.base === 'v') {
    for (const [i, p] of out.payment.entries()) {
      const v = f.sub(p, f.mul(out.quantity[i]!, m.suppliers[i]!.unitCost));
      payment[i] = f.sub(p, f.mul(rate, v));
    }
  }
  const at = m.suppliers.findIndex((s) => s.id === fee.holder);
  if (!isHeld(fee) || at < 0) return { ...out, payment };
  const backed = m.suppliers.findIndex((s) => s.id === fee.backs);
  const without = (...gone: number[]): T =>
    residual(mechanism.procurement!(f, { ...m, suppliers: m.suppliers.filter((_, i) => !gone.includes(i)) }, o));
  const base = (): T => {
    if (fee.base === 'residual') return residual(out);
    if (fee.base === 'leave-one-out') return without(at);
    if (backed < 0) return f.zero;
    const gross = out.payment[backed]!;
    if (fee.base === 'pot-gross') return gross;
    if (fee.base === 'pot-v') return f.sub(gross, f.mul(out.quantity[backed]!, m.suppliers[backed]!.unitCost));
    return fee.base === 'pot-leave-one-out' ? without(backed) : without(at, backed);
  };
  payment[at] = f.add(payment[at]!, f.mul(rate, base()));
  return { ...out, payment };
}
