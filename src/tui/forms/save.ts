/** The way of a settings form: tried against the platform, saved in one step, told what came of it. */
import type { Platform } from '../../gateway/model.ts';
import type { ConfigValue } from '../../gateway/operator/operator.ts';
import type { ActionContext } from '../actions/action.ts';
import { clean } from '../draw/cells.ts';
import { configText } from '../lists/views.ts';
import type { ViewState } from '../state/view.ts';
import {
  type Form,
  type FormField,
  type FormNote,
  fieldOf,
  fieldText,
  isFieldChanged,
  withProblem,
} from './form.ts';

interface SettingsFormOptions {
  readonly platform: Platform;
  /** Every value of the configuration, as the operator answers it. */
  readonly values: readonly ConfigValue[];
  /** Only these keys, in this order; default: all of the platform. */
  readonly only?: readonly string[];
  readonly required?: readonly string[];
  readonly title?: string;
  readonly intro?: readonly string[];
}

/** The settings of a platform as a form, and what was typed as the change that is sent. Pure. */
function settingsForm(options: SettingsFormOptions): Form {
  const { platform, values, only, required = [], intro = [] } = options;
  const prefix = `platforms.${platform}.`;
  const own = values.filter((value) => value.key.startsWith(prefix));
  const named = new Map(own.map((value) => [value.key.slice(prefix.length), value]));
  const keys = only ?? ordered([...named.keys()]);
  const fields = keys.flatMap((key) => {
    const value = named.get(key);
    return value === undefined ? [] : [fieldFor(key, value, required.includes(key))];
  });
  return { title: options.title ?? `Settings of ${platform}`, intro, fields, index: 0, notes: [] };
}

/** What connects comes first, then who may write, then how sessions end. */
const POLICIES = /^(dmPolicy|group|requireMention|allowFrom|busyMode|toolActivity)/u;

function ordered(keys: readonly string[]): string[] {
  const rank = (key: string): number =>
    key === 'enabled' ? 0 : key.startsWith('sessions.') ? 3 : POLICIES.test(key) ? 2 : 1;
  return [...keys].sort((a, b) => rank(a) - rank(b));
}

function fieldFor(key: string, value: ConfigValue, required: boolean): FormField {
  const secret = value.secret === true;
  // What the file says counts here, also where it takes effect with the next start.
  const stored =
    value.later === undefined
      ? value.source !== 'default' && value.value !== undefined
      : value.later !== null;
  const text = stored && !secret ? shown(value) : '';
  return {
    key,
    help: clean(value.help, 400),
    kind: value.kind ?? 'text',
    options: optionsOf(value),
    secret,
    required,
    fallback: fallbackOf(value),
    before: text,
    stored,
    field: fieldOf(text),
    touched: false,
  };
}

/** An empty list is nothing that is in the field. */
function fallbackOf({ fallback }: ConfigValue): string {
  if (fallback === undefined || (Array.isArray(fallback) && fallback.length === 0)) return '';
  return configText(fallback);
}

function shown(value: ConfigValue): string {
  if (value.kind === 'boolean') return value.value === true ? 'yes' : 'no';
  if (value.kind === 'list' && Array.isArray(value.value)) return value.value.map(String).join(', ');
  return configText(value.later ?? value.value);
}

function optionsOf(value: ConfigValue): string[] {
  if (value.kind === 'boolean') return ['', 'yes', 'no'];
  return value.kind === 'choice' ? ['', ...(value.choices ?? [])] : [];
}

type Reading =
  | { readonly changes: Readonly<Record<string, unknown>> }
  | { readonly key: string; readonly problem: string };

/** What was changed, by key; null takes a key away. Or the first field whose text cannot be a value of its kind. */
function readForm(form: Form): Reading {
  const changes: Record<string, unknown> = {};
  for (const field of form.fields) {
    const text = fieldText(field.field).trim();
    if (field.required && text === '' && !(field.secret && field.stored && !field.touched))
      return { key: field.key, problem: `${field.key} is needed.` };
    if (!isFieldChanged(field)) continue;
    const read = text === '' ? { value: null } : readText(field, text);
    if ('problem' in read) return { key: field.key, problem: `${field.key}: ${read.problem}` };
    changes[field.key] = read.value;
  }
  return { changes };
}

function readText(field: FormField, text: string): { value: unknown } | { problem: string } {
  switch (field.kind) {
    case 'number': {
      const value = Number(text);
      return Number.isFinite(value) ? { value } : { problem: `"${text}" is not a number.` };
    }
    case 'boolean':
      return { value: text === 'yes' };
    case 'list':
      return {
        value: text
          .split(/[,\n]/u)
          .map((part) => part.trim())
          .filter((part) => part !== ''),
      };
    case 'other':
      try {
        return { value: JSON.parse(text) };
      } catch {
        return { problem: 'write it as JSON.' };
      }
    case 'text':
    case 'choice':
      return { value: text };
  }
}

export interface OpenSettings extends Omit<SettingsFormOptions, 'values'> {
  /** Saved along with what was typed. */
  readonly always?: Readonly<Record<string, unknown>>;
  /** Called when it is saved, with what the platform said; default: a toast. */
  readonly saved?: (said: readonly string[]) => void;
}

