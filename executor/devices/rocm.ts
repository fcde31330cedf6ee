/**
 * AMD GPUs as `rocm-smi --json` tells of them. Nothing here has met a real one: the output is that of its documentation. A card is
 * known by its unique number, which ROCR_VISIBLE_DEVICES takes as GPU-….
 */
import { execFileSync } from 'node:child_process';
import type { Device } from './devices.ts';
import type { CardHealth, GpuDriver, GpuUse } from './gpu-driver.ts';

const TIMEOUT_MS = 20_000;
const MIB = 1048576;

type Smi = () => string;

const callSmi: Smi = () =>
  execFileSync('rocm-smi', ['--showuniqueid', '--showproductname', '--showmeminfo', 'vram', '--json'], {
    encoding: 'utf8',
    timeout: TIMEOUT_MS,
    stdio: ['ignore', 'pipe', 'ignore'],
  });

interface Card {
  id: string;
  name: string;
  totalMiB: number;
  usedMiB: number | null;
}

/** Cards by the order of the program; names of fields differ in capitals between its versions. */
export function parseRocm(text: string): Card[] {
  const json = JSON.parse(text) as Record<string, Record<string, string>>;
  const cards: Card[] = [];
  for (const [key, fields] of Object.entries(json)) {
    if (!/^card\d+$/.test(key)) continue;
    const value = (name: string): string | undefined =>
      Object.entries(fields).find(([k]) => k.toLowerCase() === name.toLowerCase())?.[1];
    const unique = /^0x([0-9a-f]{1,16})$/i.exec(value('Unique ID') ?? '');
    // Without a number of its own a card could be taken for another.
    if (unique === null) continue;
    const mib = (name: string): number | null => {
      const bytes = value(name) ?? '';
      return /^\d+$/.test(bytes) ? Math.floor(Number(bytes) / MIB) : null;
    };
    cards.push({
      id: `GPU-${unique[1]!.toLowerCase()}`,
      name: value('Card series') ?? value('Card model') ?? 'AMD GPU',
      totalMiB: mib('VRAM Total Memory (B)') ?? 0,
      usedMiB: mib('VRAM Total Used Memory (B)'),
    });
  }
  return cards;
}

export class RocmSmi implements GpuDriver {
  readonly name = 'rocm-smi';
  readonly #smi: Smi;
  readonly #devices: Device[];

  constructor(smi: Smi = callSmi) {
    this.#smi = smi;
    let cards: Card[] = [];
    try {
      cards = parseRocm(smi());
    } catch {
      // No driver, or no answer that can be read: no devices.
    }
    this.#devices = cards.map((c) => ({ id: c.id, kind: 'amd', name: c.name, memoryMiB: c.totalMiB, card: c.id }));
  }

  devices(): Device[] {
    return this.#devices;
  }

  /** It tells processes of the machine, not of a card: what is free is judged by memory alone. */
  async use(): Promise<Map<string, GpuUse>> {
    return new Map(parseRocm(this.#smi()).map((c) => [c.id, { pids: [], usedMiB: c.usedMiB }]));
  }

  async health(): Promise<CardHealth[]> {
    return parseRocm(this.#smi()).map((c) => ({ card: c.id, uncorrected: null, xids: [] }));
  }
}
