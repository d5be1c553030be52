/** The one schema of `config.json`: types, validation, defaults and the documentation table come from here. */
import { type Static, Type } from 'typebox';
import { ConsoleSchema } from './console-schema.ts';

const minutes = (description: string, value: number) =>
  Type.Integer({ minimum: 1, maximum: 525_600, default: value, description });

function text(description: string, options: Record<string, unknown> = {}) {
  return Type.String({ description, ...options });
}

const secret = (description: string) =>
  text(`${description} May be "$ENV_NAME" or "!command".`, { 'x-secret': true });

export const ResetPolicySchema = Type.Union(
  [Type.Literal('idle'), Type.Literal('daily'), Type.Literal('both'), Type.Literal('none')],
  {
    default: 'idle',
    description: 'When a session starts anew: after idle time, at a daily hour, both, or never.',
  },
);

const SessionsSchema = Type.Object({
  resetPolicy: Type.Optional(ResetPolicySchema),
  dailyHour: Type.Optional(
    Type.Integer({ minimum: 0, maximum: 23, default: 4, description: 'Local hour of the daily reset.' }),
  ),
  idleMinutes: Type.Optional(minutes("Minutes without a user's message before an idle reset.", 1440)),
  timeZone: Type.Optional(text("IANA time zone of the daily hour; the machine's own when absent.")),
});

const PerKindSessions = Type.Object({
  ...SessionsSchema.properties,
  dm: Type.Optional(SessionsSchema),
  group: Type.Optional(SessionsSchema),
});

const AgentHostSchema = Type.Object({
  name: text('Stays with the sessions that live there.', { minLength: 1 }),
  command: Type.Array(Type.String(), { minItems: 1, description: 'As agent.command.' }),
  maxConcurrent: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 256, default: 4, description: 'Turns at the same time there.' }),
  ),
  sessionDir: Type.Optional(text('Folder of its session files, as the host sees it.')),
  sharesFiles: Type.Optional(
    Type.Boolean({ description: 'It sees the gateway’s files under the same paths.' }),
  ),
});

/** What a platform or one of its chats may have of its own; what is absent comes from the level above. */
const ChatAgentSchema = Type.Object({
  model: Type.Optional(text('Model as provider/id; default: that of `agent`.')),
  thinking: Type.Optional(text('Thinking level; default: that of `agent`.')),
  tools: Type.Optional(
    Type.Array(Type.String(), {
      description: 'Names of the tools the agent may use; default: those of `agent`.',
    }),
  ),
  cwd: Type.Optional(text('Working folder of new sessions; default: that of `agent`.')),
  systemPrompt: Type.Optional(text('Added to the system prompt, after what `agent` adds.')),
});

/** Keys that every platform takes beside its own. */
const common = {
  enabled: Type.Optional(Type.Boolean({ default: false, description: 'Connect to this platform.' })),
  dmPolicy: Type.Optional(
    Type.Union(
      [Type.Literal('pairing'), Type.Literal('allowlist'), Type.Literal('open'), Type.Literal('disabled')],
      { default: 'pairing', description: 'Who may write in direct messages.' },
    ),
  ),
  groupPolicy: Type.Optional(
    Type.Union([Type.Literal('allowlist'), Type.Literal('open'), Type.Literal('disabled')], {
      default: 'allowlist',
      description: 'In which groups the bot listens: those listed in `groups`, all, or none.',
    }),
  ),
  groups: Type.Optional(
    Type.Array(Type.String(), { default: [], description: 'Group or channel ids in which the bot listens.' }),
  ),
  requireMention: Type.Optional(
    Type.Boolean({ default: true, description: 'In groups, listen only when mentioned or replied to.' }),
  ),
  allowFrom: Type.Optional(
    Type.Array(Type.String(), { default: [], description: 'User ids that are let in without pairing.' }),
  ),
  groupSessionsPerUser: Type.Optional(
    Type.Boolean({ default: true, description: 'In groups each user has an own session.' }),
  ),
  busyMode: Type.Optional(
    Type.Union([Type.Literal('steer'), Type.Literal('queue'), Type.Literal('interrupt')], {
      description:
        'What a message does while the agent is busy; default steer in direct messages, queue in groups.',
    }),
  ),
  toolActivity: Type.Optional(
    Type.Union([Type.Literal('off'), Type.Literal('brief'), Type.Literal('verbose')], {
      default: 'brief',
      description: 'How much of the tools at work is shown in the chat.',
    }),
  ),
  sessions: Type.Optional(PerKindSessions),
  agent: Type.Optional(ChatAgentSchema),
  chats: Type.Optional(
    Type.Record(Type.String(), Type.Object({ agent: Type.Optional(ChatAgentSchema) }), {
      description: 'Own settings of single chats by chat id: {"<chatId>": {"agent": {…}}}.',
    }),
  ),
  homeChat: Type.Optional(
    text('Chat that `home:<platform>` means as a delivery target: <chat> or <chat>:<thread>.'),
  ),
};

