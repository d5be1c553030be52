/** `platforms` of the configuration: what all of them take, and the keys of each. */
import { Type } from 'typebox';
import { AgentContextSchema, language, PerKindSessions, secret, text, thinking } from './meaning.ts';

/** What a platform or one of its chats may have of its own; what is absent comes from the level above. */
export const ChatAgentSchema = Type.Object({
  model: Type.Optional(text('Model as provider/id; default: that of `agent`.', { 'x-is': 'model' })),
  thinking: thinking('Thinking level; default: that of `agent`.'),
  tools: Type.Optional(
    Type.Array(Type.String({ 'x-is': 'tool' }), {
      description: 'Names of the tools the agent may use; default: those of `agent`.',
    }),
  ),
  cwd: Type.Optional(
    text('Working directory of new sessions, a full path; default: that of `agent`.', {
      'x-is': 'directory',
    }),
  ),
  systemPrompt: Type.Optional(
    text('Added to the system prompt, after what `agent` adds.', { 'x-is': 'free' }),
  ),
  context: Type.Optional(AgentContextSchema),
  files: Type.Optional(
    Type.Union([Type.Literal('off'), Type.Literal('ask'), Type.Literal('session')], {
      description: 'Which files answers may bring along; default: as `agent`.',
    }),
  ),
});

/** Keys that every platform takes next to its own. */
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
    Type.Array(Type.String({ 'x-is': 'group' }), {
      default: [],
      description: 'Group or channel ids in which the bot listens.',
    }),
  ),
  requireMention: Type.Optional(
    Type.Boolean({ default: true, description: 'In groups, listen only when mentioned or replied to.' }),
  ),
  allowFrom: Type.Optional(
    Type.Array(Type.String({ 'x-is': 'user' }), {
      default: [],
      description: 'Ids of users who have access without pairing; names never match.',
    }),
  ),
  groupSessionsPerUser: Type.Optional(
    Type.Boolean({ default: true, description: 'In groups each user has their own session.' }),
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
      description: 'How much of the running tools is shown in the chat.',
    }),
  ),
  language: language(
    'Language of what the gateway itself says on this platform; default: the general `language`.',
  ),
  sessions: Type.Optional(PerKindSessions),
  agent: Type.Optional(ChatAgentSchema),
  chats: Type.Optional(
    Type.Record(
      Type.String(),
      Type.Object({
        agent: Type.Optional(ChatAgentSchema),
        language: language('Language of what the gateway itself says in this chat.'),
      }),
      {
        description:
          'Own settings of single chats by chat id: {"<chatId>": {"agent": {…}, "language": "de"}}.',
      },
    ),
  ),
  proxy: Type.Optional(
    secret(
      'Proxy to the platform: http://…, https://…, socks5://…, or `direct`; default: the general `proxy`, then HTTPS_PROXY, HTTP_PROXY or ALL_PROXY. NO_PROXY is respected.',
    ),
  ),
  homeChat: Type.Optional(
    text('Chat that `home:<platform>` means as a delivery target: <chat> or <chat>:<thread>.', {
      'x-is': 'home',
    }),
  ),
};

