/**
 * Readers of each platform's markup, written from the platforms' own rules and independent of the writers:
 * they say what a text would show and what is wrong with it.
 */

export interface Reading {
  /** The visible text. */
  readonly text: string;
  /** Everything the platform would refuse or misread. */
  readonly problems: readonly string[];
}

const HTML_ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"' };

/** Telegram Bot API, "HTML style". */
export function readTelegram(html: string): Reading {
  const problems: string[] = [];
  const open: string[] = [];
  let text = '';
  const token = /<(\/?)([a-z]+)((?:\s[^<>]*)?)>|&([a-z]+);|[<>&]|[^<>&]+/g;
  for (const [whole, slash, tag, attributes, entity] of html.matchAll(token)) {
    if (tag !== undefined) {
      if (slash === '/') {
        if (open.pop() !== tag) problems.push(`</${tag}> closes nothing`);
        continue;
      }
      if (!['b', 'i', 's', 'code', 'pre', 'a', 'blockquote'].includes(tag))
        problems.push(`<${tag}> is unknown`);
      if (tag === 'a' && !/^ href="[^"<>]+"$/.test(attributes ?? '')) problems.push(`bad link ${whole}`);
      if (tag === 'code' && attributes !== '' && !/^ class="language-[\w+#.-]+"$/.test(attributes ?? ''))
        problems.push(`bad language ${whole}`);
      const inPre = open.at(-1) === 'pre' && tag === 'code';
      if (open.includes('code') || (open.includes('pre') && !inPre)) problems.push(`<${tag}> inside code`);
      if ((tag === 'code' || tag === 'pre') && !inPre && open.some((outer) => outer !== 'blockquote'))
        problems.push(`<${tag}> inside <${open.join('><')}>`);
      if (tag === 'blockquote' && open.includes('blockquote')) problems.push('quote inside quote');
      open.push(tag);
    } else if (entity !== undefined) {
      const char = HTML_ENTITIES[entity];
      if (char === undefined) problems.push(`unknown entity ${whole}`);
      text += char ?? whole;
    } else {
      if (/^[<>&]$/.test(whole)) problems.push(`bare ${whole}`);
      text += whole;
    }
  }
  if (open.length > 0) problems.push(`never closed: ${open.join(', ')}`);
  if (text.trim() === '') problems.push('empty');
  return { text, problems };
}

/** Discord's Markdown, as its client reads it. */
export function readDiscord(markdown: string): Reading {
  const problems: string[] = [];
  const open: string[] = [];
  let text = '';
  let at = 0;
  let lineStart = true;
  const rest = () => markdown.slice(at);
  while (at < markdown.length) {
    if (lineStart) {
      at += /^> /.exec(rest())?.[0].length ?? 0;
      at += /^#{1,3} /.exec(rest())?.[0].length ?? 0;
      lineStart = false;
    }
    const fence = /^```([a-z0-9_+\-.#]*)\n([\s\S]*?)\n(?:> )?```/i.exec(rest());
    const quoted = /(?:^|\n)> (?:#{1,3} )?$/.test(markdown.slice(Math.max(0, at - 6), at));
    if (fence) {
      const body = fence[2] ?? '';
      text += (quoted ? body.replace(/^> /gm, '') : body).replaceAll('\u200b', '');
      if (/```/.test(body)) problems.push('a fence inside a fence');
      at += fence[0].length;
      continue;
    }
    const code = /^(`+)([\s\S]*?[^`])\1(?!`)/.exec(rest());
    const link = /^\[((?:\\[\s\S]|[^\\\]])*)\]\((https?:[^\s()]*)\)/i.exec(rest());
    const address = /^<(https?:\/\/[^\s<>]+)>/i.exec(rest());
    const raw = /^(?:https?:\/\/[^\s<]+|<(?:@[!&]?\d+|#\d+|a?:\w+:\d+|t:-?\d+(?::\w)?)>)/i.exec(rest());
    const mark = /^(?:\*\*|~~|_)/.exec(rest());
    const char = markdown.charAt(at);
    if (char === '\\' && /[^0-9A-Za-z\s]/.test(markdown.charAt(at + 1))) {
      text += markdown.charAt(at + 1);
      at += 2;
    } else if (code) {
      const body = code[2] ?? '';
      text += (code[1] ?? '').length > 1 ? body.replace(/^ | $/g, '') : body;
      at += code[0].length;
    } else if (link) {
      const label = readDiscord(link[1] ?? '');
      text += label.text;
      problems.push(...label.problems);
      at += link[0].length;
    } else if (address) {
      text += address[1];
      at += address[0].length;
    } else if (raw) {
      text += raw[0];
      at += raw[0].length;
    } else if (mark) {
      const token = mark[0];
      const outside = open.at(-1) === token ? rest().charAt(token.length) : markdown.charAt(at - 1);
      if (token === '_' && /\w/.test(outside)) problems.push(`_ beside ${outside}`);
      if (open.at(-1) === token) open.pop();
      else if (open.includes(token)) problems.push(`${token} crosses ${open.join(' ')}`);
      else open.push(token);
      at += token.length;
    } else {
      if (/[*~`|<[\]]/.test(char))
        problems.push(`bare ${char} before ${JSON.stringify(rest().slice(0, 20))}`);
      if (char !== '\u200b') text += char;
      lineStart = char === '\n';
      at += 1;
    }
  }
  if (open.length > 0) problems.push(`never closed: ${open.join(' ')}`);
  if (text.trim() === '') problems.push('empty');
  return { text, problems };
}

/** Slack's mrkdwn; literal `*`, `_`, `~` and backticks look like markers, so the caller compares without them. */
export function readSlack(mrkdwn: string): Reading {
  const problems: string[] = [];
  const unquoted = mrkdwn.replace(/^> /gm, '');
  const shown = unquoted
    .replace(/<((?:https?|mailto|tel|slack):[^<>|]*)\|([^<>|]*)>/gi, '$2')
    .replace(/<([^<>]*)>/g, (token) => {
      problems.push(`Slack would read ${token}`);
      return token;
    });
  if (/[<>]/.test(shown)) problems.push('a bare < or >');
  if (/&(?!(?:amp|lt|gt);)/.test(shown)) problems.push('a bare &');
  if ((mrkdwn.match(/```/g) ?? []).length % 2 !== 0) problems.push('a fence is not closed');
  const text = unescapeSlack(shown);
  if (text.replace(/```|[\s\u200b]/g, '') === '') problems.push('empty');
  return { text, problems };
}

/** WhatsApp has no escapes: only fences can be wrong. */
export function readWhatsapp(text: string): Reading {
  const problems: string[] = [];
  if ((text.match(/```/g) ?? []).length % 2 !== 0) problems.push('a fence is not closed');
  if (text.replace(/```|[\s\u200b]/g, '') === '') problems.push('empty');
  return { text: text.replace(/^> /gm, ''), problems };
}

/** Slack's escapes undone. */
export function unescapeSlack(text: string): string {
  return text.replace(/&(amp|lt|gt);/g, (_, name: string) => HTML_ENTITIES[name] ?? '');
}

/** What is left of a text when everything that a marker could be, and all white space, is taken away. */
export function bones(text: string): string {
  return text.replace(/[\s*_~`>\u200b]+/g, '');
}
