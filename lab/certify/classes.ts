/** Which markets a mechanism is examined on, and the rows of the mechanism by property table. */
import { type OneShot, oneShots } from '../../mechanisms/pricing/one-shot-index.ts';
import { certifyBic } from './bayes.ts';
import { coinOf } from './coins.ts';
import { bundles, concave, correlated, exchange, type Family, gang, online } from './families.ts';
import { type Fee, noFee } from './market-json.ts';
import type { Setting } from './outcomes.ts';
import type { PropertyName } from './properties.ts';
import { type Certificate, certify, type SearchOptions } from './search.ts';

export const kindNames = ['procurement', 'exchange', 'combinatorial', 'gang'] as const;
export type KindName = (typeof kindNames)[number];

export interface CaseOptions {
  kind?: KindName;
  supply?: 'unit' | 'multi';
  delivery?: 'verified' | 'unverified';
  fee?: string;
}

const unitOnly = new Set(['mcafee', 'sbba']);
const singleMinded = new Set(['greedy-critical', 'greedy-clarke']);

/** The family of markets; throws a plain Error with the remedy when the mechanism does not clear it. */
export function familyOf(mechanism: OneShot, o: CaseOptions, property: PropertyName): Family {
  const { name } = mechanism;
  const kind = o.kind ?? defaultKind(mechanism, property);
  const fits = kindsOf(property);
  if (!fits.includes(kind === 'gang' ? 'procurement' : kind))
    throw new Error(`${property} says nothing about ${kind} markets; use --kind ${fits.join(' or ')}`);
  const clears = kind === 'gang' ? 'procurement' : kind;
  if (mechanism[clears] === undefined) {
    const have = (['procurement', 'exchange', 'combinatorial'] as const).filter((k) => mechanism[k] !== undefined);
    throw new Error(`${name} does not clear ${clears} markets; it clears ${have.join(', ')}`);
  }
  if (kind === 'gang') return gang;
  if (kind === 'combinatorial') return bundles(singleMinded.has(name));
  if (name === 'cremer-mclean') return correlated;
  if (name === 'online-threshold') return online;
  if (kind === 'exchange') {
    if (unitOnly.has(name) && o.supply === 'multi')
      throw new Error(`${name} is truthful for one unit per trader only (McAfee 1992); use --supply unit`);
    return exchange(o.supply === 'unit' || unitOnly.has(name));
  }
  return concave(o.supply === 'unit');
}

type Clears = 'procurement' | 'exchange' | 'combinatorial';

/** Kinds of markets in which somebody could violate the property. */
function kindsOf(property: PropertyName): readonly Clears[] {
  switch (property) {
    case 'dsic-cost':
    case 'monotone':
      return ['procurement', 'exchange'];
    case 'dsic-value':
      return ['exchange', 'combinatorial'];
    case 'dsic-capacity':
    case 'split-proof':
      return ['procurement'];
    case 'dsic-arrival':
    case 'ir-interim':
      return ['exchange'];
    case 'false-name-proof':
      return ['combinatorial'];
    default:
      return ['procurement', 'exchange', 'combinatorial'];
  }
}

/** The first kind that the mechanism clears and the property speaks of; `vcg` is pvcg on procurement markets, so it starts later. */
function defaultKind(m: OneShot, property: PropertyName): KindName {
  const order: Clears[] =
    m.name === 'vcg' ? ['exchange', 'combinatorial', 'procurement'] : ['procurement', 'exchange', 'combinatorial'];
  const fits = kindsOf(property);
  return order.find((k) => m[k] !== undefined && fits.includes(k)) ?? order.find((k) => m[k] !== undefined)!;
}

