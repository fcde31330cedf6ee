/**
 * One good, linear costs up to a capacity: suppliers in order of cost with prefix sums, so that the optimum and the optimum
 * without any one supplier are found without solving again. With demand D(c) = units whose marginal income exceeds c, supplier
 * k is served at all if and only if D(c_k) > P(k), P = capacity before it; both sides are monotone in k. Leaving supplier i
 * out only lowers P(k) by its capacity for k > i, so a gallop from the margin finds the new margin.
 */
import { byId, type Field, greatest, least, sum } from './field.ts';
import { type Income, MarketUnfit, type ProcurementMarket, type Supplier } from './markets.ts';

export interface Merit<T> {
  /** Effective units accepted, parallel to the suppliers. */
  quantity: T[];
  income: T;
  surplus: T;
  /** Surplus of the optimum without supplier i. */
  without(i: number): T;
}

/** True when slopes never rise. */
export function isConcave<T>(f: Field<T>, income: Income<T>): boolean {
  if (income.kind === 'sqrt') return true;
  if (income.kind !== 'steps') return false;
  for (let k = 1; k < income.slope.length; k++) if (f.cmp(income.slope[k]!, income.slope[k - 1]!) > 0) return false;
  return true;
}

/** B(X). Steps are walked: use `MeritOrder` where it is asked many times. */
export function incomeAt<T>(f: Field<T>, income: Income<T>, x: T): T {
  switch (income.kind) {
    case 'sqrt':
      return f.mul(income.alpha, f.sqrt(x));
    case 'steps': {
      let left = x;
      let value = f.zero;
      for (let k = 0; k < income.slope.length && f.cmp(left, f.zero) > 0; k++) {
        const take = least(f, left, income.width[k]!);
        value = f.add(value, f.mul(take, income.slope[k]!));
        left = f.sub(left, take);
      }
      return value;
    }
    case 'all-or-nothing':
      return f.cmp(x, income.units) >= 0 ? income.value : f.zero;
    case 'sets':
      throw new MarketUnfit('the income of sets is not a function of a quantity');
  }
}

/** The exact optimum of a procurement market, with a reserve price as an outside supplier at that cost. */
export function optimum<T>(f: Field<T>, m: ProcurementMarket<T>): Merit<T> {
  if (m.income.kind === 'sets') return bySets(f, m.income.sets, m.income.value, m.suppliers);
  if (m.reserve === undefined) return oneGood(f, m.income, m.suppliers);
  if (m.income.kind === 'all-or-nothing') {
    const value = least(f, m.income.value, f.mul(m.reserve, m.income.units));
    const capped = oneGood(f, { ...m.income, value }, m.suppliers);
    const shift = f.cmp(capped.income, f.zero) > 0 ? f.sub(m.income.value, value) : f.zero;
    return shifted(f, capped, f.add(capped.income, shift), shift);
  }
  const n = m.suppliers.length;
  const outside = { id: '\uffff', capacity: enough(f, m.income, m.reserve, m.suppliers), unitCost: m.reserve };
  const all = oneGood(f, m.income, [...m.suppliers, outside]);
  const bought = f.mul(all.quantity[n]!, m.reserve);
  // What the outside option serves is not bought: income is that of the units really supplied.
  const quantity = all.quantity.slice(0, n);
  const income = incomeAt(f, m.income, sum(f, quantity));
  return { ...shifted(f, all, income, f.add(f.sub(income, all.income), bought)), quantity };
}

/** The same margins with another level of surplus. */
function shifted<T>(f: Field<T>, merit: Merit<T>, income: T, shift: T): Merit<T> {
  return {
    quantity: merit.quantity,
    income,
    surplus: f.add(merit.surplus, shift),
    without: (i) => f.add(merit.without(i), shift),
  };
}

/** Units that the outside option must be able to serve. */
function enough<T>(f: Field<T>, income: Income<T>, cost: T, suppliers: readonly Supplier<T>[]): T {
  return (
    demand(f, income, cost) ??
    f.add(
      f.one,
      sum(
        f,
        suppliers.map((s) => s.capacity),
      ),
    )
  );
}

