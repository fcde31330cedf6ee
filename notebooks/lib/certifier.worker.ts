/** The certifier off the page's thread: one row of the table at a time, so that a red cell shows as soon as it is found. */
import { certifyCase, tableRows } from '../../lab/certify/classes.ts';
import { oneShots } from '../../mechanisms/pricing/one-shot-index.ts';
import type { FromCertifier, ToCertifier } from './certifier.ts';

const post = (m: FromCertifier): void => postMessage(m);
let latest = 0;

addEventListener('message', (event: MessageEvent<ToCertifier>) => {
  const { id, markets, seed } = event.data;
  latest = id;
  void examine(id, markets, seed);
});

const breathe = (): Promise<void> =>
  new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port2.onmessage = () => {
      port1.close();
      resolve();
    };
    port1.postMessage(0);
  });

async function examine(id: number, markets: number, seed: number): Promise<void> {
  for (const [i, row] of tableRows.entries()) {
    await breathe();
    if (id !== latest) return;
    try {
      const certificate = certifyCase(oneShots.get(row.mechanism)!, row.property, row.options, { markets, seed });
      post({ id, kind: 'row', index: i, of: tableRows.length, row: { ...row, certificate } });
    } catch (e) {
      post({ id, kind: 'error', message: `${row.mechanism}, ${row.property}: ${String(e)}` });
      return;
    }
  }
}
