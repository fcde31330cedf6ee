/** Modules of a user's own: what is refused, what ends a run, and that one that is right changes nothing but the rule. */
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { MechanismRegistry } from '../../core/interfaces.ts';
import { checkModuleCommand } from '../../lab/commands/check-module.ts';
import { marketScene, runScene } from '../../lab/conformance/scenes.ts';
import { ModuleFault } from '../../lab/modules/fault.ts';
import { guardedPlacement, guardedPricing, guardedQueueing } from '../../lab/modules/guard.ts';
import { loadModule } from '../../lab/modules/load.ts';
import { compileModule, readModule } from '../../lab/modules/source.ts';
import { shipped } from '../../mechanisms/index.ts';
import { inTemp, janction, janctionInside, root } from '../support/cli.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const load = (text: string, file = 'm.ts', limit?: number) => loadModule(compileModule(bytes(text), file), limit);

const placement = (choose: string, more = ''): string =>
  `${more}\nexport default { kind: 'placement', name: 'p', create: (params) => ({\n  choose(cluster, shape, avoid, context) { ${choose} },\n  reset() {} }) };`;
const firstFit =
  'for (let n = 0; n < cluster.nodeCount; n++) if (cluster.fits(n, shape) && !avoid?.has(n)) return n; return -1;';

const queueing = (schedule: string, add = 'jobs.push(job);'): string =>
  `export default { kind: 'queueing', name: 'q', create() { let jobs = []; return {\n  add(job) { ${add} },\n  remove(job) { jobs = jobs.filter((j) => j !== job); },\n  schedule(view) { ${schedule} },\n  reset() { jobs = []; } }; } };`;
const fifo = 'for (const j of [...jobs].sort((a, b) => a.order - b.order)) if (!view.start(j, null)) return;';

const pricing = (clear: string): string =>
  `export default { kind: 'pricing', name: 'c', create: (params, classes) => ({ clear(input) { ${clear} } }) };`;

/** Runs a small market under the module, whatever its kind. */
function market(text: string, limit?: number): string {
  const loaded = load(text, 'm.ts', limit);
  const registry: MechanismRegistry = {
    queueing: (n, p) => (loaded.kind === 'queueing' ? guardedQueueing(loaded, p) : shipped.queueing(n, p)),
    placement: (n, p) => (loaded.kind === 'placement' ? guardedPlacement(loaded, p) : shipped.placement(n, p)),
    pricing: (n, p, c) => (loaded.kind === 'pricing' ? guardedPricing(loaded, p, c) : shipped.pricing(n, p, c)),
  };
  return runScene(marketScene(1, 60), registry).fingerprint;
}

describe('a right module', () => {
  test('decides to the byte as the shipped rule that it repeats', () => {
    const plain = (over: Partial<MechanismRegistry>) =>
      runScene(marketScene(1, 60), { ...shipped, ...over }).fingerprint;
    expect(market(placement(firstFit))).toBe(plain({ placement: () => shipped.placement('first-fit', {}) }));
    expect(market(queueing(fifo))).toBe(plain({ queueing: () => shipped.queueing('fifo', {}) }));
    const rates = { rates: { a: 1_000_000, b: 2_000_000 } };
    expect(market(pricing('return classes.map((c) => params.rates[c]);'))).toBe(
      plain({ pricing: (_n, _p, c) => shipped.pricing('posted', rates, c) }),
    );
  });

  test('sees arithmetic that is the same everywhere, and may speak on stderr only', () => {
    expect(
      market(
        placement(firstFit, "import { log, HOUR_US } from 'janction-lab/core';\nconst x: number = log(2) * HOUR_US;"),
      ),
    ).toBe(market(placement(firstFit)));
  });

  test('a scan of the arrays sees what start() changed', () => {
    const scan = `let before = 0; for (const v of view.cluster.freeMilliByNode) before += v;
      for (const j of [...jobs]) { const ok = view.start(j, null); let now = 0; for (const v of view.cluster.freeMilliByNode) now += v;
        if (ok === (now === before)) throw new Error('stale'); before = now; if (!ok) return; }`;
    expect(market(queueing(scan))).toBe(market(queueing(fifo)));
  });
});

