/**
 * The schema's findings in words: what is wrong; how to mend it. Each finding becomes one problem with the place of the key or
 * value it speaks of.
 */
import { z } from 'zod';
import { type Problem, quoted } from '../input-error.ts';
import type { Path, Places } from '../load/document.ts';
import { advice, suggestionIn } from '../suggest.ts';

type Issue = z.core.$ZodIssue;
type RawIssue = z.core.$ZodRawIssue;

/** Text of a finding whose field brings no text of its own. One line per unknown key. */
export function issueText(issue: RawIssue): string {
  switch (issue.code) {
    case 'unrecognized_keys':
      return issue.keys
        .map((k) => `unknown key ${quoted(k)}; ${advice(k, keysOf(issue.inst), 'keys here')}`)
        .join('\n');
    case 'invalid_type':
      return issue.input === undefined ? missing(issue) : wrongType(issue.input, issue.expected);
    case 'invalid_value':
      return issue.input === undefined ? missing(issue) : notAmong(issue.input, issue.values.map(String));
    case 'too_small':
      if (issue.origin === 'array') return 'the list is empty; give at least one entry';
      return `${show(issue.input)} is too small; write at least ${issue.minimum}`;
    case 'too_big':
      return `${show(issue.input)} is too large; write at most ${issue.maximum}`;
    default:
      if (issue.input === undefined) return missing(issue);
      return `${show(issue.input)} is not valid here; see the description of the key in the schema`;
  }
}

/** Problems of a parse, each at its place. A key that is missing because it was misspelt is left to the misspelling. */
export function problemsOf(issues: readonly Issue[], places: Places): Problem[] {
  const found = issues.flatMap((issue) => flatten(issue, []));
  const meant = new Set<string>();
  for (const { issue, path } of found)
    if (issue.code === 'unrecognized_keys')
      for (const text of issue.message.split('\n')) meant.add(JSON.stringify([...path, suggestionIn(text)]));
  return found.filter((f) => !meant.has(JSON.stringify(f.path))).flatMap((f) => located(f.issue, f.path, places));
}

function located(issue: Issue, path: Path, places: Places): Problem[] {
  if (issue.code === 'unrecognized_keys') {
    const texts = issue.message.split('\n');
    return issue.keys.map((k, i) => ({
      place: places.ofKey([...path, k]),
      text: texts[i]!,
    }));
  }
  return [{ place: places.ofValue(path), text: labelled(path, issue.message) }];
}

/** "key: text"; entries of lists are called after the list. A missing key is named by its own text. */
export function labelled(path: Path, text: string): string {
  const key = path.findLast((p) => typeof p === 'string');
  return key === undefined || text.startsWith(`${quoted(String(key))} is missing`) ? text : `${key}: ${text}`;
}

const dotted = (path: Path): string =>
  path.map((p, i) => (typeof p === 'number' ? `[${p}]` : i > 0 ? `.${p}` : p)).join('');
/** A sentence inside another: without its capital, unless that is an abbreviation's, and without its full stop. */
const inner = (s: string): string => s.replace(/^[A-Z](?![A-Z])/, (c) => c.toLowerCase()).replace(/\.$/, '');

interface Found {
  issue: Issue;
  path: Path;
}

/** Of a choice between forms, the findings of the form that was meant: the one whose outer type is right. */
function flatten(issue: Issue, base: Path): Found[] {
  const path = [...base, ...(issue.path as Path)];
  if (issue.code === 'invalid_key') return issue.issues.flatMap((i) => flatten(i, path));
  if (issue.code !== 'invalid_union') return [{ issue, path }];
  const meant = issue.errors.find((branch) => !branch.some(ofAnotherType));
  if (meant === undefined || meant.length === 0) return [{ issue, path }];
  return meant.flatMap((i) => flatten(i, path));
}

/** The value is not even of the branch's outer type. */
function ofAnotherType(i: Issue): boolean {
  if (i.path.length > 0) return false;
  return i.code === 'invalid_type' || (i.code === 'invalid_value' && typeof i.input !== 'string');
}

function keysOf(schema: unknown): string[] {
  const shape = (schema as { _zod?: { def?: { shape?: object } } } | undefined)?._zod?.def?.shape;
  return Object.keys(shape ?? {});
}

function missing(issue: RawIssue): string {
  const path = (issue.path ?? []) as Path;
  const key = quoted(String(path[path.length - 1]));
  const parent = path.length > 1 ? ` in ${dotted(path.slice(0, -1))}` : '';
  const about = issue.inst === undefined ? undefined : z.globalRegistry.get(issue.inst as z.ZodType)?.description;
  return `${key} is missing${parent}; add it${about === undefined ? '' : ` (${inner(about.split('. ')[0]!)})`}`;
}

const typeNames: Record<string, string> = {
  object: 'a mapping (key: value)',
  record: 'a mapping (key: value)',
  array: 'a list',
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
};

function wrongType(input: unknown, expected: string): string {
  const noun = typeNames[expected] ?? expected;
  return `${show(input)} is not ${noun}; write ${noun}`;
}

function notAmong(input: unknown, values: readonly string[]): string {
  if (typeof input !== 'string') return `${show(input)} is not one of ${values.join(', ')}; write one of them`;
  return `unknown ${quoted(input)}; ${advice(input, values, 'have')}`;
}

function show(input: unknown): string {
  if (Array.isArray(input)) return 'a list';
  if (typeof input === 'object' && input !== null) return 'a mapping';
  return typeof input === 'string' ? quoted(input) : String(input);
}
