/**
 * From a scenario file to a resolved scenario: read, apply overrides, check against the schema, follow names, expand. Pure and
 * synchronous: whoever calls has opened the file.
 */

import { type Problem, ScenarioError } from '../input-error.ts';
import type { QuantityEvaluator } from '../quantity/quantity.ts';
import { type EntrySpec, type ResolvedScenario, type RetryRule, SCENARIO_SCHEMA } from '../resolved.ts';
import { fields } from '../schema/fields.ts';
import { issueText, labelled, problemsOf } from '../schema/messages.ts';
import { type ParsedScenario, scenarioSchema } from '../schema/scenario.ts';
import { checkVariants, resolveAdversaries } from './adversaries.ts';
import { withBudgets } from './budgets.ts';
import { resolveCards } from './cards.ts';
import { resolvePayers } from './contract.ts';
import { resolveDemand } from './demand.ts';
import { resolveDisputes } from './disputes.ts';
import { decodeScenario, Places, readYaml } from './document.ts';
import { resolveDomains } from './domains.ts';
import { checkFits } from './fits.ts';
import { type OpenFile, resolveFleet } from './fleet.ts';
import { refuseFloods } from './floods.ts';
import { CURRENCIES, resolveBilling, resolvePools, resolveStakes } from './market.ts';
import type { Report } from './names.ts';
import { resolveNetwork, resolveRouting } from './network.ts';

import { applySets } from './overrides.ts';
import { resolvePerformance } from './performance.ts';
import { checkWeights } from './scheduling.ts';
import { refuseSimulated } from './simulated-only.ts';
import { resolveStaking } from './stake.ts';
import { resolveThroughputs } from './throughputs.ts';

/**
 * The scenario that a file and its overrides describe.
 *
 * `file` is the name used in messages, `sets` the texts of `--set`, in order; `open` gives the bytes of a machine list that the
 * scenario names; `purpose` execute also refuses what only a simulated world does. Throws ScenarioError with every fault found, or NeedsUnits when a quantity is an expression and no evaluator
 * was given.
 */
export function resolveScenario(
  source: Uint8Array | string,
  file: string,
  sets: readonly string[] = [],
  evaluator?: QuantityEvaluator,
  open?: OpenFile,
  purpose: 'simulate' | 'execute' = 'simulate',
): ResolvedScenario {
  const text = decodeScenario(source, file);
  const places = new Places(file, text);
  const read = readYaml(text, places);
  if (read === null && sets.length === 0)
    throw new ScenarioError([{ place: `${file}:1:1`, text: 'the file holds no scenario; begin with "name: ..."' }]);
  const root = applySets(read, places, sets);
  const parsed = schemaFor(evaluator).safeParse(root, { error: issueText, reportInput: true });
  if (!parsed.success) throw new ScenarioError(inOrder(problemsOf(parsed.error.issues, places)));
  const problems: Problem[] = [];
  const report: Report = (path, what, part) => {
    problems.push({ place: part === 'key' ? places.ofKey(path) : places.ofValue(path), text: labelled(path, what) });
  };
  const resolved = resolve(parsed.data, report, open);
  if (purpose === 'execute') refuseSimulated(parsed.data, report);
  // Only what is otherwise sound says which machines there are.
  if (resolved !== null && problems.length === 0) checkFits(parsed.data, resolved, report);
  if (resolved !== null && problems.length === 0) {
    // Other rules are tried by their own command, much later: what they name must be there now.
    checkVariants(resolved.adversaries, report, (more) => {
      const scratch = new Places(file, text);
      const changed = applySets(readYaml(text, scratch), scratch, [...sets, ...more]);
      const again = schemaFor(evaluator).safeParse(changed, { error: issueText, reportInput: true });
      if (!again.success) throw new ScenarioError(inOrder(problemsOf(again.error.issues, scratch)));
    });
  }
  if (resolved === null || problems.length > 0) throw new ScenarioError(inOrder(problems));
  return resolved;
}

/** Building the schema takes longer than using it: one is kept per evaluator. */
const schemas = new WeakMap<object, ReturnType<typeof scenarioSchema>>();
const noEvaluator = {};

function schemaFor(evaluator: QuantityEvaluator | undefined): ReturnType<typeof scenarioSchema> {
  const key = evaluator ?? noEvaluator;
  let schema = schemas.get(key);
  if (schema === undefined) {
    schema = scenarioSchema(fields(evaluator));
    schemas.set(key, schema);
  }
  return schema;
}

