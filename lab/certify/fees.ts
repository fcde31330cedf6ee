/** Fees and stake shares on top of a procurement mechanism: which bases keep truth is a question for the certifier. */
import type {
  ClearOptions,
  Field,
  OneShot,
  ProcurementMarket,
  ProcurementOutcome,
} from '../../mechanisms/pricing/one-shot-index.ts';
import type { Fee, NumberReader } from './market-json.ts';

/**
 * Net payments. `gross`: the own payment less rate x payment. `v`: less rate x (payment - reported cost). `residual`: the holder also
 * gets rate x (income - all payments). `leave-one-out`: the holder also gets rate x that residual of the market without it.
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
  if (fee.base === 'residual' || fee.base === 'leave-one-out') {
    const at = m.suppliers.findIndex((s) => s.id === fee.holder);
    if (at >= 0) {
      const base =
        fee.base === 'residual'
          ? residual(out)
          : residual(mechanism.procurement!(f, { ...m, suppliers: m.suppliers.filter((_, i) => i !== at) }, o));
      payment[at] = f.add(payment[at]!, f.mul(rate, base));
    }
  }
  return { ...out, payment };
}
