/**
 * `--set path.to.key=value`: changes to a scenario before it is checked. A part of the path is a key, the index of a list or the
 * `name` of one of its entries; the value is a YAML scalar or flow collection, and nothing (or `null`) takes a key back to its
 * default. Keys that are not there are made; whether a scenario may have them is the schema's business, whose messages then
 * name the override instead of a line.
 */
import { quoted, ScenarioError } from '../input-error.ts';
import { advice } from '../suggest.ts';
import { type Path, type Places, type Plain, readYaml } from './document.ts';

type PlainMap = { [key: string | number]: Plain };

/**
 * Applies the overrides in order and returns the changed root; a root that is no mapping is left for the schema to refuse.
 * Throws ScenarioError.
 */
export function applySets(root: Plain, places: Places, sets: readonly string[]): Plain {
  if (root !== null && !isPlainMap(root)) return root;
  let result: PlainMap = root ?? {};
  for (const text of sets) result = applySet(result, places, text);
  return result;
}

function applySet(top: PlainMap, places: Places, text: string): PlainMap {
  const place = `--set ${text.length > 100 ? `${text.slice(0, 97)}...` : text}`;
  const fail = (what: string): never => {
    throw new ScenarioError([{ place, text: what }]);
  };
  const split = text.indexOf('=');
  if (split < 0) fail('no "=" in it; write --set path.to.key=value');
  const parts = text.slice(0, split).trim().split('.');
  if (parts.some((p) => !/^[A-Za-z0-9_-]+$/.test(p) || p === '__proto__'))
    fail(`${quoted(text.slice(0, split))} is no path; write keys, names or indices joined by points`);
  const path: (string | number)[] = [];
  let at: Plain = top;
  for (const [i, part] of parts.slice(0, -1).entries()) {
    const key = step(at, part, path, fail);
    const inside: Plain = Object.hasOwn(at as object, key) ? (at as PlainMap)[key]! : {};
    if (typeof inside !== 'object')
      fail(
        `${quoted(parts.slice(0, i + 1).join('.'))} is ${JSON.stringify(inside)}, which has no ${quoted(parts[i + 1]!)}; set the whole of it`,
      );
    if (!Object.hasOwn(at as object, key)) places.set([...path, key], { key: place, value: place });
    (at as PlainMap)[key] = inside;
    path.push(key);
    at = inside;
  }
  const last = step(at, parts[parts.length - 1]!, path, fail);
  path.push(last);
  places.drop(path);
  const value = readYaml(text.slice(split + 1), places, path, place);
  if (value === null) remove(at, last, fail);
  else (at as PlainMap)[last] = value;
  return top;
}

/** The key or index that one part of the path means in a value. */
function step(at: Plain, part: string, path: Path, fail: (what: string) => never): string | number {
  if (!Array.isArray(at)) return part;
  const here = path.join('.');
  if (/^\d+$/.test(part)) {
    if (Number(part) < at.length) return Number(part);
    return fail(`${here} has no entry ${part}; it has ${at.length}, counted from 0`);
  }
  const names = at.map((x) => (isPlainMap(x) && typeof x['name'] === 'string' ? x['name'] : ''));
  const found = names.indexOf(part);
  if (found >= 0) return found;
  return fail(
    `no ${quoted(part)} in ${here}; ${advice(
      part,
      names.filter((n) => n !== ''),
      'names there',
    )}`,
  );
}

function remove(at: Plain, key: string | number, fail: (what: string) => never): void {
  if (Array.isArray(at)) fail('an entry of a list cannot be taken away; set the whole list');
  delete (at as PlainMap)[key];
}

const isPlainMap = (v: Plain): v is PlainMap => typeof v === 'object' && v !== null && !Array.isArray(v);
