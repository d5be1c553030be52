import type { DiscordState, Json, StoredMessage } from './discord-state.ts';

/** An answer of Discord's REST API. */
interface RestAnswer {
  readonly status: number;
  readonly body?: unknown;
}

export interface RestRequest {
  readonly params: readonly string[];
  readonly query: URLSearchParams;
  readonly body: Json;
  readonly files: readonly { readonly name: string; readonly bytes: Uint8Array }[];
}

export interface RestRoute {
  readonly name: string;
  readonly method: string;
  readonly path: RegExp;
  readonly handle: (state: DiscordState, request: RestRequest, origin: string) => RestAnswer;
}

const refusal = (status: number, code: number, message: string): RestAnswer => ({
  status,
  body: { code, message },
});
const UNKNOWN_CHANNEL = refusal(404, 10003, 'Unknown Channel');
const UNKNOWN_MESSAGE = refusal(404, 10008, 'Unknown Message');

/** Sticks to the rules of "Create Message": a text or a file, at most 2000 characters, nonces honoured. */
function createMessage(state: DiscordState, request: RestRequest, origin: string): RestAnswer {
  const [channelId = ''] = request.params;
  if (state.channel(channelId) === undefined) return UNKNOWN_CHANNEL;
  const { body, files } = request;
  const nonce = body['nonce'] === undefined ? undefined : String(body['nonce']);
  if (nonce !== undefined && nonce.length > 25)
    return refusal(400, 50035, 'Invalid Form Body: nonce must be 25 or fewer in length.');
  const before = state.messages.find((m) => m.channelId === channelId && m.nonce === nonce);
  if (nonce !== undefined && body['enforce_nonce'] === true && before !== undefined)
    return { status: 200, body: state.shown(before) };
  return posted(state, channelId, request, nonce, files, origin);
}

function posted(
  state: DiscordState,
  channelId: string,
  request: Pick<RestRequest, 'body'>,
  nonce: string | undefined,
  files: RestRequest['files'],
  origin: string,
): RestAnswer {
  const content = typeof request.body['content'] === 'string' ? request.body['content'] : '';
  if (content === '' && files.length === 0) return refusal(400, 50006, 'Cannot send an empty message');
  if (content.length > 2000)
    return refusal(400, 50035, 'Invalid Form Body: Must be 2000 or fewer in length.');
  const id = state.id();
  const message: StoredMessage = {
    id,
    channelId,
    author: state.bot,
    content,
    deleted: false,
    edits: 0,
    components: request.body['components'],
    nonce,
    attachments: files.map((file, index) => ({
      id: `${id}${index}`,
      filename: file.name,
      size: file.bytes.byteLength,
      url: `${origin}/attachments/${channelId}/${id}${index}/${file.name}`,
      proxy_url: '',
    })),
    files,
    body: request.body,
    timestamp: new Date().toISOString(),
    editedAt: null,
  };
  state.messages.push(message);
  return { status: 200, body: state.shown(message) };
}

function edited(state: DiscordState, message: StoredMessage | undefined, body: Json): RestAnswer {
  if (message === undefined) return UNKNOWN_MESSAGE;
  if (message.author.id !== state.bot.id)
    return refusal(403, 50005, 'Cannot edit a message authored by another user');
  const content = typeof body['content'] === 'string' ? body['content'] : message.content;
  if (content.length > 2000)
    return refusal(400, 50035, 'Invalid Form Body: Must be 2000 or fewer in length.');
  message.content = content;
  message.edits += 1;
  message.editedAt = new Date().toISOString();
  if (body['components'] !== undefined) message.components = body['components'];
  return { status: 200, body: state.shown(message) };
}

function commandRoutes(): RestRoute[] {
  const paths = [/^\/applications\/(\d+)\/commands$/, /^\/applications\/(\d+)\/guilds\/(\d+)\/commands$/];
  return paths.flatMap((path): RestRoute[] => [
    {
      name: 'getCommands',
      method: 'GET',
      path,
      handle: (state, { params, query }) => {
        const commands = state.commands.get(params[1] ?? 'global') ?? [];
        const whole = query.get('with_localizations') === 'true';
        return {
          status: 200,
          body: whole
            ? commands
            : commands.map((each) => ({ ...(each as Json), description_localizations: undefined })),
        };
      },
    },
    {
      name: 'setCommands',
      method: 'PUT',
      path,
      handle: (state, { params, body }) => {
        const commands = Object.values(body).map((command, at) => ({
          id: String(at),
          version: '1',
          ...(command as Json),
        }));
        state.commands.set(params[1] ?? 'global', commands);
        return { status: 200, body: commands };
      },
    },
  ]);
}

