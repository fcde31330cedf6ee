/** Dates of traces as microseconds since 1970, without the platform's clock or zones. */
import { quoted } from '../input-error.ts';
import type { CsvReader } from './csv.ts';

const DAY_US = 86_400_000_000;
const STAMP = /^(\d{4})-(\d\d)-(\d\d)[ T](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:?\d\d)?$/;
const monthDays = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/** Days from 1970-01-01 to a date of the Gregorian calendar (proleptic); the month counts from 1. */
export function daysFromCivil(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year;
  const era = Math.floor(y / 400);
  const yearOfEra = y - era * 400;
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1;
  const dayOfEra = yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear;
  return era * 146_097 + dayOfEra - 719_468;
}

/**
 * Microseconds since 1970-01-01T00:00:00Z of `YYYY-MM-DD hh:mm:ss[.fraction][zone]`, or -1 when the text is no such time or lies
 * before 1970. Without a zone the time is taken as UTC. Decimals beyond the sixth are cut.
 */
export function timestampUs(text: string): number {
  const m = STAMP.exec(text);
  if (m === null) return -1;
  const [year, month, day, hour, minute, second] = m.slice(1, 7).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const leap = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  const days = (monthDays[month - 1] ?? 0) + (month === 2 && leap ? 1 : 0);
  if (day < 1 || day > days || hour > 23 || minute > 59 || second > 60) return -1;
  const micros = Number((m[7] ?? '').padEnd(6, '0').slice(0, 6));
  const zone = m[8] ?? 'Z';
  let offsetMinutes = 0;
  if (zone !== 'Z') {
    const digits = zone.replace(':', '');
    offsetMinutes = (Number(digits.slice(1, 3)) * 60 + Number(digits.slice(3, 5))) * (digits[0] === '-' ? -1 : 1);
  }
  const seconds = hour * 3600 + (minute - offsetMinutes) * 60 + second;
  const us = daysFromCivil(year, month, day) * DAY_US + seconds * 1_000_000 + micros;
  return us >= 0 ? us : -1;
}

/** `YYYY-MM-DD hh:mm:ss.ffffff` of microseconds since 1970: what the writers of traces use. */
export function timestampText(us: number): string {
  const days = Math.floor(us / DAY_US);
  // The inverse of daysFromCivil, by eras of 400 years that begin in March.
  const z = days + 719_468;
  const era = Math.floor(z / 146_097);
  const doe = z - era * 146_097;
  const yoe = Math.floor((doe - Math.floor(doe / 1460) + Math.floor(doe / 36_524) - Math.floor(doe / 146_096)) / 365);
  const doy = doe - (365 * yoe + Math.floor(yoe / 4) - Math.floor(yoe / 100));
  const mp = Math.floor((5 * doy + 2) / 153);
  const day = doy - Math.floor((153 * mp + 2) / 5) + 1;
  const month = mp < 10 ? mp + 3 : mp - 9;
  const year = yoe + era * 400 + (month <= 2 ? 1 : 0);
  const rest = us - days * DAY_US;
  const two = (n: number) => String(n).padStart(2, '0');
  const second = Math.floor(rest / 1_000_000);
  const clock = `${two(Math.floor(second / 3600))}:${two(Math.floor(second / 60) % 60)}:${two(second % 60)}`;
  const part = String(rest % 1_000_000).padStart(6, '0');
  return `${String(year).padStart(4, '0')}-${two(month)}-${two(day)} ${clock}.${part}`;
}

/** Field as microseconds since 1970. Throws TraceError. */
export function timestamp(csv: CsvReader, column: number, what: string): number {
  const text = csv.field(column);
  const us = timestampUs(text);
  if (us < 0) throw csv.fault(`${what} ${quoted(text)} is no time; write one such as 2023-11-16 18:17:03.97`, column);
  return us;
}
