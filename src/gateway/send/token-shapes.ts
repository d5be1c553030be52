import type { Span } from './spans.ts';

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
