/**
 * The JSON form of a one-shot market (CLI.md) and its reading into any number type. Pure: the command line adds lines and
 * columns to the paths that faults name.
 */
import { formatDecimal, type Rational, type Rounding, rat, ratMul, ratParse, ratRound } from '../../core/num/index.ts';
import type { Field, Market, Supplier, Trader } from '../../mechanisms/pricing/one-shot-index.ts';

export type JsonPath = readonly (string | number)[];

/** A market that cannot be used; `key` = the path names a key, not a value. */
export class MarketFault extends Error {
  readonly path: JsonPath;
  readonly key: boolean;

  constructor(path: JsonPath, message: string, key = false) {
    super(message);
    this.name = 'MarketFault';
    this.path = path;
    this.key = key;
  }
}

/**
 * What is taken from payments, and who gets it (procurement only). `gross` and `v` are taken from everybody; the others are pots of
 * which `holder` gets a share.
 */
export interface Fee {
  base: (typeof feeBases)[number];
  /**
   * Share of the base: of the own payment, of the own reported surplus V, of the residual of all, of the residual without the holder;
   * of the payment or V of the supplier that is backed, of the residual without it, of the residual without it and the holder.
   */
  rate: string;
  /** Supplier that holds the share. */
  holder?: string;
  /** Supplier that the holder has staked on. */
  backs?: string;
}

export interface ReadMarket<T> {
  market: Market<T>;
  fee: Fee;
  /** Quality of each supplier: effective units per raw hour. */
  quality: T[];
}

type Plain = { readonly [key: string]: unknown };

/** Turns a decimal text into the field's number. */
export type NumberReader<T> = (text: string) => T;

export const readExact: NumberReader<Rational> = ratParse;
export const readDouble: NumberReader<number> = (text) => {
  const slash = text.indexOf('/');
  return slash < 0 ? Number(text) : Number(text.slice(0, slash)) / Number(text.slice(slash + 1));
};

class Reader<T> {
  readonly #f: Field<T>;
  readonly #read: NumberReader<T>;

  constructor(f: Field<T>, read: NumberReader<T>) {
    this.#f = f;
    this.#read = read;
  }

  object(value: unknown, path: JsonPath, keys: readonly string[], what: string): Plain {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw new MarketFault(path, `want ${what} (an object)`);
    for (const key of Object.keys(value))
      if (!keys.includes(key))
        throw new MarketFault([...path, key], `unknown key "${key}"; have ${keys.join(', ')}`, true);
    return value as Plain;
  }

  list(value: unknown, path: JsonPath, what: string): readonly unknown[] {
    if (!Array.isArray(value)) throw new MarketFault(path, `want a list of ${what}`);
    if (value.length === 0) throw new MarketFault(path, `the list of ${what} is empty; give at least one`);
    return value;
  }

  /** A finite number or a decimal string; `least` 0 refuses negatives. */
  amount(value: unknown, path: JsonPath, what: string, positive = false): T {
    if (value === undefined || value === null) throw new MarketFault(path, `${what} is missing; give a number`);
    if (typeof value !== 'number' && typeof value !== 'string')
      throw new MarketFault(path, `${what}: want a number or a decimal string`);
    if (typeof value === 'number' && !Number.isFinite(value))
      throw new MarketFault(path, `${what} is ${String(value)}; give a finite number`);
    let x: T;
    try {
      ratParse(String(value));
      x = this.#read(String(value));
    } catch {
      throw new MarketFault(path, `${what} "${String(value).slice(0, 40)}" is no number; write 1.5 or "1.5"`);
    }
    const sign = this.#f.cmp(x, this.#f.zero);
    if (sign < 0) throw new MarketFault(path, `${what} is negative; give a number of at least 0`);
    if (positive && sign === 0) throw new MarketFault(path, `${what} is 0; give a number above 0`);
    return x;
  }

  time(value: unknown, path: JsonPath, what: string): number {
    if (typeof value !== 'number' || !Number.isFinite(value) || value < 0)
      throw new MarketFault(path, `${what}: want a number of at least 0`);
    return value;
  }

  id(value: unknown, path: JsonPath, seen: Set<string>): string {
    if (typeof value !== 'string' || value === '') throw new MarketFault(path, 'id: want a text that is not empty');
    if (seen.has(value)) throw new MarketFault(path, `the id "${value}" is there twice; give every agent its own`);
    seen.add(value);
    return value;
  }