describe('what is refused before anything runs', () => {
  test.each<[string, string, string]>([
    ['empty', '  \n', 'm.ts:1:1: is empty'],
    ['syntax', 'export default {\n  kind: \n};', 'm.ts:3:1:'],
    ['an enum', 'enum A { b }\nexport default {};', 'm.ts:1:1:'],
    ['no default', 'const a = 1;', 'm.ts: exports nothing by default'],
    ['no object', 'export default 3;', 'm.ts: its default export is no object'],
    ['another kind', "export default { kind: 'auction', name: 'x', create() {} };", 'm.ts: kind is "auction"'],
    ['a bad name', "export default { kind: 'placement', name: 'My Rule', create() {} };", 'm.ts: name is "My Rule"'],
    ['no create', "export default { kind: 'placement', name: 'x' };", 'm.ts: create is no function'],
    ['another file', "import { x } from './y.ts';\nexport default {};", 'm.ts:1:1: imports "./y.ts"'],
    ['a Node module', "import { readFileSync } from 'node:fs';\nexport default {};", 'm.ts:1:1: imports "node:fs"'],
    [
      'an unknown import',
      "import { lag } from 'janction-lab/core';\nexport default {};",
      'm.ts: janction-lab/core has no value "lag"',
    ],
    ['a clock', placement('return Date.now() % 2;'), 'm.ts:3:'],
    ['chance', placement('return Math.random() < 1 ? -1 : 0;'), 'uses Math.random; draw with context.draw'],
    ['a rounded logarithm', placement('return Math.log(2) > 0 ? -1 : 0;'), 'uses Math.log, whose last bit differs'],
    ['a power', placement('return 2 ** 3 > 0 ? -1 : 0;'), 'uses **, whose last bit differs'],
    ['waiting', placement('return (async () => -1)();'), 'is asynchronous'],
    ['a way out', placement('return choose.constructor("return 1")();'), 'uses constructor'],
    ['the process', placement('return process.exit(0);'), 'uses process; a mechanism sees only what it is given'],
    ['evaluation', placement('return eval("0");'), 'uses eval'],
    ['locale', placement('return "a".localeCompare("b");'), 'uses localeCompare'],
    [
      'a throwing top level',
      `throw new Error('no');\n${placement(firstFit)}`,
      'm.ts:1:1: its top level threw Error: no',
    ],
    ['an endless top level', `for (;;);\n${placement(firstFit)}`, 'm.ts:1:1: its top level took more than'],
  ])('%s', (_, text, says) => {
    expect(() => load(text, 'm.ts', 1_000_000)).toThrow(ModuleFault);
    expect(() => load(text, 'm.ts', 1_000_000)).toThrow(says);
    expect(() => load(text, 'm.ts', 1_000_000)).toThrow(/; /);
  });

  test('files that are none', async () => {
    await inTemp(async (dir) => {
      mkdirSync(join(dir, 'd.ts'));
      writeFileSync(join(dir, 'binary.ts'), Uint8Array.from([0xff, 0xfe, 0x00]));
      writeFileSync(join(dir, 'huge.ts'), Buffer.alloc(2_000_000, 32));
      symlinkSync('/dev/null', join(dir, 'device.ts'));
      for (const [file, says] of [
        ['absent.ts', 'no such file'],
        ['d.ts', 'is no file'],
        ['binary.ts', 'is not UTF-8'],
        ['huge.ts', 'has 2000000 bytes'],
        ['device.ts', 'is no file'],
      ] as const)
        expect(() => readModule(join(dir, file), file), file).toThrow(`${file}: ${says}`);
    });
  });
});

