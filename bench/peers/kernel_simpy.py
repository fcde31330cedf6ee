"""The benchmark's models in SimPy, as its manual would have them.

Usage: kernel_simpy.py MODEL WORKFILE; prints one line of JSON.
"""

import json
import sys
import time
from array import array

import simpy

GPUS = 8
MASK32 = 0xFFFFFFFF


def read(path):
    with open(path, "rb") as f:
        head = array("d")
        head.fromfile(f, 6)
        parts = []
        for n in head[3:]:
            part = array("d")
            part.fromfile(f, int(n))
            parts.append([int(x) for x in part])
    return int(head[0]), int(head[1]), int(head[2]), *parts


def hold(size, events, warm_up, gaps):
    env = simpy.Environment()
    mask = len(gaps) - 1
    s = {"k": 0, "order": 0, "waits": 0}

    def fire(event):
        s["waits"] = (s["waits"] + env.now) % 2**40
        s["order"] = (s["order"] * 31 + event.value) & MASK32
        start(event.value)

    def start(i):
        t = env.timeout(gaps[s["k"] & mask], i)
        s["k"] += 1
        t.callbacks.append(fire)

    for i in range(size):
        start(i)
    for _ in range(warm_up):
        env.step()
    before = time.process_time()
    for _ in range(events):
        env.step()
    ns = (time.process_time() - before) * 1e9 / events
    return ns, s["waits"], env.now, s["order"]


def queue(servers, events, gaps, times):
    env = simpy.Environment()
    resource = simpy.Resource(env, servers)
    s = {"waits": 0, "order": 0}

    def customer(c):
        arrived = env.now
        with resource.request() as req:
            yield req
            s["waits"] += env.now - arrived
            yield env.timeout(times[c])
        s["order"] = (s["order"] + (c + 1) * env.now) & MASK32

    def source():
        for c, gap in enumerate(gaps):
            yield env.timeout(gap)
            env.process(customer(c))

    env.process(source())
    before = time.process_time()
    env.run()
    return (time.process_time() - before) * 1e9 / events, s["waits"], env.now, s["order"]


class BestFit:
    """Nodes by free GPUs: best fit, of several the one freed last."""

    def __init__(self, nodes):
        self.free = [GPUS] * nodes
        # Insertion order of a dict is the order of linking; the last is taken.
        self.by_free = [{} for _ in range(GPUS + 1)]
        for n in reversed(range(nodes)):
            self.by_free[GPUS][n] = None

    def move(self, n, to):
        del self.by_free[self.free[n]][n]
        self.free[n] = to
        self.by_free[to][n] = None

    def take(self, k):
        for f in range(k, GPUS + 1):
            if self.by_free[f]:
                n = next(reversed(self.by_free[f]))
                self.move(n, f - k)
                return n
        return -1


def cluster(nodes, events, gaps, times, gpus):
    env = simpy.Environment()
    fit = BestFit(nodes)
    s = {"waits": 0, "order": 0, "arrived": 0, "next": 0}
    arrived_at = []

    def run(job, node):
        yield env.timeout(times[job])
        fit.move(node, fit.free[node] + gpus[job])
        s["order"] = (s["order"] + (job + 1) * env.now) & MASK32
        place()

    def place():
        while s["next"] < s["arrived"]:
            job = s["next"]
            node = fit.take(gpus[job])
            if node < 0:
                return
            s["next"] += 1
            s["waits"] += env.now - arrived_at[job]
            env.process(run(job, node))

    def source():
        for gap in gaps:
            yield env.timeout(gap)
            arrived_at.append(env.now)
            s["arrived"] += 1
            place()

    env.process(source())
    before = time.process_time()
    env.run()
    return (time.process_time() - before) * 1e9 / events, s["waits"], env.now, s["order"]


def main():
    model, path = sys.argv[1:]
    size, events, warm_up, gaps, times, gpus = read(path)
    if model.startswith("hold"):
        out = hold(size, events, warm_up, gaps)
    elif model == "gpuLoop":
        out = cluster(size, events, gaps, times, gpus)
    else:
        out = queue(size, events, gaps, times)
    print(json.dumps(dict(zip(("nsPerEvent", "waits", "end", "order"), out)) | {"bytes": None}))


main()