  oneOf<K extends string>(value: unknown, path: JsonPath, names: readonly K[], what: string): K {
    if (typeof value !== 'string' || !names.includes(value as K))
      throw new MarketFault(path, `${what}: want one of ${names.join(', ')}`);
    return value as K;
  }
}

const commonKeys = ['kind', 'note', 'fee'];

export function readMarket<T>(f: Field<T>, read: NumberReader<T>, value: unknown): ReadMarket<T> {
  const r = new Reader(f, read);
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new MarketFault([], 'want a market: an object with "kind"');
  const kind = r.oneOf((value as Plain)['kind'], ['kind'], ['procurement', 'exchange', 'combinatorial'], 'kind');
  if (kind === 'procurement') return procurement(f, r, value);
  if (kind === 'exchange') return { market: exchange(f, r, value), fee: noFee, quality: [] };
  return { market: combinatorial(r, value), fee: noFee, quality: [] };
}

export const noFee: Fee = { base: 'none', rate: '0' };

function procurement<T>(f: Field<T>, r: Reader<T>, value: unknown): ReadMarket<T> {
  const o = r.object(value, [], [...commonKeys, 'income', 'suppliers', 'reserve', 'price'], 'a market');
  const seen = new Set<string>();
  const quality: T[] = [];
  const suppliers = r.list(o['suppliers'], ['suppliers'], 'suppliers').map((v, i): Supplier<T> => {
    const path = ['suppliers', i];
    const s = r.object(v, path, ['id', 'capacity', 'unitCost', 'quality', 'types'], 'a supplier');
    const id = r.id(s['id'], [...path, 'id'], seen);
    const q = s['quality'] === undefined ? f.one : r.amount(s['quality'], [...path, 'quality'], 'quality', true);
    quality.push(q);
    const capacity = f.mul(r.amount(s['capacity'], [...path, 'capacity'], 'capacity'), q);
    const unitCost = f.div(r.amount(s['unitCost'], [...path, 'unitCost'], 'unitCost'), q);
    if (s['types'] === undefined) return { id, capacity, unitCost };
    const t = r.object(s['types'], [...path, 'types'], ['capacity', 'unitCost'], 'bounds of types');
    const bounds = (key: string, effective: (x: T) => T): readonly [T, T] => {
      const at = [...path, 'types', key];
      const b = r.list(t[key], at, 'two bounds');
      if (b.length !== 2) throw new MarketFault(at, `${key}: want two bounds, least and most`);
      const low = effective(r.amount(b[0], [...at, 0], key));
      const high = effective(r.amount(b[1], [...at, 1], key));
      if (f.cmp(low, high) > 0) throw new MarketFault(at, `${key}: the bounds are the wrong way round`);
      return [low, high];
    };
    return {
      id,
      capacity,
      unitCost,
      types: { capacity: bounds('capacity', (x) => f.mul(x, q)), unitCost: bounds('unitCost', (x) => f.div(x, q)) },
    };
  });
  const income = incomeOf(f, r, o['income'], suppliers);
  const market: Market<T> = { kind: 'procurement', income, suppliers };
  if (o['reserve'] !== undefined) market.reserve = r.amount(o['reserve'], ['reserve'], 'reserve', true);
  if (o['price'] !== undefined) market.price = r.amount(o['price'], ['price'], 'price');
  return { market, fee: feeOf(r, o['fee'], seen), quality };
}

function feeOf<T>(r: Reader<T>, value: unknown, ids: ReadonlySet<string>): Fee {
  if (value === undefined) return noFee;
  const o = r.object(value, ['fee'], ['base', 'rate', 'holder', 'backs'], 'a fee');
  const base = r.oneOf(o['base'], ['fee', 'base'], feeBases, 'fee base');
  r.amount(o['rate'], ['fee', 'rate'], 'rate');
  const fee: Fee = { base, rate: String(o['rate']) };
  for (const who of ['holder', 'backs'] as const) {
    if (o[who] === undefined) continue;
    if (typeof o[who] !== 'string' || !ids.has(o[who]))
      throw new MarketFault(['fee', who], `${who}: want the id of a supplier`);
    fee[who] = o[who];
  }
  return fee;
}

