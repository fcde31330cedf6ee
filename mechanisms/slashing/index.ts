/** Door of slashing. */
export { equivocation, slashable, unresponsive } from './slash-size.ts';
