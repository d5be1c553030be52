/**
 * The plan of docs/scale.md as a simulation, because no ten machines are at hand: 5,000 chats, seven hosts of agents. What
 * was measured (see docs/benchmarks.md) goes in as constants; what comes out is how long a message waits for its agent, with
 * all hosts and with one that is gone. The same numbers come out at every run.
 *
 * Run it: npm run bench:scale
 */

/** Measured: 50 chats at once by 16 processes of pi took 31 s on two cores, which is so much processor time for a start. */
const START_CPU_S = (31 * 2) / 50;
/** Measured over ssh: from the cut of a line until the turn was continued elsewhere, without the wait for a place and a start. */
const NOTICED_S = 25;
/** Assumed: an idle session's host is found to be gone by one failed start (ConnectTimeout), and by no other one then. */
const FAILED_START_S = 3;
/** As in the plan. */
const PLAN = { hosts: 7, places: 72, cores: 8, idleS: 600, turnS: 60, messagesPerHour: 12 } as const;
const HOUR_S = 3600;
const DOWN_AT_S = 1200;

export interface Scenario {
  readonly name: string;
  /** Chats that are active in this hour. */
  readonly active: number;
  /** One host is gone after 20 minutes. */
  readonly down: boolean;
}

export const SCENARIOS: readonly Scenario[] = [
  { name: 'busiest hour', active: 500, down: false },
  { name: 'busiest hour, one host gone after 20 min', active: 500, down: true },
  { name: '4 times as many chats', active: 2000, down: false },
  { name: '4 times as many chats, one host gone after 20 min', active: 2000, down: true },
  { name: '5 times as many chats', active: 2500, down: false },
  { name: '5 times as many chats, one host gone after 20 min', active: 2500, down: true },
];

export interface Outcome {
  readonly messages: number;
  /** Seconds from the message to the moment its agent begins. */
  readonly waits: readonly number[];
  /** Messages whose agent had to be started. */
  readonly cold: number;
  readonly mostTurns: number;
  /** Turns that ran on the host when it was gone, and how long each stood still. */
  readonly stoodStill: readonly number[];
}