/** Those of which somebody holds a share. */
export const heldBases = [
  'residual',
  'leave-one-out',
  'pot-gross',
  'pot-v',
  'pot-leave-one-out',
  'pot-leave-both-out',
] as const;
/** Those which change what the mechanism sees, or whom it buys from. */
const clearedBases = ['price', 'gross-up', 'charge'] as const;
export const feeBases = ['none', 'gross', 'v', ...clearedBases, ...heldBases] as const;
export const isHeld = (fee: Fee): boolean => (heldBases as readonly string[]).includes(fee.base);

function incomeOf<T>(f: Field<T>, r: Reader<T>, value: unknown, suppliers: readonly Supplier<T>[]) {
  const at = ['income'];
  if (value === undefined)
    throw new MarketFault(at, 'income is missing; give {"kind":"sqrt","alpha":1} or another curve');
  const keys = ['kind', 'alpha', 'values', 'units', 'value', 'pieces', 'sets'];
  const o = r.object(value, at, keys, 'an income curve');
  const kind = r.oneOf(
    o['kind'],
    [...at, 'kind'],
    ['sqrt', 'marginal', 'pieces', 'all-or-nothing', 'sets'],
    'income kind',
  );
  switch (kind) {
    case 'sqrt':
      return { kind, alpha: r.amount(o['alpha'], [...at, 'alpha'], 'alpha') };
    case 'marginal': {
      const slope = r
        .list(o['values'], [...at, 'values'], 'marginal values')
        .map((v, k) => r.amount(v, [...at, 'values', k], 'marginal value'));
      return { kind: 'steps' as const, width: slope.map(() => f.one), slope };
    }
    case 'pieces': {
      const pieces = r.list(o['pieces'], [...at, 'pieces'], 'pieces').map((v, k) => {
        const path = [...at, 'pieces', k];
        const p = r.object(v, path, ['quantity', 'price'], 'a piece');
        return {
          quantity: r.amount(p['quantity'], [...path, 'quantity'], 'quantity', true),
          price: r.amount(p['price'], [...path, 'price'], 'price'),
        };
      });
      return { kind: 'steps' as const, width: pieces.map((p) => p.quantity), slope: pieces.map((p) => p.price) };
    }
    case 'all-or-nothing':
      return {
        kind,
        units: r.amount(o['units'], [...at, 'units'], 'units', true),
        value: r.amount(o['value'], [...at, 'value'], 'value'),
      };
    case 'sets': {
      const sets = r.list(o['sets'], [...at, 'sets'], 'sets').map((v, k) =>
        r.list(v, [...at, 'sets', k], 'supplier ids').map((id, n) => {
          const i = suppliers.findIndex((s) => s.id === id);
          if (i < 0) throw new MarketFault([...at, 'sets', k, n], `no supplier ${JSON.stringify(id)}`);
          return i;
        }),
      );
      return { kind, sets, value: r.amount(o['value'], [...at, 'value'], 'value') };
    }
  }
}

function exchange<T>(f: Field<T>, r: Reader<T>, value: unknown): Market<T> {
  const o = r.object(value, [], [...commonKeys, 'buyers', 'sellers', 'price', 'priceBounds', 'prior'], 'a market');
  const seen = new Set<string>();
  const side = (name: 'buyers' | 'sellers', money: 'unitValue' | 'unitCost', step: 'value' | 'cost'): Trader<T>[] =>
    r.list(o[name], [name], name).map((v, i) => {
      const path = [name, i];
      const t = r.object(v, path, ['id', 'quantity', money, 'units', 'arrival', 'duration'], `one of the ${name}`);
      const trader: Trader<T> = { id: r.id(t['id'], [...path, 'id'], seen), steps: [] };
      if (t['units'] === undefined) {
        const quantity = r.amount(t['quantity'] ?? 1, [...path, 'quantity'], 'quantity');
        trader.steps.push({ quantity, price: r.amount(t[money], [...path, money], money) });
      } else {
        if (t['quantity'] !== undefined || t[money] !== undefined)
          throw new MarketFault(path, `give either "units" or "quantity" and "${money}"`);
        trader.steps = r.list(t['units'], [...path, 'units'], 'units').map((u, k) => {
          const at = [...path, 'units', k];
          const s = r.object(u, at, ['quantity', step], 'a step');
          return {
            quantity: r.amount(s['quantity'] ?? 1, [...at, 'quantity'], 'quantity'),
            price: r.amount(s[step], [...at, step], step),
          };
        });
        for (let k = 1; k < trader.steps.length; k++) {
          const d = f.cmp(trader.steps[k]!.price, trader.steps[k - 1]!.price);
          if (name === 'buyers' ? d > 0 : d < 0)
            throw new MarketFault(
              [...path, 'units', k],
              name === 'buyers' ? 'values of further units may not rise' : 'costs of further units may not fall',
            );
        }
      }
      if (t['arrival'] !== undefined) trader.arrival = r.time(t['arrival'], [...path, 'arrival'], 'arrival');
      if (t['duration'] !== undefined) trader.duration = r.time(t['duration'], [...path, 'duration'], 'duration');
      return trader;
    });
  const market: Market<T> = {
    kind: 'exchange',
    buyers: side('buyers', 'unitValue', 'value'),
    sellers: side('sellers', 'unitCost', 'cost'),
  };
  if (o['price'] !== undefined) market.price = r.amount(o['price'], ['price'], 'price');
  if (o['priceBounds'] !== undefined) {
    const b = r.list(o['priceBounds'], ['priceBounds'], 'two bounds');
    if (b.length !== 2) throw new MarketFault(['priceBounds'], 'want two bounds, lowest and highest value');
    market.priceBounds = [
      r.amount(b[0], ['priceBounds', 0], 'lowest value', true),
      r.amount(b[1], ['priceBounds', 1], 'highest value', true),
    ];
  }
  if (o['prior'] !== undefined) market.prior = priorOf(r, o['prior']);
  return market;
}