function resolve(s: ParsedScenario, report: Report, open: OpenFile | undefined): ResolvedScenario | null {
  if (s.horizon < 1) report(['horizon'], 'no length; write a duration above zero');
  else if (s.warmup >= s.horizon) report(['warmup'], 'not shorter than the horizon; write a shorter one');
  const fleet = resolveFleet(s, report, open);
  if (fleet === null) return null;
  const demand = resolveDemand(s, fleet, report);
  const pools = resolvePools(s, fleet, report);
  const billing = resolveBilling(s, report);
  const stakes = resolveStakes(s, fleet, report);
  const staking = resolveStaking(s, fleet, stakes, report);
  const network = resolveNetwork(s, fleet, report);
  const routing = demand === null ? null : resolveRouting(s, fleet, demand, report);
  const entry = entryOf(s, report);
  const retries = retriesOf(s, report);
  const domains = resolveDomains(s, fleet, report);
  const cards = resolveCards(s, fleet, report);
  const performance = demand === null ? null : resolvePerformance(s, fleet, demand, report, open);
  if (demand !== null) resolveThroughputs(pools, s, fleet, demand, performance, report);
  if (s.output.sample < 1) report(['output', 'sample'], 'no time at all; write a duration above zero, or "none"');
  refuseFloods(s, fleet, report);
  if (demand === null) return null;
  checkWeights(s, pools, demand.users, report);
  const adversaries = resolveAdversaries(s, fleet, demand.users, report);
  const payers = resolvePayers(s, demand.users, report);
  const disputes = resolveDisputes(s, staking?.rules.verifiers ?? [], report);
  return {
    schema: SCENARIO_SCHEMA,
    name: s.name,
    question: s.question,
    seed: s.seed,
    horizonUs: s.horizon,
    warmupUs: s.warmup,
    market: {
      schema: 'janction.core/1',
      epochUs: s.pricing.epoch,
      sampleUs: s.output.sample >= Number.MAX_SAFE_INTEGER ? 0 : s.output.sample,
      currencies: CURRENCIES.map((c) => ({ ...c })),
      classes: fleet.classes,
      pools,
      nodes: fleet.nodes,
      users: withBudgets(s, adversaries?.users ?? demand.users, report),
      stakes,
      ...(staking === null ? {} : { staking: staking.rules }),
      ...billing,
      ...(disputes === null ? {} : { disputes: disputes.rules }),
    },
    nodes: fleet.lives,
    demand: demand.demand,
    ...(payers.length === 0 ? {} : { payers }),
    ...(disputes === null ? {} : { disputers: disputes.world }),
    costs: fleet.costs,
    ...(staking === null ? {} : { stakers: staking.world }),
    ...(adversaries === null ? {} : { adversaries: adversaries.spec }),
    ...(domains.length === 0 ? {} : { domains }),
    ...(cards.length === 0 ? {} : { cards }),
    ...(retries.length === 0 ? {} : { retries }),
    ...(entry.length === 0 ? {} : { entry }),
    ...(performance === null ? {} : { performance }),
    ...(network === null ? {} : { network }),
    ...(routing === null ? {} : { routing }),
    processes: processesOf(s),
  };
}

function retriesOf(s: ParsedScenario, report: Report): RetryRule[] {
  return (s.demand.personas ?? []).flatMap((p, i) => {
    if (p.retry === undefined) return [];
    const { after, ...rest } = p.retry;
    if (after < 1) report(['demand', 'personas', i, 'retry', 'after'], 'no time at all; write a duration above zero');
    return [{ persona: p.name, ...rest, afterUs: after }];
  });
}

function entryOf(s: ParsedScenario, report: Report): EntrySpec[] {
  return s.fleet.groups.flatMap((g, i) => {
    if (g.entry === undefined) return [];
    if (g.entry.every < 1)
      report(['fleet', 'groups', i, 'entry', 'every'], 'no time at all; write a duration above zero');
    const { every, ...rest } = g.entry;
    return [{ group: g.name, everyUs: every, ...rest }];
  });
}

function processesOf(s: ParsedScenario): ResolvedScenario['processes'] {
  const { start, kill, checkpoint: c } = s.fleet.processes;
  const times = { startUs: start, killUs: kill };
  if (c === undefined) return times;
  const write = c.write === 0 ? {} : { writeUs: c.write };
  return { ...times, checkpoint: { everyUs: c.every, ...write, saveUs: c.save, restoreUs: c.restore } };
}

/** Overrides first, then by line and column; what was found twice is said once. */
function inOrder(problems: readonly Problem[]): Problem[] {
  const said = new Set<string>();
  // What holds for all pools is checked for each of them.
  const once = problems.filter(({ place, text }) => said.size < said.add(`${place} ${text}`).size);
  const keyed = once.map((problem, order) => {
    const m = /:(\d+):(\d+)$/.exec(problem.place);
    const inFile = m !== null && !problem.place.startsWith('--set ');
    return { problem, order, line: inFile ? Number(m[1]) : 0, column: inFile ? Number(m[2]) : 0 };
  });
  keyed.sort((a, b) => a.line - b.line || a.column - b.column || a.order - b.order);
  return keyed.map((k) => k.problem);
}