/** Numbers from 0 to 1, the same ones each time (mulberry32). */
function dice(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Chat {
  host: number | undefined;
  state: 'cold' | 'resting' | 'waiting' | 'working';
  restsSince: number;
}

interface Waiting {
  readonly chat: Chat;
  readonly since: number;
  /** What is left of a turn that was cut; undefined: a new one. */
  readonly rest?: number;
}

interface Host {
  readonly here: Set<Chat>;
  /** Places that work, or start. */
  working: number;
  readonly waiting: Waiting[];
  /** When each core is free for the next start. */
  readonly cores: number[];
  down: boolean;
  known: boolean;
}

/** What happens, in the order of its time. */
class Agenda {
  readonly #heap: { readonly at: number; readonly act: () => void }[] = [];

  add(at: number, act: () => void): void {
    const heap = this.#heap;
    heap.push({ at, act });
    for (let i = heap.length - 1; i > 0; ) {
      const parent = (i - 1) >> 1;
      if (!this.#swapped(parent, i)) break;
      i = parent;
    }
  }

  next(): { readonly at: number; readonly act: () => void } | undefined {
    const heap = this.#heap;
    const [first] = heap;
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    heap[0] = last;
    for (let i = 0; ; ) {
      const [left, right] = [heap[2 * i + 1], heap[2 * i + 2]];
      if (left === undefined) return first;
      const child = right !== undefined && right.at < left.at ? 2 * i + 2 : 2 * i + 1;
      if (!this.#swapped(i, child)) return first;
      i = child;
    }
  }

  #swapped(parent: number, child: number): boolean {
    const [above, below] = [this.#heap[parent], this.#heap[child]];
    if (above === undefined || below === undefined || above.at <= below.at) return false;
    this.#heap[parent] = below;
    this.#heap[child] = above;
    return true;
  }
}

/** One hour. The rules are those of `AgentHosts` and `Pool`. */
export function simulate({ active, down }: Scenario): Outcome {
  const random = dice(active * 2 + (down ? 1 : 0));
  const exponential = (mean: number): number => -mean * Math.log(1 - random());
  const agenda = new Agenda();
  const hosts = Array.from(
    { length: PLAN.hosts },
    (): Host => ({
      here: new Set(),
      working: 0,
      waiting: [],
      cores: Array(PLAN.cores).fill(0),
      down: false,
      known: false,
    }),
  );
  const waits: number[] = [];
  const stoodStill: number[] = [];
  const turns = new Map<Chat, { readonly endsAt: number; readonly token: object }>();
  let now = 0;
  let cold = 0;
  let messages = 0;
  let mostTurns = 0;

  const load = (host: Host): number => (host.here.size + host.waiting.length) / PLAN.places;
  const up = (): Host[] => hosts.filter(({ known }) => !known).sort((a, b) => load(a) - load(b));

  const leave = (chat: Chat): void => {
    if (chat.host !== undefined) hosts[chat.host]?.here.delete(chat);
    chat.state = 'cold';
  };

  /** A place for the first that waits: a free one, or that of who has rested longest. */
  const serve = (host: Host): void => {
    while (host.waiting.length > 0 && !host.down && host.working < PLAN.places) {
      const next = host.waiting.shift();
      if (next === undefined) return;
      if (!host.here.has(next.chat) && host.here.size >= PLAN.places) {
        const resting = [...host.here].filter(({ state }) => state === 'resting');
        const longest = resting.sort((a, b) => a.restsSince - b.restsSince)[0];
        if (longest === undefined) return void host.waiting.unshift(next);
        leave(longest);
      }
      begin(host, next);
    }
  };

  const begin = (host: Host, { chat, since, rest }: Waiting): void => {
    const warm = host.here.has(chat);
    host.here.add(chat);
    host.working += 1;
    chat.state = 'working';
    let startsAt = now;
    if (!warm) {
      if (rest === undefined) cold += 1;
      const core = host.cores.indexOf(Math.min(...host.cores));
      startsAt = Math.max(now, host.cores[core] ?? now) + START_CPU_S;
      host.cores[core] = startsAt;
    }
    if (rest === undefined) waits.push(startsAt - since);
    else stoodStill.push(startsAt - since);
    const endsAt = startsAt + (rest ?? exponential(PLAN.turnS));
    const token = {};
    turns.set(chat, { endsAt, token });
    mostTurns = Math.max(mostTurns, turns.size);
    agenda.add(endsAt, () => {
      if (turns.get(chat)?.token !== token) return; // it was cut
      turns.delete(chat);
      host.working -= 1;
      chat.state = 'resting';
      chat.restsSince = now;
      const restsSince = now;
      agenda.add(now + PLAN.idleS, () => {
        if (chat.state === 'resting' && chat.restsSince === restsSince) leave(chat);
      });
      serve(host);
    });
  };

  const ask = (chat: Chat, wanted: Waiting): void => {
    chat.state = chat.state === 'resting' ? 'resting' : 'waiting';
    const own = chat.host === undefined ? undefined : hosts[chat.host];
    if (own?.down && !own.known) {
      agenda.add(now + FAILED_START_S, () => {
        own.known = true;
        for (const each of own.waiting.splice(0)) ask(each.chat, each);
        ask(chat, wanted);
      });
      return;
    }
    const host = own === undefined || own.known ? up()[0] : own;
    if (host === undefined) throw new Error('no host is up');
    chat.host = hosts.indexOf(host);
    if (host.here.has(chat)) {
      // Its place is its own as long as it rests there.
      chat.state = 'waiting';
      begin(host, wanted);
      return;
    }
    host.waiting.push(wanted);
    serve(host);
  };

  for (let i = 0; i < active; i += 1) {
    const chat: Chat = { host: undefined, state: 'cold', restsSince: 0 };
    const write = (): void => {
      messages += 1;
      // One that comes while the chat has a turn is handed to that (agent.busyMode steer).
      if (chat.state === 'cold' || chat.state === 'resting') ask(chat, { chat, since: now });
      agenda.add(now + exponential(HOUR_S / PLAN.messagesPerHour), write);
    };
    agenda.add(exponential(HOUR_S / PLAN.messagesPerHour), write);
  }
  const [gone] = hosts;
  if (down && gone !== undefined)
    agenda.add(DOWN_AT_S, () => {
      gone.down = true;
      for (const chat of [...gone.here]) {
        const turn = turns.get(chat);
        turns.delete(chat);
        gone.here.delete(chat);
        if (turn === undefined) chat.state = 'cold';
        else {
          chat.state = 'waiting';
          const [since, rest] = [now, Math.max(0, turn.endsAt - now)];
          agenda.add(now + NOTICED_S, () => {
            gone.known = true;
            ask(chat, { chat, since, rest });
          });
        }
      }
      gone.working = 0;
      for (const each of gone.waiting.splice(0)) ask(each.chat, each);
    });
  for (let next = agenda.next(); next !== undefined && next.at < HOUR_S; next = agenda.next()) {
    now = next.at;
    next.act();
  }
  return { messages, waits, cold, mostTurns, stoodStill };
}

/** The rows of docs/scale.md. */
export function scaleRows(scenarios = SCENARIOS): string[] {
  const at = (values: readonly number[], part: number): string => {
    const sorted = [...values].sort((a, b) => a - b);
    const value = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))];
    return value === undefined ? '' : `${value.toFixed(1)} s`;
  };
  return scenarios.map((scenario) => {
    const { messages, waits, cold, mostTurns, stoodStill } = simulate(scenario);
    const still =
      stoodStill.length === 0 ? '' : `${stoodStill.length}: ${at(stoodStill, 0.5)}, ${at(stoodStill, 0.95)}`;
    const cells = [
      scenario.name,
      messages.toLocaleString('en'),
      String(mostTurns),
      `${Math.round((cold / Math.max(1, waits.length)) * 100)} %`,
      at(waits, 0.5),
      at(waits, 0.95),
      still,
    ];
    return `| ${cells.join(' | ')} |`;
  });
}

if (process.argv[1] === import.meta.filename) process.stdout.write(`${scaleRows().join('\n')}\n`);