/** "gross", "v:0.05", "residual:0.2", "pot-gross@other:0.1" ... ; a tenth where no rate is given. */
export function feeFrom(text: string | undefined): Fee {
  if (text === undefined || text === 'none') return noFee;
  const found =
    /^(?:(gross|v|price|gross-up|charge|residual|leave-one-out)|(pot-(?:gross|v|leave-one-out|leave-both-out))@(self|other))(?::([0-9]*\.?[0-9]+))?$/.exec(
      text,
    );
  if (found === null || Number(found[4] ?? '0.1') >= 1)
    throw new Error(
      `fee "${text}": want none, gross, v, price, gross-up, charge, residual, leave-one-out, or what a stake on a supplier brings: pot-gross, pot-v, ` +
        'pot-leave-one-out or pot-leave-both-out, each @self or @other; with a rate below 1 such as gross:0.1',
    );
  const rate = found[4] ?? '0.1';
  if (found[1] !== undefined) return { base: found[1] as Fee['base'], rate };
  return { base: found[2] as Fee['base'], rate, backs: found[3]! };
}

/** Families that a mechanism with fixed needs is not examined on get what they lack. */
export function adapted(family: Family, mechanism: OneShot): Family {
  if (mechanism.name === 'reverse-auction')
    // A fixed need: the table of falling values, never the root.
    return {
      ...family,
      decode: ([g, a, b]) => family.decode(g.length === 4 ? [[1, g[1]!, g[2]!, g[3]!], a, b] : [g, a, b]),
    };
  if (mechanism.name !== 'posted-price' && mechanism.name !== 'pvcg-tight' && mechanism.name !== 'redistribution')
    return family;
  return {
    ...family,
    decode(gene) {
      const m = family.decode(gene);
      if (m.kind === 'procurement' && mechanism.name === 'posted-price') return { ...m, price: 1 + (gene[0][1]! % 16) };
      if (m.kind === 'procurement') {
        // Types from nothing to twice the truth's scale: the bounds may not depend on the report.
        const types = { capacity: [0, 16] as const, unitCost: [0, 4096] as const };
        return { ...m, suppliers: m.suppliers.map((s) => ({ ...s, types })) };
      }
      if (m.kind === 'exchange' && mechanism.name === 'redistribution')
        return { ...m, sellers: [{ id: 's1', steps: [{ quantity: 1 + (gene[0][0]! % 3), price: 0 }] }] };
      return m;
    },
  };
}

export function certifyCase(
  mechanism: OneShot,
  property: PropertyName,
  o: CaseOptions,
  search: SearchOptions,
): Certificate {
  const setting: Setting = {
    mechanism,
    options: { coin: coinOf(search.seed), allow: true },
    fee: feeFrom(o.fee),
    verified: o.delivery !== 'unverified',
  };
  const family = adapted(familyOf(mechanism, o, property), mechanism);
  const found = property === 'bic' ? certifyBic(setting, family, search) : certify(setting, property, family, search);
  const { mechanism: name, property: examined, ...rest } = found;
  return { mechanism: name, property: examined, kind: o.kind ?? defaultKind(mechanism, property), ...rest };
}

/** A row of the table: a mechanism on a class of markets. */
export interface TableRow {
  mechanism: string;
  class: string;
  options: CaseOptions;
  property: PropertyName;
}

const row = (mechanism: string, name: string, options: CaseOptions, ...properties: PropertyName[]): TableRow[] =>
  properties.map((property) => ({ mechanism, class: name, options, property }));

