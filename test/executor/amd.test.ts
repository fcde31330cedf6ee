import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { expect, test } from 'vitest';
import { inTemp, janction } from '../support/cli.ts';

const card = {
  'Unique ID': '0xab12cd34ef560001',
  'Card Series': 'AMD Instinct MI300X',
  'VRAM Total Memory (B)': '206141652992',
  'VRAM Total Used Memory (B)': '297816064',
};

const scenario = (job: string): string => `name: amd
horizon: until done
fleet:
  classes: [{ name: card, memory: 24 GiB }]
  groups: [{ name: owner, nodes: 1, gpus: 1, class: card, cpu: 16 cores, ram: 64 GiB }]
demand: { jobs: [{ ${job} work: 1 minute }] }
pricing: { rates: { card: 0.6 USD/hour } }
output: { sample: none }
`;

// A program of the documented output stands for rocm-smi.
test.skipIf(process.platform === 'win32')(
  'an AMD card is given to commands by its unique number, and to nothing that would not run on it',
  async () => {
    await inTemp((dir) => {
      const smi = join(dir, 'rocm-smi');
      writeFileSync(smi, `#!/bin/sh\necho '${JSON.stringify({ card0: card })}'\n`);
      chmodSync(smi, 0o755);
      const file = join(dir, 'amd.yaml');
      const out = join(dir, 'x');
      const run = (args: string[]) =>
        janction(args, undefined, { PATH: `${dir}${delimiter}${process.env['PATH'] ?? ''}` });
      writeFileSync(file, scenario('command: "echo $ROCR_VISIBLE_DEVICES [$CUDA_VISIBLE_DEVICES]",'));
      const args = ['execute', file, '--devices', 'amd', '--time-scale', '60', '--out', out, '--quiet'];
      expect([run(args).err, readFileSync(join(out, 'jobs', '1-1-0', 'stdout'), 'utf8')]).toEqual([
        '',
        'GPU-ab12cd34ef560001 []\n',
      ]);
      writeFileSync(file, scenario(''));
      for (const refused of [
        ['execute', file, '--devices', 'amd', '--out', join(dir, 'y')],
        ['challenge', '--devices', 'amd'],
        ['calibrate', '--devices', 'amd', '--quiet'],
      ]) {
        const a = run(refused);
        expect([a.code, a.out]).toEqual([2, '']);
        expect(a.err).toMatch(/^error: .*GPU-ab12cd34ef560001.*no built-in work/);
      }
    });
  },
);
