/**
 * For people who hear the console instead of seeing it: what changed, a form, the guided setup and a page, as
 * sentences.
 */

import type { AdapterView, PairingView } from '../../gateway/model.ts';
import { clean } from '../draw/cells.ts';
import { PLAIN_THEME, UNICODE_GLYPHS } from '../draw/theme.ts';
import { shortDuration, Ticker } from '../draw/times.ts';
import { type Form, fieldText } from '../forms/form.ts';
import { firstMessageStep, GUIDES } from '../forms/setup.ts';
import { adapterPhrase } from '../lists/adapters.ts';
import { showsAll } from '../lists/list.ts';
import { questionWords } from '../lists/questions.ts';
import { pageOf } from '../overlays/pages.ts';
import { statusRows } from '../pages/status.ts';
import type { Scene } from '../screen/scene.ts';
import type { Controller } from '../state/controller.ts';
import type { Slices } from '../state/slices.ts';
import { isOpenTask } from '../state/slices.ts';
import type { Mode } from '../state/view.ts';

export function describeRequest(row: PairingView, now: number): string {
  const code = row.code !== undefined ? `, code ${row.code}` : row.kind === 'queued' ? ', no code' : '';
  const left = shortDuration(row.expiresAt - now);
  const words = row.firstWords === '' ? '' : ` First message: ${clean(row.firstWords, 300)}`;
  return `${clean(row.senderName, 80)} on ${row.platform}, id ${clean(row.senderId, 60)}${code}, ${left} left.${words}`;
}

export function describeAdapter(row: AdapterView): string {
  const step = row.nextStep === undefined ? '' : ` ${clean(row.nextStep)}`;
  return `${row.platform} ${row.state === 'connected' ? 'connected' : ''} ${adapterPhrase(row)}.${step}`
    .replaceAll(/ +/gu, ' ')
    .trim();
}

/** One paragraph about the whole. */
export function describeAll(slices: Slices): string[] {
  const { gateway, adapters, sessions, tasks, pairing, contexts } = slices;
  const name = contexts.find(({ shown }) => shown)?.name;
  const where = showsAll(slices)
    ? `All gateways together ${gateway.state}`
    : `${name === undefined ? '' : `Gateway ${clean(name, 40)}: `}pi-gateway ${gateway.state} on ${gateway.host}:${gateway.port}`;
  const connected = adapters.filter((row) => row.state === 'connected').length;
  const working = sessions.filter((row) => row.state === 'running').length;
  return [
    `${where}, agent ${gateway.agent.backend} ${gateway.agent.running} of ${gateway.agent.maxConcurrent} running.`,
    ...gateway.badges.map((badge) => `Warning: ${clean(badge)}.`),
    `${connected} of ${adapters.length} adapters connected. ${sessions.length} sessions, ${working} running. ${tasks.filter(isOpenTask).length} open tasks. ${pairing.length} pairing requests.`,
  ];
}

/** What changed between two looks, in sentences: for people who hear the console instead of seeing it. */
export function announce(before: Slices, after: Slices): string[] {
  const lines: string[] = [];
  if (before.gateway.state !== after.gateway.state) lines.push(`Gateway ${after.gateway.state}.`);
  if (before.link.connected !== after.link.connected)
    lines.push(after.link.connected ? 'The gateway answers again.' : 'The gateway does not answer.');
  if (before.dialogs !== after.dialogs) {
    const known = new Set(before.dialogs.map((row) => row.id));
    for (const row of after.dialogs)
      if (!known.has(row.id)) lines.push(`An agent asks #${row.number}: ${questionWords(row)}`);
  }
  if (before.pairing !== after.pairing) {
    const known = new Set(before.pairing.map((row) => row.id));
    for (const row of after.pairing)
      if (!known.has(row.id)) lines.push(`New pairing request: ${describeRequest(row, after.now)}`);
  }
  if (before.adapters !== after.adapters) {
    const states = new Map(before.adapters.map((row) => [row.platform, row.state]));
    for (const row of after.adapters)
      if (states.get(row.platform) !== row.state) lines.push(`Adapter ${describeAdapter(row)}`);
  }
  if (before.tasks !== after.tasks) {
    const open = new Set(before.tasks.filter(isOpenTask).map((row) => row.id));
    for (const row of after.tasks)
      if (open.has(row.id) && !isOpenTask(row))
        lines.push(
          `Task ${clean(row.id, 40)} ${row.status.replace('_', ' ')}${row.error === undefined ? '' : `: ${clean(row.error, 200)}`}.`,
        );
  }
  const failed = (slices: Slices): number => slices.outbox.filter((row) => row.state === 'failed').length;
  if (before.outbox !== after.outbox && failed(after) > failed(before))
    lines.push(`${failed(after)} messages could not be delivered.`);
  const last = before.log.at(-1)?.seq ?? -1;
  if (before.log !== after.log)
    for (const row of after.log)
      if (row.seq > last && row.level === 'error')
        lines.push(`Error of ${clean(row.source, 40)}: ${clean(row.text, 300)}`);
  return lines;
}

type Spoken = Extract<Mode, { kind: 'form' | 'setup' }>;

/** A form and the guided setup as sentences. What is typed into a field is not repeated; secrets never are. */
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
    firstMessageStep(platform, row),
    'p makes a code for your phone, a sets up another platform, Enter ends.',
  ];
}

const WIDTH = 100;

/** A page as plain lines. */
export function spokenPage(controller: Controller, mode: Extract<Mode, { kind: 'page' }>): string[] {
  const scene: Scene = {
    controller,
    columns: WIDTH,
    rows: 50,
    theme: PLAIN_THEME,
    glyphs: UNICODE_GLYPHS,
    ticker: new Ticker(controller.slices.now),
  };
  if (mode.page === 'status')
    return ['Status:', ...statusRows(scene).map((row) => `${row.name}: ${row.value}`)];
  const page = pageOf(scene, mode, WIDTH, 0);
  return [
    `${page.title}:`,
    ...page.lines.map((line) =>
      line
        .map((part) => part.text)
        .join('')
        .trimEnd(),
    ),
  ].filter((line) => line !== '');
}