function priorOf<T>(r: Reader<T>, value: unknown): { values: T[]; probability: T[][] } {
  const p = r.object(value, ['prior'], ['values', 'probability'], 'a prior');
  const values = r
    .list(p['values'], ['prior', 'values'], 'values')
    .map((v, k) => r.amount(v, ['prior', 'values', k], 'value'));
  const rows = r.list(p['probability'], ['prior', 'probability'], 'rows');
  if (rows.length !== values.length)
    throw new MarketFault(['prior', 'probability'], `want ${values.length} rows, one per value`);
  const probability = rows.map((row, i) => {
    const at = ['prior', 'probability', i];
    const cells = r.list(row, at, 'probabilities');
    if (cells.length !== values.length) throw new MarketFault(at, `want ${values.length} probabilities`);
    return cells.map((v, j) => r.amount(v, [...at, j], 'probability'));
  });
  return { values, probability };
}

function combinatorial<T>(r: Reader<T>, value: unknown): Market<T> {
  const o = r.object(value, [], [...commonKeys, 'goods', 'bids', 'norm'], 'a market');
  const names = new Set<string>();
  const goods = r.list(o['goods'], ['goods'], 'goods').map((v, i) => r.id(v, ['goods', i], names));
  const seen = new Set<string>();
  const bidders = r.list(o['bids'], ['bids'], 'bids').map((v, i) => {
    const path = ['bids', i];
    const b = r.object(v, path, ['bidder', 'xor'], 'a bidder');
    return {
      id: r.id(b['bidder'], [...path, 'bidder'], seen),
      bids: r.list(b['xor'], [...path, 'xor'], 'alternatives').map((x, k) => {
        const at = [...path, 'xor', k];
        const alt = r.object(x, at, ['bundle', 'value'], 'an alternative');
        const bundle = r.list(alt['bundle'], [...at, 'bundle'], 'goods').map((g, n) => {
          const index = goods.indexOf(g as string);
          if (index < 0)
            throw new MarketFault(
              [...at, 'bundle', n],
              `no good ${JSON.stringify(g)}; have ${goods.slice(0, 20).join(', ')}`,
            );
          return index;
        });
        if (new Set(bundle).size !== bundle.length) throw new MarketFault([...at, 'bundle'], 'a good is there twice');
        return { goods: bundle, value: r.amount(alt['value'], [...at, 'value'], 'value') };
      }),
    };
  });
  const market: Market<T> = { kind: 'combinatorial', goods, bidders };
  if (o['norm'] !== undefined) market.norm = r.oneOf(o['norm'], ['norm'], ['linear', 'sqrt'], 'norm');
  return market;
}

const MICRO = rat(1_000_000);

/** Decimal text to 6 places, rounded once in the named direction. */
export function decimal6(x: Rational, rounding: Rounding): string {
  return formatDecimal(ratRound(ratMul(x, MICRO), rounding), 6);
}
