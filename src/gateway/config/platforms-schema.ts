/** `platforms` of the configuration: what all of them take, and the keys of each. */
import { Type } from 'typebox';
import { AgentContextSchema, PerKindSessions, secret, text, thinking } from './schema-parts.ts';

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
  sessions: Type.Optional(PerKindSessions),
  agent: Type.Optional(ChatAgentSchema),
  chats: Type.Optional(
    Type.Record(Type.String(), Type.Object({ agent: Type.Optional(ChatAgentSchema) }), {
      description: 'Own settings of single chats by chat id: {"<chatId>": {"agent": {…}}}.',
    }),
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
      botToken: Type.Optional(secret('Bot token.')),
      guildId: Type.Optional(text('Listen only in this server.', { 'x-is': 'snowflake' })),
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
          description: 'How updates arrive.',
        }),
      ),
      webhookUrl: Type.Optional(
        text('Public URL that Telegram posts to (mode webhook).', { 'x-is': 'http' }),
      ),
      webhookSecret: Type.Optional(secret('Secret token that Telegram sends along (mode webhook).')),
      sendLimits: Type.Optional(
        Type.Boolean({
          default: true,
          description: 'Keep to the send limits of Telegram; false only for a local server.',
        }),
      ),
      apiRoot: Type.Optional(text('Root URL of a self-hosted or local Bot API server.', { 'x-is': 'http' })),
    }),
  ),
  slack: Type.Optional(
    Type.Object({
      ...common,
      botToken: Type.Optional(secret('Bot token (xoxb-…).')),
      appToken: Type.Optional(secret('App token for socket mode (xapp-…).')),
      webhookUrl: Type.Optional(secret('Incoming webhook: alone it makes an outbound-only adapter.')),
      apiUrl: Type.Optional(text('Base URL of the Web API of a local server.', { 'x-is': 'http' })),
    }),
  ),
  whatsapp: Type.Optional(
    Type.Object({
      ...common,
      sessionPath: Type.Optional(
        text('Directory of the linked device; default below the data directory.', { 'x-is': 'path' }),
      ),
      pairingPhone: Type.Optional(
        text('Phone number to link by pairing code instead of QR.', { 'x-is': 'phone' }),
      ),
      version: Type.Optional(
        text('WhatsApp Web version to report, as 2.3000.x; only when the built-in one is refused.', {
          'x-is': 'version',
        }),
      ),
      readReceipts: Type.Optional(
        Type.Boolean({
          default: false,
          description: 'Mark messages as read (blue ticks) once the gateway has them.',
        }),
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
      url: Type.Optional(text('WebSocket URL of a local server.', { 'x-is': 'ws' })),
    }),
  ),
  twitch: Type.Optional(
    Type.Object({
      ...common,
      username: Type.Optional(text('Login name of the bot.', { 'x-is': 'login' })),
      token: Type.Optional(secret('OAuth token of the bot (oauth:…).')),
      clientId: Type.Optional(text('Client id, for token refresh.', { 'x-is': 'word' })),
      clientSecret: Type.Optional(secret('Client secret, for token refresh.')),
      refreshToken: Type.Optional(secret('Refresh token.')),
      channels: Type.Optional(
        Type.Array(Type.String({ 'x-is': 'login' }), { default: [], description: 'Channels to join.' }),
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
