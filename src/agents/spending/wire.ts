/**
 * How the place where pi runs and the gateway talk about calls of a model: as questions of an `input` dialog, which every
 * way of running pi carries already. The title tells them from the dialogs of extensions.
 */
import type { CallPrice, ModelCall, ModelUse } from '../../gateway/agent/agent.ts';
import { isObject } from '../../gateway/agent/pi-files.ts';

export const SPENDING_TITLE = 'pi-gateway-tui/spending/1';

/** Stands in the answer of a call that was reserved; see `markAnswer`. */
export const RESERVED_AS = 'piGatewayReservation';

/** From pi. `id` names one call of one process. */
export type SpendingRequest =
  /** Every call of a model will be reserved before it is sent. */
  | { readonly type: 'hello' }
  | { readonly type: 'reserve'; readonly id: string; readonly call: ModelCall }
  | { readonly type: 'settle'; readonly id: string; readonly use: ModelUse | 'cut' | 'unused' };

/** From the gateway. */
export type SpendingReply =
  | { readonly id: string; readonly outputTokens: number; readonly reservation?: string }
  | { readonly id: string; readonly refused: string };

export function writeSpending(message: SpendingRequest | SpendingReply): string {
  return JSON.stringify(message);
}

/** Undefined for anything that is not sent. */
export function readSpending(text: string): SpendingRequest | undefined {
  const message = parsed(text);
  const { type, id } = message;
  if (type === 'hello') return { type };
  if (typeof id !== 'string') return undefined;
  if (type === 'settle') {
    const use = readUse(message['use']);
    return use === undefined ? undefined : { type, id, use };
  }
  const call = type === 'reserve' ? readCall(message['call']) : undefined;
  return call === undefined ? undefined : { type: 'reserve', id, call };
}

/** Undefined for anything that the gateway does not send. */
export function readSpendingReply(text: string | undefined): SpendingReply | undefined {
  const { id, outputTokens, refused, reservation } = parsed(text ?? '');
  if (typeof id !== 'string') return undefined;
  if (typeof refused === 'string') return { id, refused };
  if (!isCount(outputTokens)) return undefined;
  return { id, outputTokens, ...(typeof reservation === 'string' ? { reservation } : {}) };
}

function readCall(value: unknown): ModelCall | undefined {
  if (!isObject(value)) return undefined;
  const { model, inputTokens, outputTokens, shrinks, price } = value;
  if (typeof model !== 'string' || typeof shrinks !== 'boolean') return undefined;
  if (!isCount(inputTokens) || !isCount(outputTokens)) return undefined;
  return { model, inputTokens, outputTokens, shrinks, price: readPrice(price) };
}

function readPrice(value: unknown): CallPrice | undefined {
  if (!isObject(value)) return undefined;
  const { input, output } = value;
  return isAmount(input) && isAmount(output) ? { input, output } : undefined;
}

function readUse(value: unknown): ModelUse | 'cut' | 'unused' | undefined {
  if (value === 'cut' || value === 'unused') return value;
  if (!isObject(value)) return undefined;
  const { tokens, costUsd } = value;
  return isAmount(tokens) && isAmount(costUsd) ? { tokens, costUsd } : undefined;
}

const isAmount = (value: unknown): value is number =>
  typeof value === 'number' && Number.isFinite(value) && value >= 0;
const isCount = (value: unknown): value is number => isAmount(value) && Number.isSafeInteger(value);

function parsed(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : {};
  } catch {
    return {};
  }
}
