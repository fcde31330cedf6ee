/** The benchmark's models in simjs 2.0.3, as its manual would have them: timers of an entity, and a Facility. */
import { cpu } from './kernel-ours.ts';
import { BestFit, mixDeparture, type Outcome, TWO40, type Work } from './kernel-trace.ts';
import { type SimjsEntity, simjs } from './simjs.ts';

const { Sim, Entity, Facility } = simjs();

/** Runs at most `most` events of simjs; CPU time per logical event. */
function simulate(events: number, entity: new () => SimjsEntity, most = Number.MAX_VALUE): { ns: number; end: number } {
  const sim = new Sim();
  sim.addEntity(entity);
  const before = cpu();
  sim.simulate(Number.MAX_VALUE, most);
  return { ns: (cpu() - before) / events, end: sim.time() };
}

export function simjsHold({ size, events, warmUp, gaps }: Work): Outcome {
  const mask = gaps.length - 1;
  let k = 0;
  let order = 0;
  let waits = 0;
  let left = warmUp + events;
  let before = 0;
  class Hold extends Entity {
    start(): void {
      for (let i = 0; i < size; i++) this.start1(i);
    }
    // simjs passes no argument that is falsy.
    start1(id: number): void {
      this.setTimer(gaps[k++ & mask]!).done(this.fire, this, id + 1);
    }
    fire(id: number): void {
      if (left-- === events) before = cpu();
      waits = (waits + this.time()) % TWO40;
      order = (Math.imul(order, 31) + id - 1) | 0;
      this.start1(id - 1);
    }
  }
  const { end } = simulate(events, Hold, warmUp + events);
  return { nsPerEvent: (cpu() - before) / events, waits, end, order: order >>> 0, bytes: null };
}

export function simjsQueue({ size: servers, events, gaps, times }: Work): Outcome {
  let waits = 0;
  let order = 0;
  let next = 0;
  const facility = new Facility('servers', Facility.FCFS, servers);
  class Source extends Entity {
    start(): void {
      this.setTimer(gaps[0]!).done(this.arrival, this, 0);
    }
    arrival(): void {
      const c = next++;
      const arrived = this.time();
      this.useFacility(facility, times[c]!).done(this.departure, this, [c, arrived]);
      if (next < gaps.length) this.setTimer(gaps[next]!).done(this.arrival, this, 0);
    }
    departure(c: number, arrived: number): void {
      waits += this.time() - arrived - times[c]!;
      order = mixDeparture(order, c, this.time());
    }
  }
  const { ns, end } = simulate(events, Source);
  return { nsPerEvent: ns, waits, end, order: order >>> 0, bytes: null };
}

export function simjsGpuLoop({ events, gaps, times, gpus }: Work): Outcome {
  const nodes = new BestFit();
  const arrivedAt = new Float64Array(gaps.length);
  let arrived = 0;
  let next = 0;
  let waits = 0;
  let order = 0;
  class Cluster extends Entity {
    start(): void {
      this.setTimer(gaps[0]!).done(this.arrival, this, 0);
    }
    arrival(): void {
      const job = arrived++;
      arrivedAt[job] = this.time();
      if (arrived < gaps.length) this.setTimer(gaps[arrived]!).done(this.arrival, this, 0);
      this.place();
    }
    place(): void {
      while (next < arrived) {
        const node = nodes.take(gpus[next]!);
        if (node < 0) return;
        const job = next++;
        waits += this.time() - arrivedAt[job]!;
        this.setTimer(times[job]!).done(this.departure, this, [job, node]);
      }
    }
    departure(job: number, node: number): void {
      nodes.give(node, gpus[job]!);
      order = mixDeparture(order, job, this.time());
      this.place();
    }
  }
  const { ns, end } = simulate(events, Cluster);
  return { nsPerEvent: ns, waits, end, order: order >>> 0, bytes: null };
}
