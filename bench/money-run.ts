/**
 * One run as the command line does it, with a clock around the money machine: every pulse of Settlement (holds, claims, readings, charges,
 * ledger, distribution, and the rows and files they cause meanwhile) and every quote. Prints its share of the whole run, from the start of
 * the process: an upper bound, because Settlement also does what is no money (terms, takeovers), and the clock counts for it.
 */
import { PriceDesk } from '../core/pool/price-desk.ts';
import { Settlement } from '../core/settlement/settlement.ts';
import { runCommand } from '../lab/commands/run.ts';

const [scenario, out, ...set] = process.argv.slice(2) as [string, string, ...string[]];
let inside = 0;
let depth = 0;

function clocked<A extends unknown[], R>(f: (...args: A) => R): (this: unknown, ...args: A) => R {
  return function (...args) {
    if (depth > 0) return f.apply(this, args);
    depth++;
    const from = performance.now();
    try {
      return f.apply(this, args);
    } finally {
      inside += performance.now() - from;
      depth--;
    }
  };
}

Settlement.prototype.pulse = clocked(Settlement.prototype.pulse);
PriceDesk.prototype.quote = clocked(PriceDesk.prototype.quote);
const { result } = await runCommand(scenario, { set, out, json: true, quiet: true, check: 'end' });
process.stdout.write(
  `${JSON.stringify({ share: inside / performance.now(), seconds: performance.now() / 1000, fingerprint: result!.fingerprint })}\n`,
);
