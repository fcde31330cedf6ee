/** Opens market files and mechanism modules for `clear` and `certify`. */
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { OneShot } from '../mechanisms/pricing/one-shot-index.ts';
import { MarketUnfit, oneShots, TheoremLost } from '../mechanisms/pricing/one-shot-index.ts';
import { advice } from '../scenarios/suggest.ts';
import { MarketFault } from './certify/market-json.ts';
import { oneLine, UsageError } from './errors.ts';
import { parseJson, placeOf, textOf } from './json-input.ts';

/** Reads the file and hands its values to `use`; faults come back with file, line and column. */
export function withMarketFile<T>(path: string, use: (json: unknown) => T): T {
  const text = textOf(path, 'give the path of a market file (JSON)');
  const json = parseJson(text, path);
  try {
    return use(json);
  } catch (e) {
    if (e instanceof MarketFault) throw new UsageError(`${placeOf(text, path, e.path)}: ${e.message}`);
    if (e instanceof TheoremLost) throw new UsageError(`${path}:1:1: ${e.message}; --allow runs it all the same`);
    if (e instanceof MarketUnfit) throw new UsageError(`${path}:1:1: ${e.message}`);
    throw e;
  }
}

/** A shipped mechanism by name, or the `mechanism` (or default) export of a module by path. */
export async function mechanismOf(name: string): Promise<OneShot> {
  const known = oneShots.get(name);
  if (known !== undefined) return known;
  if (!/[./\\]/.test(name))
    throw new UsageError(`unknown mechanism "${name}"; ${advice(name, [...oneShots.keys()], 'have')}`);
  let module: Record<string, unknown>;
  try {
    module = (await import(pathToFileURL(resolve(name)).href)) as Record<string, unknown>;
  } catch (e) {
    throw new UsageError(`${name}: cannot be loaded (${oneLine(e)}); give a JavaScript module`);
  }
  const found = (module['mechanism'] ?? module['default']) as OneShot | undefined;
  const clears = ['procurement', 'exchange', 'combinatorial'] as const;
  if (typeof found?.name !== 'string' || !clears.some((k) => typeof found[k] === 'function'))
    throw new UsageError(
      `${name}: exports no mechanism; export one as "mechanism": { name, procurement?(field, market, options), exchange?(…), combinatorial?(…) }`,
    );
  return found;
}