/** Units whose marginal income exceeds `cost`; null = without end. Concave income. */
function demand<T>(f: Field<T>, income: Income<T>, cost: T): T | null {
  if (income.kind === 'sqrt') {
    if (f.cmp(income.alpha, f.zero) <= 0) return f.zero;
    if (f.cmp(cost, f.zero) <= 0) return null;
    return f.div(f.mul(income.alpha, income.alpha), f.mul(f.of(4), f.mul(cost, cost)));
  }
  if (income.kind !== 'steps') throw new MarketUnfit('demand needs a concave income');
  let x = f.zero;
  for (let k = 0; k < income.slope.length && f.cmp(income.slope[k]!, cost) > 0; k++) x = f.add(x, income.width[k]!);
  return x;
}

function sorted<T>(f: Field<T>, suppliers: readonly Supplier<T>[]): number[] {
  const order = suppliers.map((_, i) => i);
  return order.sort(
    (a, b) => f.cmp(suppliers[a]!.unitCost, suppliers[b]!.unitCost) || byId(suppliers[a]!.id, suppliers[b]!.id),
  );
}

function oneGood<T>(f: Field<T>, income: Income<T>, suppliers: readonly Supplier<T>[]): Merit<T> {
  if (!isConcave(f, income)) return byBreakpoints(f, income, suppliers);
  const order = sorted(f, suppliers);
  const n = order.length;
  // P[k], C[k]: capacity and cost of the first k in order.
  const P: T[] = [f.zero];
  const C: T[] = [f.zero];
  // D[k]: demand at the cost of the k-th; null = without end.
  const D: (T | null)[] = [];
  const rank: number[] = new Array(n).fill(0);
  const B = curve(f, income);
  for (let k = 0; k < n; k++) {
    const s = suppliers[order[k]!]!;
    rank[order[k]!] = k;
    P.push(f.add(P[k]!, s.capacity));
    C.push(f.add(C[k]!, f.mul(s.capacity, s.unitCost)));
    D.push(B.demand(s.unitCost));
  }
  const served = (k: number, less: T): boolean => {
    const d = D[k]!;
    return d === null || f.cmp(d, f.sub(P[k]!, less)) > 0;
  };
  /** Number of suppliers served at all, given that those before `from` are. */
  const margin = (from: number, less: T): number => {
    let low = from;
    let width = 1;
    while (low < n && served(low, less)) {
      // Gallop, then bisect between the last served and the first that is not.
      const probe = Math.min(n - 1, low + width);
      if (served(probe, less)) {
        low = probe + 1;
        width *= 2;
      } else {
        let high = probe;
        while (high - low > 1) {
          const mid = (low + high) >> 1;
          if (served(mid, less)) low = mid;
          else high = mid;
        }
        return low + 1;
      }
    }
    return low;
  };
  const count = margin(0, f.zero);
  const totalAt = (k: number, less: T): T => {
    const full = f.sub(P[k]!, less);
    const d = k === 0 ? full : D[k - 1]!;
    return d === null ? full : least(f, full, d);
  };
  const total = totalAt(count, f.zero);
  const quantity: T[] = new Array(n).fill(f.zero);
  for (let k = 0; k < count; k++) {
    const cap = suppliers[order[k]!]!.capacity;
    quantity[order[k]!] = k < count - 1 ? cap : f.sub(total, P[k]!);
  }
  const costTo = (k: number, x: T, less: T, lessCost: T): T =>
    k === 0
      ? f.zero
      : f.add(f.sub(C[k - 1]!, lessCost), f.mul(f.sub(x, f.sub(P[k - 1]!, less)), suppliers[order[k - 1]!]!.unitCost));
  const gross = B.at(total);
  const surplus = f.sub(gross, costTo(count, total, f.zero, f.zero));
  const without = (i: number): T => {
    const r = rank[i]!;
    if (r >= count) return surplus;
    const s = suppliers[i]!;
    // Those before i are served in full; the search starts behind i, from the old margin when it lies there.
    const k = margin(Math.max(count, r + 1), s.capacity);
    if (k === r + 1) {
      const x = P[r]!;
      return f.sub(B.at(x), C[r]!);
    }
    const x = totalAt(k, s.capacity);
    return f.sub(B.at(x), costTo(k, x, s.capacity, f.mul(s.capacity, s.unitCost)));
  };
  return { quantity, income: gross, surplus, without };
}

