/**
 * Rows of several gateways on one screen: the name of the gateway leads the id, and goes with it through cursors, marks,
 * questions and undo, so that no act can reach another gateway than the one its row came from.
 */
import { fillTo } from '../draw/cells.ts';
import { type Span, span } from '../draw/line.ts';
import type { Slices } from '../state/slices.ts';

/** The row, and the name, that stands for all of them. */
export const ALL_GATEWAYS = 'all';

/** No id of a gateway and no name of one holds it. */
const SIGN = '›';
const WIDTH = 12;

export function withOrigin(gateway: string, id: string): string {
  return `${gateway}${SIGN}${id}`;
}

/** The gateway that an id names, and the id there; undefined for an id of the only gateway on the screen. */
export function originOf(id: string): { readonly gateway: string; readonly id: string } | undefined {
  const at = id.indexOf(SIGN);
  return at < 0 ? undefined : { gateway: id.slice(0, at), id: id.slice(at + SIGN.length) };
}

/** The id as its gateway knows it. */
export function ownId(id: string): string {
  return originOf(id)?.id ?? id;
}

/** The gateway of a row, for columns and filters. */
export function gatewayOf(id: string): string | undefined {
  return originOf(id)?.gateway;
}

/** "work: " before a name in a sentence, where rows of several gateways are on the screen. */
export function originWords(id: string): string {
  const gateway = gatewayOf(id);
  return gateway === undefined ? '' : `${gateway}: `;
}

/** All gateways are on the screen: only what needs an operator. */
export function showsAll({ contexts }: Slices): boolean {
  return contexts.some(({ name, shown }) => shown && name === ALL_GATEWAYS);
}

/** The column of the gateway; nothing where there is only one. */
export function originSpans(id: string, ellipsis: string): Span[] {
  const gateway = gatewayOf(id);
  return gateway === undefined ? [] : [span(fillTo(gateway, WIDTH, 'left', ellipsis), 'mark'), span(' ')];
}
