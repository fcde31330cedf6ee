/**
 * NVIDIA's Xid errors by what they do to a card and to the work on it: the one table of the simulated world and of the executor, which reads
 * the numbers from real drivers. That 13, 31, 43, 45 and 68 are a program's own and leave the card healthy is what NVIDIA's Kubernetes device
 * plugin goes by, that 48 asks for a reset what NVIDIA's page on health checks says; the rest of the classes, and whose work ends, is recalled
 * from its Xid catalogue (docs.nvidia.com/deploy/xid-errors), and docs/models/failures.md marks it so.
 */
export interface XidClass {
  about: string;
  /** The card stays; is to be reset once it is idle; is lost at once. */
  card: 'stays' | 'drain' | 'dead';
  /** Of the processes on the card: the one that met it, all, none. */
  ends: 'one' | 'all' | 'none';
}

export const xidClasses: ReadonlyMap<number, XidClass> = new Map([
  [13, { about: 'graphics engine exception', card: 'stays', ends: 'one' }],
  [31, { about: 'memory page fault', card: 'stays', ends: 'one' }],
  [43, { about: 'stopped processing', card: 'stays', ends: 'one' }],
  [45, { about: 'pre-emptive clean-up', card: 'stays', ends: 'one' }],
  [68, { about: 'video decoder exception', card: 'stays', ends: 'one' }],
  [109, { about: 'context switch timeout', card: 'stays', ends: 'one' }],
  [48, { about: 'double-bit memory error', card: 'drain', ends: 'one' }],
  [63, { about: 'row remapping recorded', card: 'drain', ends: 'none' }],
  [64, { about: 'row remapping failed', card: 'drain', ends: 'none' }],
  [74, { about: 'NVLink error', card: 'drain', ends: 'all' }],
  [94, { about: 'contained memory error', card: 'drain', ends: 'one' }],
  [79, { about: 'fallen off the bus', card: 'dead', ends: 'all' }],
  [95, { about: 'uncontained memory error', card: 'dead', ends: 'all' }],
  [119, { about: 'system processor does not answer', card: 'dead', ends: 'all' }],
  [120, { about: 'system processor error', card: 'dead', ends: 'all' }],
]);
