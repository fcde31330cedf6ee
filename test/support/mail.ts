import type { Input } from '../../core/machine.ts';
import { type Mail, Mailroom } from '../../core/mail.ts';

/** What a machine that stands alone in a test is handed at its pulse. */
export function mailOf(letters: readonly { input: Input; from: number }[]): Mail {
  const room = new Mailroom(1);
  for (const { input, from } of letters) room.put(0, input, from);
  return room.of(0);
}
