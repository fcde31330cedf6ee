/** The contract of a scenario and the acts of its payers. */
import type { ContractRules, UserSpec } from '../../core/types.ts';
import { quoted } from '../input-error.ts';
import type { PayerAct } from '../resolved.ts';
import type { ParsedScenario } from '../schema/scenario.ts';
import { advice } from '../suggest.ts';
import type { Report } from './names.ts';
import { buysSupply } from './supply.ts';

export function resolveContract(s: ParsedScenario, report: Report): ContractRules | null {
  const c = s.billing.contract;
  if (c === undefined) return null;
  const at = (key: string) => ['billing', 'contract', key];
  const depositUs = c.deposit ?? 2 * c.period;
  if (c.providerDeposit.currency !== 0) report(at('providerDeposit'), 'not in USD; deposits of providers are in USD');
  if (c.kind !== 'hold') {
    if (c.period < 1) report(at('period'), 'no time at all; write a duration above zero');
    if (buysSupply(s))
      report(
        at('kind'),
        `${c.kind} pays while jobs run, and supply auctions pay by the end; use posted or surge prices, or hold`,
      );
  }
  if (c.kind === 'escrow') {
    if (c.block < 1 || c.period % c.block !== 0)
      report(
        at('block'),
        `the period of ${c.period / 1e6} s is no multiple of a block of ${c.block / 1e6} s; change one`,
      );
    if (depositUs < c.period) report(at('deposit'), 'covers less than a period; write a longer use');
  }
  if (c.kind === 'notes' && c.accept < 5_000_000)
    report(at('accept'), `${c.accept / 1e6} s; give buyers at least 5 second`);
  return {
    kind: c.kind,
    periodUs: c.period,
    blockUs: c.block,
    depositUs,
    shortage: c.shortage,
    topUp: c.topUp,
    acceptUs: c.accept,
    answerUs: c.answer,
    loss: c.loss,
    creditBps: c.credit,
    providerDeposit: c.providerDeposit.micro,
  };
}

export function resolvePayers(s: ParsedScenario, users: readonly UserSpec[], report: Report): PayerAct[] {
  const known = new Map(users.map((u) => [u.id, u]));
  return s.billing.payers.flatMap((p, seq): PayerAct[] => {
    const path = ['billing', 'payers', seq];
    const user = known.get(p.user);
    if (user === undefined) {
      report([...path, 'user'], `unknown user ${quoted(p.user)}; ${advice(p.user, [...known.keys()], 'have')}`);
      return [];
    }
    if ((p.deposit === undefined) === (p.answers === undefined)) {
      report(path, 'wants either "deposit" or "answers"; write one of them');
      return [];
    }
    const { currency, micro } = p.deposit ?? { currency: user.currency, micro: '0' };
    if (p.deposit !== undefined && micro === '0') report([...path, 'deposit'], 'nothing; write an amount above zero');
    if (currency !== user.currency)
      report(
        [...path, 'deposit'],
        `${quoted(p.user)} pays in ${user.currency === 1 ? 'JCT' : 'USD'}; write it in that`,
      );
    return [{ atUs: p.at, user: p.user, currency, deposit: micro, answers: p.answers ?? true }];
  });
}
