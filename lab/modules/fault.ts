import { UsageError } from '../errors.ts';

/** A user's module cannot be used, or broke its contract while it ran: one line that names the file. */
export class ModuleFault extends UsageError {
  constructor(file: string, what: string, at?: { line: number; column: number }) {
    super(`${file}${at === undefined ? '' : `:${at.line}:${at.column}`}: ${what}`);
    this.name = 'ModuleFault';
  }
}
