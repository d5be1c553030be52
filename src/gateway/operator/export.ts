/** A transcript as a file: Markdown, JSON or HTML. Nothing that was said can steer a terminal or run in a browser. */
import { defined } from '../../base/defined.ts';
import type { TranscriptEntry } from '../model.ts';
import { sanitiseText } from '../receive/sanitise.ts';
import type { SessionView } from '../sessions/session-view.ts';
import type { Operator } from './operator.ts';

export const EXPORT_FORMATS = ['md', 'json', 'html'] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

const PAGE = 2_000;

/** Every entry of a session, oldest first. */
export async function wholeTranscript(
  operator: Pick<Operator, 'query'>,
  sessionId: string,
): Promise<readonly TranscriptEntry[]> {
  return allPages((limit, before) =>
    operator.query('transcript', { sessionId, limit, ...defined({ before }) }),
  );
}

/** Every entry, oldest first, read from the newest page on. */
export async function allPages(
  read: (limit: number, before: number | undefined) => Promise<readonly TranscriptEntry[]>,
): Promise<readonly TranscriptEntry[]> {
  const pages: (readonly TranscriptEntry[])[] = [];
  for (let before = Number.MAX_SAFE_INTEGER; ; ) {
    const page = await read(PAGE, pages.length === 0 ? undefined : before);
    const first = page[0];
    if (first === undefined || first.at >= before) return pages.reverse().flat();
    pages.push(page);
    before = first.at;
  }
}

/** The session's title may be unknown: one that ended long ago is no longer listed. */
export function exported(
  entries: readonly TranscriptEntry[],
  session: Pick<SessionView, 'id'> & Partial<SessionView>,
  format: ExportFormat,
): string {
  if (format === 'json') return `${JSON.stringify({ session, entries }, null, 2)}\n`;
  return format === 'md' ? markdown(entries, session) : html(entries, session);
}

type Session = Parameters<typeof exported>[1];

function titleOf({ id, title, senderName, chat }: Session): string {
  const words = [chat?.platform, senderName, title].filter((part) => part !== undefined && part !== '');
  return oneLine(words.length === 0 ? id : words.join(', '));
}

function oneLine(text: string): string {
  return sanitiseText(text).replaceAll(/\s+/gu, ' ').trim();
}

/** It is read on other machines, too. */
function momentOf(at: number): string {
  return new Date(at)
    .toISOString()
    .replace('T', ' ')
    .replace(/\.\d+Z$/u, ' UTC');
}

function headOf({ at, role, name, mark }: TranscriptEntry): string {
  const who = role === 'tool' ? `tool ${name ?? ''}`.trim() : (name ?? role);
  return `${oneLine(who)}, ${momentOf(at)}${mark === undefined || mark === 'answered' ? '' : `, ${mark.replace('_', ' ')}`}`;
}

function markdown(entries: readonly TranscriptEntry[], session: Session): string {
  const parts = entries.map((entry) => {
    const text = sanitiseText(entry.text).trim();
    if (entry.role === 'tool') return `### ${escaped(headOf(entry))}\n\n${fenced(text)}`;
    return `### ${escaped(headOf(entry))}\n\n${entry.role === 'agent' ? tagless(text) : quoted(text)}`;
  });
  return `# ${escaped(titleOf(session))}\n\nSession \`${session.id.replaceAll('`', '')}\`\n\n${parts.join('\n\n')}\n`;
}

/** A name must not become a link or a heading. */
function escaped(text: string): string {
  return text.replaceAll(/[\\`*_[\]#|!]/gu, '\\$&').replaceAll('<', '&lt;');
}

/** Code shows its tags on its own; anywhere else a reader of Markdown would take them for its own. */
function tagless(text: string): string {
  return text
    .split(/(^(?:```|~~~)[\s\S]*?^(?:```|~~~)|`[^`\n]+`)/mu)
    .map((part, index) => (index % 2 === 1 ? part : part.replaceAll(/<(?=[a-z/!?])/giu, '&lt;')))
    .join('');
}

/** What people wrote stays text: HTML in it shows, and does nothing. */
function quoted(text: string): string {
  return text
    .split('\n')
    .map((line) => `> ${line.replaceAll('<', '&lt;')}`)
    .join('\n');
}

function fenced(text: string): string {
  const longest = Math.max(2, ...(text.match(/`+/gu) ?? []).map((run) => run.length));
  const fence = '`'.repeat(longest + 1);
  return `${fence}\n${text}\n${fence}`;
}

const STYLE =
  'body{font:16px/1.5 system-ui,sans-serif;max-width:50rem;margin:2rem auto;padding:0 1rem}article{margin:1rem 0}h2{font-size:1rem;margin:0}pre{white-space:pre-wrap;overflow-wrap:anywhere;margin:0;font:inherit}.tool pre,details pre{font-family:monospace}.notice,.tool{opacity:.7}.mark{color:#b00}';

function html(entries: readonly TranscriptEntry[], session: Session): string {
  const title = entity(titleOf(session));
  const body = entries.map((entry) => {
    const text = entity(sanitiseText(entry.text).trim());
    const head = entity(headOf(entry));
    return entry.role === 'tool'
      ? `<article class="tool"><details><summary>${head}</summary><pre>${text}</pre></details></article>`
      : `<article class="${entry.role}"><h2>${head}</h2><pre>${text}</pre></article>`;
  });
  // No script, no picture and no form of the text may load or run, whatever a browser makes of it.
  const policy = "default-src 'none'; style-src 'unsafe-inline'";
  return `<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<meta http-equiv="Content-Security-Policy" content="${policy}">\n<title>${title}</title>\n<style>${STYLE}</style>\n</head>\n<body>\n<h1>${title}</h1>\n${body.join('\n')}\n</body>\n</html>\n`;
}

function entity(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;');
}
