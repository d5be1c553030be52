/** A parsed message: what the renderers lay out. Its names are those of mdast. */

interface Parent<Child> {
  readonly children: Child[];
}

export type Phrasing =
  | { readonly type: 'text' | 'inlineCode' | 'html'; readonly value: string }
  | { readonly type: 'break' }
  | ({ readonly type: 'strong' | 'emphasis' | 'delete' } & Parent<Phrasing>)
  | ({ readonly type: 'link'; readonly url: string } & Parent<Phrasing>)
  | { readonly type: 'image'; readonly url: string; readonly alt: string };

export type Align = 'left' | 'right' | 'center' | undefined;
type TableCell = { readonly type: 'tableCell' } & Parent<Phrasing>;
type TableRow = { readonly type: 'tableRow' } & Parent<TableCell>;
export type Table = { readonly type: 'table'; readonly align: Align[] } & Parent<TableRow>;
/** `checked` is set in task lists. */
export type ListItem = { readonly type: 'listItem'; checked?: boolean } & Parent<Block>;
export type List = {
  readonly type: 'list';
  readonly ordered: boolean;
  readonly start: number;
} & Parent<ListItem>;
export type Heading = { readonly type: 'heading'; readonly depth: number } & Parent<Phrasing>;
export type Quote = { readonly type: 'blockquote' } & Parent<Block>;
export interface Code {
  readonly type: 'code';
  readonly lang: string;
  readonly value: string;
}

export type Block =
  | ({ readonly type: 'paragraph' } & Parent<Phrasing>)
  | Heading
  | Code
  | List
  | Quote
  | Table
  | { readonly type: 'thematicBreak' }
  | { readonly type: 'html'; readonly value: string };

export type Node = Block | Phrasing | ListItem | TableRow | TableCell;

/** Deeper nesting is shown as plain text: no renderer may run out of stack on what a model wrote. */
export const MAX_DEPTH = 40;

/** The text of a subtree without any markup, in order. Not recursive. */
export function textOf(nodes: readonly Node[]): string {
  let text = '';
  const waiting: Node[] = [...nodes].reverse();
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
    if ('value' in node) text += node.value;
    else if (node.type === 'image') text += node.alt;
    else if (node.type === 'break') text += '\n';
    else if ('children' in node)
      for (let at = node.children.length - 1; at >= 0; at -= 1) {
        const child = node.children[at];
        if (child !== undefined) waiting.push(child);
      }
  }
  return text;
}
