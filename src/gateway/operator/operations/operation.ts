/**
 * What one row of the operations table is: everything that an operator can do stands in exactly one row. With it, how the
 * words that people type become its parameters.
 */

import { type Static, type TObject, type TProperties, type TSchema, Type } from 'typebox';
import { defined } from '../../../base/defined.ts';
import { GatewayError } from '../../../base/errors.ts';
import type { Actor } from '../../access/audit.ts';
import type { ConfigAccess } from '../../config/access.ts';
import type { Gateway } from '../../gateway.ts';
import { type DialogView, isPlatform, type PairingView, PLATFORMS } from '../../model.ts';
import type { SessionView } from '../../sessions/session-view.ts';
import type { CommandResult } from '../operator.ts';

/** What operations work on. */
export interface OperatorCore {
  readonly gateway: Gateway;
  readonly config: ConfigAccess;
  /** Replaces the operator token in the data directory and in force. */
  readonly rotateToken: () => void;
  /** Absent while no gateway is running. */
  readonly metrics?: () => Promise<string>;
  /** Begins the clean stop; after `restart` the gateway comes up again with its configuration read again. */
  readonly requestStop: (then: 'stop' | 'restart') => void;
}

/** Lists that come in are only read. */
export type Frozen<T> = {
  readonly [K in keyof T]: T[K] extends (infer E)[] | undefined ? readonly E[] | Exclude<T[K], E[]> : T[K];
};

type Params<P extends TProperties> = Frozen<Static<TObject<P>>>;

interface OperationRow<N extends string = string, P extends TProperties = TProperties> {
  /** Its name on the operator link, in the API and in the audit. */
  readonly name: N;
  /** What it does, as a phrase that an act begins: "cancel a task". */
  readonly help: string;
  /** One schema for every way in; unknown keys are refused. */
  readonly params: P;
  /**
   * The subject of its line in the audit: what was acted on, never what was said. Absent: nothing changes, or what
   * carries it out writes the line itself.
   */
  audit?(params: Params<P>): string;
  /** `POST /api/tasks/:id/cancel`; what the path does not name is the JSON body. */
  readonly http?: `${'POST' | 'DELETE'} /api/${string}`;
  /** The body as an error shows it, where the names of its keys do not say enough. */
  readonly expects?: string;
  /** Nothing changes: it only looks. */
  readonly looks?: true;
  /** How people type it. */
  readonly words?: readonly Words[];
  /** Throws when it cannot be done now: nothing is noted in the audit then. */
  check?(core: OperatorCore): Promise<void>;
  /** Nothing can be written afterwards: the audit's line comes first. */
  readonly ends?: true;
  run(core: OperatorCore, params: Params<P>, actor: Actor): CommandResult | Promise<CommandResult>;
}

export interface Operation<N extends string = string, P extends TProperties = TProperties>
  extends OperationRow<N, P> {
  /** `{type, ...params}` as it comes over the operator link. */
  readonly schema: TSchema;
}

export const strict = { additionalProperties: false } as const;

export function operation<const N extends string, P extends TProperties>(
  row: OperationRow<N, P>,
): Operation<N, P> {
  return { ...row, schema: Type.Object({ type: Type.Literal(row.name), ...row.params }, strict) };
}

/** The body of an operation's route: what its path does not name. */
export function bodyOf({ params, http = 'POST /api/', expects }: OperationRow): {
  readonly schema: TSchema;
  readonly what: string;
} {
  const body = Object.fromEntries(Object.entries(params).filter(([key]) => !http.includes(`:${key}`)));
  const keys = Object.entries(body).map(([key, schema]) => `"${key}"${Type.IsOptional(schema) ? '?' : ''}`);
  return { schema: Type.Object(body, strict), what: expects ?? `{${keys.join(', ')}}` };
}

/** Building blocks of what comes in. */
export const PlatformName = Type.Enum([...PLATFORMS]);
export const Id = Type.String({ minLength: 1, maxLength: 512 });
export const byId = { id: Id };
export const Text = Type.String({ minLength: 1, maxLength: 200_000 });
/** What an operation acts on, for its audit. */
export const idOf = (params: { readonly id: string }): string => params.id;
/** Where results go, as people write it. */
export const Targets = Type.String({ maxLength: 2000 });

type Group = 'start' | 'access' | 'sessions' | 'automation' | 'configuration' | 'help';

/** What was typed where the form has `<name>`. */
export type Typed = Readonly<Record<string, string>>;

/**
 * The words that people type for an operation, on the command line and behind `/gateway`: `adapter <platform> start`.
 * Usage, help, completion and what is read of a line are made of this one form.
 */
