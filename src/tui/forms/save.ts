/** The way of a settings form: tried against the platform, saved in one step, told what came of it. */

import type { Platform } from '../../gateway/model.ts';
import type { ActionContext } from '../actions/action.ts';
import { clean } from '../draw/cells.ts';
import type { ViewState } from '../state/view.ts';
import { type Form, type FormNote, withProblem } from './form.ts';
import { readForm, type SettingsFormOptions, settingsForm } from './settings.ts';

export interface OpenSettings extends Omit<SettingsFormOptions, 'values'> {
  /** Saved along with what was typed. */
  readonly always?: Readonly<Record<string, unknown>>;
  /** Called when it is saved, with what the platform said; default: a toast. */
  readonly saved?: (said: readonly string[]) => void;
}

/** Opens the form over whatever is open; asks the gateway for the values first. */
export function openSettings(context: ActionContext, options: OpenSettings): void {
  context.config((values) => {
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
          // Who has left the form meanwhile does not want it saved.
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
      { text: 'Nothing is saved. Ctrl+S saves it all the same.', tone: 'warn' },
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
