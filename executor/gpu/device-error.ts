/** A device that cannot do what it was asked: the worker says why in one line. */
export class DeviceError extends Error {
  override readonly name = 'DeviceError';
}
