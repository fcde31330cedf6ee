import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { packageDirectory } from '../../executor/devices/native.ts';
import { kernels } from '../../executor/gpu/ptx.ts';
import type { ChallengeJson } from '../../lab/commands/challenge.ts';
import { CHALLENGE_MODULUS } from '../../mechanisms/verification/index.ts';
import { inTemp, janction } from '../support/cli.ts';

/**
 * The text that ran on an H100 (driver 580.159.04, 27 November 2026): the product modulo 4,093 agreed in every entry with multiplyMod, the
 * one in single precision to 3e-7. A machine without a card cannot tell whether another text is right: after a change try it on one.
 */
test('the kernels are those that were verified on a card', () => {
  expect(createHash('sha256').update(kernels()).digest('hex')).toBe(
    '174c98fe41d12aec68c2831898c077d0bf55136f9453e2d94d567c03bdcc1a26',
  );
});

const assembles = ((): boolean => {
  try {
    execFileSync('ptxas', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();

test.skipIf(!assembles)('NVIDIA’s assembler takes them (needs ptxas)', async () => {
  await inTemp(async (dir) => {
    const file = join(dir, 'k.ptx');
    writeFileSync(file, kernels());
    for (const arch of ['sm_80', 'sm_90'])
      execFileSync('ptxas', ['-arch', arch, file, '-o', join(dir, 'k.cubin')], { stdio: 'pipe' });
  });
});

test('sixteen tiles of products and a residue fit 32 bits before they are reduced', () => {
  const q = CHALLENGE_MODULUS;
  expect(16 * 16 * (q - 1) * (q - 1) + q - 1).toBeLessThan(2 ** 32);
});

const swiftshader = '/usr/lib/chromium/vk_swiftshader_icd.json';
const webgpu = packageDirectory('webgpu') !== null;

test.skipIf(webgpu)('without the package webgpu the adapter is missed in one line', () => {
  const a = janction(['challenge', '--devices', 'webgpu']);
  expect([a.code, a.out]).toEqual([2, '']);
  expect(a.err).toMatch(/^error: --devices webgpu: .*npm install webgpu.*\n$/);
});

// Needs `npm install --no-save webgpu`, Chromium's SwiftShader and Vulkan's loader.
test.skipIf(!webgpu || !existsSync(swiftshader))('a software adapter answers a challenge under isolation', () => {
  const args = ['challenge', '--devices', 'webgpu', '--side', '64', '--json'];
  const a = janction(args, undefined, { VK_ICD_FILENAMES: swiftshader });
  expect(a.code).toBe(0);
  expect(JSON.parse(a.out) as ChallengeJson).toMatchObject({ accepted: true, device: 'webgpu' });
});
