import { GatewayError } from '../../base/errors.ts';

const UNKNOWN = 'Something went wrong.';
/** Longest sentence, in characters. */
const LONGEST = 240;

/** What the codes of Node.js and of fetch mean to a reader. */
const SYSTEM_ERRORS: Readonly<Record<string, string>> = {
  ABORT_ERR: 'It was cancelled.',
  EACCES: 'Access to a file was denied.',
  EADDRINUSE: 'The port is already in use.',
  ECONNABORTED: 'The connection was cut off.',
  ECONNREFUSED: 'The connection was refused.',
  ECONNRESET: 'The connection was cut off.',
  EEXIST: 'A file is already there.',
  EHOSTUNREACH: 'The server could not be reached.',
  EIO: 'The disk reported an error.',
  EISDIR: 'A directory is where a file was expected.',
  EMFILE: 'Too many files are open.',
  ENETUNREACH: 'The network could not be reached.',
  ENOENT: 'A file or program was not found.',
  ENOMEM: 'There is not enough memory.',
  ENOSPC: 'The disk is full.',
  ENOTDIR: 'A file is where a directory was expected.',
  ENOTFOUND: "The server's name could not be resolved.",
  EAI_AGAIN: "The server's name could not be resolved.",
  EPERM: 'It was not permitted.',
  EPIPE: 'The connection was cut off.',
  EROFS: 'The disk is read-only.',
  ETIMEDOUT: 'The connection timed out.',
  UND_ERR_CONNECT_TIMEOUT: 'The connection timed out.',
  UND_ERR_HEADERS_TIMEOUT: 'The server did not answer in time.',
  UND_ERR_BODY_TIMEOUT: 'The server did not answer in time.',
  UND_ERR_SOCKET: 'The connection was cut off.',
};

const NAMED_ERRORS: Readonly<Record<string, string>> = {
  AbortError: 'It was cancelled.',
  TimeoutError: 'It took too long.',
};

/**
 * One sentence for a chat about anything that was thrown: no stack, no path, no address beyond its host. Secrets are
 * the redactor's business: the sentence goes through `egressText` like every text.
 */
export function errorSentence(error: unknown): string {
  for (let cause = error, depth = 0; depth < 4; depth += 1) {
    const known = knownSentence(cause);
    if (known !== undefined) return known;
    const inner = field(cause, 'cause') ?? firstOf(field(cause, 'errors'));
    if (inner === undefined || cause instanceof GatewayError) break;
    cause = inner;
  }
  const message = typeof error === 'string' ? error : field(error, 'message');
  return typeof message === 'string' ? sentenceOf(message) : UNKNOWN;
}

function knownSentence(error: unknown): string | undefined {
  if (error instanceof GatewayError) return undefined;
  const message = field(error, 'message');
  const named = typeof message === 'string' ? /^E[A-Z_]{2,30}(?=: )/.exec(message)?.[0] : undefined;
  const code = field(error, 'code') ?? named;
  if (typeof code === 'string' && Object.hasOwn(SYSTEM_ERRORS, code)) return SYSTEM_ERRORS[code];
  const name = field(error, 'name');
  return typeof name === 'string' && Object.hasOwn(NAMED_ERRORS, name) ? NAMED_ERRORS[name] : undefined;
}

function sentenceOf(message: string): string {
  const line = (messageInJson(message) ?? message)
    .slice(0, 4000)
    .toWellFormed()
    .split(/[\r\n]+|\s{1,4}at (?:async )?[\w.<>$ ]{1,80}\(/)
    .map((part) => part.trim())
    .find((part) => part !== '');
  if (line === undefined) return UNKNOWN;
  const clean = hidePlaces(line)
    .replace(/^(?:Uncaught )?(?:[A-Z]\w{0,40})?Error(?: \[\w{1,60}\])?: /, '')
    .replace(/[\u0000-\u001f\u007f-\u009f]/g, '')
    .replace(/\s+/g, ' ')
    .trim();
  return clean === '' ? UNKNOWN : finish(clean);
}

/** Addresses keep their host, paths of files disappear. */
function hidePlaces(line: string): string {
  return line
    .replace(/file:\/\/\S+/g, 'a file')
    .replace(/\b([a-z][a-z0-9+.-]{1,20}:\/\/)(?:[^\s/@]{1,200}@)?([^\s/?#"'<>)]{1,200})[^\s"'<>)]*/gi, '$1$2')
    .replace(/(?<![\w:/.~])(?:~|\.{1,2}|[A-Za-z]:)?(?:[\\/]+[\w.@+-]*[\w@+-]){2,}(?::\d+){0,2}/g, 'a file')
    .replace(/(?<![\w:/.])[\w.-]+(?:[\\/][\w.@+-]+)*\.[a-z]{1,4}:\d+(?::\d+)?/gi, 'a file');
}

function finish(text: string): string {
  const short = text.length <= LONGEST ? text : `${text.slice(0, LONGEST).replace(/\s+\S*$/, '')}…`;
  const sentence = short.charAt(0).toUpperCase() + short.slice(1);
  return /[.!?…。]["')\]]?$/.test(sentence) ? sentence : `${sentence.replace(/[\s:;,-]+$/, '')}.`;
}

/** APIs put their sentence into JSON: `400 {"error":{"message":"…"}}`. */
function messageInJson(message: string): string | undefined {
  const start = message.indexOf('{');
  if (start < 0 || message.length > 20_000) return undefined;
  try {
    const body: unknown = JSON.parse(message.slice(start, message.lastIndexOf('}') + 1));
    const inner = field(field(body, 'error'), 'message') ?? field(body, 'message') ?? field(body, 'error');
    return typeof inner === 'string' && inner.trim() !== '' ? inner : undefined;
  } catch {
    // Not JSON after all: the message is read unchanged.
    return undefined;
  }
}

function field(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null) return undefined;
  try {
    return Reflect.get(value, name);
  } catch {
    // A getter that throws has nothing to say.
    return undefined;
  }
}

function firstOf(value: unknown): unknown {
  return Array.isArray(value) ? value[0] : undefined;
}
