/**
 * How a run goes, over HTTP, for whoever asked for it: on the loopback address only, and only to those who have the token. It can be
 * looked at and nothing else.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ExecutorError } from './executor-error.ts';

const HOST = '127.0.0.1';

const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

export class StatusServer {
  readonly token = randomBytes(24).toString('base64url');
  readonly #server: Server;

  /** `report` is called for each question; what it answers becomes JSON. */
  constructor(report: () => unknown) {
    const wanted = digest(`Bearer ${this.token}`);
    this.#server = createServer((request, response) => {
      const answer = (code: number, body: unknown): void => {
        response.writeHead(code, { 'content-type': 'application/json', 'cache-control': 'no-store' });
        response.end(`${JSON.stringify(body)}\n`);
      };
      // Digests are of one length, so the comparison tells nothing by its time.
      if (!timingSafeEqual(digest(request.headers.authorization ?? ''), wanted))
        return answer(401, { error: 'no token' });
      if (request.method !== 'GET') return answer(405, { error: 'only GET' });
      if (request.url !== '/status') return answer(404, { error: 'only /status' });
      answer(200, report());
    });
    // It must not keep a finished run alive.
    this.#server.unref();
    this.#server.headersTimeout = 5_000;
    this.#server.maxConnections = 16;
  }

  /** Port 0 = any that is free; answers the address. */
  listen(port: number): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', (e: NodeJS.ErrnoException) =>
        reject(
          new ExecutorError(
            `--status ${port}: ${e.code ?? e.message}; give another port, or none for any that is free`,
          ),
        ),
      );
      this.#server.listen(port, HOST, () =>
        resolve(`http://${HOST}:${(this.#server.address() as AddressInfo).port}/status`),
      );
    });
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}
