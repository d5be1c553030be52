/** The one schema of `config.json`: types, validation, defaults and the documentation table come from here. */
import { type Static, Type } from 'typebox';
import {
  AgentContextSchema,
  AgentHostSchema,
  BotLoopSchema,
  ContextSchema,
  generalLanguage,
  minutes,
  SessionsSchema,
  StoreSchema,
  secret,
  text,
  thinking,
} from './meaning.ts';
import { type ChatAgentSchema, PlatformsSchema } from './platforms-schema.ts';
import {
  BackupSchema,
  ConsoleSchema,
  HeartbeatSchema,
  NotifySchema,
  OwnersSchema,
  PairingSchema,
  RetentionSchema,
} from './section-schemas.ts';

const ScheduleSchema = Type.Object({
  id: Type.String({
    pattern: '^(?!sc-)[a-z0-9][a-z0-9_-]{0,40}$',
    'x-pattern': 'lowercase letters, digits, - and _, not beginning with sc-',
  }),
  every: Type.Optional(Type.String({ 'x-is': 'word' })),
  cron: Type.Optional(Type.String({ 'x-is': 'word' })),
  at: Type.Optional(Type.String({ 'x-is': 'word' })),
  timezone: Type.Optional(Type.String({ 'x-is': 'zone' })),
  prompt: Type.String({ 'x-is': 'free' }),
  deliver: Type.Optional(Type.String({ 'x-is': 'word' })),
  quietToken: Type.Optional(Type.String({ 'x-is': 'free' })),
  overlap: Type.Optional(Type.Union([Type.Literal('skip'), Type.Literal('allow')])),
  missedMinutes: Type.Optional(Type.Integer({ minimum: 0, maximum: 10_080 })),
});

/** Whose calls a spending limit counts. */
export const SpendScopeSchema = Type.Union([
  Type.Literal('person'),
  Type.Literal('chat'),
  Type.Literal('platform'),
  Type.Literal('schedule'),
  Type.Literal('task'),
  Type.Literal('all'),
]);

/** The stretch of time that it counts. */
export const SpendPerSchema = Type.Union([
  Type.Literal('turn'),
  Type.Literal('hour'),
  Type.Literal('day'),
  Type.Literal('week'),
  Type.Literal('month'),
]);

const SpendLimitSchema = Type.Object({
  scope: SpendScopeSchema,
  match: Type.Optional(Type.String({ 'x-is': 'word' })),
  per: SpendPerSchema,
  max: Type.Object({
    usd: Type.Optional(Type.Number({ exclusiveMinimum: 0, maximum: 1_000_000 })),
    tokens: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000_000_000_000 })),
  }),
  warnAt: Type.Optional(Type.Number({ minimum: 0, maximum: 1 })),
  // biome-ignore lint/suspicious/noThenProperty: the key that people read best; nothing awaits a schema
  then: Type.Optional(Type.Union([Type.Literal('refuse'), Type.Literal('ask')])),
  timezone: Type.Optional(Type.String({ 'x-is': 'zone' })),
});

