/** What a reader sees of Discord's Markdown: code verbatim, escapes and emphasis gone. */
export function visibleDiscord(raw: string): string {
  return raw
    .split(/(```[\s\S]*?```|``[\s\S]*?``|`[^`]*`)/)
    .map((piece, index) => (index % 2 === 1 ? codeOf(piece) : proseOf(piece)))
    .join('');
}

function codeOf(piece: string): string {
  const fence = /^```(?:[\w+#.-]*\n)?([\s\S]*?)```$/.exec(piece);
  return fence?.[1] ?? piece.replace(/^`+|`+$/g, '');
}

function proseOf(piece: string): string {
  const kept: string[] = [];
  return piece
    .replace(/\\([^\w\s])/g, (_escape, char: string) => {
      kept.push(char);
      return `\u0000${kept.length - 1}\u0000`;
    })
    .replace(/^(#{1,3}|>|-#) /gm, '')
    .replace(/\*\*|__|~~|\|\|/g, '')
    .replace(/\u0000(\d+)\u0000/g, (_token, at: string) => kept[Number(at)] ?? '');
}
