/** janction-lab/sim: virtual time for the market, and the kernel for models of your own. */
export { Simulation, type SimulationOptions, type SimulationState } from './driver.ts';
export { PiecewiseArrivals, ThinnedArrivals } from './kernel/arrivals.ts';
export type { Distribution } from './kernel/distributions.ts';
export * as distributions from './kernel/distributions.ts';
export * from './kernel/estimators.ts';
export { HeapQueue } from './kernel/heap-queue.ts';
export { type Handler, Kernel, type KernelOptions } from './kernel/kernel.ts';
export { LadderQueue } from './kernel/ladder-queue.ts';
export { Interrupt, Process, type ProcessBody, type Wait } from './kernel/process.ts';
export { ProcessorSharing } from './kernel/processor-sharing.ts';
export { type EventQueue, emptyEvent, type QueueState, type SimEvent } from './kernel/queue.ts';
export { Preempted, preemptedFrom, type RequestOptions, Resource } from './kernel/resource.ts';
export { allOf, anyOf, Signal, timeout } from './kernel/signal.ts';
export { Container, Store, type WaitOptions } from './kernel/store.ts';
export { Stream, type StreamState, Streams } from './kernel/streams.ts';
export {
  demandSource,
  finishRun,
  marketConfig,
  type PreparedRun,
  prepareRun,
  type RunOptions,
  resultOf,
  runScenario,
} from './run.ts';
export { type RunJson, Summary } from './summary.ts';
export type { Arrival, DemandSource } from './world/demand.ts';
export { Fleet, type NodeLife } from './world/fleet.ts';
export { drawPrice, Imputation } from './world/imputation.ts';
export { Network, type NetworkOptions, type Partition } from './world/network.ts';
export { PersonaDemand } from './world/personas.ts';
export { Processes, type ProcessModel, type ProcessTimes, type Work } from './world/processes.ts';
export {
  answerKey,
  type RecordedAnswer,
  RecordedWorld,
  type Recording,
  RecordingBuilder,
} from './world/recorded.ts';
export { timeDistribution } from './world/time-distribution.ts';
export { TraceDemand } from './world/trace-demand.ts';
