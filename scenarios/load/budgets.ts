/** Budgets of users, by persona or by name. */
import type { BudgetRules, UserSpec } from '../../core/types.ts';
import { NEVER } from '../../core/types.ts';
import { quoted } from '../input-error.ts';
import type { ParsedScenario } from '../schema/scenario.ts';
import { advice } from '../suggest.ts';
import type { Report } from './names.ts';

const unit = (currency: number): string => (currency === 1 ? 'JCT' : 'USD');

/** The users with their budgets; one may have only one. */
export function withBudgets(s: ParsedScenario, users: readonly UserSpec[], report: Report): UserSpec[] {
  if (s.billing.budgets.length === 0) return [...users];
  const byName = new Map(users.map((u) => [u.id, u]));
  const personas = new Map((s.demand.personas ?? []).map((p) => [p.name, p]));
  const budgets = new Map<string, BudgetRules>();
  for (const [i, b] of s.billing.budgets.entries()) {
    const path = ['billing', 'budgets', i];
    if ((b.persona === undefined) === (b.user === undefined)) {
      report(path, 'wants either "persona" or "user"; write one of them');
      continue;
    }
    let whose: string[];
    if (b.persona === undefined) {
      whose = [b.user!];
      if (!byName.has(b.user!)) {
        const close = advice(b.user!, [...byName.keys()], 'have');
        report([...path, 'user'], `unknown user ${quoted(b.user!)}; ${close}`);
        continue;
      }
    } else {
      const p = personas.get(b.persona);
      if (p === undefined) {
        const close = advice(b.persona, [...personas.keys()], 'have');
        report([...path, 'persona'], `unknown persona ${quoted(b.persona)}; ${close}`);
        continue;
      }
      whose = Array.from({ length: p.users }, (_, u) => `${p.name}-${u + 1}`);
    }
    if (b.amount.micro === '0') report([...path, 'amount'], 'nothing; write an amount above zero');
    if (b.perJob?.micro === '0')
      report([...path, 'perJob'], 'nothing; write an amount above zero, or leave it away for no limit');
    if (b.per < 1) report([...path, 'per'], 'no time at all; write a duration above zero, or "run"');
    const alertsBps = [...b.alerts].sort((x, y) => x - y);
    if (new Set(alertsBps).size < alertsBps.length || alertsBps[0] === 0)
      report([...path, 'alerts'], 'wants different shares above zero');
    for (const name of whose) {
      const user = byName.get(name);
      if (user === undefined) continue;
      const wrong = (
        [
          ['amount', b.amount],
          ['perJob', b.perJob ?? b.amount],
        ] as const
      ).find(([, d]) => d.currency !== user.currency);
      if (wrong !== undefined) {
        report([...path, wrong[0]], `${quoted(name)} pays in ${unit(user.currency)}; write it in that`);
        break;
      }
      if (budgets.has(name)) {
        report(path, `${quoted(name)} has a budget already; remove one`);
        break;
      }
      budgets.set(name, {
        amount: b.amount.micro,
        periodUs: b.per >= NEVER ? 0 : b.per,
        perJob: b.perJob?.micro ?? '0',
        over: b.over,
        leastUs: Math.max(1, b.least),
        alertsBps,
      });
    }
  }
  return users.map((u) => {
    const budget = budgets.get(u.id);
    return budget === undefined ? u : { ...u, budget };
  });
}
