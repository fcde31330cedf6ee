/** A compiled module becomes an object with a step budget around every call into it. */
import { compileFunction } from 'node:vm';
import type { MechanismModule } from '../../core/interfaces.ts';
import * as num from '../../core/num/index.ts';
import { HOUR_US, NEVER, WHOLE_GPU } from '../../core/types.ts';
import { advice } from '../../scenarios/suggest.ts';
import { oneLine } from '../errors.ts';
import { ModuleFault } from './fault.ts';
import { type ModuleSource, STEP } from './source.ts';

/** Steps (loop rounds and function calls) that one call into a module may take. Two seconds or so of plain looping. */
export const STEP_LIMIT = 200_000_000;
/** Steps that asking core to start or reserve for one job stands for. */
export const CORE_CALL_STEPS = 1000;

const kinds = ['queueing', 'placement', 'pricing', 'bidder'] as const;
export type ModuleKind = (typeof kinds)[number];

/** What a module may import: arithmetic that is exact or the same on every platform, and units. */
const library: Record<string, unknown> = { ...num, HOUR_US, NEVER, WHOLE_GPU };

export class OutOfSteps extends Error {}

/** Counts a module's steps. */
export class Budget {
  limit: number;
  #left: number;
  constructor(limit: number) {
    this.limit = limit;
    this.#left = limit;
  }
  begin(): void {
    this.#left = this.limit;
  }
  readonly step = (): void => {
    if (--this.#left < 0) throw new OutOfSteps();
  };
  spend(steps: number): void {
    this.#left -= steps;
    this.step();
  }
}

export interface LoadedModule {
  source: ModuleSource;
  kind: ModuleKind;
  /** The module's own name for itself. */
  name: string;
  module: MechanismModule;
  budget: Budget;
}

/** Runs the module's top level once and looks at what it exports. */
export function loadModule(source: ModuleSource, limit = STEP_LIMIT): LoadedModule {
  const { file } = source;
  for (const [name] of source.imports)
    if (!Object.hasOwn(library, name))
      throw new ModuleFault(
        file,
        `janction-lab/core has no value "${name}" for modules; ${advice(name, Object.keys(library), 'for example')}`,
      );
  const budget = new Budget(limit);
  const out: { default?: unknown } = {};
  try {
    const names = source.imports.map(([, local]) => local);
    const run = compileFunction(`'use strict';${source.body}`, ['$janction', STEP, 'console', ...names], {
      filename: file,
    });
    run(out, budget.step, toStderr, ...source.imports.map(([name]) => library[name]));
  } catch (e) {
    throw faultOf(source, 'its top level', e, limit);
  }
  const m = out.default as Partial<MechanismModule> | null | undefined;
  if (m === null || typeof m !== 'object')
    throw new ModuleFault(file, 'its default export is no object; write: export default { kind, name, create }');
  if (!kinds.includes(m.kind as ModuleKind))
    throw new ModuleFault(file, `kind is ${show(m.kind)}; write one of "${kinds.join('", "')}"`);
  if (typeof m.name !== 'string' || !/^[a-z][a-z0-9-]{0,63}$/.test(m.name))
    throw new ModuleFault(
      file,
      `name is ${show(m.name)}; write lower-case letters, digits and dashes, beginning with a letter`,
    );
  if (typeof m.create !== 'function')
    throw new ModuleFault(file, 'create is no function; write create(params) { return { … }; }');
  return { source, kind: m.kind as ModuleKind, name: m.name, module: m as MechanismModule, budget };
}

/** A module may say what it does, on stderr: stdout carries the result. */
const say = (...parts: unknown[]): void => {
  process.stderr.write(`${parts.map((p) => (typeof p === 'string' ? p : show(p))).join(' ')}\n`);
};
const toStderr = Object.freeze({ log: say, info: say, warn: say, error: say, debug: say });

export function show(value: unknown): string {
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'function') return 'a function';
  try {
    const text = JSON.stringify(value) ?? String(value);
    return text.length > 120 ? `${text.slice(0, 117)}…` : text;
  } catch {
    return String(value);
  }
}

/** What a throw from inside a module means to its author. */
export function faultOf(source: ModuleSource, where: string, e: unknown, limit: number): ModuleFault {
  if (e instanceof ModuleFault) return e;
  const at = placeOf(source.file, e);
  if (e instanceof OutOfSteps)
    return new ModuleFault(source.file, `${where} took more than ${limit} steps and was stopped; make it end`, at);
  if (e instanceof RangeError && /call stack/i.test(e.message))
    return new ModuleFault(source.file, `${where} called itself too deeply; make it end`, at);
  const text = oneLine(e);
  const kind = e !== null && typeof e === 'object' && 'name' in e ? `${String(e.name)}: ` : '';
  const hint = /read only|not extensible|Cannot (delete|define|add)/.test(text)
    ? 'state is for reading only; copy what you change'
    : 'mend the module';
  return new ModuleFault(source.file, `${where} threw ${kind}${text}; ${hint}`, at);
}

/** First place of the stack inside the module. */
function placeOf(file: string, e: unknown): { line: number; column: number } | undefined {
  const stack =
    e instanceof Error || (e !== null && typeof e === 'object' && 'stack' in e) ? String((e as Error).stack) : '';
  const i = stack.indexOf(`${file}:`);
  if (i < 0) return undefined;
  const m = /^:(\d+):(\d+)/.exec(stack.slice(i + file.length));
  return m === null ? undefined : { line: Number(m[1]), column: 1 };
}