export interface Words {
  /** Literals, `<name>`, `[name]`, and at the end `<name…>` or `[name…]` for the rest of the line. */
  readonly say: string;
  /** Another order that is understood and not shown. */
  readonly also?: string;
  /** Only a running gateway can do it. */
  readonly live?: true;
  /** What a person in a terminal is asked first, because there is no way back. */
  readonly asks?: string;
  /** The page of the first word in the help; one form of each first word has it. */
  readonly group?: Group;
  readonly example?: string;
  /** Default: the help of the row. */
  readonly help?: string;
  /** What follows the first word, where it is more than its forms side by side. */
  readonly args?: string;
  /** Words that follow the first one at most, where it is not as many as its longest form has. */
  readonly most?: number;
  /** The parameters; default: what was typed, under its names. Undefined: the line is not of this form. */
  read?(typed: Typed, seen: Seen, rest: readonly string[]): object | undefined;
  /** What a person reads, where it is more than the message of the result. */
  told?(data: unknown): string;
}

/** A row that people can name by words. */
export interface Worded {
  readonly help?: string;
  readonly words?: readonly Words[];
}

/** A first word with everything that it can begin. */
export interface Command {
  readonly name: string;
  readonly group: Group;
  readonly args: string;
  readonly help: string;
  readonly example: string;
  /** Words that follow at most; absent when it takes text. */
  readonly most?: number;
  readonly forms: readonly string[];
}

const OTHER_NAMES: Readonly<Record<string, string>> = { task: 'tasks', schedule: 'schedules' };

function split(text: string): string[] {
  return text.split(' ').filter((each) => each !== '');
}

/** `adapter <platform> start` → `adapter`. */
function headOf({ say }: Words): string {
  return split(say)[0] ?? '';
}

/** The first words of all rows, each with its usage, help and example. */
export function commandsOf(rows: readonly Worded[]): readonly Command[] {
  const all = rows.flatMap(({ words = [], help = '' }) => words.map((each) => ({ help, ...each })));
  return all.flatMap((main): Command[] => {
    const { group, example, help } = main;
    if (group === undefined || example === undefined) return [];
    const name = headOf(main);
    const forms = all.filter((each) => headOf(each) === name).map(({ say }) => say);
    const takesText = forms.some((form) => form.includes('…'));
    const longest = Math.max(...forms.map((form) => split(form).length - 1));
    const most = main.most ?? (takesText ? undefined : longest);
    const args = main.args ?? sideBySide(forms.map((form) => split(form).slice(1)));
    return [{ name, group, args, help, example, forms, ...defined({ most }) }];
  });
}

/** `<platform> start` and `<platform> stop` → `<platform> start|stop`. */
function sideBySide(forms: readonly (readonly string[])[]): string {
  const longest = forms.reduce((a, b) => (b.length > a.length ? b : a), []);
  return longest
    .map((word, i) => {
      const options = [...new Set(forms.flatMap((form) => form[i] ?? []))];
      const shown = options.length > 1 && !word.startsWith('<') ? options.join('|') : word;
      return shown.replace('…', '');
    })
    .join(' ');
}

