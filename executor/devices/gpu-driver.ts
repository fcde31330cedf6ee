/** What the executor asks of a maker's driver: which devices there are, what is on them, what speaks against them. */
import type { Device } from './devices.ts';
import { loadNative } from './native.ts';
import { NvidiaSmi } from './nvidia.ts';
import { openNvml } from './nvml.ts';
import { RocmSmi } from './rocm.ts';

export interface GpuUse {
  /** Processes of anyone; those of another container are not seen. */
  pids: number[];
  /** Null when the driver does not say. */
  usedMiB: number | null;
}

export interface CardHealth {
  /** UUID of the card. */
  card: string;
  /** Uncorrected memory errors since the driver was loaded; null = not counted. */
  uncorrected: number | null;
  /** NVIDIA's error numbers since the last question. */
  xids: readonly number[];
  /** It was there once and does not answer. */
  gone?: boolean;
}

export interface GpuDriver {
  readonly name: string;
  devices(): Device[];
  /** By device; rejects when the driver does not answer: then nothing is known to be free. */
  use(): Promise<Map<string, GpuUse>>;
  /** By card; a card that is not listed is not there. */
  health(): Promise<CardHealth[]>;
}

/** The drivers of this machine that have a device: NVIDIA's library, or else its program; AMD's program. */
export function gpuDrivers(): GpuDriver[] {
  const nvml = openNvml(loadNative());
  const nvidia = nvml !== null && nvml.devices().length > 0 ? nvml : new NvidiaSmi();
  return [nvidia, new RocmSmi()].filter((d) => d.devices().length > 0);
}
