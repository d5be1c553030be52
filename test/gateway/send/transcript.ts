/** pi's record of a session in which these tools ran. */
export function transcript(
  runs: readonly {
    readonly name: string;
    readonly args: object;
    readonly from: number;
    readonly to?: number;
    readonly isError?: boolean;
  }[],
): string {
  const line = (at: number, message: object): string =>
    `${JSON.stringify({ type: 'message', timestamp: new Date(at).toISOString(), message })}\n`;
  return runs
    .map(({ name, args, from, to, isError = false }, i) => {
      const id = `call_${i}`;
      const call = { type: 'toolCall', id, name, arguments: args };
      const end = { role: 'toolResult', toolCallId: id, toolName: name, content: [], isError };
      return line(from, { role: 'assistant', content: [call] }) + (to === undefined ? '' : line(to, end));
    })
    .join('');
}