/** What can stand behind the words of a line that has been typed so far, with more behind it or not. */
export function nextWords(
  forms: readonly string[],
  typed: readonly string[],
): readonly { readonly word: string; readonly more: boolean }[] {
  const found = new Map<string, boolean>();
  for (const form of forms) {
    const words = split(form);
    if (!typed.every((word, i) => /^[<[]/.test(words[i] ?? '') || words[i] === word)) continue;
    const next = words[typed.length] ?? '';
    const options = /^[<[]platform/.test(next) ? PLATFORMS : /^\w/.test(next) ? [next] : [];
    for (const word of options) found.set(word, found.get(word) || words.length > typed.length + 1);
  }
  return [...found].map(([word, more]) => ({ word, more }));
}

type Reading<R> =
  | { readonly row: R; readonly words: Words; readonly params: object }
  /** No row has such a form; `platform` is a word that is where a platform belongs and is none. */
  | { readonly row?: undefined; readonly head: string; readonly platform?: string };

/** The row that a line asks for, and the parameters that it gives. */
export function readLine<R extends Worded>(
  rows: readonly R[],
  [first = '', ...rest]: readonly string[],
  seen: Seen,
): Reading<R> {
  const head = OTHER_NAMES[first] ?? first;
  let platform: string | undefined;
  for (const row of rows)
    for (const words of row.words ?? [])
      for (const form of [words.say, words.also ?? '']) {
        const [word, ...expected] = split(form);
        if (word !== head) continue;
        const typed = typedIn(expected, rest);
        if (typed === undefined) continue;
        if (typed['platform'] !== undefined && !isPlatform(typed['platform'])) {
          platform = typed['platform'];
          continue;
        }
        const text = expected.findIndex((each) => each.includes('…'));
        const params = words.read ? words.read(typed, seen, text < 0 ? [] : rest.slice(text)) : typed;
        if (params !== undefined) return { row, words, params };
      }
  return { head, platform };
}

/** Undefined: the words do not fit the form. */
function typedIn(form: readonly string[], words: readonly string[]): Typed | undefined {
  const typed: Record<string, string> = {};
  for (const [i, part] of form.entries()) {
    const [, open, name = '', text] = /^([<[])(.+?)(…?)[>\]]$/.exec(part) ?? [];
    const word = (text === '…' ? words.slice(i).join(' ') : words[i]) ?? '';
    if (open === undefined ? word !== part : open === '<' && word.trim() === '') return undefined;
    if (open !== undefined && word !== '') typed[camel(name)] = word;
    if (text === '…') return typed;
  }
  return words.length > form.length ? undefined : typed;
}

function camel(name: string): string {
  return name.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase());
}

/** The lists of the snapshot in which names are looked up: the first characters of an id, the number of a question, a code. */
export interface Seen {
  readonly pairing: readonly PairingView[];
  readonly sessions: readonly SessionView[];
  readonly dialogs?: readonly DialogView[];
}

/** Who is asked for them, and for sessions that are not in them. */
interface Asked<T extends Seen> {
  snapshot(): T;
  query(name: 'sessions', params: { id: string; limit: number }): Promise<readonly SessionView[]>;
}

/** Of a pairing request that shows no code. */
export function rowName({ id }: PairingView): string {
  return `row:${id.slice(0, 8)}`;
}

/** A row by its name, anything else as a code. */
export function requestNamed(
  { pairing }: Seen,
  name: string,
): { readonly requestId: string } | { readonly code: string } {
  const id = /^row:(\S+)$/iu.exec(name.trim())?.[1]?.toLowerCase();
  if (id === undefined) return { code: name };
  const found = pairing.filter((row) => row.id.startsWith(id));
  const [only] = found;
  if (only === undefined || found.length > 1)
    throw new GatewayError('request_not_found', `no single pairing request is named ${name}`, {
      status: 404,
      hint: 'List them with: pi-gateway-tui pair',
    });
  return { requestId: only.id };
}

/** Pairing codes have no "#", are longer than numbers, and are written in capitals. */
export function isQuestionName(name: string): boolean {
  return /^(#?\d{1,3}|q[2-7][a-z2-7]{6})$/.test(name);
}

/** The id of an open question by its number ("#4", "4") or id. */
export function questionId({ dialogs = [] }: Seen, name: string): string {
  const number = /^#?(\d{1,3})$/.exec(name)?.[1];
  const found = dialogs.findLast((each) =>
    number === undefined ? each.id === name : each.number === Number(number),
  );
  if (found !== undefined) return found.id;
  throw new GatewayError('dialog_not_found', `no open question named ${name}`, {
    status: 404,
    hint: 'pi-gateway-tui approvals lists them.',
  });
}

/** The lists together with the sessions of that name that are not among them: a snapshot shows only so many. */
export async function seenWith<T extends Seen>(operator: Asked<T>, wanted: string | undefined): Promise<T> {
  const seen = operator.snapshot();
  if (wanted === undefined || wanted === '' || seen.sessions.some(({ id }) => id === wanted)) return seen;
  // A gateway of an older version knows no such question, and shows all of them.
  const found = await operator.query('sessions', { id: wanted, limit: 20 }).catch(() => []);
  const rows = new Map([...found, ...seen.sessions].map((row) => [row.id, row]));
  return { ...seen, sessions: [...rows.values()] };
}

/** By id, or by the first characters of one. */
export function findSession({ sessions }: Seen, wanted: string): SessionView {
  const exact = sessions.find(({ id }) => id === wanted);
  if (exact !== undefined) return exact;
  const found = sessions.filter(({ id }) => id.startsWith(wanted));
  const [first] = found;
  if (first !== undefined && found.length === 1) return first;
  throw new GatewayError(
    'session_not_found',
    found.length === 0 ? `no session has the id ${wanted}` : `${found.length} sessions begin with ${wanted}`,
    { status: 404, hint: 'List them with: pi-gateway-tui sessions' },
  );
}
