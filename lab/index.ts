export type { TimeUs } from '../core/types.ts';