export const PlatformsSchema = Type.Object({
  discord: Type.Optional(
    Type.Object({
      ...common,
      botToken: Type.Optional(secret('Bot token from the Discord developer portal (Bot > Reset Token).')),
      guildId: Type.Optional(
        text('Listen only in this server; direct messages always work. Default: every server of the bot.', {
          'x-is': 'snowflake',
        }),
      ),
      apiUrl: Type.Optional(
        text('Base URL of the REST API of a self-hosted or local server.', { 'x-is': 'http' }),
      ),
    }),
  ),
  telegram: Type.Optional(
    Type.Object({
      ...common,
      token: Type.Optional(secret('Bot token from @BotFather.')),
      mode: Type.Optional(
        Type.Union([Type.Literal('polling'), Type.Literal('webhook')], {
          default: 'polling',
          description:
            'How messages arrive: polling works everywhere, webhook needs a public HTTPS address (webhookUrl).',
        }),
      ),
      webhookUrl: Type.Optional(
        text(
          'Public HTTPS address that leads to this gateway (mode webhook). A bare host gets the path /webhooks/telegram.',
          { 'x-is': 'http' },
        ),
      ),
      webhookSecret: Type.Optional(
        secret(
          'Secret that Telegram sends with every webhook request (A-Z a-z 0-9 _ -). Default: a new one at each start.',
        ),
      ),
      sendLimits: Type.Optional(
        Type.Boolean({
          default: true,
          description:
            "Stay under Telegram's send limits (1 per second per chat, 20 per minute per group, 30 per second in total); false only for a local server.",
        }),
      ),
      apiRoot: Type.Optional(text('Root URL of a self-hosted or local Bot API server.', { 'x-is': 'http' })),
    }),
  ),
  slack: Type.Optional(
    Type.Object({
      ...common,
      botToken: Type.Optional(
        secret('Bot token of the Slack app (xoxb-…): sends, edits and downloads files.'),
      ),
      appToken: Type.Optional(
        secret('App-level token (xapp-…) with the scope connections:write: receives events in socket mode.'),
      ),
      webhookUrl: Type.Optional(
        secret(
          'Incoming webhook. Used only without botToken: the adapter then posts to that one channel and receives nothing.',
        ),
      ),
      apiUrl: Type.Optional(text('Base URL of the Web API of a local server.', { 'x-is': 'http' })),
    }),
  ),
  whatsapp: Type.Optional(
    Type.Object({
      ...common,
      sessionPath: Type.Optional(
        text(
          'Directory of the linked session (private keys, 0600); default: a private directory in the data directory. An existing session of @0xkobold/pi-gateway is imported.',
          { 'x-is': 'path' },
        ),
      ),
      pairingPhone: Type.Optional(
        text(
          'Phone number of the account with country code: a pairing code to type on the phone is shown next to the QR code. Default: QR code only.',
          { 'x-is': 'phone' },
        ),
      ),
      version: Type.Optional(
        text(
          'WhatsApp Web version to report, for example "2.3000.1043857760". Only needed when WhatsApp refuses this client as too old.',
          {
            'x-is': 'version',
          },
        ),
      ),
      readReceipts: Type.Optional(
        Type.Boolean({
          default: false,
          description:
            'Mark messages as read (blue ticks) once they are accepted. False keeps the unread counters of a phone in private use.',
        }),
      ),
      markOnline: Type.Optional(
        Type.Boolean({
          default: false,
          description:
            'Show the account as online while connected. The phone gets no notifications while a linked device is online.',
        }),
      ),
      maxMessageAgeHours: Type.Optional(
        Type.Integer({
          minimum: 1,
          default: 24,
          description: 'Messages older than this when the gateway starts are ignored.',
        }),
      ),
      url: Type.Optional(text('WebSocket URL of a local server.', { 'x-is': 'ws' })),
    }),
  ),
  twitch: Type.Optional(
    Type.Object({
      ...common,
      username: Type.Optional(text("Login name of the bot's Twitch account.", { 'x-is': 'login' })),
      token: Type.Optional(
        secret(
          'User access token of that account with the scopes chat:read and chat:edit, with or without "oauth:".',
        ),
      ),
      clientId: Type.Optional(
        text('Client id of the Twitch application; needed to refresh the token.', { 'x-is': 'word' }),
      ),
      clientSecret: Type.Optional(
        secret(
          'Client secret of the Twitch application; needed to refresh the token of a confidential client.',
        ),
      ),
      refreshToken: Type.Optional(
        secret('Refresh token that came with the token. Later ones are kept in the data directory.'),
      ),
      channels: Type.Optional(
        Type.Array(Type.String({ 'x-is': 'login' }), {
          default: [],
          description: 'Channels to join, by login name, with or without "#". The bot writes nowhere else.',
        }),
      ),
      notices: Type.Optional(
        Type.Array(Type.String({ 'x-is': 'target' }), {
          default: [],
          description:
            'Chats that are notified when a stream begins or ends: <platform>:<chat>[:<thread>] or home:<platform>; needs clientId.',
        }),
      ),
      server: Type.Optional(text('Host of a local chat server.', { 'x-is': 'host' })),
      port: Type.Optional(
        Type.Integer({ minimum: 1, maximum: 65_535, description: 'Port of a local chat server.' }),
      ),
      secure: Type.Optional(
        Type.Boolean({ description: 'Use TLS; default true, or false when `server` is another one.' }),
      ),
      authUrl: Type.Optional(text('Base URL of the OAuth service of a local server.', { 'x-is': 'http' })),
      apiUrl: Type.Optional(text('Base URL of the Helix API of a local server.', { 'x-is': 'http' })),
      eventSubUrl: Type.Optional(
        text('WebSocket URL of the EventSub service of a local server.', { 'x-is': 'ws' }),
      ),
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
