/**
 * Quantity expressions such as "3 * 8 hour" through mathjs. Load this module dynamically and only when a scenario needs it: the
 * library takes more than a second and 90 MB. Only numbers, + - * / ^, parentheses, percentages and the units of this room
 * are let through: every function of mathjs (import, createUnit, evaluate, parse, simplify, derivative, config, random, …),
 * assignments, strings, matrices and property access are refused before anything is evaluated.
 *
 * mathjs computes in doubles; its answer is read at 15 significant digits, so 1.2 * 2 is 2.4 and not 2.4000000000000004.
 */
import {
  all,
  type ConstantNode,
  create,
  type MathNode,
  type MathType,
  type OperatorNode,
  type SymbolNode,
} from 'mathjs';
import { ratParse, ratToNumber } from '../core/num/index.ts';
import { quoted } from './input-error.ts';
import { QuantityError, type QuantityEvaluator } from './quantity/quantity.ts';
import { baseUnits, unitNames, units } from './quantity/units.ts';
import { advice } from './suggest.ts';

const DIGITS = 15;
const allowedOperators = new Set(['add', 'subtract', 'multiply', 'divide', 'pow', 'unaryMinus', 'unaryPlus']);

/** An evaluator with its own mathjs. */
function mathUnits(): QuantityEvaluator {
  const math = create(all!, {});
  const own = (base: string): string => `own${base}`;
  for (const base of baseUnits) math.createUnit(own(base));
  // Every unit name stands for a value built from this room's table; none of mathjs's own units can be reached.
  const scope = new Map<string, unknown>();
  for (const name of unitNames) {
    const { size, dimension } = units.get(name)!;
    let value: MathType = ratToNumber(size);
    for (const [i, power] of dimension.entries())
      if (power !== 0) value = math.multiply(value, math.pow(math.unit(1, own(baseUnits[i]!)), power));
    scope.set(name, value);
  }
  const compute = (text: string): MathType => {
    const tree = parsed(text, (t) => math.parse(t));
    tree.traverse((node) => check(text, node));
    try {
      return tree.evaluate(new Map(scope));
    } catch {
      throw new QuantityError(`${quoted(text)} mixes different kinds of things; check its units`);
    }
  };
  return (text) => {
    const result = compute(text);
    return {
      in(unit) {
        // The quotient is a plain number exactly when both measure the same kind of thing.
        const q = unit === '' ? result : math.divide(result, compute(`1 ${unit}`));
        if (typeof q !== 'number') return null;
        if (!Number.isFinite(q))
          throw new QuantityError(`${quoted(text)} is not a finite number; write an expression that is`);
        return ratParse(String(Number(q.toPrecision(DIGITS))));
      },
    };
  };
}

/** The evaluator to give to `resolveScenario`. */
export const evaluator: QuantityEvaluator = mathUnits();

function parsed(text: string, parse: (t: string) => MathNode): MathNode {
  try {
    return parse(text);
  } catch {
    throw new QuantityError(`${quoted(text)} is neither a quantity nor an expression; write for example "3 * 8 hour"`);
  }
}

/** Refuses everything but arithmetic over numbers and known units. */
function check(text: string, node: MathNode): void {
  switch (node.type) {
    case 'ConstantNode':
      if (typeof (node as ConstantNode).value === 'number') return;
      break;
    case 'ParenthesisNode':
      return;
    case 'OperatorNode':
      if (allowedOperators.has((node as OperatorNode).fn)) return;
      break;
    case 'SymbolNode': {
      const name = (node as SymbolNode).name;
      if (units.has(name)) return;
      throw new QuantityError(`unknown unit ${quoted(name)} in ${quoted(text)}; ${advice(name, unitNames, 'units')}`);
    }
  }
  throw new QuantityError(
    `${quoted(node.toString())} may not stand in a quantity; use only numbers, units, + - * / ^ and parentheses`,
  );
}
