import { spawn } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { StatusServer } from '../../executor/status.ts';
import { cli, inTemp, janction, root } from '../support/cli.ts';

describe('the status endpoint', () => {
  test('answers on loopback to the token only, and can only be looked at', async () => {
    const server = new StatusServer(() => ({ n: 7 }));
    const url = await server.listen(0);
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/status$/);
    const ask = async (path: string, authorization?: string, method = 'GET'): Promise<[number, unknown]> => {
      const headers = authorization === undefined ? {} : { authorization };
      const r = await fetch(url.replace('/status', path), { method, headers });
      return [r.status, await r.json()];
    };
    const good = `Bearer ${server.token}`;
    expect(await ask('/status', good)).toEqual([200, { n: 7 }]);
    for (const bad of [undefined, '', 'Bearer ', server.token, `Bearer ${server.token}x`, good.toLowerCase()])
      expect((await ask('/status', bad))[0]).toBe(401);
    expect((await ask('/status', good, 'POST'))[0]).toBe(405);
    expect((await ask('/', good))[0]).toBe(404);
    const other = new StatusServer(() => null);
    await expect(other.listen(Number(new URL(url).port))).rejects.toThrow(
      /--status \d+: EADDRINUSE; give another port/,
    );
    expect(other.token).not.toBe(server.token);
    server.close();
    await expect(fetch(url)).rejects.toThrow();
  });

  test('a run tells how it goes while it goes, and leaves no token behind', async () => {
    await inTemp(async (dir) => {
      const out = join(dir, 'x');
      const args = ['execute', 'scenarios/quickstart/executed.yaml', '--devices', 'cpu:2', '--out', out, '--quiet'];
      const flags = ['--time-scale', '3600', '--set', 'horizon=4 hour', '--status'];
      const child = spawn(process.execPath, [cli, ...args, ...flags], { cwd: root, stdio: 'ignore' });
      const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
      const file = join(`${out}.partial`, 'status.json');
      while (!existsSync(file) || readFileSync(file, 'utf8') === '') await new Promise((r) => setTimeout(r, 10));
      expect(statSync(file).mode & 0o777).toBe(0o600);
      const { url, token } = JSON.parse(readFileSync(file, 'utf8')) as { url: string; token: string };
      const r = await fetch(url, { headers: { authorization: `Bearer ${token}` } });
      expect(await r.json()).toMatchObject({
        schema: 'janction.status/1',
        scenario: 'quickstart-executed',
        storageFull: false,
        devices: [{ device: 'cpu:0' }, { device: 'cpu:1' }],
      });
      expect(await ended).toBe(0);
      expect(existsSync(join(out, 'status.json'))).toBe(false);
    });
  });

  test('a port that is none is refused', () => {
    const a = janction(['execute', 'scenarios/quickstart/executed.yaml', '--status', '70000', '--out', 'nowhere']);
    expect([a.code, a.out]).toEqual([2, '']);
  });
});
