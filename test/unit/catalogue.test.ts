import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { loadScenario } from '../../lab/load.ts';
import { CATALOGUE_FILE, catalogueSpeedMilli, readCatalogue } from '../../scenarios/load/catalogue.ts';
import { resolveScenario } from '../../scenarios/load/resolve.ts';
import { root } from '../support/cli.ts';

const bytes = readFileSync(join(root, 'scenarios/gpus.csv'));
const entries = readCatalogue([bytes], 'gpus.csv');
const open = (path: string): Iterable<Uint8Array> => {
  if (path !== CATALOGUE_FILE) throw new Error(path);
  return [bytes];
};

describe('the catalogue', () => {
  test('at least thirty GPUs, and a known source for every figure', () => {
    expect([...entries.values()].filter((e) => e.kind === 'gpu').length).toBeGreaterThanOrEqual(30);
    const page = readFileSync(join(root, 'scenarios/gpus.md'), 'utf8');
    const known = new Set([...page.matchAll(/^\| `([a-z]+)` \|/gm)].map((m) => m[1]!));
    expect(known.has('recalled')).toBe(true);
    for (const e of entries.values()) {
      const figures: Record<string, unknown> = {
        memory: e.memoryGiB,
        bandwidth: e.bandwidthGBps,
        fp32: e.fp32Tflops,
        half: e.halfTflops,
        tdp: e.tdpW,
        mig: e.mig.length > 0 ? e.mig : null,
      };
      for (const [figure, value] of Object.entries(figures)) {
        const source = e.sources[figure] ?? '';
        expect(source !== '', `${e.name}: ${figure}`).toBe(value !== null);
        for (const part of source.split('+')) if (part !== '') expect(known.has(part), `${e.name}: ${part}`).toBe(true);
      }
    }
  });

  test('figures are of a believable size and MIG instances fit their card', () => {
    for (const e of entries.values()) {
      expect(e.bandwidthGBps).toBeGreaterThan(50);
      expect(e.bandwidthGBps).toBeLessThan(10_000);
      for (const p of e.mig) {
        expect(p.memoryGiB * p.most).toBeLessThanOrEqual(e.memoryGiB! * 1.02);
        expect(p.slices * p.most).toBeLessThanOrEqual(7);
      }
    }
  });

  test('speed: 1 for the reference, between the two ratios, a share for an instance', () => {
    const reference = entries.get('rtx-4090')!;
    expect(catalogueSpeedMilli(reference, reference)).toBe(1000);
    for (const e of entries.values()) {
      if (e.kind === 'cpu') continue;
      const peak = (x: typeof e) => Math.max(x.halfTflops ?? 0, x.fp32Tflops ?? 0);
      const ratios = [e.bandwidthGBps / reference.bandwidthGBps, peak(e) / peak(reference)];
      const speed = catalogueSpeedMilli(e, reference) / 1000;
      expect(speed).toBeGreaterThanOrEqual(Math.min(...ratios) - 0.001);
      expect(speed).toBeLessThanOrEqual(Math.max(...ratios) + 0.001);
    }
    const h100 = entries.get('h100-sxm')!;
    const seventh = h100.mig.find((p) => p.name === '1g.10gb')!;
    expect(catalogueSpeedMilli(h100, reference, seventh)).toBe(Math.round(catalogueSpeedMilli(h100, reference) / 7));
  });

  test.each([
    ['', 'gpus.csv:1:1: the file is empty; restore the catalogue'],
    ['name,kind\n', 'gpus.csv:1:1: no column "model"; restore the catalogue'],
    [bytes.toString().replace('\na10,gpu', '\na10,toy'), 'kind "toy" is unknown; write gpu, accelerator or cpu'],
    [
      bytes.toString().replace(',600,recalled', ',-600,recalled'),
      'bandwidth_gbps "-600" is no plain number; write one',
    ],
    [`${bytes}${bytes.toString().split('\n')[1]}\n`, 'a second model "a10"; give each model its own id'],
  ])('faults %#', (text, message) => {
    expect(() => readCatalogue([new TextEncoder().encode(text)], 'gpus.csv')).toThrow(message);
  });
});

const text = (classes: string, group = '') => `
name: c
horizon: 1 day
fleet:
  classes: [${classes}]
  groups: [{ name: g, gpus: 2, class: k${group} }]
demand:
  personas:
    - { name: p, arrivals: { rate: 1 job/hour }, work: { median: 1 hour }, value: { median: 1 USD/hour } }
pricing:
  rates: { k: 1 USD/hour }
`;
const load = (classes: string, group?: string) => resolveScenario(text(classes, group), 'c.yaml', [], undefined, open);

describe('classes that name a model', () => {
  test('take memory, speed and power from it, and keep what is written', () => {
    const s = load(
      '{ name: k, model: a100-sxm-80 }',
      ', cost: 0.01 USD/hour, energy: { price: 0.2 USD/kWh, overhead: 1.5 }',
    );
    expect(s.market.classes).toEqual([{ name: 'k', memoryMiB: 80 * 1024 }]);
    const { speedMilli, costMicroPerGpuHour } = s.nodes[0]!;
    expect(speedMilli).toBe(catalogueSpeedMilli(entries.get('a100-sxm-80')!, entries.get('rtx-4090')!));
    // 0.01 + 0.2 USD/kWh x 0.4 kW x 1.5
    expect(costMicroPerGpuHour).toBe(130_000);
    const own = load('{ name: k, model: a100-sxm-80, memory: 79 GiB, speed: 2 }');
    expect([own.market.classes[0]!.memoryMiB, own.nodes[0]!.speedMilli]).toEqual([79 * 1024, 2000]);
    const slice = load('{ name: k, model: a100-sxm-80, mig: 3g.40gb }', ', energy: { price: 0.1 USD/kWh }');
    expect(slice.market.classes[0]!.memoryMiB).toBe(40 * 1024);
    // Half the card's power for one of two instances.
    expect(slice.nodes[0]!.costMicroPerGpuHour).toBe(20_000);
  });

  test.each([
    ['{ name: k, model: a100-sxm-81 }', '', 'unknown model "a100-sxm-81"; did you mean "a100-sxm-80"?'],
    ['{ name: k, model: epyc-9654 }', '', 'not a GPU: "epyc-9654"; have: a10'],
    ['{ name: k, model: a30, mig: 1g.5gb }', '', 'unknown MIG profile "1g.5gb"; did you mean "1g.6gb"?'],
    ['{ name: k, memory: 1 GiB, mig: 1g.5gb }', '', 'stands without a model; add the model it is a profile of'],
    ['{ name: k }', '', 'no memory; write one such as "memory: 24 GiB", or name a model'],
    ['{ name: k, memory: 1 GiB }', ', energy: { price: 0.2 USD/kWh }', 'the class "k" has no known power'],
    ['{ name: k, model: a30 }', ', energy: { price: 0.2 USD/hour }', 'is a price, not a price of electricity'],
  ])('%s%s', (classes, group, message) => {
    expect(() => load(classes, group)).toThrow(message);
  });

  test('without files the key is refused', () => {
    expect(() => resolveScenario(text('{ name: k, model: a30 }'), 'c.yaml')).toThrow(
      'needs the catalogue, which cannot be opened here; write memory and speed',
    );
  });

  test('the lab opens it', async () => {
    const s = await loadScenario(
      join(root, 'scenarios/quickstart/scenario.yaml'),
      ['fleet.classes.rtx-4090.model=h100-sxm'],
      1,
    );
    expect(s.market.classes[1]!.name).toBe('rtx-4090');
  });
});
