/**
 * janction-lab/executor: wall time for the market. The same core as in simulation, driven by the clock, with real processes and
 * a durable journal. Nothing here knows the simulator.
 */
export { type CalibrateOptions, type CalibrationJson, calibrate } from './calibrate.ts';
export { WallClock } from './clock.ts';
export { type Device, findDevices, firstDevice, hasBuiltinWork } from './devices/devices.ts';
export { type GpuDriver, gpuDrivers } from './devices/gpu-driver.ts';
export { DeviceHealth, type HealthState, HealthWatch } from './devices/health.ts';
export { loadNative, packageDirectory } from './devices/native.ts';
export { type ExecutionResult, Executor, type ExecutorOptions } from './driver.ts';
export { Lock } from './durable/lock.ts';
export { type Recovered, recover } from './durable/recover.ts';
export { readSnapshot, type Snapshot, writeSnapshot } from './durable/snapshot.ts';
export { FileStorage, type JournalStorage, StorageFull, syncDirectory } from './durable/storage.ts';
export { ExecutorError } from './executor-error.ts';
export { Lag, type LagJson } from './lag.ts';
export type { Arrivals, FactSink, Launcher, LeaseLimits, PlannedArrival, Work } from './launcher.ts';
export { chooseNodes, type Remote, Slurm, type SlurmNode, slurmDevices, slurmNodes } from './launchers/slurm.ts';
export { type ChallengeOptions, type ChallengeResult, runChallenge } from './run-challenge.ts';
export { StatusServer } from './status.ts';
export { chooseIsolation, type Isolation, isolationName, noIsolation, probeIsolation } from './work/isolation.ts';
export { LocalLauncher, type LocalOptions } from './work/local.ts';
export { processesOf, reapRun } from './work/proc.ts';