/** Opens the form over whatever is open; asks the gateway for the values first. */
export function openSettings(context: ActionContext, options: OpenSettings): void {
  context.query('config', {}, (values) => {
    const form = settingsForm({ ...options, values });
    const id = Symbol(options.platform);
    const desk = new FormDesk(context, options, id);
    if (form.fields.length === 0) context.toast(`${options.platform} has no settings here.`, 'warn');
    else context.open({ kind: 'form', id, form, submit: (typed, checked) => desk.submit(typed, checked) });
  });
}

class FormDesk {
  readonly #context: ActionContext;
  readonly #options: OpenSettings;
  readonly #id: symbol;

  constructor(context: ActionContext, options: OpenSettings, id: symbol) {
    this.#context = context;
    this.#options = options;
    this.#id = id;
  }

  submit(form: Form, checked: boolean): void {
    const reading = readForm(form);
    if ('problem' in reading) {
      this.#change(() => withProblem(form, reading.key, reading.problem));
      return;
    }
    const changes = { ...reading.changes, ...this.#options.always };
    if (Object.keys(changes).length === 0) {
      this.#close();
      this.#context.toast('Nothing was changed.');
    } else if (checked && changes['enabled'] !== false && this.#wanted()) this.#try(changes);
    else this.#save(changes, []);
  }

  /** A platform that is switched off and stays so is not asked. */
  #wanted(): boolean {
    const { platform, always } = this.#options;
    const row = this.#context.slices.adapters.find((entry) => entry.platform === platform);
    return always?.['enabled'] === true || row?.state !== 'disabled' || this.#switchedOn();
  }

  #switchedOn(): boolean {
    const form = formOf(this.#context.view, this.#id);
    return (
      form?.fields.some((field) => field.key === 'enabled' && field.field.chars.join('') === 'yes') ?? false
    );
  }

  #try(changes: Readonly<Record<string, unknown>>): void {
    const { platform } = this.#options;
    this.#change((form) => ({ ...form, notes: [], busy: `Asking ${platform}…` }));
    // Nested keys say how sessions end: the platform has no opinion about them.
    const settings = Object.fromEntries(Object.entries(changes).filter(([key]) => !key.includes('.')));
    this.#context.run(
      { type: 'adapter.check', platform, settings },
      {
        after: ({ data }) => {
          // Who has left the form in the meantime does not want it saved.
          if (formOf(this.#context.view, this.#id) === undefined) return;
          const check = checkOf(data);
          if (check === undefined || check.ok) this.#save(changes, check?.findings ?? []);
          else this.#refused(check.findings);
        },
        failed: (sentence) => this.#refused([sentence]),
      },
    );
  }

  #refused(findings: readonly string[]): void {
    const notes: FormNote[] = [
      ...findings.map((text): FormNote => ({ text: clean(text, 600), tone: 'bad' })),
      { text: 'Not saved. Press Ctrl+S to save anyway.', tone: 'warn' },
    ];
    this.#change((form) => idle({ ...form, notes }));
  }

  #save(changes: Readonly<Record<string, unknown>>, findings: readonly string[]): void {
    const { platform, saved } = this.#options;
    this.#change((form) => ({ ...form, notes: [], busy: 'Saving…' }));
    this.#context.run(
      { type: 'config.set', key: `platforms.${platform}`, value: changes },
      {
        after: ({ message }) => {
          this.#close();
          if (saved === undefined) this.#context.toast([message, ...findings.slice(0, 1)].join('. '));
          else saved([...findings, message].map((text) => clean(text, 600)));
        },
        failed: (sentence) => {
          const key = keyIn(sentence, platform);
          const text = clean(sentence, 600);
          this.#change((form) =>
            idle(
              key === undefined ? { ...form, notes: [{ text, tone: 'bad' }] } : withProblem(form, key, text),
            ),
          );
        },
      },
    );
  }

  #change(change: (form: Form) => Form): void {
    this.#context.update((view) => ({
      ...view,
      modes: view.modes.map((mode) =>
        mode.kind === 'form' && mode.id === this.#id ? { ...mode, form: change(mode.form) } : mode,
      ),
    }));
  }

  #close(): void {
    this.#context.update((view) => ({
      ...view,
      modes: view.modes.filter((mode) => mode.kind !== 'form' || mode.id !== this.#id),
    }));
  }
}

function formOf(view: ViewState, id: symbol): Form | undefined {
  const mode = view.modes.find((entry) => entry.kind === 'form' && entry.id === id);
  return mode?.kind === 'form' ? mode.form : undefined;
}

function idle({ busy: _over, ...form }: Form): Form {
  return form;
}

/** The key at fault that an error of the configuration names. */
function keyIn(sentence: string, platform: Platform): string | undefined {
  return new RegExp(`platforms\\.${platform}\\.([\\w.]+)`, 'u').exec(sentence)?.[1];
}

interface Check {
  readonly ok: boolean;
  readonly findings: readonly string[];
}

/** What a live check answered; undefined where there was nothing to ask. */
function checkOf(data: unknown): Check | undefined {
  if (typeof data !== 'object' || data === null || !('ok' in data) || typeof data.ok !== 'boolean')
    return undefined;
  const found = 'findings' in data && Array.isArray(data.findings) ? data.findings : [];
  return { ok: data.ok, findings: found.filter((text) => typeof text === 'string') };
}
