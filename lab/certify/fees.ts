/** Fees and stake shares on top of a procurement mechanism: which bases keep truth is a question for the certifier. */
import type {
  ClearOptions,
  Field,
  Income,
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
 *
 * Three that the treasury takes and that need another clearing: `price`: the mechanism sees the income less rate x income; `gross-up`: it sees
 * costs / (1 - rate), and pays 1 - rate of its payments; `charge`: each supplier that gains enough pays rate x (residual without it) / (number of
 * the others), and the others sell nothing.
 */
export function withFee<T>(
  f: Field<T>,
  read: NumberReader<T>,
  mechanism: OneShot,
  m: ProcurementMarket<T>,
  o: ClearOptions,
  fee: Fee,
): ProcurementOutcome<T> {
  const rate = fee.base === 'none' ? f.zero : read(fee.rate);
  if (fee.base === 'price')
    return mechanism.procurement!(f, { ...m, income: lessOf(f, m.income, f.sub(f.one, rate)) }, o);
  if (fee.base === 'gross-up') return grossedUp(f, mechanism, m, o, f.sub(f.one, rate));
  const out = mechanism.procurement!(f, m, o);
  if (fee.base === 'none') return out;
  if (fee.base === 'charge') return charged(f, mechanism, m, o, out, rate);
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

/** An income curve times a factor. */
function lessOf<T>(f: Field<T>, income: Income<T>, factor: T): Income<T> {
  switch (income.kind) {
    case 'sqrt':
      return { ...income, alpha: f.mul(income.alpha, factor) };
    case 'steps':
      return { ...income, slope: income.slope.map((s) => f.mul(s, factor)) };
    default:
      return { ...income, value: f.mul(income.value, factor) };
  }
}

function grossedUp<T>(
  f: Field<T>,
  mechanism: OneShot,
  m: ProcurementMarket<T>,
  o: ClearOptions,
  left: T,
): ProcurementOutcome<T> {
  const suppliers = m.suppliers.map((s) => ({ ...s, unitCost: f.div(s.unitCost, left) }));
  const out = mechanism.procurement!(f, { ...m, suppliers }, o);
  return { ...out, payment: out.payment.map((p) => f.mul(p, left)) };
}

function charged<T>(
  f: Field<T>,
  mechanism: OneShot,
  m: ProcurementMarket<T>,
  o: ClearOptions,
  out: ProcurementOutcome<T>,
  rate: T,
): ProcurementOutcome<T> {
  const quantity = [...out.quantity];
  const payment = [...out.payment];
  const others = f.of(Math.max(1, m.suppliers.length - 1));
  m.suppliers.forEach((s, i) => {
    const rest = mechanism.procurement!(f, { ...m, suppliers: m.suppliers.filter((_, k) => k !== i) }, o);
    const left = rest.payment.reduce((r, p) => f.sub(r, p), rest.income);
    const charge = f.cmp(left, f.zero) > 0 ? f.div(f.mul(rate, left), others) : f.zero;
    const gain = f.sub(out.payment[i]!, f.mul(out.quantity[i]!, s.unitCost));
    if (f.cmp(gain, charge) >= 0) payment[i] = f.sub(out.payment[i]!, charge);
    else quantity[i] = payment[i] = f.zero;
  });
  return { ...out, quantity, payment };
}
