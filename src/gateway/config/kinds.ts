import type { ConfigKind } from '../operator.ts';

/** The part of a schema that says what may be typed. */
export interface KindNode {
  readonly type?: string;
  readonly anyOf?: readonly { readonly const?: unknown }[];
  readonly items?: { readonly type?: string };
}

/** How a value of this schema is typed and shown; a form is made from it. */
export function kindOf(node: KindNode): { readonly kind: ConfigKind; readonly choices?: readonly string[] } {
  const choices = node.anyOf?.map((option) => option.const).filter((value) => typeof value === 'string');
  if (choices !== undefined && choices.length > 0 && choices.length === node.anyOf?.length)
    return { kind: 'choice', choices };
  if (node.type === 'boolean') return { kind: 'boolean' };
  if (node.type === 'integer' || node.type === 'number') return { kind: 'number' };
  if (node.type === 'array' && node.items?.type === 'string') return { kind: 'list' };
  return { kind: node.type === 'string' ? 'text' : 'other' };
}
