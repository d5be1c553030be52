/** A form and the guided setup as sentences. What is typed into a field is not repeated; secrets never are. */
import { clean } from '../draw/cells.ts';
import type { Form } from '../forms/form.ts';
import { fieldText } from '../forms/form.ts';
import { doorStep, GUIDES } from '../forms/setup.ts';
import { adapterPhrase } from '../lists/adapters.ts';
import type { Controller } from '../state/controller.ts';
import type { Mode } from '../state/view.ts';

type Spoken = Extract<Mode, { kind: 'form' | 'setup' }>;

export function spokenForm(controller: Controller, mode: Spoken): string[] {
  return mode.kind === 'form' ? formWords(mode.form) : setupWords(controller, mode);
}

function formWords(form: Form): string[] {
  const field = form.fields[form.index];
  if (form.busy !== undefined) return [form.busy];
  const notes = [
    ...(field?.problem === undefined ? [] : [field.problem]),
    ...form.notes.map(({ text }) => text),
  ];
  if (field === undefined) return notes;
  const chosen = fieldText(field.field);
  const now =
    field.options.length > 0
      ? `Now: ${chosen === '' ? `default ${field.fallback}` : chosen}. Left and right choose.`
      : field.stored
        ? 'It is set.'
        : 'Type it.';
  const place = `${form.index + 1} of ${form.fields.length}`;
  return [
    ...notes,
    `${form.title}, ${place}: ${field.key}. ${field.help} ${now} Tab next field, Enter saves, Esc leaves.`,
  ];
}

function setupWords(controller: Controller, mode: Extract<Mode, { kind: 'setup' }>): string[] {
  const { adapters, gateway } = controller.slices;
  if (mode.step === 'agent')
    return [
      `Setup, the agent: ${clean(gateway.agent.detail)}. ${clean(gateway.agent.hint ?? '')}`.trim(),
      'Enter continues, c checks again, Esc skips.',
    ];
  if (mode.step === 'platform') {
    const [platform, guide] = GUIDES[mode.index] ?? ['', { needs: '' }];
    const names = GUIDES.map(([name], at) => `${at + 1} ${name}`).join(', ');
    return [
      `Set-up, a platform: ${names}.`,
      `${platform} needs ${guide.needs}. Enter chooses it, Esc skips.`,
    ];
  }
  const platform = mode.platform ?? 'websocket';
  const row = adapters.find((entry) => entry.platform === platform);
  return [
    ...(mode.said ?? []),
    ...(row === undefined ? [] : [`${platform}: ${adapterPhrase(row)}. ${clean(row.nextStep ?? '')}`.trim()]),
    doorStep(platform, row),
    'p makes a code for your phone, a sets up another platform, Enter ends.',
  ];
}
