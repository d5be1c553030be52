/** Which metrics there are. The names are part of the product's surface: dashboards use them. */

import type { Histogram } from '../base/histogram.ts';
import type { Gateway } from '../gateway/gateway.ts';
import type { AgentHostView } from '../gateway/model.ts';
import type { OperatorQueries, OperatorSnapshot } from '../gateway/operator/operator.ts';

function countBy<T>(rows: readonly T[], label: (row: T) => string, always: readonly string[] = []): Sample[] {
  const counts = new Map(always.map((name) => [name, 0]));
  for (const row of rows) counts.set(label(row), (counts.get(label(row)) ?? 0) + 1);
  return [...counts].map(([name, count]) => [[name], count]);
}

/** Counters that events feed: name, help, labels. */
export const COUNTERS = {
  messages: ['messages_total', 'Messages by platform and direction (in, out).', ['platform', 'direction']],
  refusals: ['refusals_total', 'Rejected messages, by reason code.', ['platform', 'code']],
  turns: ['turns_total', 'Agent turns that were started.', []],
  tools: ['tool_calls_total', 'Tool calls of the agent, by outcome.', ['ok']],
  tasks: ['tasks_ended_total', 'Background tasks that ended, by status.', ['status']],
  answers: ['model_answers_total', 'Answers of the model, by platform of the chat.', ['platform']],
  tokens: ['model_tokens_total', 'Tokens by platform and direction (in, out).', ['platform', 'direction']],
  cost: ['model_cost_usd_total', 'Cost of the model in US dollars, by platform.', ['platform']],
  limits: ['limit_events_total', 'Spending limits: near, reached, calls refused, raised.', ['what', 'scope']],
  outbox: ['outbox_rows_total', 'Outgoing messages that reached a final state.', ['state']],
  pairings: ['pairing_closed_total', 'Pairing requests by outcome.', ['outcome']],
  log: ['log_lines_total', 'Log lines by level.', ['level']],
} as const satisfies Record<string, readonly [name: string, help: string, labels: readonly string[]]>;

/** Counters that the server keeps itself. */
export const SERVER_COUNTERS = {
  badFrames: ['bad_frames_total', 'Malformed input on chat sockets.'],
  slowClients: ['slow_clients_total', 'Chat clients cut off because they did not read.'],
  authFailures: ['auth_failures_total', 'Requests with an invalid token.'],
  originRefusals: ['origin_refusals_total', 'Requests refused because of their Origin or Host.'],
} as const satisfies Record<keyof ServerCounters, readonly [name: string, help: string]>;

/** Histograms, in seconds: name, help, label. */
export const HISTOGRAMS = {
  queueWait: ['queue_wait_seconds', 'From the acceptance of a message until its turn begins.', 'platform'],
  turn: ['turn_seconds', 'What the agent needs for a turn, by outcome.', 'outcome'],
  firstToken: [
    'first_token_seconds',
    'From the beginning of a turn until the first text of its answer.',
    'platform',
  ],
  modelCall: ['model_call_seconds', 'Calls to the model, by success.', 'ok'],
  delivery: ['delivery_seconds', 'From a stored outgoing message until the platform has it.', 'platform'],
  commit: ['commit_seconds', 'Until a batch of changes is safe, by store.', 'store'],
  replay: ['store_replay_seconds', 'How long a start took to read a store.', 'store'],
} as const satisfies Record<string, readonly [name: string, help: string, label: string]>;

/** What the gateway has measured, as it is read when someone asks. */
export interface Measures {
  readonly histograms: {
    readonly [K in keyof typeof HISTOGRAMS]: Iterable<readonly [label: string, histogram: Histogram]>;
  };
  /** When the message was accepted that has waited longest for its turn. */
  readonly waitingSince: number | undefined;
  /** Now, on the same clock. */
  readonly now: number;
}

/** What gauges are read from. */
export interface MetricSnapshot extends OperatorSnapshot {
  readonly limits: OperatorQueries['limits']['result'];
  readonly measures: Measures | undefined;
}

type Sample = readonly [labels: readonly string[], value: number];

const HOST_STATES = ['up', 'retrying', 'parked'] as const satisfies readonly AgentHostView['state'][];

function hostGauge(name: string, help: string, value: (host: AgentHostView) => number): Gauge {
  return {
    name: `agent_host_${name}`,
    help,
    labels: ['host'],
    read: ({ gateway }) => (gateway.agent.hosts ?? []).map((host) => [[host.name], value(host)]),
  };
}

interface Gauge {
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
  read(snapshot: MetricSnapshot): readonly Sample[];
}

