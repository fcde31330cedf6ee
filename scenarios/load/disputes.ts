/** The rules of disputes of a scenario, and who disputes. */
import type { DisputeRules } from '../../core/types.ts';
import { quoted } from '../input-error.ts';
import type { DisputersSpec } from '../resolved.ts';
import type { ParsedScenario } from '../schema/scenario.ts';
import { advice } from '../suggest.ts';
import type { Report } from './names.ts';
import { buysSupply } from './supply.ts';

/** Who checks contested results where a scenario has no verifiers. */
const ARBITER = 'arbiter';

export function resolveDisputes(
  s: ParsedScenario,
  verifiers: readonly string[],
  report: Report,
): { rules: DisputeRules; world: DisputersSpec } | null {
  const d = s.billing.disputes;
  if (d === undefined) return null;
  const at = (...keys: (string | number)[]) => ['billing', 'disputes', ...keys];
  for (const key of ['window', 'answer', 'decide'] as const)
    if (d[key] < 1) report(at(key), 'no time at all; write a duration above zero');
  if (buysSupply(s))
    report(
      at(),
      'charges that a supply auction divides are final when they are booked; use posted or surge prices, or remove this',
    );
  const labels = labelsOf(s);
  const seen = new Set<string>();
  d.filers.forEach((f, i) => {
    const path = at('filers', i);
    if (labels !== null && !labels.includes(f.persona))
      report([...path, 'persona'], `unknown persona ${quoted(f.persona)}; ${advice(f.persona, labels, 'have')}`);
    if (seen.has(f.persona)) report([...path, 'persona'], `${quoted(f.persona)} stands here twice; remove one`);
    seen.add(f.persona);
    if (f.after >= d.window)
      report([...path, 'after'], 'not before the window is over, so nothing could be disputed; write a shorter time');
  });
  if (d.providers.after > d.answer)
    report(at('providers', 'after'), 'longer than billing.disputes.answer, so nobody could answer; shorten it');
  if (d.checks.after > d.decide)
    report(at('checks', 'after'), 'longer than billing.disputes.decide, so nobody could check; shorten it');
  return {
    rules: {
      rule: d.rule,
      windowUs: d.window,
      answerUs: d.answer,
      decideUs: d.decide,
      bondBps: d.bond,
      arbiters: verifiers.length > 0 ? [...verifiers] : [ARBITER],
    },
    world: {
      filers: d.filers.map(({ persona, after, ...f }) => ({ label: persona, ...f, afterUs: after })),
      answers: { share: d.providers.answers, bluffs: d.providers.bluffs, afterUs: d.providers.after },
      checks: {
        share: d.checks.share,
        afterUs: d.checks.after,
        detection: d.checks.detection ?? s.verification?.detection ?? 1,
        falseAlarm: d.checks.falseAlarm ?? s.verification?.falseAlarm ?? 0,
      },
    },
  };
}

/** Personas; null = jobs come from a trace or a list, with labels of their own. */
const labelsOf = (s: ParsedScenario): string[] | null => s.demand.personas?.map((p) => p.name) ?? null;