/** The table of docs/mechanisms.md, in its order. */
export const tableRows: readonly TableRow[] = [
  ...row(
    'pvcg',
    'one good, concave income',
    {},
    'dsic-cost',
    'ir',
    'wbb',
    'efficient',
    'monotone',
    'split-proof',
    'dsic-capacity',
    'sbb',
    'collusion-2',
  ),
  ...row('pvcg', 'delivery not verified', { delivery: 'unverified' }, 'dsic-capacity'),
  ...row('pvcg', 'fee on the gross payment', { fee: 'gross:0.1' }, 'dsic-cost'),
  ...row('pvcg', 'fee on the reported surplus V', { fee: 'v:0.1' }, 'dsic-cost'),
  ...row('pvcg', 'fee inside the buyers’ price', { fee: 'price:0.1' }, 'dsic-cost', 'ir', 'wbb'),
  ...row('pvcg', 'fee in every ask before clearing', { fee: 'gross-up:0.1' }, 'dsic-cost', 'ir', 'wbb'),
  ...row('pvcg', 'charge by the residual without the charged', { fee: 'charge:0.2' }, 'dsic-cost', 'ir', 'wbb'),
  ...row('pvcg', 'share of the residual held by a supplier', { fee: 'residual:0.2' }, 'dsic-cost'),
  ...row('pvcg', 'share of the residual without its holder', { fee: 'leave-one-out:0.2' }, 'dsic-cost'),
  ...row('pvcg', 'stake on itself, pot of the gross payment', { fee: 'pot-gross@self:0.2' }, 'dsic-cost'),
  ...row('pvcg', 'stake on itself, pot of the reported surplus', { fee: 'pot-v@self:0.2' }, 'dsic-cost'),
  ...row('pvcg', 'stake on itself, residual without it', { fee: 'pot-leave-one-out@self:0.2' }, 'dsic-cost'),
  ...row('pvcg', 'stake on a rival, pot of the gross payment', { fee: 'pot-gross@other:0.2' }, 'dsic-cost'),
  ...row('pvcg', 'stake on a rival, pot of the reported surplus', { fee: 'pot-v@other:0.2' }, 'dsic-cost'),
  ...row('pvcg', 'stake on a rival, residual without the rival', { fee: 'pot-leave-one-out@other:0.2' }, 'dsic-cost'),
  ...row('pvcg', 'stake on a rival, residual without both', { fee: 'pot-leave-both-out@other:0.2' }, 'dsic-cost'),
  ...row('pvcg', 'gang', { kind: 'gang' }, 'dsic-cost', 'ir', 'wbb', 'split-proof'),
  ...row('vcg', 'exchange', { kind: 'exchange' }, 'dsic-cost', 'dsic-value', 'ir', 'efficient', 'wbb'),
  ...row('vcg', 'bundles', { kind: 'combinatorial' }, 'dsic-value', 'ir', 'wbb', 'false-name-proof'),
  ...row('mcafee', 'one unit per trader', {}, 'dsic-cost', 'dsic-value', 'ir', 'wbb', 'efficient', 'sbb'),
  ...row('sbba', 'one unit per trader, fixed coin', {}, 'dsic-cost', 'dsic-value', 'ir', 'wbb', 'sbb', 'efficient'),
  ...row('uniform-price', 'one unit per supplier', { supply: 'unit' }, 'dsic-cost'),
  ...row('uniform-price', 'several units per supplier', { supply: 'multi' }, 'dsic-cost'),
  ...row('pay-as-bid', 'exchange', { kind: 'exchange' }, 'ir', 'wbb', 'dsic-cost', 'dsic-value'),
  ...row('greedy-critical', 'one bundle per bidder', {}, 'dsic-value', 'ir', 'efficient'),
  ...row('greedy-clarke', 'one bundle per bidder', {}, 'dsic-value', 'ir'),
  ...row(
    'posted-price',
    'exchange, rationing that ignores reports',
    { kind: 'exchange' },
    'dsic-cost',
    'dsic-value',
    'ir',
    'wbb',
    'efficient',
  ),
  ...row('online-threshold', 'leases that end', {}, 'dsic-value', 'dsic-arrival'),
  ...row('cremer-mclean', 'prior of full rank', {}, 'dsic-value', 'ir-interim', 'ir'),
];

export interface TableVerdict extends TableRow {
  certificate: Certificate;
}

export function certifyTable(
  search: SearchOptions,
  onRow: (done: number, of: number) => void = () => {},
): TableVerdict[] {
  return tableRows.map((r, i) => {
    onRow(i, tableRows.length);
    return { ...r, certificate: certifyCase(oneShots.get(r.mechanism)!, r.property, r.options, search) };
  });
}
