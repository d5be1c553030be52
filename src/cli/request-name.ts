import { GatewayError } from '../base/errors.ts';
import type { PairingView } from '../gateway/model.ts';

/** What people call a row of the pairing list that shows no code. */
export function rowName({ id }: PairingView): string {
  return `row:${id.slice(0, 8)}`;
}

/** A row by its name, anything else as a code. */
export function requestNamed(
  rows: readonly PairingView[],
  name: string,
): { readonly requestId: string } | { readonly code: string } {
  const id = /^row:(\S+)$/iu.exec(name.trim())?.[1]?.toLowerCase();
  if (id === undefined) return { code: name };
  const found = rows.filter((row) => row.id.startsWith(id));
  const [only] = found;
  if (only === undefined || found.length > 1)
    throw new GatewayError('request_not_found', `no single pairing request is named ${name}`, {
      status: 404,
      hint: 'List them with: pi-gateway-tui pair',
    });
  return { requestId: only.id };
}
