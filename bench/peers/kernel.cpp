// The benchmark's models on std::priority_queue: the loop that a careful C++ programmer writes first.
// Usage: kernel MODEL WORKFILE; prints nsPerEvent waits end order bytes of the best of several runs.
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <queue>
#include <string>
#include <vector>

struct Event {
  double time;
  uint64_t seq;
  int32_t type;
  int32_t a;
  int32_t b;
};
struct Later {
  bool operator()(const Event& x, const Event& y) const {
    return x.time > y.time || (x.time == y.time && x.seq > y.seq);
  }
};
using Queue = std::priority_queue<Event, std::vector<Event>, Later>;

struct Work {
  int64_t size, events, warmUp;
  std::vector<double> gaps, times, gpus;
};
struct Outcome {
  double ns, waits, end;
  uint32_t order;
};

static double cpu() {
  timespec t;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return t.tv_sec * 1e9 + t.tv_nsec;
}
static void mix(uint32_t& sum, int32_t id, double now) { sum += uint32_t(id + 1) * uint32_t(uint64_t(now)); }

static Outcome hold(const Work& w) {
  Queue queue;
  uint64_t seq = 0, k = 0, mask = w.gaps.size() - 1;
  for (int32_t i = 0; i < w.size; i++) queue.push({w.gaps[k++ & mask], seq++, 1, i, 0});
  uint32_t order = 0;
  uint64_t waits = 0;
  double now = 0;
  auto step = [&](int64_t n) {
    for (int64_t i = 0; i < n; i++) {
      Event e = queue.top();
      queue.pop();
      now = e.time;
      waits += uint64_t(now);
      order = order * 31 + uint32_t(e.a);
      queue.push({now + w.gaps[k++ & mask], seq++, 1, e.a, 0});
    }
  };
  step(w.warmUp);
  double before = cpu();
  step(w.events);
  double ns = (cpu() - before) / w.events;
  return {ns, double(waits & ((1ull << 40) - 1)), now, order};
}

static Outcome servers(const Work& w) {
  Queue queue;
  uint64_t seq = 0;
  int32_t customers = int32_t(w.gaps.size()), arrived = 0, next = 0;
  int64_t busy = 0;
  std::vector<double> arrivedAt(customers);
  double now = 0, waits = 0;
  uint32_t order = 0;
  auto start = [&] {
    int32_t c = next++;
    busy++;
    waits += now - arrivedAt[c];
    queue.push({now + w.times[c], seq++, 2, c, 0});
  };
  queue.push({w.gaps[0], seq++, 1, 0, 0});
  double before = cpu();
  while (!queue.empty()) {
    Event e = queue.top();
    queue.pop();
    now = e.time;
    switch (e.type) {
      case 1:
        arrivedAt[arrived++] = now;
        if (arrived < customers) queue.push({now + w.gaps[arrived], seq++, 1, 0, 0});
        if (busy < w.size) start();
        break;
      case 2:
        busy--;
        mix(order, e.a, now);
        if (next < arrived) start();
        break;
    }
  }
  return {(cpu() - before) / w.events, waits, now, order};
}

// Nodes by free GPUs: best fit, of several the one freed last.
struct BestFit {
  static constexpr int gpus = 8;
  std::vector<int32_t> free, next, before;
  int32_t heads[gpus + 1];
  explicit BestFit(int nodes) : free(nodes, gpus), next(nodes), before(nodes) {
    for (int32_t& h : heads) h = -1;
    for (int n = nodes - 1; n >= 0; n--) link(n, gpus);
  }
  void link(int n, int f) {
    next[n] = heads[f];
    before[n] = -1;
    if (heads[f] >= 0) before[heads[f]] = n;
    heads[f] = n;
  }
  void move(int n, int to) {
    if (before[n] >= 0) next[before[n]] = next[n];
    else heads[free[n]] = next[n];
    if (next[n] >= 0) before[next[n]] = before[n];
    free[n] = to;
    link(n, to);
  }
  int take(int k) {
    for (int f = k; f <= gpus; f++) {
      int n = heads[f];
      if (n < 0) continue;
      move(n, f - k);
      return n;
    }
    return -1;
  }
};

static Outcome cluster(const Work& w) {
  Queue queue;
  uint64_t seq = 0;
  int32_t jobs = int32_t(w.gaps.size()), arrived = 0, next = 0;
  BestFit nodes(int(w.size));
  std::vector<double> arrivedAt(jobs);
  double now = 0, waits = 0;
  uint32_t order = 0;
  auto place = [&] {
    while (next < arrived) {
      int node = nodes.take(int(w.gpus[next]));
      if (node < 0) return;
      int32_t job = next++;
      waits += now - arrivedAt[job];
      queue.push({now + w.times[job], seq++, 2, job, node});
    }
  };
  queue.push({w.gaps[0], seq++, 1, 0, 0});
  double before = cpu();
  while (!queue.empty()) {
    Event e = queue.top();
    queue.pop();
    now = e.time;
    switch (e.type) {
      case 1:
        arrivedAt[arrived++] = now;
        if (arrived < jobs) queue.push({now + w.gaps[arrived], seq++, 1, 0, 0});
        place();
        break;
      case 2:
        nodes.move(e.b, nodes.free[e.b] + int(w.gpus[e.a]));
        mix(order, e.a, now);
        place();
        break;
    }
  }
  return {(cpu() - before) / w.events, waits, now, order};
}

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  std::string model = argv[1];
  FILE* f = std::fopen(argv[2], "rb");
  if (!f) return 2;
  double head[6];
  if (std::fread(head, 8, 6, f) != 6) return 2;
  Work w;
  w.size = int64_t(head[0]);
  w.events = int64_t(head[1]);
  w.warmUp = int64_t(head[2]);
  std::vector<double>* parts[] = {&w.gaps, &w.times, &w.gpus};
  for (int i = 0; i < 3; i++) {
    parts[i]->resize(size_t(head[3 + i]));
    if (std::fread(parts[i]->data(), 8, parts[i]->size(), f) != parts[i]->size()) return 2;
  }
  std::fclose(f);
  Outcome best{1e18, 0, 0, 0};
  for (int i = 0; i < 5; i++) {
    Outcome o = model.rfind("hold", 0) == 0 ? hold(w) : model == "gpuLoop" ? cluster(w) : servers(w);
    if (o.ns < best.ns) best = o;
  }
  std::printf("{\"nsPerEvent\":%.3f,\"waits\":%.0f,\"end\":%.0f,\"order\":%u,\"bytes\":%zu}\n", best.ns, best.waits,
              best.end, best.order, sizeof(Event));
}