/** Income and demand with prefix sums; `demand` must be asked at rising costs. */
function curve<T>(f: Field<T>, income: Income<T>): { at(x: T): T; demand(cost: T): T | null } {
  if (income.kind !== 'steps') return { at: (x) => incomeAt(f, income, x), demand: (cost) => demand(f, income, cost) };
  const { slope, width } = income;
  const X: T[] = [f.zero];
  const V: T[] = [f.zero];
  for (let k = 0; k < slope.length; k++) {
    X.push(f.add(X[k]!, width[k]!));
    V.push(f.add(V[k]!, f.mul(width[k]!, slope[k]!)));
  }
  let at = slope.length;
  return {
    at(x) {
      let low = 0;
      let high = slope.length;
      while (low < high) {
        const mid = (low + high + 1) >> 1;
        if (f.cmp(X[mid]!, x) <= 0) low = mid;
        else high = mid - 1;
      }
      return low === slope.length ? V[low]! : f.add(V[low]!, f.mul(f.sub(x, X[low]!), slope[low]!));
    },
    demand(cost) {
      while (at > 0 && f.cmp(slope[at - 1]!, cost) <= 0) at--;
      return X[at]!;
    },
  };
}

/** Income that is not concave: the best total lies at a breakpoint of income or of cost; the least of equals is taken. */
function byBreakpoints<T>(f: Field<T>, income: Income<T>, suppliers: readonly Supplier<T>[]): Merit<T> {
  const order = sorted(f, suppliers);
  const breaks: T[] = [];
  if (income.kind === 'all-or-nothing') breaks.push(income.units);
  if (income.kind === 'steps') {
    let x = f.zero;
    for (const w of income.width) breaks.push((x = f.add(x, w)));
  }
  const solve = (skip: number): { total: T; income: T; surplus: T } => {
    const points = [...breaks];
    let p = f.zero;
    for (const i of order) if (i !== skip) points.push((p = f.add(p, suppliers[i]!.capacity)));
    points.sort((a, b) => f.cmp(a, b));
    let best = { total: f.zero, income: f.zero, surplus: f.zero };
    for (const x of points) {
      if (f.cmp(x, p) > 0) break;
      let left = x;
      let cost = f.zero;
      for (const i of order) {
        if (i === skip || f.cmp(left, f.zero) <= 0) continue;
        const take = least(f, left, suppliers[i]!.capacity);
        cost = f.add(cost, f.mul(take, suppliers[i]!.unitCost));
        left = f.sub(left, take);
      }
      const gross = incomeAt(f, income, x);
      const s = f.sub(gross, cost);
      if (f.cmp(s, best.surplus) > 0) best = { total: x, income: gross, surplus: s };
    }
    return best;
  };
  const best = solve(-1);
  const quantity = suppliers.map(() => f.zero);
  let left = best.total;
  for (const i of order) {
    const take = least(f, greatest(f, left, f.zero), suppliers[i]!.capacity);
    quantity[i] = take;
    left = f.sub(left, take);
  }
  return { quantity, income: best.income, surplus: best.surplus, without: (i) => solve(i).surplus };
}

/** One of several teams serves, each member whole: the path auction and its kin. The first of equals is taken. */
function bySets<T>(f: Field<T>, sets: readonly number[][], value: T, suppliers: readonly Supplier<T>[]): Merit<T> {
  const whole = (i: number): T => f.mul(suppliers[i]!.capacity, suppliers[i]!.unitCost);
  const solve = (skip: number): { set: readonly number[]; surplus: T } => {
    let best: { set: readonly number[]; surplus: T } = { set: [], surplus: f.zero };
    for (const set of sets) {
      if (set.includes(skip) || set.some((i) => f.cmp(suppliers[i]!.capacity, f.zero) <= 0)) continue;
      let s = value;
      for (const i of set) s = f.sub(s, whole(i));
      if (f.cmp(s, best.surplus) > 0) best = { set, surplus: s };
    }
    return best;
  };
  const best = solve(-1);
  return {
    quantity: suppliers.map((s, i) => (best.set.includes(i) ? s.capacity : f.zero)),
    income: best.set.length > 0 ? value : f.zero,
    surplus: best.surplus,
    without: (i) => (best.set.includes(i) ? solve(i).surplus : best.surplus),
  };
}

/** The slow way, for tests and for the benchmark's peer: sort and solve again without supplier i. */
export function resolveWithout<T>(f: Field<T>, m: ProcurementMarket<T>, i: number): T {
  return optimum(f, { ...m, suppliers: m.suppliers.filter((_, k) => k !== i) }).surplus;
}