/** Gauges that are read from the snapshot when someone asks. */
export const GAUGES: readonly Gauge[] = [
  {
    name: 'up',
    help: '1 while the gateway is running.',
    labels: ['version'],
    read: ({ gateway }) => [[[gateway.version], gateway.state === 'running' ? 1 : 0]],
  },
  {
    name: 'adapter_up',
    help: '1 while the platform is connected.',
    labels: ['platform'],
    read: ({ adapters }) => adapters.map((row) => [[row.platform], row.state === 'connected' ? 1 : 0]),
  },
  {
    name: 'sessions',
    help: 'Sessions by state.',
    labels: ['state'],
    // Every session is either ended or, unless it is among those at work, idle.
    read: ({ sessions, gateway }) => {
      const seen = new Map(countBy(sessions, (row) => row.state).map(([[state = ''], n]) => [state, n]));
      const count = gateway.sessions;
      if (count !== undefined) {
        const open = sessions.filter((row) => row.state !== 'ended').length;
        const idle = (seen.get('idle') ?? 0) + Math.max(0, count.open - open);
        if (idle > 0) seen.set('idle', idle);
        if (count.ended > 0) seen.set('ended', count.ended);
      }
      return [...seen].map(([state, n]) => [[state], n]);
    },
  },
  {
    name: 'tasks',
    help: 'Background tasks by status.',
    labels: ['status'],
    read: ({ tasks }) => countBy(tasks, (row) => row.status),
  },
  {
    name: 'outbox',
    help: 'Outgoing messages that are not delivered, by state.',
    labels: ['state'],
    read: ({ outbox }) => [...countBy(outbox, (row) => row.state, ['pending', 'sending', 'failed'])],
  },
  {
    name: 'pairing_pending',
    help: 'Pending pairing requests.',
    labels: [],
    read: ({ pairing }) => [[[], pairing.length]],
  },
  {
    name: 'pairing_turned_away',
    help: 'New users who got no code because too many requests were pending.',
    labels: [],
    read: ({ gateway }) => [[[], gateway.turnedAway]],
  },
  {
    name: 'limit_used_ratio',
    help: 'Part of a spending limit that is used or reserved, in its present window (the 100 fullest).',
    labels: ['scope', 'subject', 'per'],
    read: ({ limits }) =>
      limits
        .slice(0, 100)
        // Of limits with the same labels the fullest counts: what comes later replaces.
        .toReversed()
        .map(({ scope, subject, per, share }) => [[scope, subject, per], share]),
  },
  {
    name: 'build_info',
    help: 'Always 1. The labels name the versions.',
    labels: ['version', 'node', 'backend'],
    read: ({ gateway }) => [[[gateway.version, process.versions.node, gateway.agent.backend], 1]],
  },
  {
    name: 'oldest_waiting_seconds',
    help: 'Age of the message that has waited longest for its turn; 0 when none waits.',
    labels: [],
    read: ({ measures }) => {
      const since = measures?.waitingSince;
      return [[[], since === undefined ? 0 : Math.max(0, ((measures?.now ?? since) - since) / 1000)]];
    },
  },
  {
    name: 'agent_host_state',
    help: '1 for the state that a host of agent.hosts is in.',
    labels: ['host', 'state'],
    read: ({ gateway }) =>
      (gateway.agent.hosts ?? []).flatMap(({ name, state }) =>
        HOST_STATES.map((each): Sample => [[name, each], each === state ? 1 : 0]),
      ),
  },
  hostGauge('sessions', 'Sessions that have a place on a host.', ({ sessions }) => sessions ?? 0),
  hostGauge('running', 'Turns that run on a host now.', ({ running }) => running),
  hostGauge('free', 'Places on a host that a session could take now.', ({ free }) => free ?? 0),
  { name: 'clients', help: 'Chat clients.', labels: [], read: ({ gateway }) => [[[], gateway.clients]] },
  {
    name: 'turns_running',
    help: 'Agent turns that run now.',
    labels: [],
    read: ({ gateway }) => [[[], gateway.agent.running]],
  },
];

/** What the server itself counts; metrics and status read it. */
export interface ServerCounters {
  /** Malformed, binary or unknown input on chat sockets. */
  badFrames: number;
  /** Clients cut off because they did not read. */
  slowClients: number;
  /** Wrong tokens. */
  authFailures: number;
  /** Requests and upgrades refused because of their Origin or Host. */
  originRefusals: number;
}

export function newCounters(): ServerCounters {
  return { badFrames: 0, slowClients: 0, authFailures: 0, originRefusals: 0 };
}

/** What a gateway has measured until now. */
export function measuresOf({ timings, conversations, deps }: Gateway): Measures {
  const stores = Object.entries(deps.stores).map(([name, db]) => [name, db.stats().times] as const);
  const { queueWait, turn, firstToken, modelCall, delivery } = timings;
  return {
    histograms: {
      queueWait: queueWait.entries(),
      turn: turn.entries(),
      firstToken: firstToken.entries(),
      modelCall: modelCall.entries(),
      delivery: delivery.entries(),
      commit: stores.map(([name, { commit }]) => [name, commit] as const),
      replay: stores.map(([name, { replay }]) => [name, replay] as const),
    },
    waitingSince: conversations.waiting.reduce<number | undefined>(
      (oldest, { acceptedAt }) => Math.min(oldest ?? acceptedAt, acceptedAt),
      undefined,
    ),
    now: deps.clock(),
  };
}