const PlatformsSchema = Type.Object({
  discord: Type.Optional(
    Type.Object({
      ...common,
      botToken: Type.Optional(secret('Bot token.')),
      guildId: Type.Optional(text('Listen only in this server.')),
      apiUrl: Type.Optional(text('Base URL of the REST API of a self-hosted or local server.')),
    }),
  ),
  telegram: Type.Optional(
    Type.Object({
      ...common,
      token: Type.Optional(secret('Bot token from @BotFather.')),
      mode: Type.Optional(
        Type.Union([Type.Literal('polling'), Type.Literal('webhook')], {
          default: 'polling',
          description: 'How updates arrive.',
        }),
      ),
      webhookUrl: Type.Optional(text('Public URL that Telegram posts to (mode webhook).')),
      webhookSecret: Type.Optional(secret('Secret token that Telegram sends along (mode webhook).')),
      sendLimits: Type.Optional(
        Type.Boolean({
          default: true,
          description: 'Keep to Telegram’s own send limits; false only for a local server.',
        }),
      ),
      apiRoot: Type.Optional(text('Root URL of a self-hosted or local Bot API server.')),
    }),
  ),
  slack: Type.Optional(
    Type.Object({
      ...common,
      botToken: Type.Optional(secret('Bot token (xoxb-…).')),
      appToken: Type.Optional(secret('App token for socket mode (xapp-…).')),
      webhookUrl: Type.Optional(secret('Incoming webhook: alone it makes an outbound-only adapter.')),
      apiUrl: Type.Optional(text('Base URL of the Web API of a local server.')),
    }),
  ),
  whatsapp: Type.Optional(
    Type.Object({
      ...common,
      sessionPath: Type.Optional(text('Folder of the linked device; default below the data folder.')),
      pairingPhone: Type.Optional(text('Phone number to link by pairing code instead of QR.')),
      version: Type.Optional(
        text('WhatsApp Web version to report, as 2.3000.x; only when the built-in one is refused.'),
      ),
      readReceipts: Type.Optional(
        Type.Boolean({ default: true, description: 'Mark messages as read once they are taken.' }),
      ),
      markOnline: Type.Optional(
        Type.Boolean({ default: false, description: 'Show the linked device as online.' }),
      ),
      maxMessageAgeHours: Type.Optional(
        Type.Integer({
          minimum: 1,
          default: 24,
          description: 'Older messages that arrive late are ignored.',
        }),
      ),
      url: Type.Optional(text('WebSocket URL of a local server.')),
    }),
  ),
  twitch: Type.Optional(
    Type.Object({
      ...common,
      username: Type.Optional(text('Login name of the bot.')),
      token: Type.Optional(secret('OAuth token of the bot (oauth:…).')),
      clientId: Type.Optional(text('Client id, for token refresh.')),
      clientSecret: Type.Optional(secret('Client secret, for token refresh.')),
      refreshToken: Type.Optional(secret('Refresh token.')),
      channels: Type.Optional(Type.Array(Type.String(), { default: [], description: 'Channels to join.' })),
      notices: Type.Optional(
        Type.Array(Type.String(), {
          default: [],
          description:
            'Chats that are told when a stream begins or ends: <platform>:<chat>[:<thread>] or home:<platform>; needs clientId.',
        }),
      ),
      server: Type.Optional(text('Host of a local chat server.')),
      port: Type.Optional(
        Type.Integer({ minimum: 1, maximum: 65_535, description: 'Port of a local chat server.' }),
      ),
      secure: Type.Optional(
        Type.Boolean({ description: 'Use TLS; default true, or false when `server` is another one.' }),
      ),
      authUrl: Type.Optional(text('Base URL of the OAuth service of a local server.')),
      apiUrl: Type.Optional(text('Base URL of the Helix API of a local server.')),
      eventSubUrl: Type.Optional(text('WebSocket URL of the EventSub service of a local server.')),
    }),
  ),
  websocket: Type.Optional(
    Type.Object({
      ...common,
      enabled: Type.Optional(
        Type.Boolean({ default: true, description: 'Take chat clients on the WebSocket.' }),
      ),
    }),
  ),
});

