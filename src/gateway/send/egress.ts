/** What no text may carry out of the gateway: secrets, tokens, and the inside of an error. */
import { GatewayError } from '../../base/errors.ts';

/** A range of a text, end exclusive. */
interface Span {
  readonly start: number;
  readonly end: number;
}

const REDACTED = '[redacted]';

/** Replaces the union of `spans`; ranges that touch or overlap become one. */
function redactSpans(text: string, spans: readonly Span[]): string {
  if (spans.length === 0) return text;
  const sorted = [...spans].sort((a, b) => a.start - b.start);
  let out = '';
  let done = 0;
  let covered = -1;
  for (const { start, end } of sorted) {
    if (start > covered) {
      if (covered >= 0) done = covered;
      out += text.slice(done, start) + REDACTED;
    }
    covered = Math.max(covered, end);
  }
  return out + text.slice(covered);
}

/**
 * Shapes of well-known tokens. Every quantifier is bounded and no part of a pattern can match in two ways, so a
 * search is linear; look-behind keeps words around a token out of the match.
 */
const SHAPES: readonly RegExp[] = [
  // Telegram bot token, also inside an API URL ("/bot123:…").
  /(?<!\d)\d{6,12}:[\w-]{30,64}/g,
  // Slack bot, user, app, refresh and configuration tokens, and incoming webhooks.
  /xox[a-z](?:\.xox[a-z])?-[\w-]{10,300}/g,
  /xapp-[\w-]{10,300}/g,
  /(?<=hooks\.slack\.com\/(?:services|workflows)\/)[\w/-]{20,200}/g,
  // Discord bot token and webhook.
  /(?<![\w-])[MNO][\w-]{22,28}\.[\w-]{6,7}\.[\w-]{27,64}/g,
  /(?<=\/api\/webhooks\/\d{10,24}\/)[\w-]{40,100}/g,
  // OpenAI, Anthropic, OpenRouter and others: a digit somewhere tells a key from a hyphenated word.
  /(?<![A-Za-z0-9])sk-(?=[A-Za-z_-]{0,200}\d)[\w-]{16,300}/g,
  // GitHub, GitLab, npm, Hugging Face, Google, Stripe.
  /gh[pousr]_[A-Za-z0-9]{30,255}/g,
  /github_pat_[A-Za-z0-9_]{22,255}/g,
  /glpat-[\w-]{20,100}/g,
  /npm_[A-Za-z0-9]{36}/g,
  /(?<![A-Za-z0-9])hf_[A-Za-z0-9]{30,64}/g,
  /AIza[\w-]{35}/g,
  /(?<![A-Za-z0-9])[sr]k_(?:live|test)_[A-Za-z0-9]{16,128}/g,
  // AWS access key id, and the secret where it is named.
  /(?<![A-Z0-9])(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Z0-9])/g,
  /(?<=aws_secret_access_key["']?\s{0,4}[=:]\s{0,4}["']?)[\w/+]{40}/gi,
  // Twitch chat.
  /(?<=oauth:)[a-z0-9]{24,64}/gi,
  // JSON Web Tokens.
  /(?<![\w-])eyJ[\w-]{8,4000}\.eyJ[\w-]{8,4000}\.[\w-]{8,4000}/g,
  // Authorization headers, and passwords in addresses.
  /(?<=\bBearer[ \t]{1,4})(?=[A-Za-z._~+/=-]{0,400}\d)[\w.~+/=-]{16,4000}/gi,
  /(?<=\bAuthorization["']?:[ \t]{0,4}["']?(?:Basic|Bot|Token)[ \t]{1,4})[\w.~+/=-]{8,4000}/gi,
  /(?<=:\/\/[^\s/:@]{1,64}:)[^\s/:@]{3,256}(?=@)/g,
];

/** Everything in `text` that looks like a token or a private key. */
export function tokenSpans(text: string): Span[] {
  const spans = privateKeys(text);
  // Every text that leaves comes through here, and `matchAll` would copy each pattern for it. None matches nothing.
  for (const shape of SHAPES) {
    shape.lastIndex = 0;
    for (let match = shape.exec(text); match !== null; match = shape.exec(text))
      spans.push({ start: match.index, end: match.index + match[0].length });
  }
  return spans;
}

const KEY_BEGIN = /-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----/g;
const KEY_END = /-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----/g;
/** What may follow the head of a key that has no end (yet): headers, base 64, also with its line ends escaped. */
const KEY_BODY = /(?:[\w+/=:.,\\-]|\s)*/y;

/** PEM and PGP blocks; one without an end goes as far as it looks like a key. */
function privateKeys(text: string): Span[] {
  const spans: Span[] = [];
  if (!text.includes('-----BEGIN ')) return spans;
  let end = 0;
  /** No end was found behind an earlier beginning, so there is none behind a later one. */
  let endless = false;
  for (const begin of text.matchAll(KEY_BEGIN)) {
    if (begin.index < end) continue;
    const body = begin.index + begin[0].length;
    KEY_END.lastIndex = body;
    const close = endless ? null : KEY_END.exec(text);
    if (close === null) {
      endless = true;
      KEY_BODY.lastIndex = body;
      end = body + (KEY_BODY.exec(text)?.[0].trimEnd().length ?? 0);
    } else end = close.index + close[0].length;
    spans.push({ start: begin.index, end });
  }
  return spans;
}

/** Shorter texts are ordinary words too often: replacing them would shred a message and still hide nothing. */
const SHORTEST_SECRET = 6;

/**
 * Removes secrets from texts: those registered here (as they are and URL-encoded) and everything that has the shape
 * of a well-known token. Works on a whole text before it is cut into parts: a secret across a cut has no shape.
 * Time grows with the length of the text and the number of secrets, whatever the text is.
 */
export class Redactor {
  readonly #needles = new Set<string>();

  /** Registers an exact secret. Shorter than 6 characters is ignored; surrounding white space does not count. */
  add(secret: string): void {
    const value = secret.trim();
    if (value.length < SHORTEST_SECRET) return;
    for (const form of [value, ...encodedForms(value)]) this.#needles.add(form);
  }

  /** `text` with every secret replaced by `[redacted]`. */
  redact(text: string): string {
    const spans: Span[] = tokenSpans(text);
    for (const needle of this.#needles)
      for (let at = text.indexOf(needle); at >= 0; at = text.indexOf(needle, at + needle.length))
        spans.push({ start: at, end: at + needle.length });
    return redactSpans(text, spans);
  }
}

function encodedForms(value: string): string[] {
  const encoded = encodeURIComponent(value.toWellFormed());
  const form = encoded.replaceAll('%20', '+');
  return [
    encoded,
    form,
    encoded.replace(/%[0-9A-F]{2}/g, (hex) => hex.toLowerCase()),
    encodeURI(value.toWellFormed()),
  ];
}

/** The last step for every text that leaves the gateway: well-formed Unicode, secrets redacted. Never throws. */
export function egressText(text: string, redactor: Redactor): string {
  return redactor.redact(text.toWellFormed());
}

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