export const DISCORD_ROUTES: readonly RestRoute[] = [
  {
    name: 'me',
    method: 'GET',
    path: /^\/users\/@me$/,
    handle: (state) => ({ status: 200, body: state.bot }),
  },
  {
    name: 'application',
    method: 'GET',
    path: /^\/applications\/@me$/,
    // 1 << 19: the message content intent, for a bot in fewer than 100 servers.
    handle: (state) => ({
      status: 200,
      body: { id: state.applicationId, name: 'gate', flags: 1 << 19 },
    }),
  },
  {
    name: 'guilds',
    method: 'GET',
    path: /^\/users\/@me\/guilds$/,
    handle: (state) => ({
      status: 200,
      body: ['300000000000000001', '300000000000000002'].map((id) => ({
        ...state.guild(id),
        permissions: state.permissions,
      })),
    }),
  },
  {
    name: 'getChannel',
    method: 'GET',
    path: /^\/channels\/(\d+)$/,
    handle: (state, { params }) => {
      const channel = state.channel(params[0] ?? '');
      return channel === undefined ? UNKNOWN_CHANNEL : { status: 200, body: channel };
    },
  },
  { name: 'createMessage', method: 'POST', path: /^\/channels\/(\d+)\/messages$/, handle: createMessage },
  {
    name: 'getMessages',
    method: 'GET',
    path: /^\/channels\/(\d+)\/messages$/,
    handle: (state, { params, query }) => {
      const after = BigInt(query.get('after') ?? '0');
      const before = query.get('before');
      const limit = Number(query.get('limit') ?? '50');
      const found = state.messages
        .filter((m) => m.channelId === params[0] && !m.deleted && BigInt(m.id) > after)
        .filter((m) => before === null || BigInt(m.id) < BigInt(before))
        .slice(...(before === null ? [0, limit] : [-limit]))
        .reverse();
      return { status: 200, body: found.map((m) => state.shown(m)) };
    },
  },
  {
    name: 'getMessage',
    method: 'GET',
    path: /^\/channels\/(\d+)\/messages\/(\d+)$/,
    handle: (state, { params }) => {
      const message = state.stored(params[0] ?? '', params[1] ?? '');
      return message === undefined ? UNKNOWN_MESSAGE : { status: 200, body: state.shown(message) };
    },
  },
  {
    name: 'editMessage',
    method: 'PATCH',
    path: /^\/channels\/(\d+)\/messages\/(\d+)$/,
    handle: (state, { params, body }) => edited(state, state.stored(params[0] ?? '', params[1] ?? ''), body),
  },
  {
    name: 'deleteMessage',
    method: 'DELETE',
    path: /^\/channels\/(\d+)\/messages\/(\d+)$/,
    handle: (state, { params }) => {
      const message = state.stored(params[0] ?? '', params[1] ?? '');
      if (message === undefined) return UNKNOWN_MESSAGE;
      message.deleted = true;
      return { status: 204 };
    },
  },
  {
    name: 'typing',
    method: 'POST',
    path: /^\/channels\/(\d+)\/typing$/,
    handle: (state, { params }) => {
      state.typing.push(params[0] ?? '');
      return { status: 204 };
    },
  },
  {
    name: 'interactionCallback',
    method: 'POST',
    path: /^\/interactions\/(\d+)\/([^/]+)\/callback$/,
    handle: (state, { params, body }) => {
      const interaction = state.interactions.get(params[1] ?? '');
      if (interaction === undefined) return refusal(404, 10062, 'Unknown interaction');
      if (interaction.callbacks.length > 0)
        return refusal(400, 40060, 'Interaction has already been acknowledged.');
      interaction.callbacks.push(Number(body['type']));
      interaction.replies.push(body['data']);
      return { status: 204 };
    },
  },
  {
    name: 'editOriginal',
    method: 'PATCH',
    path: /^\/webhooks\/\d+\/([^/]+)\/messages\/@original$/,
    handle: (state, request, origin) => {
      const interaction = state.interactions.get(request.params[0] ?? '');
      if (interaction === undefined || interaction.callbacks[0] !== 5)
        return refusal(404, 10015, 'Unknown Webhook');
      const nonce = `original-${interaction.id}`;
      const before = state.messages.find((m) => m.nonce === nonce && !m.deleted);
      if (before !== undefined) return edited(state, before, request.body);
      return posted(state, interaction.channelId, request, nonce, request.files, origin);
    },
  },
  {
    name: 'deleteOriginal',
    method: 'DELETE',
    path: /^\/webhooks\/\d+\/([^/]+)\/messages\/@original$/,
    handle: (state, { params }) => {
      const interaction = state.interactions.get(params[0] ?? '');
      if (interaction?.callbacks[0] !== 5) return refusal(404, 10015, 'Unknown Webhook');
      interaction.callbacks.push(-1);
      return { status: 204 };
    },
  },
  ...commandRoutes(),
];