const ScheduleSchema = Type.Object({
  id: Type.String({
    pattern: '^(?!sc-)[a-z0-9][a-z0-9_-]{0,40}$',
    'x-pattern': 'small letters, digits, - and _, not beginning with sc-',
  }),
  every: Type.Optional(Type.String()),
  cron: Type.Optional(Type.String()),
  at: Type.Optional(Type.String()),
  timezone: Type.Optional(Type.String()),
  prompt: Type.String(),
  deliver: Type.Optional(Type.String()),
  quietToken: Type.Optional(Type.String()),
  overlap: Type.Optional(Type.Union([Type.Literal('skip'), Type.Literal('allow')])),
  missedMinutes: Type.Optional(Type.Integer({ minimum: 0, maximum: 10_080 })),
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
    text('Address to listen on; "localhost" means 127.0.0.1 and ::1.', { default: 'localhost' }),
  ),
  tokens: Type.Optional(
    Type.Array(Type.String(), {
      default: [],
      description: 'Tokens that give read access and let chat clients connect.',
      'x-secret': true,
    }),
  ),
  corsOrigins: Type.Optional(
    Type.Array(Type.String(), { default: [], description: 'Web origins that may call the API.' }),
  ),
  enableWebSocket: Type.Optional(
    Type.Boolean({ default: true, description: 'Serve WebSocket chat clients.' }),
  ),
  enableHttp: Type.Optional(Type.Boolean({ default: true, description: 'Serve the HTTP API.' })),
  security: Type.Optional(
    Type.Object({
      allowAll: Type.Optional(
        Type.Boolean({
          default: false,
          description: 'Let everybody in. Dangerous: an agent with a shell answers.',
        }),
      ),
      requirePairing: Type.Optional(
        Type.Boolean({
          default: true,
          description: 'Strangers get a pairing code; false: only listed senders.',
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
    }),
  ),
  sessions: Type.Optional(SessionsSchema),
  schedules: Type.Optional(
    Type.Array(ScheduleSchema, {
      default: [],
      description:
        'Prompts that run at their time: [{id, every | cron | at, prompt, timezone?, deliver?, quietToken?, overlap?, missedMinutes?}].',
    }),
  ),
  platforms: Type.Optional(PlatformsSchema),
  agent: Type.Optional(
    Type.Object({
      backend: Type.Optional(
        Type.Union([Type.Literal('pi-rpc'), Type.Literal('pi-sdk'), Type.Literal('scripted')], {
          default: 'pi-rpc',
          description:
            'How pi is run: a child per active session, one host for many sessions, or the scripted test agent.',
        }),
      ),
      command: Type.Optional(
        Type.Array(Type.String(), {
          minItems: 1,
          description:
            'Program and arguments that speak pi RPC on stdio, with the placeholders {cwd}, {session}, {sessionDir}, {id} and {args}; default: pi on PATH, else the bundled one.',
        }),
      ),
      sharesFiles: Type.Optional(
        Type.Boolean({
          description:
            'The agent sees the gateway’s files under the same paths; default: false for ssh, docker, podman, kubectl and the like.',
        }),
      ),
      hosts: Type.Optional(
        Type.Array(AgentHostSchema, {
          minItems: 1,
          description:
            'A pool of hosts instead of one command: [{name, command, maxConcurrent?, sessionDir?, sharesFiles?}]; backend pi-rpc only.',
        }),
      ),
      cwd: Type.Optional(
        text('Working folder of the agent; default: the folder the gateway was started in.'),
      ),
      model: Type.Optional(text('Model as provider/id; default: what pi is set to.')),
      thinking: Type.Optional(text('Thinking level.')),
      systemPrompt: Type.Optional(text('Added to the system prompt of every session and task.')),
      tools: Type.Optional(
        Type.Array(Type.String(), {
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
});

export type Config = Static<typeof ConfigSchema>;
export type PlatformsConfig = NonNullable<Config['platforms']>;
export type SessionsConfig = Static<typeof SessionsSchema>;
export type PlatformSessionsConfig = Static<typeof PerKindSessions>;
export type ChatAgentConfig = Static<typeof ChatAgentSchema>;
export type BusyMode = 'steer' | 'queue' | 'interrupt';
