import { Type } from 'typebox';
import { Value } from 'typebox/value';

/** One line of the chat server. Tag values are the server's own text: ids stay what they are. */
export interface IrcLine {
  readonly tags: Readonly<Record<string, string>>;
  /** `nick!user@host`, a server name, or empty. */
  readonly prefix: string;
  readonly command: string;
  readonly params: readonly string[];
}

/** What tmi.js's parser makes of a line, before it turns tag values into booleans (a user id "1" into `true`). */
const ParsedLine = Type.Object({
  tags: Type.Record(Type.String(), Type.Unknown()),
  prefix: Type.Union([Type.String(), Type.Null()]),
  command: Type.String(),
  params: Type.Array(Type.String()),
});

export function readLine(parsed: unknown): IrcLine | undefined {
  if (!Value.Check(ParsedLine, parsed)) return undefined;
  const tags: Record<string, string> = Object.create(null);
  // An empty value arrives as `true`.
  for (const [key, value] of Object.entries(parsed.tags))
    tags[key] = typeof value === 'string' ? unescapeTag(value) : '';
  return { tags, prefix: parsed.prefix ?? '', command: parsed.command, params: parsed.params };
}

const ESCAPES: Readonly<Record<string, string>> = { ':': ';', s: ' ', r: '\r', n: '\n', '\\': '\\' };

/** https://ircv3.net/specs/extensions/message-tags#escaping-values */
function unescapeTag(value: string): string {
  return value.replace(/\\(.?)/g, (_, symbol: string) => ESCAPES[symbol] ?? symbol);
}

export function nickOf(line: IrcLine): string {
  return (line.prefix.split('!')[0] ?? '').toLowerCase();
}
