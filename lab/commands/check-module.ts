import { resolve } from 'node:path';
import type { Command } from 'commander';
import { bidderLaws } from '../conformance/bidder.ts';
import type { Law } from '../conformance/law.ts';
import { LawBroken } from '../conformance/law.ts';
import { placementLaws } from '../conformance/placement.ts';
import { conformanceClasses, conformanceRates, pricingLaws } from '../conformance/pricing.ts';
import { queueingLaws } from '../conformance/queueing.ts';
import { Finding, oneLine, UsageError } from '../errors.ts';
import { print } from '../flags.ts';
import { ModuleFault } from '../modules/fault.ts';
import { guardedBidder, guardedPlacement, guardedPricing, guardedQueueing } from '../modules/guard.ts';
import { type LoadedModule, loadModule } from '../modules/load.ts';
import { readModule } from '../modules/source.ts';
import { checkTypes } from '../modules/types-check.ts';

export interface ModuleCheck {
  schema: 'janction.module-check/1';
  file: string;
  sha256: string;
  kind: string;
  name: string;
  types: { compiler: string | null; faults: string[] };
  laws: { name: string; kept: boolean; broken: string | null }[];
  verdict: 'keeps its contract' | 'breaks its contract';
}

interface CheckFlags {
  params?: Record<string, unknown>;
  json?: boolean;
}

export function checkModuleCommand(file: string, params: Record<string, unknown> = {}): ModuleCheck {
  const loaded = loadModule(readModule(resolve(file), file));
  const types = checkTypes(resolve(file), file);
  const laws = lawsOf(loaded, params);
  const broken = types.compiler !== null && types.faults.length > 0;
  return {
    schema: 'janction.module-check/1',
    file,
    sha256: loaded.source.sha256,
    kind: loaded.kind,
    name: loaded.name,
    types,
    laws,
    verdict: broken || laws.some((l) => !l.kept) ? 'breaks its contract' : 'keeps its contract',
  };
}

function lawsOf(loaded: LoadedModule, params: Record<string, unknown>): ModuleCheck['laws'] {
  switch (loaded.kind) {
    case 'placement':
      return hold(placementLaws, () => guardedPlacement(loaded, params));
    case 'queueing':
      return hold(queueingLaws, () => guardedQueueing(loaded, params));
    case 'bidder':
      return hold(bidderLaws, () => guardedBidder(loaded, params));
    case 'pricing':
      return hold(pricingLaws, () =>
        guardedPricing(loaded, { rates: conformanceRates, ...params }, conformanceClasses),
      );
  }
}

function hold<T>(laws: readonly Law<T>[], make: () => T): ModuleCheck['laws'] {
  return laws.map((law) => {
    try {
      law.check(make);
      return { name: law.name, kept: true, broken: null };
    } catch (e) {
      if (!(e instanceof LawBroken || e instanceof ModuleFault)) throw e;
      return { name: law.name, kept: false, broken: oneLine(e) };
    }
  });
}

export function readableCheck(c: ModuleCheck): string {
  const lines = [`${c.file}: ${c.kind} module "${c.name}" ${c.verdict}`];
  if (c.types.compiler === null) lines.push(`  –     types not checked: ${c.types.faults[0]}`);
  else if (c.types.faults.length === 0)
    lines.push(`  kept  types fit the public interfaces (TypeScript ${c.types.compiler})`);
  else {
    lines.push(`  BROKEN types do not fit the public interfaces (TypeScript ${c.types.compiler})`);
    for (const f of c.types.faults.slice(0, 10)) lines.push(`          ${f}`);
  }
  for (const l of c.laws) {
    lines.push(`  ${l.kept ? 'kept ' : 'BROKEN'} ${l.name}`);
    if (l.broken !== null) lines.push(`          ${l.broken}`);
  }
  lines.push(`  source SHA-256 ${c.sha256}`);
  return `${lines.join('\n')}\n`;
}

function paramsOf(text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (e) {
    throw new UsageError(`--params: not JSON (${oneLine(e)}); write for example '{"weight":2}'`);
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value))
    throw new UsageError(`--params: want a JSON object; write for example '{"weight":2}'`);
  return value as Record<string, unknown>;
}

export function addCheckModule(program: Command): void {
  program
    .command('check-module')
    .description(
      'hold a mechanism of your own against the laws that every shipped one keeps; exit 1 when it breaks one',
    )
    .argument('<file>', 'a .ts or .js module: export default { kind, name, create }')
    .option('--params <json>', 'parameters that create() is given, as a JSON object', paramsOf)
    .option('--json', 'print one JSON document instead of text')
    .addHelpText(
      'after',
      `
kind is queueing, placement, pricing or bidder (an agent that bids for a persona's jobs). TypeScript is checked against the public interfaces when a compiler is installed. The file
is then named in a scenario like a shipped mechanism. docs/tutorials/your-own-mechanism.md builds one from nothing.

Examples:
  janction check-module my-rule.ts
  janction run scenarios/quickstart/scenario.yaml --set scheduling.placement=./my-rule.ts`,
    )
    .action((file: string, flags: CheckFlags) => {
      const c = checkModuleCommand(file, flags.params);
      print(flags.json === true ? `${JSON.stringify(c)}\n` : readableCheck(c));
      if (c.verdict !== 'keeps its contract') throw new Finding('');
    });
}
