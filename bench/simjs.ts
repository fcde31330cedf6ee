/**
 * simjs 2.0.3 for Node: its bundle only sets `window.Sim`, so it gets a window while it loads. The few types are ours. See
 * docs/decisions/0004 for why it is a peer and an oracle and not the kernel.
 */
import { createRequire } from 'node:module';

export interface SimjsRequest {
  done(callback: (...args: never[]) => void, context: object, argument?: unknown): SimjsRequest;
  waitUntil(delay: number, callback: (...args: never[]) => void, context: object, argument?: unknown): SimjsRequest;
  cancel(): void;
}
export interface SimjsEntity {
  time(): number;
  setTimer(delay: number): SimjsRequest;
  useFacility(facility: object, duration: number): SimjsRequest;
  start(): void;
}
interface Simjs {
  Sim: new () => {
    addEntity(entity: new () => SimjsEntity): SimjsEntity;
    simulate(end: number, maxEvents?: number): boolean;
    time(): number;
  };
  Entity: abstract new () => Omit<SimjsEntity, 'start'>;
  Facility: (new (
    name: string,
    discipline: number,
    servers: number,
  ) => object) & { FCFS: number; LCFS: number; PS: number };
}

let loaded: Simjs | undefined;

export function simjs(): Simjs {
  // A second `require` would not run the bundle again.
  loaded ??= load();
  return loaded;
}

function load(): Simjs {
  const scope = globalThis as { window?: unknown };
  const had = scope.window;
  const window: { Sim?: Simjs } = {};
  scope.window = window;
  try {
    createRequire(import.meta.url)('simjs');
  } finally {
    if (had === undefined) delete scope.window;
    else scope.window = had;
  }
  const { Sim } = window;
  if (Sim === undefined) throw new Error('simjs did not define window.Sim');
  return Sim;
}