describe('what ends a run', () => {
  test.each<[string, string, string]>([
    ['throws', placement("throw new TypeError('oh');"), 'm.ts:3:1: choose() threw TypeError: oh; mend the module'],
    ['never returns', placement('while (true);'), 'choose() took more than 1000000 steps and was stopped'],
    [
      'calls itself for ever',
      placement('return (function f(n) { return f(n + 1); })(0);'),
      'choose() called itself too deeply',
    ],
    [
      'swallows its stop',
      placement('while (true) try { for (;;); } catch {}'),
      'choose() took more than 1000000 steps',
    ],
    [
      'spreads without end',
      placement('return [...{ [Symbol.iterator]: () => ({ next: () => ({ done: false }) }) }].length;'),
      'choose() took more than 1000000 steps',
    ],
    ['answers no number', placement("return 'n0';"), 'choose() answered "n0"; answer a node from 0'],
    ['answers NaN', placement('return NaN;'), 'choose() answered null; answer a node'],
    ['answers a machine that is not there', placement('return 99;'), 'choose() answered 99; answer a node from 0'],
    [
      'answers where it does not fit',
      placement('for (let n = 0; n < cluster.nodeCount; n++) if (!cluster.fits(n, shape)) return n; return -1;'),
      'where the task does not fit',
    ],
    [
      'writes to an array',
      placement(`cluster.freeMilliByNode[0] = 0; ${firstFit}`),
      'choose() wrote to cluster.freeMilliByNode',
    ],
    ['writes to a shape', placement(`shape.gpus = 1; ${firstFit}`), 'state is for reading only'],
    [
      'picks GPUs that do not fit',
      placement(firstFit).replace('reset() {}', 'pickGpus(c, n, s, out) { out.push(99); }, reset() {}'),
      'pickGpus() answered GPUs [99]',
    ],
    [
      'lacks a method',
      placement(firstFit).replace(',\n  reset() {}', ''),
      'create() answered an object without reset()',
    ],
    ['answers nothing', "export default { kind: 'placement', name: 'p', create() {} };", 'create() answered undefined'],
    ['writes to a job', queueing(fifo, 'job.spec.priority = 9; jobs.push(job);'), 'state is for reading only'],
    ['changes the view', queueing('view.now = 0;'), 'state is for reading only'],
    [
      'proposes what it made up',
      queueing('view.start({ spec: { job: 7 } }, null);'),
      'start() with job 7, which does not wait',
    ],
    [
      'proposes a job twice',
      queueing('for (const j of [...jobs]) if (view.start(j, null)) view.start(j, null);'),
      'which does not wait',
    ],
    [
      'asks for ever',
      queueing('for (;;) for (const j of jobs) view.reserve(j);'),
      'schedule() took more than 1000000 steps',
    ],
    ['hides what core said', queueing('try { view.start({}, null); } catch {}'), 'which does not wait'],
    ['prices in fractions', pricing('return [0.5, 1];'), 'clear() answered 0.5 for a; answer whole micro-units'],
    ['prices too few', pricing('return [1];'), 'clear() answered [1]; answer one rate for each of a, b'],
    ['prices nothing', pricing(''), 'clear() answered undefined'],
    ['prices below nothing', pricing('return [-2, 1];'), 'clear() answered -2 for a'],
    ['prices in bigints', pricing('return [1n, 2n];'), 'clear() answered 1n for a'],
    ['writes to its input', pricing('input.classes[0].lastRateMicro = 5; return [1, 1];'), 'state is for reading only'],
  ])('a module that %s', (_, text, says) => {
    let fault: unknown;
    try {
      market(text, 1_000_000);
    } catch (e) {
      fault = e;
    }
    expect(fault).toBeInstanceOf(ModuleFault);
    expect((fault as Error).message).toMatch(/^m\.ts[:.]/);
    expect((fault as Error).message).toContain(says);
  });

  test('the command line says it in one line, with exit 2, and leaves nothing behind', async () => {
    await inTemp(async (dir) => {
      const scenario = join(root, 'scenarios/quickstart/scenario.yaml');
      for (const [name, text, says] of [
        [
          'throws.ts',
          placement("throw new Error('oh');"),
          /^error: throws\.ts:3:1: choose\(\) threw Error: oh; mend the module\n$/,
        ],
        [
          'wrong.ts',
          queueing(fifo),
          /^error: wrong\.ts: is a queueing module, but the scenario names it for placement\n$/,
        ],
        ['syntax.js', 'export default {', /^error: syntax\.js:1:\d+: .*; mend the syntax\n$/],
      ] as const) {
        writeFileSync(join(dir, name), text);
        const done = janction(
          ['run', scenario, '--set', `scheduling.placement=${name}`, '--out', 'out', '--quiet'],
          dir,
        );
        expect([name, done.code, done.out]).toEqual([name, 2, '']);
        expect(done.err).toMatch(says);
        expect(existsSync(join(dir, 'out'))).toBe(false);
        expect(existsSync(join(dir, 'out.partial'))).toBe(false);
      }
      const absent = janction(['run', scenario, '--set', 'scheduling.placement=./absent.ts', '--quiet'], dir);
      expect(absent.err).toBe('error: ./absent.ts: no such file; give the path of a .ts or .js module\n');
    });
  });

  test('the step limit is the same step on every machine: the run ends at the same place', () => {
    const places = [1, 2].map(() => {
      try {
        market(queueing(`for (let i = 0; i < view.now; i++); ${fifo}`), 50_000_000);
        return 'ended';
      } catch (e) {
        return (e as Error).message;
      }
    });
    expect(places[0]).toMatch(/took more than 50000000 steps/);
    expect(places[1]).toBe(places[0]);
  });
});

