/** The settings of a platform as a form, and what was typed as the change that is sent. Pure. */
import type { Platform } from '../../gateway/model.ts';
import type { ConfigValue } from '../../gateway/operator.ts';
import { clean } from '../draw/cells.ts';
import { fieldOf, fieldText } from '../keys/field.ts';
import { configText } from '../lists/views.ts';
import { type Form, type FormField, isFieldChanged } from './form.ts';

export interface SettingsFormOptions {
  readonly platform: Platform;
  /** Every value of the configuration, as the operator answers it. */
  readonly values: readonly ConfigValue[];
  /** Only these keys, in this order; default: all of the platform. */
  readonly only?: readonly string[];
  readonly required?: readonly string[];
  readonly title?: string;
  readonly intro?: readonly string[];
}

export function settingsForm(options: SettingsFormOptions): Form {
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
  const stored = value.source !== 'default' && value.value !== undefined;
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

/** An empty list is nothing that stands in the field. */
function fallbackOf({ fallback }: ConfigValue): string {
  if (fallback === undefined || (Array.isArray(fallback) && fallback.length === 0)) return '';
  return configText(fallback);
}

function shown(value: ConfigValue): string {
  if (value.kind === 'boolean') return value.value === true ? 'yes' : 'no';
  if (value.kind === 'list' && Array.isArray(value.value)) return value.value.map(String).join(', ');
  return configText(value.value);
}

function optionsOf(value: ConfigValue): string[] {
  if (value.kind === 'boolean') return ['', 'yes', 'no'];
  return value.kind === 'choice' ? ['', ...(value.choices ?? [])] : [];
}

export type Reading =
  | { readonly changes: Readonly<Record<string, unknown>> }
  | { readonly key: string; readonly problem: string };

/** What was changed, by key; null takes a key away. Or the first field whose text cannot be a value of its kind. */
export function readForm(form: Form): Reading {
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
