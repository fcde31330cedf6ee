/** Why an arithmetic call was refused. Callers branch on the code, never on the message. */
export type NumErrorCode =
  | 'overflow' // the exact result does not fit the type that was asked for
  | 'not-safe-integer' // an argument is not an integer of at most 53 bits
  | 'divide-by-zero'
  | 'range' // an argument lies outside the function's domain
  | 'parse' // a text is not a number in the accepted grammar
  | 'zero-weight'; // a non-zero total has nobody to go to

/** The one error class of core/num. Nothing here wraps, saturates or rounds in silence: it throws this instead. */
export class NumError extends Error {
  readonly code: NumErrorCode;

  constructor(code: NumErrorCode, message: string) {
    super(`${code}: ${message}`);
    this.name = 'NumError';
    this.code = code;
  }
}
