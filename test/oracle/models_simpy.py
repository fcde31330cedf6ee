"""The same queues in SimPy: reads {trace, model, servers} as JSON from stdin, prints the departure stamps."""

import json
import sys

import simpy


def start(env, t, customer):
    departures = [None] * len(t["arrivals"])

    def run(i):
        yield from customer(i)
        departures[i] = env.now

    def source():
        for i, at in enumerate(t["arrivals"]):
            yield env.timeout(at - env.now)
            env.process(run(i))

    env.process(source())
    env.run()
    return departures


def fcfs(t, servers):
    env = simpy.Environment()
    server = simpy.Resource(env, servers)

    def customer(i):
        with server.request() as req:
            yield req
            yield env.timeout(t["works"][i])

    return start(env, t, customer)


def priority(t, _servers):
    env = simpy.Environment()
    server = simpy.PriorityResource(env)

    def customer(i):
        with server.request(priority=t["priorities"][i]) as req:
            yield req
            yield env.timeout(t["works"][i])

    return start(env, t, customer)


def resuming(env, server, work, rank, preempt):
    left = work
    while left > 0:
        with server.request(priority=rank, preempt=preempt) as req:
            yield req
            began = env.now
            try:
                yield env.timeout(left)
                left = 0
            except simpy.Interrupt:
                left -= env.now - began


def preemptive(t, _servers):
    env = simpy.Environment()
    server = simpy.PreemptiveResource(env)
    return start(env, t, lambda i: resuming(env, server, t["works"][i], t["priorities"][i], True))


def breakdown(t, _servers):
    env = simpy.Environment()
    server = simpy.PreemptiveResource(env)

    def failures():
        for at, repair in zip(t["failures"], t["repairs"]):
            yield env.timeout(at - env.now)
            with server.request(priority=-1, preempt=True) as req:
                yield req
                yield env.timeout(repair)

    env.process(failures())
    return start(env, t, lambda i: resuming(env, server, t["works"][i], i, False))


models = {"fcfs": fcfs, "priority": priority, "preemptive": preemptive, "breakdown": breakdown}
asked = json.load(sys.stdin)
print(json.dumps(models[asked["model"]](asked["trace"], asked.get("servers", 1))))