export const ConfigSchema = Type.Object({
  port: Type.Optional(
    Type.Integer({
      minimum: 0,
      maximum: 65_535,
      default: 3847,
      description: 'TCP port of HTTP and WebSocket; 0 takes a free one.',
    }),
  ),
  host: Type.Optional(
    text('Address to listen on; "localhost" means 127.0.0.1 and ::1.', {
      default: 'localhost',
      'x-is': 'host',
    }),
  ),
  language: generalLanguage,
  tokens: Type.Optional(
    Type.Array(Type.String({ 'x-is': 'secret' }), {
      default: [],
      description: 'Tokens that give read access and let chat clients connect.',
      'x-secret': true,
    }),
  ),
  corsOrigins: Type.Optional(
    Type.Array(Type.String({ 'x-is': 'origin' }), {
      default: ['*'],
      description:
        'Web origins that may call the API, such as https://example.com; "*": any page that sends a token.',
    }),
  ),
  proxy: Type.Optional(
    secret(
      'Proxy to all platforms that have none of their own: http://…, https://…, socks5://…, or `direct`; default: HTTPS_PROXY, HTTP_PROXY or ALL_PROXY. NO_PROXY is respected.',
    ),
  ),
  store: Type.Optional(StoreSchema),
  enableWebSocket: Type.Optional(
    Type.Boolean({ default: true, description: 'Serve WebSocket chat clients.' }),
  ),
  enableHttp: Type.Optional(Type.Boolean({ default: true, description: 'Serve the HTTP API.' })),
  security: Type.Optional(
    Type.Object({
      allowAll: Type.Optional(
        Type.Boolean({
          default: false,
          description: 'Give everyone access. Dangerous: an agent with a shell answers.',
        }),
      ),
      requirePairing: Type.Optional(
        Type.Boolean({
          default: true,
          description: 'New users get a pairing code; false: only listed senders.',
        }),
      ),
      openLoopback: Type.Optional(
        Type.Boolean({
          default: false,
          description: 'Let every program on this machine read the HTTP API without a token.',
        }),
      ),
      rateLimit: Type.Optional(
        Type.Object({
          maxRequests: Type.Optional(
            Type.Integer({ minimum: 1, default: 60, description: 'Messages of one sender per window.' }),
          ),
          windowMs: Type.Optional(
            Type.Integer({
              minimum: 1000,
              default: 60_000,
              description: 'Length of the window in milliseconds.',
            }),
          ),
        }),
      ),
      botLoop: Type.Optional(BotLoopSchema),
    }),
  ),
  pairing: Type.Optional(PairingSchema),
  retention: Type.Optional(RetentionSchema),
  backup: Type.Optional(BackupSchema),
  limits: Type.Optional(
    Type.Object({
      personBytes: Type.Optional(
        Type.Integer({
          minimum: 10_000,
          default: 2_000_000,
          description:
            'Text of queued and running messages that one person may have, and of the first message of a new user, in bytes.',
        }),
      ),
      chatBytes: Type.Optional(
        Type.Integer({
          minimum: 10_000,
          default: 8_000_000,
          description: 'The same for one chat, with answers that are not delivered yet.',
        }),
      ),
      totalBytes: Type.Optional(
        Type.Integer({
          minimum: 10_000,
          default: 64_000_000,
          description: 'The same for all chats together.',
        }),
      ),
      spend: Type.Optional(
        Type.Array(SpendLimitSchema, {
          default: [],
          description:
            'Spending limits: [{scope: person | chat | platform | schedule | task | all, match?, per: turn | hour | day | week | month, max: {usd?, tokens?}, warnAt?, then?: refuse | ask, timezone?}]. See docs/limits.md.',
        }),
      ),
      keptRows: Type.Optional(
        Type.Integer({
          minimum: 100,
          default: 20_000,
          description:
            'Answered messages and finished deliveries that are kept to look things up (each at most 7 days; the oldest delivered go first).',
        }),
      ),
    }),
  ),
  sessions: Type.Optional(
    Type.Object({
      ...SessionsSchema.properties,
      bindings: Type.Optional(
        Type.Record(Type.String(), Type.String({ 'x-is': 'word' }), {
          description:
            'Chats tied to one session of pi, as @0xkobold/pi-gateway had them: {"<platform>:<chat>": session}. Each is applied once, at a start; then `bind` and `unbind` change it.',
        }),
      ),
    }),
  ),
  schedules: Type.Optional(
    Type.Array(ScheduleSchema, {
      default: [],
      description:
        'Prompts that run at their time: [{id, every | cron | at, prompt, timezone?, deliver?, quietToken?, overlap?, missedMinutes?}].',
    }),
  ),
  owners: Type.Optional(OwnersSchema),
  notify: Type.Optional(NotifySchema),
  heartbeat: Type.Optional(HeartbeatSchema),
  threads: Type.Optional(
    Type.Object({
      follow: Type.Optional(
        Type.Boolean({
          default: true,
          description:
            'In a thread in which the bot was called, follow-ups need no mention; ends after a day without a message. Forum topics always need one.',
        }),
      ),
    }),
  ),
  groups: Type.Optional(
    Type.Object({
      listen: Type.Optional(
        Type.Boolean({
          default: false,
          description:
            'Keep up to 50 messages of each group for a day, in memory only, and give them to the agent when it is called. They are never answered.',
        }),
      ),
    }),
  ),
  platforms: Type.Optional(PlatformsSchema),
  agent: Type.Optional(
    Type.Object({
      backend: Type.Optional(
        Type.Union(
          [Type.Literal('auto'), Type.Literal('pi-rpc'), Type.Literal('pi-sdk'), Type.Literal('scripted')],
          {
            default: 'auto',
            description:
              'How pi runs: `pi-rpc` starts a process for each active session, `pi-sdk` shares a few processes between sessions, `auto` shares them where that is safe; `scripted` is the test agent.',
          },
        ),
      ),
      isolation: Type.Optional(
        Type.Union([Type.Literal('shared'), Type.Literal('person'), Type.Literal('session')], {
          default: 'shared',
          description:
            'Sessions that may share a process: all, those of one person, or none. Sessions that load extensions of yours have a process of their own with the backend `auto`.',
        }),
      ),
      command: Type.Optional(
        Type.Array(Type.String({ 'x-is': 'argument' }), {
          minItems: 1,
          description:
            'Program and arguments that speak pi RPC on stdio, with the placeholders {cwd}, {session}, {sessionDir}, {id} and {args}; default: pi on PATH, else the bundled one.',
        }),
      ),
      sharesFiles: Type.Optional(
        Type.Boolean({
          description:
            'The agent sees the files of the gateway under the same paths; default: false for ssh, docker, podman, kubectl and similar commands.',
        }),
      ),
      hosts: Type.Optional(
        Type.Array(AgentHostSchema, {
          minItems: 1,
          description:
            'A pool of hosts instead of one command: [{name, command, maxConcurrent?, weight?, sessionDir?, sharesFiles?}]; backend pi-rpc only.',
        }),
      ),
      sessionDir: Type.Optional(
        text(
          'Directory of session files on storage that the gateway and all hosts of agent.hosts share under this path. Sessions then continue on another host when theirs is down.',
          { 'x-is': 'directory' },
        ),
      ),
      sessionFiles: Type.Optional(
        Type.Union([Type.Literal('host'), Type.Literal('store')], {
          default: 'host',
          description:
            'Where session files of agent.hosts are kept: `host` (on their host only), or `store` (the gateway has a copy of each, with which a session continues on another host). No storage need be shared.',
        }),
      ),
      sessionFileMiB: Type.Optional(
        Type.Integer({
          minimum: 1,
          maximum: 512,
          default: 64,
          description: 'Largest session file that is copied with agent.sessionFiles `store`, in MiB.',
        }),
      ),
      cwd: Type.Optional(
        text('Working directory of the agent, a full path; default: the one the gateway was started in.', {
          'x-is': 'directory',
        }),
      ),
      model: Type.Optional(text('Model as provider/id; default: what pi is set to.', { 'x-is': 'model' })),
      thinking: thinking('Thinking level; default: what pi is set to.'),
      systemPrompt: Type.Optional(
        text('Added to the system prompt of every session and task.', { 'x-is': 'free' }),
      ),
      context: Type.Optional(AgentContextSchema),
      tools: Type.Optional(
        Type.Array(Type.String({ 'x-is': 'tool' }), {
          description: 'Names of the tools the agent may use; default: all of pi.',
        }),
      ),
      maxConcurrent: Type.Optional(
        Type.Integer({
          minimum: 1,
          maximum: 256,
          default: 4,
          description: 'Turns that run at the same time.',
        }),
      ),
      maxTasks: Type.Optional(
        Type.Integer({
          minimum: 1,
          maximum: 256,
          default: 2,
          description: 'Background tasks that run at the same time.',
        }),
      ),
      startSeconds: Type.Optional(
        Type.Integer({
          minimum: 1,
          maximum: 604_800,
          default: 20,
          description:
            'Seconds an agent may take to start. Raise it where its command waits in a queue or for a container.',
        }),
      ),
      idleMinutes: Type.Optional(minutes('Minutes before an idle agent process is stopped.', 5)),
      busyMode: Type.Optional(
        Type.Union([Type.Literal('steer'), Type.Literal('queue'), Type.Literal('interrupt')], {
          description:
            'What a message does while the agent is busy; default steer in direct messages, queue in groups.',
        }),
      ),
      turnMinutes: Type.Optional(minutes('Longest turn.', 30)),
      silenceMinutes: Type.Optional(minutes('Longest silence of the agent within a turn.', 10)),
      approvals: Type.Optional(
        Type.Union([Type.Literal('off'), Type.Literal('dangerous'), Type.Literal('all')], {
          default: 'off',
          description:
            'Which tool calls wait for an approval: none, those not known to be harmless, or every one.',
        }),
      ),
      resume: Type.Optional(
        Type.Union([Type.Literal('auto'), Type.Literal('ask'), Type.Literal('off')], {
          default: 'auto',
          description:
            'What becomes of a turn that a crash or restart cut off: it continues, asking first only where a tool with effects was cut off; it always asks first; or it is reported as interrupted.',
        }),
      ),
      files: Type.Optional(
        Type.Union([Type.Literal('off'), Type.Literal('ask'), Type.Literal('session')], {
          default: 'session',
          description:
            'Which files an answer may send: none; any in the working directory, each after an approval; or only those that the session itself wrote or was sent.',
        }),
      ),
      questionMinutes: Type.Optional(
        minutes('Minutes that a question of the agent waits; then it counts as cancelled or denied.', 10),
      ),
      maxWaiting: Type.Optional(
        Type.Integer({
          minimum: 1,
          maximum: 1000,
          default: 20,
          description: 'Messages that may wait per session.',
        }),
      ),
    }),
  ),
  console: Type.Optional(ConsoleSchema),
  contexts: Type.Optional(
    Type.Array(ContextSchema, {
      default: [],
      description:
        'Other gateways for the console and the command line: [{name, url, token?}]. `url` may be a list of addresses of one gateway. `token` is "$ENV_NAME" or "!command" for the operator token there.',
    }),
  ),
});

export type Config = Static<typeof ConfigSchema>;
export type PlatformsConfig = NonNullable<Config['platforms']>;
export type SessionsConfig = Static<typeof SessionsSchema>;
export type ChatAgentConfig = Static<typeof ChatAgentSchema>;
export type BusyMode = 'steer' | 'queue' | 'interrupt';
