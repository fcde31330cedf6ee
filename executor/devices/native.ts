/**
 * Libraries of the system called from here: koffi, an optional package with prebuilt binaries. Where it or a library is missing
 * there is simply none of what it would have given.
 */
import { createRequire } from 'node:module';
import { dirname } from 'node:path';

export type NativeFunction = (...args: unknown[]) => number;

export interface NativeLibrary {
  /** By its C declaration; throws when the library has none of the name. */
  func(declaration: string): NativeFunction;
}

/** The part of koffi that is used. Pointers are bigints; `_Out_` parameters are arrays of one. */
export interface Native {
  load(path: string): NativeLibrary;
  struct(name: string, fields: Record<string, string | unknown>): unknown;
  alloc(type: string, length: number): bigint;
  encode(at: bigint, offset: number, type: string, value: unknown): void;
  address(at: bigint): bigint;
}

const require = createRequire(import.meta.url);

/** Null where the package is not installed or has no binary for this machine. */
export function loadNative(): Native | null {
  try {
    return require('koffi') as Native;
  } catch {
    return null;
  }
}

/** Directory of an installed package, or null. */
export function packageDirectory(name: string): string | null {
  try {
    return dirname(require.resolve(name));
  } catch {
    return null;
  }
}

/** Directories of the package: a job that calls a driver must be able to read them inside its confinement. */
export function nativeDirectories(): string[] {
  const found: string[] = [];
  try {
    const koffi = require.resolve('koffi');
    found.push(dirname(koffi));
    const binary = `@koromix/koffi-${process.platform}-${process.arch}`;
    found.push(dirname(createRequire(koffi).resolve(`${binary}/package.json`)));
  } catch {
    // Not installed, or without a binary package of its own.
  }
  return found;
}
