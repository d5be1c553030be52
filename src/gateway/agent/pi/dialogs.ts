import type { PiLink } from './link.ts';
import { type PiRecord, stringAt } from './record.ts';

/** A question of a pi extension that blocks the agent until it is answered. */
export interface Dialog {
  readonly method: 'select' | 'confirm' | 'input' | 'editor';
  readonly title: string;
  readonly request: PiRecord;
}

export type DialogAnswer =
  | { readonly value: string }
  | { readonly confirmed: boolean }
  | { readonly cancelled: true };

/** Must settle; a rejection counts as cancelled. */
export type DialogHandler = (dialog: Dialog) => Promise<DialogAnswer>;

/** Nobody can be asked: every question counts as cancelled, which extensions treat as "no". */
export const cancelDialogs: DialogHandler = () => Promise.resolve({ cancelled: true });

const METHODS: readonly string[] = ['select', 'confirm', 'input', 'editor'];

/** Answers a dialog record. False when the record is none (notifications and status lines need no answer). */
export function answerDialog(record: PiRecord, link: PiLink, handler: DialogHandler): boolean {
  const dialog = dialogOf(record);
  const id = stringAt(record, 'id');
  if (dialog === undefined || id === undefined) return false;
  const reply = (answer: DialogAnswer): void => link.send({ type: 'extension_ui_response', id, ...answer });
  handler(dialog).then(reply, () => reply({ cancelled: true }));
  return true;
}

function dialogOf(record: PiRecord): Dialog | undefined {
  const method = record.type === 'extension_ui_request' ? stringAt(record, 'method') : undefined;
  if (!isDialogMethod(method)) return undefined;
  return { method, title: stringAt(record, 'title') ?? '', request: record };
}

function isDialogMethod(method: string | undefined): method is Dialog['method'] {
  return method !== undefined && METHODS.includes(method);
}
