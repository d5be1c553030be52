import type { InboundMessage } from '../model.ts';

/** What an agent says that has nothing to say. */
const SILENCE = '[SILENT]';

/** May an answer to this message be nothing at all? Only where no one called the bot. */
export function mayStaySilent({ chatKind, mentioned, promptId }: InboundMessage): boolean {
  return chatKind === 'group' && !mentioned && promptId === undefined;
}

/** The answer, or nothing where it only says that there is none. */
export function withoutSilence(answer: string): string {
  const said = answer.trim();
  return said === '' || said.toUpperCase() === SILENCE ? '' : answer;
}

/** Could what has come so far still become silence? Then no one may see it yet. */
export function mayBecomeSilence(answer: string): boolean {
  return SILENCE.startsWith(answer.trim().toUpperCase());
}