describe('an agent that bids', () => {
  const bidder = (body: string): string =>
    `export default { kind: 'bidder', name: 'b', create: (params) => ({ bid(job) { ${body} } }) };`;
  const run = (...sets: string[]) => {
    const args = [
      'run',
      join(root, 'scenarios/quickstart/scenario.yaml'),
      '--set',
      'horizon=6 hour',
      '--quiet',
      '--json',
    ];
    return janctionInside([...args, ...sets.flatMap((s) => ['--set', s])]);
  };

  test('that tells the truth changes nothing, one that shades pays less, one that stays away is not there', async () => {
    await inTemp(async (dir) => {
      writeFileSync(join(dir, 'honest.js'), bidder('return { bids: job.worth.map((w) => w.microPerGpuHour) };'));
      writeFileSync(
        join(dir, 'shy.js'),
        bidder(
          "return job.draw('come', 2) === 0 ? null : { bids: job.worth.map((w) => Math.floor((w.microPerGpuHour * params.percent) / 100)) };",
        ),
      );
      const plain = await run();
      const honest = await run(`demand.personas.images.bidder=${join(dir, 'honest.js')}`);
      expect(honest.out).toBe(plain.out);
      const name = `demand.personas.images.bidder.name=${join(dir, 'shy.js')}`;
      const shy = JSON.parse((await run(name, 'demand.personas.images.bidder.percent=20')).out);
      const told = JSON.parse(plain.out);
      expect(shy.jobs.submitted).toBeLessThan(told.jobs.submitted - 50);
      expect(shy.rejectedBecause['price-above-bid']).toBeGreaterThan(told.rejectedBecause['price-above-bid'] ?? 0);
      expect(checkModuleCommand(join(dir, 'honest.js')).verdict).toBe('keeps its contract');
    });
  });

  test('that answers nonsense or remembers is found out', async () => {
    await inTemp(async (dir) => {
      writeFileSync(join(dir, 'nonsense.js'), bidder('return { bids: [NaN] };'));
      const done = await run(`demand.personas.images.bidder=${join(dir, 'nonsense.js')}`);
      expect([done.code, done.out]).toEqual([2, '']);
      expect(done.err).toMatch(
        /^error: [^ ]*nonsense\.js: bid\(\) answered \{"bids":\[null\]\}; answer null or \{ bids \}/,
      );
      writeFileSync(join(dir, 'counting.js'), `let n = 0;\n${bidder('n++; return { bids: job.worth.map(() => n) };')}`);
      const broken = checkModuleCommand(join(dir, 'counting.js')).laws.filter((l) => !l.kept);
      expect(broken.map((l) => l.name)).toEqual(['keeps no secret: built afresh before a job it answers the same']);
    });
  });
});

describe('check-module', () => {
  test('finds the law that is broken, and types that do not fit', async () => {
    await inTemp(async (dir) => {
      const put = (name: string, text: string): string => {
        writeFileSync(join(dir, name), text);
        return join(dir, name);
      };
      const broken = (file: string) => checkModuleCommand(file).laws.filter((l) => !l.kept);
      // Remembers which machine it chose last: after a restart it would decide otherwise.
      const secret = put(
        'secret.js',
        placement(
          `for (let k = 1; k <= cluster.nodeCount; k++) { const n = (last + k) % cluster.nodeCount; if (cluster.fits(n, shape) && !avoid?.has(n)) { last = n; return n; } } return -1;`,
          'let last = 0;',
        ),
      );
      expect(broken(secret).map((l) => l.name)).toEqual([
        'is a function of the state: asked twice, after a reset, or built afresh it answers alike',
      ]);
      expect(broken(secret)[0]!.broken).toMatch(/scene \d+ .*answered \d+, asked again \d+/);
      const starving = put(
        'starving.js',
        queueing('for (const j of jobs) if (j.shape.totalMilli < 3000) view.start(j, null);'),
      );
      expect(broken(starving).map((l) => l.name)).toContain('serves everybody that can be served');
      const lazy = put(
        'lazy.js',
        queueing('if (jobs.length > 0) view.start([...jobs].sort((a, b) => a.order - b.order)[0], null);'),
      );
      expect(broken(lazy).map((l) => l.name)).toContain(
        'a pass is exhaustive: asked again at once it starts nothing more',
      );
      const drifting = put(
        'drifting.js',
        pricing('return classes.map(() => n++);')
          .replace('create:', 'x: 1, create:')
          .replace('export default', 'let n = 1; export default'),
      );
      expect(broken(drifting).map((l) => l.name)).toContain(
        'keeps no secret: built afresh before an epoch it answers the same',
      );
      const typed = put(
        'typed.ts',
        "import type { PricingModule } from 'janction-lab/core';\nexport default {\n  kind: 'pricing',\n  name: 'c',\n  create: () => ({ clear: (input) => input.classes.map((c) => c.lastRate) }),\n} satisfies PricingModule;\n",
      );
      const c = checkModuleCommand(typed);
      expect(c.types.faults[0]).toMatch(/typed\.ts:5:\d+: TS\d+ .*lastRate/);
      expect(c.verdict).toBe('breaks its contract');
      const done = await janctionInside(['check-module', join(dir, 'secret.js')]);
      expect(done.code).toBe(1);
      expect(done.out).toContain('BROKEN is a function of the state');
      expect((await janctionInside(['check-module', join(dir, 'secret.js'), '--params', '[1]'])).err).toMatch(
        /^error: --params: want a JSON object/,
      );
      expect((await janctionInside(['check-module', join(dir, 'absent.js')])).code).toBe(2);
    });
  });
});
