/** Deep copy of plain data: objects, arrays, numbers, strings, booleans, null and BigInt. Anything else is refused. */
export function clonePlain<T>(value: T): T {
  if (
    value === null ||
    typeof value === 'number' ||
    typeof value === 'string' ||
    typeof value === 'boolean' ||
    typeof value === 'bigint'
  ) {
    return value;
  }
  if (Array.isArray(value)) return value.map(clonePlain) as T;
  if (typeof value === 'object' && Object.getPrototypeOf(value) === Object.prototype) {
    const copy: Record<string, unknown> = {};
    for (const [k, v] of Object.entries(value)) copy[k] = clonePlain(v);
    return copy as T;
  }
  throw new Error(`clonePlain: not plain data: ${typeof value}`);
}
